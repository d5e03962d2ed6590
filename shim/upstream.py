"""One connection to AssemblyAI's streaming service: open, send in order, receive, report how it ended."""

from __future__ import annotations

import asyncio
import errno
import importlib.metadata
import ipaddress
import logging
import socket
import ssl
from collections import deque
from typing import Any, Protocol
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.protocol import OPEN

from shim.protocol.mapping.errors import FailureKind, failure_of_status, quotable
from shim.transports import cut

CONNECT_TIMEOUT = 8.0
"""Real seconds for name look-up, TCP, TLS and the WebSocket handshake together."""

SEND_BUFFER_BYTES = 16 * 2**20
"""What may wait for the network: over eight minutes of 16 kHz 16-bit audio."""

AT_ONCE_BYTES = 16 * 2**10
"""So much may already wait in a connection to which something more is written at once."""

PING_SECONDS = 4.0
"""Real seconds between two pings."""

PONG_SECONDS = 4.0
"""Real seconds that a pong may take; then the connection is taken for lost."""

CLOSE_SECONDS = 1.0
"""Real seconds that the other side has to answer a close. After a ping without a pong it has them too: all three together
are less than the audio that is kept to be sent again (`shim.protocol.replay.KEEP_SECONDS`)."""

RECEIVE_BYTES = 4 * 2**20
"""The longest message that is taken from AssemblyAI; its own are some kilobytes."""

API_VERSION = "2025-05-12"
"""The only value that AssemblyAI's API is known to have (AssemblyAI's Python SDK)."""

# The WebSocket library logs request headers and frames at DEBUG level: keys and transcripts. That must never happen.
SILENT = logging.Logger("shim.websockets", logging.CRITICAL + 1)

_FAILURES_TO_CONNECT = (
    OSError,
    asyncio.TimeoutError,  # an OSError from Python 3.11 on
    InvalidHandshake,
    InvalidURI,
    EOFError,
    ImportError,
    ValueError,
)

_FAILURE_OF_ERRNO = {
    errno.ECONNREFUSED: FailureKind.REFUSED,
    errno.ETIMEDOUT: FailureKind.TIMEOUT,
}


class UpstreamListener(Protocol):
    """Whoever owns a connection. The calls come from the event loop and must not block."""

    def upstream_opened(self, connection: int) -> None:
        """The connection is open."""

    def upstream_message(self, connection: int, data: str | bytes) -> None:
        """A message came."""

    def upstream_closed(self, connection: int, code: int, reason: str) -> None:
        """It was open and is closed; 1006 when there was no close frame."""

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str) -> None:
        """It never opened, or does not take what must be sent. ``detail`` is one line without a secret."""


