"""The session server in a program's own process: whoever does not know its secret gets nothing from it."""

from __future__ import annotations

import hmac
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shim.background import BackgroundServer
from shim.settings import Settings

KEY = "assemblyai-key-of-the-tests"
ORIGINAL = "wss://eu2.rt.speechmatics.com/v2/en"

# Becomes another user, then finds the port by what the system tells everybody, and tries it.
INTRUDER = """
import encodings.idna, os, pathlib, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
pid, port = sys.argv[1], int(sys.argv[2])
listening = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
assert any(fields[1] == f"0100007F:{port:04X}" and fields[3] == "0A" for fields in listening), "no such port"
told = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
for path in ("/", "/v2/en", "/health", "/1/eu2.rt.speechmatics.com/v2/en", "/x/1/eu2.rt.speechmatics.com/v2/en"):
    for head in (
        f"GET {path} HTTP/1.1\\r\\nHost: x\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\\r\\nSec-WebSocket-Version: 13\\r\\n\\r\\n",
        f"POST {path} HTTP/1.1\\r\\nContent-Length: 0\\r\\n\\r\\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            connection.sendall(head.encode())
            answer = b""
            while data := connection.recv(65536):
                answer += data
        print(answer.split()[1].decode(), "api" in answer.decode())
print(told.decode("utf-8", "replace"))
"""


@pytest.fixture
def server() -> Iterator[BackgroundServer]:
    """A server whose AssemblyAI nobody reaches."""
    background = BackgroundServer(lambda: Settings(api_key=KEY, streaming_url="ws://127.0.0.1:9"))
    yield background
    background.stop()


def split(server: BackgroundServer) -> tuple[int, str, str]:
    """The port of an address, its secret, and what follows."""
    parts = urlsplit(server.local_url(ORIGINAL))
    _, secret, rest = parts.path.split("/", 2)
    assert parts.port is not None
    return parts.port, secret, rest


@pytest.mark.parametrize(
    "change",
    [
        lambda secret: "",
        lambda secret: secret[:-1],
        lambda secret: secret + "x",
        lambda secret: secret.swapcase(),
        lambda secret: secret[:-1] + ("b" if secret[-1] == "a" else "a"),
        lambda secret: "%" + secret,
        lambda secret: "./" + secret,
        lambda secret: "x" * 5000,
    ],
    ids=[
        "none",
        "shorter",
        "longer",
        "other case",
        "last letter",
        "quoted",
        "dotted",
        "very long",
    ],
)
def test_a_wrong_secret_is_not_found(
    server: BackgroundServer, peer: Callable, change: Callable[[str], str]
) -> None:
    port, secret, rest = split(server)
    client = peer(port)
    client.send(
        f"GET /{change(secret)}/{rest} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    assert client.status() == 404
    assert client.is_cut()


def test_the_right_secret_opens(server: BackgroundServer, peer: Callable) -> None:
    port, secret, rest = split(server)
    assert peer(port, f"/{secret}/{rest}").open()


@pytest.mark.parametrize("number", ["", "x", "-1", "1" * 5000])
def test_a_number_that_is_none_is_not_found(server: BackgroundServer, peer: Callable, number: str) -> None:
    port, secret, _ = split(server)
    client = peer(port)
    client.send(f"GET /{secret}/{number}/host/v2 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert client.status() in (404, 426)
    assert client.is_cut()


def test_the_whole_secret_is_compared_in_constant_time(
    server: BackgroundServer, peer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    port, secret, rest = split(server)
    with pytest.raises(AssertionError, match="404"):
        peer(port, f"/wrong/{rest}").open()
    assert compared == [(b"wrong", secret.encode())]
    assert len(secret) >= 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_of_the_machine_is_refused(server: BackgroundServer) -> None:
    port, secret, _ = split(server)
    done = subprocess.run(
        [sys.executable, "-c", INTRUDER, str(os.getpid()), str(port)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    *answers, _ = done.stdout.split("\n", 10)
    assert answers == ["404 False"] * 10, done.stderr
    assert secret not in done.stdout


def test_the_secret_is_in_no_log_thread_name_process_list_or_repr(
    server: BackgroundServer, peer: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        port, secret, rest = split(server)
        client = peer(port, f"/{secret}/{rest}").open()
        client.close()
        with pytest.raises(AssertionError, match="404"):
            peer(port, f"/{secret}x/{rest}").open()
        server.drain(server.local_url(ORIGINAL))
        server.local_key_url(ORIGINAL)
        told = [repr(server), caplog.text, *(thread.name for thread in threading.enumerate())]
        told += [
            Path(f"/proc/self/{name}").read_bytes().decode("utf-8", "replace")
            for name in ("cmdline", "environ")
        ]
    assert not any(secret in text for text in told)
