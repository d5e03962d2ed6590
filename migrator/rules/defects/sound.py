"""Audio that is not what Speechmatics is told it is, and frames of the wrong kind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.analysis.names import UNKNOWN, Names, keyword_value
from migrator.analysis.source import Source
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.sdk_configuration import Asked, configurations
from migrator.dialects.session import Session
from migrator.rules.code import called
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule
from shim.protocol.mapping.parameters import ENCODINGS

_SAMPLES = {
    "paInt16": "pcm_s16le",
    "paFloat32": "pcm_f32le",
    "paInt8": "8-bit integers",
    "paUInt8": "8-bit integers",
    "paInt24": "24-bit integers",
    "paInt32": "32-bit integers",
    "int16": "pcm_s16le",
    "float32": "pcm_f32le",
    "int8": "8-bit integers",
    "uint8": "8-bit integers",
    "int24": "24-bit integers",
    "int32": "32-bit integers",
}
"""What a recorder gives, by PyAudio's format or sounddevice's dtype: an encoding, or what none is for."""

_CONVERTS = re.compile(
    r"\b(?:audioop|astype|frombuffer|tobytes|resample\w*|soxr|librosa|pydub|torchaudio|struct|array|scipy|ffmpeg|decimate"
    r"|convert\w*|\w*(?:ulaw|mulaw|mu_law)\w*|view)\b",
    re.IGNORECASE,
)
"""Names that show that a program may change samples on their way."""

_ELSEWHERE = re.compile(r"\bwave\b|['\"]rb['\"]|\bsoundfile\b|\bBytesIO\b|\bPopen\b|\bcreate_subprocess")
"""Signs that the audio may also come from somewhere else than the recorder."""


@dataclass(frozen=True)
class _Recorder:
    """A microphone that the program opens.

    Attributes:
        samples: an encoding, or what it gives instead; empty where that is not known.
        rate: in hertz; 0 where it is not known.
        channels: 0 where that is not known.
    """

    call: ast.Call
    samples: str
    rate: int
    channels: int


def _recorders(source: Source, names: Names) -> list[_Recorder]:
    found = []
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        if name == "open" and keyword_value(node, "format") and keyword_value(node, "input"):
            chosen, rate = keyword_value(node, "format"), keyword_value(node, "rate")
        elif name == "RawInputStream":
            chosen, rate = keyword_value(node, "dtype"), keyword_value(node, "samplerate")
        else:
            continue
        channels = keyword_value(node, "channels")
        found.append(_Recorder(node, _samples(names, chosen), _number(names, rate), _number(names, channels)))
    return found


def _samples(names: Names, chosen: ast.expr | None) -> str:
    if chosen is None:
        return ""
    node = names.resolve(chosen)
    value = names.value(node)
    if isinstance(node, ast.Attribute):
        value = node.attr
    elif isinstance(node, ast.Name):
        binding = names.binding(node)
        stores = binding.stores if binding is not None else []
        value = stores[0].name if len(stores) == 1 and isinstance(stores[0], ast.alias) else UNKNOWN
    return _SAMPLES.get(value, "") if isinstance(value, str) else ""


def _number(names: Names, expression: ast.expr | None) -> int:
    value = names.value(expression)
    return value if isinstance(value, int) else 0


def _sound(facts: Facts) -> Iterator[Defect]:
    session, program = facts.session, facts.program
    if session is not None and session.start is not None and facts.is_speechmatics:
        fields = session.start.fields
        encoding, rate = fields.get("audio_format.encoding"), fields.get("audio_format.sample_rate")
        told = _Told(
            str(facts.names.value(encoding)), _number(facts.names, rate), encoding or session.start.call, rate
        )
        if facts.names.value(fields.get("audio_format.type")) == "raw":
            yield from _compared(facts, told)
    if program is not None:
        said = [asked for asked in configurations(program) if "audio_format" in asked.message]
        if len(said) == 1 and said[0].message["audio_format"].get("type") == "raw":
            yield from _compared(facts, _told(said[0]))
        yield from _of_the_sdk(program, said)


@dataclass(frozen=True)
class _Told:
    """What Speechmatics is told of the audio."""

    encoding: str
    rate: int
    encoding_at: ast.expr
    rate_at: ast.expr | None


def _told(asked: Asked) -> _Told:
    audio, fields = asked.message["audio_format"], asked.fields
    rate = audio.get("sample_rate")
    return _Told(
        str(audio.get("encoding")),
        rate if isinstance(rate, int) else 0,
        fields.get("audio_format.encoding", asked.call),
        fields.get("audio_format.sample_rate", asked.call),
    )


def _compared(facts: Facts, told: _Told) -> Iterator[Defect]:
    """One recorder, whose samples nothing changes, against what is said of them."""
    recorders = _recorders(facts.source, facts.names)
    if len(recorders) != 1 or _CONVERTS.search(facts.source.text) or _ELSEWHERE.search(facts.source.text):
        return
    [recorder] = recorders
    line = recorder.call.lineno
    if recorder.samples and told.encoding in ENCODINGS and recorder.samples != told.encoding:
        yield Defect(
            told.encoding_at.lineno,
            f"the microphone (line {{other}}) gives {recorder.samples}, and Speechmatics is told {told.encoding}: it hears "
            "noise, and no words",
            line,
        )
    if recorder.rate and told.rate and recorder.rate != told.rate and told.rate_at is not None:
        yield Defect(
            told.rate_at.lineno,
            f"the microphone (line {{other}}) records {recorder.rate} Hz, and Speechmatics is told {told.rate} Hz: it hears "
            "speech at the wrong speed, and the times are wrong",
            line,
        )
    if recorder.channels > 1:
        yield Defect(
            line,
            f"the microphone gives {recorder.channels} channels, one sample after the other, and raw audio is one channel "
            "for Speechmatics: it hears speech at the wrong speed",
        )


def _of_the_sdk(program: SdkProgram, said: list[Asked]) -> Iterator[Defect]:
    """The microphone of speechmatics-rt, which gives 16-bit samples."""
    made = [call for call, path in program.calls("Microphone") if ".rt." in path]
    if len(made) != 1 or len(said) != 1 or _CONVERTS.search(program.source.text):
        return
    [call], [asked] = made, said
    audio = asked.message["audio_format"]
    line = call.lineno
    rate = keyword_value(call, "sample_rate") or next(iter(call.args), None)
    channels = keyword_value(call, "channels") or next(iter(call.args[1:2]), None)
    recorded = 16000 if rate is None else _number(program.names, rate)
    if audio.get("type") == "file":
        yield Defect(
            asked.call.lineno,
            "the microphone (line {other}) gives samples, and Speechmatics is told that a file comes, so it answers with the "
            "Error invalid_audio_type: say encoding=AudioEncoding.PCM_S16LE and the sample rate",
            line,
        )
        return
    told = _told(asked)
    if told.encoding in ENCODINGS and told.encoding != "pcm_s16le":
        yield Defect(
            told.encoding_at.lineno,
            f"the microphone (line {{other}}) gives pcm_s16le, and Speechmatics is told {told.encoding}: it hears noise, and "
            "no words",
            line,
        )
    if recorded and told.rate and recorded != told.rate and told.rate_at is not None:
        yield Defect(
            told.rate_at.lineno,
            f"the microphone (line {{other}}) records {recorded} Hz, and Speechmatics is told {told.rate} Hz: it hears speech "
            "at the wrong speed, and the times are wrong",
            line,
        )
    if _number(program.names, channels) > 1:
        yield Defect(
            line,
            f"the microphone is opened with {_number(program.names, channels)} channels (the second argument), and raw audio "
            "is one channel for Speechmatics",
        )


SOUND = Detector(
    Rule(
        id="broken-audio",
        title="The audio is not what Speechmatics is told it is",
        why=(
            "Speechmatics takes raw samples as what `audio_format` says. Floats that are read as integers, or another rate "
            "than that of the microphone, give noise, and with it no transcript, without any error. It is only said where "
            "the program has one microphone, nothing that changes samples, and no other audio."
        ),
    ),
    _sound,
)


def _frame(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    if session is None or not facts.is_speechmatics:
        return
    for call, data in session.audio:
        if _is_encoded_json(session, data):
            yield Defect(
                call.lineno,
                "JSON is sent as a binary message, which Speechmatics takes for audio: send the text that json.dumps "
                "returns, without encode()",
            )
    known = {call for call, _ in session.audio}
    for node in ast.walk(session.source.tree):
        if (
            session.library.module == "websocket"
            and isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("send", "send_text")
            and node not in known
            and session.is_socket(node.func.value)
            and node.args[:1]
            and len(node.args) + len(node.keywords) == 1
            and _is_sound(session, node.args[0])
        ):
            yield Defect(
                node.lineno,
                f"{node.func.attr}() sends audio as a text message here, which is no text, so that the connection is closed: "
                "send_binary() sends audio",
            )


def _is_encoded_json(session: Session, data: ast.expr) -> bool:
    resolved = session.names.resolve(data)
    match resolved:
        case ast.Call(func=ast.Attribute(value=inner, attr="encode")):
            made = session.names.resolve(inner)
            return isinstance(made, ast.Call) and called(made) == "dumps"
    return False


def _is_sound(session: Session, data: ast.expr) -> bool:
    """Whether a value is what was read from a recorder, or from a WAV file."""
    names = session.names
    resolved = names.resolve(data)
    match resolved:
        case ast.Call(func=ast.Attribute(value=stream, attr="read")):
            opened = names.resolve(stream)
            return isinstance(opened, ast.Call) and any(
                recorder.call is opened for recorder in _recorders(session.source, names)
            )
        case ast.Call(func=ast.Attribute(attr="readframes")):
            return True
    return False


FRAME = Detector(
    Rule(
        id="broken-frame",
        title="A message goes in a frame of the wrong kind",
        why=(
            "Speechmatics takes every binary message for audio and every text for JSON. `json.dumps(...).encode()` makes a "
            "binary message of a text, and `send()` of websocket-client a text message of everything, unless it is "
            "given the opcode."
        ),
    ),
    _frame,
)
