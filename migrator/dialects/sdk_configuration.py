"""What a program that uses an SDK asks of the service: the SDKs' configuration objects as parts of StartRecognition."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from migrator.analysis.names import UNKNOWN, keyword_value
from migrator.dialects.sdk import SdkProgram
from shim.protocol.mapping.parameters import ENCODINGS

_TRANSCRIPTION = "transcription_config"
BLOCKS = {
    "TranscriptionConfig": _TRANSCRIPTION,
    "AudioSettings": "audio_format",
    "AudioFormat": "audio_format",
    "ConversationConfig": f"{_TRANSCRIPTION}.conversation_config",
    "SpeakerDiarizationConfig": f"{_TRANSCRIPTION}.speaker_diarization_config",
    "RTSpeakerDiarizationConfig": f"{_TRANSCRIPTION}.speaker_diarization_config",
    "TranslationConfig": "translation_config",
    "RTTranslationConfig": "translation_config",
    "AudioEventsConfig": "audio_events_config",
}
"""The configuration classes of both SDKs, and where in StartRecognition their fields stand."""

_FIRST = {"TranscriptionConfig": "language", "AudioSettings": "encoding", "AudioFormat": "encoding"}
"""The field that the first positional argument is."""

_CLIENT_SIDE = frozenset({"audio_format.chunk_size", f"{_TRANSCRIPTION}.enable_translation_partials"})
"""Fields that are never sent."""

_IGNORED_BY_LEGACY = f"{_TRANSCRIPTION}.model"
"""speechmatics-python takes any keyword and sends those that it knows."""

SAMPLE_RATE = 44100
"""What both SDKs say of raw audio when the program says nothing, in hertz."""

LANGUAGE = f"{_TRANSCRIPTION}.language"


@dataclass(eq=False)
class Asked:
    """One configuration object, with those that stand in it.

    Attributes:
        call: what makes it.
        message: its part of StartRecognition, as far as it is known.
        fields: where the values stand, by path.
        unknown: paths whose values are only known at run time.
        is_open: whether it takes keywords from somewhere else, ``**options``.
    """

    call: ast.Call
    message: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, ast.expr] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    is_open: bool = False


def configurations(program: SdkProgram) -> Iterator[Asked]:
    """Every configuration object that is no part of another one, in order of line."""
    calls = list(program.calls(*BLOCKS))
    inner = {node for call, _ in calls for node in ast.walk(call) if node is not call}
    for call, path in calls:
        if call not in inner:
            yield asked(program, call, path)


def asked(program: SdkProgram, call: ast.Call, path: str) -> Asked:
    """What one configuration object asks for.

    Args:
        path: of its class, as the SDK has it.
    """
    found = Asked(call)
    _read(program, call, path, found)
    if path.endswith(".TranscriptionConfig") and LANGUAGE not in found.fields and not found.is_open:
        found.message.setdefault(_TRANSCRIPTION, {})["language"] = "en"
    return found


def constant(program: SdkProgram, expression: ast.expr | None) -> Any:
    """What an expression is worth, members of the SDKs' enums included; else `UNKNOWN`."""
    if isinstance(expression, ast.Attribute) and expression.attr == "value":
        return constant(program, expression.value)
    path = program.path(expression) if expression is not None else ""
    enum, _, member = path.rpartition(".")
    match enum.rpartition(".")[2]:
        case "AudioEncoding" if member.lower() in ENCODINGS:
            return member.lower()
        case "Model" | "OperatingPoint":
            return member.lower().replace("_", "-")
    return program.names.value(expression)


def _read(program: SdkProgram, call: ast.Call, path: str, found: Asked) -> None:
    name = path.rpartition(".")[2]
    block = BLOCKS[name]
    given = [(keyword.arg, keyword.value) for keyword in call.keywords]
    if call.args and name in _FIRST and not isinstance(call.args[0], ast.Starred):
        given.insert(0, (_FIRST[name], call.args[0]))
    found.is_open |= len(call.args) > 1 or any(name is None for name, _ in given)
    if block == "audio_format":
        encoding = keyword_value(call, "encoding") or (call.args[0] if call.args else None)
        is_file = encoding is None or constant(program, encoding) is None
        _put(found.message, "audio_format.type", "file" if is_file else "raw")
        if is_file:
            return
        if keyword_value(call, "sample_rate") is None:
            _put(found.message, "audio_format.sample_rate", SAMPLE_RATE)
    for keyword, value in given:
        field_path = f"{block}.{keyword}"
        is_ignored = field_path == _IGNORED_BY_LEGACY and ".rt." not in path
        if keyword is None or field_path in _CLIENT_SIDE or is_ignored:
            continue
        _value(program, field_path, value, found)


def _value(program: SdkProgram, path: str, value: ast.expr, found: Asked) -> None:
    resolved = program.names.resolve(value)
    if isinstance(resolved, ast.Call):
        inner = program.path(resolved.func)
        if inner.rpartition(".")[2] in BLOCKS:
            _read(program, resolved, inner, found)
            return
    known = constant(program, value)
    if known is None:
        return
    if isinstance(resolved, ast.Dict) and all(isinstance(key, ast.Constant) for key in resolved.keys):
        for key, item in zip(resolved.keys, resolved.values, strict=True):
            assert isinstance(key, ast.Constant)
            _value(program, f"{path}.{key.value!s}", item, found)
        return
    found.fields[path] = value
    if known is UNKNOWN:
        found.unknown.append(path)
    else:
        _put(found.message, path, known)


def _put(message: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        message = message.setdefault(name, {})
    message[last] = value
