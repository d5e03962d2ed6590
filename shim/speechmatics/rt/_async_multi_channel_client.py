"""The client for several streams of audio, each a channel of one session."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from typing import BinaryIO

from shim.speechmatics.rt._audio_sources import chunks_in_turn
from shim.speechmatics.rt._auth import AuthBase
from shim.speechmatics.rt._base_client import _BaseClient
from shim.speechmatics.rt._exceptions import ConfigurationError
from shim.speechmatics.rt._models import (
    AudioEventsConfig,
    AudioFormat,
    ClientMessageType,
    ConnectionConfig,
    TranscriptionConfig,
    TranslationConfig,
)

_DIARIZATIONS = ["channel", "channel_and_speaker"]


class AsyncMultiChannelClient(_BaseClient):
    """Streams several sources to the service and calls handlers with what it answers.

    Each channel has an AssemblyAI connection of its own. Everything else is as with `AsyncClient`.

    Args:
        auth, api_key, url, conn_config, sdk_identifier: as of `AsyncClient`.
    """

    def __init__(
        self,
        auth: AuthBase | None = None,
        *,
        api_key: str | None = None,
        url: str | None = None,
        conn_config: ConnectionConfig | None = None,
        sdk_identifier: str | None = None,
    ) -> None:
        super().__init__(
            "speechmatics.rt.async_multi_chan_client", auth, api_key, url, conn_config, sdk_identifier
        )

    async def transcribe(
        self,
        sources: dict[str, BinaryIO],
        *,
        transcription_config: TranscriptionConfig | None = None,
        audio_format: AudioFormat | None = None,
        translation_config: TranslationConfig | None = None,
        audio_events_config: AudioEventsConfig | None = None,
        ws_headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Transcribe several sources, a chunk of each in turn, until one of them ends; then wait for the rest.

        The first label belongs to the source whose name is the first in alphabetical order, and so on, as in
        speechmatics-rt; where this exchanges names, the log says so.

        Args:
            sources: by the name of their channel.
            transcription_config: what is wanted. Without ``channel_diarization_labels`` the labels are the names of the
                sources, in their order.
            audio_format, translation_config, audio_events_config, ws_headers: as of `AsyncClient.start_session`.
            timeout: longest duration of sending, in seconds.

        Raises:
            ConfigurationError: there is no source, or the labels or the diarization do not fit.
            ConnectionError, TranscriptionError, SessionError: as of `AsyncClient.start_session`.
            TimeoutError: as of `AsyncClient.start_session`, or ``timeout`` was too short.
        """
        config = _for_channels(transcription_config or TranscriptionConfig(), sources)
        channels = self._channels(config.channel_diarization_labels or (), sources)
        form = await self._start_recognition_session(
            config, audio_format, translation_config, audio_events_config, ws_headers
        )
        await self._until_done(self._send_all(channels, form.chunk_size), timeout)
        await self._end()

    def _channels(self, labels: Sequence[str], sources: dict[str, BinaryIO]) -> dict[str, BinaryIO]:
        names = dict(zip(labels, sorted(sources), strict=True))
        for label, name in names.items():
            if label != name and label in sources:
                self._logger.warning(
                    "The source %r is the channel %r, as in speechmatics-rt: list the sources and their labels in "
                    "alphabetical order if it should not be",
                    name,
                    label,
                )
        return {label: sources[name] for label, name in names.items()}

    async def _send_all(self, channels: dict[str, BinaryIO], chunk_size: int) -> None:
        chunks = dict.fromkeys(channels, 0)
        try:
            async for channel, chunk in chunks_in_turn(channels, chunk_size):
                await self.send_message(
                    {
                        "message": ClientMessageType.ADD_CHANNEL_AUDIO,
                        "channel": channel,
                        "data": base64.b64encode(chunk).decode(),
                    }
                )
                self._session.audio_bytes += len(chunk)
                chunks[channel] += 1
        except Exception as error:
            self._logger.error("Audio producer error: %s", error)
        try:
            for channel, count in chunks.items():
                await self.send_message(
                    {"message": ClientMessageType.END_OF_CHANNEL, "channel": channel, "last_seq_no": count}
                )
            self._session.eos_sent = True
        except Exception as error:
            self._logger.error("Failed to send EndOfChannel message: %s", error)


def _for_channels(config: TranscriptionConfig, sources: dict[str, BinaryIO]) -> TranscriptionConfig:
    """The configuration for a session of these channels.

    Raises:
        ConfigurationError: it does not fit.
    """
    if not sources:
        raise ConfigurationError("Audio input sources cannot be empty")
    if config.diarization and config.diarization not in _DIARIZATIONS:
        raise ConfigurationError(f"Diarization must be one of {_DIARIZATIONS}, got '{config.diarization}'.")
    labels = config.channel_diarization_labels
    if labels and len(labels) != len(sources):
        raise ConfigurationError(f"Expected {len(sources)} channel labels, got {len(labels)}.")
    if labels and len(set(labels)) != len(labels):
        raise ConfigurationError("Channel labels must be unique.")
    fitted = copy.copy(config)
    fitted.diarization = config.diarization or "channel"
    fitted.channel_diarization_labels = list(labels or sources)
    return fitted
