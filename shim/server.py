"""The session server: Speechmatics clients in front, one translator each, AssemblyAI behind.

`SessionServer` runs in any event loop. `BackgroundServer` runs one in a thread of this process, for programs whose own
client library is led to it.
"""

from __future__ import annotations

import asyncio
import atexit
import hmac
import ipaddress
import itertools
import json
import logging
import os
import re
import secrets
import sys
import threading
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from shim.clock import Clock
from shim.protocol import assemblyai, speechmatics
from shim.protocol.effects import (
    CloseClient,
    CloseUpstream,
    Effect,
    Log,
    OpenUpstream,
    SendClient,
    SendUpstream,
)
from shim.protocol.mapping.errors import (
    SPEECHMATICS_CLOSE_REASONS,
    ErrorMapping,
    FailureKind,
    error,
    from_failure,
)
from shim.protocol.mapping.hosts import MANAGEMENT_PATHS, REGIONS, Region
from shim.protocol.translator import Handshake, Translator, TranslatorOptions
from shim.settings import API_KEY_VARIABLE, REGION_VARIABLE, Settings, current
from shim.upstream import SILENT, Upstream

logger = logging.getLogger("shim")

DRAIN_SECONDS = 1.6
"""Real seconds in which a client that closes still gets what is owed to it. The rest of a close needs 0.2 s more."""

LEAVE_SECONDS = 10.0
"""Seconds that AssemblyAI has to confirm the end of a session whose client is gone, before its connection is cut."""

EXIT_SECONDS = 1.8
"""Real seconds that the exit of the interpreter may wait for open sessions."""

MESSAGE_BYTES = 16 * 2**20
"""The longest message that is taken from a client; a longer one closes its connection with code 1009."""

AUDIO_BACKLOG_BYTES = 64 * 2**20
"""Audio of a client that may wait for its time, 35 minutes of 16 kHz 16-bit audio; more ends the session with an Error."""

CLIENT_BACKLOG_BYTES = 16 * 2**20
"""What may wait for a client that does not read; more cuts it off."""

PING_SECONDS = 30.0
"""Pause between our pings. Nothing follows from a missing pong: old programs often do not read while they send."""

_CREDENTIALS = frozenset({"jwt", "api_key"})
_POST_BYTES = 64 * 2**10


