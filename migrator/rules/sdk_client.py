"""The client of an SDK, its configuration and its session, with the client of the assemblyai package."""

from __future__ import annotations

import ast
import json
from collections.abc import Generator, Iterator
from typing import Any

from migrator.analysis.names import UNKNOWN, Binding, Names, keyword_value
from migrator.analysis.source import Source
from migrator.dialects.sdk_configuration import constant
from migrator.dialects.sdk_session import Client, SdkSession, sleep_of
from migrator.edits import comments_above
from migrator.rules import endpoint
from migrator.rules.authorization import KEY_VARIABLE, key_source
from migrator.rules.code import insert_after, insert_line, literal, python_value, replace, written
from migrator.rules.leftovers import is_seen_outside
from migrator.rules.rule import Change, Need, Note, Obstacle, Plan, Proposal, Removal, Rule, Session
from migrator.rules.sdk_handlers import STREAMING
from shim.protocol.mapping.hosts import (
    ASSEMBLYAI_HOSTS,
    DEFAULT_SPEECHMATICS_URL,
    region_of,
    residency_warning,
)
from shim.protocol.mapping.languages import LanguageChoice, choose, model_named
from shim.protocol.mapping.parameters import PARAMETERS, Treatment, query_parameters

_REASON = "the client of the assemblyai package"
_LONGEST_LINE = 88
PATIENCE = ("connect_timeout=10", "terminate_timeout=30")
"""Options of the client, in seconds. Its defaults, 1 s and 5 s, are shorter than the Speechmatics SDKs wait, and a
session that is not terminated in time may stay open."""


_FILES = (
    "the program reads what kind of file it is now, WAV and, with speechmatics-to-assemblyai[audio], all that FFmpeg decodes; "
    "a file that is no audio raises AudioFileError here, where the service reported an error"
)


# Client


