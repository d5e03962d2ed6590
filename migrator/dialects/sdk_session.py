"""The facts of one real-time session that a program opens with a Speechmatics SDK: client, handlers, configuration, audio."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from migrator.analysis.names import Binding, Function, Names, keyword_value
from migrator.analysis.scan import touch_points
from migrator.dialects.messages import read_messages
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.sdk_configuration import Asked, asked, constant
from migrator.dialects.session import Library, Session
from migrator.edits import Obstacle
from shim.protocol.mapping.messages import SERVER_MESSAGES

_LIBRARY = Library("speechmatics", "the Speechmatics SDK", True, "")
_REGISTER = {"WebsocketClient": "add_event_handler", "AsyncClient": "on"}
_OPEN = {"WebsocketClient": ("run_synchronously", "run"), "AsyncClient": ("transcribe", "start_session")}
_LEGACY_ORDER = ("stream", "transcription_config", "audio_settings")
_LEFT_OUT: dict[str, dict[str, Any]] = {
    "transcription_config": {"transcription_config": {"language": "en"}},
    "audio_settings": {"audio_format": {"type": "file"}},
}
"""What both SDKs send where the program leaves an argument out."""

_LOOPS = (
    *(ast.For, ast.AsyncFor, ast.While),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)
_RESULT = "TranscriptResult.from_message"
_WIRE_NAMES = {name.lower(): name for name in SERVER_MESSAGES}


class Unclear(Exception):
    """Something of the program is not understood; the argument is the `Obstacle`."""

    def __init__(self, node: ast.expr | ast.stmt | ast.arg, message: str) -> None:
        super().__init__(message)
        self.obstacle = Obstacle(node.lineno, message)


@dataclass(eq=False)
class Handler:
    """A function that is called with messages of one kind.

    Attributes:
        kind: the message, as Speechmatics names it.
        event: the expression that names it.
        function: what is called; a method without its ``self``.
        parameter: takes the message.
        registration: the call that registers it; as a decorator, the decorator.
        decorated: whether it is one.
        results: ``TranscriptResult.from_message(message)`` inside it.
    """

    kind: str
    event: ast.expr
    function: Function
    parameter: ast.arg
    registration: ast.Call
    decorated: bool
    results: list[ast.Call] = field(default_factory=list)


@dataclass(eq=False)
class Client:
    """The client, and what is done with it.

    Attributes:
        made: the call that makes it.
        binding: the variable that holds it.
        target: what it is assigned to.
        name: an expression that reads it where the session is opened.
        site: the statement that makes it: an assignment, or the ``with`` of which it is the object.
        is_async: whether it is used with ``await``.
        is_legacy: whether it is speechmatics-python's.
        settings: what holds the key, and the address, ``ConnectionSettings(...)`` or ``StaticKeyAuth(...)``; None where
            the client takes them itself.
        given: the argument that is the settings.
        url: the address; None for the default.
        key: None where it comes from the environment.
        opened: the call that opens the session.
        config: what it asks for.
        audio: what is said of the audio.
        stream: what it reads the audio from; None where the program sends it.
        chunk_size: how much it reads at once, in bytes.
        awaited_read: the ``read`` of the stream's class, where it is a coroutine function.
        blocks: whether reading may wait for sound, so that an event loop needs a thread for it.
        sends: calls that send audio.
        stops: calls that end the session, and wait for its end.
        closes: calls that only close it.
    """

    made: ast.Call
    binding: Binding
    target: ast.Name | ast.Attribute
    name: str
    site: ast.stmt
    is_async: bool
    is_legacy: bool
    opened: ast.Call
    config: Asked
    audio: Asked
    settings: ast.Call | None = None
    url: ast.expr | None = None
    key: ast.expr | None = None
    given: ast.expr | None = None
    stream: ast.expr | None = None
    chunk_size: int = 4096
    awaited_read: ast.AsyncFunctionDef | None = None
    blocks: bool = False
    handlers: list[Handler] = field(default_factory=list)
    sends: list[ast.Call] = field(default_factory=list)
    stops: list[ast.Call] = field(default_factory=list)
    closes: list[ast.Call] = field(default_factory=list)

    @property
    def reads_file(self) -> bool:
        """Whether the audio is a file whose format was left to the service."""
        return bool(self.audio.message["audio_format"]["type"] == "file")


@dataclass(eq=False)
class SdkSession(Session):
    """The facts of a session of an SDK. Of those of raw messages it has the messages that handlers read.

    Attributes:
        client: None where it is not understood; an obstacle says why.
    """

    program: SdkProgram = field(kw_only=True)
    client: Client | None = None

    @property
    def is_understood(self) -> bool:
        return self.client is not None


def recognise(program: SdkProgram) -> SdkSession | None:
    """The session of a program; None in a source that makes no client."""
    made = list(program.calls("WebsocketClient", "AsyncClient", "AsyncMultiChannelClient"))
    if not made:
        return None
    source, names = program.source, program.names
    session = SdkSession(source, names, touch_points(source), _LIBRARY, program=program)
    try:
        if len(made) > 1:
            raise Unclear(made[1][0], "the file makes more than one client")
        client = _client(program, *made[0])
        messages = [message for handler in client.handlers for message in _messages(program, handler)]
        session.parsed = messages
        session.reading = read_messages(source, names, messages, has_objects=True)
        session.obstacles += session.reading.obstacles
        for handler in client.handlers:
            session.reading.handled.setdefault(handler.function, set()).add(handler.kind)
        session.client = client
    except Unclear as unclear:
        session.obstacles.append(unclear.obstacle)
    return session


def _client(program: SdkProgram, made: ast.Call, path: str) -> Client:
    names = program.names
    kind = path.rpartition(".")[2]
    if kind not in _REGISTER:
        raise Unclear(made, "several channels are transcribed at once")
    binding, target, site = _holder(program, made)
    methods: dict[str, list[ast.Call]] = {}
    handlers: list[Handler] = []
    for load in binding.loads:
        attribute = names.parents[load]
        call = names.parents[attribute] if isinstance(attribute, ast.Attribute) else None
        if not isinstance(attribute, ast.Attribute) or not (
            isinstance(call, ast.Call) and call.func is attribute
        ):
            raise Unclear(load, "the client is used in a way that is not understood")
        if attribute.attr == _REGISTER[kind]:
            handlers.append(_handler(program, call))
        else:
            methods.setdefault(attribute.attr, []).append(call)
    opened = [call for name in _OPEN[kind] for call in methods.pop(name, [])]
    sends, stops = methods.pop("send_audio", []), methods.pop("stop_session", [])
    closes = methods.pop("close", [])
    for name, calls in methods.items():
        raise Unclear(calls[0], f"{name}() of the client has no counterpart here")
    if len(opened) != 1:
        raise Unclear(opened[1] if opened else made, "not exactly one session is opened with the client")
    client = Client(
        *(made, binding, target, program.source.segment(_receiver(opened[0])), site),
        *(isinstance(names.parents[opened[0]], ast.Await), kind == "WebsocketClient", opened[0]),
        *_configuration(program, opened[0]),
    )
    client.handlers, client.sends, client.stops, client.closes = handlers, sends, stops, closes
    if not client.is_async and client.opened.func.attr != "run_synchronously":  # type: ignore[attr-defined]
        raise Unclear(client.opened, "the session runs as a task that is not awaited here")
    _once(program, client)
    _settings(program, client)
    _audio(program, client)
    return client


def _receiver(call: ast.Call) -> ast.expr:
    assert isinstance(call.func, ast.Attribute)
    return call.func.value


def _holder(program: SdkProgram, made: ast.Call) -> tuple[Binding, ast.Name | ast.Attribute, ast.stmt]:
    names = program.names
    parent = names.parents[made]
    match parent:
        case ast.Assign(targets=[ast.Name() | ast.Attribute(value=ast.Name()) as target]):
            site: ast.stmt = parent
        case ast.withitem(optional_vars=ast.Name() as target):
            block = names.parents[parent]
            assert isinstance(block, ast.With | ast.AsyncWith)
            site = block
        case _:
            raise Unclear(made, "the client is kept in a way that is not understood")
    binding = names.binding(target)
    if binding is None or len(binding.stores) != 1:
        raise Unclear(made, "the variable of the client also holds something else")
    return binding, target, site


def _once(program: SdkProgram, client: Client) -> None:
    """AssemblyAI's client opens one session; Speechmatics' opens as many as it is asked to."""
    if not _once_each(program, client.made, client.opened):
        raise Unclear(client.opened, "the client may open several sessions")


def _once_each(program: SdkProgram, made: ast.expr, used: ast.Call) -> bool:
    """Whether a call runs at most once for every object that is made: in the same lines, or in a function or method that
    is called once for each."""
    names = program.names
    home, place = names.function(made), names.function(used)
    if home is place:
        return _loops(names, made) == _loops(names, used)
    if not isinstance(place, ast.FunctionDef | ast.AsyncFunctionDef) or _loops(names, used):
        return False
    calls = program.calls_of(place)
    if len(calls) != 1:
        return False
    owner = names.parents[place]
    if isinstance(owner, ast.ClassDef) and names.parents.get(home or owner) is owner:
        # A method of the class that makes it: once for each object of the class.
        whose = _receiver(calls[0]) if isinstance(calls[0].func, ast.Attribute) else None
        of = program.made(whose) if whose is not None else None
        if isinstance(of, ast.Call):
            binding = names.binding(of.func)
            is_constructor = isinstance(home, ast.FunctionDef) and home.name == "__init__"
            return (
                is_constructor
                and binding is not None
                and binding.stores == [owner]
                and _once_each(program, of, calls[0])
            )
    return _once_each(program, made, calls[0])


def _loops(names: Names, node: ast.AST) -> list[ast.AST]:
    """The loops around a node, within its function."""
    function = names.function(node)
    around = itertools.takewhile(lambda parent: parent is not function, names.ancestors(node))
    return [parent for parent in around if isinstance(parent, _LOOPS)]


# Handlers


def _handler(program: SdkProgram, call: ast.Call) -> Handler:
    names = program.names
    event = keyword_value(call, "event_name") or keyword_value(call, "event") or next(iter(call.args), None)
    if event is None:
        raise Unclear(call, "a handler is registered in a way that is not understood")
    kind = _kind(program, event)
    given = keyword_value(call, "event_handler") or keyword_value(call, "callback")
    if given is None and len(call.args) == 2:
        given = call.args[1]
    owner = names.parents[call]
    if given is None and isinstance(owner, ast.FunctionDef) and owner.decorator_list == [call]:
        function: Function | None = owner
        skipped = 0
    elif given is not None and isinstance(owner, ast.Expr):
        function, skipped = _called(program, given)
    else:
        raise Unclear(call, "a handler is registered in a way that is not understood")
    if function is None or isinstance(function, ast.AsyncFunctionDef):
        raise Unclear(call, "the handler is defined out of sight")
    _only_handler(program, function, given)
    parameters = names.parameters(function)
    arguments = function.args
    if (
        len(parameters) <= skipped
        or len(parameters) - skipped - len(arguments.defaults) > 1
        or arguments.vararg
    ):
        raise Unclear(call, "the handler takes the message in a way that is not understood")
    parameter = parameters[skipped]
    if len(names.parameter_binding(parameter).stores) != 1:
        raise Unclear(parameter, f"{parameter.arg} also holds something else than the message")
    return Handler(kind, event, function, parameter, call, given is None)


def _kind(program: SdkProgram, event: ast.expr) -> str:
    path = program.path(event)
    value = path.rpartition(".")[2] if "ServerMessageType." in path else program.names.value(event)
    kind = _WIRE_NAMES.get(str(value).replace("_", "").lower(), "")
    if not kind:
        raise Unclear(event, "the message of a handler is only known at run time")
    return kind


def _called(program: SdkProgram, given: ast.expr) -> tuple[Function | None, int]:
    """The function behind a handler, and how many of its arguments ``functools.partial`` gives already."""
    if isinstance(given, ast.Call) and program.source.segment(given.func) in ("partial", "functools.partial"):
        inner = program.names.definition(given.args[0]) if given.args else None
        return inner, len(given.args) - 1
    return program.names.definition(given), 0


def _only_handler(program: SdkProgram, function: Function, given: ast.expr | None) -> None:
    """A handler changes its parameters, so nothing else may call it."""
    if isinstance(function, ast.Lambda):
        if not isinstance(given, ast.Lambda):
            raise Unclear(function, "a lambda is kept in a variable")
        return
    names = program.names
    owner = names.parents[function]
    if isinstance(owner, ast.ClassDef):
        loads = names.attributes[function.name].loads if function.name in names.attributes else []
    else:
        binding = names.lookup(function, function.name)
        loads = binding.loads if binding is not None else []
    expected = 0 if given is None else 1
    if len(loads) != expected:
        raise Unclear(function, f"{function.name}() has other callers than the client")
    if function.decorator_list and given is not None:
        raise Unclear(function, f"{function.name}() is decorated")


def _messages(program: SdkProgram, handler: Handler) -> Iterator[ast.expr]:
    """The expressions in a handler that are the message, or the object that is made of it."""
    for load in program.names.parameter_binding(handler.parameter).loads:
        parent = program.names.parents[load]
        if isinstance(parent, ast.Call) and program.path(parent.func).endswith(_RESULT):
            handler.results.append(parent)
            yield parent
        else:
            yield load


# Configuration


def _configuration(program: SdkProgram, opened: ast.Call) -> tuple[Asked, Asked]:
    given = _arguments(opened)
    found = []
    for name, kinds in (
        ("transcription_config", ("TranscriptionConfig",)),
        ("audio_settings", ("AudioSettings", "AudioFormat")),
    ):
        expression = given.pop(name, None)
        if expression is None:
            found.append(Asked(opened, dict(_LEFT_OUT[name])))
            continue
        call = program.made(expression)
        path = program.path(call.func) if isinstance(call, ast.Call) else ""
        if not isinstance(call, ast.Call) or path.rpartition(".")[2] not in kinds:
            raise Unclear(expression, "the configuration is made out of sight")
        found.append(asked(program, call, path))
    given.pop("stream", None)
    for expression in given.values():
        raise Unclear(expression, "the session is opened with an argument that has no counterpart")
    for part in found:
        if part.is_open or part.unknown:
            line = part.fields[part.unknown[0]] if part.unknown else part.call
            raise Unclear(
                line, f"{part.unknown[0] if part.unknown else 'the configuration'} is only known at run time"
            )
    return found[0], found[1]


def _arguments(opened: ast.Call) -> dict[str, ast.expr]:
    """The arguments of a call that opens a session, by the names of speechmatics-python."""
    if any(isinstance(argument, ast.Starred) for argument in opened.args):
        raise Unclear(opened, "the session is opened with arguments that are not in sight")
    given = dict(zip(_LEGACY_ORDER, opened.args, strict=False))
    same = {"source": "stream", "audio_format": "audio_settings"}
    for keyword in opened.keywords:
        given[same.get(keyword.arg or "", keyword.arg or "")] = keyword.value
    if len(opened.args) > len(_LEGACY_ORDER) or "" in given:
        raise Unclear(opened, "the session is opened with arguments that are not in sight")
    return given


def _settings(program: SdkProgram, client: Client) -> None:
    made = client.made
    if not client.is_legacy:
        extra = [keyword for keyword in made.keywords if keyword.arg not in ("api_key", "url", "auth")]
        if len(made.args) > 1 or extra:
            raise Unclear(made, "the client is made with an argument that has no counterpart")
        client.url, client.key = keyword_value(made, "url"), keyword_value(made, "api_key")
        auth = made.args[0] if made.args else keyword_value(made, "auth")
        if auth is not None:
            _authentication(program, client, auth)
        return
    if len(made.args) != 1 or made.keywords:
        raise Unclear(made, "the client is made in a way that is not understood")
    settings = program.made(made.args[0])
    if not (isinstance(settings, ast.Call) and program.path(settings.func).endswith(".ConnectionSettings")):
        client.key = made.args[0]
        return
    binding = program.names.binding(made.args[0])
    if binding is not None and len(binding.loads) > 1:
        raise Unclear(made.args[0], "the settings of the connection are also used elsewhere")
    known = ("url", "auth_token", "generate_temp_token")
    extra = [keyword for keyword in settings.keywords if keyword.arg not in known]
    client.settings, client.given = settings, made.args[0]
    client.url = keyword_value(settings, "url")
    client.key = keyword_value(settings, "auth_token")
    if settings.args or extra or client.key is None or client.url is None:
        raise Unclear(settings, "the settings of the connection are not understood")


def _authentication(program: SdkProgram, client: Client, given: ast.expr) -> None:
    """``StaticKeyAuth(key)`` or ``JWTAuth(key)``: the key itself opens a session of AssemblyAI."""
    auth = program.made(given)
    kind = program.path(auth.func).rpartition(".")[2] if isinstance(auth, ast.Call) else ""
    if not isinstance(auth, ast.Call) or kind not in ("StaticKeyAuth", "JWTAuth"):
        raise Unclear(given, "how the client is authorized is out of sight")
    binding = program.names.binding(given)
    if binding is not None and len(binding.loads) > 1:
        raise Unclear(given, f"{kind} is also used elsewhere")
    if keyword_value(auth, "mp_url") is not None or any(keyword.arg is None for keyword in auth.keywords):
        raise Unclear(auth, "temporary keys come from a service of its own")
    if auth is not given:
        client.settings, client.given = auth, given
    client.key = auth.args[0] if auth.args else keyword_value(auth, "api_key")


def _audio(program: SdkProgram, client: Client) -> None:
    """Where the audio comes from, and how the session ends."""
    opened = client.opened
    if isinstance(opened.func, ast.Attribute) and opened.func.attr == "start_session":
        if client.reads_file:
            raise Unclear(
                client.audio.call, "the program sends a file in pieces, and the service finds out what it is"
            )
        if not client.sends or len(client.stops) != 1:
            raise Unclear(opened, "the session is not ended by exactly one stop_session()")
        return
    if client.sends or client.stops:
        raise Unclear((client.sends or client.stops)[0], "audio is sent beside what the client reads")
    if not isinstance(program.names.statement(opened), ast.Expr):
        raise Unclear(opened, "what the session returns is used")
    client.stream = _arguments(opened).get("stream")
    client.blocks = client.stream is not None and program.is_pipe(client.stream)
    if client.stream is None or not (
        client.blocks or program.is_file(client.stream) or _reads(program, client)
    ):
        raise Unclear(client.stream or opened, "where the audio comes from is out of sight")
    if client.reads_file and client.is_async and (client.blocks or client.awaited_read):
        raise Unclear(client.stream, "the audio is a file of unknown format that is read in an event loop")
    if client.reads_file and client.awaited_read:
        raise Unclear(client.stream, "the audio is a file of unknown format that is read with await")
    size = constant(program, keyword_value(client.audio.call, "chunk_size"))
    client.chunk_size = size if isinstance(size, int) else client.chunk_size


def _reads(program: SdkProgram, client: Client) -> bool:
    """Whether the stream is of a class of this source whose ``read`` returns bytes each time, and may be read as before.

    A coroutine function that waits for nothing but time can be read without a loop as well. One that is none would stop
    the loop while it waits: it gets a thread, as the SDK gave it one.
    """
    assert client.stream is not None
    made = program.given(client.stream)
    binding = program.names.binding(made.func) if isinstance(made, ast.Call) else None
    owner = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
    if not isinstance(owner, ast.ClassDef):
        return False
    reads = [
        node
        for node in owner.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "read"
    ]
    if len(reads) != 1 or reads[0].decorator_list or not _returns_bytes(reads[0]):
        return False
    if isinstance(reads[0], ast.FunctionDef):
        client.blocks = True
        return True
    client.awaited_read = reads[0]
    return client.is_async or (_only_sleeps(reads[0]) and not _is_awaited_elsewhere(program))


def _returns_bytes(read: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    returns = [node for node in ast.walk(read) if isinstance(node, ast.Return)]
    return bool(returns) and all(
        node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None)
        for node in returns
    )


def _only_sleeps(read: ast.AsyncFunctionDef) -> bool:
    for node in ast.walk(read):
        match node:
            case ast.AsyncFor() | ast.AsyncWith() | ast.comprehension(is_async=1):
                return False
            case ast.Await() if sleep_of(node) is None:
                return False
    return True


def sleep_of(node: ast.Await) -> ast.Call | None:
    """The call in ``await asyncio.sleep(...)``; None for any other."""
    match node.value:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"), args=[_]) as call:
            return call
    return None


def _is_awaited_elsewhere(program: SdkProgram) -> bool:
    """Whether the source itself awaits a ``read`` of anything."""
    binding = program.names.attributes.get("read")
    for load in binding.loads if binding is not None else []:
        call = program.names.parents[load]
        if isinstance(call, ast.Call) and isinstance(program.names.parents[call], ast.Await):
            return True
    return False
