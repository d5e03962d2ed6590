"""Sample format and length of the audio messages."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.analysis.names import UNKNOWN, Binding, keyword_value
from migrator.rules import framing
from migrator.rules.code import called, insert_after, is_placeholder, replace, visible
from migrator.rules.rule import Change, Need, Note, Obstacle, Plan, Proposal, Rule, Session

LEAST_MS, MOST_MS = 50, 1000
"""What AssemblyAI takes in one message (AssemblyAI docs, common errors, 3007)."""

_FLOAT, _INTEGER = "paFloat32", "paInt16"
_BYTES = {"pcm_s16le": 2, "mulaw": 1}
_PACE = 0.8
"""A program that waits for at least this share of a chunk's length after each chunk is sent at real time."""


@dataclass(frozen=True)
class Unproven(Obstacle):
    """What `shim.framing` takes care of when the program runs."""


@dataclass(eq=False)
class Capture:
    """Where the audio of one sending call comes from.

    Attributes:
        opened: the call of PyAudio's ``open``; None for a file.
        frames: the expression that says how long a message is: in samples (PyAudio) or bytes (a file).
        bytes_each: how many of ``frames`` make a sample: 1 for PyAudio, the bytes of a sample for a file.
    """

    opened: ast.Call | None
    frames: ast.expr
    bytes_each: int


def captures(session: Session) -> Iterator[Capture | Obstacle]:
    """The source of every audio message that is sent."""
    for call, data in session.audio:
        yield _capture(session, call, data)


def _capture(session: Session, call: ast.Call, data: ast.expr) -> Capture | Obstacle:
    names, source = session.names, session.source
    resolved = names.resolve(data)
    if isinstance(resolved, ast.Name):
        parameter = _callback_parameter(session, resolved)
        if parameter is not None:
            return parameter
    reading = _reading(resolved)
    if reading is not None:
        method, length = reading
        opened = names.resolve(method.value)
        if (
            method.attr == "read"
            and isinstance(opened, ast.Call)
            and keyword_value(opened, "format") is not None
        ):
            return Capture(opened, length, 1)
        if method.attr == "read" and _is_open(session, method.value, "open"):
            return _paced(session, call, Capture(None, length, 2))
        if method.attr == "readframes" and _is_open(session, method.value, "wave.open"):
            return _paced(session, call, Capture(None, length, 1))
    return Unproven(
        call.lineno,
        f"the length of the audio in {source.segment(data)[:40]} cannot be told, and AssemblyAI takes 50 to 1000 ms",
    )


def _reading(data: ast.expr) -> tuple[ast.Attribute, ast.expr] | None:
    """What is read of, and how much: ``stream.read(n)``, also in a thread of its own."""
    call = data.value if isinstance(data, ast.Await) else data
    match call:
        case ast.Call(func=ast.Attribute(attr="to_thread"), args=[ast.Attribute() as method, length, *_]):
            return method, length
        case ast.Call(
            func=ast.Attribute(attr="run_in_executor"), args=[_, ast.Attribute() as method, length, *_]
        ):
            return method, length
        case ast.Call(func=ast.Attribute() as method, args=[length, *_]):
            return method, length
    return None


def _is_open(session: Session, stream: ast.expr, opener: str) -> bool:
    binding = session.names.binding(stream)
    for store in binding.stores if binding else []:
        value = session.names.stored_value(store)
        parent = session.names.parents.get(store)
        if value is None and isinstance(parent, ast.withitem):
            value = parent.context_expr
        if isinstance(value, ast.Call) and session.source.segment(value.func) == opener:
            return True
    return False


def _paced(session: Session, call: ast.Call, capture: Capture) -> Capture | Obstacle:
    """A file must be sent as fast as somebody speaks, not as fast as it can be read."""
    names = session.names
    encoding, rate, frames = (
        names.value(e) for e in (_field(session, "encoding"), _rate(session), capture.frames)
    )
    if isinstance(rate, int) and isinstance(frames, int) and encoding in _BYTES:
        if capture.bytes_each != 1:
            capture.bytes_each = _BYTES[encoding]
        seconds = frames / capture.bytes_each / rate
        for loop in names.ancestors(call):
            if isinstance(loop, ast.For | ast.While):
                for node in ast.walk(loop):
                    if isinstance(node, ast.Call) and node.args and _is_always(session, node, loop):
                        pause = names.value(node.args[0])
                        if isinstance(pause, int | float) and pause >= seconds * _PACE:
                            return capture
                break
    return Unproven(
        call.lineno, "audio from a file is sent faster than real time, or at a pace that cannot be told"
    )


