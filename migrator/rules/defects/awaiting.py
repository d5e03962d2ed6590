"""Coroutines that nobody awaits, so that nothing happens, and what is awaited and is no coroutine."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import Names
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.session import Session
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule

_OF_A_SOCKET = frozenset({"send", "recv", "close", "ping", "wait_closed"})
"""Methods of a connection of websockets that are coroutine functions in its asyncio client."""

_OF_A_CLIENT = (
    *("start_session", "send_audio", "stop_session", "transcribe", "send_message", "close"),
    "force_end_of_utterance",
)
"""Methods of speechmatics-rt's clients that are coroutine functions."""


def _await(facts: Facts) -> Iterator[Defect]:
    if facts.session is not None and facts.is_speechmatics:
        yield from _of_the_connection(facts.session)
        yield from _of_the_program(facts.session)
        yield from _handlers(facts.session)
    if facts.program is not None:
        yield from _of_the_sdk(facts.program)


def _of_the_connection(session: Session) -> Iterator[Defect]:
    names, connection = session.names, session.connection
    assert connection is not None
    for node in ast.walk(session.source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in _OF_A_SOCKET or not _is_the_connection(session, node.func.value):
            continue
        parent = names.parents[node]
        if connection.is_async and _is_dropped(parent, node):
            yield Defect(node.lineno, _dropped(session.source.segment(node.func)))
        elif not connection.is_async and isinstance(parent, ast.Await):
            yield Defect(
                node.lineno,
                f"{session.source.segment(node.func)}() is no coroutine, so awaiting what it returns fails with a TypeError: "
                "call it without await",
            )


def _is_the_connection(session: Session, node: ast.expr) -> bool:
    """Whether an expression is the connection, and its name never holds another one."""
    names, connection = session.names, session.connection
    assert connection is not None
    binding = names.binding(node)
    if binding is None or not session.is_socket(node):
        return False
    values = [value for store in binding.stores if (value := names.stored_value(store)) is not None]
    opened = {connection.call, *(other.call for other in connection.again)}
    return names.module(node) is names.module(connection.call) and all(
        names.value(value) is None or not opened.isdisjoint(ast.walk(value)) for value in values
    )


def _of_the_program(session: Session) -> Iterator[Defect]:
    """Functions of the program that work with the connection, and are called as if they were no coroutine functions."""
    names = session.names
    working = {
        names.function(node)
        for node in ast.walk(session.source.tree)
        if isinstance(node, ast.Name | ast.Attribute) and session.is_socket(node)
    }
    for node in ast.walk(session.source.tree):
        if not isinstance(node, ast.Call) or not isinstance(names.parents[node], ast.Expr):
            continue
        function = names.definition(node.func) if _is_certain(names, node.func) else None
        if isinstance(function, ast.AsyncFunctionDef) and function in working and not function.decorator_list:
            is_generator = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(function))
            if not is_generator:
                yield Defect(node.lineno, _dropped(function.name))


def _is_certain(names: Names, called: ast.expr) -> bool:
    """Whether what is called is a function of that name, or a method of the class in which it is called."""
    function = names.definition(called)
    if not isinstance(called, ast.Attribute) or function is None:
        return isinstance(called, ast.Name)
    caller = names.function(called)
    is_own = caller is not None and names.parents[caller] is names.parents[function]
    first = [*caller.args.posonlyargs, *caller.args.args][:1] if caller is not None else []
    return is_own and isinstance(called.value, ast.Name) and [called.value.id] == [item.arg for item in first]


def _handlers(session: Session) -> Iterator[Defect]:
    connection = session.connection
    assert connection is not None
    for name, function in connection.handlers.items():
        if isinstance(function, ast.AsyncFunctionDef) and not function.decorator_list:
            yield Defect(
                function.lineno,
                f"websocket-client calls {name} and awaits nothing, so {function.name}() never runs: make it a plain function",
            )


def _of_the_sdk(program: SdkProgram) -> Iterator[Defect]:
    names = program.names
    for call in program.client_calls(*_OF_A_CLIENT):
        if _is_of_rt(program, call) and _is_dropped(names.parents[call], call):
            yield Defect(call.lineno, _dropped(program.source.segment(call.func)))
    for call in program.client_calls("run"):
        if not _is_of_rt(program, call) and _is_dropped(names.parents[call], call):
            yield Defect(call.lineno, _dropped(program.source.segment(call.func)))
    for call in program.client_calls("run_synchronously"):
        if isinstance(names.function(call), ast.AsyncFunctionDef):
            yield Defect(
                call.lineno,
                "run_synchronously() starts an event loop, which fails with a RuntimeError where one runs already: "
                "await run() here",
            )
    for call in program.client_calls("on", "once", "add_event_handler"):
        given = next((argument for argument in call.args[1:2]), None)
        owner = names.parents[call]
        function = names.definition(given) if given is not None else owner
        is_decorator = (
            given is None and isinstance(owner, ast.AsyncFunctionDef) and call in owner.decorator_list
        )
        if not isinstance(function, ast.AsyncFunctionDef) or not (given is not None or is_decorator):
            continue
        if _is_of_rt(program, call):
            message = "speechmatics-rt takes no coroutine functions as handlers and raises a ValueError"
        else:
            message = f"speechmatics-python awaits no handler, so {function.name}() never runs"
        yield Defect(call.lineno, f"{message}: make it a plain function")


def _is_of_rt(program: SdkProgram, call: ast.Call) -> bool:
    """Whether a method is one of a client of speechmatics-rt."""
    assert isinstance(call.func, ast.Attribute)
    made = program.made(call.func.value)
    return isinstance(made, ast.Call) and not program.path(made.func).endswith("WebsocketClient")


def _is_dropped(parent: ast.AST, call: ast.Call) -> bool:
    """Whether what a call returns goes nowhere, or is parsed as if it were a message."""
    match parent:
        case ast.Expr():
            return True
        case ast.Call(func=ast.Attribute(attr="loads"), args=[first, *_]):
            return first is call
    return False


def _dropped(what: str) -> str:
    return f"{what}() is a coroutine that nobody awaits, so it never runs: put await before it"


AWAIT = Detector(
    Rule(
        id="broken-await",
        title="A coroutine that nobody awaits",
        why=(
            "A call of a coroutine function does nothing until it is awaited: audio is not sent, a session is not "
            "started, and Python only warns when the object is collected. Handlers of websocket-client and of both "
            "SDKs have to be plain functions."
        ),
    ),
    _await,
)