class Session:
    """One Speechmatics client with its translator and its AssemblyAI connections. Lives in one event loop."""

    def __init__(
        self,
        number: int,
        connection: ServerConnection,
        handshake: Handshake,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._name = f"session {number}"
        self._connection = connection
        self._api_key = _key(settings)
        self._clock = clock
        self._translator = Translator(handshake, _translator_options(settings))
        self._upstreams: dict[int, Upstream] = {}
        self._outbox: asyncio.Queue[SendClient | CloseClient] = asyncio.Queue()
        self._outbox_bytes = 0
        self._client_ended = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve the client until it is gone, and AssemblyAI has confirmed the end or was given `LEAVE_SECONDS` to."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
            if not self._client_ended:
                self._client_ended = True
                self._step(self._translator.client_closed)
            await self._upstreams_closed()
        finally:
            self._client_ended = True
            writer.cancel()
            if self._timer is not None:
                self._timer.cancel()
            await asyncio.gather(*(upstream.aclose(0.1) for upstream in self._upstreams.values()))

    def drain(self) -> None:
        """The program closes: end its stream if it forgot to, send it what is owed, then close its connection.

        `DRAIN_SECONDS` later the connection is closed in any case, and the log says so.
        """
        if not self._client_ended:
            self._step(self._translator.drain)
            asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._cut_off)

    def abort(self) -> None:
        """Cut the client off without a close frame."""
        self._connection.transport.abort()

    def _cut_off(self) -> None:
        if not self._client_ended:
            logger.warning(
                "%s: the program closed its connection, and AssemblyAI did not send the rest within %.1f s. The last "
                "words may be missing; wait for EndOfTranscript before closing",
                self._name,
                DRAIN_SECONDS,
            )
            self._carry_out([CloseClient(1000, "")])

    # From the client

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                if isinstance(message, str):
                    self._step(self._translator.client_message, message)
                else:
                    self._step(self._translator.client_audio, message)
                    self._check_backlog()
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                logger.error(
                    "%s: disconnected, because a message of the program was longer than %d MiB; send the audio in "
                    "smaller pieces",
                    self._name,
                    MESSAGE_BYTES // 2**20,
                )

    def _check_backlog(self) -> None:
        if self._translator.buffered_bytes > AUDIO_BACKLOG_BYTES and not self._client_ended:
            failure = error(
                "job_error",
                f"The program sends audio much faster than real time: {AUDIO_BACKLOG_BYTES // 2**20} MiB wait. Wait for "
                "AudioAdded, or send the audio at the pace at which it was spoken.",
            )
            logger.error("%s: %s", self._name, failure.reason)
            self._send_error(failure)
            self._step(self._translator.client_closed)

    # From AssemblyAI

    def upstream_opened(self, connection: int) -> None:
        """An AssemblyAI connection is open."""
        self._step(self._translator.upstream_opened, connection)

    def upstream_message(self, connection: int, data: str | bytes) -> None:
        """AssemblyAI sent a message."""
        self._step(self._translator.upstream_message, connection, data)

    def upstream_closed(self, connection: int, code: int, reason: str) -> None:
        """An AssemblyAI connection has closed."""
        self._upstreams.pop(connection, None)
        self._step(self._translator.upstream_closed, connection, code, reason)

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str) -> None:
        """An AssemblyAI connection did not open, or takes no more."""
        self._upstreams.pop(connection, None)
        self._step(self._translator.upstream_failed, connection, kind, detail)

    # To both

    def _step(self, step: Callable[..., list[Effect]], *arguments: object) -> None:
        """Tell the translator what happened, carry out what it wants, and set the timer for its next deadline."""
        try:
            effects = step(*arguments, self._clock.now())
        except Exception as defect:
            # The translator takes whatever peers send. Should it not, the program must hear of it at once.
            logger.error(
                "%s: internal error (%s in %s), the session ends; please report it",
                self._name,
                type(defect).__name__,
                step.__name__,
            )
            self._send_error(
                error(
                    "unknown_error", "The drop-in met an internal error. Its log names it; please report it."
                )
            )
            effects = [SendUpstream(connection, assemblyai.terminate()) for connection in self._upstreams]
            effects += [CloseUpstream(connection) for connection in self._upstreams]
        self._carry_out(effects)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._translator.deadline()
        if deadline is not None:
            wait = self._clock.real(deadline - self._clock.now())
            self._timer = asyncio.get_running_loop().call_later(wait, self._step, self._translator.tick)

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendClient() | CloseClient():
                    self._queue(effect)
                case OpenUpstream(connection, url):
                    self._upstreams[connection] = Upstream(connection, url, self._api_key, self._clock, self)
                case SendUpstream(connection, data):
                    if connection in self._upstreams:
                        self._upstreams[connection].send(data)
                case CloseUpstream(connection):
                    if connection in self._upstreams:
                        self._upstreams[connection].close()
                case Log(level, text):
                    logger.log(level, "%s: %s", self._name, text)

    def _send_error(self, failure: ErrorMapping) -> None:
        message = speechmatics.error(failure.type, failure.reason)
        self._queue(SendClient(json.dumps(message)))
        self._queue(CloseClient(failure.close_code, SPEECHMATICS_CLOSE_REASONS[failure.close_code]))

    def _queue(self, effect: SendClient | CloseClient) -> None:
        if self._client_ended:
            return
        if isinstance(effect, CloseClient):
            self._client_ended = True
        else:
            self._outbox_bytes += len(effect.text)
            if self._outbox_bytes > CLIENT_BACKLOG_BYTES:
                logger.error(
                    "%s: disconnected, because the program does not read: %d MiB of messages wait for it",
                    self._name,
                    CLIENT_BACKLOG_BYTES // 2**20,
                )
                self.abort()
                return
        self._outbox.put_nowait(effect)

    async def _write(self) -> None:
        try:
            while True:
                effect = await self._outbox.get()
                if isinstance(effect, CloseClient):
                    await self._connection.close(effect.code, effect.reason)
                    return
                await self._connection.send(effect.text)
                self._outbox_bytes -= len(effect.text)
        except ConnectionClosed:
            return  # whoever reads sees it too

    async def _upstreams_closed(self) -> None:
        deadline = self._clock.now() + LEAVE_SECONDS
        while tasks := [upstream.task for upstream in self._upstreams.values() if not upstream.task.done()]:
            seconds = deadline - self._clock.now()
            if seconds <= 0:
                logger.warning("%s: AssemblyAI did not confirm the end of the session", self._name)
                return
            await asyncio.wait(tasks, timeout=self._clock.real(seconds))


