"""The session server: takes Speechmatics clients on loopback and gives each a session."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import itertools
import json
import logging
import re
import secrets
import weakref
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from shim.clock import Clock
from shim.protocol.mapping.errors import FailureKind, error, from_failure
from shim.protocol.mapping.hosts import MANAGEMENT_PATHS, REGIONS
from shim.protocol.translator import Handshake
from shim.session import CLIENT_BACKLOG_BYTES, Limits, Session, api_key
from shim.settings import API_KEY_VARIABLE, REGION_VARIABLE, Settings, current
from shim.upstream import SILENT, is_loopback

logger = logging.getLogger("shim")

PING_SECONDS = 30.0
"""Pause between our pings. Nothing follows from a missing pong: old programs often do not read while they send."""

OPEN_SECONDS = 10.0
"""Real seconds that a client has for its whole request, from the moment it connects; then it is cut off."""

HEALTH_PATH = "/health"
"""Tells without a secret whether sessions can be had, and how many are open."""

_CREDENTIALS = frozenset({"jwt", "api_key"})
_POST_BYTES = 64 * 2**10
# No more digits than int() takes, or than make sense.
_NUMBER = re.compile(r"[0-9]{1,18}")
_CONTENT_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *0*([0-9]{1,18})")


class SessionServer:
    """Serves Speechmatics real-time clients on loopback, each with an AssemblyAI session of its own.

    Args:
        settings: asked at every handshake; a session keeps what it started with.
        clock: drives all deadlines and the pace.
        secret: where given, the path of every address must begin with it, as `local_url` makes them; anything else is
            answered with 404. None takes clients on any path, answers ``/health`` too, and refuses web pages of other
            machines.
        limits: what it takes from clients.
    """

    def __init__(
        self,
        settings: Callable[[], Settings] = current,
        clock: Clock | None = None,
        secret: str | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._secret = secret
        self._limits = limits or Limits()
        self._numbers = itertools.count(1)
        # A connection holds its session from the handshake on, so that a drain finds it before it runs.
        self._sessions: weakref.WeakValueDictionary[int, Session] = weakref.WeakValueDictionary()
        self._running: dict[asyncio.Task[Any], Session] = {}
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
            max_size=self._limits.message_bytes,
            open_timeout=OPEN_SECONDS,
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

    def local_key_url(self, original_url: str) -> str:
        """The address here that stands for the one that gives out Speechmatics' temporary keys. Thread-safe."""
        parts = urlsplit(original_url)
        host, port = self._address
        return urlunsplit(("http", f"{host}:{port}", f"/{self._secret}{parts.path}", parts.query, ""))

    def drain(self, local_url: str) -> None:
        """Begin to drain the session of this address: `Session.drain`. A session that has ended is left alone."""
        session = self._sessions.get(int(urlsplit(local_url).path.split("/")[2]))
        if session is not None:
            session.drain()

    async def _serve(self, connection: ServerConnection) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = cast(_Connection, connection).session
        is_full = self._limits.sessions is not None and self._open_sessions() >= self._limits.sessions
        self._running[task] = session
        try:
            if is_full:
                logger.error(
                    "client refused: %d sessions are open, no more are allowed", self._limits.sessions
                )
                await session.refuse(
                    error("quota_exceeded", f"No more than {self._limits.sessions} sessions at a time.")
                )
            else:
                await session.run()
        finally:
            del self._running[task]

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """None to open the WebSocket, a response to refuse it."""
        if self._secret is None:
            if _split(request.path).path == HEALTH_PATH:
                return self._health(connection)
            if _is_foreign_page(request.headers.get("Origin")):
                logger.error("connection refused: it comes from a web page of another machine")
                return connection.respond(HTTPStatus.FORBIDDEN, "Only pages of this machine are served.\n")
        route = self._route(request.path, request.headers.get("Host", ""))
        if route is None:
            return connection.respond(HTTPStatus.NOT_FOUND, "Not found.\n")
        number, handshake = route
        settings = self._settings()
        if refusal := _refusal(settings):
            status, text = refusal
            logger.error("connection to %s refused: %s", handshake.host, text)
            return connection.respond(status, text + "\n")
        session = Session(number, connection, handshake, settings, self._clock, self._limits)
        cast(_Connection, connection).session = session
        self._sessions[number] = session
        return None

    def _open_sessions(self) -> int:
        return sum(session.is_open for session in self._running.values())

    def _health(self, connection: ServerConnection) -> Response:
        refusal = _refusal(self._settings())
        status = HTTPStatus.OK if refusal is None else HTTPStatus.SERVICE_UNAVAILABLE
        content = {
            "status": "ok" if refusal is None else "unavailable",
            "reason": refusal and refusal[1],
            "sessions": self._open_sessions(),
            "max_sessions": self._limits.sessions,
        }
        response = connection.respond(status, json.dumps(content) + "\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    def _route(self, path: str, host: str) -> tuple[int, Handshake] | None:
        parts = _split(path)
        query = urlencode(
            [pair for pair in parse_qsl(parts.query, True) if pair[0] not in _CREDENTIALS], errors="replace"
        )
        if self._secret is None:
            return next(self._numbers), Handshake(_split(f"//{host}").hostname or "", parts.path, query)
        pieces = parts.path.split("/", 4)
        if len(pieces) < 5 or not self._is_secret(pieces[1]) or not _NUMBER.fullmatch(pieces[2]):
            return None
        return int(pieces[2]), Handshake(unquote(pieces[3]), "/" + pieces[4], query)

    def _is_secret(self, text: str) -> bool:
        return self._secret is not None and hmac.compare_digest(
            text.encode(errors="replace"), self._secret.encode()
        )

    def _answer_post(self, path: str) -> bytes:
        """Gives out a temporary key, as Speechmatics' management API does; the key it is asked with goes nowhere."""
        path = _split(path).path
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
            # The library answers every ping itself, whether or not the client reads the answers.
            if self.transport.get_write_buffer_size() > CLIENT_BACKLOG_BYTES:
                logger.error(
                    "client disconnected, because it does not read: answers to its pings wait for it"
                )
                self.transport.abort()
                return
            super().data_received(data)
            return
        self._request += data
        head, end, body = self._request.partition(b"\r\n\r\n")
        length = _CONTENT_LENGTH.search(head)
        if len(self._request) > _POST_BYTES:
            self.transport.abort()
        elif end and len(body) >= int(length[1] if length else 0):
            self.transport.write(self._answer_post(head.split(b" ", 2)[1].decode("latin-1")))
            self.transport.close()


def _split(address: str) -> SplitResult:
    """`urlsplit` for whatever a peer sent; what is no address has no parts."""
    try:
        return urlsplit(address)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _http_response(status: HTTPStatus, content: dict[str, Any]) -> bytes:
    body = json.dumps(content).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _is_foreign_page(origin: str | None) -> bool:
    """Whether a browser says that a page which no server of this machine sent wants to connect."""
    return origin is not None and not is_loopback(_split(origin).hostname or "")


def _refusal(settings: Settings) -> tuple[HTTPStatus, str] | None:
    """Why no session can begin with these settings: HTTP status and what to do; None when it can."""
    key = api_key(settings)
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