def propose_client(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The client with its options: key, host and patience."""
    client = _client(session)
    source = session.source
    host = yield from _host(session, plan, client)
    if not host:
        return
    settings = session.names.binding(client.given) if client.given is not None else None
    for binding in (client.binding, settings):
        if binding is not None and _is_used_elsewhere(session.names, binding):
            yield Obstacle(client.made.lineno, f"another file may use {binding.name}")
    kind = "AsyncStreamingClient" if client.is_async else "StreamingClient"
    yield Need(STREAMING, kind)
    yield Need(STREAMING, "StreamingClientOptions")
    if client.key is not None:
        yield from key_source(session, client.key, set())
    elif not client.is_legacy:
        yield Need("os")
        yield Note(client.made.lineno, f"the key is read from {KEY_VARIABLE} now")
    options = [f"api_host={literal(source, host)}", *PATIENCE]
    yield replace(source, client.made.func, kind, _REASON)
    if client.settings is not None:
        if not client.is_legacy:
            assert client.given is not None
            text = f"({source.segment(client.given)})"
            yield Change(source.end(client.made.func), source.end(client.made), text, _REASON)
        yield replace(source, client.settings.func, "StreamingClientOptions", _REASON)
        yield from _called_with(source, client.settings, client.key, options, inner="")
    else:
        yield from _called_with(source, client.made, client.key, options, inner="StreamingClientOptions")


def _is_used_elsewhere(names: Names, binding: Binding) -> bool:
    """Whether a file out of sight may use a variable of the module, or an attribute."""
    return is_seen_outside(names, binding) or (binding.scope is None and bool(names.users_elsewhere(binding)))


def _called_with(
    source: Source, call: ast.Call, key: ast.expr | None, options: list[str], inner: str
) -> Iterator[Proposal]:
    """New arguments for a call, each on its own line; the expression of the key stays where it is.

    Args:
        inner: what takes the arguments inside the call; empty for the call itself.
    """
    outer = source.indentation(call)
    indentation = outer + source.indent
    opening, closing = f"(\n{indentation}", f"\n{outer})"
    if inner:
        opening, closing = f"{opening}{inner}(\n{indentation}{source.indent}", f"\n{indentation}){closing}"
        indentation += source.indent
    rest = "".join(f",\n{indentation}{option}" for option in options) + f",{closing}"
    start, end = source.end(call.func), source.end(call)
    if key is None:
        text = f"{opening}api_key=os.environ[{literal(source, KEY_VARIABLE)}]{rest}"
        yield Change(start, end, text, _REASON)
    else:
        yield Change(start, source.start(key), f"{opening}api_key=", _REASON)
        yield Change(source.end(key), end, rest, _REASON)


def _client(session: Session) -> Client:
    assert isinstance(session, SdkSession)
    assert session.client is not None
    return session.client


def _host(session: Session, plan: Plan, client: Client) -> Generator[Proposal, None, str]:
    """The host of AssemblyAI in the same region."""
    if client.url is None:
        host, line = DEFAULT_SPEECHMATICS_URL.split("/")[2], client.made.lineno
        if not client.is_legacy:
            yield Note(
                line,
                "the SDK took its address from SPEECHMATICS_RT_URL where that was set; the client connects to AssemblyAI's "
                "EU data zone now, as the SDK did by default",
            )
    else:
        found = endpoint.address_of(session.source, session.names, client.url)
        if isinstance(found, str) or found[2] is not None:
            yield Obstacle(
                client.url.lineno, found if isinstance(found, str) else "the address holds a temporary key"
            )
            return ""
        host, line = found[0], client.url.lineno
    region = region_of(host)
    assert region is not None
    warning = residency_warning(host)
    if warning and plan.options.region == "auto":
        yield Note(line, warning)
    return ASSEMBLYAI_HOSTS[plan.region(region)].name


# Parameters


def propose_parameters(session: Session, plan: Plan) -> Iterator[Proposal]:
    """TranscriptionConfig and the description of the audio as StreamingParameters."""
    client = _client(session)
    line = client.config.call.lineno
    choice = _choice(client, plan)
    if choice is None or model_named(choice.model).family != "universal-3":
        yield Obstacle(line, "no AssemblyAI model that keeps to one language has the language of the program")
        return
    if choice.warning:
        yield Note(line, choice.warning)
    fields = {**client.config.fields, **client.audio.fields}
    _, notices = query_parameters(_message(client), choice.model)
    for notice in notices:
        where = next((fields[path].lineno for path in fields if path.startswith(notice.path)), line)
        yield Obstacle(where, notice.reason) if notice.level == "error" else Note(where, notice.reason)
    for path, value in fields.items():
        row = PARAMETERS.get(path)
        if row is None:
            yield Obstacle(value.lineno, f"{path} is no key of StartRecognition that is known here")
        elif row.treatment is Treatment.LOCAL and not path.startswith("audio_format."):
            name = path.rpartition(".")[2]
            yield Note(value.lineno, f"{name} has no counterpart: a final comes when the turn ends")
    yield Need(STREAMING, "StreamingParameters")
    yield from _replaced(session, plan, client)


def _replaced(session: Session, plan: Plan, client: Client) -> Iterator[Proposal]:
    """The objects that have a statement of their own; those inside the call that opens the session go with it."""
    names, opened = session.names, client.opened
    inside = {id(node) for node in ast.walk(opened)}
    for call in (client.config.call, client.audio.call):
        statement = names.statement(call)
        if id(call) in inside:
            continue
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        binding = names.binding(target) if isinstance(target, ast.Name) else None
        if binding is None or len(binding.loads) != 1 or is_seen_outside(plan.session.names, binding):
            yield Obstacle(call.lineno, "the configuration is also used elsewhere")
        elif call is client.audio.call:
            yield Removal(statement, "what is said of the audio is among the parameters")
        elif client.reads_file:
            yield Removal(statement, "the parameters name the rate, which the file says")
        else:
            text = _parameters(session, plan, client, session.source.indentation(statement))
            yield replace(session.source, call, text, "the configuration of the session")


def _message(client: Client) -> dict[str, Any]:
    """StartRecognition, as the SDK would have sent it."""
    return {**client.config.message, **client.audio.message}


def _choice(client: Client, plan: Plan) -> LanguageChoice | None:
    language = client.config.message["transcription_config"]["language"]
    return choose(language, plan.options.speech_model) if isinstance(language, str) else None


def _parameters(session: Session, plan: Plan, client: Client, outer: str, recording: str = "") -> str:
    """The expression that makes the parameters of the session; empty where an obstacle says that there are none.

    Args:
        outer: the indentation of the line where it begins.
        recording: the variable that knows the sample rate; empty where the program does.
    """
    source, choice = session.source, _choice(client, plan)
    if choice is None:
        return ""
    query, _ = query_parameters(_message(client), choice.model)
    site = session.names.statement(client.opened if recording else client.config.call)
    values = {name: python_value(source, value) for name, value in query.items()}
    rate = client.audio.fields.get("audio_format.sample_rate")
    if rate is not None:
        values["sample_rate"] = (
            written(session, rate, int(query["sample_rate"]), site) or query["sample_rate"]
        )
    if recording:
        values["sample_rate"] = f"{recording}.sample_rate"
    spoken = client.config.fields.get("transcription_config.language")
    codes = json.loads(query.get("language_codes", "[]"))
    if spoken is not None and len(codes) == 1:
        values["language_codes"] = (
            f"[{written(session, spoken, codes[0], site) or literal(source, codes[0])}]"
        )
    inner = outer + source.indent
    lines = "".join(f"\n{inner}{name}={value}," for name, value in values.items())
    return f"StreamingParameters({lines}\n{outer})"


# Session


def propose_session(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Connect, stream, and disconnect with Terminate, whatever happens; an error of the service is raised."""
    client = _client(session)
    errors = _beside(client.name, plan.fresh("errors", "session_errors"))
    # speechmatics-rt tells an error during the session to handlers alone; a program with such a handler decides itself.
    is_raised = client.is_legacy or not any(handler.kind == "Error" for handler in client.handlers)
    raised = [f"if {errors}:", f"{session.source.indent}raise {errors}[0]"] if is_raised else []
    if is_raised or client.stream is None:
        yield from _kept_errors(session, client, errors.rpartition(".")[2])
    if is_raised and not client.is_legacy:
        yield Note(
            client.opened.lineno, "an error of the service raises StreamingError, also during the session"
        )
    yield from _caught(session, client)
    if client.stream is not None:
        yield from _streamed(session, plan, client, raised)
    else:
        yield from _sent(session, plan, client, errors, raised)
    for call in client.closes:
        statement = session.names.statement(call)
        if isinstance(statement, ast.Expr) and len(session.names.block(statement)) > 1:
            yield Removal(statement, "disconnect() has closed it")
        else:
            yield replace(session.source, call, f"{client.name}.disconnect(terminate=True)", _REASON)


def _beside(client: str, name: str) -> str:
    """A name that stands where the client stands: a variable, or an attribute of the same object."""
    owner, dot, _ = client.rpartition(".")
    return f"{owner}{dot}{name}"


def _kept_errors(session: Session, client: Client, name: str) -> Iterator[Proposal]:
    source = session.source
    kept_as = source.segment(client.target)
    errors = _beside(kept_as, name)
    text = (
        f"{errors} = []\n{kept_as}.on(StreamingEvents.Error, lambda _client, error: {errors}.append(error))"
    )
    yield Need(STREAMING, "StreamingEvents")
    reason = "the client reports errors to handlers and raises none"
    if isinstance(client.site, ast.With | ast.AsyncWith):
        first = client.site.body[0]
        is_definition = isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield insert_line(source, first, text + "\n" * is_definition, reason)
    else:
        yield insert_after(source, client.site, text, reason)


def _streamed(session: Session, plan: Plan, client: Client, raised: list[str]) -> Iterator[Proposal]:
    source, names = session.source, session.names
    statement = names.statement(client.opened)
    site = source.indentation(statement)
    stream = client.stream
    assert stream is not None
    wait = "await " if client.is_async else ""
    frames = "aframes" if client.is_async else "frames"
    first = []
    reader = source.segment(stream)
    if not isinstance(stream, ast.Name) and not client.reads_file:
        name = plan.fresh("audio", "audio_source")
        first, reader = [f"{name} = {reader}"], name
    given = keyword_value(client.audio.call, "chunk_size")
    size = written(session, given, client.chunk_size, statement) if given is not None else None
    read = f"{reader}.read({size or client.chunk_size})"
    chunks = f"iter(lambda: {read}, b{source.quote}{source.quote})"
    step = source.indent
    recording = ""
    if client.reads_file:
        recording = chunks = plan.fresh("recording", "audio_recording")
        first = [f"{recording} = Recording({reader}{f', {size}' if size else ''})"]
        yield Need("shim.recording", "Recording")
        yield Note(statement.lineno, _FILES)
    elif client.is_async and (client.awaited_read is not None or client.blocks):
        name = plan.fresh("chunks", "audio_chunks")
        chunks = f"{name}()"
        if client.awaited_read is None:
            read = f"asyncio.to_thread({reader}.read, {size or client.chunk_size})"
            yield Need("asyncio")
        first += [
            f"async def {name}():",
            f"{step}while chunk := await {read}:",
            f"{step}{step}yield chunk",
            "",
        ]
    elif client.awaited_read is not None:
        yield from _without_loop(source, client.awaited_read)
    streamed = f"framing.{frames}({chunks}, {_described(session, client, statement, recording)})"
    lines = [
        *first,
        "try:",
        f"{step}{_connected(session, plan, client, site + step, recording)}",
        *(f"{step}{line}" for line in _wrapped(f"{wait}{client.name}.stream", streamed, site + step, step)),
        "finally:",
        f"{step}{wait}{client.name}.disconnect(terminate=True)",
        *raised,
    ]
    yield Need("shim", "framing")
    reason = "the session with AssemblyAI: the last words come before disconnect() returns"
    yield from _in_place_of(session, statement, lines, reason)


def _in_place_of(session: Session, statement: ast.stmt, lines: list[str], reason: str) -> Iterator[Change]:
    """Lines in place of a statement, with a blank one before a function."""
    source = session.source
    indentation = source.indentation(statement)
    is_first = statement is session.names.block(statement)[0]
    if lines[0].startswith("async def") and not is_first and source.line_text(statement.lineno - 1).strip():
        line = source.line_start(source.line_of(comments_above(source, statement)))
        yield Change(line, line, "\n", reason)
    text = f"\n{indentation}".join(lines).replace(f"\n{indentation}\n", "\n\n")
    yield Change(source.start(statement), source.end(statement), text, reason)


def _without_loop(source: Source, read: ast.AsyncFunctionDef) -> Iterator[Proposal]:
    """A coroutine function that only sleeps, as a function: the client reads in a thread of its own."""
    reason = "the client of the assemblyai package reads without an event loop"
    start = source.start(read)
    yield Change(start, source.text.index("def", start), "", reason)
    for node in ast.walk(read):
        if isinstance(node, ast.Await) and (call := sleep_of(node)) is not None:
            yield Change(source.start(node), source.end(call.func), "time.sleep", reason)
            yield Need("time")


def _wrapped(function: str, argument: str, indentation: str, step: str) -> list[str]:
    """A call on one line, or with its argument on a line of its own where that would be too long."""
    line = f"{function}({argument})"
    if len(indentation) + len(line) <= _LONGEST_LINE:
        return [line]
    return [f"{function}(", f"{step}{argument}", ")"]


def _connected(session: Session, plan: Plan, client: Client, outer: str, recording: str = "") -> str:
    """The call that connects, with the variable that has the parameters, or with the expression that makes them.

    Args:
        outer: the indentation of the call.
        recording: the variable that knows the sample rate; empty where the program does.
    """
    config = client.config.call
    wait = "await " if client.is_async else ""
    if not recording and not any(node is config for node in ast.walk(client.opened)):
        return f"{wait}{client.name}.connect({_name_of(session, config)})"
    inner = outer + session.source.indent
    parameters = _parameters(session, plan, client, inner, recording)
    return f"{wait}{client.name}.connect(\n{inner}{parameters}\n{outer})"


def _name_of(session: Session, config: ast.Call) -> str:
    statement = session.names.statement(config)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) else ""