class SessionServer:
    """Serves Speechmatics real-time clients on loopback, each with an AssemblyAI session of its own.

    Args:
        settings: asked at every handshake; a session keeps what it started with.
        clock: drives all deadlines and the pace.
        secret: where given, the path of every address must begin with it, as `local_url` makes them; anything else is
            answered with 404. None takes clients on any path.
    """

    def __init__(
        self,
        settings: Callable[[], Settings] = current,
        clock: Clock | None = None,
        secret: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._secret = secret
        self._numbers = itertools.count(1)
        # A connection holds its session from the handshake on, so that a drain finds it before it runs.
        self._sessions: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()
        self._running: set[asyncio.Task[Any]] = set()
        self._server: Server | None = None
        self._address = ("", 0)

    @property
    def port(self) -> int:
        """The port that `start` found or was given."""
        return self._address[1]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen.

        Args:
            host: a loopback address.
            port: 0 for any free one.

        Raises:
            ValueError: the address is not a loopback one.
            OSError: the port is taken.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the session server listens on loopback addresses only, not on {host}")
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._answer,
            create_connection=cast("type[ServerConnection]", partial(_Connection, self._answer_post)),
            compression=None,
            server_header=None,
            max_size=MESSAGE_BYTES,
            ping_interval=PING_SECONDS,
            ping_timeout=None,
            close_timeout=2.0,
            logger=SILENT,
        )
        self._address = host, next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self, drain_seconds: float = 0.0) -> None:
        """Take no more clients, end the open sessions, and stop.

        Args:
            drain_seconds: real seconds that open sessions have to end properly before they are cut.
        """
        if self._server is None:
            return
        self._server.close(close_connections=False)
        for session in list(self._sessions.values()):
            session.drain()
        if self._running:
            await asyncio.wait(self._running, timeout=drain_seconds)
        for session in list(self._sessions.values()):
            session.abort()
        for task in self._running:
            task.cancel()
        await self._server.wait_closed()
        self._server = None

    def local_url(self, original_url: str) -> str:
        """The address here that stands for a Speechmatics one; a new one for every connection. Thread-safe."""
        parts = urlsplit(original_url)
        prefix = f"/{self._secret}/{next(self._numbers)}/{quote(parts.hostname or '', safe='')}"
        query = f"?{parts.query}" if parts.query else ""
        host, port = self._address
        return f"ws://{host}:{port}{prefix}{parts.path or '/'}{query}"

    def drain(self, local_url: str) -> None:
        """Begin to drain the session of this address: `Session.drain`. A session that has ended is left alone."""
        session = self._sessions.get(int(urlsplit(local_url).path.split("/")[2]))
        if session is not None:
            session.drain()

    async def _serve(self, connection: ServerConnection) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            await cast(_Connection, connection).session.run()
        finally:
            self._running.discard(task)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """None to open the WebSocket, a response to refuse it."""
        route = self._route(request.path, request.headers.get("Host", ""))
        if route is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")
        number, handshake = route
        settings = self._settings()
        if refusal := _refusal(settings):
            status, text = refusal
            logger.error("connection to %s refused: %s", handshake.host, text)
            return connection.respond(status, text + "\n")
        session = Session(number, connection, handshake, settings, self._clock)
        cast(_Connection, connection).session = session
        self._sessions[number] = session
        return None

    def _route(self, path: str, host: str) -> tuple[int, Handshake] | None:
        parts = urlsplit(path)
        query = urlencode([pair for pair in parse_qsl(parts.query, True) if pair[0] not in _CREDENTIALS])
        if self._secret is None:
            return next(self._numbers), Handshake(urlsplit(f"//{host}").hostname or "", parts.path, query)
        pieces = parts.path.split("/", 4)
        if len(pieces) < 5 or not self._is_secret(pieces[1]) or not pieces[2].isdecimal():
            return None
        return int(pieces[2]), Handshake(unquote(pieces[3]), "/" + pieces[4], query)

    def _is_secret(self, text: str) -> bool:
        return self._secret is not None and hmac.compare_digest(text.encode(), self._secret.encode())

    def _answer_post(self, path: str) -> bytes:
        """Gives out a temporary key, as Speechmatics' management API does; the key it is asked with goes nowhere."""
        path = urlsplit(path).path
        if self._secret is not None:
            _, secret, rest = [*path.split("/", 2), "", ""][:3]
            path = "/" + rest if self._is_secret(secret) else ""
        if path not in MANAGEMENT_PATHS:
            return _http_response(HTTPStatus.NOT_FOUND, {"code": 404, "error": "Not found"})
        return _http_response(HTTPStatus.CREATED, {"apikey_id": None, "key_value": secrets.token_urlsafe(32)})


