"""Speechmatics real-time's vocabulary: what its server says, typed and built, and the types that its messages name.

Each builder returns a dict with its keys in the order in which the service sends them (captured 2025-09). Times are
seconds from the start of the session. Optional keys are left out, never null: that is how clients tell their absence.

Source: Speechmatics' AsyncAPI specification (2026-08).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal, TypedDict

from shim.protocol.mapping.languages import LanguagePackInfo

FORMAT = "2.9"
"""Version of the transcript's form, as sent with every transcript."""


class InfoType(str, Enum):
    """``type`` of an Info."""

    RECOGNITION_QUALITY = "recognition_quality"
    CONCURRENT_SESSION_USAGE = "concurrent_session_usage"


class WarningType(str, Enum):
    """``type`` of a Warning."""

    DURATION_LIMIT_EXCEEDED = "duration_limit_exceeded"
    UNSUPPORTED_TRANSLATION_PAIR = "unsupported_translation_pair"
    IDLE_TIMEOUT = "idle_timeout"
    SESSION_TIMEOUT = "session_timeout"
    EMPTY_TRANSLATION_TARGET_LIST = "empty_translation_target_list"
    ADD_AUDIO_AFTER_EOS = "add_audio_after_eos"
    SPEAKER_ID = "speaker_id"
    VALIDATION_WARNING = "validation_warning"
    """Something of the configuration is not followed. In the custom-dictionary docs, not in the specification's list."""


class ErrorType(str, Enum):
    """``type`` of an Error."""

    INVALID_MESSAGE = "invalid_message"
    INVALID_MODEL = "invalid_model"
    INVALID_LANGUAGE = "invalid_language"
    INVALID_CONFIG = "invalid_config"
    INVALID_AUDIO_TYPE = "invalid_audio_type"
    INVALID_OUTPUT_FORMAT = "invalid_output_format"
    NOT_AUTHORISED = "not_authorised"
    NOT_ALLOWED = "not_allowed"
    JOB_ERROR = "job_error"
    PROTOCOL_ERROR = "protocol_error"
    QUOTA_EXCEEDED = "quota_exceeded"
    TIMELIMIT_EXCEEDED = "timelimit_exceeded"
    IDLE_TIMEOUT = "idle_timeout"
    SESSION_TIMEOUT = "session_timeout"
    UNKNOWN_ERROR = "unknown_error"


class _Alternative(TypedDict):
    confidence: float
    content: str
    language: str


class Alternative(_Alternative, total=False):
    """One reading of a result; every result has exactly one. ``speaker`` only with speaker diarization."""

    speaker: str
    tags: list[Literal["disfluency", "profanity"]]


class WordResult(TypedDict):
    """A word of a transcript."""

    alternatives: list[Alternative]
    end_time: float
    start_time: float
    type: Literal["word"]


class PunctuationResult(TypedDict):
    """A punctuation mark; start and end are equal."""

    alternatives: list[Alternative]
    attaches_to: Literal["previous", "next", "both", "none"]
    end_time: float
    is_eos: bool
    start_time: float
    type: Literal["punctuation"]


Result = WordResult | PunctuationResult


class TranscriptMetadata(TypedDict):
    """What a transcript covers. A final's ``transcript`` ends with the word delimiter unless it is empty, a partial's never."""

    end_time: float
    start_time: float
    transcript: str


class Span(TypedDict):
    """Of an EndOfUtterance; both are equal."""

    end_time: float
    start_time: float


class _RecognitionStarted(TypedDict):
    message: Literal["RecognitionStarted"]
    id: str
    orchestrator_version: str
    language_pack_info: LanguagePackInfo


class RecognitionStarted(_RecognitionStarted, total=False):
    """The session is open; audio may come. Both lists, which are equal, only in a session of several channels."""

    channel_ids: list[str]
    channels: list[str]


class AudioAdded(TypedDict):
    """One audio message was taken; ``seq_no`` counts from 1."""

    message: Literal["AudioAdded"]
    seq_no: int


class ChannelAudioAdded(TypedDict):
    """One audio message of a channel was taken; ``seq_no`` counts from 1 in each channel."""

    message: Literal["ChannelAudioAdded"]
    seq_no: int
    channel: str


class _Transcript(TypedDict):
    message: Literal["AddPartialTranscript", "AddTranscript"]
    format: str
    results: Sequence[Result]
    metadata: TranscriptMetadata


class Transcript(_Transcript, total=False):
    """A partial or final transcript.

    ``forced`` is only there, and true, after ForceEndOfUtterance; ``channel`` only in a session of several channels.
    """

    forced: Literal[True]
    channel: str


class _EndOfUtterance(TypedDict):
    message: Literal["EndOfUtterance"]
    format: str
    metadata: Span


class EndOfUtterance(_EndOfUtterance, total=False):
    """The speaker has come to an end. ``forced`` and ``channel`` as in `Transcript`."""

    forced: Literal[True]
    channel: str


class EndOfTranscript(TypedDict):
    """The last message of a session."""

    message: Literal["EndOfTranscript"]


class Speaker(TypedDict):
    """One item of a SpeakersResult."""

    label: str
    speaker_identifiers: list[str]


