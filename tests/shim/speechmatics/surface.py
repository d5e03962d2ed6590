"""Everything public of a package, as data: ``python surface.py PACKAGE`` prints it as JSON, with any interpreter.

Two packages that a program cannot tell apart by their names, signatures, defaults, enum members and dataclass fields have
equal surfaces. Standard library only: it runs in the environments of the client libraries.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import json
import logging
import pkgutil
import re
import subprocess
import sys
import textwrap
import types
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

SPECIAL = frozenset(
    f"__{name}__"
    for name in (
        *("init", "call", "enter", "exit", "aenter", "aexit", "iter", "next", "aiter", "anext"),
        *("len", "contains", "getitem", "bool", "str"),
    )
)
"""Special methods that a program calls by its syntax. Others are generated, or nobody's business."""


def of(python: str | Path, package: str) -> dict[str, str]:
    """The surface of a package, in the process of another interpreter.

    Returns:
        The dotted name of each thing, without the package's, to what it is: ``"client.Client.run"`` to
        ``"async (self, stream, timeout=None)"``.
    """
    done = subprocess.run(
        [str(python), "-W", "ignore", str(Path(__file__).resolve()), package],
        capture_output=True,
        text=True,
        check=True,
    )
    surface: dict[str, str] = json.loads(done.stdout)
    return surface


