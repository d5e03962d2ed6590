"""Faults of the emulators, as data: each has a name, a description, and a switch to turn it on.

A fault is written ``name[:argument][@seconds][#connection]``: ``close:3005@2.5`` closes with code 3005 once 2.5 s of
audio have come; ``reset@4#1`` resets the first connection alone after 4 s of audio.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

FAULT = re.compile(
    r"(?P<name>[a-z][a-z-]*)(:(?P<argument>[^@#]+))?(@(?P<at>\d+(\.\d+)?))?(#(?P<connection>[1-9]\d*))?"
)


@dataclass(frozen=True)
class Fault:
    """One fault that is turned on.

    Attributes:
        name: a key of `FAULTS`.
        argument: what the fault needs to know (a code, seconds, a label); its default where none was given.
        at: seconds of audio received after which it happens; 0 means as soon as the session has begun. Only
            `FaultKind.timed` faults have a moment.
        connection: number of the only connection that has it, counted from 1; None for all.
    """

    name: str
    argument: str = ""
    at: float = 0.0
    connection: int | None = None

    @property
    def number(self) -> float:
        """The argument as a number."""
        return float(self.argument)


@dataclass(frozen=True)
class FaultKind:
    """What a fault does.

    Attributes:
        description: for the list that users see.
        default: the argument where none is given; None if the fault takes no argument.
        numeric: the argument is a number.
        timed: it happens at one moment of the session, rather than changing all of it.
    """

    description: str
    default: str | None = None
    numeric: bool = True
    timed: bool = False


CONNECTION_FAULTS: dict[str, FaultKind] = {
    "http": FaultKind("answer the upgrade with this HTTP status instead of 101", "503"),
    "no-answer": FaultKind("take the connection and never answer the upgrade"),
    "reset-on-connect": FaultKind("answer the upgrade with a TCP reset"),
    "drop-before-start": FaultKind("after the 101, end the TCP connection without a close frame"),
    "no-start": FaultKind("never send the message that starts the session"),
    "slow-start": FaultKind("send the message that starts the session this many seconds late", "10"),
    "close": FaultKind("send a close frame with this code, without an error message", "1011", timed=True),
    "error": FaultKind(
        "send the service's error message of this kind, then close", "", numeric=False, timed=True
    ),
    "error-without-close": FaultKind(
        "send the service's error message of this kind and leave the connection open",
        "",
        numeric=False,
        timed=True,
    ),
    "reset": FaultKind("reset the TCP connection", timed=True),
    "drop": FaultKind("end the TCP connection without a close frame", timed=True),
    "stall": FaultKind("neither read nor write any more; the connection stays open", timed=True),
    "slow-reader": FaultKind("read at most this many bytes a second from here on", "1000", timed=True),
    "mute": FaultKind("send no more transcripts; the session ends cleanly", timed=True),
    "unknown-message": FaultKind("send a message of a type that no document names", timed=True),
    "broken-json": FaultKind("send a text message that is not JSON", timed=True),
    "binary-message": FaultKind("send a binary message", timed=True),
    "extra-fields": FaultKind("every message has a field that no document names"),
    "sliced": FaultKind("every byte leaves in a TCP packet of its own"),
    "duplicate-final": FaultKind("every final comes twice"),
    "empty-final": FaultKind("an empty final follows every final"),
}

FAULTS: dict[str, dict[str, FaultKind]] = {
    "assemblyai": {
        **CONNECTION_FAULTS,
        "refuse": FaultKind("instead of Begin, the error of this kind, then close", "1008", numeric=False),
        "close-before-start": FaultKind(
            "instead of Begin, a close frame of this code, without an error", "1011"
        ),
        "session-rate": FaultKind("refuse more than this many new sessions a minute with 1008", "5"),
        "padded-times": FaultKind("turns seem to begin 1 s early and to end 0.24 s late, as seen in 2026-09"),
        "final-words-only": FaultKind(
            "the transcript of a Universal-Streaming partial lacks its last, non-final word"
        ),
        "single-final": FaultKind("with format_turns, only the formatted final comes"),
        "unformatted-only": FaultKind("with format_turns, the formatted final never comes"),
        "no-empty-final": FaultKind("Universal-Streaming sends no empty final after Terminate"),
        "formatted-streaming": FaultKind(
            "Universal-Streaming punctuates every Turn, as its documentation of March 2026 shows"
        ),
        "unformatted-partials": FaultKind(
            "partials of the Universal-3 family have turn_is_formatted false, as in March 2026"
        ),
        "turn-order": FaultKind("turn_order goes back by one at every other turn"),
        "empty-words": FaultKind("no Turn has words"),
        "no-type": FaultKind("no Turn has its type"),
        "unknown-speaker": FaultKind("every turn has this speaker label", "UNKNOWN", numeric=False),
        "pending-words": FaultKind("the first word of every turn has the speaker label PENDING"),
        "wrong-speakers": FaultKind("live speaker labels are exchanged; SpeakerRevision corrects them"),
        "no-termination": FaultKind("after Terminate, close without Termination"),
        "late-termination": FaultKind("Termination comes this many seconds late", "10"),
        "hang-after-terminate": FaultKind("after Terminate, finals but neither Termination nor a close"),
        "session-cap": FaultKind("sessions last this many seconds, then end with 3008", "5"),
        "strict-pace": FaultKind(
            "audio more than this many seconds ahead of real time is an error 3007", "2"
        ),
        "warning": FaultKind("send a Warning with this code", "1", timed=True),
    },
    "speechmatics": {
        **CONNECTION_FAULTS,
        "refuse": FaultKind(
            "answer StartRecognition with an Error of this type, then close", "job_error", numeric=False
        ),
        "close-before-start": FaultKind("answer StartRecognition with a close frame of this code", "1008"),
        "early-warning": FaultKind(
            "a Warning of this type precedes RecognitionStarted", "validation_warning", numeric=False
        ),
        "delayed-acks": FaultKind("every AudioAdded comes this many seconds late", "5"),
        "missing-acks": FaultKind("no AudioAdded is sent"),
        "surplus-acks": FaultKind("every AudioAdded comes twice"),
        "unpaired-finals": FaultKind("no AddPartialTranscript is sent, although partials are on"),
        "lone-punctuation": FaultKind("a mark at the end of a final comes as a final of its own"),
        "relabelled-speakers": FaultKind("words of partials have the speaker UU; finals have the right one"),
        "missing-confidence": FaultKind("no alternative has its confidence"),
        "json-in-binary": FaultKind("every message comes in a binary frame"),
        "close-after-end": FaultKind(
            "after EndOfStream, close with this code, without EndOfTranscript", "1000"
        ),
        "hang-after-end": FaultKind("after EndOfStream, finals but neither EndOfTranscript nor a close"),
        "late-end": FaultKind("EndOfTranscript comes this many seconds late", "10"),
        "warning": FaultKind("send a Warning of this type", "idle_timeout", numeric=False, timed=True),
        "info": FaultKind("send an Info of this type", "recognition_quality", numeric=False, timed=True),
        "large-message": FaultKind("send a message of more than 1 MiB", timed=True),
    },
}
"""What each emulator can do wrong, by service and name."""


class UnknownFault(ValueError):
    """The text names no fault; ``str()`` says which there are."""


def parse(text: str, service: str) -> Fault:
    """Read a fault as users write it.

    Args:
        text: ``close:3005@2.5``, ``slow-start:3``, ``reset@4#1``.
        service: a key of `FAULTS`.

    Raises:
        UnknownFault: there is no such fault, or it takes no such argument.
    """
    kinds = FAULTS[service]
    match = FAULT.fullmatch(text)
    kind = kinds.get(match["name"]) if match else None
    if match is None or kind is None:
        raise UnknownFault(f"{text!r} is no fault of the {service} emulator; there are: {', '.join(kinds)}")
    name, argument = match["name"], match["argument"]
    if argument is not None and kind.default is None:
        raise UnknownFault(f"the fault {name!r} takes no argument, but {text!r} gives it one")
    if argument is not None and kind.numeric and not re.fullmatch(r"\d+(\.\d+)?", argument):
        raise UnknownFault(f"the argument of the fault {name!r} is a number, not {argument!r}")
    if match["at"] is not None and not kind.timed:
        raise UnknownFault(f"the fault {name!r} has no moment: leave out @{match['at']}")
    return Fault(
        name,
        kind.default or "" if argument is None else argument,
        float(match["at"] or 0),
        int(match["connection"]) if match["connection"] else None,
    )


def parse_all(faults: Iterable[str | Fault], service: str) -> tuple[Fault, ...]:
    """Read several faults; those that are read already stay as they are.

    Raises:
        UnknownFault: as `parse`.
    """
    return tuple(fault if isinstance(fault, Fault) else parse(fault, service) for fault in faults)


class ActiveFaults:
    """The faults of one connection, and which of them have happened."""

    def __init__(self, faults: Sequence[Fault], connection: int, service: str) -> None:
        mine = [fault for fault in faults if fault.connection in (None, connection)]
        kinds = FAULTS[service]
        self._lasting = {fault.name: fault for fault in mine if not kinds[fault.name].timed}
        self._waiting = sorted(
            (fault for fault in mine if kinds[fault.name].timed), key=lambda fault: fault.at
        )

    def get(self, name: str) -> Fault | None:
        """The fault of that name that changes the whole session, if it is on."""
        return self._lasting.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._lasting

    def due(self, seconds: float) -> list[Fault]:
        """The timed faults whose moment has come with ``seconds`` of audio; each is returned once."""
        due = [fault for fault in self._waiting if fault.at <= seconds]
        self._waiting = self._waiting[len(due) :]
        return due


def describe(service: str) -> str:
    """One line for each fault of a service, for a terminal."""
    width = max(map(len, FAULTS[service]))
    return "\n".join(f"  {name:{width}}  {kind.description}" for name, kind in FAULTS[service].items())
