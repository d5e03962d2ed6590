"""Messages, fields and labels: one vocabulary's word and what the other says instead.

Sources: the API references of both services; AssemblyAI's shapes as observed live 2026-09.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeGuard


@dataclass(frozen=True)
class Message:
    """A message of one service.

    Attributes:
        name: its ``message`` (Speechmatics) or ``type`` (AssemblyAI); audio has the name that the documents use.
        counterpart: the other service's message; empty when there is none.
        note: how one becomes the other, or what happens without a counterpart.
    """

    name: str
    counterpart: str
    note: str


@dataclass(frozen=True)
class Field:
    """A field that has another name, place or unit on the other side.

    Attributes:
        speechmatics: path in a Speechmatics message; ``[]`` stands for each item.
        assemblyai: path in an AssemblyAI message; empty when it has none.
        note: unit and conversion.
    """

    speechmatics: str
    assemblyai: str
    note: str


def _by_name(*rows: Message) -> dict[str, Message]:
    return {row.name: row for row in rows}


CLIENT_MESSAGES: dict[str, Message] = _by_name(
    Message(
        "StartRecognition",
        "",
        "There is no start message: the configuration is the query string of the address.",
    ),
    Message(
        "AddAudio",
        "audio",
        "A binary frame on both sides; AssemblyAI takes 50 to 1000 ms a frame, and sends no acknowledgement.",
    ),
    Message(
        "AddChannelAudio", "", "A session takes mono audio only: open one AssemblyAI session per channel."
    ),
    Message("EndOfStream", "Terminate", "`last_seq_no` is not needed; wait for Termination."),
    Message("EndOfChannel", "Terminate", "Ends the session of that channel."),
    Message(
        "SetRecognitionConfig",
        "UpdateConfiguration",
        "The silence that ends a turn is updated; partials and delay are the drop-in's own matter. Nothing answers.",
    ),
    Message("ForceEndOfUtterance", "ForceEndpoint", "`timestamp` and `channel` have no counterpart."),
    Message(
        "GetSpeakers",
        "",
        "AssemblyAI has no speaker identifiers; the drop-in answers with an empty SpeakersResult.",
    ),
)
"""What a Speechmatics client sends."""

SERVER_MESSAGES: dict[str, Message] = _by_name(
    Message("RecognitionStarted", "Begin", "`id` stays `id`; nothing tells of the language pack."),
    Message(
        "AudioAdded", "", "AssemblyAI acknowledges nothing; the drop-in counts the audio messages itself."
    ),
    Message("ChannelAudioAdded", "", "As AudioAdded, for each channel."),
    Message(
        "AddPartialTranscript",
        "Turn",
        "`end_of_turn` is false. A Turn repeats the whole turn, a partial only what follows the last final.",
    ),
    Message(
        "AddTranscript",
        "Turn",
        "`end_of_turn` is true. A final Turn holds the whole turn, a final transcript one piece of it.",
    ),
    Message(
        "EndOfUtterance", "Turn", "`end_of_turn` is true: the end of the turn is the end of the utterance."
    ),
    Message("AddPartialTranslation", "", "No translation."),
    Message("AddTranslation", "", "No translation."),
    Message("AudioEventStarted", "", "No audio events."),
    Message("AudioEventEnded", "", "No audio events."),
    Message("SpeakersResult", "", "No speaker identifiers."),
    Message("EndOfTranscript", "Termination", "Follows the last final. AssemblyAI then closes with 1000."),
    Message("Info", "", "No counterpart."),
    Message("Warning", "Warning", "`type` and `reason` become `warning_code` (a number) and `warning`."),
    Message(
        "Error",
        "Error",
        "`type` and `reason` become `error_code` (a number) and `error`; the close code is the same number.",
    ),
    Message("LanguageInfo", "", "A preview; `language_code` of a Turn tells the language."),
)
"""What a Speechmatics server sends."""

ASSEMBLYAI_CLIENT_MESSAGES: dict[str, Message] = _by_name(
    Message("audio", "AddAudio", "A binary frame of 50 to 1000 ms, mono."),
    Message("Terminate", "EndOfStream", "Audio after it is pointless."),
    Message("ForceEndpoint", "ForceEndOfUtterance", "Ends the turn now; a final follows after some 0.3 s."),
    Message(
        "UpdateConfiguration",
        "SetRecognitionConfig",
        "Takes effect at once; an invalid value ends the session.",
    ),
    Message("KeepAlive", "", "Only needed with `inactivity_timeout`, which has no counterpart."),
)
"""What an AssemblyAI client sends."""

ASSEMBLYAI_SERVER_MESSAGES: dict[str, Message] = _by_name(
    Message("Begin", "RecognitionStarted", "The first message."),
    Message(
        "Turn",
        "AddPartialTranscript, AddTranscript, EndOfUtterance",
        "One message for all three; `turn_order` and `end_of_turn` tell which.",
    ),
    Message("SpeechStarted", "", "Comes just before the first partial of a turn."),
    Message("SpeakerRevision", "", "Corrects labels afterwards; a Speechmatics final is never revised."),
    Message("Heartbeat", "", "Only with `session_heartbeat`."),
    Message("Silence", "", "Only with `acknowledge_silence`."),
    Message("LLMGatewayResponse", "", "Only with `llm_gateway`."),
    Message("Warning", "Warning", "Not fatal."),
    Message("Error", "Error", "The connection closes with the same code."),
    Message("Termination", "EndOfTranscript", "The last message; then the server closes with 1000."),
)
"""What an AssemblyAI server sends."""

FIELDS: tuple[Field, ...] = (
    Field("message", "type", "the name of the message"),
    Field("id", "id", "of RecognitionStarted and Begin"),
    Field(
        "metadata.transcript",
        "transcript",
        "one piece of the turn, with a space at the end, becomes the whole turn, without",
    ),
    Field("metadata.start_time", "words[].start", "of the first word; seconds become milliseconds"),
    Field("metadata.end_time", "words[].end", "of the last word; seconds become milliseconds"),
    Field("results[]", "words[]", "punctuation is part of the word's text, not an item of its own"),
    Field("results[].start_time", "words[].start", "seconds (float) become milliseconds (integer)"),
    Field("results[].end_time", "words[].end", "seconds (float) become milliseconds (integer)"),
    Field("results[].alternatives[].content", "words[].text", "punctuation attached"),
    Field("results[].alternatives[].confidence", "words[].confidence", "0 to 1 on both sides"),
    Field(
        "results[].alternatives[].speaker",
        "words[].speaker",
        "S1, S2, UU become A, B, UNKNOWN or PENDING or nothing",
    ),
    Field(
        "results[].alternatives[].language",
        "language_code",
        "of the whole turn, and only with `language_detection`",
    ),
    Field("results[].type", "", "every item is a word"),
    Field("results[].is_eos", "", "look at the punctuation mark at the end of the word's text"),
    Field("results[].attaches_to", "", "punctuation is attached already"),
    Field("results[].volume", "", "no counterpart"),
    Field("seq_no", "", "AssemblyAI counts no audio messages"),
    Field("last_seq_no", "", "not needed"),
    Field("type", "error_code", "of an Error: a name becomes a number"),
    Field("reason", "error", "of an Error: the text"),
)
"""Fields that a reader of Speechmatics messages uses, and where AssemblyAI has them."""

UNKNOWN_SPEAKER = "UU"
NO_SPEAKER_LABELS = frozenset({"UNKNOWN", "PENDING"})
"""What AssemblyAI writes where it cannot tell the speaker (the first until 2026-06, the second since)."""

_LETTERS = re.compile(r"[A-Z]{1,2}")


@lru_cache(maxsize=1024)
def speaker_label(label: str | None) -> str:
    """AssemblyAI's speaker label as Speechmatics writes it: A is S1, B is S2, Z is S26, AA is S27.

    None, UNKNOWN, PENDING and anything else become ``UU``.
    """
    number = speaker_number(label)
    return f"S{number}" if number else UNKNOWN_SPEAKER


def later_label(label: str | None, earlier: int) -> str | None:
    """AssemblyAI's label of somebody before whom ``earlier`` speakers of other connections came: A after two is C."""
    number = speaker_number(label)
    if not number or not earlier:
        return label
    first, second = divmod(number + earlier - 1, 26)
    if first > 26:
        return None  # more speakers than there are labels: better none than somebody else's
    return (chr(ord("A") + first - 1) if first else "") + chr(ord("A") + second)


def speaker_number(label: str | None) -> int:
    """1 for A, 2 for B, 27 for AA; 0 where AssemblyAI does not tell the speaker."""
    if label is None or label in NO_SPEAKER_LABELS or not _LETTERS.fullmatch(label):
        return 0
    number = 0
    for letter in label:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether a JSON value is a number that a float can hold; true and false are none."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )


def seconds(milliseconds: int) -> float:
    """AssemblyAI's milliseconds as Speechmatics' seconds."""
    return milliseconds / 1000


def milliseconds(seconds: float) -> int:
    """Speechmatics' seconds as AssemblyAI's milliseconds, to the nearest whole one."""
    return round(seconds * 1000)
