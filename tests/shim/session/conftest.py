"""The AssemblyAI emulator, session servers and legacy programs for the tests of the session server and the drop-ins."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.server import SessionServer
from shim.settings import Settings

SPEED = 10.0
API_KEY = "assemblyai-key-of-the-tests"
SPEECHMATICS_URL = "wss://eu2.rt.speechmatics.com/v2/en"


@pytest.fixture
def scene(one_sentence: Scene) -> Scene:
    """What is said to the emulator."""
    return one_sentence


@pytest.fixture
def audio(scene: Scene) -> bytes:
    """16 kHz 16-bit mono."""
    return scene.sound.read_bytes()[44:]


@pytest.fixture
def emulate(scene: Scene) -> Iterator[Callable[..., AssemblyAIEmulator]]:
    """Starts an AssemblyAI emulator; takes its keyword arguments."""
    with ExitStack() as stack:

        def start(*faults: str, speed: float = SPEED, **options: Any) -> AssemblyAIEmulator:
            options.setdefault("keys", [API_KEY])
            return stack.enter_context(AssemblyAIEmulator(scene, speed=speed, faults=faults, **options))

        yield start


@pytest.fixture
def serve() -> Iterator[Callable[..., BackgroundServer]]:
    """Starts a session server in a thread; takes the fields of `Settings`."""
    servers = []

    def start(speed: float = SPEED, **settings: Any) -> BackgroundServer:
        settings.setdefault("api_key", API_KEY)
        server = BackgroundServer(lambda: Settings(**settings), Clock(speed))
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def open_gateway() -> Callable[..., AbstractContextManager[str]]:
    """The server of ``shim serve`` in a thread; takes the fields of `Settings`, gives ``ws://HOST:PORT``."""

    @contextmanager
    def start(speed: float = SPEED, **settings: Any) -> Iterator[str]:
        settings.setdefault("api_key", API_KEY)
        loop = uvloop.new_event_loop()  # as shim serve has it
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        server = SessionServer(lambda: Settings(**settings), Clock(speed))
        try:
            asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
            yield f"ws://127.0.0.1:{server.port}"
            asyncio.run_coroutine_threadsafe(server.stop(1), loop).result(30)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    return start


@pytest.fixture
def gateway(open_gateway: Callable[..., AbstractContextManager[str]]) -> Iterator[Callable[..., str]]:
    """Starts servers of `open_gateway`, until the end of the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_gateway(**options))


@dataclass
class Conversation:
    """What a Speechmatics client heard."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None
    reason: str = ""

    @property
    def names(self) -> list[str]:
        return [message["message"] for message in self.messages]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["message"] == name]

    @property
    def text(self) -> str:
        finals = self.named("AddTranscript")
        return " ".join("".join(final["metadata"]["transcript"] for final in finals).split())


def start_message(**config: Any) -> str:
    return json.dumps(
        {
            "message": "StartRecognition",
            "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
            "transcription_config": {"language": "en", **config},
        }
    )


class Client:
    """A Speechmatics client without an opinion."""

    def __init__(self, url: str, **options: Any) -> None:
        self._context = connect(url, **options)
        self.socket: ClientConnection = self._context.__enter__()
        self.heard = Conversation()

    def send(self, message: str | bytes | dict[str, Any]) -> None:
        self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    def hear_until(self, *names: str) -> dict[str, Any]:
        """Read until a message of one of these names comes; {} when the connection closed instead."""
        while True:
            try:
                message: dict[str, Any] = json.loads(self.socket.recv(timeout=30))
            except ConnectionClosed as closed:
                self.heard.code = closed.rcvd.code if closed.rcvd else 1006
                self.heard.reason = closed.rcvd.reason if closed.rcvd else ""
                return {}
            self.heard.messages.append(message)
            if message["message"] in names:
                return message

    def start(self, **config: Any) -> dict[str, Any]:
        self.send(start_message(**config))
        return self.hear_until("RecognitionStarted", "Error")

    def speak(self, audio: bytes, chunk: int = 1472, speed: float | None = None) -> None:
        """Send 16 kHz 16-bit audio: all at once, or at ``speed`` times the pace at which it was spoken."""
        clock = Clock(speed or 1.0)
        for start in range(0, len(audio), chunk):
            self.send(audio[start : start + chunk])
            if speed is not None:
                time.sleep(clock.real((start + chunk) / 32000 - clock.now()))

    def end(self) -> Conversation:
        self.send({"message": "EndOfStream", "last_seq_no": 0})
        self.hear_until("EndOfTranscript", "Error")
        self.close()
        return self.heard

    def hear_all(self) -> Conversation:
        self.hear_until("nothing has this name")
        return self.heard

    def close(self) -> None:
        self._context.__exit__(None, None, None)


@pytest.fixture
def client() -> Iterator[Callable[..., Client]]:
    """Connects a `Client` to an address."""
    clients: list[Client] = []

    def start(url: str, **options: Any) -> Client:
        clients.append(Client(url, **options))
        return clients[-1]

    yield start
    for one in clients:
        one.close()


@dataclass(frozen=True)
class Outcome:
    """What a program printed, and how it ended."""

    events: list[dict[str, Any]]
    log: str
    status: int

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    @property
    def conversation(self) -> Conversation:
        return Conversation([event["message"] for event in self.named("message")])

    def seconds(self, first: str, second: str) -> float:
        """From the first event of one name to the first of another."""
        seconds: float = self.named(second)[0]["at"] - self.named(first)[0]["at"]
        return seconds


@pytest.fixture
def run_program(
    scene: Scene, tmp_path: Path, environment_python: Callable[[str], Path]
) -> Callable[..., Outcome]:
    """Runs Python source that may use ``programs/legacy.py``, in an environment of a client library."""

    def run(
        source: str,
        environment: str,
        url: str = "",
        key: str = API_KEY,
        speed: float = SPEED,
        **variables: str,
    ) -> Outcome:
        program = tmp_path / "program.py"
        program.write_text("from legacy import *\n" + textwrap.dedent(source))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        done = subprocess.run(
            [environment_python(environment), program],
            env={
                **kept,
                "PYTHONPATH": str(Path(__file__).parent / "programs"),
                "ASSEMBLYAI_API_KEY": key,
                "ASSEMBLYAI_STREAMING_URL": url,
                "TEST_AUDIO": str(scene.sound),
                "TEST_SPEED": str(speed),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return Outcome(events, done.stderr, done.returncode)

    return run
