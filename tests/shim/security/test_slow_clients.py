"""Clients that stop in the middle: a server in this process, whose patience is made short."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from shim import server as server_module
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.server import SessionServer
from shim.settings import Settings

BINARY, PING = 2, 9
KEY = "assemblyai-key-of-the-tests"


@pytest.fixture
def impatient(
    monkeypatch: pytest.MonkeyPatch, one_sentence: Scene
) -> Iterator[tuple[int, AssemblyAIEmulator]]:
    """The port of a server that waits half a second for a request and keeps a megabyte for a client; its AssemblyAI."""
    monkeypatch.setattr(server_module, "OPEN_SECONDS", 0.5)
    monkeypatch.setattr(server_module, "CLIENT_BACKLOG_BYTES", 2**20)
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    with AssemblyAIEmulator(one_sentence, keys=[KEY], speed=20.0) as emulator:

        async def run() -> None:
            server, ended = (
                SessionServer(lambda: Settings(api_key=KEY, streaming_url=emulator.url)),
                asyncio.Event(),
            )
            await server.start()
            running.set_result((asyncio.get_running_loop(), ended, server.port))
            await ended.wait()
            await server.stop()

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        loop, ended, port = running.result(30)
        try:
            yield port, emulator
        finally:
            loop.call_soon_threadsafe(ended.set)
            thread.join(30)


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"GET /v2",
        b"GET /v2 HTTP/1.1\r\nHost: ",
        b"\x16\x03\x01\x02\x00\x01",
        b"POST /v1/api_keys HTTP/1.1\r\nContent-Length: 10\r\n\r\n{",
    ],
    ids=["nothing", "half a line", "half a header", "TLS", "half a body"],
)
def test_a_request_that_does_not_end_is_cut_off_in_time(
    impatient: tuple[int, AssemblyAIEmulator], peer: Callable, request_: bytes
) -> None:
    client = peer(impatient[0])
    client.send(request_)
    assert client.is_cut()


def test_a_request_that_comes_byte_by_byte_is_answered_as_any_other(
    impatient: tuple[int, AssemblyAIEmulator], peer: Callable
) -> None:
    client = peer(impatient[0])
    for byte in b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n":
        client.send(bytes([byte]))
    assert client.status() == 426


def test_who_pings_and_never_reads_is_cut_off(
    impatient: tuple[int, AssemblyAIEmulator], peer: Callable, frame: Callable
) -> None:
    client = peer(impatient[0]).open()
    pings = frame(PING, bytes(125)) * 1_000_000  # 130 MB, far more than the network and the server may hold
    with pytest.raises(ConnectionError):
        client.socket.sendall(pings)


@pytest.mark.parametrize("leave", ["half-closed", "reset"])
def test_a_client_that_is_half_gone_leaves_no_session_at_assemblyai(
    impatient: tuple[int, AssemblyAIEmulator], peer: Callable, frame: Callable, start: bytes, leave: str
) -> None:
    port, emulator = impatient
    client = peer(port).open()
    client.send(start)
    client.hear("RecognitionStarted")
    client.send(frame(BINARY, bytes(3200)) + frame(BINARY, bytes(3200))[:1000])
    if leave == "half-closed":
        client.socket.shutdown(socket.SHUT_WR)
    else:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert emulator.journal.wait_for(lambda journal: bool(journal.closes()), 30)
    sent = [message["type"] for message in (f.json for f in emulator.journal.frames("received") if f.text)]
    assert sent == ["Terminate"]
