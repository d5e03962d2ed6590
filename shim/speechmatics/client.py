"""The client of the Speechmatics SDK (module ``speechmatics.client``), led to AssemblyAI.

A star import brings the names that it brings from the SDK, those of the standard library too: programs use them.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import logging
import os
import socket
from collections import defaultdict
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from io import IOBase
from typing import Any, Dict, Optional, Union  # noqa: UP035
from urllib.parse import parse_qsl, urlencode, urlparse, urlsplit, urlunparse, urlunsplit

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.http11 import Response

from shim.protocol.speechmatics import ErrorType
from shim.redirect import CLOSE_SECONDS, destination, drain
from shim.speechmatics._http_errors import status_error
from shim.speechmatics._reading import Reader
from shim.speechmatics._temporary_key import key_url, temporary_key
from shim.speechmatics.exceptions import EndOfTranscriptException, ForceEndSession, TranscriptionError
from shim.speechmatics.helpers import check_tasks_exceptions, get_version, json_utf8, read_in_chunks
from shim.speechmatics.models import (
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    ServerMessageType,
    TranscriptionConfig,
    UsageMode,
)

__all__ = [
    "LOGGER",
    "WS_HEADERS_KEY",
    "Any",
    "AsyncExitStack",
    "AudioSettings",
    "ClientMessageType",
    "ConnectionSettings",
    "Dict",
    "EndOfTranscriptException",
    "ForceEndSession",
    "IOBase",
    "Optional",
    "ServerMessageType",
    "TranscriptionConfig",
    "TranscriptionError",
    "Union",
    "UsageMode",
    "WebsocketClient",
    "asyncio",
    "base64",
    "check_tasks_exceptions",
    "connect",
    "copy",
    "defaultdict",
    "get_version",
    "json",
    "json_utf8",
    "logging",
    "os",
    "parse_qsl",
    "read_in_chunks",
    "urlencode",
    "urlparse",
    "urlunparse",
    "websockets",
]

LOGGER = logging.getLogger("speechmatics.client")
"""Under the name that it has in the SDK, so that a program's logging configuration still fits."""

WS_HEADERS_KEY = "additional_headers"

Handler = Callable[[dict[str, Any]], Any]
Middleware = Callable[[Any, bool], Any]

_ALL = "all"
_SINGLE = "single"
"""The key of `WebsocketClient.seq_no` where there are no channels."""