def _described(session: Session, client: Client, site: ast.stmt, recording: str = "") -> str:
    """What `shim.framing` has to know of the audio."""
    assert isinstance(session, SdkSession)
    if recording:
        return f"encoding={recording}.encoding, sample_rate={recording}.sample_rate"
    encoding = client.audio.message["audio_format"]["encoding"]
    rate = client.audio.fields.get("audio_format.sample_rate")
    known = constant(session.program, rate) if rate is not None else UNKNOWN
    hertz = 44100 if known is UNKNOWN else known
    text = written(session, rate, hertz, site) if rate is not None else None
    return f"encoding={literal(session.source, encoding)}, sample_rate={text or hertz}"


def _sent(session: Session, plan: Plan, client: Client, errors: str, raised: list[str]) -> Iterator[Proposal]:
    """start_session, send_audio and stop_session in one block.

    The client drops what comes after an error in silence, so a loop that sends until it is told to stop would never end:
    sending raises.
    """
    source, names = session.source, session.names
    start, stop = names.statement(client.opened), names.statement(client.stops[0])
    block = names.block(start)
    if stop not in block or not all(isinstance(statement, ast.Expr) for statement in (start, stop)):
        yield Obstacle(client.stops[0].lineno, "the session begins and ends in different blocks")
        return
    between = block[block.index(start) + 1 : block.index(stop)]
    inside = {id(node) for statement in between for node in ast.walk(statement)}
    if any(id(call) not in inside for call in client.sends):
        yield Obstacle(
            client.sends[0].lineno, "audio is sent out of sight of the session's beginning and end"
        )
        return
    sender, send = plan.fresh("audio", "audio_sender"), plan.fresh("send", "send_frame")
    indentation, step = source.indentation(start), source.indent
    lines = [
        f"async def {send}(frame):",
        f"{step}if {errors}:",
        f"{step}{step}raise {errors}[0]",
        f"{step}await {client.name}.stream(frame)",
        "",
        f"{sender} = framing.AsyncSender({send}, {_described(session, client, start)})",
        "try:",
        f"{step}{_connected(session, plan, client, indentation + step)}",
    ]
    yield Need("shim", "framing")
    reason = "the session with AssemblyAI"
    yield from _in_place_of(session, start, lines, reason)
    yield from _indented(source, between[0], between[-1])
    for call in client.sends:
        yield replace(source, call.func, f"{sender}.send", "frames of 50 ms, at the pace of speech")
    ended = [
        f"{step}await {sender}.flush()",
        "finally:",
        f"{step}await {client.name}.disconnect(terminate=True)",
        *raised,
    ]
    reason = "the last words come before disconnect() returns"
    yield Change(source.start(stop), source.end(stop), f"\n{indentation}".join(ended), reason)


