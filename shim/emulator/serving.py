"""What both emulators share: a thread with an event loop, HTTP and WebSocket over TCP or TLS, and the faults of a connection.

A service is an `Emulator` and a `Session` subclass. WebSocket frames are the work of the ``websockets`` package's
``ServerProtocol``; the bytes are moved here, because faults need to own them.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket as sockets
import ssl
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import InvalidState
from websockets.frames import Close as CloseFrame
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from shim.clock import Clock
from shim.emulator.faults import ActiveFaults, Fault, parse_all
from shim.emulator.journal import Answer, Close, Connection, Frame, Journal
from shim.emulator.scene import Scene
from shim.transports import cut
from shim.upstream import SILENT

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT = 2.0
"""Real seconds that the emulator waits for the client's half of a close."""
BODY_LIMIT = 1 << 20
"""Bytes of the largest HTTP body that is read."""

AnyEmulator = TypeVar("AnyEmulator", bound="Emulator")


class Closed(Exception):
    """The connection has ended; nothing more will be received or sent."""


class BadRequest(Exception):
    """What came is not HTTP that this server reads."""


@dataclass(frozen=True)
class Request:
    """An HTTP request, of a plain call or of a WebSocket upgrade.

    Attributes:
        method: ``GET``, ``POST``, ...
        path: without the query.
        query: every value of every parameter, decoded.
        headers: names in lower case.
        body: empty for an upgrade.
    """

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def parameter(self, name: str) -> str | None:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else None

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