def differences(original: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """Where two surfaces differ: name -> ``"missing: ..."``, ``"added: ..."`` or ``"... instead of ..."``.

    What belongs to a class that is missing or added as a whole is not listed again.
    """
    found: dict[str, str] = {}
    for name in sorted({*original, *ours}):
        old, new = original.get(name), ours.get(name)
        owner = name.rpartition(".")[0]
        if old == new or (owner in found and found[owner].startswith(("missing", "added"))):
            continue
        if new is None:
            found[name] = f"missing: {old}"
        elif old is None:
            found[name] = f"added: {new}"
        else:
            found[name] = f"{new} instead of {old}"
    return found


def written(document: Path, heading: str) -> dict[str, str]:
    """The differences that a document admits: name -> reason, from the table of two columns under a heading.

    A name that ends in ``.*`` is everything below it.
    """
    section = document.read_text("utf-8").split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = re.findall(r"^\| `([^`]+)`((?:, `[^`]+`)*) \| (.+) \|$", section, re.MULTILINE)
    return {name: reason for first, more, reason in rows for name in (first, *re.findall("`([^`]+)`", more))}


def unexplained(found: dict[str, str], reasons: dict[str, str]) -> dict[str, str]:
    """The differences that the written list does not have, and what it has without a difference."""
    explained = {name: [row for row in reasons if fnmatchcase(name, row)] for name in found}
    used = {row for rows in explained.values() for row in rows}
    return {
        **{name: found[name] for name, rows in explained.items() if not rows},
        **{row: "written down, but there is no difference" for row in reasons if row not in used},
    }


class Surface:
    """The surface of one package and its public modules; what is seen twice is described at its first place.

    Args:
        package: its full name.
    """

    def __init__(self, package: str) -> None:
        self.names: dict[str, str] = {}
        self._package = package
        self._places: dict[int, str] = {}
        root = importlib.import_module(package)
        self._describe_module("", root)
        for found in pkgutil.iter_modules(root.__path__):
            if not found.ispkg and not found.name.startswith("_"):
                self.names[found.name] = "module"
                self._describe_module(f"{found.name}.", importlib.import_module(f"{package}.{found.name}"))

    def _describe_module(self, prefix: str, module: types.ModuleType) -> None:
        for name in sorted(getattr(module, "__all__", None) or public(vars(module))):
            self._describe(f"{prefix}{name}", getattr(module, name))

    def _describe(self, place: str, thing: Any) -> None:
        if isinstance(thing, types.ModuleType):
            self.names[place] = f"module {self._relative(thing.__name__)}"
        elif isinstance(thing, logging.Logger):
            self.names[place] = f"logger {thing.name}"
        elif not self._is_ours(thing):
            self.names[place] = self._value(thing)
        elif (first := self._places.setdefault(id(thing), place)) != place:
            self.names[place] = f"is {first}"
        elif inspect.isclass(thing):
            self.names[place] = f"class({', '.join(base.__name__ for base in thing.__bases__)})"
            for name, text in self._members(thing):
                self.names[f"{place}.{name}"] = text
        else:
            self.names[place] = self._function(thing)

    def _is_ours(self, thing: Any) -> bool:
        """Whether it is a class or a function of the package."""
        module = getattr(thing, "__module__", None) or ""
        return (inspect.isclass(thing) or inspect.isroutine(thing)) and self._within(module)

    def _within(self, module: str) -> bool:
        return module == self._package or module.startswith(f"{self._package}.")

    def _members(self, owner: type) -> Iterator[tuple[str, str]]:
        fields = {field.name: field for field in dataclasses.fields(owner)} if is_dataclass(owner) else {}
        for name in self._attributes_of_instances(owner):
            yield name, "attribute"
        for number, field in enumerate(fields.values()):
            yield field.name, f"field {number}: {self._field(field)}"
        for name in dir(owner):
            definer = next((base for base in owner.__mro__ if name in vars(base)), None)
            if name in fields or definer is None or not self._within(definer.__module__):
                continue
            value = inspect.getattr_static(owner, name)
            if isinstance(value, enum.Enum):
                yield name, f"member {value.value!r}"
            elif name in SPECIAL or not name.startswith("_"):
                yield name, self._member(value)

    def _attributes_of_instances(self, owner: type) -> list[str]:
        """Public names that methods assign to ``self``, read in the source: an instance may need a server to exist."""
        found = set()
        for base in owner.__mro__:
            if not self._within(base.__module__):
                continue
            tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
            found |= {
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and isinstance(node.value, ast.Name)
                and node.value.id == "self"
            }
        return [name for name in sorted(found) if not name.startswith("_") and not hasattr(owner, name)]

    def _field(self, field: dataclasses.Field[Any]) -> str:
        if field.default is not dataclasses.MISSING:
            default = f" = {self._value(field.default)}"
        elif field.default_factory is not dataclasses.MISSING:
            default = f" = {field.default_factory.__name__}()"
        else:
            default = ""
        usual = {"init": True, "repr": True, "compare": True}
        flags = [name for name, value in usual.items() if getattr(field, name) is not value]
        return field.name + default + "".join(f", not {name}" for name in flags)

    def _member(self, value: Any) -> str:
        if isinstance(value, property):
            return "property" + (" with setter" if value.fset else "")
        if isinstance(value, (staticmethod, classmethod)):
            return f"{type(value).__name__} {self._function(value.__func__)}"
        return self._function(value) if inspect.isroutine(value) else self._value(value)

    def _function(self, function: Any) -> str:
        if inspect.isasyncgenfunction(function):
            kind = "async generator "
        elif inspect.iscoroutinefunction(function):
            kind = "async "
        else:
            kind = ""
        try:
            signature = inspect.signature(function)
        except ValueError:
            return f"{kind}(...)"
        empty = inspect.Parameter.empty
        bare = [parameter.replace(annotation=empty) for parameter in signature.parameters.values()]
        text = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
        return kind + self._relative(text)

    def _value(self, value: Any) -> str:
        if inspect.isclass(value) or inspect.isroutine(value):
            return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value)}"
        return self._relative(repr(value))

    def _relative(self, text: str) -> str:
        """Without the package's name and without addresses in memory. In host names the package's name stays."""
        return re.sub(rf"(?<![\w.'/-]){re.escape(self._package)}\.| at 0x[0-9a-f]+", "", text)


def is_dataclass(owner: type) -> bool:
    return dataclasses.is_dataclass(owner)


def public(names: dict[str, Any]) -> list[str]:
    return [name for name in names if not name.startswith("_")]


if __name__ == "__main__":
    # Without this folder, which has the name of a package of the vendor, before the installed packages.
    sys.path.pop(0)
    json.dump(Surface(sys.argv[1]).names, sys.stdout, indent=1)
