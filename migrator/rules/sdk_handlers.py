"""Handlers of an SDK as handlers of the assemblyai package's client."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.dialects.sdk_session import Handler, SdkSession
from migrator.edits import Removal
from migrator.rules.code import body_start, called, insert_after, is_on_one_line, replace
from migrator.rules.rule import Change, Need, Note, Obstacle, Plan, Proposal, Rule, Session
from shim.protocol.mapping.messages import SERVER_MESSAGES

STREAMING = "assemblyai.streaming.v3"
"""The module of the assemblyai package that has all that is used here."""

EVENTS = {
    "AddTranscript": "Turn",
    "AddPartialTranscript": "Turn",
    "EndOfUtterance": "Turn",
    "RecognitionStarted": "Begin",
    "EndOfTranscript": "Termination",
    "Warning": "Warning",
    "Error": "Error",
}
"""What a handler of a message is registered for."""

CLASSES = {
    "Turn": "TurnEvent",
    "Begin": "BeginEvent",
    "Termination": "TerminationEvent",
    "Warning": "WarningEvent",
    "Error": "StreamingError",
}
_REASON = "a Turn is partial or final by end_of_turn; handlers get the client, too"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Registration, parameters, and whether a handler wants partial or final Turns."""
    assert isinstance(session, SdkSession)
    assert session.client is not None
    functions = [handler.function for handler in session.client.handlers]
    if functions and session.client.is_legacy:
        yield Note(
            min(function.lineno for function in functions),
            "an exception in a handler is logged and the session goes on; it ended the session before",
        )
    for handler in session.client.handlers:
        if handler.kind not in EVENTS:
            what = SERVER_MESSAGES[handler.kind].note.rstrip(".")
            yield Obstacle(handler.registration.lineno, f"{handler.kind} has no counterpart here: {what}")
        elif functions.count(handler.function) > 1:
            yield Obstacle(handler.registration.lineno, "one handler takes several kinds of messages")
        elif session.names.users_elsewhere_of(handler.function):
            yield Obstacle(handler.registration.lineno, "another file may call the handler")
        elif (way_out := _way_out(session, handler)) is not None:
            yield way_out
        else:
            yield from _registered(session, handler)
            yield from _defined(session, handler)


def _way_out(session: SdkSession, handler: Handler) -> Obstacle | None:
    """What a handler of speechmatics-python can do in the thread of the event loop, and one of the other client cannot."""
    assert session.client is not None
    for node in ast.walk(handler.function) if session.client.is_legacy else ():
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and called(node) in ("exit", "_exit", "quit")
        ):
            return Obstacle(node.lineno, "a handler ends the session by an exception")
        if isinstance(node, ast.Name) and node.id == "asyncio" and not session.client.is_async:
            return Obstacle(node.lineno, "a handler speaks to the event loop, and runs in another thread now")
    return None


def _registered(session: SdkSession, handler: Handler) -> Iterator[Proposal]:
    source, call = session.source, handler.registration
    assert isinstance(call.func, ast.Attribute)
    event = f"StreamingEvents.{EVENTS[handler.kind]}"
    yield Need(STREAMING, "StreamingEvents")
    if not handler.decorated:
        yield Change(source.end(call.func.value), source.end(call.func), ".on", _REASON)
        yield replace(source, handler.event, event, _REASON)
        for keyword in call.keywords:
            start = source.offset(keyword.lineno, keyword.col_offset)
            yield Change(start, source.start(keyword.value), "", "the client takes them in this order")
        return
    function = handler.function
    assert isinstance(function, ast.FunctionDef)
    start = source.start(function)
    yield Change(
        start,
        source.offset(function.lineno, function.col_offset),
        "",
        "the client of the assemblyai package has no decorator",
    )
    client = source.segment(call.func.value)
    block = session.names.block(function)
    following = block[block.index(function) + 1 : block.index(function) + 2]
    gap = "\n" if function.body and following else ""
    yield insert_after(source, function, f"{gap}{client}.on({event}, {function.name})", _REASON)