@dataclass(frozen=True)
class Response:
    """An HTTP response with a JSON body."""

    status: int
    body: Any = None

    def serialize(self) -> bytes:
        """The bytes to send; the connection ends after them."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        head = (
            f"HTTP/1.1 {self.status} {phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


class Socket:
    """The server's end of one WebSocket connection.

    Attributes:
        number: of the connection, from 1.
        request: the upgrade.
        faults: those of this connection.
        bytes_per_second: of the audio that comes, so that the journal knows how long it lasts; 0 while unknown.
    """

    def __init__(
        self,
        number: int,
        request: Request,
        head: bytes,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        emulator: Emulator,
        faults: ActiveFaults,
    ) -> None:
        self.number = number
        self.request = request
        self.faults = faults
        self.bytes_per_second = 0.0
        self._reader, self._writer = streams
        self._journal, self._clock = emulator.journal, emulator.clock
        self._protocol = ServerProtocol(max_size=emulator.max_message_bytes, logger=SILENT)
        # The library reads addresses of 8 KiB at most; the services take longer ones: a hundred key terms make one.
        self._protocol.receive_data(b"GET / HTTP/1.1\r\n" + head.partition(b"\r\n")[2])
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._fragments: list[bytes] = []
        self._fragment_opcode = Opcode.TEXT
        self._writing = asyncio.Lock()
        self._bytes_per_read_second: float | None = None
        self._stalled = False
        self._ended_writing = False
        self._close_began_by: Literal["client", "server"] | None = None
        self._pump: asyncio.Task[None] | None = None

    async def accept(self) -> bool:
        """Answer the upgrade; False if the client's handshake was not valid (it was told so)."""
        events = self._protocol.events_received()
        if not events:
            # A request that the library does not even read, such as one with a very long header, it refuses itself.
            await self._flush()
            return False
        (upgrade,) = events
        assert isinstance(upgrade, UpgradeRequest)
        response = self._protocol.accept(upgrade)
        self._protocol.send_response(response)
        await self._flush()
        if response.status_code != 101:
            self._journal.add(Answer(self.number, self._clock.now(), response.status_code))
            return False
        self._pump = asyncio.create_task(self._read())
        return True

    async def receive(self) -> str | bytes:
        """The next message of the client.

        Raises:
            Closed: there will be none.
        """
        message = await self._inbox.get()
        if message is None:
            self._inbox.put_nowait(None)
            raise Closed
        return message

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send an object as JSON text.

        Raises:
            Closed: the connection has ended.
        """
        if "extra-fields" in self.faults:
            message = {**message, "x_undocumented": {"nested": [1, None]}}
        text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        await (self.send_binary(text.encode()) if "json-in-binary" in self.faults else self.send_text(text))

    async def send_text(self, text: str) -> None:
        """Send a text message, which need not be JSON.

        Raises:
            Closed: the connection has ended.
        """
        await self._send(lambda: self._protocol.send_text(text.encode()))
        self._journal.add(Frame(self.number, self._clock.now(), "sent", text))

    async def send_binary(self, data: bytes) -> None:
        """Send a binary message.

        Raises:
            Closed: the connection has ended.
        """
        await self._send(lambda: self._protocol.send_binary(data))
        self._journal.add(Frame(self.number, self._clock.now(), "sent", audio_bytes=len(data), audio=data))

    async def close(self, code: int, reason: str = "") -> None:
        """Close in order: a close frame, the client's answer (or `CLOSE_TIMEOUT`), the end of the TCP connection."""
        if self._protocol.state is State.OPEN and not self._stalled:
            self._close_began_by = "server"
            self._protocol.send_close(code, reason)
            await self._flush()
        await self._finish()

    async def drop(self) -> None:
        """End the TCP connection without a close frame."""
        self._end_writing()
        await self._finish()

    def reset(self) -> None:
        """End the TCP connection with a reset, as a crashed host or a firewall does."""
        reset(self._writer)

    def stall(self) -> None:
        """Neither read nor write any more, and leave the connection open."""
        self._stalled = True
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_slowly(self, bytes_per_second: float) -> None:
        """Take at most that many bytes a second from the client, so that its sends block."""
        self._bytes_per_read_second = bytes_per_second

    async def finished(self) -> None:
        """Wait until the client has closed or the connection broke off."""
        if self._pump is not None:
            await asyncio.shield(self._pump)

    async def end(self) -> None:
        """Free everything at once; called when the session is over."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        cut(self._writer.transport)

    def _end_writing(self) -> None:
        self._ended_writing = True
        # TLS cannot end one direction alone.
        if self._writer.can_write_eof():
            self._writer.write_eof()
        else:
            self._writer.close()

    async def _finish(self) -> None:
        if self._pump is not None:
            await asyncio.wait([self._pump], timeout=CLOSE_TIMEOUT)
        self._writer.close()

    async def _send(self, frame: Callable[[], None]) -> None:
        if self._stalled:
            await asyncio.Event().wait()
        try:
            frame()
            await self._flush()
        except (InvalidState, ConnectionError) as error:
            raise Closed from error

    async def _flush(self) -> None:
        async with self._writing:
            for data in self._protocol.data_to_send():
                if not data:
                    self._end_writing()
                    continue
                if self._ended_writing:
                    raise ConnectionResetError("the client went away while this was sent")
                for part in (bytes([byte]) for byte in data) if "sliced" in self.faults else (data,):
                    self._writer.write(part)
                    await self._writer.drain()

    async def _read(self) -> None:
        """Move what comes into the inbox until the connection ends, and note how it ended."""
        try:
            while data := await self._read_some():
                self._protocol.receive_data(data)
                self._sort_events()
                await self._flush()
        except asyncio.TimeoutError:
            logger.debug("connection %d: the client did not answer the close", self.number)
        except ConnectionError:
            logger.debug("connection %d broke off", self.number)
        finally:
            self._note_close()
            self._inbox.put_nowait(None)

    async def _read_some(self) -> bytes:
        if self._stalled:
            await asyncio.Event().wait()
        if self._protocol.close_expected():
            return await asyncio.wait_for(self._reader.read(1 << 16), CLOSE_TIMEOUT)
        if self._bytes_per_read_second is None:
            return await self._reader.read(1 << 16)
        data = await self._reader.read(max(1, int(self._bytes_per_read_second / 10)))
        await self._clock.sleep(len(data) / self._bytes_per_read_second)
        return data

    def _sort_events(self) -> None:
        for event in self._protocol.events_received():
            assert isinstance(event, WireFrame)
            if event.opcode is Opcode.CLOSE:
                self._close_began_by = self._close_began_by or "client"
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                if event.opcode is not Opcode.CONT:
                    self._fragment_opcode = event.opcode
                self._fragments.append(bytes(event.data))
                if event.fin:
                    self._take_message(b"".join(self._fragments))
                    self._fragments.clear()

    def _take_message(self, data: bytes) -> None:
        now = self._clock.now()
        if self._fragment_opcode is Opcode.TEXT:
            text = data.decode(errors="replace")
            self._journal.add(Frame(self.number, now, "received", text))
            self._inbox.put_nowait(text)
        else:
            seconds = len(data) / self.bytes_per_second if self.bytes_per_second else 0.0
            self._journal.add(
                Frame(self.number, now, "received", audio_bytes=len(data), audio_seconds=seconds, audio=data)
            )
            self._inbox.put_nowait(data)

    def _note_close(self) -> None:
        frame: CloseFrame | None = self._protocol.close_sent or self._protocol.close_rcvd
        by = self._close_began_by or ("network" if frame is None else "server")
        if by == "client":
            frame = self._protocol.close_rcvd
        code, reason = (frame.code, frame.reason) if frame else (1006, "")
        self._journal.add(Close(self.number, self._clock.now(), by, int(code), reason))


def reset(writer: asyncio.StreamWriter) -> None:
    """End a TCP connection with a reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    cut(writer.transport)


