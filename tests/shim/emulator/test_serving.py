"""What both emulators share: connections, their faults, and a thread that always ends."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Close, Connection
from shim.emulator.scene import Scene

SPEED = 40.0
AUDIO = bytes(3200)
TERMINATE = '{"type":"Terminate"}'


def emulator(scene: Scene, *faults: str, **options: Any) -> AssemblyAIEmulator:
    return AssemblyAIEmulator(scene, **{"speed": SPEED, "faults": faults, **options})


def open_session(emulator: AssemblyAIEmulator, query: str = "", **options: Any) -> ClientConnection:
    headers = {"Authorization": "key"}
    options = {"close_timeout": 5, **options}
    return connect(f"{emulator.url}/v3/ws?{query}", additional_headers=headers, **options)


def said(connection: ClientConnection) -> tuple[list[str | bytes], int]:
    """Everything until the end, and the close code."""
    messages: list[str | bytes] = []
    try:
        while True:
            messages.append(connection.recv(timeout=30))
    except ConnectionClosed as closed:
        return messages, closed.rcvd.code if closed.rcvd else 1006


def converse(
    emulator: AssemblyAIEmulator, sends: Iterable[str | bytes] = (AUDIO, AUDIO, TERMINATE)
) -> tuple[list[str | bytes], int]:
    with open_session(emulator) as connection:
        try:
            for item in sends:
                connection.send(item)
        except ConnectionClosed:
            pass  # the fault struck before all was sent
        return said(connection)


def read_to_the_end(line: socket.socket) -> None:
    while line.recv(4096):
        pass


def kinds(messages: list[str | bytes]) -> list[str]:
    return [json.loads(message)["type"] for message in messages]


def test_a_connection_is_in_the_journal_with_all_that_came_and_went(one_sentence: Scene) -> None:
    with emulator(one_sentence) as server:
        with open_session(server, "speech_model=u3-rt-pro&language_codes=en&language_codes=es") as client:
            client.send(AUDIO)
            client.send(TERMINATE)
            said(client)
        server.journal.wait_for(lambda journal: journal.closes())
    (connection,) = server.journal.connections
    assert (connection.number, connection.method, connection.path) == (1, "GET", "/v3/ws")
    assert connection.query == {"speech_model": ("u3-rt-pro",), "language_codes": ("en", "es")}
    assert connection.headers["authorization"] == "key"
    assert [frame.audio_seconds for frame in server.journal.frames("received")] == [0.1, 0.0]
    assert server.journal.audio() == AUDIO
    assert [m["type"] for m in server.journal.messages("received")] == ["Terminate"]
    assert [m["type"] for m in server.journal.messages("sent")] == ["Begin", "Termination"]
    (close,) = server.journal.closes()
    assert (close.by, close.code, close.reason) == ("server", 1000, "Session Ended")


def test_a_close_of_the_client_and_a_broken_line_are_told_apart(one_sentence: Scene) -> None:
    with emulator(one_sentence) as server:
        with open_session(server) as client:
            client.close(4321, "enough")
        first = server.journal.wait_for(lambda journal: journal.closes(1))[0]
        with open_session(server) as client:
            client.recv(timeout=30)
            client.socket.shutdown(socket.SHUT_RDWR)
        second = server.journal.wait_for(lambda journal: journal.closes(2))[0]
    assert (first.by, first.code, first.reason) == ("client", 4321, "enough")
    assert (second.by, second.code) == ("network", 1006)


def test_fragments_are_put_together_and_pings_answered(one_sentence: Scene) -> None:
    with emulator(one_sentence) as server, open_session(server) as client:
        client.send([AUDIO[:1000], AUDIO[1000:]])
        assert client.ping().wait(30)
        client.send(['{"type":', '"Terminate"}'])
        messages, code = said(client)
        assert server.journal.frames("received")[0].audio_bytes == len(AUDIO)
    assert kinds(messages) == ["Begin", "Termination"]
    assert code == 1000


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x00\xff nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"X" * 200_000,
        b"GET /v3/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET /v3/ws HTTP/1.1\r\nUpgrade: websocket\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"",
    ],
)
def test_garbage_on_the_line_harms_nobody_else(one_sentence: Scene, data: bytes) -> None:
    with emulator(one_sentence) as server:
        with socket.create_connection((server.host, server.port)) as line:
            line.settimeout(30)
            try:
                line.sendall(data)
                line.shutdown(socket.SHUT_WR)
                read_to_the_end(line)
            except OSError:
                pass  # the server need not read all of it
        assert converse(server)[1] == 1000


def test_a_port_in_use_is_an_os_error(one_sentence: Scene) -> None:
    with emulator(one_sentence) as server, pytest.raises(OSError, match="in use"):
        emulator(one_sentence, port=server.port).start()


def test_leaving_ends_open_sessions_and_the_thread_even_under_ctrl_c(one_sentence: Scene) -> None:
    def sessions() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "assemblyai-emulator"]

    server = emulator(one_sentence)
    with contextlib.ExitStack() as clients:
        with contextlib.suppress(KeyboardInterrupt), server:
            client = clients.enter_context(open_session(server))
            client.recv(timeout=30)
            assert sessions()
            raise KeyboardInterrupt
        assert not sessions()
        assert said(client)[1] == 1006
    assert isinstance(server.journal.entries[-1], Close)
    server.stop()


def test_an_error_of_the_emulator_itself_does_not_stay_hidden(
    one_sentence: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shim.emulator.assemblyai_turns.Turns.advance", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), emulator(one_sentence) as server:
        assert converse(server)[1] == 1011


def test_an_upgrade_can_be_refused_with_an_http_status(one_sentence: Scene) -> None:
    with emulator(one_sentence, "http:429") as server, pytest.raises(InvalidStatus) as refused:
        open_session(server)
    assert refused.value.response.status_code == 429


def test_an_upgrade_can_go_unanswered(one_sentence: Scene) -> None:
    with emulator(one_sentence, "no-answer") as server:
        with pytest.raises(TimeoutError):
            open_session(server, open_timeout=0.3)
        assert isinstance(server.journal.entries[0], Connection)


def test_an_upgrade_can_be_answered_with_a_reset(one_sentence: Scene) -> None:
    with (
        emulator(one_sentence, "reset-on-connect") as server,
        pytest.raises((ConnectionResetError, InvalidMessage)),
    ):
        open_session(server)


@pytest.mark.parametrize(
    ("fault", "expected", "code"),
    [
        ("drop-before-start", [], 1006),
        ("close:4001@0.1", ["Begin"], 4001),
        ("drop@0.1", ["Begin"], 1006),
        ("unknown-message", ["Begin", "SomethingNew", "Termination"], 1000),
        ("sliced", ["Begin", "Termination"], 1000),
        ("close-before-start:1011", [], 1011),
    ],
)
def test_a_session_can_be_cut_or_disturbed(
    one_sentence: Scene, fault: str, expected: list[str], code: int
) -> None:
    with emulator(one_sentence, fault) as server:
        messages, closed = converse(server)
    assert kinds(messages) == expected
    assert closed == code


def test_a_reset_is_a_reset_of_tcp(one_sentence: Scene) -> None:
    upgrade = (
        "GET /v3/ws HTTP/1.1\r\nHost: emulator\r\nAuthorization: key\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
    )
    with emulator(one_sentence, "reset") as server:
        with socket.create_connection((server.host, server.port), timeout=30) as line:
            line.sendall(upgrade.encode())
            with pytest.raises(ConnectionResetError):
                read_to_the_end(line)
        assert server.journal.wait_for(lambda journal: journal.closes())[0].by == "network"


def test_a_stalled_connection_stays_open_and_takes_and_gives_nothing(one_sentence: Scene) -> None:
    with emulator(one_sentence, "stall") as server, open_session(server, close_timeout=0.1) as client:
        assert kinds([client.recv(timeout=30)]) == ["Begin"]
        client.send(TERMINATE)
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.3)
        assert not server.journal.closes()


def test_a_slow_reader_makes_the_client_wait(one_sentence: Scene) -> None:
    with (
        emulator(one_sentence, "slow-reader:4000", speed=1) as server,
        open_session(server, close_timeout=0.1) as client,
    ):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
        client.recv(timeout=30)
        blocked = threading.Event()

        def flood() -> None:
            try:
                for _ in range(2000):
                    client.send(bytes(32000))
            except (OSError, ConnectionClosed):
                blocked.set()

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        assert blocked.wait(30)
        thread.join(30)


def test_the_start_can_be_late_or_never(one_sentence: Scene) -> None:
    with emulator(one_sentence, "slow-start:20") as server:
        assert kinds(converse(server)[0])[0] == "Begin"
        assert server.journal.frames("sent")[0].time - server.journal.connections[0].time >= 20
    with emulator(one_sentence, "no-start") as server, open_session(server) as client:
        client.send(AUDIO)
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.3)


def test_messages_can_be_no_json_binary_or_have_more_fields(one_sentence: Scene) -> None:
    with emulator(one_sentence, "broken-json", "binary-message", "extra-fields") as server:
        messages, code = converse(server)
    assert code == 1000
    assert [type(message) for message in messages] == [str, str, bytes, str]
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(messages[1])
    assert "x_undocumented" in json.loads(messages[0])


def test_the_clock_drives_the_latencies(one_sentence: Scene) -> None:
    def begin(speed: float) -> float:
        with emulator(one_sentence, speed=speed) as server:
            converse(server)
            return server.journal.frames("sent")[0].time - server.journal.connections[0].time

    assert begin(1) >= 0.6
    assert begin(100) >= 0.6