def _indented(source: Source, first: ast.stmt, last: ast.stmt) -> Iterator[Proposal]:
    """Statements one step further in, with the comments between them."""
    inside_text = {
        line
        for token in source.tokens
        if not token.is_comment
        for line in range(source.line_of(token.start) + 1, source.line_of(token.end) + 1)
    }
    start_line = source.line_of(comments_above(source, first))
    for line in range(start_line, source.line_of(source.end(last)) + 1):
        if line not in inside_text and source.line_text(line).strip():
            start = source.line_start(line)
            yield Change(start, start, source.indent, "inside try")


_STAYING = frozenset({"Exception", "BaseException", "KeyboardInterrupt", "FileNotFoundError"})
"""Exceptions that come from elsewhere, before and after."""

_REPORTED = "TranscriptionError"
"""What the SDKs raise when the service reports an error."""


def _caught(session: Session, client: Client) -> Iterator[Proposal]:
    """Exceptions of the old clients around the session."""
    assert isinstance(session, SdkSession)
    source, names, program = session.source, session.names, session.program
    renamed = 0
    for clause in _clauses(session, client):
        kinds = (
            clause.type.elts if isinstance(clause.type, ast.Tuple) else [clause.type] if clause.type else []
        )
        old = [kind for kind in kinds if program.path(kind).endswith(f".{_REPORTED}")]
        refused = [k for k in kinds if client.is_legacy and source.segment(k).endswith("HTTPStatusError")]
        others = [kind for kind in kinds if kind not in (*old, *refused)]
        # Beside the one that every error is, the others of the SDK ask for nothing more.
        others = [kind for kind in others if not (old and program.path(kind))]
        for kind in others:
            name = source.segment(kind)
            if name not in _STAYING:
                what = f"{name} is caught, which the client of the assemblyai package does not raise"
                yield Obstacle(kind.lineno, what)
        if not (old or refused) or clause.type is None:
            continue
        renamed += 1
        if renamed > 1:
            yield Obstacle(clause.lineno, "two exceptions are told apart that are one now")
        yield Need(STREAMING, "StreamingError")
        names_now = ["StreamingError", *(source.segment(kind) for kind in others)]
        text = names_now[0] if len(names_now) == 1 else f"({', '.join(names_now)})"
        yield replace(source, clause.type, text, "what the client reports")
        binding = names.lookup(clause.body[0], clause.name) if clause.name else None
        for load in binding.loads if binding is not None and refused else []:
            yield from _status(session, load)