class WebsocketClient:
    """Streams audio to the service and calls handlers with what it answers.

    A connection to a Speechmatics host goes to AssemblyAI, with the key in ``ASSEMBLYAI_API_KEY``; a connection to any
    other host goes to that host.

    Args:
        connection_settings_or_auth_token: where to connect to. A string is a Speechmatics key, for the SDK's default
            host; without anything the key is that of the configuration file, or the one for AssemblyAI.

    Attributes:
        connection_settings: the settings in use; empty ones were filled from the configuration file.
        websocket: the connection, while there is one.
        transcription_config: of the session that runs or ran last.
        event_handlers: the handlers of each message type, in the order in which they were added.
        middlewares: the same for the messages that are sent.
        seq_no: audio messages sent by this client, of each channel, or of ``"single"``.
        session_running: whether a session was asked for and has not ended.
        channel_stream_pairs: the streams of the channels; None without channels.

    Raises:
        ValueError: there is no address, or no key at all.
    """

    def __init__(self, connection_settings_or_auth_token: ConnectionSettings | str | None = None) -> None:
        if isinstance(connection_settings_or_auth_token, ConnectionSettings):
            self.connection_settings = connection_settings_or_auth_token
            self.connection_settings.set_missing_values_from_config(UsageMode.RealTime)
        else:
            self.connection_settings = ConnectionSettings.create(
                UsageMode.RealTime, connection_settings_or_auth_token
            )
        self.websocket: ClientConnection | None = None
        self.transcription_config: TranscriptionConfig | None = None
        self.event_handlers: dict[ServerMessageType, list[Handler]] = {kind: [] for kind in ServerMessageType}
        self.middlewares: dict[ClientMessageType, list[Middleware]] = {kind: [] for kind in ClientMessageType}
        self.seq_no: defaultdict[str, int] = defaultdict(int)
        self.session_running = False
        self.channel_stream_pairs: dict[str, Any] | None = None
        self._language_pack_info: dict[str, Any] | None = None
        self._config_is_new = False
        self._stopping = False
        self._key_errors: set[int] = set()

    def add_event_handler(self, event_name: ServerMessageType | str, event_handler: Handler) -> None:
        """Call a function with each message of a type, or of every type (``"all"``).

        It runs in the event loop's thread, before the client acts on the message, and gets a copy of its own. What it
        raises ends the session and comes out of `run`, except KeyError, which only skips the other handlers of this
        message.

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

    def add_middleware(self, event_name: ClientMessageType | str, middleware: Middleware) -> None:
        """Call a function with each message of a type before it is sent, or of every type (``"all"``).

        It gets the message, a dict that it may change, or the bytes of audio; and whether it is bytes. What it raises ends
        the session and comes out of `run`.

        Raises:
            ValueError: there is no such message type.
        """
        if event_name == _ALL:
            for middlewares in self.middlewares.values():
                middlewares.append(middleware)
        elif event_name in self.middlewares:
            self.middlewares[ClientMessageType(event_name)].append(middleware)
        else:
            # Without the space before "or", as programs compare it.
            raise ValueError(
                f"Unknown event name: {event_name}, expected to be 'all'or one of {list(ClientMessageType)}."
            )

    def get_language_pack_info(self) -> dict[str, Any] | None:
        """What RecognitionStarted said about the language; None before it was handled. Stays after the session."""
        return self._language_pack_info

    def update_transcription_config(self, new_transcription_config: TranscriptionConfig) -> None:
        """Change the configuration of the running session: SetRecognitionConfig goes before the next audio."""
        if new_transcription_config != self.transcription_config:
            self.transcription_config = new_transcription_config
            self._config_is_new = True

    def stop(self) -> None:
        """End the stream after the chunk that is being read; `run` then waits for the rest of the transcript.

        May be called from any thread.
        """
        self._stopping = True

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

    async def run(
        self,
        stream: Any,
        transcription_config: TranscriptionConfig,
        audio_settings: AudioSettings | None = None,
        from_cli: bool = False,
        extra_headers: dict[str, str] | None = None,
    ) -> None:
        """Transcribe a stream, or one for each channel, until its end.

        Interrupted, cancelled or out of sound by an exception, it still gives the handlers what AssemblyAI has to say of
        what was sent, for `shim.redirect.CLOSE_SECONDS` at most; but not EndOfTranscript, which a program takes for the end
        of its stream.

        Args:
            stream: has ``read(size)``, a function or a coroutine function; nothing read is the end. A dict has the
                stream, or the path of a file, of each channel. May change places with ``transcription_config``.
            transcription_config: what is wanted.
            audio_settings: what the audio is; None for a file with a header.
            from_cli: whether a command asks; said in the query of the address.
            extra_headers: of the connection.

        Raises:
            TranscriptionError: the service ended the session with an Error.
            httpx.HTTPStatusError: the key was refused, and the settings have ``generate_temp_token``.
            TimeoutError: (``asyncio.TimeoutError``) an acknowledgement did not come in time.
            websockets.exceptions.WebSocketException: the connection was refused, or ended too early.
            OSError: there is nobody to connect to.
        """
        if isinstance(stream, TranscriptionConfig):
            stream, transcription_config = transcription_config, stream
        settings = audio_settings or AudioSettings()
        sdk = f"python{'-cli' if from_cli else ''}-{get_version()}"
        self.transcription_config = transcription_config
        self._language_pack_info = None
        self._config_is_new = False
        self._has_heard = False
        self._is_cut_short = False
        self._started = asyncio.Event()
        self._window = asyncio.BoundedSemaphore(self.connection_settings.message_buffer_size)
        with ExitStack() as files:
            self.channel_stream_pairs = _opened(stream, files) if isinstance(stream, dict) else None
            streams: dict[str | None, Any] = {None: stream}
            if self.channel_stream_pairs is not None:
                streams = dict(self.channel_stream_pairs.items())
            try:
                await self._run(streams, settings, sdk, dict(extra_headers or {}))
            except ForceEndSession:
                LOGGER.warning("An event handler or a middleware ended the session")
            finally:
                self.session_running = False
                self._stopping = False
                self.websocket = None

    async def send_message(self, message_type: str, data: Any | None = None) -> None:
        """Send any message; no middleware sees it.

        Args:
            message_type: its name.
            data: its other fields.

        Raises:
            RuntimeError: no session runs.
            websockets.exceptions.ConnectionClosed: the connection is closed.
        """
        if not self.session_running or self.websocket is None:
            raise RuntimeError("Recognition session not running. Cannot send the message.")
        try:
            await self.websocket.send(json.dumps({"message": message_type, **(data or {})}))
        except ConnectionClosed:
            LOGGER.error("The connection is closed: %s was not sent", message_type)
            raise

    # One session

    async def _run(
        self, streams: dict[str | None, Any], settings: AudioSettings, sdk: str, headers: dict[str, str]
    ) -> None:
        try:
            async with await self._connection(sdk, headers) as self.websocket:
                self.session_running = True
                start = self._message(ClientMessageType.StartRecognition, audio_format=settings.asdict())
                await self.websocket.send(start)
                await self._converse(self.websocket, streams, settings.chunk_size)
        except InvalidStatus as refusal:
            if refusal.response.status_code != 401 or not self.connection_settings.generate_temp_token:
                raise
            # Where the SDK asks for a temporary key first, a program expects to hear of its key there.
            reason = (refusal.response.body or b"").decode(errors="replace").strip()
            url = key_url(self.connection_settings, sdk)
            raise status_error("POST", url, 401, reason) from refusal

    async def _connection(self, sdk: str, headers: dict[str, str]) -> connect:
        settings, config = self.connection_settings, self.transcription_config
        assert config is not None
        url = _extended(settings.url, config.language.strip(), sdk)
        options: dict[str, Any] = {
            "compression": None,
            "max_size": None,
            # Reading must not pause, or a close after an exception in a handler would wait for its timeout.
            "max_queue": None,
            "ping_timeout": settings.ping_timeout_seconds,
        }
        self._local_url = destination(url)
        if self._local_url is not None:
            # With a socket of ours no proxy of the environment comes between this process and itself.
            address = urlsplit(self._local_url)
            channel = socket.create_connection((address.hostname, address.port or 0))
            return connect(self._local_url, sock=channel, additional_headers=headers, **options)
        if settings.auth_token is not None:
            key = await temporary_key(settings, sdk) if settings.generate_temp_token else settings.auth_token
            headers["Authorization"] = f"Bearer {key}"
        return connect(url, ssl=settings.ssl_context, additional_headers=headers, **options)

    async def _converse(self, websocket: ClientConnection, streams: dict[str | None, Any], size: int) -> None:
        receiving = asyncio.create_task(self._receive(websocket))
        sending = asyncio.create_task(self._send_streams(websocket, streams, size))
        try:
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
            if not receiving.done():
                await sending
            # Not awaited itself: who cancels this waiting wants the rest nevertheless.
            await asyncio.wait({receiving})
            receiving.result()
        except ForceEndSession:
            raise
        except BaseException:
            if self._local_url is not None and (not receiving.done() or receiving.cancelled()):
                self._is_cut_short = True
                sending.cancel()
                drain(self._local_url)
                await asyncio.wait({receiving, sending}, timeout=CLOSE_SECONDS)
                if receiving.cancelled():
                    # Before Python 3.11, Ctrl-C cancels every task of the loop, not the program's alone.
                    receiving = asyncio.create_task(self._receive(websocket))
                    await asyncio.wait({receiving}, timeout=CLOSE_SECONDS)
            raise
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    # What is sent

    async def _send_streams(
        self, websocket: ClientConnection, streams: dict[str | None, Any], size: int
    ) -> None:
        await self._started.wait()
        channels = [
            asyncio.create_task(self._send_stream(websocket, channel, stream, size))
            for channel, stream in streams.items()
        ]
        try:
            await asyncio.gather(*channels)
        except _ConnectionIsOver:
            return  # whoever receives knows why
        finally:
            for channel in channels:
                channel.cancel()
            await asyncio.gather(*channels, return_exceptions=True)

    async def _send_stream(
        self, websocket: ClientConnection, channel: str | None, stream: Any, size: int
    ) -> None:
        """Send one stream and its end; ``channel`` is None without channels."""
        reader = Reader(stream)
        try:
            while not self._stopping:
                chunk = await reader.read(size)
                if not chunk:
                    break
                if self._config_is_new:
                    self._config_is_new = False
                    await _send(websocket, self._message(ClientMessageType.SetRecognitionConfig))
                await _take(self._window, self.connection_settings.semaphore_timeout_seconds)
                self.seq_no[_SINGLE if channel is None else channel] += 1
                await _send(websocket, self._audio(channel, chunk))
        finally:
            await reader.close()
        await _send(websocket, self._end(channel))

    def _audio(self, channel: str | None, chunk: Any) -> Any:
        if channel is None:
            self._show(ClientMessageType.AddAudio, chunk, True)
            return chunk
        data = base64.b64encode(chunk).decode()
        return self._message(ClientMessageType.AddChannelAudio, channel=channel, data=data)

    def _end(self, channel: str | None) -> str:
        if channel is not None:
            sent = self.seq_no[channel]
            return self._message(ClientMessageType.EndOfChannel, channel=channel, last_seq_no=sent)
        counts = list(self.seq_no.values())
        return self._message(ClientMessageType.EndOfStream, last_seq_no=counts[0] if len(counts) == 1 else 0)

    def _message(self, kind: ClientMessageType, **fields: Any) -> str:
        """The JSON of a message, once the middlewares have seen and perhaps changed it."""
        message: dict[str, Any] = {"message": kind, **fields}
        if kind in _WITH_CONFIG:
            config = self.transcription_config
            assert config is not None
            message["transcription_config"] = config.as_config()
            for block in ("translation_config", "audio_events_config"):
                value = getattr(config, block)
                if value is not None:
                    message[block] = value if isinstance(value, dict) else value.asdict()
        self._show(kind, message, False)
        return json.dumps(message)

    def _show(self, kind: ClientMessageType, message: Any, is_binary: bool) -> None:
        for middleware in self.middlewares[kind]:
            middleware(message, is_binary)

    # What is received

    async def _receive(self, websocket: ClientConnection) -> None:
        while True:
            try:
                message = json.loads(await websocket.recv())
            except ConnectionClosedOK:
                if not self._started.is_set():
                    raise
                return
            if self._is_refused_key(message):
                LOGGER.error(message["reason"])
                raise InvalidStatus(Response(401, "Unauthorized", Headers(), message["reason"].encode()))
            kind = message["message"]
            if self._is_cut_short and kind == ServerMessageType.EndOfTranscript:
                return
            self._call_handlers(message)
            if kind in (ServerMessageType.AudioAdded, ServerMessageType.ChannelAudioAdded):
                self._window.release()
            elif kind == ServerMessageType.RecognitionStarted:
                self._language_pack_info = message.get("language_pack_info", self._language_pack_info)
                self._started.set()
            elif kind in (ServerMessageType.AddPartialTranscript, ServerMessageType.AddTranscript):
                self._has_heard = True
            elif kind == ServerMessageType.Warning:
                LOGGER.warning(message["reason"])
            elif kind == ServerMessageType.Error:
                raise TranscriptionError(message["reason"])
            elif kind == ServerMessageType.EndOfTranscript:
                return

    def _is_refused_key(self, message: dict[str, Any]) -> bool:
        """Whether AssemblyAI refused the key, which with a file shows at the first audio; Speechmatics refuses the connection."""
        return (
            self._local_url is not None
            and not self._has_heard
            and message["message"] == ServerMessageType.Error
            and message.get("type") == ErrorType.NOT_AUTHORISED
        )

    def _call_handlers(self, message: dict[str, Any]) -> None:
        for handler in self.event_handlers.get(message["message"], ()):
            try:
                handler(copy.deepcopy(message))
            except KeyError:
                # Programs whose handlers look for keys that not every message has live by this.
                if id(handler) not in self._key_errors:
                    self._key_errors.add(id(handler))
                    LOGGER.warning(
                        "%r raised KeyError for %s; other handlers of such messages are skipped then",
                        *(handler, message["message"]),
                        exc_info=True,
                    )
                return


_WITH_CONFIG = (ClientMessageType.StartRecognition, ClientMessageType.SetRecognitionConfig)
"""Messages that carry the configuration."""


class _ConnectionIsOver(Exception):
    """Nothing can be sent any more. Apart from the library's own: a program's stream may read from another connection."""


async def _send(websocket: ClientConnection, message: Any) -> None:
    try:
        await websocket.send(message)
    except ConnectionClosed as closed:
        raise _ConnectionIsOver from closed


async def _take(window: asyncio.BoundedSemaphore, seconds: float) -> None:
    if not window.locked():
        await window.acquire()
        return
    # asyncio.wait_for would do, but before Python 3.12 it can swallow a cancellation.
    taking = asyncio.ensure_future(window.acquire())
    try:
        done, _ = await asyncio.wait({taking}, timeout=seconds)
    finally:
        taking.cancel()
    if not done:
        raise asyncio.TimeoutError(f"the service acknowledged no audio for {seconds} s")


def _opened(streams: dict[str, Any], files: ExitStack) -> dict[str, Any]:
    """The streams of the channels; a path's file is opened."""
    return {
        channel: files.enter_context(open(stream, "rb")) if isinstance(stream, (str, os.PathLike)) else stream
        for channel, stream in streams.items()
    }


def _extended(url: str, language: str, sdk: str) -> str:
    """The address with the language at the end of its path, unless it ends with it already, and the SDK in its query."""
    parts = urlsplit(url)
    path = parts.path
    if not path.endswith(language):
        path = f"{path.removesuffix('/')}/{language}"
    others = [pair for pair in parts.query.split("&") if pair and not pair.startswith("sm-sdk=")]
    return urlunsplit(parts._replace(path=path, query="&".join([*others, f"sm-sdk={sdk}"])))
