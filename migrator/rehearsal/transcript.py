"""What a program was told: one transcript, read from the messages of either vendor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]


@dataclass(frozen=True)
class SpokenWord:
    """One word as a final transcript gave it.

    Attributes:
        text: letters, digits and inner marks only, lower case: the vendors write punctuation differently.
        start: seconds from the first byte of audio.
        end: seconds from the first byte of audio.
        speaker: 0-based number of the speaker in order of appearance; None where speakers were not asked for.
    """

    text: str
    start: float
    end: float
    speaker: int | None = None


@dataclass(frozen=True)
class Transcript:
    """Everything that was final.

    Attributes:
        text: the finals as a program joins them, white space normalised.
        words: every word of every final, in the order of arrival.
        finals: the non-empty finals, stripped.
        partials: how many non-empty partials came.
        ended: whether the vendor said that the session is over (EndOfTranscript, Termination).
        errors: texts of the vendor's Error messages.
    """

    text: str
    words: tuple[SpokenWord, ...]
    finals: tuple[str, ...]
    partials: int
    ended: bool
    errors: tuple[str, ...]


def plain(word: str) -> str:
    """A word without surrounding punctuation, in lower case; empty if it is all punctuation."""
    return re.sub(r"^\W+|\W+$", "", word).casefold()


def from_speechmatics(messages: Iterable[Message]) -> Transcript:
    """Read the transcript that a sequence of Speechmatics server messages gives."""
    text, finals, words, errors = "", [], [], []
    partials, ended = 0, False
    speakers: dict[str, int] = {}
    for message in messages:
        kind = message.get("message")
        if kind == "AddTranscript":
            piece = message["metadata"]["transcript"]
            text += piece
            finals.append(piece)
            for item in message["results"]:
                if item["type"] == "punctuation":
                    continue
                best = item["alternatives"][0]
                speaker = _number(speakers, best.get("speaker"), unknown={"UU"})
                words.append(
                    SpokenWord(plain(best["content"]), item["start_time"], item["end_time"], speaker)
                )
        elif kind == "AddPartialTranscript":
            partials += bool(message["metadata"]["transcript"].strip())
        elif kind == "EndOfTranscript":
            ended = True
        elif kind == "Error":
            errors.append(f"{message.get('type')}: {message.get('reason')}")
    return _transcript(text, words, finals, partials, ended, errors)


def from_assemblyai(messages: Iterable[Message]) -> Transcript:
    """Read the transcript that a sequence of AssemblyAI server messages gives.

    Of two finals of one turn (``format_turns``) the second counts: it repeats the first, formatted.
    """
    turns: dict[int, Message] = {}
    errors = []
    partials, ended = 0, False
    for message in messages:
        kind = message.get("type")
        if kind == "Turn" and message["end_of_turn"]:
            turns[message["turn_order"]] = message
        elif kind == "Turn":
            partials += bool(message["words"])
        elif kind == "Termination":
            ended = True
        elif kind == "Error":
            errors.append(f"{message.get('error_code')}: {message.get('error')}")
    speakers: dict[str, int] = {}
    words = [
        SpokenWord(
            plain(word["text"]),
            word["start"] / 1000,
            word["end"] / 1000,
            _number(speakers, word.get("speaker"), unknown={"UNKNOWN", "PENDING"}),
        )
        for turn in turns.values()
        for word in turn["words"]
    ]
    finals = [turn["transcript"] for turn in turns.values()]
    return _transcript(" ".join(finals), words, finals, partials, ended, errors)


def from_messages(messages: Iterable[Message]) -> Transcript:
    """Read the transcript from messages of whichever vendor sent them."""
    received = list(messages)
    reader = from_speechmatics if any("message" in message for message in received) else from_assemblyai
    return reader(received)


def _transcript(
    text: str,
    words: list[SpokenWord],
    finals: list[str],
    partials: int,
    ended: bool,
    errors: list[str],
) -> Transcript:
    return Transcript(
        text=" ".join(text.split()),
        words=tuple(word for word in words if word.text),
        finals=tuple(piece.strip() for piece in finals if piece.strip()),
        partials=partials,
        ended=ended,
        errors=tuple(errors),
    )


def _number(speakers: dict[str, int], label: str | None, unknown: set[str]) -> int | None:
    if label is None or label in unknown:
        return None
    return speakers.setdefault(label, len(speakers))
