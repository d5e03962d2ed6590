"""Redirected connections of the client of websockets for trio, which newer versions have."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import websockets

from shim import redirect
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

trio = pytest.importorskip("trio")
pytest.importorskip("trio.testing")
client = pytest.importorskip("websockets.trio.client")

URL = "wss://eu2.rt.speechmatics.com/v2/en"
KEY = {"Authorization": "Bearer legacy-speechmatics-secret"}
DRAIN_SPEED = 2.0

Start = Callable[..., AssemblyAIEmulator]
Messages = list[dict[str, Any]]


async def hear(connection: Any, until: str) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(await connection.recv())
        if message["message"] == until:
            return message


@pytest.mark.parametrize("keyword", ["additional_headers", "extra_headers"])
def test_a_connection_is_led_here_whatever_concerns_the_way_to_the_vendor(
    assemblyai: Start, start_message: str, keyword: str
) -> None:
    emulator = assemblyai()
    options = {
        keyword: KEY,
        "ssl": None,
        "proxy": "http://127.0.0.1:1",
        "server_hostname": "x",
        "local_address": "::1",
    }

    async def program() -> None:
        async with client.connect(URL, close_timeout=1, **options) as connection:
            await connection.send(start_message)
            await hear(connection, "RecognitionStarted")

    trio.run(program)
    (connection,) = emulator.journal.connections
    assert "legacy-speechmatics-secret" not in str(dict(connection.headers))


def test_the_loop_that_connects_again_opens_a_session_each_time(
    assemblyai: Start, start_message: str
) -> None:
    emulator = assemblyai()
    started = []

    async def program() -> None:
        with trio.CancelScope() as scope:
            async for connection in client.connect(URL):
                await connection.send(start_message)
                started.append((await hear(connection, "RecognitionStarted"))["id"])
                if len(started) == 2:
                    scope.cancel()

    trio.run(program)
    assert len(set(started)) == len(emulator.journal.connections) == 2


def test_another_host_gets_the_connection_as_the_program_made_it(other_server: str) -> None:
    redirect.install("websockets")

    async def program() -> list[Any]:
        async with client.connect(f"ws://{other_server}/listen?a=1", additional_headers=KEY) as connection:
            await connection.send("text")
            return [json.loads(await connection.recv()), await connection.recv()]

    assert trio.run(program) == [["/listen?a=1", KEY["Authorization"]], "text"]


@pytest.mark.parametrize(
    ("reading", "leaving"),
    [("iteration", "async with"), ("iteration", "aclose"), ("recv", "aclose"), ("recv_streaming", "aclose")],
)
def test_a_reader_in_another_task_gets_the_rest_although_the_program_forgot_to_end_the_stream(
    assemblyai: Start,
    start_message: str,
    paced: Callable[[float], Iterator[tuple[bytes, float]]],
    one_sentence: Scene,
    text_of: Callable[[Messages], str],
    reading: str,
    leaving: str,
) -> None:
    emulator = assemblyai(speed=DRAIN_SPEED)
    messages: Messages = []

    async def texts(connection: Any) -> AsyncIterator[str]:
        if reading == "iteration":
            async for text in connection:
                yield text
            return
        with suppress(websockets.ConnectionClosedOK):
            while reading == "recv_streaming":
                yield "".join([fragment async for fragment in connection.recv_streaming()])
            while True:
                yield await connection.recv()

    async def read(connection: Any, started: Any) -> None:
        async for text in texts(connection):
            messages.append(json.loads(text))
            if messages[-1]["message"] == "RecognitionStarted":
                started.set()

    async def program() -> float:
        started = trio.Event()
        async with trio.open_nursery() as nursery:
            async with client.connect(URL) as connection:
                await connection.send(start_message)
                nursery.start_soon(read, connection, started)
                await started.wait()
                for piece, wait in paced(DRAIN_SPEED):
                    await connection.send(piece)
                    await trio.sleep(wait)
                begun = time.monotonic()
                if leaving == "aclose":
                    await connection.aclose()
            seconds = time.monotonic() - begun
            nursery.cancel_scope.cancel()  # by now the reader must have had everything
        return seconds

    assert trio.run(program) < redirect.CLOSE_SECONDS + 1
    assert text_of(messages) == one_sentence.text
    assert messages[-1]["message"] == "EndOfTranscript"
    assert emulator.journal.messages("received") == [{"type": "Terminate"}]


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_who_reads_no_more_or_is_cancelled_closes_at_once(
    assemblyai: Start, start_message: str, is_cancelled: bool
) -> None:
    emulator = assemblyai(speed=1)

    async def program() -> float:
        async with trio.open_nursery() as nursery:
            async with client.connect(URL) as connection:
                await connection.send(start_message)
                await hear(connection, "RecognitionStarted")
                if is_cancelled:
                    nursery.start_soon(connection.recv)
                    await trio.testing.wait_all_tasks_blocked()
                    nursery.cancel_scope.cancel()
                begun = time.monotonic()
            return time.monotonic() - begun
        return time.monotonic() - begun

    assert trio.run(program) < 1
    emulator.journal.wait_for(lambda journal: journal.closes())
