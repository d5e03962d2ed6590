from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from shim import upstream as upstream_module
from shim.emulator.tls import CertificateAuthority
from shim.protocol.assemblyai import terminate
from shim.protocol.mapping.errors import FailureKind
from shim.upstream import Upstream

QUERY = "/v3/ws?sample_rate=16000&encoding=pcm_s16le&speech_model=universal-3-6-pro"
KEY = "assemblyai-key-of-the-tests"


class Listener:
    """Notes what it is told; `ended` is set by a close or a failure."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()

    def upstream_opened(self, connection: int) -> None:
        self.told.append(("opened", connection))
        self.opened.set()

    def upstream_message(self, connection: int, data: str | bytes) -> None:
        self.told.append(("message", connection, data))

    def upstream_closed(self, connection: int, code: int, reason: str) -> None:
        self.told.append(("closed", connection, code, reason))
        self.ended.set()

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str) -> None:
        self.told.append(("failed", connection, kind, detail))
        self.ended.set()


def talk(url: str, *frames: str | bytes) -> list[tuple[Any, ...]]:
    """What a listener is told of a connection that sends these frames at once."""

    async def run() -> list[tuple[Any, ...]]:
        listener = Listener()
        connection = Upstream(7, url, KEY, listener)
        for frame in frames:
            connection.send(frame)
        await asyncio.wait_for(listener.ended.wait(), 30)
        await connection.aclose(1)
        return listener.told

    return asyncio.run(run())


def test_frames_queued_before_the_connection_opened_arrive_in_order(emulate: Callable[..., Any]) -> None:
    emulator = emulate()
    frames = [bytes([number]) * 1600 for number in range(20)]
    told = talk(emulator.url + QUERY, *frames, terminate())
    assert [frame.audio for frame in emulator.journal.frames("received") if frame.audio] == frames
    assert told[0] == ("opened", 7)
    assert told[-1] == ("closed", 7, 1000, "Session Ended")


def test_the_key_is_sent_raw_and_compression_is_not_offered(emulate: Callable[..., Any]) -> None:
    emulator = emulate()
    talk(emulator.url + QUERY, terminate())
    headers = emulator.journal.connections[0].headers
    assert headers["authorization"] == KEY
    assert headers["assemblyai-version"] == "2025-05-12"
    assert headers["user-agent"].startswith("speechmatics-to-assemblyai/")
    assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("http:401", FailureKind.HTTP_UNAUTHORISED),
        ("http:429", FailureKind.HTTP_TOO_MANY),
        ("http:503", FailureKind.HTTP_SERVER),
        ("http:302", FailureKind.HTTP_OTHER),
        ("no-answer", FailureKind.TIMEOUT),
    ],
)
def test_a_refused_handshake_is_a_failure_of_its_kind(
    emulate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, fault: str, kind: FailureKind
) -> None:
    if kind is FailureKind.TIMEOUT:
        monkeypatch.setattr(upstream_module, "CONNECT_TIMEOUT", 0.2)
    ((what, _, found, detail),) = talk(emulate(fault).url + QUERY)
    assert (what, found) == ("failed", kind)
    assert KEY not in detail


def test_a_redirect_is_not_followed(emulate: Callable[..., Any]) -> None:
    emulator = emulate()

    def send_on(connection: ServerConnection, request: Request) -> Response:
        return Response(302, "Found", Headers(Location=emulator.url + QUERY))

    with serve(lambda connection: None, "127.0.0.1", 0, process_request=send_on) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        told = talk(f"ws://127.0.0.1:{server.socket.getsockname()[1]}{QUERY}")
        server.shutdown()
        thread.join()
    assert told[0][2] is FailureKind.HTTP_OTHER
    assert emulator.journal.connections == []


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert talk(f"ws://127.0.0.1:{port}{QUERY}")[0][2] is FailureKind.REFUSED


def test_a_name_that_does_not_exist_is_a_dns_failure() -> None:
    assert talk(f"wss://streaming.assemblyai.invalid{QUERY}")[0][2] is FailureKind.DNS


def test_a_certificate_that_is_not_trusted_is_a_tls_failure(
    emulate: Callable[..., Any], tmp_path: Path
) -> None:
    emulator = emulate(tls=CertificateAuthority.create(tmp_path).certificate())
    assert talk(emulator.url + QUERY)[0][2] is FailureKind.TLS
    assert emulator.journal.connections == []


def test_an_address_that_is_none_is_a_failure() -> None:
    assert talk("http://127.0.0.1/v3/ws")[0][:3] == ("failed", 7, FailureKind.MALFORMED)


def test_a_close_is_reported_with_its_code(emulate: Callable[..., Any]) -> None:
    assert talk(emulate("close:3005").url + QUERY)[-1][:3] == ("closed", 7, 3005)


@pytest.mark.parametrize("fault", ["reset", "drop"])
def test_a_connection_that_breaks_off_is_reported_as_1006(emulate: Callable[..., Any], fault: str) -> None:
    assert talk(emulate(fault).url + QUERY)[-1] == ("closed", 7, 1006, "")


def test_what_the_server_does_not_take_is_bounded_and_reported(
    emulate: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_module, "SEND_BUFFER_BYTES", 100_000)
    told = talk(emulate("no-answer").url + QUERY, *[bytes(1600)] * 100)
    assert [event[:3] for event in told] == [("failed", 7, FailureKind.STALLED)]


def test_closing_while_it_opens_gives_the_connection_up_silently(emulate: Callable[..., Any]) -> None:
    emulator = emulate("no-answer")

    async def run() -> list[tuple[Any, ...]]:
        listener = Listener()
        connection = Upstream(1, emulator.url + QUERY, KEY, listener)
        await asyncio.to_thread(emulator.journal.wait_for, lambda journal: journal.connections)
        connection.close()
        await asyncio.wait_for(asyncio.wait([connection.task]), 10)
        return listener.told

    assert asyncio.run(run()) == []


def test_neither_key_nor_messages_are_in_a_log_or_repr(
    emulate: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    emulator = emulate()

    async def run() -> str:
        listener = Listener()
        connection = Upstream(1, emulator.url + QUERY, KEY, listener)
        await asyncio.wait_for(listener.opened.wait(), 10)
        await connection.aclose(1)
        return repr(connection) + repr(vars(connection).get("task"))

    assert KEY not in asyncio.run(run())
    # The emulator's own end of the connection logs under another name.
    assert [record for record in caplog.records if record.name == "websockets.client"] == []
    assert KEY not in "".join(record.getMessage() for record in caplog.records if record.name == "shim")
