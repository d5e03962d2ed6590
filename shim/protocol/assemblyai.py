"""AssemblyAI Streaming v3's vocabulary: what its server says, as values, and what a client says, as text.

Reading never raises: what is not understood comes back as `Unknown` or `Malformed`. Fields that a message lacks get a
neutral value, fields that nobody knows are passed over. Times are integer milliseconds from the first byte of audio
of the connection.

Sources: AssemblyAI's AsyncAPI specifications (2026-03), and shapes observed live 2026-09.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shim.protocol.mapping.messages import is_number
from shim.protocol.records import Label, Record, Share, Whole, exact_reader
from shim.protocol.wire import NotJSON, dumps, loads


@dataclass(frozen=True)
class Begin:
    """The session is open.

    Attributes:
        id: of the session; AssemblyAI's support asks for it.
        expires_at: Unix time, in seconds, at which the server ends the session; 0 when it was not told.
        configuration: what the server made of the query; empty before autumn 2026.
    """

    id: str
    expires_at: int
    configuration: Mapping[str, Any]


class Word(Record, rename={"is_final": "word_is_final"}):
    """A word of a turn, its punctuation attached.

    Attributes:
        text: as displayed.
        start: milliseconds.
        end: milliseconds, never before ``start``.
        confidence: 0 to 1.
        is_final: the word will not change (Universal-Streaming; elsewhere only the words of a final Turn are).
        speaker: label, or None where it was not told.
    """

    text: str
    start: Whole
    end: Whole
    confidence: Share
    is_final: bool
    speaker: Label | None = None


class Turn(
    Record,
    tag="Turn",
    rename={"order": "turn_order", "is_formatted": "turn_is_formatted", "speaker": "speaker_label"},
):
    """The whole turn as it is understood now; replaces every earlier Turn of the same order.

    Attributes:
        order: number of the turn in the connection, from 0.
        end_of_turn: the turn is over.
        is_formatted: has punctuation and casing. On Universal-3 true on every Turn: no sign of a final.
        transcript: text; on Universal-Streaming partials it may lack the words that are not final.
        words: of the turn so far.
        speaker: label of the turn, or None.
    """

    order: Whole
    end_of_turn: bool
    is_formatted: bool
    transcript: str
    words: tuple[Word, ...]
    speaker: Label | None = None


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody speaks, and text will follow. ``timestamp`` in milliseconds."""

    timestamp: int
    confidence: float


@dataclass(frozen=True)
class RevisedTurn:
    """New labels for the words of a turn that is over; None: the speaker cannot be told."""

    order: int
    speaker: str | None
    words: tuple[Word, ...]


@dataclass(frozen=True)
class SpeakerRevision:
    """The server thinks otherwise about who spoke; only turns that changed are listed."""

    revisions: tuple[RevisedTurn, ...]


@dataclass(frozen=True)
class Heartbeat:
    """Every five seconds with ``session_heartbeat``; durations in milliseconds."""

    total_audio_received: int
    total_duration: int
    realtime_factor: float
    max_speech_probability: float


@dataclass(frozen=True)
class Silence:
    """Nobody spoke, with ``acknowledge_silence``; milliseconds."""

    start: int
    end: int


@dataclass(frozen=True)
class Warning:
    """Something that does not end the session."""

    code: int
    text: str


@dataclass(frozen=True)
class Error:
    """The session is lost; the connection closes with ``code`` and a reason that says nothing."""

    code: int
    text: str


@dataclass(frozen=True)
class Termination:
    """The session has ended as it should; durations in whole seconds."""

    audio_duration: int
    session_duration: int


@dataclass(frozen=True)
class Unknown:
    """A message of a type that is not known here; nothing needs to be done about it."""

    type: str


@dataclass(frozen=True)
class Malformed:
    """What came is no message. ``problem`` says why and never repeats what came."""

    problem: str


ServerMessage = (
    Begin
    | Turn
    | SpeechStarted
    | SpeakerRevision
    | Heartbeat
    | Silence
    | Warning
    | Error
    | Termination
    | Unknown
    | Malformed
)


def parse(data: str | bytes) -> ServerMessage:
    """What the server said. Never raises."""
    # Nearly every message is a Turn that is as documented.
    turn = _read_turn(data)
    if turn is not None and _runs_forward(turn):
        return turn
    try:
        message = loads(data)
    except NotJSON as problem:
        return Malformed(str(problem))
    return read(message)