class _Connection(ServerConnection):
    """A client's connection with its session. Answers POST too, which the WebSocket library does not."""

    session: Session

    def __init__(self, answer_post: Callable[[str], bytes], *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answer_post = answer_post
        self._is_post: bool | None = None
        self._request = b""

    def data_received(self, data: bytes) -> None:
        if self._is_post is None:
            self._is_post = data.startswith(b"POST ")
        if not self._is_post:
            super().data_received(data)
            return
        self._request += data
        head, end, body = self._request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if len(self._request) > _POST_BYTES:
            self.transport.abort()
        elif end and len(body) >= int(length[1] if length else 0):
            self.transport.write(self._answer_post(head.split(b" ", 2)[1].decode("latin-1")))
            self.transport.close()


def _http_response(status: HTTPStatus, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _key(settings: Settings) -> str:
    return (settings.api_key or "").strip()


def _refusal(settings: Settings) -> tuple[HTTPStatus, str] | None:
    """Why no session can begin with these settings: HTTP status and what to do; None when it can."""
    key = _key(settings)
    if not key:
        return HTTPStatus.UNAUTHORIZED, from_failure(FailureKind.NO_KEY).reason
    if not re.fullmatch(r"[!-~]+", key):
        return (
            HTTPStatus.UNAUTHORIZED,
            f"{API_KEY_VARIABLE} holds characters that no key has; copy the key again.",
        )
    if settings.region not in (None, *REGIONS):
        return HTTPStatus.BAD_REQUEST, f"{REGION_VARIABLE} is none of {', '.join(REGIONS)}."
    return None


def _translator_options(settings: Settings) -> TranslatorOptions:
    return TranslatorOptions(
        streaming_url=settings.streaming_url,
        region=cast("Region | None", settings.region),
        speech_model=settings.speech_model,
        session_id=str(uuid.uuid4()),
    )


@dataclass(frozen=True)
class _Thread:
    """The thread in which a `BackgroundServer` runs."""

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    server: SessionServer
    ended: asyncio.Event


class BackgroundServer:
    """A `SessionServer` in a daemon thread of this process, started at first use. Every method is thread-safe.

    A forked child gets a server of its own. When the interpreter exits, open sessions have `EXIT_SECONDS` to end, so
    that none stays open and billed.

    Args:
        settings: asked at every handshake.
    """

    def __init__(self, settings: Callable[[], Settings] = current) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._running: _Thread | None = None

    def local_url(self, original_url: str) -> str:
        """The loopback address that stands for a Speechmatics address, for one connection.

        Raises:
            OSError: no loopback port can be opened.
        """
        with self._lock:
            if self._running is None:
                self._running = self._start()
                self._stop_at_exit()
            return self._running.server.local_url(original_url)

    def drain(self, local_url: str) -> None:
        """Begin to drain the session behind an address of `local_url`; does not wait for its end.

        The client gets what is owed to it and then a normal close, at most `DRAIN_SECONDS` later.
        """
        running = self._running
        if running is not None:
            running.loop.call_soon_threadsafe(running.server.drain, local_url)

    def stop(self) -> None:
        """End the open sessions, then the thread, within `EXIT_SECONDS`. The next `local_url` starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        atexit.unregister(self.stop)
        running.loop.call_soon_threadsafe(running.ended.set)
        running.thread.join(EXIT_SECONDS)

    def forget(self) -> None:
        """In a forked child: the thread stayed with the parent."""
        self._lock = threading.Lock()
        self._running = None

    def _start(self) -> _Thread:
        started: Future[_Thread] = Future()

        async def serve_until_ended() -> None:
            server, ended = SessionServer(self._settings, secret=secrets.token_urlsafe(16)), asyncio.Event()
            try:
                await server.start()
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(_Thread(thread, asyncio.get_running_loop(), server, ended))
            await ended.wait()
            await server.stop(DRAIN_SECONDS)

        thread = threading.Thread(
            target=lambda: asyncio.run(serve_until_ended()), name="shim session server", daemon=True
        )
        thread.start()
        return started.result()

    def _stop_at_exit(self) -> None:
        atexit.register(self.stop)
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            # Worker processes end without the functions of atexit.
            from multiprocessing.util import Finalize

            Finalize(self, self.stop, exitpriority=0)


background = BackgroundServer()
"""The one of this process; whatever leads connections here shares it."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=background.forget)
