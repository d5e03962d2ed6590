"""speechmatics-rt, led to AssemblyAI: ``import shim.speechmatics.rt`` in the place of ``speechmatics.rt``."""

from __future__ import annotations

from shim.speechmatics.rt._async_client import AsyncClient
from shim.speechmatics.rt._async_multi_channel_client import AsyncMultiChannelClient
from shim.speechmatics.rt._auth import AuthBase, JWTAuth, StaticKeyAuth
from shim.speechmatics.rt._events import EventEmitter
from shim.speechmatics.rt._exceptions import (
    AudioError,
    AuthenticationError,
    ConfigurationError,
    ConnectionError,
    EndOfTranscriptError,
    SessionError,
    TimeoutError,
    TranscriptionError,
    TransportError,
)
from shim.speechmatics.rt._microphone import Microphone
from shim.speechmatics.rt._models import (
    AudioEncoding,
    AudioEventsConfig,
    AudioFormat,
    ClientMessageType,
    ConnectionConfig,
    ConversationConfig,
    Model,
    OperatingPoint,
    ServerMessageType,
    SessionInfo,
    SpeakerDiarizationConfig,
    SpeakerIdentifier,
    TranscriptionConfig,
    TranscriptResult,
    TranslationConfig,
)
from shim.speechmatics.rt._version import VERSION

__all__ = [
    "AsyncClient",
    "AsyncMultiChannelClient",
    "AudioEncoding",
    "AudioError",
    "AudioEventsConfig",
    "AudioFormat",
    "AuthBase",
    "AuthenticationError",
    "ClientMessageType",
    "ConfigurationError",
    "ConnectionConfig",
    "ConnectionError",
    "ConversationConfig",
    "EndOfTranscriptError",
    "EventEmitter",
    "JWTAuth",
    "Microphone",
    "Model",
    "OperatingPoint",
    "ServerMessageType",
    "SessionError",
    "SessionInfo",
    "SpeakerDiarizationConfig",
    "SpeakerIdentifier",
    "StaticKeyAuth",
    "TimeoutError",
    "TranscriptResult",
    "TranscriptionConfig",
    "TranscriptionError",
    "TranslationConfig",
    "TransportError",
]

__version__ = VERSION