def _clauses(session: SdkSession, client: Client) -> Iterator[ast.ExceptHandler]:
    """Every ``except`` that an error of the session may reach in this source."""
    names = session.names
    pending: list[ast.AST] = [client.opened]
    seen: set[ast.AST] = set()
    while pending:
        child = pending.pop()
        for parent in names.ancestors(child):
            if isinstance(parent, ast.Try) and child in parent.body:
                yield from parent.handlers
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
                pending += [] if parent in seen else session.program.calls_of(parent)
                seen.add(parent)
                break
            child = parent


def _status(session: Session, load: ast.expr) -> Iterator[Proposal]:
    """``error.response.status_code == 401``: a refused key has another number."""
    names, source = session.names, session.source
    response = names.parents[load]
    if not (isinstance(response, ast.Attribute) and response.attr == "response"):
        return
    status = names.parents[response]
    compare = names.parents[status]
    if (
        isinstance(status, ast.Attribute)
        and status.attr == "status_code"
        and isinstance(compare, ast.Compare)
        and compare.left is status
        and names.value(compare.comparators[0]) in (401, 403)
        and isinstance(compare.ops[0], ast.Eq)
    ):
        yield replace(source, compare, f"{source.segment(load)}.code == 1008", "a key that is refused")
    else:
        yield Obstacle(load.lineno, "the program reads the response that refused the key")