def read(message: Any) -> ServerMessage:
    """`parse` for a value that was JSON."""
    if not isinstance(message, dict):
        return Malformed("not a JSON object")
    name = message.get("type")
    if not isinstance(name, str):
        # Some servers sent Turns, and errors, without a type (reported in 2026-05 and by the Python SDK).
        if "turn_order" in message and "words" in message:
            name = "Turn"
        elif "error" in message:
            name = "Error"
        else:
            return Malformed("no type")
    reader = _READERS.get(name)
    return reader(message) if reader else Unknown(name)


def terminate() -> str:
    """Ask for the end: what is still open is finalised, then Termination follows."""
    return dumps({"type": "Terminate"})


def force_endpoint() -> str:
    """End the turn now; one final follows after some 0.3 s, nothing when no turn is open."""
    return dumps({"type": "ForceEndpoint"})


def keep_alive() -> str:
    """Reset ``inactivity_timeout``; nothing answers."""
    return dumps({"type": "KeepAlive"})


def update_configuration(fields: Mapping[str, Any]) -> str:
    """Change settings of an open session; an invalid value ends it (3006). Lists stay lists here."""
    return dumps({"type": "UpdateConfiguration", **fields})


def _whole(value: Any) -> int:
    return round(value) if is_number(value) else 0


def _share(value: Any) -> float:
    return float(min(1, max(0, value))) if is_number(value) else 0.0


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _string_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _words(value: Any) -> tuple[Word, ...]:
    return tuple(_word(item) for item in _objects(value))


def _word(item: dict[str, Any]) -> Word:
    start = _whole(item.get("start"))
    return Word(
        _string(item.get("text")),
        start,
        max(start, _whole(item.get("end"))),
        _share(item.get("confidence")),
        item.get("word_is_final") is True,
        _string_or_none(item.get("speaker")),
    )


_read_turn = exact_reader(Turn)


def _runs_forward(turn: Turn) -> bool:
    """Whether every word ends after it starts."""
    return not [word for word in turn.words if word.start > word.end]  # half the time of `all`


def _begin(message: dict[str, Any]) -> Begin:
    configuration = message.get("configuration")
    return Begin(
        _string(message.get("id")),
        _whole(message.get("expires_at")),
        configuration if isinstance(configuration, dict) else {},
    )


def _turn(message: dict[str, Any]) -> Turn:
    return Turn(
        _whole(message.get("turn_order")),
        message.get("end_of_turn") is True,
        message.get("turn_is_formatted") is True,
        _string(message.get("transcript")),
        _words(message.get("words")),
        _string_or_none(message.get("speaker_label")),
    )


def _speaker_revision(message: dict[str, Any]) -> SpeakerRevision:
    return SpeakerRevision(
        tuple(
            RevisedTurn(
                _whole(item.get("turn_order")),
                _string_or_none(item.get("speaker_label")),
                _words(item.get("words")),
            )
            for item in _objects(message.get("revisions"))
        )
    )


def _heartbeat(message: dict[str, Any]) -> Heartbeat:
    factor = message.get("realtime_factor")
    return Heartbeat(
        _whole(message.get("total_audio_received_ms")),
        _whole(message.get("total_duration_ms")),
        float(factor) if is_number(factor) else 0.0,
        _share(message.get("max_speech_probability")),
    )


_READERS: dict[str, Callable[[dict[str, Any]], ServerMessage]] = {
    "Begin": _begin,
    "Turn": _turn,
    "SpeechStarted": lambda m: SpeechStarted(_whole(m.get("timestamp")), _share(m.get("confidence"))),
    "SpeakerRevision": _speaker_revision,
    "Heartbeat": _heartbeat,
    "Silence": lambda m: Silence(_whole(m.get("start_ms")), _whole(m.get("end_ms"))),
    "Warning": lambda m: Warning(_whole(m.get("warning_code")), _string(m.get("warning"))),
    "Error": lambda m: Error(_whole(m.get("error_code")), _string(m.get("error"))),
    "Termination": lambda m: Termination(
        _whole(m.get("audio_duration_seconds")), _whole(m.get("session_duration_seconds"))
    ),
}