def _is_always(session: Session, call: ast.Call, loop: ast.AST) -> bool:
    """Whether a call is a ``sleep`` that every pass of a loop makes."""
    for parent in session.names.ancestors(call):
        if parent is loop:
            return called(call) == "sleep"
        if not isinstance(parent, ast.expr | ast.Expr | ast.With):
            return False
    return False


def _callback_parameter(session: Session, data: ast.Name) -> Capture | None:
    """``def callback(in_data, frame_count, ...)`` of a PyAudio stream."""
    names = session.names
    for node in ast.walk(session.source.tree):
        callback = keyword_value(node, "stream_callback") if isinstance(node, ast.Call) else None
        if callback is None or not isinstance(node, ast.Call):
            continue
        function = names.definition(callback)
        frames = keyword_value(node, "frames_per_buffer")
        parameters = names.parameters(function) if function is not None else []
        if (
            frames is not None
            and parameters
            and names.binding(data) is names.parameter_binding(parameters[0])
        ):
            return Capture(node, frames, 1)
    return None


def _field(session: Session, name: str) -> ast.expr | None:
    return session.start.fields.get(f"audio_format.{name}") if session.start else None


def _rate(session: Session) -> ast.expr | None:
    return _field(session, "sample_rate")


# Format


def propose_format(session: Session, plan: Plan) -> Iterator[Proposal]:
    """PyAudio's 32-bit floats become 16-bit samples."""
    if not adapter_needed(session, plan):
        yield from _formats(session)


def _formats(session: Session) -> Iterator[Proposal]:
    encoding = session.names.value(_field(session, "encoding"))
    for capture in captures(session):
        if isinstance(capture, Obstacle):
            yield capture
        elif capture.opened is not None:
            yield from _format(session, capture.opened, encoding)
        elif encoding == "pcm_f32le":
            yield Unproven(capture.frames.lineno, "the audio is 32-bit float, which AssemblyAI does not take")


def _format(session: Session, opened: ast.Call, encoding: object) -> Iterator[Proposal]:
    names, source = session.names, session.source
    chosen = keyword_value(opened, "format")
    channels = keyword_value(opened, "channels")
    if chosen is None:
        yield Obstacle(opened.lineno, "the sample format of the microphone is not in sight")
        return
    if channels is not None and names.value(channels) not in (1, UNKNOWN):
        yield Obstacle(channels.lineno, "the microphone is not mono")
        return
    node = names.resolve(chosen)
    name = node.attr if isinstance(node, ast.Attribute) else _imported(session, node)
    if name == _INTEGER and encoding == "pcm_s16le":
        return
    if name != _FLOAT or encoding != "pcm_f32le":
        yield Obstacle(
            chosen.lineno,
            f"the microphone records {name or source.segment(chosen)}, StartRecognition says {encoding}",
        )
        return
    for call, data in session.audio:
        if _other_uses(session, data):
            yield Unproven(call.lineno, "the 32-bit float samples are also used by the program itself")
            return
    reason = "AssemblyAI takes 16-bit samples, no 32-bit floats"
    if isinstance(node, ast.Attribute):
        end = source.end(node)
        yield Change(end - len(_FLOAT), end, _INTEGER, reason)
    else:
        yield from _renamed_import(session, node, reason)


def _imported(session: Session, node: ast.expr) -> str:
    binding = session.names.binding(node)
    stores = binding.stores if binding else []
    return stores[0].name if len(stores) == 1 and isinstance(stores[0], ast.alias) else ""


def _renamed_import(session: Session, node: ast.expr, reason: str) -> Iterator[Proposal]:
    source, binding = session.source, session.names.binding(node)
    assert binding is not None
    alias = binding.stores[0]
    assert isinstance(alias, ast.alias)
    if alias.asname:
        yield Obstacle(node.lineno, f"{_FLOAT} is imported under another name")
        return
    start = source.offset(alias.lineno, alias.col_offset)
    yield Change(start, start + len(_FLOAT), _INTEGER, reason)
    for load in binding.loads:
        yield replace(source, load, _INTEGER, reason)


