"""Sessions of ``shim.speechmatics.rt`` with the AssemblyAI emulator, faster than real time, and with servers of others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import websockets.sync.server

import shim.speechmatics.rt as rt
from shim.emulator.scene import Scene

RAW = rt.AudioFormat(rt.AudioEncoding.PCM_S16LE, 16000, 3200)


@pytest.fixture
def raw() -> rt.AudioFormat:
    """16 kHz 16-bit mono."""
    return RAW


@pytest.fixture
def samples(one_sentence: Scene) -> bytes:
    """What is said, 16 kHz 16-bit mono."""
    return one_sentence.sound.read_bytes()[44:]


class Heard(list[dict[str, Any]]):
    """What the handlers of a client were told."""

    @property
    def kinds(self) -> list[str]:
        return [message["message"] for message in self]

    @property
    def text(self) -> str:
        """What the finals join to."""
        finals = (m["metadata"]["transcript"] for m in self if m["message"] == "AddTranscript")
        return " ".join("".join(finals).split())

    def named(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self if message["message"] == kind]


@pytest.fixture
def listen() -> Callable[..., Heard]:
    """Registers a handler of every message with a client."""

    def to(client: rt.EventEmitter) -> Heard:
        heard = Heard()
        for kind in rt.ServerMessageType:
            client.on(kind, heard.append)
        return heard

    return to


class Other:
    """A server of somebody else.

    Args:
        replies: what it says when a session begins; text as it is.
        at_the_end: what it says after EndOfStream; None: it stays silent and hears on.
        ends: whether it closes then.

    Attributes:
        gone: set when a connection has ended.
    """

    def __init__(self, replies: tuple[Any, ...], at_the_end: tuple[Any, ...] | None, ends: bool) -> None:
        self.replies, self.at_the_end, self.ends = replies, at_the_end, ends
        self.requests: list[websockets.sync.server.Request] = []
        self.received: list[Any] = []
        self.gone = threading.Event()
        self.server = websockets.sync.server.serve(self.converse, "127.0.0.1", 0)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def converse(self, connection: websockets.sync.server.ServerConnection) -> None:
        assert connection.request is not None
        self.requests.append(connection.request)
        self.answer(connection)
        self.gone.set()

    def answer(self, connection: websockets.sync.server.ServerConnection) -> None:
        for data in connection:
            self.received.append(json.loads(data) if isinstance(data, str) else data)
            kind = self.received[-1]["message"] if isinstance(data, str) else "AddAudio"
            if kind == "StartRecognition":
                self.say(connection, self.replies)
            elif kind == "EndOfStream" and self.at_the_end is not None:
                self.say(connection, self.at_the_end)
            else:
                continue
            if self.ends and (kind == "EndOfStream" or self.at_the_end is None):
                return

    def say(self, connection: websockets.sync.server.ServerConnection, replies: tuple[Any, ...]) -> None:
        for reply in replies:
            connection.send(reply if isinstance(reply, str) else json.dumps(reply))

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.socket.getsockname()[1]}/v2?a=b&c="


STARTED = {"message": "RecognitionStarted", "id": "7f1c"}
END = {"message": "EndOfTranscript"}


@pytest.fixture
def other() -> Iterator[Callable[..., Other]]:
    """Starts an `Other`."""
    with ExitStack() as stack:

        def start(*replies: Any, at_the_end: tuple[Any, ...] | None = (END,), ends: bool = True) -> Other:
            server = Other(replies or (STARTED,), at_the_end, ends)
            stack.callback(server.thread.join, 30)
            stack.callback(server.server.shutdown)
            return server

        yield start