class Upstream:
    """One AssemblyAI connection, opened in the background as soon as it is made.

    Args:
        connection: the number that every report to ``listener`` carries.
        url: complete address; holds no credential.
        api_key: AssemblyAI key or temporary token; appears in no message, log line or ``repr``.
        listener: told what happens; never again after a close or a failure.

    Attributes:
        task: done when nothing of the connection is left.
    """

    def __init__(self, connection: int, url: str, api_key: str, listener: UpstreamListener) -> None:
        self.connection = connection
        self._url = url
        self._api_key = api_key
        self._listener = listener
        self._waiting: deque[str | bytes] = deque()
        self._waiting_bytes = 0
        self._wake_sender = asyncio.Event()
        self._connection: ClientConnection | None = None
        self._closing = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    def __repr__(self) -> str:
        return f"<Upstream {self.connection} to {urlsplit(self._url).netloc}>"

    def send(self, data: str | bytes) -> None:
        """Queue one frame. Frames leave in the order of the calls, those queued before the connection opened included.

        More than `SEND_BUFFER_BYTES` in the queue is reported as a failure, and the connection is given up.
        """
        if self._closing:
            return
        if self._waiting_bytes + len(data) > SEND_BUFFER_BYTES:
            self._closing = True
            self.task.cancel()
            detail = f"{SEND_BUFFER_BYTES // 2**20} MiB wait to be sent and are not taken"
            asyncio.get_running_loop().call_soon(
                self._listener.upstream_failed, self.connection, FailureKind.STALLED, detail
            )
            return
        if self._connection is not None and not self._waiting and send_at_once(self._connection, data):
            return
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self._wake_sender.set()

    def close(self) -> None:
        """Close once everything queued was sent; a connection that is still opening is given up without a report."""
        self._closing = True
        if self._connection is not None:
            self._wake_sender.set()
        else:
            self.task.cancel()

    async def aclose(self, seconds: float) -> None:
        """`close`, wait at most ``seconds`` of real time, then cut the connection."""
        self.close()
        await asyncio.wait([self.task], timeout=seconds)
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _run(self) -> None:
        try:
            connection = await self._open()
        except _FAILURES_TO_CONNECT as error:
            self._closing = True
            self._listener.upstream_failed(self.connection, *_explain(error, self._url))
            return
        self._connection = connection
        sender = asyncio.get_running_loop().create_task(self._send_waiting(connection))
        try:
            self._listener.upstream_opened(self.connection)
            async for data in connection:
                self._listener.upstream_message(self.connection, data)
        except ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")
        else:
            code, reason = connection.close_code or 1000, connection.close_reason or ""
        finally:
            self._closing = True
            sender.cancel()
            cut(connection.transport)
        self._listener.upstream_closed(self.connection, code, reason)

    async def _open(self) -> ClientConnection:
        parts = urlsplit(self._url)
        options: dict[str, Any] = {}
        if is_loopback(parts.hostname or ""):
            options["proxy"] = None
        return await _Connect(
            self._url,
            additional_headers={"Authorization": self._api_key, "AssemblyAI-Version": API_VERSION},
            user_agent_header=_user_agent(),
            compression=None,
            open_timeout=CONNECT_TIMEOUT,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=RECEIVE_BYTES,
            logger=SILENT,
            **options,
        )

    async def _send_waiting(self, connection: ClientConnection) -> None:
        try:
            while True:
                while self._waiting:
                    data = self._waiting.popleft()
                    await connection.send(data)
                    self._waiting_bytes -= len(data)
                if self._closing:
                    await connection.close()
                    return
                self._wake_sender.clear()
                await self._wake_sender.wait()
        except ConnectionClosed:
            return  # whoever receives reports it


def send_at_once(connection: Connection, data: str | bytes) -> bool:
    """Write a message without waking a task for it, which costs as much as all the rest of sending.

    Returns:
        Whether it was written. Not where the connection is no longer open, or where the other side does not take what
        was sent before: whoever sends must wait then, with the library's own ``send``.
    """
    transport, protocol = connection.transport, connection.protocol
    if (
        protocol.state is not OPEN
        or transport.is_closing()
        or transport.get_write_buffer_size() > AT_ONCE_BYTES
    ):
        return False
    if isinstance(data, str):
        protocol.send_text(data.encode())
    else:
        protocol.send_binary(data)
    for part in protocol.data_to_send():
        transport.write(part)
    return True


class _Connect(connect):
    """Follows no redirect: the region was chosen on purpose, and the key is meant for that host alone."""

    # Also where the user has configured this very host as one of Speechmatics' (`shim.adapters.websockets`).
    never_led_elsewhere = True

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own; no proxy is asked for it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _user_agent() -> str:
    name = "speechmatics-to-assemblyai"
    try:
        return f"{name}/{importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return name


def _explain(error: Exception, url: str) -> tuple[FailureKind, str]:
    """The kind of a failure to connect, and one line about it that holds no secret."""
    where = urlsplit(url).netloc.rpartition("@")[2]
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return failure_of_status(status), f"{where} answered with HTTP status {status}"
    return failure_of(error), f"{where}: {quotable(str(error)) or type(error).__name__}"


def failure_of(error: Exception) -> FailureKind:
    """The kind of an exception that opening a connection raised."""
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):  # one and the same from Python 3.11 on
        return FailureKind.TIMEOUT
    if isinstance(error, socket.gaierror):
        return FailureKind.DNS
    if isinstance(error, ssl.SSLError):
        return FailureKind.TLS
    if isinstance(error, OSError):
        if error.errno in _FAILURE_OF_ERRNO:
            return _FAILURE_OF_ERRNO[error.errno]
        # asyncio joins the errors of several addresses of one name in a text, and drops their numbers.
        refused = f"[Errno {errno.ECONNREFUSED}]" in str(error)
        return FailureKind.REFUSED if refused else FailureKind.UNREACHABLE
    return FailureKind.MALFORMED
