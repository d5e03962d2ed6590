"""Settings and message names of the Speechmatics SDK (module ``speechmatics.models``).

A star import brings the names that it brings from the SDK, those of the standard library too: programs use them.
"""

from __future__ import annotations

import json
import logging
import ssl
import sys
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any, Dict, List, Literal, Optional  # noqa: UP035

from shim.settings import current
from shim.speechmatics.config import CONFIG_PATH, read_config_from_home
from shim.speechmatics.constants import BATCH_SELF_SERVICE_URL, RT_SELF_SERVICE_URL

__all__ = [
    "BATCH_SELF_SERVICE_URL",
    "CONFIG_PATH",
    "RT_SELF_SERVICE_URL",
    "Any",
    "AudioEventsConfig",
    "AudioSettings",
    "AutoChaptersConfig",
    "BatchConnectionSettings",
    "BatchLanguageIdentificationConfig",
    "BatchSpeakerDiarizationConfig",
    "BatchTranscriptionConfig",
    "BatchTranslationConfig",
    "ClientMessageType",
    "ConnectionSettings",
    "ConversationConfig",
    "Dict",
    "Enum",
    "FetchData",
    "List",
    "Literal",
    "NotificationConfig",
    "Optional",
    "RTConnectionSettings",
    "RTSpeakerDiarizationConfig",
    "RTTranslationConfig",
    "SRTOverrides",
    "SentimentAnalysisConfig",
    "ServerMessageType",
    "SummarizationConfig",
    "SummaryContentType",
    "SummaryLength",
    "SummaryType",
    "TopicDetectionConfig",
    "TranscriptionConfig",
    "TranslationConfig",
    "UsageMode",
    "asdict",
    "dataclass",
    "field",
    "fields",
    "json",
    "read_config_from_home",
    "ssl",
    "sys",
]

logger = logging.getLogger("speechmatics.models")

SummaryContentType = Literal["informative", "conversational", "auto"]
SummaryLength = Literal["brief", "detailed"]
SummaryType = Literal["paragraphs", "bullets"]