def _other_uses(session: Session, data: ast.expr) -> bool:
    """Whether the samples go anywhere but into the connection (their length and truth may be asked)."""
    names = session.names
    binding = names.binding(data)
    sent = {id(node) for _, node in session.audio}
    for load in binding.loads if binding else []:
        parent = names.parents[load]
        is_asked = isinstance(parent, ast.If | ast.While | ast.UnaryOp | ast.BoolOp) or (
            isinstance(parent, ast.Call) and called(parent) == "len"
        )
        if id(load) not in sent and not is_asked:
            return True
    return False


# Adapter


def adapter_needed(session: Session, plan: Plan) -> bool:
    """Whether the audio has to go through `shim.framing`, and can."""
    return bool(unproven(session)) and framing.adapter(session, plan) is not None


def unproven(session: Session) -> list[Unproven]:
    """What cannot be proven of the audio; nothing where something else prevents the rewrite anyway."""
    found = [p for p in (*_formats(session), *_chunks(session)) if isinstance(p, Obstacle)]
    reasons = [p for p in found if isinstance(p, Unproven)]
    return reasons if len(reasons) == len(found) else []


def propose_adapter(session: Session, plan: Plan) -> Iterator[Proposal]:
    """`shim.framing` between the program's audio and the connection."""
    if adapter_needed(session, plan):
        for reason in unproven(session):
            yield Note(
                reason.line,
                f"the audio goes through shim.framing, because {reason.message}; the program needs the package "
                "speechmatics-to-assemblyai where it runs",
            )
        yield from framing.propose(session, plan)


# Length


