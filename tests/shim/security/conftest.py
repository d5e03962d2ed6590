"""A session server as a process of its own, and peers that write bytes rather than messages."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene

API_KEY = "assemblyai-key-of-the-tests"
MESSAGE_BYTES = 2**20
OPTIONS = ["--max-sessions", "2000", "--max-message-bytes", str(MESSAGE_BYTES)]
SPEED = 20.0

START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", "enable_partials": True},
    }
).encode()
END = json.dumps({"message": "EndOfStream", "last_seq_no": 0}).encode()

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def build_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    masked: bool = True,
    reserved: int = 0,
    length: int | None = None,
) -> bytes:
    """A WebSocket frame, also one that the protocol forbids. The mask is zero, so the payload stays as it is."""
    size = len(payload) if length is None else length
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask_bit = masked << 7
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 2**16:
        head += struct.pack("!BH", mask_bit | 126, size)
    else:
        head += struct.pack("!BQ", mask_bit | 127, size)
    return head + (bytes(4) if masked else b"") + payload


@dataclass
class Answer:
    """What a peer got until the server closed or cut the connection."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None

    @property
    def error(self) -> str | None:
        return next((message["type"] for message in self.messages if message["message"] == "Error"), None)


class Peer:
    """A TCP connection to a session server. Blocks for at most 30 s."""

    def __init__(self, port: int, path: str = "/v2/en") -> None:
        self._path = path
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._bytes = b""

    def send(self, data: bytes) -> None:
        """Send, unless the server has cut the connection already."""
        with suppress(ConnectionError):  # what it said before that is still to be read
            self.socket.sendall(data)

    def open(self) -> Peer:
        """Become a WebSocket."""
        self.send(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._bytes:
            assert self._more(), "refused"
        head, _, self._bytes = self._bytes.partition(b"\r\n\r\n")
        assert b" 101 " in head.splitlines()[0], head
        return self

    def hear(self, *names: str) -> Answer:
        """The messages up to one of these names, or up to the end of the connection."""
        answer = Answer()
        while (heard := self._frame()) is not None:
            opcode, payload = heard
            if opcode == TEXT:
                answer.messages.append(json.loads(payload))
                if answer.messages[-1]["message"] in names:
                    break
            elif opcode == CLOSE:
                answer.code = struct.unpack("!H", payload[:2])[0]
                break
        return answer

    def status(self) -> int | None:
        """The status of the HTTP response; None when the connection ended without one."""
        while b"\r\n" not in self._bytes:
            if not self._more():
                return None
        return int(self._bytes.split(b" ", 2)[1])

    def is_cut(self) -> bool:
        """Whether the server ends the connection, however much comes before that."""
        while self._more():
            self._bytes = b""
        return True

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> bool:
        try:
            data = self.socket.recv(2**16)
        except ConnectionError:
            return False
        self._bytes += data
        return bool(data)

    def _need(self, size: int) -> bool:
        while len(self._bytes) < size:
            if not self._more():
                return False
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        if not self._need(2):
            return None
        size, start = self._bytes[1], 2
        if size > 125:
            start = 4 if size == 126 else 10
            if not self._need(start):
                return None
            size = int.from_bytes(self._bytes[2:start], "big")
        if not self._need(start + size):
            return None
        opcode, payload = self._bytes[0] & 15, self._bytes[start : start + size]
        self._bytes = self._bytes[start + size :]
        return opcode, payload


class Gateway:
    """A process of ``shim serve``, with what it costs and what it logged."""

    def __init__(self, folder: Path, url: str, journal: Journal) -> None:
        self.journal = journal
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shim", "serve", "--listen", "127.0.0.1:0", *OPTIONS],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(Path(__file__).parents[3]),
                    "ASSEMBLYAI_API_KEY": API_KEY,
                    "ASSEMBLYAI_STREAMING_URL": url,
                },
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().decode()
        assert address, self.log
        self.port = int(address.rpartition(":")[2].partition("/")[0])

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def memory(self) -> int:
        """Bytes that the process has in memory."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    @property
    def descriptors(self) -> int:
        """Files and sockets that it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def sessions(self) -> int:
        """Clients that it serves. Fails when it does not answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read())
        connection.close()
        assert health["status"] == "ok"
        return int(health["sessions"])


@pytest.fixture(scope="module")
def gateway(one_sentence: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One ``shim serve`` for all tests of a module: what one of them breaks, the next ones notice."""
    with AssemblyAIEmulator(one_sentence, keys=[API_KEY], speed=SPEED) as emulator:
        server = Gateway(tmp_path_factory.mktemp("gateway"), emulator.url, emulator.journal)
        try:
            yield server
        finally:
            server.process.kill()  # a server that a test has stalled does not heed anything less
            server.process.wait()


@pytest.fixture(scope="session")
def frame() -> Callable[..., bytes]:
    """`build_frame`."""
    return build_frame


@pytest.fixture(scope="session")
def start() -> bytes:
    """A StartRecognition as a frame."""
    return build_frame(TEXT, START)


@pytest.fixture(scope="session")
def end() -> bytes:
    """An EndOfStream as a frame."""
    return build_frame(TEXT, END)


@pytest.fixture
def peer(gateway: Gateway) -> Iterator[Callable[..., Peer]]:
    """Connects a `Peer` to the gateway, or to another port."""
    with ExitStack() as stack:

        def connect(port: int = 0, path: str = "/v2/en") -> Peer:
            made = Peer(port or gateway.port, path)
            stack.callback(made.close)
            return made

        yield connect


@pytest.fixture
def bystander(gateway: Gateway, one_sentence: Scene) -> Iterator[None]:
    """A session that began before the test, and in which nothing of the test may be noticed."""
    session = Peer(gateway.port).open()
    session.send(build_frame(TEXT, START))
    session.hear("RecognitionStarted")
    audio = one_sentence.sound.read_bytes()[44:]
    session.send(build_frame(BINARY, audio[:16000]))
    yield
    session.send(build_frame(BINARY, audio[16000:32000]))
    session.send(build_frame(TEXT, END))
    heard = session.hear("EndOfTranscript", "Error")
    session.close()
    assert heard.messages[-1] == {"message": "EndOfTranscript"}
    assert [m["seq_no"] for m in heard.messages if m["message"] == "AudioAdded"] == [1, 2]
    assert gateway.process.poll() is None
    assert "Traceback" not in gateway.log
    assert "internal error" not in gateway.log
