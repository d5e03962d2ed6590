"""Where the adapter for audio of unknown length, format or pace stands in a program, and the code that uses it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.analysis.names import UNKNOWN
from migrator.rules.code import (
    body_start,
    called,
    insert_after,
    insert_line,
    is_on_one_line,
    is_self,
    replace,
    written,
)
from migrator.rules.rule import Change, Need, Plan, Proposal, Session

_REASON = "AssemblyAI takes 50 to 1000 ms of 16-bit audio in a message, at the pace at which it was spoken"


@dataclass(eq=False)
class Adapter:
    """An adapter that everything that needs it can see.

    Attributes:
        name: the variable that holds it.
        site: the statement beside which it is made.
        block: the block that it begins; None where it stands behind ``site``.
        text: the expression that makes it.
    """

    name: str
    site: ast.stmt
    block: list[ast.stmt] | None
    text: str


def adapter(session: Session, plan: Plan) -> Adapter | None:
    """The adapter of a session; None where no place for it is in sight."""
    connection = session.connection
    assert connection is not None
    sockets = [
        call.func.value
        for call, _ in session.audio
        if isinstance(call.func, ast.Attribute) and session.is_socket(call.func.value)
    ]
    if connection.is_app or not sockets or len(sockets) != len(session.audio):
        return None
    place = _place(session, sockets)
    if place is None:
        return None
    socket, site, block = place
    name = plan.fresh("audio", "audio_sender")
    if isinstance(socket, ast.Attribute):
        name = f"{session.source.segment(socket.value)}.{name}"
    text = _made(session, session.source.segment(socket), block[0] if block else site)
    return Adapter(name, site, block, text) if text else None


def _place(
    session: Session, sockets: list[ast.expr]
) -> tuple[ast.expr, ast.stmt, list[ast.stmt] | None] | None:
    """The connection's name, and where an adapter for it can be made: behind the connection, or in the function that
    gets it and sends all."""
    names = session.names
    binding = names.binding(sockets[0])
    assert binding is not None
    if any(names.binding(socket) is not binding for socket in sockets):
        return None
    ends = [names.statement(end.call) for end in session.ends]
    if any(is_on_one_line(session.source, [end], names) for end in ends):
        return None
    store = binding.stores[0]
    if isinstance(store, ast.arg):
        function = names.function(sockets[0])
        is_whole = (
            isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            and store in names.parameters(function)
            and all(names.lookup(end, store.arg) is binding for end in ends)
        )
        if not is_whole or isinstance(function, ast.Lambda) or function is None:
            return None
        if is_on_one_line(session.source, function.body, names):
            return None
        return sockets[0], function.body[0], function.body
    opened = _opened(session)
    if opened is None or names.binding(opened[0]) is not binding:
        return None
    if opened[2] is not None and is_on_one_line(session.source, opened[2], names):
        return None
    target = opened[0]
    users = [*ends, *(names.statement(socket) for socket in sockets)]
    match target:
        case ast.Name(id=name) if all(names.lookup(user, name) is binding for user in users):
            return opened
        case ast.Attribute(value=ast.Name() as owner) if all(
            is_self(names, owner, user) for user in users
        ) and _takes_attributes(session, target):
            return opened
    return None


def _takes_attributes(session: Session, target: ast.expr) -> bool:
    """Whether an object can be given one more attribute."""
    owner = next(node for node in session.names.ancestors(target) if isinstance(node, ast.ClassDef))
    has_slots = any(
        isinstance(node, ast.Name) and node.id == "__slots__" for s in owner.body for node in ast.walk(s)
    )
    return not has_slots and not any(
        keyword.arg in ("slots", "frozen")
        for decorator in owner.decorator_list
        for keyword in getattr(decorator, "keywords", [])
    )


def _opened(session: Session) -> tuple[ast.expr, ast.stmt, list[ast.stmt] | None] | None:
    """The variable that takes the opened connection, the statement that does so, and the block that it opens."""
    connection, names = session.connection, session.names
    assert connection is not None
    node: ast.AST = connection.call
    while isinstance(names.parents[node], ast.Await | ast.Call):
        node = names.parents[node]
    match names.parents[node]:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
            return target, connection.site, None
        case ast.withitem(optional_vars=ast.Name() | ast.Attribute() as target) as item:
            block = names.parents[item]
            assert isinstance(block, ast.With | ast.AsyncWith)
            return target, block, block.body
    return None


def _made(session: Session, socket: str, site: ast.stmt) -> str:
    """The expression that makes the adapter; nothing where encoding or rate cannot be seen."""
    connection, start, names = session.connection, session.start, session.names
    assert connection is not None
    assert start is not None
    spelled = []
    for field in ("encoding", "sample_rate"):
        expression = start.fields.get(f"audio_format.{field}")
        value = UNKNOWN if expression is None else names.value(expression)
        text = None if expression is None else written(session, expression, value, site)
        if text is None or expression is None or not _is_repeatable(expression):
            return ""
        spelled.append(f"{field}={text}")
    kind = "AsyncSender" if connection.is_async else "Sender"
    return f"framing.{kind}({socket}.{session.library.binary_method}, {', '.join(spelled)})"


def _is_repeatable(expression: ast.expr) -> bool:
    """Whether an expression may be written a second time: it calls nothing but conversions and getters."""
    return all(
        called(node) in ("int", "str") or (called(node).startswith("get") and not node.args)
        for node in ast.walk(expression)
        if isinstance(node, ast.Call)
    )


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The adapter made, used, and emptied before the end."""
    made, source = adapter(session, plan), session.source
    assert made is not None
    assert session.connection is not None
    line = f"{made.name} = {made.text}"
    yield Need("shim", "framing")
    if made.block is None:
        yield insert_after(source, made.site, line, _REASON)
    else:
        yield body_start(source, made.block, line, _REASON)
    for call, data in session.audio:
        yield replace(source, call.func, f"{made.name}.send", _REASON)
        yield from _only(session, call, data)
    wait = "await " if session.connection.is_async else ""
    for end in session.ends:
        statement = session.names.statement(end.call)
        reason = "the rest of the audio, before the end"
        yield insert_line(source, statement, f"{wait}{made.name}.flush()", reason)


def _only(session: Session, call: ast.Call, data: ast.expr) -> Iterator[Change]:
    """A call with the audio as its only argument."""
    source = session.source
    if len(call.args) + len(call.keywords) > 1:
        yield Change(source.end(data), source.end(call) - 1, "", _REASON)
