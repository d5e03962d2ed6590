"""The drop-in: the same program, with its WebSocket module redirected."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.source import Source
from migrator.dialects.websocket_client import MODULE, imports
from migrator.edits import Change, Proposal
from migrator.rules.rule import Rule

_REDIRECT = f"from shim import {MODULE}"
_REASON = "the drop-in is websocket-client itself, with its Speechmatics connections led to AssemblyAI"


def propose(source: Source) -> Iterator[Proposal]:
    """Only import statements change. A submodule keeps its import, behind one that redirects."""
    for statement in imports(source.tree):
        start, end = source.start(statement), source.end(statement)
        if isinstance(statement, ast.ImportFrom) and statement.module == MODULE:
            position = source.text.index(MODULE, start + len("from"))
            yield Change(position, position, "shim.", _REASON)
            continue
        lines = (
            [_REDIRECT, source.segment(statement)]
            if isinstance(statement, ast.ImportFrom)
            else _plain(statement)
        )
        shares_line = source.text[source.line_start(statement.lineno) : start].strip() != ""
        separator = "; " if shares_line else f"\n{source.indentation(statement)}"
        yield Change(start, end, separator.join(lines), _REASON)


def taken_out(source: Source) -> Iterator[Change]:
    """The imports of the drop-in as they were, for a program that is to be rewritten after all."""
    reason = "the rewritten program needs no drop-in"
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        start, end = source.start(node), source.end(node)
        if node.module == "shim" and [alias.name for alias in node.names] == [MODULE]:
            yield Change(start, end, f"import {_spelled(node.names[0])}", reason)
        elif node.module == f"shim.{MODULE}":
            position = source.text.index("shim.", start)
            yield Change(position, position + len("shim."), "", reason)


def _plain(statement: ast.Import) -> list[str]:
    others = [_spelled(alias) for alias in statement.names if alias.name.split(".")[0] != MODULE]
    lines = [f"import {', '.join(others)}"] if others else []
    for alias in statement.names:
        if alias.name == MODULE:
            lines.append(_REDIRECT + (f" as {alias.asname}" if alias.asname else ""))
        elif alias.name.startswith(MODULE + "."):
            lines += [_REDIRECT, f"import {_spelled(alias)}"]
    return lines


def _spelled(alias: ast.alias) -> str:
    return alias.name + (f" as {alias.asname}" if alias.asname else "")


RULE = Rule(
    id="drop-in",
    title="Use the drop-in module",
    why=(
        "A program that cannot be rewritten with certainty runs unchanged with `from shim import websocket`: the messages "
        "that it sends and receives stay Speechmatics', and the drop-in translates them. The report says what prevented the "
        "rewrite."
    ),
    before="import websocket",
    after="from shim import websocket",
)
