"""The client for one stream of audio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, BinaryIO

from shim.speechmatics.rt._audio_sources import chunks
from shim.speechmatics.rt._auth import AuthBase
from shim.speechmatics.rt._base_client import _BaseClient
from shim.speechmatics.rt._exceptions import AudioError, TransportError
from shim.speechmatics.rt._models import (
    AudioEncoding,
    AudioEventsConfig,
    AudioFormat,
    ClientMessageType,
    ConnectionConfig,
    TranscriptionConfig,
    TranslationConfig,
)

_AUTOMATIC = object()


class AsyncClient(_BaseClient):
    """Streams audio to the service and calls handlers with what it answers.

    A connection to a Speechmatics host goes to AssemblyAI, with the key in ``ASSEMBLYAI_API_KEY``; a connection to any
    other host goes to that host. Use as a context manager, which closes the connection, or call `close`.

    Args:
        auth: the Speechmatics credentials. They are not sent to AssemblyAI.
        api_key: a Speechmatics key instead; None for the one in ``SPEECHMATICS_API_KEY``. It need not exist.
        url: where to connect to; None for the address in ``SPEECHMATICS_RT_URL``, or the SDK's default. Its host decides
            the AssemblyAI region.
        conn_config: how to connect.
        sdk_identifier: which SDK to be for another host.
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
        super().__init__("speechmatics.rt.async_client", auth, api_key, url, conn_config, sdk_identifier)
        self._audio_format = AudioFormat(AudioEncoding.PCM_S16LE)

    async def start_session(
        self,
        *,
        transcription_config: TranscriptionConfig | None = None,
        audio_format: AudioFormat | None = None,
        translation_config: TranslationConfig | None = None,
        audio_events_config: AudioEventsConfig | None = None,
        ws_headers: dict[str, str] | None = None,
    ) -> None:
        """Connect and begin a session; then send audio with `send_audio`.

        Args:
            transcription_config: what is wanted.
            audio_format: what the audio is; None for a file with a header.
            translation_config, audio_events_config: what else is wanted; AssemblyAI has neither, a Warning says so.
            ws_headers: more headers for the handshake.

        Raises:
            ConnectionError: the service cannot be reached, or refuses the key.
            TranscriptionError: the service ended the session before it began; the argument is its reason.
            TimeoutError: that took too long.
            SessionError: this client has a session.
        """
        if audio_format is not None:
            self._audio_format = audio_format
        await self._start_recognition_session(
            transcription_config, audio_format, translation_config, audio_events_config, ws_headers
        )
        self._session.awaited = False

    async def stop_session(self) -> None:
        """End the audio, wait for the rest of the transcript, and close the connection."""
        if self._session.begun:
            await self._finish()
        await self.close()

    async def transcribe(
        self,
        source: BinaryIO,
        *,
        transcription_config: TranscriptionConfig | None = None,
        audio_format: AudioFormat | None = None,
        translation_config: TranslationConfig | None = None,
        audio_events_config: AudioEventsConfig | None = None,
        ws_headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        """Transcribe a source until its end.

        An Error of the service after the beginning, or an exception of the source, ends the transcript and is not
        raised: handlers of `ServerMessageType.ERROR` and the log tell of it. That the service refuses the connection is
        raised also where it shows only with the first audio, as with a file.

        Args:
            source: has ``read(size)``, a function or a coroutine function. ``b""`` is the end.
            transcription_config, audio_format, translation_config, audio_events_config, ws_headers: as of
                `start_session`.
            timeout: longest duration after the beginning of the session, in seconds.

        Raises:
            AudioError: there is no source.
            ConnectionError, TranscriptionError, SessionError: as of `start_session`.
            TimeoutError: as of `start_session`, or ``timeout`` was too short; the session is then still open.
        """
        if not source:
            raise AudioError("Audio input source cannot be empty")
        form = await self._start_recognition_session(
            transcription_config, audio_format, translation_config, audio_events_config, ws_headers
        )
        if form.encoding is not None:
            self._audio_format = form
        await self._until_done(self._send_all(chunks(source, form.chunk_size)), timeout)
        await self._end()

    async def force_end_of_utterance(self, *, timestamp: float | object | None = _AUTOMATIC) -> None:
        """End the utterance now, so that its final transcript comes.

        Args:
            timestamp: seconds of audio after which it ended; left out, what was sent so far; None: not said. AssemblyAI
                ends it at what it has heard.

        Raises:
            TransportError: as of `send_message`.
            ValueError: left out, and the audio is a file, whose seconds are not known.
        """
        message: dict[str, Any] = {"message": ClientMessageType.FORCE_END_OF_UTTERANCE}
        if timestamp is _AUTOMATIC:
            timestamp = self.audio_seconds_sent
        if timestamp is not None:
            message["timestamp"] = timestamp
        await self.send_message(message)

    @property
    def audio_seconds_sent(self) -> float:
        """How much audio was sent in this session, in seconds.

        Raises:
            ValueError: the audio is a file, whose seconds are not known.
        """
        return self.audio_bytes_sent / (self._audio_format.sample_rate * self._audio_format.bytes_per_sample)

    async def _send_all(self, audio: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in audio:
                await self.send_audio(chunk)
        except Exception as error:
            # Among others what a microphone raises that was stopped: to many programs the end of the stream.
            self._logger.error("Audio producer error: %s", error)
        await self._finish()

    async def _finish(self) -> None:
        session = self._session
        if not session.closed and not session.eos_sent and not session.done.is_set():
            try:
                await self.send_message(
                    {"message": ClientMessageType.END_OF_STREAM, "last_seq_no": session.chunks}
                )
                session.eos_sent = True
            except TransportError as error:
                self._logger.error("Failed to send EndOfStream message: %s", error)
        await session.done.wait()