class UsageMode(str, Enum):
    """Recorded files or live audio."""

    Batch = "batch"
    RealTime = "rt"


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
        generate_temp_token: whether a key is refused before the connection is made, with an HTTP error.
        mp_url, region, client_ref: of a temporary key for a host that is not led to AssemblyAI.
    """

    url: str
    message_buffer_size: int = 512
    ssl_context: ssl.SSLContext | None = field(default_factory=ssl.create_default_context)
    semaphore_timeout_seconds: float = 120
    ping_timeout_seconds: float | None = 60
    auth_token: str | None = field(default=None, repr=False)
    generate_temp_token: bool | None = False
    mp_url: str | None = "https://mp.speechmatics.com"
    region: str | None = "eu"
    client_ref: str | None = None

    def set_missing_values_from_config(self, mode: UsageMode) -> None:
        """Take address and key from the configuration file where there are none.

        Raises:
            ValueError: there is no address at all.
        """
        stored = read_config_from_home() or {}
        if not self.url:
            if _URL_KEYS[mode] not in stored:
                raise ValueError(f"No URL provided or set in {CONFIG_PATH}")
            self.url = stored[_URL_KEYS[mode]]
        if not self.auth_token:
            self.auth_token = stored.get("auth_token") or self.auth_token

    @classmethod
    def create(cls, mode: UsageMode, auth_token: str | None = None) -> ConnectionSettings:
        """Settings for the address in the configuration file, or for the SDK's own.

        The Speechmatics key is no longer needed: without one it is enough that there is one for AssemblyAI.

        Raises:
            ValueError: there is no key at all.
        """
        stored = read_config_from_home() or {}
        url = stored.get(_URL_KEYS[mode], _DEFAULT_URLS[mode])
        if auth_token is not None:
            return ConnectionSettings(url, auth_token=auth_token, generate_temp_token=True)
        if not stored.get("auth_token") and not current().api_key:
            raise ValueError(f"No acces token provided or set in {CONFIG_PATH}")
        return ConnectionSettings(
            url,
            auth_token=stored.get("auth_token"),
            generate_temp_token=stored.get("generate_temp_token", True),
        )


_URL_KEYS = {UsageMode.RealTime: "realtime_url", UsageMode.Batch: "batch_url"}
_DEFAULT_URLS = {UsageMode.RealTime: RT_SELF_SERVICE_URL, UsageMode.Batch: BATCH_SELF_SERVICE_URL}


@dataclass
class RTConnectionSettings(ConnectionSettings):
    """`ConnectionSettings`; the class attribute is an address with a language."""

    url = f"{RT_SELF_SERVICE_URL}/en"


@dataclass
class BatchConnectionSettings(ConnectionSettings):
    """`ConnectionSettings` for recorded files, which are not transcribed here."""

    url = BATCH_SELF_SERVICE_URL


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


@dataclass
class RTSpeakerDiarizationConfig:
    """How speakers are told apart."""

    max_speakers: int | None = None
    speaker_sensitivity: float | None = None
    prefer_current_speaker: bool | None = None


@dataclass
class ConversationConfig:
    """Seconds of silence that end an utterance."""

    end_of_utterance_silence_trigger: float | None = None


@dataclass
class TranslationConfig:
    """Languages to translate into. Nothing here translates: the session says so in a Warning."""

    target_languages: list[str] | None = None

    def asdict(self) -> dict[str, Any]:
        """``translation_config`` of StartRecognition."""
        return asdict(self)


@dataclass
class RTTranslationConfig(TranslationConfig):
    """`TranslationConfig` for live audio."""

    enable_partials: bool = False


@dataclass
class AudioEventsConfig:
    """Sounds to name beside the words; all without a list. The session says in a Warning that none are."""

    types: list[str] | None = None

    def asdict(self) -> dict[str, Any]:
        """``audio_events_config`` of StartRecognition."""
        return {} if self.types is None else asdict(self)


@dataclass(init=False)
class _TranscriptionConfig:
    """What live audio and recorded files have in common. Options that the SDK does not know are not kept."""

    language: str = "en"
    operating_point: str | None = None
    output_locale: str | None = None
    diarization: str | None = None
    additional_vocab: list[Any] | dict[str, Any] | None = None
    punctuation_overrides: dict[str, Any] | None = None
    domain: str | None = None
    enable_entities: bool | None = None
    audio_filtering_config: dict[str, Any] | None = None
    transcript_filtering_config: dict[str, Any] | None = None
    channel_diarization_labels: list[str] | None = None

    def __init__(self, language: str | None = None, **kwargs: Any) -> None:
        if language is not None:
            self.language = language
        known = {option.name for option in fields(self)}
        for name in sorted(known & kwargs.keys()):
            setattr(self, name, kwargs[name])
        if unknown := sorted(kwargs.keys() - known):
            logger.warning("%s does not know %s; not sent", type(self).__name__, ", ".join(unknown))

    def asdict(self) -> dict[str, Any]:
        """Every option that was given, those in other dataclasses too."""
        return asdict(self, dict_factory=_given)


def _given(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None}


@dataclass(init=False)
class TranscriptionConfig(_TranscriptionConfig):
    """What is wanted of the transcription; None leaves the choice to the service.

    An option that the SDK does not know is not sent, as with the SDK itself; here the log says so.
    """

    max_delay: float | None = None
    max_delay_mode: str | None = None
    speaker_diarization_config: RTSpeakerDiarizationConfig | dict[str, Any] | None = None
    streaming_mode: bool | None = None
    ctrl: dict[str, Any] | None = None
    enable_partials: bool | None = None
    enable_transcription_partials: bool | None = None
    enable_translation_partials: bool | None = None
    conversation_config: ConversationConfig | dict[str, Any] | None = None
    translation_config: TranslationConfig | dict[str, Any] | None = None
    audio_events_config: AudioEventsConfig | dict[str, Any] | None = None

    def as_config(self) -> dict[str, Any]:
        """``transcription_config`` of StartRecognition."""
        config = self.asdict()
        for elsewhere in ("translation_config", "audio_events_config", "enable_translation_partials"):
            config.pop(elsewhere, None)
        if config.pop("enable_transcription_partials", False):
            config["enable_partials"] = True
        return config


# Recorded files: the settings can be made and compared, so that programs which also have live audio can be imported.


@dataclass
class FetchData:
    """A recorded file that the service fetches itself."""

    url: str
    auth_headers: list[str] | str | None = None


@dataclass
class NotificationConfig:
    """An address that is told when a recorded file is done."""

    url: str
    contents: list[str] | None = None
    method: str = "post"
    auth_headers: list[str] | None = None


@dataclass
class SRTOverrides:
    """The form of subtitles."""

    max_line_length: int = 37
    max_lines: int = 2


@dataclass
class BatchSpeakerDiarizationConfig:
    """How speakers are told apart in a recorded file."""

    speaker_sensitivity: float | None = None
    prefer_current_speaker: bool | None = None


@dataclass
class BatchTranslationConfig(TranslationConfig):
    """`TranslationConfig` for recorded files."""


@dataclass
class BatchLanguageIdentificationConfig:
    """Languages that a recorded file may be in."""

    expected_languages: list[str] | None = None


@dataclass
class SummarizationConfig:
    """The form of a summary."""

    content_type: SummaryContentType = "auto"
    summary_length: SummaryLength = "brief"
    summary_type: SummaryType = "bullets"


@dataclass
class SentimentAnalysisConfig:
    """Asks for sentiments."""


@dataclass
class TopicDetectionConfig:
    """Topics to look for."""

    topics: list[str] | None = None


@dataclass
class AutoChaptersConfig:
    """Asks for chapters."""


@dataclass(init=False)
class BatchTranscriptionConfig(_TranscriptionConfig):
    """What is wanted of the transcription of a recorded file."""

    fetch_data: FetchData | None = None
    notification_config: NotificationConfig | list[NotificationConfig] | None = None
    language_identification_config: BatchLanguageIdentificationConfig | None = None
    translation_config: TranslationConfig | None = None
    srt_overrides: SRTOverrides | None = None
    speaker_diarization_config: BatchSpeakerDiarizationConfig | dict[str, Any] | None = None
    summarization_config: SummarizationConfig | None = None
    sentiment_analysis_config: SentimentAnalysisConfig | None = None
    topic_detection_config: TopicDetectionConfig | None = None
    auto_chapters_config: AutoChaptersConfig | None = None
    audio_events_config: AudioEventsConfig | None = None

    def as_config(self) -> str:
        """The configuration of a job, as JSON."""
        options = self.asdict()
        blocks = {name: options.pop(name) for name in _BATCH_BLOCKS if name in options}
        overrides = options.pop("srt_overrides", None)
        config: dict[str, Any] = {"type": "transcription", "transcription_config": options}
        for name, block in blocks.items():
            if block or name in _BATCH_SWITCHES:
                config[name] = block
        if isinstance(config.get("notification_config"), dict):
            config["notification_config"] = [config["notification_config"]]
        if overrides:
            config["output_config"] = {"srt_overrides": overrides}
        return json.dumps(config)


_BATCH_SWITCHES = ("sentiment_analysis_config", "auto_chapters_config", "audio_events_config")
"""Blocks that ask for something by being there, also empty."""

_BATCH_BLOCKS = (
    "fetch_data",
    "notification_config",
    "language_identification_config",
    "translation_config",
    "summarization_config",
    "topic_detection_config",
    *_BATCH_SWITCHES,
)
"""Options with a place of their own beside ``transcription_config``."""
