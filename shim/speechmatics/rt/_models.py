"""Settings, message names and results of speechmatics-rt."""

from __future__ import annotations

import ssl
import warnings
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, cast


class AudioEncoding(str, Enum):
    """How a sample is written; all are little-endian, one channel."""

    PCM_F32LE = "pcm_f32le"
    PCM_S16LE = "pcm_s16le"
    MULAW = "mulaw"


class OperatingPoint(str, Enum):
    """What `Model` was called before speechmatics-rt 1.1.0."""

    ENHANCED = "enhanced"
    STANDARD = "standard"
    MELIA_1 = "melia-1"


class Model(str, Enum):
    """Speechmatics' models. The language decides which model of AssemblyAI takes their place."""

    ENHANCED = "enhanced"
    STANDARD = "standard"
    MELIA_1 = "melia-1"


class ClientMessageType(str, Enum):
    """What a client sends; each member equals its value as a string."""

    START_RECOGNITION = "StartRecognition"
    ADD_AUDIO = "AddAudio"
    END_OF_STREAM = "EndOfStream"
    SET_RECOGNITION_CONFIG = "SetRecognitionConfig"
    GET_SPEAKERS = "GetSpeakers"
    ADD_CHANNEL_AUDIO = "AddChannelAudio"
    END_OF_CHANNEL = "EndOfChannel"
    FORCE_END_OF_UTTERANCE = "ForceEndOfUtterance"


class ServerMessageType(str, Enum):
    """What a server sends; each member equals its value as a string."""

    RECOGNITION_STARTED = "RecognitionStarted"
    AUDIO_ADDED = "AudioAdded"
    ADD_PARTIAL_TRANSCRIPT = "AddPartialTranscript"
    ADD_TRANSCRIPT = "AddTranscript"
    END_OF_TRANSCRIPT = "EndOfTranscript"
    END_OF_UTTERANCE = "EndOfUtterance"
    AUDIO_EVENT_STARTED = "AudioEventStarted"
    AUDIO_EVENT_ENDED = "AudioEventEnded"
    ADD_TRANSLATION = "AddTranslation"
    ADD_PARTIAL_TRANSLATION = "AddPartialTranslation"
    SPEAKERS_RESULT = "SpeakersResult"
    LANGUAGE_INFO = "LanguageInfo"
    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"
    CHANNEL_AUDIO_ADDED = "ChannelAudioAdded"


class _NotGiven:
    """Stands for an argument that was not given; stays itself when it is copied or pickled."""

    def __repr__(self) -> str:
        return "<not given>"

    def __reduce__(self) -> str:
        return "_NOT_GIVEN"


_NOT_GIVEN = cast(Model, _NotGiven())


def _given(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None and value is not _NOT_GIVEN}


