"""The drop-ins of the Speechmatics SDKs: only imports change."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.source import Source
from migrator.dialects import sdk_names
from migrator.dialects.sdk import Imported, SdkProgram, is_realtime, paths_of
from migrator.dialects.sdk_names import DROP_IN, PACKAGE
from migrator.edits import Change, Removal
from migrator.rules.code import spelled, statements_instead

_REASON = "the drop-in has the names of the Speechmatics SDK and transcribes with AssemblyAI"
_LONGEST_LINE = 100

Import = ast.Import | ast.ImportFrom


def propose(program: SdkProgram) -> Iterator[Change | Removal]:
    """The imports of what the drop-in has; where a name stands for both, its reads."""
    source = program.source
    written: set[tuple[int, str]] = set()
    for statement in dict.fromkeys(found.node for found in program.imported):
        mine = [found for found in program.imported if found.node is statement]
        if isinstance(statement, ast.ImportFrom):
            yield from _from(program, statement, mine)
        elif isinstance(statement, ast.Import):
            yield from _plain(program, statement, mine, written)
    for found in program.imported:
        if isinstance(found.node, ast.Import) and is_divided(program, found):
            for use in found.uses:
                if program.is_swapped(use):
                    text = DROP_IN + found.path.removeprefix(PACKAGE) if _is_renamed(found) else DROP_IN
                    yield Change(source.start(use.root), source.end(use.root), text, _REASON)
    for name in program.texts:
        if is_realtime(str(name.value)) and source.segment(name)[:1] in "'\"":
            position = source.start(name) + 1
            yield Change(position, position, "shim.", _REASON)


def is_divided(program: SdkProgram, found: Imported) -> bool:
    """Whether a module is imported for the drop-in's names and for others."""
    return {program.is_swapped(use) for use in found.uses} == {True, False}


def is_kept(program: SdkProgram, found: Imported) -> bool:
    """Whether nothing of an import comes from the drop-in."""
    if found.uses:
        return not any(program.is_swapped(use) for use in found.uses)
    return not any(is_realtime(path) for path in paths_of(found))


def _is_renamed(found: Imported) -> bool:
    return found.alias is not None and found.alias.asname is not None


def _from(program: SdkProgram, statement: ast.ImportFrom, mine: list[Imported]) -> Iterator[Change]:
    source = program.source
    kept = [found for found in mine if is_kept(program, found)]
    if len(kept) == len(mine):
        return
    start = source.start(statement)
    if not kept:
        position = source.text.index(PACKAGE, start + len("from"))
        yield Change(position, position, "shim.", _REASON)
        return
    module = statement.module or ""
    swapped = [found for found in mine if found not in kept]
    lines = [
        *(
            token.text
            for token in source.tokens
            if token.is_comment and _within(source, token.start, statement)
        ),
        _spelled_from(source, statement, module, kept),
        _spelled_from(source, statement, f"shim.{module}", swapped),
    ]
    yield statements_instead(source, statement, lines, _REASON)


def _within(source: Source, offset: int, statement: Import) -> bool:
    return source.start(statement) < offset < source.end(statement)


def _spelled_from(source: Source, statement: Import, module: str, names: list[Imported]) -> str:
    items = [spelled(found.alias) for found in names if found.alias is not None]
    line = f"from {module} import {', '.join(items)}"
    indentation = source.indentation(statement)
    if len(indentation) + len(line) <= _LONGEST_LINE:
        return line
    inner = f"\n{indentation}{source.indent}"
    return f"from {module} import ({inner}{f',{inner}'.join(items)},\n{indentation})"


def _plain(
    program: SdkProgram, statement: ast.Import, mine: list[Imported], written: set[tuple[int, str]]
) -> Iterator[Change | Removal]:
    """Every alias on its own line; what another statement of the same block imports already is not repeated."""
    block = id(program.names.block(statement))
    lines, others = [], []
    for alias in statement.names:
        found = next((found for found in mine if found.alias is alias), None)
        if found is None or is_kept(program, found):
            others.append(spelled(alias))
        elif is_divided(program, found):
            others += [spelled(alias)] if _is_needed(found) else []
            lines.append(f"import {DROP_IN}{_loaded_by_itself(found)}")
        else:
            lines += _swapped(found)
    unwritten = [line for line in dict.fromkeys(lines) if (block, line) not in written]
    written.update((block, line) for line in unwritten)
    if others:
        unwritten.insert(0, f"import {', '.join(others)}")
    if not unwritten:
        yield Removal(statement, "the import above has it already")
    elif lines and (len(unwritten) > 1 or len(others) < len(statement.names)):
        yield statements_instead(program.source, statement, unwritten, _REASON)


def _is_needed(found: Imported) -> bool:
    """Whether a module that is imported for the drop-in's names, too, has to stay: for itself, or for what is in it."""
    is_whole = found.path == PACKAGE or _is_renamed(found) or not is_realtime(found.path)
    return is_whole or any(
        use.path.startswith(f"{found.path}.") and not is_realtime(use.path) for use in found.uses
    )


def _loaded_by_itself(found: Imported) -> str:
    """The module of the drop-in that a dotted import asks for, where the package does not load it anyway."""
    below = found.path.removeprefix(PACKAGE) if is_realtime(found.path) else ""
    return below if below and below[1:].split(".")[0] not in sdk_names.loaded(PACKAGE) else ""


def _swapped(found: Imported) -> list[str]:
    assert found.alias is not None
    if found.alias.asname:
        return [f"import shim.{found.path} as {found.alias.asname}"]
    below = _loaded_by_itself(found)
    return [f"import {DROP_IN} as {PACKAGE}", *([f"import {DROP_IN}{below}"] if below else [])]


def taken_out(source: Source) -> Iterator[Change]:
    """The imports of the SDKs as they were, for a program that is to be rewritten after all."""
    reason = "the rewritten program needs no drop-in"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_drop_in(node.module or ""):
            position = source.text.index("shim.", source.start(node))
            yield Change(position, position + len("shim."), "", reason)
        elif isinstance(node, ast.Import) and any(_is_drop_in(alias.name) for alias in node.names):
            names = ", ".join(_original(alias) for alias in node.names)
            yield Change(source.start(node), source.end(node), f"import {names}", reason)


def _is_drop_in(module: str) -> bool:
    return module == DROP_IN or module.startswith(f"{DROP_IN}.")


def _original(alias: ast.alias) -> str:
    if not _is_drop_in(alias.name):
        return spelled(alias)
    name = alias.name.removeprefix("shim.")
    return name + (f" as {alias.asname}" if alias.asname and alias.asname != name else "")
