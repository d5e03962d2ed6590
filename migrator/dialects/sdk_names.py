"""Which names of the Speechmatics SDKs the drop-ins have: read from the source of the drop-ins, without importing them."""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "speechmatics"
"""The package that all of Speechmatics' SDKs share, and the name of the drop-in within ``shim``."""

DROP_IN = f"shim.{PACKAGE}"


@functools.cache
def _folder() -> Path:
    found = importlib.util.find_spec(DROP_IN)
    assert found is not None
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])


def is_module(path: str) -> bool:
    """Whether the drop-in has a module for one of an SDK, such as ``speechmatics.models``."""
    return _file(path) is not None


def provided(path: str) -> bool:
    """Whether the drop-in has what an SDK calls so: a module, a name of a module, or anything of such a name.

    Args:
        path: as the SDK has it, ``speechmatics.models.ServerMessageType.AddTranscript``.
    """
    module, *rest = path.split(".")
    if not is_module(module):
        return False
    while rest:
        name = rest.pop(0)
        if is_module(f"{module}.{name}"):
            module = f"{module}.{name}"
        else:
            return name in exports(module)
    return True


@functools.cache
def loaded(module: str) -> frozenset[str]:
    """The submodules that are there as attributes once a module of the drop-in is imported."""
    reached, pending = set(), [module]
    while pending:
        name = pending.pop()
        if name not in reached and is_module(name):
            reached.add(name)
            pending += _imports(name)
    below = f"{module}."
    return frozenset(name.removeprefix(below).split(".")[0] for name in reached if name.startswith(below))


@functools.cache
def exports(module: str) -> frozenset[str]:
    """The names at the top level of a module of the drop-in.

    Raises:
        LookupError: there is no such module.
    """
    file = _file(module)
    if file is None:
        raise LookupError(f"the drop-in has no {module}")
    return frozenset(_names(_parsed(file).body, module))


def _file(module: str) -> Path | None:
    package, *parts = module.split(".")
    if package != PACKAGE or not all(part.isidentifier() for part in parts):
        return None
    place = _folder().joinpath(*parts)
    candidates = (place / "__init__.py", place.with_suffix(".py")) if parts else (place / "__init__.py",)
    return next((file for file in candidates if file.is_file()), None)


@functools.cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_bytes())


def _names(body: list[ast.stmt], module: str) -> Iterator[str]:
    for statement in _executed(body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=aliases):
                yield from (alias.asname or alias.name.split(".")[0] for alias in aliases)
            case ast.ImportFrom(names=aliases) if statement.module != "__future__":
                for alias in aliases:
                    if alias.name == "*":
                        yield from _of_a_star(_source(statement, module))
                    else:
                        yield alias.asname or alias.name
            case ast.Assign(targets=targets):
                yield from (node.id for t in targets for node in ast.walk(t) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _of_a_star(module: str) -> frozenset[str]:
    """What a star import takes from a module of the drop-in: its ``__all__``, or every public name."""
    file = _file(module)
    assert file is not None
    for statement in _parsed(file).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=names):
                return frozenset(ast.literal_eval(names))
    return frozenset(name for name in exports(module) if not name.startswith("_"))


def _imports(module: str) -> Iterator[str]:
    """Every name that a module of the drop-in imports when it is imported, and the modules on the way to it."""
    file = _file(module)
    assert file is not None
    for statement in _executed(_parsed(file).body):
        if isinstance(statement, ast.ImportFrom):
            base = _source(statement, module)
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.Import):
            yield from (alias.name.removeprefix("shim.") for alias in statement.names)


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those inside ``if`` and ``try`` included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try):
            handlers = statement.handlers if isinstance(statement, ast.Try) else []
            for block in (statement.body, statement.orelse, *(handler.body for handler in handlers)):
                yield from _executed(block)


def _source(statement: ast.ImportFrom, module: str) -> str:
    """The module that an import names, as the SDK would call it."""
    if not statement.level:
        return (statement.module or "").removeprefix("shim.")
    file = _file(module)
    is_package = file is not None and file.name == "__init__.py"
    parts = module.split(".")
    parents = parts[: len(parts) - statement.level + is_package]
    return ".".join([*parents, *([statement.module] if statement.module else [])])
