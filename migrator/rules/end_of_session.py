"""The end of a session: Terminate, and waiting for Termination."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.analysis.names import Function
from migrator.dialects.session import Sent
from migrator.rules.code import (
    body_start,
    called,
    enclosing_functions,
    insert_after,
    insert_line,
    is_on_one_line,
    is_self,
    replace,
    visible,
)
from migrator.rules.errors import kinds_at
from migrator.rules.reading_on import ReadingOn, last_events
from migrator.rules.rule import Change, Need, Obstacle, Plan, Proposal, Removal, Rule, Session

_SECONDS = 5
_LEAST_SECONDS = 2
"""A program that waits shorter for the end may close before Termination."""

_WAIT_REASON = "the last words and Termination come up to 1.3 s after Terminate; closing earlier loses them"
_GUARD = "websocket-client 1.9 reports AssemblyAI's normal close as an error"


@dataclass(eq=False)
class _Event:
    """The event that says that everything has arrived, and where it lives."""

    name: str
    owner: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """EndOfStream becomes Terminate; what must not close too early waits."""
    connection = session.connection
    assert connection is not None
    if not session.ends:
        yield Obstacle(
            connection.call.lineno,
            "the program never sends EndOfStream; a session that nobody terminates stays open and is billed, and the "
            "drop-in terminates it",
        )
        return
    for end in session.ends:
        yield from _terminate(session, end)
    if connection.is_async:
        for end in session.ends:
            yield from _wait_for_task(session, end)
        return
    waits = [proposal for end in session.ends for proposal in _wait(session, plan, end)]
    yield from (proposal for proposal in waits if isinstance(proposal, Obstacle))
    changes = [proposal for proposal in waits if not isinstance(proposal, Obstacle)]
    on_error = connection.handlers.get("on_error")
    if changes or (on_error is not None and not isinstance(on_error, ast.Lambda)):
        yield from changes
        yield from _event(session, plan)


def _terminate(session: Session, end: Sent) -> Iterator[Proposal]:
    source = session.source
    quote = source.quote
    reason = "Terminate ends the session and carries no number"
    yield replace(source, end.display, f"{{{quote}type{quote}: {quote}Terminate{quote}}}", reason)
    for step in end.steps:
        if end.display not in ast.walk(step) and not _encodes(step):
            yield Removal(step, reason)


def _encodes(step: ast.stmt) -> bool:
    """Whether a step is ``text = json.dumps(message)``."""
    return isinstance(step, ast.Assign) and isinstance(step.value, ast.Call)


def _event_name(session: Session, plan: Plan) -> _Event | None:
    """The place from which all that use the event can see it."""
    names = session.names
    users: list[ast.AST] = [end.call for end in session.ends] + [_reader(session)]
    connection = session.connection
    assert connection is not None
    handlers = [connection.handlers[name] for name in ("on_error", "on_close") if name in connection.handlers]
    users += [function for function in handlers if not isinstance(function, ast.Lambda)]
    name = plan.fresh("terminated", "session_ended")
    classes = {_class(session, user) for user in users}
    if len(classes) == 1 and None not in classes:
        owner = classes.pop()
        assert owner is not None
        return _Event(f"self.{name}", owner)
    chains = [[*reversed(enclosing_functions(names, user))] for user in users]
    outermost = {chain[0] if chain else None for chain in chains}
    if len(outermost) == 1 and None not in outermost and len({_class(session, user) for user in users}) == 1:
        function = outermost.pop()
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return _Event(name, function)
    return _Event(name, session.source.tree)


def _class(session: Session, node: ast.AST) -> ast.ClassDef | None:
    """The class whose method holds a node and calls its first parameter ``self``."""
    functions = [*enclosing_functions(session.names, node)]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        functions.insert(0, node)
    for function in functions:
        parent = session.names.parents[function]
        if isinstance(parent, ast.ClassDef) and function.args.args and function.args.args[0].arg == "self":
            return parent
    return None


def _reader(session: Session) -> ast.expr:
    """The expression that makes a message of a received frame."""
    return session.parsed[0]


def _event(session: Session, plan: Plan) -> Iterator[Proposal]:
    event = _event_name(session, plan)
    assert event is not None
    yield from _created(session, event)
    if _may_repeat(session, event):
        assert session.connection is not None
        connecting = session.names.statement(session.connection.call)
        reason = "every session has an end of its own"
        yield insert_line(session.source, connecting, f"{event.name}.clear()", reason)
    yield from _set_on_termination(session, event.name)
    yield from _handlers(session, event.name)


def _may_repeat(session: Session, event: _Event) -> bool:
    """Whether the connection may be opened again while the event lives: in a loop, in a method that is no constructor,
    or in a function that is called in several places or in a loop."""
    names, connection = session.names, session.connection
    assert connection is not None
    node: ast.AST = connection.call
    while node is not event.owner and node is not session.source.tree:
        if any(isinstance(parent, ast.For | ast.While) for parent in _within_function(session, node)):
            return True
        function = names.function(node)
        if function is None or function is event.owner:
            return False
        if isinstance(function, ast.Lambda):
            return True
        is_constructor = function.name == "__init__"
        calls = names.calls_of(function)
        if isinstance(names.parents[function], ast.ClassDef):
            return not is_constructor
        if calls is None or len(calls) > 1:
            return True
        if not calls:
            return False
        node = calls[0]
    return False


def _within_function(session: Session, node: ast.AST) -> Iterator[ast.AST]:
    for parent in session.names.ancestors(node):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        yield parent


def _created(session: Session, event: _Event) -> Iterator[Proposal]:
    source = session.source
    text = f"{event.name} = threading.Event()  # AssemblyAI has sent everything"
    reason = "an event that is set when Termination has come"
    yield Need("threading")
    if isinstance(event.owner, ast.ClassDef):
        for function in event.owner.body:
            if isinstance(function, ast.FunctionDef) and function.name == "__init__":
                last = _last_assignment(session, function.body)
                yield (
                    insert_after(source, last, text, reason)
                    if last
                    else body_start(source, function.body, text, reason)
                )
                return
        yield Obstacle(event.owner.lineno, f"{event.owner.name} has no __init__ to keep an event in")
    elif isinstance(event.owner, ast.Module):
        last = _last_assignment(session, event.owner.body)
        first = next((s for s in event.owner.body if _is_definition(s)), event.owner.body[-1])
        yield (
            insert_after(source, last, text, reason)
            if last
            else insert_line(source, first, text + "\n", reason)
        )
    else:
        body = event.owner.body
        definition = next((s for s in body if _is_definition(s)), None)
        if definition is not None:
            blank = "\n" if source.line_text(definition.lineno - 1).strip() == "" else ""
            yield insert_line(source, definition, text + blank, reason)
        else:
            yield body_start(source, body, text, reason)


def _is_definition(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _last_assignment(session: Session, body: list[ast.stmt]) -> ast.stmt | None:
    """The last of the assignments with which a block begins, before it defines or does anything or connects."""
    assert session.connection is not None
    connecting = session.names.statement(session.connection.call)
    last = None
    for statement in body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement is not connecting:
            last = statement
        elif _is_definition(statement) or isinstance(
            statement, ast.If | ast.For | ast.While | ast.With | ast.Try
        ):
            break
        if statement is connecting:
            break
    return last


def _set_on_termination(session: Session, name: str) -> Iterator[Proposal]:
    """Where EndOfTranscript was handled, or a branch of its own."""
    source, names = session.source, session.names
    reason = "Termination is the last message"
    for test in session.reading.tests:
        branch = names.parents[test.node]
        if (
            test.is_positive
            and "EndOfTranscript" in test.names
            and isinstance(branch, ast.If)
            and branch.test is test.node
        ) and branch.body[0].lineno > branch.test.lineno:
            yield body_start(source, branch.body, f"{name}.set()", reason)
            return
    statement = names.statement(_reader(session))
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if not isinstance(target, ast.Name | ast.Attribute):
        yield Obstacle(statement.lineno, "the received message has no variable")
        return
    kind = f"{source.segment(target)}.get({source.quote}type{source.quote})"
    block = names.block(statement)
    following = block[block.index(statement) + 1 :][:1]
    named = [leaf.node for leaf in session.reading.leaves if leaf.field == "message"]
    if following and isinstance(following[0], ast.Assign) and following[0].value in named:
        statement, kind = following[0], source.segment(following[0].targets[0])
    text = f"if {kind} == {source.quote}Termination{source.quote}:\n{source.indent}{name}.set()"
    yield insert_after(source, statement, text, reason)


def _handlers(session: Session, name: str) -> Iterator[Proposal]:
    source, connection = session.source, session.connection
    assert connection is not None
    on_close, on_error = (connection.handlers.get(key) for key in ("on_close", "on_error"))
    if isinstance(on_close, ast.FunctionDef) and _is_block(session, on_close):
        yield body_start(source, on_close.body, f"{name}.set()", "nothing more comes on a closed connection")
    if isinstance(on_error, ast.FunctionDef) and _is_block(session, on_error):
        text = f"if {name}.is_set():\n{source.indent}return  # {_GUARD}"
        yield body_start(source, on_error.body, text, _GUARD)


def _is_block(session: Session, function: Function) -> bool:
    return isinstance(function, ast.FunctionDef) and function.body[0].lineno > function.lineno


def _wait(session: Session, plan: Plan, end: Sent) -> Iterator[Proposal]:
    """Waiting for Termination after one Terminate, where the program does not wait by itself."""
    event = _event_name(session, plan)
    assert event is not None
    sleep = _sleep_after(session, end)
    if _reads_after(session, end) or (
        sleep is None
        and (
            _waits_itself(session) or not (_closes_after(session, end) or _is_closed_elsewhere(session, end))
        )
    ):
        return
    if _blocks_reading(session, end):
        yield Obstacle(
            end.call.lineno,
            "EndOfStream is sent where messages are read, so nothing can wait for the end there",
        )
        return
    yield from _instead_of_sleep(session, end, sleep, f"{event.name}.wait(timeout={_SECONDS})")


def _wait_for_task(session: Session, end: Sent) -> Iterator[Proposal]:
    """Waiting for the task that reads, after one Terminate, where the program does not wait by itself."""
    names, source = session.names, session.source
    reading = ReadingOn(session)
    if reading.waits(end.call):
        return
    statement = names.statement(end.call)
    task = next((target for target in reading.tasks.values() if _is_seen(session, target, statement)), None)
    is_alone = not is_on_one_line(source, [statement], names)
    if task is None or not is_alone or reading.runs_in_reader(end.call):
        yield Obstacle(
            end.call.lineno, "after EndOfStream the program may close before everything has arrived"
        )
        return
    text = f"await asyncio.wait([{source.segment(task)}], timeout={_SECONDS})"
    yield Need("asyncio")
    yield from _instead_of_sleep(session, end, _sleep_after(session, end), text)


def _is_seen(session: Session, task: ast.expr, site: ast.stmt) -> bool:
    """Whether a task can be named where EndOfStream is sent. On the object it is there as long as the connection."""
    if isinstance(task, ast.Attribute):
        return isinstance(task.value, ast.Name) and is_self(session.names, task.value, site)
    return visible(session.names, task, site)


def _instead_of_sleep(session: Session, end: Sent, sleep: ast.stmt | None, text: str) -> Iterator[Proposal]:
    """A wait in place of the pause after EndOfStream, or right behind it."""
    source = session.source
    if sleep is not None:
        yield Change(source.start(sleep), source.end(sleep), text, _WAIT_REASON)
    else:
        yield insert_after(source, session.names.statement(end.call), text, _WAIT_REASON)


def _sleep_after(session: Session, end: Sent) -> ast.stmt | None:
    """The pause after EndOfStream, if the next statement that does not only show something is one."""
    statement = session.names.statement(end.call)
    block = session.names.block(statement)
    following = block[block.index(statement) + 1 :]
    sleep = next((s for s in following if not _only_shows(s)), None)
    call = sleep.value if isinstance(sleep, ast.Expr) else None
    call = call.value if isinstance(call, ast.Await) else call
    return sleep if isinstance(call, ast.Call) and called(call) == "sleep" else None


def _only_shows(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "print"
    )


def _waits_itself(session: Session) -> bool:
    """Whether an event is set when EndOfTranscript comes, and waited for."""
    return any(
        isinstance(method, ast.Attribute) and _is_long_wait(session, method)
        for event in last_events(session)
        for method in (session.names.parents[load] for load in event.loads)
    )


def _is_long_wait(session: Session, method: ast.Attribute) -> bool:
    """Whether an event is waited for until the last message has come for certain."""
    call = session.names.parents[method]
    if method.attr != "wait" or not isinstance(call, ast.Call):
        return False
    limits = [*call.args, *(keyword.value for keyword in call.keywords)]
    seconds = session.names.value(limits[0]) if limits else None
    return not isinstance(seconds, int | float) or seconds >= _LEAST_SECONDS


def _reads_after(session: Session, end: Sent) -> bool:
    """Whether the function that sends EndOfStream reads on by itself."""
    function = session.names.function(end.call)
    return any(
        session.names.function(node) is function and node.lineno > end.call.lineno
        for node in session.received
    )


def _closes_after(session: Session, end: Sent) -> bool:
    """Whether the function that sends EndOfStream closes the connection further down, and does not wait for a thread
    without a limit in between."""
    function = session.names.function(end.call) or session.source.tree
    closes = waits = False
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and node.lineno > end.call.lineno):
            continue
        if called(node) in ("exit", "_exit", "quit"):
            closes = True
        elif isinstance(node.func, ast.Attribute) and session.is_socket(node.func.value):
            closes |= node.func.attr == "close"
        elif called(node) == "join":
            waits |= not node.args and not node.keywords
    return closes and not waits


def _is_closed_elsewhere(session: Session, end: Sent) -> bool:
    """Whether another function closes the connection, without the last message or a fault as its reason."""
    names, connection = session.names, session.connection
    assert connection is not None
    readers = _readers(session)
    excused = {*readers, *(connection.handlers.get(name) for name in ("on_error", "on_close"))}
    if _leaves_context(session):
        return True
    for node in ast.walk(session.source.tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "close"
        ):
            continue
        function = names.function(node)
        if (
            session.is_socket(node.func.value)
            and function is not names.function(end.call)
            and function not in excused
            and not _joins_reader(session, function or session.source.tree, node)
            and not any(isinstance(parent, ast.ExceptHandler) for parent in names.ancestors(node))
        ):
            return True
    return False


def _leaves_context(session: Session) -> bool:
    """Whether the connection closes at the end of a ``with`` in which nobody reads."""
    names, connection = session.names, session.connection
    assert connection is not None
    item = next((node for node in names.ancestors(connection.call) if isinstance(node, ast.withitem)), None)
    if item is None:
        return False
    block = names.parents[item]
    return not any(block in names.ancestors(node) for node in session.received)


def _joins_reader(session: Session, scope: ast.AST, close: ast.Call) -> bool:
    """Whether a function waits for a thread that reads, without a limit, before it closes the connection."""
    names, readers = session.names, _readers(session)
    for node in ast.walk(scope):
        match node:
            case ast.Call(func=ast.Attribute(value=thread, attr="join"), args=[], keywords=[]) if (
                node.lineno < close.lineno
            ):
                made = names.resolve(thread)
                keywords = made.keywords if isinstance(made, ast.Call) else []
                targets = [names.definition(keyword.value) for keyword in keywords if keyword.arg == "target"]
                if any(target in readers for target in targets if target is not None):
                    return True
    return False


def _readers(session: Session) -> set[Function | None]:
    """The functions in which messages are read."""
    return {session.names.function(node) for node in [*session.received, *session.parsed]}


def _blocks_reading(session: Session, end: Sent) -> bool:
    """Whether EndOfStream is sent by a function that also has to read Termination, or that such a one calls while the
    session is well."""
    names, readers = session.names, _readers(session)
    pending, seen = [names.function(end.call)], set()
    while pending:
        function = pending.pop()
        if function in readers:
            return True
        if function is None or function in seen or isinstance(function, ast.Lambda):
            continue
        seen.add(function)
        calls = names.calls_of(function) or []
        pending += [names.function(call) for call in calls if kinds_at(session, call) != {"Error"}]
    return False


RULE = Rule(
    id="end-of-session",
    title="Send Terminate and wait for Termination",
    why=(
        "`EndOfStream` is `Terminate`, without a number. The last final and Termination follow within about 1.3 seconds, so "
        "a blind sleep of one second and an immediate close both lose the end of what was said. The program waits for "
        "Termination, for at most five seconds. AssemblyAI closes the connection by itself after Termination."
    ),
    before='ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": chunks_sent}))\ntime.sleep(1)\nws.close()',
    after='ws.send(json.dumps({"type": "Terminate"}))\nterminated.wait(timeout=5)\nws.close()',
    propose=propose,
)
