"""What the two clients of speechmatics-rt have in common: a session at a time, and its messages."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shim.protocol.mapping.hosts import DEFAULT_SPEECHMATICS_URL
from shim.redirect import CLOSE_SECONDS
from shim.speechmatics.rt._auth import AuthBase, StaticKeyAuth
from shim.speechmatics.rt._events import EventEmitter
from shim.speechmatics.rt._exceptions import (
    ConfigurationError,
    ConnectionError,
    SessionError,
    TimeoutError,
    TranscriptionError,
    TransportError,
)
from shim.speechmatics.rt._logging import get_logger
from shim.speechmatics.rt._models import (
    AudioEventsConfig,
    AudioFormat,
    ClientMessageType,
    ConnectionConfig,
    ServerMessageType,
    SessionInfo,
    TranscriptionConfig,
    TranslationConfig,
)
from shim.speechmatics.rt._transport import Transport

START_SECONDS = 10.0
"""Real seconds that RecognitionStarted may take. The session server answers in four; a busy machine may need longer."""

_Client = TypeVar("_Client", bound="_BaseClient")


@dataclass
class _Session:
    """A session, from the wish for one to the end of its connection.

    Attributes:
        info: its numbers.
        transport: its connection.
        begun: whether somebody began to connect.
        started: set by RecognitionStarted.
        done: set when no message will come any more that concerns the transcript.
        closed: whether nothing can be sent any more.
        cut_short: whether the program closed the session before its end.
        eos_sent: whether the end of the audio was said.
        audio_bytes: how much audio was sent.
        chunks: how many messages of audio.
        heard: whether a transcript came.
        awaited: whether a call waits for it which can raise what the connection would have raised.
        refused: what that is.
        reason: of the Error that ended it.
        reader: the task that receives.
    """

    info: SessionInfo
    transport: Transport
    begun: bool = False
    started: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    cut_short: bool = False
    eos_sent: bool = False
    audio_bytes: int = 0
    chunks: int = 0
    heard: bool = False
    awaited: bool = True
    refused: ConnectionError | None = None
    reason: str | None = None
    reader: asyncio.Task[None] | None = None


class _BaseClient(EventEmitter):
    """A client with one session at a time; after its end it may have another."""

    def __init__(
        self,
        logger: str,
        auth: AuthBase | None,
        api_key: str | None,
        url: str | None,
        conn_config: ConnectionConfig | None,
        sdk_identifier: str | None,
    ) -> None:
        self._logger = get_logger(logger)
        super().__init__()
        self._auth = auth or StaticKeyAuth(api_key)
        self._url = url or os.getenv("SPEECHMATICS_RT_URL") or DEFAULT_SPEECHMATICS_URL
        self._conn_config = conn_config or ConnectionConfig()
        self._sdk_identifier = sdk_identifier
        self._session = self._new_session()

    async def __aenter__(self: _Client) -> _Client:
        return self

    async def __aexit__(self, *args: Any) -> None:
        await self.close()

    @property
    def request_id(self) -> str:
        """The client's number for the session."""
        return self._session.info.request_id

    @property
    def session_id(self) -> str | None:
        """The service's number for the session; None until it began."""
        return self._session.info.session_id

    @property
    def audio_bytes_sent(self) -> int:
        """How much audio was sent in this session, in bytes."""
        return self._session.audio_bytes

    async def send_audio(self, payload: bytes) -> None:
        """Send audio, of any length.

        Raises:
            TransportError: the session has not begun or is over, or the connection broke.
            ValueError: it is not ``bytes``.
        """
        session = self._open_session()
        if not isinstance(payload, bytes):
            raise ValueError("Payload must be bytes")
        await self._send(session, payload)
        session.audio_bytes += len(payload)
        session.chunks += 1

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send a message that is not audio.

        Raises:
            TransportError: the session has not begun or is over, or the connection broke.
            ValueError: it is not a dict.
        """
        session = self._open_session()
        if not isinstance(message, dict):
            raise ValueError("Message must be a dict")
        await self._send(session, json.dumps(message))

    def emit(self, event: ServerMessageType | str, message: dict[str, Any]) -> None:
        """Let the client follow a message, then call its handlers."""
        self._follow(event, message)
        super().emit(event, message)

    async def close(self) -> None:
        """Close the connection.

        What AssemblyAI still has to say about the audio that was sent is delivered first, as far as it comes within
        `shim.redirect.CLOSE_SECONDS`, but no EndOfTranscript; `AsyncClient.stop_session` waits for all of it.
        """
        session = self._session
        owed = session.started.is_set() and not session.done.is_set()
        session.closed = True
        session.cut_short = owed
        reader = session.reader
        try:
            if owed and reader is not None and session.transport.drain():
                await asyncio.wait({reader}, timeout=CLOSE_SECONDS)
                if reader.cancelled():
                    # Before Python 3.11, Ctrl-C cancels every task of the loop, not the program's alone.
                    reader = self._start_reading(session)
                    await asyncio.wait({reader}, timeout=CLOSE_SECONDS)
        finally:
            session.done.set()
            session.info.is_running = False
            if reader is not None:
                reader.cancel()
            await session.transport.close()

    def _new_session(self) -> _Session:
        info = SessionInfo(request_id=str(uuid.uuid4()))
        transport = Transport(
            self._url, self._conn_config, self._auth, info.request_id, sdk_identifier=self._sdk_identifier
        )
        return _Session(info, transport)

    async def _start_recognition_session(
        self,
        transcription_config: TranscriptionConfig | None,
        audio_format: AudioFormat | None,
        translation_config: TranslationConfig | None,
        audio_events_config: AudioEventsConfig | None,
        ws_headers: dict[str, str] | None,
    ) -> AudioFormat:
        """Connect and begin a session; gives the format of its audio."""
        config = transcription_config or TranscriptionConfig()
        form = audio_format or AudioFormat()
        if form.chunk_size < 1:
            raise ConfigurationError(f"chunk_size must be at least 1, not {form.chunk_size}")
        start: dict[str, Any] = {
            "message": ClientMessageType.START_RECOGNITION,
            "audio_format": form.to_dict(),
            "transcription_config": config.to_dict(),
        }
        if translation_config:
            start["translation_config"] = translation_config.to_dict()
        if audio_events_config:
            start["audio_events_config"] = audio_events_config.to_dict()

        session = await self._fresh_session()
        try:
            await session.transport.connect(ws_headers)
            self._start_reading(session)
            await self._send(session, json.dumps(start))
            if not await first_of(session.started.wait(), session.done.wait(), timeout=START_SECONDS):
                raise TimeoutError("Timed out waiting for RecognitionStarted")
            if session.refused is not None:
                raise session.refused
            if not session.started.is_set():
                raise TranscriptionError(session.reason or "Session ended before RecognitionStarted")
        except BaseException:
            await self.close()
            raise
        return form

    async def _until_done(self, sending: Coroutine[Any, Any, None], timeout: float | None) -> None:
        """Send until that is done, or the session is."""
        session = self._session
        try:
            in_time = await first_of(sending, session.done.wait(), timeout=timeout)
        finally:
            session.awaited = False
        if not in_time:
            raise TimeoutError("Transcription session timed out")

    async def _end(self) -> None:
        """Wait for the rest of the transcript, and close.

        Raises:
            ConnectionError: there is none, because the connection was refused.
        """
        session = self._session
        await session.done.wait()
        await self.close()
        if session.refused is not None:
            raise session.refused

    async def _fresh_session(self) -> _Session:
        if self._session.begun and self._session.done.is_set():
            await self.close()
        if self._session.closed:
            self._session = self._new_session()
        if self._session.begun:
            raise SessionError(
                "This client has a session already: end it with stop_session(), or use a client for each session"
            )
        self._session.begun = True
        return self._session

    def _open_session(self) -> _Session:
        if self._session.closed or self._session.eos_sent:
            raise TransportError("Client is closed")
        return self._session

    async def _send(self, session: _Session, payload: bytes | str) -> None:
        try:
            await session.transport.send_message(payload)
        except TransportError:
            session.closed = True
            raise

    def _start_reading(self, session: _Session) -> asyncio.Task[None]:
        def note_end(reader: asyncio.Task[None]) -> None:
            # Whoever cancels the reader may let another one go on.
            if not reader.cancelled():
                session.closed = True
                session.info.is_running = False
                session.done.set()

        session.reader = asyncio.create_task(self._receive(session))
        session.reader.add_done_callback(note_end)
        return session.reader

    async def _receive(self, session: _Session) -> None:
        """Hand on every message until the connection ends."""
        try:
            while True:
                message = await session.transport.receive_message()
                if not isinstance(message, dict) or not isinstance(message.get("message"), str):
                    continue
                if session.awaited and not session.heard:
                    session.refused = session.transport.refusal(message)
                    if session.refused is not None:
                        self._logger.error("Server error: %s", message["reason"])
                        return
                if session.cut_short and message["message"] == ServerMessageType.END_OF_TRANSCRIPT:
                    return
                self.emit(message["message"], message)
        except TransportError as error:
            if not session.done.is_set():
                self._logger.error("Receive loop error: %s", error)
            await session.transport.close()

    def _follow(self, event: str, message: dict[str, Any]) -> None:
        session = self._session
        if "results" in message:
            session.heard = True
        elif event == ServerMessageType.RECOGNITION_STARTED:
            session.info.session_id = message.get("id")
            session.info.is_running = True
            session.started.set()
        elif event == ServerMessageType.END_OF_TRANSCRIPT:
            session.done.set()
        elif event == ServerMessageType.ERROR:
            session.reason = message.get("reason", "unknown")
            self._logger.error("Server error: %s", session.reason)
            session.done.set()
        elif event == ServerMessageType.WARNING:
            self._logger.warning("Server warning: %s", message.get("reason", "unknown"))


async def first_of(*waiting: Coroutine[Any, Any, object], timeout: float | None) -> bool:
    """Wait until one of several coroutines has ended, and end the others; False if none did in time.

    Raises:
        Exception: what the one that ended raised.
    """
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        ended, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
    return bool(ended)
