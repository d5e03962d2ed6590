"""Every fault of the AssemblyAI emulator, seen by a program of each kind: ``fixtures/faults.json`` says what it gets.

No word of a final is lost or doubled, no program hangs, and failures have their Error and close code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from shim import redirect, upstream
from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.faults import FAULTS, parse
from shim.emulator.scene import Scene
from shim.protocol.line import REOPEN_SECONDS, STABLE_SECONDS
from shim.protocol.mapping.errors import SPEECHMATICS_CLOSE_CODES
from shim.settings import Settings

pytestmark = pytest.mark.environment

ROOT = Path(__file__).parents[3]
ROWS: list[dict[str, Any]] = json.loads((ROOT / "fixtures" / "faults.json").read_text())
SPEED = 10.0
KEY = "assemblyai-key-of-the-tests"
BOUND_SECONDS = REOPEN_SECONDS + STABLE_SECONDS
"""At the latest so long after the first loss a program gets the rest or its Error."""
START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", "enable_partials": True},
    }
)
END = json.dumps({"message": "EndOfStream", "last_seq_no": 0})


@dataclass(frozen=True)
class Heard:
    """What a program was told; ``code`` is None where its library hides the close code."""

    messages: list[dict[str, Any]]
    code: int | None
    seconds: float

    @property
    def text(self) -> str:
        finals = [m["metadata"]["transcript"] for m in self.messages if m["message"] == "AddTranscript"]
        return " ".join("".join(finals).split())

    @property
    def end(self) -> dict[str, Any]:
        return self.messages[-1] if self.messages else {"message": ""}


Receive = Callable[[], "str | int"]


def converse(send: Callable[[str | bytes], Any], receive: Receive, audio: bytes) -> tuple[list[Any], int]:
    """A session; ``receive`` gives a message or, at the end, the close code."""
    messages: list[Any] = []

    def hear_until(*names: str) -> int | None:
        while isinstance(text := receive(), str):
            messages.append(json.loads(text))
            if messages[-1]["message"] in names:
                return None
        return text

    send(START)
    code = hear_until("RecognitionStarted")
    if code is None:
        # What closes the connection meanwhile is read afterwards.
        with suppress(OSError, ConnectionClosed, websocket.WebSocketException):
            for start in range(0, len(audio), 1600):
                send(audio[start : start + 1600])
                time.sleep(0.05 / SPEED)
            send(END)
        code = hear_until("EndOfTranscript")
    return messages, 1000 if code is None else code


def with_websocket_client(url: str, audio: bytes) -> tuple[list[Any], int]:
    connection = websocket.create_connection(url, timeout=30)

    def receive() -> str | int:
        opcode, data = connection.recv_data()
        return int.from_bytes(data[:2], "big") if opcode == websocket.ABNF.OPCODE_CLOSE else data.decode()

    try:
        return converse(
            lambda data: connection.send(data) if isinstance(data, str) else connection.send_binary(data),
            receive,
            audio,
        )
    finally:
        connection.close()


def with_websockets(url: str, audio: bytes) -> tuple[list[Any], int]:
    with connect(url, proxy=None) as connection:

        def receive() -> str | int:
            try:
                return str(connection.recv(timeout=30))
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006

        return converse(connection.send, receive, audio)


class Redirects:
    """In place of the one session server of a process: a server for each cell, told apart by the query."""

    def __init__(self) -> None:
        self._servers: dict[str, BackgroundServer] = {}
        self._ports: dict[int | None, BackgroundServer] = {}

    def add(self, cell: str, server: BackgroundServer) -> str:
        self._servers[cell] = server
        return f"wss://eu2.rt.speechmatics.com/v2?cell={cell}"

    def local_url(self, original_url: str) -> str:
        server = self._servers[parse_qs(urlsplit(original_url).query)["cell"][0]]
        url = server.local_url(original_url)
        self._ports[urlsplit(url).port] = server
        return url

    def drain(self, local_url: str) -> None:
        self._ports[urlsplit(local_url).port].drain(local_url)


CLIENTS = ("websocket-client", "websockets", "speechmatics-rt", "shim serve")
CELLS = [(row, client) for row in ROWS for client in CLIENTS]


@pytest.fixture(scope="module")
def cells(
    one_sentence: Scene,
    open_gateway: Callable[..., AbstractContextManager[str]],
    environment_python: Callable[[str], Path],
) -> Iterator[dict[tuple[str, str], Future[Heard]]]:
    """All sessions, a few at a time: they mostly wait."""
    audio = one_sentence.sound.read_bytes()[44:]
    redirects = Redirects()
    redirect.install()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(redirect, "background", redirects)
        patch.setattr(upstream, "CONNECT_TIMEOUT", 3.0)  # which is real time; the fault no-answer needs it
        processes: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for _ in range(2):
            process = subprocess.Popen(
                [
                    environment_python("speechmatics-rt-newest"),
                    Path(__file__).parent / "programs" / "client_rt_many.py",
                    one_sentence.sound,
                    str(SPEED),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            stack.enter_context(process)
            processes.put(process)

        def with_rt(url: str, audio: bytes) -> tuple[list[Any], None]:
            process = processes.get()
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                print(url, file=process.stdin, flush=True)
                messages, raised = json.loads(process.stdout.readline())
                assert not raised or "Error" in [message["message"] for message in messages], raised
                return messages, None
            finally:
                processes.put(process)

        def run(number: int, row: dict[str, Any], client: str) -> Heard:
            choices = {"api_key": KEY, "speech_model": row.get("model")}
            with ExitStack() as inner:
                emulator = inner.enter_context(
                    AssemblyAIEmulator(one_sentence, speed=SPEED, keys=[KEY], faults=[row["fault"]])
                )
                if client in ("websocket-client", "websockets"):
                    settings = Settings(streaming_url=emulator.url, **choices)
                    server = BackgroundServer(lambda: settings, Clock(SPEED))
                    inner.callback(server.stop)
                    url = redirects.add(str(number), server)
                else:
                    gateway = open_gateway(SPEED, streaming_url=emulator.url, **choices)
                    url = inner.enter_context(gateway) + "/v2"
                talk = {"websocket-client": with_websocket_client, "speechmatics-rt": with_rt}.get(
                    client, with_websockets
                )
                began = time.monotonic()
                messages, code = talk(url, audio)
                return Heard(messages, code, time.monotonic() - began)

        with ThreadPoolExecutor(8) as pool:
            yield {
                (row["fault"], client): pool.submit(run, number, row, client)
                for number, (row, client) in enumerate(CELLS)
            }
        for _ in range(2):
            process = processes.get()
            assert process.stdin is not None
            process.stdin.close()


def words(text: str) -> list[str]:
    return [word.strip(".,?!").lower() for word in text.split()]


@pytest.mark.parametrize(("row", "client"), CELLS, ids=[f"{row['fault']} {client}" for row, client in CELLS])
def test_a_program_gets_what_the_table_says(
    cells: dict[tuple[str, str], Future[Heard]], one_sentence: Scene, row: dict[str, Any], client: str
) -> None:
    heard = cells[row["fault"], client].result()
    names = [message["message"] for message in heard.messages if message["message"] != "AudioAdded"]
    if row["text"] == "begin":
        assert heard.text
        assert words(one_sentence.text)[: len(words(heard.text))] == words(heard.text)
    elif row["text"] == "words":
        assert words(heard.text) == words(one_sentence.text)
    else:
        assert heard.text == (one_sentence.text if row["text"] == "whole" else ""), names
    if row["error"]:
        assert (heard.end["message"], heard.end.get("type")) == ("Error", row["error"]), names
        assert heard.code in (None, SPEECHMATICS_CLOSE_CODES[row["error"]])
    else:
        assert heard.end["message"] == "EndOfTranscript", names
    assert names.count("EndOfTranscript") + names.count("Error") == 1
    # A busy machine has 10 s of its own.
    assert heard.seconds < 10 + (one_sentence.words[-1].end + BOUND_SECONDS) / SPEED


def test_every_fault_has_a_row() -> None:
    assert {parse(row["fault"], "assemblyai").name for row in ROWS} == set(FAULTS["assemblyai"])


def test_the_document_is_the_table(tmp_path: Path) -> None:
    made = tmp_path / "faults.md"
    subprocess.run([sys.executable, ROOT / "scripts" / "fault-matrix", made], check=True, timeout=30)
    assert (ROOT / "docs" / "faults.md").read_text() == made.read_text(), "run scripts/fault-matrix"
