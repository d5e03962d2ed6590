"""The Speechmatics SDK's real-time client, led to AssemblyAI: ``from shim import speechmatics``."""

from __future__ import annotations

from shim.speechmatics.client import WebsocketClient
from shim.speechmatics.exceptions import EndOfTranscriptException, ForceEndSession, TranscriptionError
from shim.speechmatics.models import (
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    ServerMessageType,
    TranscriptionConfig,
)

__all__ = [
    "AudioSettings",
    "ClientMessageType",
    "ConnectionSettings",
    "EndOfTranscriptException",
    "ForceEndSession",
    "ServerMessageType",
    "TranscriptionConfig",
    "TranscriptionError",
    "WebsocketClient",
]