def propose_chunk(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Messages of 50 ms where they would be shorter than 50 or longer than 1000 ms."""
    if not adapter_needed(session, plan):
        yield from _chunks(session)


def _chunks(session: Session) -> Iterator[Proposal]:
    rate = _rate(session)
    if rate is None:
        return  # a container, which another rule refuses
    for capture in captures(session):
        if isinstance(capture, Obstacle):
            continue
        if capture.opened is not None:
            opened_rate = keyword_value(capture.opened, "rate")
            if opened_rate is None or not _same(session, opened_rate, rate):
                yield Obstacle(
                    capture.opened.lineno, "the microphone's rate and the one of StartRecognition may differ"
                )
                continue
        yield from _chunk(session, capture, rate)


def _same(session: Session, one: ast.expr, other: ast.expr) -> bool:
    names = session.names
    known = names.value(one)
    if known is not UNKNOWN or names.value(other) is not UNKNOWN:
        return bool(known == names.value(other))
    return names.is_same(one, other)


def _chunk(session: Session, capture: Capture, rate: ast.expr) -> Iterator[Proposal]:
    names, source = session.names, session.source
    frames, hertz = names.value(capture.frames), names.value(rate)
    if isinstance(frames, int | float) and isinstance(hertz, int):
        length = frames / capture.bytes_each * 1000 / hertz
        if LEAST_MS <= length <= MOST_MS:
            return
        yield from _known_length(session, capture, math.ceil(hertz / 20) * capture.bytes_each, length)
    elif frames is UNKNOWN and _follows_rate(session, capture.frames, rate):
        return
    elif isinstance(frames, int) and capture.opened is not None:
        yield from _computed_length(session, capture, rate)
    else:
        yield Unproven(
            capture.frames.lineno,
            f"the length of a message, {source.segment(capture.frames)}, is only known at run time",
        )


def _follows_rate(session: Session, frames: ast.expr, rate: ast.expr) -> bool:
    """Whether a length such as ``rate // 10`` is a fit share of any rate."""
    names = session.names
    match names.resolve(frames):
        case ast.Call(func=ast.Name(id="int"), args=[inner]):
            return _follows_rate(session, inner, rate)
        case ast.BinOp(left=left, op=ast.Div() | ast.FloorDiv(), right=right) if _same(session, left, rate):
            share = names.value(right)
            # One more than 20 parts would be less than 50 ms; rounding down must not get below it either.
            return isinstance(share, int | float) and 1 <= share < 20
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if _same(session, left, rate):
            share = names.value(right)
            return isinstance(share, int | float) and LEAST_MS / 1000 < share <= MOST_MS / 1000
    return False


def _counted(session: Session, capture: Capture) -> Iterator[Proposal]:
    """Loops that count messages of the old length would record longer."""
    names = session.names
    length = names.binding(capture.frames)
    for call, _ in session.audio:
        for loop in names.ancestors(call):
            is_range = (
                isinstance(loop, ast.For) and isinstance(loop.iter, ast.Call) and called(loop.iter) == "range"
            )
            if isinstance(loop, ast.While) and _counts(session, loop):
                yield Obstacle(
                    loop.lineno, "the loop counts messages, which have to become longer or shorter"
                )
            if not is_range or not isinstance(loop, ast.For):
                continue
            inside = [
                node for name in ast.walk(loop.iter) for node in [names.binding(name)] if node is not None
            ]
            if length is None or length not in inside:
                yield Unproven(
                    loop.lineno, "the loop counts messages, which have to become longer or shorter"
                )


def _counts(session: Session, loop: ast.While) -> bool:
    """Whether a loop ends by a number that each of its passes counts up."""
    names = session.names
    counted = [
        names.binding(node.target)
        for node in ast.walk(loop)
        if isinstance(node, ast.AugAssign) and isinstance(names.value(node.value), int)
    ]
    return any(
        names.binding(operand) in counted
        for node in ast.walk(loop)
        if isinstance(node, ast.Compare)
        for operand in (node.left, *node.comparators)
        if names.binding(operand) is not None
    )


def _known_length(session: Session, capture: Capture, frames: int, length: float) -> Iterator[Proposal]:
    names, source = session.names, session.source
    if capture.opened is None:
        yield Unproven(
            capture.frames.lineno,
            f"a message has {length:.0f} ms, and the pauses of the program are made for that",
        )
        return
    yield from _counted(session, capture)
    reason = f"a message of {length:.0f} ms becomes one of 50 ms; AssemblyAI takes {LEAST_MS} to {MOST_MS} ms"
    node = names.resolve(capture.frames)
    if isinstance(node, ast.Name | ast.Attribute):
        yield Unproven(capture.frames.lineno, "the length of a message is chosen by the caller")
        return
    yield replace(source, node, str(frames), reason)
    for other in _other_lengths(session, capture, node):
        yield replace(source, other, str(frames), reason)


def _other_lengths(session: Session, capture: Capture, node: ast.expr) -> list[ast.expr]:
    """The buffer of the microphone, where it has the same length by a literal of its own."""
    buffer = keyword_value(capture.opened, "frames_per_buffer") if capture.opened else None
    resolved = session.names.resolve(buffer) if buffer is not None else None
    same = resolved is not None and resolved is not node and isinstance(resolved, ast.Constant)
    return (
        [resolved]
        if resolved is not None and same and session.names.value(resolved) == session.names.value(node)
        else []
    )


def _computed_length(session: Session, capture: Capture, rate: ast.expr) -> Iterator[Proposal]:
    """The rate is the device's, so the length of 50 ms has to be computed."""
    yield from _counted(session, capture)
    names, source = session.names, session.source
    formula = f"math.ceil({source.segment(rate)} / 20)"
    remark = "  # 50 ms, the least that AssemblyAI takes in a message"
    reason = "the device decides the rate, and AssemblyAI takes 50 to 1000 ms in a message"
    node = names.resolve(capture.frames)
    rate_binding, binding = names.binding(rate), names.binding(capture.frames)
    if visible(names, rate, names.statement(node)) and (binding is None or _is_below(session, rate, node)):
        yield replace(source, node, formula, reason)
        yield Need("math")
        return
    store = _only_store(session, rate_binding)
    if store is None or not _is_constant(binding) or not _is_of_module(rate_binding):
        yield Unproven(
            capture.frames.lineno, "the length of a message has to follow a rate that is known too late"
        )
        return
    assert binding is not None
    if any(not _is_later(session, load, store) for load in binding.loads):
        yield Unproven(node.lineno, f"{binding.name} is used before the rate is known")
        return
    yield replace(source, node, "None", reason)
    yield insert_after(source, names.statement(store), f"{binding.name} = {formula}{remark}", reason)
    yield from _declared(session, store, binding.name, reason)
    yield Need("math")


def _is_below(session: Session, rate: ast.expr, node: ast.expr) -> bool:
    """Whether the rate has its value where a length is written: in the same function, further up."""
    names = session.names
    binding = names.binding(rate)
    stores = (
        [store for store in binding.stores if not is_placeholder(session.names, store)] if binding else []
    )
    function = names.function(node)
    return bool(stores) and all(
        isinstance(store, ast.arg)
        or (names.function(store) is function and getattr(store, "lineno", 0) < node.lineno)
        for store in stores
    )


def _is_constant(binding: Binding | None) -> bool:
    return _is_of_module(binding) and binding is not None and len(binding.stores) == 1


def _is_of_module(binding: Binding | None) -> bool:
    return binding is not None and isinstance(binding.scope, ast.Module)


def _is_later(session: Session, load: ast.expr, store: ast.AST) -> bool:
    """Whether a use is in a function, and below the assignment of the rate where it is in the same one."""
    function = session.names.function(load)
    is_same = function is session.names.function(store)
    return function is not None and (not is_same or load.lineno > getattr(store, "lineno", 0))


def _only_store(session: Session, binding: Binding | None) -> ast.AST | None:
    """The one assignment of a variable that is no placeholder."""
    stores = (
        [store for store in binding.stores if not is_placeholder(session.names, store)] if binding else []
    )
    values = [session.names.stored_value(store) for store in stores]
    return stores[0] if len(stores) == 1 and values[0] is not None else None


def _declared(session: Session, store: ast.AST, name: str, reason: str) -> Iterator[Proposal]:
    """The name in the ``global`` statement of the function that assigns the rate."""
    names, source = session.names, session.source
    function = names.function(store)
    for node in ast.walk(function) if function is not None else []:
        if isinstance(node, ast.Global) and names.function(node) is function:
            if name not in node.names:
                end = source.end(node)
                yield Change(end, end, f", {name}", reason)
            return


FORMAT = Rule(
    id="audio-format",
    title="Record 16-bit samples",
    why="AssemblyAI takes 16-bit integers or mu-law. 32-bit floats sent as they are would be heard as noise.",
    before="stream = audio.open(format=pyaudio.paFloat32, ...)",
    after="stream = audio.open(format=pyaudio.paInt16, ...)",
    propose=propose_format,
)

CHUNK = Rule(
    id="audio-chunk",
    title="Send 50 to 1000 ms of audio in a message",
    why=(
        "AssemblyAI ends a session with error 3007 when messages are shorter than 50 or longer than 1000 ms. Lengths that "
        "fit stay; others become 50 ms, computed where the device decides the rate. Audio whose length or pace cannot be "
        "proven gets the drop-in, which frames and paces it."
    ),
    before="RATE = 16000\nchunk = stream.read(320)",
    after="RATE = 16000\nchunk = stream.read(800)",
    propose=propose_chunk,
)

ADAPTER = Rule(
    id="audio-adapter",
    title="Send audio of unknown length through shim.framing",
    why=(
        "Where length, format or pace of the audio is the caller's choice, or only known when the program runs, nothing in "
        "the source can prove that AssemblyAI will take it. `shim.framing` takes chunks of any length in any of "
        "Speechmatics' encodings and sends frames of 50 ms at the pace at which they were spoken. It is made right where "
        "the connection is opened, and its rest is sent before Terminate. Programs in which that place cannot be seen get "
        "the drop-in."
    ),
    before="ws = await websockets.connect(..., additional_headers=headers)\nasync for chunk in source:\n    await ws.send(chunk)",
    after=(
        "ws = await websockets.connect(..., additional_headers=headers)\n"
        'audio = framing.AsyncSender(ws.send, encoding="pcm_s16le", sample_rate=16000)\n'
        "async for chunk in source:\n    await audio.send(chunk)\nawait audio.flush()"
    ),
    propose=propose_adapter,
)