@dataclass
class AudioEventsConfig:
    """Which audio events are wanted.

    Attributes:
        types: their names; None for all.
    """

    types: list[str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """``audio_events_config`` of StartRecognition."""
        return asdict(self, dict_factory=_given)


@dataclass
class AudioFormat:
    """What the audio is.

    Attributes:
        encoding: of raw samples; None for a file with a header, or of a compressed kind.
        sample_rate: of raw samples, in Hz.
        chunk_size: bytes to read from a source at a time.
    """

    encoding: AudioEncoding | None = None
    sample_rate: int = 44100
    chunk_size: int = 4096

    _BYTES_PER_SAMPLE = {AudioEncoding.PCM_F32LE: 4, AudioEncoding.PCM_S16LE: 2, AudioEncoding.MULAW: 1}  # noqa: RUF012

    @property
    def bytes_per_sample(self) -> int:
        """Of raw samples.

        Raises:
            ValueError: there is no encoding, or none that is known.
        """
        if self.encoding is None:
            raise ValueError(
                "Cannot determine bytes per sample for file-type audio format. "
                "Set an explicit encoding on AudioFormat."
            )
        if self.encoding not in self._BYTES_PER_SAMPLE:
            raise ValueError(f"Unknown encoding: {self.encoding}")
        return self._BYTES_PER_SAMPLE[self.encoding]

    def to_dict(self) -> dict[str, Any]:
        """``audio_format`` of StartRecognition."""
        if not self.encoding:
            return {"type": "file"}
        return {"type": "raw", "encoding": self.encoding, "sample_rate": self.sample_rate}


@dataclass
class ConversationConfig:
    """When an utterance ends.

    Attributes:
        end_of_utterance_silence_trigger: seconds of silence that end it; None or 0: EndOfUtterance is not wanted.
    """

    end_of_utterance_silence_trigger: float | None = None


@dataclass
class SpeakerDiarizationConfig:
    """How speakers are told apart.

    Attributes:
        max_speakers: how many there are at most.
        speaker_sensitivity: 0 to 1; the higher, the more speakers are found.
        prefer_current_speaker: whether the one who speaks is kept in case of doubt.
        speakers: those that are known from earlier sessions.
    """

    max_speakers: int | None = None
    speaker_sensitivity: float | None = None
    prefer_current_speaker: bool | None = None
    speakers: list[SpeakerIdentifier] | None = None


@dataclass
class SpeakerIdentifier:
    """A speaker that is known from earlier sessions.

    Attributes:
        label: what to call them.
        speaker_identifiers: what SpeakersResult gave for them.
    """

    label: str = ""
    speaker_identifiers: list[str] = field(default_factory=list)


@dataclass
class TranscriptionConfig:
    """What is wanted. The keys are those of ``transcription_config``; what becomes of each: docs/mapping.md.

    Without ``model`` and ``operating_point`` the model is `Model.ENHANCED`.

    Raises:
        ValueError: both ``model`` and ``operating_point`` are given.
    """

    language: str = "en"
    model: Model = _NOT_GIVEN
    output_locale: str | None = None
    diarization: str | None = None
    additional_vocab: list[dict[str, Any]] | None = None
    punctuation_overrides: dict[str, Any] | None = None
    domain: str | None = None
    enable_entities: bool | None = None
    audio_filtering_config: dict[str, Any] | None = None
    transcript_filtering_config: dict[str, Any] | None = None
    max_delay: float | None = None
    max_delay_mode: str | None = None
    enable_partials: bool | None = None
    speaker_diarization_config: SpeakerDiarizationConfig | None = None
    streaming_mode: bool | None = None
    conversation_config: ConversationConfig | None = None
    ctrl: dict[str, Any] | None = None
    channel_diarization_labels: list[str] | None = None
    operating_point: OperatingPoint | None = None
    language_hints: list[str] | None = None
    language_hints_strict: bool | None = None

    def __post_init__(self) -> None:
        if self.operating_point is None:
            if self.model is _NOT_GIVEN:
                self.model = Model.ENHANCED
            return
        if self.model is not _NOT_GIVEN:
            raise ValueError("Cannot specify both 'model' and 'operating_point'. Use 'model' instead.")
        warnings.warn(
            "'operating_point' is deprecated, use 'model' instead.", DeprecationWarning, stacklevel=2
        )

    def to_dict(self) -> dict[str, Any]:
        """``transcription_config`` of StartRecognition: every option that was given."""
        return asdict(self, dict_factory=_given)


@dataclass
class TranslationConfig:
    """Which translations are wanted.

    Attributes:
        target_languages: into which languages.
        enable_partials: whether translations that may still change are wanted too.
    """

    target_languages: list[str]
    enable_partials: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """``translation_config`` of StartRecognition."""
        return asdict(self, dict_factory=_given)


@dataclass
class ConnectionConfig:
    """How to connect; None leaves a choice to ``websockets``.

    Attributes:
        open_timeout: longest duration of the handshake, in seconds.
        ping_interval: seconds between two pings.
        ping_timeout: longest wait for the answer to a ping, in seconds.
        close_timeout: longest duration of a close, in seconds.
        max_size: bytes of a message at most.
        max_queue: messages that may wait to be read.
        read_limit, write_limit: of the legacy client of ``websockets``; no meaning here.
        ssl_context: for a host that is not led to AssemblyAI.
    """

    open_timeout: float | None = None
    ping_interval: float | None = None
    ping_timeout: float | None = 60
    close_timeout: float | None = None
    max_size: int | None = None
    max_queue: int | None = None
    read_limit: int | None = None
    write_limit: int | None = None
    ssl_context: ssl.SSLContext = field(default_factory=ssl.create_default_context)

    def to_dict(self) -> dict[str, Any]:
        """What was given, except for the TLS context."""
        # Not asdict: it would copy the context, which cannot be copied.
        return _given([(name, value) for name, value in vars(self).items() if name != "ssl_context"])


@dataclass
class SessionInfo:
    """What is known of a session.

    Attributes:
        request_id: the client's number for it.
        session_id: the service's; None until it began.
        sequence_number: of no meaning here.
        is_running: whether it has begun and not ended.
    """

    request_id: str
    session_id: str | None = None
    sequence_number: int = 0
    is_running: bool = False


@dataclass
class RecognitionDisplay:
    """How a word is to be shown.

    Attributes:
        direction: ``ltr`` or ``rtl``.
    """

    direction: str

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RecognitionDisplay:
        """Read it from a message."""
        return cls(direction=data.get("direction", "ltr"))


@dataclass
class RecognitionAlternative:
    """One reading of a word or mark.

    Attributes:
        content: the word or the mark.
        confidence: 0 to 1.
        language: of the word.
        display: how it is to be shown.
        speaker: who said it; None where speakers are not told apart.
        tags: such as ``profanity``.
    """

    content: str
    confidence: float
    language: str | None = None
    display: RecognitionDisplay | None = None
    speaker: str | None = None
    tags: list[str] | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RecognitionAlternative:
        """Read it from a message.

        Raises:
            KeyError: there is no content, or no confidence.
        """
        display = data.get("display")
        return cls(
            content=data["content"],
            confidence=data["confidence"],
            language=data.get("language"),
            display=RecognitionDisplay.from_dict(display) if display else None,
            speaker=data.get("speaker"),
            tags=data.get("tags"),
        )


@dataclass
class RecognitionResult:
    """A word or mark of a transcript. Times are seconds from the beginning of the audio.

    Attributes:
        type: ``word`` or ``punctuation``.
        start_time, end_time: when it was spoken.
        channel: where there are several, in messages of old servers.
        attaches_to: of a mark: what stands next to it without a space.
        is_eos: of a mark: whether it ends a sentence.
        alternatives: its readings; None where there are none.
        score, volume: in messages of some servers.
    """

    type: str
    start_time: float
    end_time: float
    channel: str | None = None
    attaches_to: str | None = None
    is_eos: bool | None = None
    alternatives: list[RecognitionAlternative] | None = None
    score: float | None = None
    volume: float | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RecognitionResult:
        """Read it from a message.

        Raises:
            KeyError: there is no type, or a time is missing.
        """
        alternatives = data.get("alternatives")
        return cls(
            type=data["type"],
            start_time=data["start_time"],
            end_time=data["end_time"],
            channel=data.get("channel"),
            attaches_to=data.get("attaches_to"),
            is_eos=data.get("is_eos"),
            alternatives=[RecognitionAlternative.from_dict(one) for one in alternatives]
            if alternatives
            else None,
            score=data.get("score"),
            volume=data.get("volume"),
        )


@dataclass
class RecognitionMetadata:
    """What a transcript covers, and its text. Times are seconds from the beginning of the audio."""

    start_time: float
    end_time: float
    transcript: str

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RecognitionMetadata:
        """Read it from a message.

        Raises:
            KeyError: one of the three is missing.
        """
        return cls(start_time=data["start_time"], end_time=data["end_time"], transcript=data["transcript"])


@dataclass
class TranscriptResult:
    """A partial or final transcript, read from its message.

    Attributes:
        metadata: what it covers, and its text.
        results: its words and marks.
        format: version of the transcript's form.
        is_final: whether it is final.
    """

    metadata: RecognitionMetadata
    results: list[RecognitionResult]
    format: str | None = None
    is_final: bool = False

    @classmethod
    def from_message(cls, message: dict[str, Any]) -> TranscriptResult:
        """Read it from a message AddTranscript or AddPartialTranscript.

        Raises:
            KeyError: something is missing that every transcript has.
        """
        return cls(
            metadata=RecognitionMetadata.from_dict(message["metadata"]),
            results=[RecognitionResult.from_dict(result) for result in message["results"]],
            format=message.get("format"),
            is_final=message["message"] == ServerMessageType.ADD_TRANSCRIPT,
        )