class Session(ABC):
    """One client's session: a subclass speaks the service's language in `converse`.

    Attributes:
        emulator: whose session this is.
        socket: the connection, already accepted.
        scene: what may be said.
        clock: for every latency.
        faults: those of this connection.
        muted: no transcript may be sent any more (the fault ``mute``).
    """

    def __init__(self, emulator: Emulator, socket: Socket) -> None:
        self.emulator = emulator
        self.socket = socket
        self.scene = emulator.scene
        self.clock = emulator.clock
        self.faults = socket.faults
        self.muted = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._outbox: asyncio.Queue[tuple[float, Mapping[str, Any]]] = asyncio.Queue()
        self._last_due = 0.0

    @abstractmethod
    async def converse(self) -> None:
        """Hold the session; return when it is over. `Closed` may be raised through."""

    @abstractmethod
    async def send_error(self, kind: str, close: bool) -> None:
        """Send the service's error message of that kind (its default for an empty one), and close with its code."""

    async def run(self) -> None:
        """Hold the session, and leave nothing behind."""
        try:
            if "drop-before-start" in self.faults:
                await self.socket.drop()
                return
            self.spawn(self._deliver())
            await self.converse()
        except Closed:
            logger.debug("session %d: the connection has ended", self.socket.number)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do ``work`` beside the rest of the session; it ends with the session."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def say(self, message: Mapping[str, Any], delay: float = 0.0) -> None:
        """Send ``message`` in ``delay`` seconds of the clock, never before what was said earlier."""
        self._last_due = max(self._last_due, self.clock.now() + delay)
        self._outbox.put_nowait((self._last_due, message))

    async def said(self) -> None:
        """Wait until everything that was said has been sent."""
        await self._outbox.join()

    async def may_start(self) -> None:
        """Wait as the faults ``no-start`` and ``slow-start`` want; call it before the message that starts the session."""
        if "no-start" in self.faults:
            await asyncio.Event().wait()
        if slow := self.faults.get("slow-start"):
            await self.clock.sleep(slow.number)

    async def audio_reached(self, seconds: float) -> None:
        """Let the timed faults happen whose moment has come; call it at the start (0) and as audio arrives."""
        for fault in self.faults.due(seconds):
            await self.happen(fault)

    async def happen(self, fault: Fault) -> None:
        """Carry out a timed fault. A service extends this for its own.

        Raises:
            Closed: the fault ended the connection.
        """
        if fault.name == "close":
            await self.socket.close(int(fault.number), "")
            raise Closed
        if fault.name == "error":
            await self.send_error(fault.argument, close=True)
            raise Closed
        if fault.name == "error-without-close":
            await self.send_error(fault.argument, close=False)
        elif fault.name == "reset":
            self.socket.reset()
            raise Closed
        elif fault.name == "drop":
            await self.socket.drop()
            raise Closed
        elif fault.name == "stall":
            self.socket.stall()
        elif fault.name == "slow-reader":
            self.socket.read_slowly(fault.number)
        elif fault.name == "mute":
            self.muted = True
        elif fault.name == "unknown-message":
            await self.socket.send({"type": "SomethingNew", "message": "SomethingNew", "value": 1})
        elif fault.name == "broken-json":
            await self.socket.send_text('{"type": "Tur')
        elif fault.name == "binary-message":
            await self.socket.send_binary(b"\x00\x01\x02\x03")

    async def _deliver(self) -> None:
        while True:
            due, message = await self._outbox.get()
            await self.clock.sleep(due - self.clock.now())
            try:
                await self.socket.send(message)
            except Closed:
                # Go on: whoever waits in `said` must not wait for ever.
                logger.debug("session %d: a message came too late", self.socket.number)
            finally:
                self._outbox.task_done()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Closed:
            logger.debug("session %d: the connection has ended", self.socket.number)
        except Exception as error:
            self.emulator.failed(error)
            await self.socket.close(1011, "")


