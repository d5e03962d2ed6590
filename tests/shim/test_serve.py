"""``shim serve`` as a process: what it answers, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect as asyncio_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.server import SessionServer
from shim.session import Limits
from shim.settings import Settings

KEY = "assemblyai-key-of-the-tests"
LEGACY_KEY = "legacy-speechmatics-secret"
START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en"},
    }
)


class Server:
    """A process of ``shim serve``."""

    def __init__(self, folder: Path, *arguments: str, url: str, key: str = KEY) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shim", "serve", "--listen", "127.0.0.1:0", *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "ASSEMBLYAI_API_KEY": key, "ASSEMBLYAI_STREAMING_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit status and its log."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, log

    def ask(self, method: str, path: str, **headers: str) -> tuple[int, Any]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, json.loads(body) if body.startswith(b"{") else body


Serve = Callable[..., Server]


@pytest.fixture
def serve(one_sentence: Scene, tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:
        emulator = stack.enter_context(AssemblyAIEmulator(one_sentence, keys=[KEY]))

        def start(*arguments: str, key: str = KEY) -> Server:
            server = Server(tmp_path, *arguments, url=emulator.url, key=key)
            stack.callback(server.process.__exit__, None, None, None)
            stack.callback(server.process.kill)
            return server

        start.emulator = emulator  # type: ignore[attr-defined]
        yield start


def hear(connection: ClientConnection, *names: str) -> list[dict[str, Any]]:
    """The messages up to one of these names, or up to the close."""
    heard: list[dict[str, Any]] = []
    try:
        while not heard or heard[-1]["message"] not in names:
            heard.append(json.loads(connection.recv(timeout=30)))
    except ConnectionClosed:
        pass
    return heard


def close_code(connection: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed) as closed:
        connection.recv(timeout=30)
    return closed.value.rcvd.code if closed.value.rcvd else None


def test_a_program_in_any_language_gets_its_transcript(serve: Serve, one_sentence: Scene) -> None:
    server = serve()
    status, answer = server.ask("POST", "/v1/api_keys?type=rt", Authorization=f"Bearer {LEGACY_KEY}")
    assert status == 201
    with connect(f"{server.url}/en?jwt={answer['key_value']}", proxy=None) as connection:
        connection.send(START)
        hear(connection, "RecognitionStarted")
        sound = one_sentence.sound.read_bytes()[44:]
        for start in range(0, len(sound), 3200):
            connection.send(sound[start : start + 3200])
        connection.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))
        heard = hear(connection, "EndOfTranscript")
    finals = [m["metadata"]["transcript"] for m in heard if m["message"] == "AddTranscript"]
    assert "".join(finals).strip() == one_sentence.text
    status, log = server.stop()
    assert status == 0
    for secret in (KEY, LEGACY_KEY, answer["key_value"], "orning", "front desk"):
        assert secret not in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_open_sessions_properly(
    serve: Serve, one_sentence: Scene, number: signal.Signals
) -> None:
    server = serve()
    with connect(server.url, proxy=None) as connection:
        connection.send(START)
        hear(connection, "RecognitionStarted")
        connection.send(one_sentence.sound.read_bytes()[44:32044])
        hear(connection, "AudioAdded")
        begun = time.monotonic()
        server.process.send_signal(number)
        heard = hear(connection)
        assert heard[-1]["message"] == "EndOfTranscript"
        assert close_code(connection) == 1000
    status, _ = server.stop()
    assert status == 0
    assert time.monotonic() - begun < 5 + 2
    journal = serve.emulator.journal  # type: ignore[attr-defined]
    assert [frame.json for frame in journal.frames("received") if frame.text] == [{"type": "Terminate"}]


def test_one_session_more_than_allowed_is_the_error_quota_exceeded(serve: Serve) -> None:
    server = serve("--max-sessions", "1")
    with connect(server.url, proxy=None) as first:
        first.send(START)
        hear(first, "RecognitionStarted")
        with connect(server.url, proxy=None) as second:
            (message,) = hear(second, "Error")
            assert (message["type"], close_code(second)) == ("quota_exceeded", 4005)
        assert server.ask("GET", "/health")[1]["sessions"] == 1
    # A client that has left makes room, although AssemblyAI has not confirmed the end of its session yet.
    with connect(server.url, proxy=None) as third:
        third.send(START)
        assert hear(third, "RecognitionStarted", "Error")[-1]["message"] == "RecognitionStarted"


def test_requests_that_never_become_a_session_take_no_place(serve: Serve) -> None:
    settings = Settings(api_key=KEY, streaming_url=serve.emulator.url)  # type: ignore[attr-defined]

    async def first_message() -> str:
        server = SessionServer(lambda: settings, limits=Limits(sessions=1))
        await server.start()
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /v2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b" 426 " in await reader.readline()
            writer.close()
        async with asyncio_connect(f"ws://127.0.0.1:{server.port}/v2", proxy=None) as connection:
            await connection.send(START)
            message: dict[str, Any] = json.loads(await connection.recv())
        await server.stop(1)
        return str(message["message"])

    gc.disable()  # or it may free in time what a mistake would count
    try:
        assert asyncio.run(first_message()) == "RecognitionStarted"
    finally:
        gc.enable()


def test_a_client_that_is_silent_too_long_is_told_so(serve: Serve) -> None:
    with connect(serve("--idle-timeout", "0.5").url, proxy=None) as connection:
        connection.send(START)
        message = hear(connection, "Error")[-1]
        assert message["type"] == "idle_timeout"
        assert close_code(connection) == 1008


def test_a_message_that_is_too_long_closes_the_connection(serve: Serve) -> None:
    with connect(serve("--max-message-bytes", "1000").url, proxy=None) as connection:
        connection.send(START)
        hear(connection, "RecognitionStarted")
        connection.send(bytes(1001))
        assert close_code(connection) == 1009


def test_health_tells_that_sessions_can_be_had_and_nothing_secret(serve: Serve) -> None:
    server = serve("--max-sessions", "7")
    status, health = server.ask("GET", "/health")
    assert (status, health) == (200, {"status": "ok", "reason": None, "sessions": 0, "max_sessions": 7})


def test_without_a_key_health_and_the_log_say_what_to_do_and_clients_are_refused(serve: Serve) -> None:
    server = serve(key="")
    status, health = server.ask("GET", "/health")
    assert (status, health["status"]) == (503, "unavailable")
    assert "ASSEMBLYAI_API_KEY" in health["reason"]
    with pytest.raises(InvalidStatus, match="401"):
        connect(server.url, proxy=None).__enter__()
    assert "ASSEMBLYAI_API_KEY" in server.stop()[1]


@pytest.mark.parametrize(
    ("origin", "served"),
    [
        ("https://evil.example", False),
        ("http://127.0.0.1.evil.example:9000", False),
        ("null", False),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:9000", True),
    ],
)
def test_only_web_pages_of_this_machine_may_connect(serve: Serve, origin: str, served: bool) -> None:
    server = serve()
    if served:
        connect(server.url, proxy=None, additional_headers={"Origin": origin}).__enter__().close()
    else:
        with pytest.raises(InvalidStatus, match="403"):
            connect(server.url, proxy=None, additional_headers={"Origin": origin}).__enter__()


@pytest.mark.parametrize("path", ["/", "/v1/usage", "/v1/api_keys/1"])
def test_other_requests_get_no_key(serve: Serve, path: str) -> None:
    assert serve().ask("POST", path)[0] == 404


def shim_serve(*arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "shim", "serve", *arguments], capture_output=True, text=True, timeout=30
    )
    assert "Traceback" not in done.stderr
    return done.returncode, [line for line in done.stderr.splitlines() if line.startswith("shim serve:")]


def test_a_port_in_use_is_one_helpful_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, (line,) = shim_serve("--port", str(port))
    assert status == 1
    assert f"port {port}" in line
    assert "in use" in line
    assert "--listen" in line


@pytest.mark.parametrize("address", ["0.0.0.0:9000", "192.168.0.1:0", "[::]:0"])
def test_an_address_that_others_reach_is_refused(address: str) -> None:
    status, (line,) = shim_serve("--listen", address)
    assert status == 2
    assert "loopback" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen", "127.0.0.1:port"],
        ["--port", "70000"],
        ["--max-sessions", "0"],
        ["--max-channels", "0"],
        ["--max-channels", "101"],
        ["--idle-timeout", "never"],
        ["--region", "mars"],
    ],
)
def test_a_wrong_argument_is_wrong_usage(arguments: list[str]) -> None:
    status, (line,) = shim_serve(*arguments)
    assert (status, arguments[0] in line) == (2, True)
