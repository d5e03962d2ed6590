"""The client of the Speechmatics SDK (module ``speechmatics.client``), one session at a time, led to AssemblyAI."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import logging
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from shim.protocol.mapping.hosts import DEFAULT_SPEECHMATICS_URL
from shim.redirect import destination
from shim.speechmatics.exceptions import ForceEndSession, TranscriptionError
from shim.speechmatics.models import (
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    ServerMessageType,
    TranscriptionConfig,
)

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Any]

_ALL = "all"


class WebsocketClient:
    """Streams audio to the service and calls handlers with what it answers.

    A connection to a Speechmatics host goes to AssemblyAI, with the key in ``ASSEMBLYAI_API_KEY``; a connection to any
    other host goes to that host.

    Args:
        connection_settings_or_auth_token: where to connect to. A string is a Speechmatics key, as programs have it
            that connect to the SDK's default host; it is not used.

    Attributes:
        event_handlers: the handlers of each message type, in the order in which they were added.
        session_running: whether the service accepted the session and has not ended it.
    """

    def __init__(self, connection_settings_or_auth_token: ConnectionSettings | str) -> None:
        if isinstance(connection_settings_or_auth_token, str):
            self.connection_settings = ConnectionSettings(
                DEFAULT_SPEECHMATICS_URL, auth_token=connection_settings_or_auth_token
            )
        else:
            self.connection_settings = connection_settings_or_auth_token
        self.event_handlers: dict[ServerMessageType, list[Handler]] = {kind: [] for kind in ServerMessageType}
        self.session_running = False
        self._stopping = False

    def add_event_handler(self, event_name: ServerMessageType | str, event_handler: Handler) -> None:
        """Call a function with each message of a type, or of every type (``"all"``).

        It runs in the event loop's thread and gets a copy of its own. What it raises ends the session and comes out
        of `run`.

        Raises:
            ValueError: there is no such message type.
        """
        if event_name == _ALL:
            for handlers in self.event_handlers.values():
                handlers.append(event_handler)
        elif event_name in self.event_handlers:
            self.event_handlers[ServerMessageType(event_name)].append(event_handler)
        else:
            raise ValueError(
                f"Unknown event name: {event_name!r}, expected to be "
                f"'all' or one of {list(ServerMessageType)}."
            )

    async def run(
        self,
        stream: Any,
        transcription_config: TranscriptionConfig,
        audio_settings: AudioSettings | None = None,
        from_cli: bool = False,
        extra_headers: dict[str, str] | None = None,
    ) -> None:
        """Transcribe a stream until its end.

        Args:
            stream: has ``read(size)``, a function or a coroutine function. ``b""`` is the end.
            transcription_config: what is wanted.
            audio_settings: what the audio is; None for a file with a header.
            from_cli: taken for the sake of old callers; changes nothing.
            extra_headers: of the connection.

        Raises:
            TranscriptionError: the service ended the session with an Error.
            TimeoutError: (``asyncio.TimeoutError``) an acknowledgement did not come in time.
            websockets.exceptions.WebSocketException: the connection was refused, or ended too early.
            OSError: there is nobody to connect to.
        """
        settings = audio_settings or AudioSettings()
        self._stopping = False
        try:
            async with self._connection(transcription_config.language, extra_headers or {}) as websocket:
                await _send(
                    websocket, ClientMessageType.StartRecognition, **_start(transcription_config, settings)
                )
                try:
                    await self._converse(websocket, stream, settings.chunk_size)
                except ForceEndSession:
                    logger.info("An event handler ended the session")
        finally:
            self.session_running = False

    def run_synchronously(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> None:
        """`run`, in an event loop of its own.

        Args:
            args: as of `run`.
            timeout: longest duration of the session, in seconds.
            kwargs: as of `run`.

        Raises:
            TimeoutError: (``asyncio.TimeoutError``) the session took too long.
            RuntimeError: called where an event loop runs.
        """
        asyncio.run(asyncio.wait_for(self.run(*args, **kwargs), timeout))

    def stop(self) -> None:
        """End the stream after the chunk that is being read; `run` then waits for the rest of the transcript.

        May be called from any thread.
        """
        self._stopping = True

    def _connection(self, language: str, headers: dict[str, str]) -> connect:
        settings = self.connection_settings
        url = _with_language(settings.url, language)
        options: dict[str, Any] = {
            "compression": None,
            "max_size": None,
            # Reading must not pause, or a close after an exception in a handler would wait for its timeout.
            "max_queue": None,
            "ping_timeout": settings.ping_timeout_seconds,
        }
        local_url = destination(url)
        if local_url is None:
            if settings.auth_token:
                headers = {**headers, "Authorization": f"Bearer {settings.auth_token}"}
            return connect(url, ssl=settings.ssl_context, additional_headers=headers, **options)
        # With a socket of ours no proxy of the environment comes between this process and itself.
        address = urlsplit(local_url)
        channel = socket.create_connection((address.hostname, address.port or 0))
        return connect(local_url, sock=channel, additional_headers=headers, **options)

    async def _converse(self, websocket: ClientConnection, stream: Any, chunk_size: int) -> None:
        started = asyncio.Event()
        window = asyncio.BoundedSemaphore(self.connection_settings.message_buffer_size)
        receiving = asyncio.create_task(self._receive(websocket, started, window))
        sending = asyncio.create_task(self._send_audio(websocket, stream, chunk_size, started, window))
        try:
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await sending
            await receiving
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send_audio(
        self,
        websocket: ClientConnection,
        stream: Any,
        chunk_size: int,
        started: asyncio.Event,
        window: asyncio.BoundedSemaphore,
    ) -> None:
        await started.wait()
        sent = 0
        reader = ThreadPoolExecutor(1, "speechmatics-audio")
        try:
            while not self._stopping:
                await _take(window, self.connection_settings.semaphore_timeout_seconds)
                chunk = await _read(stream, chunk_size, reader)
                if not chunk:
                    break
                await websocket.send(chunk)
                sent += 1
            await _send(websocket, ClientMessageType.EndOfStream, last_seq_no=sent)
        except ConnectionClosed:
            return  # whoever receives knows why
        finally:
            reader.shutdown(wait=False)

    async def _receive(
        self, websocket: ClientConnection, started: asyncio.Event, window: asyncio.BoundedSemaphore
    ) -> None:
        while True:
            try:
                message = json.loads(await websocket.recv())
            except ConnectionClosedOK:
                if not started.is_set():
                    raise
                return
            kind = message["message"]
            for handler in self.event_handlers.get(kind, ()):
                handler(copy.deepcopy(message))
            if kind == ServerMessageType.AudioAdded:
                window.release()
            elif kind == ServerMessageType.RecognitionStarted:
                self.session_running = True
                started.set()
            elif kind == ServerMessageType.Warning:
                logger.warning(message["reason"])
            elif kind == ServerMessageType.Error:
                raise TranscriptionError(message["reason"])
            elif kind == ServerMessageType.EndOfTranscript:
                return


def _with_language(url: str, language: str) -> str:
    """The address with the language at the end of its path, unless it ends with it already."""
    parts = urlsplit(url)
    language = language.strip()
    if parts.path.endswith(language):
        return url
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{language}"))


def _start(config: TranscriptionConfig, audio_settings: AudioSettings) -> dict[str, Any]:
    given = config.asdict()
    start = {"audio_format": audio_settings.asdict(), "transcription_config": config.as_config()}
    for block in ("translation_config", "audio_events_config"):
        if block in given:
            start[block] = given[block]
    return start


async def _send(websocket: ClientConnection, kind: ClientMessageType, **fields: Any) -> None:
    await websocket.send(json.dumps({"message": kind, **fields}))


async def _take(window: asyncio.BoundedSemaphore, seconds: float) -> None:
    # asyncio.wait_for would do, but before Python 3.12 it can swallow a cancellation.
    taking = asyncio.ensure_future(window.acquire())
    try:
        done, _ = await asyncio.wait({taking}, timeout=seconds)
    finally:
        taking.cancel()
    if not done:
        raise asyncio.TimeoutError(f"the service acknowledged no audio for {seconds} s")


async def _read(stream: Any, size: int, reader: ThreadPoolExecutor) -> bytes:
    if inspect.iscoroutinefunction(stream.read):
        chunk: bytes = await stream.read(size)
    else:
        chunk = await asyncio.get_running_loop().run_in_executor(reader, stream.read, size)
    return chunk
