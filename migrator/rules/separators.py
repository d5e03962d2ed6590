"""Finals that the program joins without anything between them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import Binding
from migrator.rules.code import rename_key, uses
from migrator.rules.errors import kinds_at
from migrator.rules.messages import PARTIAL
from migrator.rules.rule import Change, Obstacle, Plan, Proposal, Rule, Session

_KEEPING = frozenset({"replace", "lower", "upper", "title", "capitalize", "lstrip"})
"""Methods that leave a space at the end of a text where it is."""

_UNKNOWN = "finals are joined in a way that is not understood, and they end without a space now"
_REASON = "a final of Speechmatics ends with a space, a final Turn does not"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Every place where the text of a final is put behind other text."""
    for leaf in session.reading.leaves:
        if (leaf.holder.shape, leaf.field) != ("metadata", "transcript"):
            continue
        for use in _flow(session, leaf.node):
            if kinds_at(session, use) != {PARTIAL}:
                yield from _use(session, use)


def _flow(session: Session, text: ast.expr) -> list[ast.expr]:
    """Where a text goes with the space at its end: through variables, choices, methods and returns."""
    names = session.names
    found: list[ast.expr] = []
    pending = [text]
    while pending:
        use = pending.pop(0)
        if any(use is other for other in found):
            continue
        found.append(use)
        pending += uses(names, use)[1:]
        parent = names.parents[use]
        match parent:
            case ast.IfExp(body=body, orelse=orelse) if use in (body, orelse):
                pending.append(parent)
            case ast.BoolOp() | ast.NamedExpr():
                pending.append(parent)
            case ast.Attribute(attr=method) if method in _KEEPING:
                call = names.parents[parent]
                pending += [call] if isinstance(call, ast.Call) and call.func is parent else []
            case ast.Return():
                function = names.function(parent)
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    pending += session.calls_of(function) or []
    return found


def _use(session: Session, use: ast.expr) -> Iterator[Proposal]:
    source, names = session.source, session.names
    parent = names.parents[use]
    end = source.end(use)
    space = f" + {source.quote} {source.quote}"
    match parent:
        case ast.AugAssign(op=ast.Add()) | ast.BinOp(op=ast.Add()) if isinstance(use, ast.IfExp | ast.BoolOp):
            yield Obstacle(use.lineno, _UNKNOWN)
        case ast.AugAssign(op=ast.Add(), value=value) if value is use:
            yield Change(end, end, space, _REASON)
        case ast.BinOp(op=ast.Add(), left=left, right=right) if right is use and _is_appended(
            session, parent, left
        ):
            yield Change(end, end, space, _REASON)
        case ast.Call(func=ast.Attribute(attr="write"), args=[only]) if only is use:
            yield Change(end, end, space, _REASON)
        case ast.Call(func=ast.Name(id="print"), args=[*_, last]) if last is use:
            yield from _printed(session, parent)
        case ast.FormattedValue():
            joined = names.parents[parent]
            call = names.parents[joined]
            if (
                (
                    isinstance(joined, ast.JoinedStr)
                    and joined.values[-1] is parent
                    and isinstance(call, ast.Call)
                )
                and isinstance(call.func, ast.Name)
                and call.func.id == "print"
                and call.args[-1:] == [joined]
            ):
                yield from _printed(session, call)
            elif isinstance(joined, ast.JoinedStr) and _is_joined(session, joined, parent):
                yield Obstacle(use.lineno, _UNKNOWN)
        case ast.List() | ast.Tuple() if _is_emptily_joined(session, parent):
            yield Obstacle(use.lineno, _UNKNOWN)
        case ast.Subscript(value=value, slice=ast.Slice()) if value is use:
            yield Obstacle(use.lineno, "a final is cut, and it ends without a space now")
        case ast.Call(func=ast.Attribute(value=collection, attr="append"), args=[only]) if only is use:
            yield from _joins(session, names.binding(collection))


def _is_appended(session: Session, addition: ast.BinOp, left: ast.expr) -> bool:
    """``text = text + final``."""
    statement = session.names.parents[addition]
    return isinstance(statement, ast.Assign) and any(
        session.names.binding(target) is session.names.binding(left) is not None
        for target in statement.targets
    )


def _is_joined(session: Session, joined: ast.JoinedStr, part: ast.FormattedValue) -> bool:
    """``text = f"{text}{final}"``, or a text with the final at its end that is written to a file."""
    names = session.names
    statement = names.parents[joined]
    if isinstance(statement, ast.Call):
        return _is_written(statement) and joined.values[-1] is part
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    inside = [value.value for value in joined.values if isinstance(value, ast.FormattedValue)]
    return any(
        names.binding(target) is names.binding(value) is not None for target in targets for value in inside
    )


def _is_written(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "write"


def _is_emptily_joined(session: Session, display: ast.expr) -> bool:
    """``"".join([text, final])``."""
    call = session.names.parents[display]
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=""), attr="join")):
            return True
    return False


def _printed(session: Session, call: ast.Call) -> Iterator[Proposal]:
    for keyword in call.keywords:
        if keyword.arg == "end" and session.names.value(keyword.value) == "":
            yield rename_key(session.source, keyword.value, " ", _REASON)


def _joins(session: Session, binding: Binding | None) -> Iterator[Proposal]:
    """``"".join(finals)``."""
    for load in binding.loads if binding else []:
        parent = session.names.parents[load]
        match parent:
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value="") as empty, attr="join"), args=[only]
            ) if only is load:
                yield rename_key(session.source, empty, " ", _REASON)


RULE = Rule(
    id="separators",
    title="Put a space between finals that are joined",
    why=(
        "A final transcript of Speechmatics ends with a space, so programs join finals as they are. The transcript of a "
        "final Turn has no space at its end; without a separator the last word of a turn and the first of the next would "
        "become one."
    ),
    before="full_text += text",
    after='full_text += text + " "',
    propose=propose,
)