def _defined(session: SdkSession, handler: Handler) -> Iterator[Proposal]:
    source, function = session.source, handler.function
    yield from _parameter(session, handler)
    message = message_name(session, handler)
    is_partial = handler.kind == "AddPartialTranscript"
    if EVENTS[handler.kind] != "Turn":
        return
    if isinstance(function, ast.Lambda):
        wanted = f"not {message}.end_of_turn" if is_partial else f"{message}.end_of_turn"
        opening, closing = ("(", ")") if isinstance(function.body, ast.IfExp | ast.Lambda) else ("", "")
        if opening:
            yield Change(source.start(function.body), source.start(function.body), opening, _REASON)
        end = source.end(function)
        yield Change(end, end, f"{closing} if {wanted} else None", _REASON)
        return
    unwanted = f"{message}.end_of_turn" if is_partial else f"not {message}.end_of_turn"
    assert isinstance(function, ast.FunctionDef)
    if is_on_one_line(source, function.body, session.names):
        yield Obstacle(function.lineno, "a handler stands on one line")
        return
    yield body_start(source, function.body, f"if {unwanted}:\n{source.indent}return", _REASON)


def message_name(session: SdkSession, handler: Handler) -> str:
    """What a handler calls the message: its parameter, or the only thing that is made of it."""
    target = _only_result(session, handler)
    return target.id if target is not None else handler.parameter.arg


def _only_result(session: SdkSession, handler: Handler) -> ast.Name | None:
    """``result = TranscriptResult.from_message(message)``, where the message itself is used for nothing else."""
    names = session.names
    loads = names.parameter_binding(handler.parameter).loads
    if len(loads) != 1 or len(handler.results) != 1 or isinstance(handler.function, ast.Lambda):
        return None
    match names.parents[handler.results[0]]:
        case ast.Assign(targets=[ast.Name() as target]) as statement if statement in handler.function.body:
            binding = names.binding(target)
            return target if binding is not None and len(binding.stores) == 1 else None
    return None


def _parameter(session: SdkSession, handler: Handler) -> Iterator[Proposal]:
    """The client before the message, and the message under the name of what was made of it."""
    source, names, parameter = session.source, session.names, handler.parameter
    others = {other.arg for other in names.parameters(handler.function)}
    is_free = "client" not in others and names.lookup(parameter, "client") is None
    name = "client" if is_free and not isinstance(handler.function, ast.Lambda) else "_client"
    start = source.offset(parameter.lineno, parameter.col_offset)
    end = start + len(parameter.arg)
    target = _only_result(session, handler)
    taken = target.id if target is not None else parameter.arg
    annotation = parameter.annotation
    if annotation is not None:
        event = CLASSES[EVENTS[handler.kind]]
        yield Need(STREAMING, event)
        yield replace(source, annotation, event, "what the handler gets")
    yield Change(start, end, f"{name}, {taken}", "handlers get the client, too")
    if target is not None:
        yield Removal(names.statement(target), "the event is such an object already")
        return
    for result in handler.results:
        if not isinstance(names.parents[result], ast.Attribute):  # what is read of it goes as a whole
            text = source.segment(result.args[0])
            yield replace(source, result, text, "the event is such an object already")


RULE = Rule(
    id="sdk-handlers",
    title="Register handlers for Turn, Begin, Termination and Error",
    why=(
        "The client of the `assemblyai` package calls handlers with itself and the event. One event, Turn, stands for partial "
        "and final transcripts, so a handler returns at once from the kind that it did not ask for. A handler runs in the "
        "thread that reads (in the event loop, with asyncio), and an exception in it is logged and ends nothing."
    ),
    before=(
        'def show(message):\n    print(message["metadata"]["transcript"])\n\n'
        "client.add_event_handler(ServerMessageType.AddTranscript, show)"
    ),
    after=(
        "def show(_client, message):\n    if not message.end_of_turn:\n        return\n    print(message.transcript)\n\n"
        "client.on(StreamingEvents.Turn, show)"
    ),
    propose=propose,
)
