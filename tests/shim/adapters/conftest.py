"""The way from a redirected client library to the AssemblyAI emulator, all in this process, faster than real time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from threading import Thread
from typing import Any

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from shim import redirect
from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.settings import Settings

SPEED = 20.0
API_KEY = "assemblyai-key-of-the-tests"
START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", "enable_partials": True},
    }
)


@pytest.fixture
def assemblyai(
    one_sentence: Scene, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AssemblyAIEmulator]]:
    """Starts an AssemblyAI that hears one sentence; redirected connections of this process end there."""
    redirect.install()
    with ExitStack() as stack:

        def start(api_key: str | None = API_KEY, speed: float = SPEED) -> AssemblyAIEmulator:
            """``speed`` is the session server's: AssemblyAI itself is never slow to end a session."""
            emulator = stack.enter_context(AssemblyAIEmulator(one_sentence, speed=SPEED, keys=[API_KEY]))
            server = BackgroundServer(
                lambda: Settings(api_key=api_key, streaming_url=emulator.url), Clock(speed)
            )
            stack.callback(server.stop)
            monkeypatch.setattr(redirect, "background", server)
            return emulator

        yield start


@pytest.fixture
def other_server() -> Iterator[str]:
    """A WebSocket server that is not Speechmatics: sends its path and the key that it was given, then echoes.

    A request that is no WebSocket one is answered with its path.
    """

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        connection.send(
            json.dumps([connection.request.path, connection.request.headers.get("Authorization")])
        )
        for message in connection:
            connection.send(message)

    def plain(connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return None
        return connection.respond(HTTPStatus.OK, request.path)

    with serve(talk, "127.0.0.1", 0, process_request=plain) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def paced(pieces: list[bytes]) -> Callable[[float], Iterator[tuple[bytes, float]]]:
    """The pieces, each with the real seconds to wait after it, at so many times the pace at which it was spoken."""

    def pace(speed: float) -> Iterator[tuple[bytes, float]]:
        clock = Clock(speed)
        for number, piece in enumerate(pieces, 1):
            yield piece, clock.real(number * 0.046 - clock.now())

    return pace


@pytest.fixture
def start_message() -> str:
    return START


@pytest.fixture
def pieces(one_sentence: Scene) -> list[bytes]:
    """The sound of the sentence in pieces of 46 ms, 16 kHz 16-bit mono."""
    audio = one_sentence.sound.read_bytes()[44:]
    return [audio[start : start + 1472] for start in range(0, len(audio), 1472)]


@pytest.fixture
def text_of() -> Callable[[list[dict[str, Any]]], str]:
    """The finals of a session, joined as programs join them."""

    def join(messages: list[dict[str, Any]]) -> str:
        finals = [m["metadata"]["transcript"] for m in messages if m["message"] == "AddTranscript"]
        return "".join(finals).strip()

    return join