CLIENT = Rule(
    id="sdk-client",
    title="Make the client of the assemblyai package",
    why=(
        "The key and the host of the region become options of the client. It waits as long for the connection as the SDK did "
        "(10 s), and up to 30 s for the end of a session, because a session that is not terminated may stay open and be billed."
    ),
    before=(
        'client = WebsocketClient(\n    ConnectionSettings(url="wss://eu2.rt.speechmatics.com/v2", '
        'auth_token=os.environ["SPEECHMATICS_API_KEY"])\n)'
    ),
    after=(
        'client = StreamingClient(\n    StreamingClientOptions(\n        api_key=os.environ["ASSEMBLYAI_API_KEY"],\n'
        '        api_host="streaming.eu.assemblyai.com",\n        connect_timeout=10,\n        terminate_timeout=30,\n    )\n)'
    ),
    propose=propose_client,
)

PARAMETERS_RULE = Rule(
    id="sdk-parameters",
    title="Say what the session is with StreamingParameters",
    why="What TranscriptionConfig and the description of the audio said stands in one object. The model is named, so that it stays.",
    before='config = TranscriptionConfig(language="en", enable_partials=True)',
    after=(
        'config = StreamingParameters(\n    speech_model="universal-3-6-pro",\n    encoding="pcm_s16le",\n'
        '    sample_rate=16000,\n    language_codes=["en"],\n)'
    ),
    propose=propose_parameters,
)

SESSION = Rule(
    id="sdk-session",
    title="Connect, stream, disconnect",
    why=(
        "Audio of any chunk length and encoding goes through `shim.framing`, at the pace at which it was spoken. "
        "An audio file whose format was left to the service is read by `shim.recording`. "
        "`disconnect(terminate=True)` sends Terminate and waits for the last words; it stands in `finally`, so that no session "
        "stays open. The client reports errors to a handler, and the program raises the first one afterwards, where the SDK "
        "raised it."
    ),
    before="client.run_synchronously(audio, config, settings)",
    after=(
        'try:\n    client.connect(config)\n    client.stream(framing.frames(iter(lambda: audio.read(4096), b""), '
        'encoding="pcm_s16le", sample_rate=16000))\nfinally:\n    client.disconnect(terminate=True)\nif errors:\n    raise errors[0]'
    ),
    propose=propose_session,
)