class SpeakersResult(TypedDict):
    """Answer to GetSpeakers."""

    message: Literal["SpeakersResult"]
    speakers: list[Speaker]


class _Notification(TypedDict):
    message: Literal["Info", "Warning", "Error"]
    type: str
    reason: str


class Notification(_Notification, total=False):
    """An Info, Warning or Error. ``reason`` is always there: clients read it unguarded."""

    code: int
    seq_no: int
    quality: Literal["broadcast", "telephony"]
    usage: int
    quota: int
    last_updated: str
    region: str
    duration_limit: float


ServerMessage = (
    RecognitionStarted
    | AudioAdded
    | ChannelAudioAdded
    | Transcript
    | EndOfUtterance
    | EndOfTranscript
    | SpeakersResult
    | Notification
)


def recognition_started(
    id: str, language_pack_info: LanguagePackInfo, orchestrator_version: str, channels: Sequence[str] = ()
) -> RecognitionStarted:
    """The answer to StartRecognition; ``channels`` in a session of several."""
    made: RecognitionStarted = {
        "message": "RecognitionStarted",
        "orchestrator_version": orchestrator_version,
        "id": id,
        "language_pack_info": language_pack_info,
    }
    if channels:
        # The specification says channel_ids, Speechmatics' page on channels says channels.
        made["channel_ids"] = made["channels"] = list(channels)
    return made


def audio_added(seq_no: int, channel: str | None = None) -> AudioAdded | ChannelAudioAdded:
    """The acknowledgement of the audio message number ``seq_no`` (of a channel, where there are several)."""
    if channel is not None:
        return {"message": "ChannelAudioAdded", "seq_no": seq_no, "channel": channel}
    return {"message": "AudioAdded", "seq_no": seq_no}


def word(
    content: str,
    confidence: float,
    language: str,
    start_time: float,
    end_time: float,
    speaker: str | None = None,
    disfluency: bool = False,
) -> WordResult:
    """A word; ``speaker`` with speaker diarization only; ``disfluency``: it is tagged as one."""
    reading: Alternative = {"confidence": confidence, "content": content, "language": language}
    if speaker is not None:
        reading["speaker"] = speaker
    if disfluency:
        reading["tags"] = ["disfluency"]
    return {"alternatives": [reading], "end_time": end_time, "start_time": start_time, "type": "word"}


def punctuation(
    content: str,
    language: str,
    time: float,
    attaches_to: Literal["previous", "next", "both", "none"],
    is_eos: bool,
    speaker: str | None = None,
) -> PunctuationResult:
    """A punctuation mark, of no duration; ``is_eos``: it ends a sentence. ``speaker`` with speaker diarization only."""
    reading: Alternative = {"confidence": 1.0, "content": content, "language": language}
    if speaker is not None:
        reading["speaker"] = speaker
    return {
        "alternatives": [reading],
        "attaches_to": attaches_to,
        "end_time": time,
        "is_eos": is_eos,
        "start_time": time,
        "type": "punctuation",
    }


def transcript(
    final: bool,
    text: str,
    results: Sequence[Result],
    start_time: float,
    end_time: float,
    forced: bool = False,
    channel: str | None = None,
) -> Transcript:
    """A final (AddTranscript) or partial (AddPartialTranscript) transcript; ``text`` as `TranscriptMetadata` says."""
    made: Transcript = {
        "message": "AddTranscript" if final else "AddPartialTranscript",
        "format": FORMAT,
        "results": results,
        "metadata": {"end_time": end_time, "start_time": start_time, "transcript": text},
    }
    if forced:
        made["forced"] = True
    if channel is not None:
        made["channel"] = channel
    return made


def end_of_utterance(time: float, forced: bool = False, channel: str | None = None) -> EndOfUtterance:
    """The utterance ended at ``time``."""
    made: EndOfUtterance = {
        "message": "EndOfUtterance",
        "format": FORMAT,
        "metadata": {"end_time": time, "start_time": time},
    }
    if forced:
        made["forced"] = True
    if channel is not None:
        made["channel"] = channel
    return made


def end_of_transcript() -> EndOfTranscript:
    """The last message."""
    return {"message": "EndOfTranscript"}


def speakers_result(speakers: Sequence[Speaker] = ()) -> SpeakersResult:
    """The speakers that the service can recognise again; AssemblyAI gives nothing to tell, so usually none."""
    return {"message": "SpeakersResult", "speakers": list(speakers)}


def info(type: InfoType, reason: str, **more: Any) -> Notification:
    """An Info; ``more`` are the optional fields of its type."""
    return _notification("Info", type.value, reason, more)


def warning(type: str, reason: str, **more: Any) -> Notification:
    """A Warning, one of `WarningType`; ``more`` are the optional fields of its type."""
    return _notification("Warning", WarningType(type).value, reason, more)


def error(type: str, reason: str, **more: Any) -> Notification:
    """An Error, one of `ErrorType`; the session is over and the connection closes after it."""
    return _notification("Error", ErrorType(type).value, reason, more)


def _notification(
    message: Literal["Info", "Warning", "Error"], type: str, reason: str, more: dict[str, Any]
) -> Notification:
    made: Notification = {"message": message, "type": type, "reason": reason}
    made.update(more)  # type: ignore[typeddict-item]
    return made