class Emulator(ABC):
    """A server of one service on this machine, in a thread of its own; a context manager.

    Args:
        scene: what may be said, or the path of its file.
        speed: how much faster than real time the emulator lives: latencies, pace, deadlines.
        faults: `Fault` objects or their texts (``close:3005@2.5``).
        keys: the keys that are accepted; None accepts any.
        tls: speak wss and https with this context, for example from `CertificateAuthority.certificate`.
        host: address to listen on.
        port: 0 picks a free one.
        journal: where to note what happens; a new one by default.

    Attributes:
        journal: what happened so far.
        port: the port in use, once started.
    """

    service: ClassVar[str]
    max_message_bytes: ClassVar[int] = 1 << 20

    def __init__(
        self,
        scene: Scene | str | Path,
        *,
        speed: float = 1.0,
        faults: Iterable[str | Fault] = (),
        keys: Iterable[str] | None = None,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
    ) -> None:
        self.scene = scene if isinstance(scene, Scene) else Scene.load(scene)
        self.clock = Clock(speed)
        self.faults = parse_all(faults, self.service)
        self.keys = None if keys is None else frozenset(keys)
        self.host = host
        self.port = port
        self.journal = journal or Journal()
        self._tls = tls
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    def session(self, socket: Socket) -> Session:
        """The session that an accepted connection gets."""

    async def answer(self, request: Request) -> Response:
        """Answer an HTTP request that is no upgrade, or refuse an upgrade. A service extends this."""
        return Response(404, {"detail": "Not Found"})

    def accepts(self, request: Request) -> bool:
        """Whether this path takes WebSocket connections. A service may restrict it."""
        return True

    @property
    def url(self) -> str:
        """``ws://`` or ``wss://`` address, without a path."""
        return f"{'wss' if self._tls else 'ws'}://{self.host}:{self.port}"

    @property
    def http_url(self) -> str:
        """``http://`` or ``https://`` address, without a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    def start(self: AnyEmulator) -> AnyEmulator:
        """Listen.

        Raises:
            OSError: the port is in use, or may not be used.
        """
        self._thread = threading.Thread(target=self._run, name=f"{self.service}-emulator", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._loop is None:
            self._thread.join()
            assert self._failure is not None
            raise self._failure
        return self

    def stop(self) -> None:
        """End every connection and the thread; harmless when stopped already."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None or self._stop is None:
            return
        loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def failed(self, error: BaseException) -> None:
        """Keep the first error of the emulator itself; leaving the context raises it."""
        logger.error("the %s emulator failed", self.service, exc_info=error)
        self._failure = self._failure or error

    def __enter__(self: AnyEmulator) -> AnyEmulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if error is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connected, self.host, self.port, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._handle(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head, request = await read_request(reader)
            await self._attend(head, request, reader, writer)
        except (BadRequest, ConnectionError, asyncio.IncompleteReadError) as error:
            logger.debug("a connection ended early: %s", type(error).__name__)
        except Exception as error:
            self.failed(error)
        finally:
            cut(writer.transport)

    async def _attend(
        self, head: bytes, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connections += 1
        number = self._connections
        self.journal.add(
            Connection(number, self.clock.now(), request.method, request.path, request.query, request.headers)
        )
        faults = ActiveFaults(self.faults, number, self.service)
        if request.is_upgrade:
            if "reset-on-connect" in faults:
                return reset(writer)
            if "no-answer" in faults:
                await reader.read()
                return None
        status = faults.get("http") if request.is_upgrade else None
        if status or not request.is_upgrade or not self.accepts(request):
            response = (
                Response(int(status.number), {"detail": "refused"}) if status else await self.answer(request)
            )
            writer.write(response.serialize())
            await writer.drain()
            self.journal.add(Answer(number, self.clock.now(), response.status))
            writer.close()
            await writer.wait_closed()
            return None
        socket = Socket(number, request, head, (reader, writer), self, faults)
        try:
            if await socket.accept():
                await self.session(socket).run()
        finally:
            await socket.end()
        return None


async def read_request(reader: asyncio.StreamReader) -> tuple[bytes, Request]:
    """Read the head of an HTTP request, and its body where it has one.

    Returns:
        The bytes of the head, and the request.

    Raises:
        BadRequest: it is not HTTP, or too long.
        asyncio.IncompleteReadError: the client went away.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _version = first.split(" ")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
    except (ValueError, asyncio.LimitOverrunError) as error:
        raise BadRequest from error
    if not 0 <= length <= BODY_LIMIT:
        raise BadRequest
    address = urlsplit(target)
    query = {name: tuple(values) for name, values in parse_qs(address.query, keep_blank_values=True).items()}
    return head, Request(method, address.path, query, headers, await reader.readexactly(length))
