"""Settings and message names of the Speechmatics SDK (module ``speechmatics.models``), real-time only."""

from __future__ import annotations

import logging
import ssl
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any

logger = logging.getLogger(__name__)


class ClientMessageType(str, Enum):
    """What a client sends; each member equals its name as a string."""

    StartRecognition = "StartRecognition"
    AddAudio = "AddAudio"
    AddChannelAudio = "AddChannelAudio"
    EndOfStream = "EndOfStream"
    EndOfChannel = "EndOfChannel"
    SetRecognitionConfig = "SetRecognitionConfig"
    GetSpeakers = "GetSpeakers"


class ServerMessageType(str, Enum):
    """What a server sends; each member equals its name as a string."""

    RecognitionStarted = "RecognitionStarted"
    AudioAdded = "AudioAdded"
    ChannelAudioAdded = "ChannelAudioAdded"
    AddPartialTranscript = "AddPartialTranscript"
    AddTranscript = "AddTranscript"
    EndOfUtterance = "EndOfUtterance"
    AudioEventStarted = "AudioEventStarted"
    AudioEventEnded = "AudioEventEnded"
    AddPartialTranslation = "AddPartialTranslation"
    AddTranslation = "AddTranslation"
    EndOfTranscript = "EndOfTranscript"
    SpeakersResult = "SpeakersResult"
    Info = "Info"
    Warning = "Warning"
    Error = "Error"


@dataclass
class ConnectionSettings:
    """Where the program connects to, and how.

    Attributes:
        url: the Speechmatics address; its host decides the AssemblyAI region.
        message_buffer_size: audio messages that may wait for their acknowledgement.
        ssl_context: for a host that is not led to AssemblyAI; None for ``ws://``.
        semaphore_timeout_seconds: longest wait for an acknowledgement.
        ping_timeout_seconds: longest wait for the answer to a ping.
        auth_token: the Speechmatics key. Not sent to AssemblyAI, whose key is ``ASSEMBLYAI_API_KEY``.
        generate_temp_token, mp_url, region, client_ref: about temporary Speechmatics keys, which are not needed here.
    """

    url: str
    message_buffer_size: int = 512
    ssl_context: ssl.SSLContext | None = field(default_factory=ssl.create_default_context, repr=False)
    semaphore_timeout_seconds: float = 120
    ping_timeout_seconds: float | None = 60
    auth_token: str | None = field(default=None, repr=False)
    generate_temp_token: bool | None = False
    mp_url: str | None = None
    region: str | None = "eu"
    client_ref: str | None = None


@dataclass
class AudioSettings:
    """What the audio is.

    Attributes:
        encoding: ``pcm_s16le``, ``pcm_f32le`` or ``mulaw``; None for a file with a header.
        sample_rate: in Hz; of no meaning for a file.
        chunk_size: bytes to read at a time.
    """

    encoding: str | None = None
    sample_rate: int = 44100
    chunk_size: int = 1024 * 4

    def asdict(self) -> dict[str, Any]:
        """``audio_format`` of StartRecognition."""
        if not self.encoding:
            return {"type": "file"}
        return {"type": "raw", "encoding": self.encoding, "sample_rate": self.sample_rate}


@dataclass(init=False)
class TranscriptionConfig:
    """What is wanted of the transcription; None leaves the choice to the service.

    An option that the SDK does not know is not sent, as with the SDK itself; here the log says so.
    """

    language: str = "en"
    operating_point: str | None = None
    output_locale: str | None = None
    diarization: str | None = None
    domain: str | None = None
    additional_vocab: list[Any] | dict[str, Any] | None = None
    punctuation_overrides: dict[str, Any] | None = None
    audio_filtering_config: dict[str, Any] | None = None
    transcript_filtering_config: dict[str, Any] | None = None
    ctrl: dict[str, Any] | None = None
    channel_diarization_labels: list[str] | None = None
    enable_entities: bool | None = None
    enable_partials: bool | None = None
    streaming_mode: bool | None = None
    max_delay: float | None = None
    max_delay_mode: str | None = None
    speaker_diarization_config: Any = None
    conversation_config: Any = None
    enable_transcription_partials: bool | None = None
    enable_translation_partials: bool | None = None
    translation_config: Any = None
    audio_events_config: Any = None

    def __init__(self, language: str | None = None, **options: Any) -> None:
        self.language = language or type(self).language
        for option in fields(self)[1:]:
            setattr(self, option.name, options.pop(option.name, option.default))
        if options:
            logger.warning("TranscriptionConfig does not know %s; not sent", ", ".join(sorted(options)))

    def asdict(self) -> dict[str, Any]:
        """Every option that was given, those in other dataclasses too."""
        given: dict[str, Any] = _without_none(asdict(self))
        return given

    def as_config(self) -> dict[str, Any]:
        """``transcription_config`` of StartRecognition."""
        config = self.asdict()
        for elsewhere in ("translation_config", "audio_events_config", "enable_translation_partials"):
            config.pop(elsewhere, None)
        if config.pop("enable_transcription_partials", False):
            config["enable_partials"] = True
        return config


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return value
