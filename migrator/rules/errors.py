"""Fields of Error and Warning, and of what else a message says of itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.dialects.messages import Leaf
from migrator.rules.code import rename_key, uses
from migrator.rules.messages import is_dead
from migrator.rules.rule import Note, Obstacle, Plan, Proposal, Rule, Session
from shim.protocol.mapping.errors import ERRORS, SPEECHMATICS_CLOSE_CODES

_FIELDS = {
    ("Error", "type"): "error_code",
    ("Error", "reason"): "error",
    ("Warning", "type"): "warning_code",
    ("Warning", "reason"): "warning",
}
_CLOSE_CODES = frozenset(code for code in SPEECHMATICS_CLOSE_CODES.values() if code >= 4000)
_REFUSED = 1008
"""The first close code that a service gives for reasons of its own."""
_OWN = frozenset({"message", "metadata", "results"})


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Fields that stand in the message itself."""
    for leaf in session.reading.leaves:
        if leaf.holder.shape != "message" or leaf.field in _OWN or plan.is_removed(leaf.node):
            continue
        kinds = kinds_at(session, leaf.node)
        if leaf.field == "id" and kinds == {"RecognitionStarted"}:
            continue
        yield from _renamed(session, leaf, kinds)
    for node in session.reading.printed:
        if any(shaped.node is node and shaped.shape == "message" for shaped in session.reading.shaped):
            yield Note(node.lineno, "the whole message is shown here; it has another form now")
    for node in session.shown:
        yield Note(node.lineno, "whole frames are shown here; they have another form now")
    yield from _codes(session)
    yield from _closes(session)


def _closes(session: Session) -> Iterator[Proposal]:
    """Close codes that the program reads of an error of the connection."""
    kinds: dict[int, set[str]] = {}
    for row in ERRORS:
        if row.code >= _REFUSED:
            kinds.setdefault(row.code, set()).add(row.type)
    table = "; ".join(f"{code}: {', '.join(sorted(types))}" for code, types in sorted(kinds.items()))
    for node in ast.walk(session.source.tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in ("code", "reason")
            and _is_close(session, node.value)
        ):
            yield Note(
                node.lineno,
                f"AssemblyAI closes with codes and reasons of its own; the codes, with what Speechmatics calls them: {table}",
            )
            return


def _is_close(session: Session, node: ast.expr) -> bool:
    """Whether an expression is a close frame, or the error that says that the connection is closed."""
    if isinstance(node, ast.Attribute):
        return node.attr in ("rcvd", "sent")
    binding = session.names.binding(node)
    return binding is not None and any(
        isinstance(store, ast.ExceptHandler)
        and store.type is not None
        and "ConnectionClosed" in session.source.segment(store.type)
        for store in binding.stores
    )


def _codes(session: Session) -> Iterator[Proposal]:
    """Numbers of Speechmatics that the program compares: close codes, and the HTTP status of a wrong key."""
    for node in ast.walk(session.source.tree):
        if not isinstance(node, ast.Compare):
            continue
        for operand in (node.left, *node.comparators):
            value = session.names.value(operand)
            for code in value if isinstance(value, list) else [value]:
                if isinstance(code, int) and code in _CLOSE_CODES:
                    yield Obstacle(
                        node.lineno, f"the close code {code} is compared, and AssemblyAI has others"
                    )
                elif code == 401 and type(code) is int:
                    yield Note(
                        node.lineno,
                        "a wrong key is no HTTP status 401 at AssemblyAI: the connection opens, then an Error with "
                        "error_code 1008 comes",
                    )


def _renamed(session: Session, leaf: Leaf, kinds: frozenset[str] | set[str] | None) -> Iterator[Proposal]:
    source = session.source
    field = _FIELDS.get((next(iter(kinds)), leaf.field)) if kinds and len(kinds) == 1 else None
    if field is None:
        of = " or ".join(sorted(kinds)) if kinds else "a message"
        yield Obstacle(leaf.node.lineno, f"{leaf.field} of {of} has no counterpart that is certain here")
        return
    if leaf.field == "type":
        for use in uses(session.names, leaf.node):
            if not _is_shown(session, use):
                yield Obstacle(
                    use.lineno,
                    "the program decides by the type of an error, and AssemblyAI has numbers there",
                )
                return
        yield Note(leaf.node.lineno, f"{field} is a number where type was a name")
    yield rename_key(source, leaf.key, field, f"{leaf.field} is called {field}")


def _is_shown(session: Session, use: ast.expr) -> bool:
    """Whether a value is only handed on or put into a text, where a number does as well as a name."""
    names = session.names
    parent = names.parents[use]
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
        return parent.func.value is not use and parent.func.attr not in (
            "get",
            "startswith",
            "endswith",
            "index",
        )
    return not isinstance(parent, ast.Compare | ast.Subscript | ast.Attribute | ast.Match | ast.BinOp) or (
        isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod)
    )


def kinds_at(session: Session, node: ast.AST) -> set[str] | None:
    """The messages for which a line runs, by the nearest ``if`` around it or around the calls of its function; None
    when nothing tells."""
    names = session.names
    child: ast.AST = node
    for parent in names.ancestors(node):
        if isinstance(parent, ast.If) and child in parent.body:
            for test in session.reading.tests:
                if (
                    test.is_positive
                    and not is_dead(test)
                    and (test.node is parent.test or _is_part(parent.test, test.node))
                ):
                    return set(test.names)
        calls = None
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if parent in session.reading.handled:
                return session.reading.handled[parent]
            calls = session.reading.entries.get(parent)
        if calls:
            found = [kinds_at(session, call) for call in calls]
            return set().union(*(kinds for kinds in found if kinds)) if all(found) else None
        child = parent
    return None


def _is_part(condition: ast.expr, test: ast.expr) -> bool:
    return (
        isinstance(condition, ast.BoolOp) and isinstance(condition.op, ast.And) and test in condition.values
    )


RULE = Rule(
    id="errors",
    title="Read error_code and error",
    why=(
        "An Error has a number, `error_code`, and a text, `error`; the connection then closes with the same number. A "
        "Warning has `warning_code` and `warning`."
    ),
    before='print(event["type"], event["reason"])',
    after='print(event["error_code"], event["error"])',
    propose=propose,
)
