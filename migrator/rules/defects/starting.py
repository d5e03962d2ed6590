"""Sessions that Speechmatics refuses, or never begins: the messages in a wrong order, or with wrong content."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator, Mapping
from typing import Any

from migrator.analysis.names import UNKNOWN
from migrator.dialects.sdk_configuration import configurations
from migrator.dialects.session import Session
from migrator.rules.connection_parameters import start_message
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule
from shim.protocol.mapping.languages import DEFAULT_MODEL
from shim.protocol.mapping.parameters import OBJECTS, PARAMETERS, query_parameters

_RATE = "audio_format.sample_rate"
_BESIDE = ("type", "audio_events_config", "translation_config")
"""What stands in StartRecognition itself; the SDKs take it with the configuration."""
_START = "StartRecognition"


def _order(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    if session is None or not facts.is_speechmatics:
        return
    if session.start is None:
        yield from _never_started(session)
        return
    start = session.start.call
    audio = [call for call, data in session.audio if _is_audio(session, data)]
    for call in audio:
        if _is_before(session, call, start):
            yield Defect(
                call.lineno,
                f"audio is sent before {_START} (line {{other}}), which Speechmatics answers with the Error "
                "protocol_error: send it first, and wait for RecognitionStarted",
                start.lineno,
            )
    for end in session.ends:
        for call in audio:
            if _is_before(session, end.call, call):
                yield Defect(
                    call.lineno,
                    "audio is sent after EndOfStream (line {other}), which Speechmatics ignores with a Warning: send "
                    "EndOfStream last",
                    end.call.lineno,
                )


def _never_started(session: Session) -> Iterator[Defect]:
    is_named = any(point.text == _START for point in session.touch_points)
    is_all_audio = session.audio and all(_is_audio(session, data) for _, data in session.audio)
    if is_all_audio and not is_named and session.is_followed:
        call = min((call for call, _ in session.audio), key=lambda call: call.lineno)
        yield Defect(
            call.lineno,
            f"audio is sent, and nothing here ever sends {_START}, so Speechmatics answers with the Error "
            "protocol_error and transcribes nothing",
        )


def _is_audio(session: Session, data: ast.expr) -> bool:
    """Whether a value certainly is sound: bytes that are made here, or a piece of something that is read in pieces."""
    match session.names.resolve(data):
        case ast.Constant(value=bytes()) | ast.Call(func=ast.Name(id="bytes" | "bytearray")):
            return True
        case ast.Call(func=ast.Attribute(attr="read" | "readframes"), args=[_, *_]):
            return True
    return False


def _is_before(session: Session, first: ast.Call, second: ast.Call) -> bool:
    """Whether one call is made before another whatever happens: in an earlier statement of the same block, under no
    condition, and not again in a later round of a loop."""
    names = session.names
    if names.function(first) is not names.function(second) or _LOOPS & _kinds_around(session, second):
        return False
    around = [node for node in (second, *names.ancestors(second)) if isinstance(node, ast.stmt)]
    for node in names.ancestors(first):
        if not isinstance(node, ast.stmt):
            continue
        block = names.block(node)
        other = next((statement for statement in around if statement in block), None)
        if other is not None:
            return block.index(node) < block.index(other)
        owner = names.parents[node]
        if not isinstance(owner, ast.For | ast.AsyncFor | ast.With | ast.AsyncWith):
            return False
    return False


_LOOPS = {ast.For, ast.AsyncFor, ast.While}


def _kinds_around(session: Session, call: ast.Call) -> set[type[ast.AST]]:
    """The kinds of statements around a call, within its function."""
    kinds: set[type[ast.AST]] = set()
    for node in session.names.ancestors(call):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            break
        kinds.add(type(node))
    return kinds


ORDER = Detector(
    Rule(
        id="broken-order",
        title="Messages in an order that Speechmatics refuses",
        why=(
            "A session begins with `StartRecognition`, and ends with `EndOfStream`. Speechmatics answers audio before "
            "the one with the Error `protocol_error`, and ignores audio after the other."
        ),
    ),
    _order,
)


def _configuration(facts: Facts) -> Iterator[Defect]:
    session, program = facts.session, facts.program
    if session is not None and session.start is not None and facts.is_speechmatics:
        message, unknown = start_message(session)
        is_whole = not any(path.endswith("*") or path in OBJECTS for path in unknown)
        yield from _asked(message, session.start.fields, session.start.call.lineno, unknown, is_whole)
    for asked in configurations(program) if program is not None else ():
        yield from _asked(asked.message, asked.fields, asked.call.lineno, asked.unknown)


def _asked(
    message: Mapping[str, Any],
    fields: Mapping[str, ast.expr],
    line: int,
    unknown: Container[str],
    is_whole: bool = False,
) -> Iterator[Defect]:
    """What Speechmatics refuses of a configuration.

    Args:
        message: as far as it is known.
        fields: where its values stand, by path.
        line: where it stands itself.
        unknown: the paths of the other values.
        is_whole: whether all its keys are known, so that one that is missing can be told.
    """
    misplaced = {found: path for path in fields if (found := _misplaced(path)) != ("", "")}
    for (key, home), path in misplaced.items():
        holder, _, name = key.rpartition(".")
        yield Defect(
            fields[path].lineno,
            f"{name} stands in {holder or _START + ' itself'}, where Speechmatics knows no such key, so the session is "
            f"refused or goes on without it: its place is {home.rpartition('.')[0]}",
        )
    for notice in query_parameters(message, DEFAULT_MODEL, channels=True, text=True)[1]:
        path = notice.path
        if notice.level != "error" or path in unknown or _is_ours(path, message):
            continue
        if path in fields or (is_whole and not misplaced):
            at = fields[path].lineno if path in fields else line
            reason = notice.reason.rstrip(".")
            yield Defect(at, f"Speechmatics refuses the session with an Error: {reason}")


def _misplaced(path: str) -> tuple[str, str]:
    """The key of a path that stands in a wrong place, with its own path, and where it belongs; empty where all of them are
    right, or not known at all."""
    parts = path.split(".")
    for end in range(1, len(parts) + 1):
        beginning = ".".join(parts[:end])
        if beginning in PARAMETERS or beginning in OBJECTS:
            continue
        homes = [known for known in (*PARAMETERS, *OBJECTS) if known.rpartition(".")[2] == parts[end - 1]]
        homes = [known for known in homes if "[" not in known and known not in _BESIDE]
        return (beginning, homes[0]) if homes else ("", "")
    return "", ""


def _is_ours(path: str, message: Mapping[str, Any]) -> bool:
    """Whether a refusal is AssemblyAI's: it takes fewer sample rates than Speechmatics."""
    rate = message.get("audio_format", {}).get("sample_rate", UNKNOWN) if path == _RATE else None
    return path == _RATE and isinstance(rate, int) and rate > 0


CONFIGURATION = Detector(
    Rule(
        id="broken-configuration",
        title="A configuration that Speechmatics refuses",
        why=(
            "Speechmatics checks `StartRecognition`: the keys of `transcription_config` do not stand beside it or in "
            "`audio_format`, raw audio has an encoding and a sample rate, and some values are one of a list. It answers "
            "anything else with an Error and closes the connection. The SDKs refuse a key in a wrong object "
            "themselves (speechmatics-rt), or drop it without a word (speechmatics-python)."
        ),
    ),
    _configuration,
)
