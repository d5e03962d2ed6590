"""websockets, redirected in this process: its three clients, in every way that programs use them."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any
from unittest.mock import AsyncMock

import pytest
import websockets
import websockets.asyncio.client
import websockets.sync.client

from shim import redirect, settings
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import websockets.legacy.client
    import websockets.legacy.exceptions

URL = "wss://eu2.rt.speechmatics.com/v2/en"
KEY = {"Authorization": "Bearer legacy-speechmatics-secret"}
END = json.dumps({"message": "EndOfStream", "last_seq_no": 0})
CLOSE_SECONDS = 1.8
SLOW_MACHINE = 1.0
DRAIN_SPEED = 2.0
"""Of the 1.5 s that AssemblyAI has to end a session, a busy machine needs a part too."""

Start = Callable[..., AssemblyAIEmulator]
Paced = Callable[[float], Iterator[tuple[bytes, float]]]
TextOf = Callable[[list[dict[str, Any]]], str]
Messages = list[dict[str, Any]]


@pytest.fixture(params=["asyncio", "legacy"])
def connect(request: pytest.FixtureRequest) -> Any:
    clients = {"asyncio": websockets.connect, "legacy": websockets.legacy.client.connect}
    return clients[request.param]


async def hear(connection: Any, messages: Messages, until: str = "") -> None:
    async for text in connection:
        messages.append(json.loads(text))
        if messages[-1]["message"] == until:
            return


def names(messages: Messages) -> list[str]:
    return [message["message"] for message in messages]


# Connecting


@pytest.mark.parametrize("headers", ["additional_headers", "extra_headers"])
@pytest.mark.parametrize("value", [KEY, list(KEY.items()), None])
def test_both_header_keywords_are_taken_and_the_legacy_key_goes_nowhere(
    assemblyai: Start, connect: Any, start_message: str, headers: str, value: Any
) -> None:
    emulator = assemblyai()

    async def program() -> None:
        async with connect(URL, **{headers: value}) as connection:
            await connection.send(start_message)
            await hear(connection, [], until="RecognitionStarted")

    asyncio.run(program())
    (heard,) = emulator.journal.connections
    assert "legacy-speechmatics-secret" not in repr((heard.headers, heard.query, heard.path))


def test_what_only_concerns_the_way_to_the_vendor_is_dropped_and_the_rest_is_kept(
    assemblyai: Start, connect: Any, start_message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assemblyai()
    for name in ("http_proxy", "https_proxy", "wss_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def program() -> Any:
        connection = await connect(
            URL,
            ssl=ssl.create_default_context(),
            server_hostname="eu2.rt.speechmatics.com",
            proxy="http://127.0.0.1:1",
            ping_interval=7,
            ping_timeout=8,
            open_timeout=20,
            close_timeout=1,
            max_size=2**22,
            max_queue=64,
            write_limit=2**15,
        )
        await connection.send(start_message)
        await hear(connection, [], until="RecognitionStarted")
        await connection.close()
        return connection

    connection = asyncio.run(program())
    assert (connection.ping_interval, connection.ping_timeout, connection.close_timeout) == (7, 8, 1)


def test_a_connector_that_is_awaited_twice_opens_two_sessions(
    assemblyai: Start, connect: Any, start_message: str
) -> None:
    emulator = assemblyai()

    async def program() -> None:
        connector = connect(URL)
        for _ in range(2):
            connection = await connector
            await connection.send(start_message)
            await hear(connection, [], until="RecognitionStarted")
            await connection.close()

    asyncio.run(program())
    assert len(emulator.journal.connections) == 2


def test_the_loop_that_connects_again_opens_a_session_each_time(
    assemblyai: Start, connect: Any, start_message: str
) -> None:
    emulator = assemblyai()
    started: Messages = []

    async def program() -> None:
        async for connection in connect(URL):
            await connection.send(start_message)
            await hear(connection, started, until="RecognitionStarted")
            if names(started).count("RecognitionStarted") == 2:
                break

    asyncio.run(program())
    assert len(emulator.journal.connections) == 2
    assert len({message["id"] for message in started if "id" in message}) == 2


def test_a_name_that_was_bound_before_and_a_connector_given_as_a_value_are_led_here(
    assemblyai: Start, start_message: str
) -> None:
    from websockets import connect as bound

    emulator = assemblyai()

    class Transcriber:
        def __init__(self, connect: Callable[..., Any] = bound) -> None:
            self.connect = connect

        async def start(self) -> None:
            self.socket = await self.connect(uri=URL, additional_headers=KEY)
            await self.socket.send(start_message)
            await hear(self.socket, [], until="RecognitionStarted")
            await self.socket.close()

    asyncio.run(Transcriber().start())
    assert len(emulator.journal.connections) == 1


def test_an_address_that_is_none_of_a_socket_is_refused_by_the_library(connect: Any) -> None:
    redirect.install("websockets")

    async def program() -> None:
        await connect("https://eu2.rt.speechmatics.com/v2")

    with pytest.raises(websockets.InvalidURI):
        asyncio.run(program())


def test_another_host_gets_the_connection_as_the_program_made_it(other_server: str, connect: Any) -> None:
    redirect.install("websockets")
    headers = "additional_headers" if connect is websockets.connect else "extra_headers"

    async def program() -> list[Any]:
        async with connect(f"ws://{other_server}/listen?a=1", **{headers: KEY}) as connection:
            await connection.send("text")
            return [json.loads(await connection.recv()), await connection.recv()]

    assert asyncio.run(program()) == [["/listen?a=1", KEY["Authorization"]], "text"]


def test_a_keyword_that_another_version_has_stays_an_error_for_another_host(other_server: str) -> None:
    redirect.install("websockets")

    async def program() -> None:
        await websockets.connect(f"ws://{other_server}", extra_headers=KEY)

    with pytest.raises(TypeError, match="extra_headers"):
        asyncio.run(program())


def test_the_connections_of_the_session_server_itself_are_never_led_back_to_it(
    assemblyai: Start, start_message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_configured", {})
    settings.configure(speechmatics_hosts={"127.0.0.1"})
    emulator = assemblyai()

    async def program() -> None:
        async with websockets.connect("ws://127.0.0.1:9/v2") as connection:
            await connection.send(start_message)
            await hear(connection, [], until="RecognitionStarted")

    asyncio.run(program())
    assert len(emulator.journal.connections) == 1


def test_without_a_key_the_library_reports_a_handshake_that_was_refused(
    assemblyai: Start, connect: Any
) -> None:
    assemblyai(api_key=None)

    async def program() -> int:
        try:
            await connect(URL)
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
        except websockets.legacy.exceptions.InvalidStatusCode as refused:
            return int(refused.status_code)
        return 0

    assert asyncio.run(program()) == 401


def test_a_test_double_made_after_a_connection_can_be_awaited() -> None:
    redirect.install("websockets")
    double = AsyncMock(spec=websockets.ClientConnection)
    double.recv.return_value = "text"
    assert asyncio.run(double.recv()) == "text"


# Closing


@pytest.mark.parametrize(
    ("reading", "leaving"),
    [
        ("iteration", "async with"),
        ("iteration", "close"),
        ("recv", "close"),
        ("wait_for", "close"),
        ("recv_streaming", "close"),
    ],
)
def test_a_reader_in_another_task_gets_the_rest_although_the_program_forgot_to_end_the_stream(
    assemblyai: Start,
    connect: Any,
    start_message: str,
    paced: Paced,
    one_sentence: Scene,
    text_of: TextOf,
    leaving: str,
    reading: str,
) -> None:
    if reading == "recv_streaming" and connect is not websockets.connect:
        pytest.skip("the legacy client has no recv_streaming")
    emulator = assemblyai(speed=DRAIN_SPEED)
    messages: Messages = []
    ends: list[str] = []

    async def texts(connection: Any) -> AsyncIterator[str]:
        if reading == "iteration":
            async for text in connection:
                yield text
            return
        with suppress(websockets.ConnectionClosedOK):
            while reading == "recv_streaming":
                yield "".join([fragment async for fragment in connection.recv_streaming()])
            while True:
                yield await (
                    connection.recv() if reading == "recv" else asyncio.wait_for(connection.recv(), 20)
                )

    async def read(connection: Any, started: asyncio.Event) -> None:
        async for text in texts(connection):
            messages.append(json.loads(text))
            if messages[-1]["message"] == "RecognitionStarted":
                started.set()
        ends.append("normal")

    async def program() -> float:
        started = asyncio.Event()
        connector = connect(URL)
        connection = await (connector.__aenter__() if leaving == "async with" else connector)
        await connection.send(start_message)
        reader = asyncio.create_task(read(connection, started))
        await started.wait()
        for piece, wait in paced(DRAIN_SPEED):
            await connection.send(piece)
            await asyncio.sleep(wait)
        begun = time.monotonic()
        if leaving == "async with":
            await connector.__aexit__(None, None, None)
        else:
            await connection.close()
        seconds = time.monotonic() - begun
        reader.cancel()  # as many programs do: by now it must have had everything
        with suppress(asyncio.CancelledError):
            await reader
        return seconds

    assert asyncio.run(program()) < CLOSE_SECONDS + SLOW_MACHINE
    assert text_of(messages) == one_sentence.text
    assert names(messages)[-1] == "EndOfTranscript"
    assert ends == ["normal"]
    assert [frame.json for frame in emulator.journal.frames("received") if frame.json] == [
        {"type": "Terminate"}
    ]


def test_a_reader_that_closes_waits_for_nobody(
    assemblyai: Start, connect: Any, start_message: str, pieces: list[bytes]
) -> None:
    assemblyai()

    async def program() -> float:
        async with connect(URL) as connection:
            await connection.send(start_message)
            async for text in connection:
                if json.loads(text)["message"] == "RecognitionStarted":
                    await connection.send(pieces[0])
                if json.loads(text)["message"] == "AudioAdded":
                    begun = time.monotonic()
                    await connection.close()
        return time.monotonic() - begun

    assert asyncio.run(program()) < 1


def test_a_program_that_waits_with_a_task_for_one_message_closes_in_time(
    assemblyai: Start, connect: Any, start_message: str, pieces: list[bytes]
) -> None:
    assemblyai()

    async def program() -> float:
        connection = await connect(URL)
        await connection.send(start_message)
        await hear(connection, [], until="RecognitionStarted")
        waiting = asyncio.create_task(connection.recv())
        await connection.send(pieces[0])
        await asyncio.sleep(0)
        begun = time.monotonic()
        await connection.close()
        with suppress(websockets.ConnectionClosed):
            await waiting
        return time.monotonic() - begun

    assert asyncio.run(program()) < CLOSE_SECONDS + SLOW_MACHINE


def test_a_program_that_never_reads_closes_in_time(
    assemblyai: Start, connect: Any, start_message: str, pieces: list[bytes]
) -> None:
    emulator = assemblyai()

    async def program() -> float:
        connection = await connect(URL)
        await connection.send(start_message)
        await hear(connection, [], until="RecognitionStarted")
        for piece in pieces:
            await connection.send(piece)
        while len(emulator.journal.audio()) < 32000:
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        await connection.close()
        return time.monotonic() - begun

    # The queue of the library is full of acknowledgements, which holds up the answer to its close frame.
    assert asyncio.run(program()) < 3 * CLOSE_SECONDS


def test_a_task_that_the_reader_waits_for_may_close(
    assemblyai: Start, connect: Any, start_message: str
) -> None:
    assemblyai()

    async def program() -> float:
        connection = await connect(URL)
        await connection.send(start_message)
        await hear(connection, [], until="RecognitionStarted")
        begun = time.monotonic()
        await asyncio.create_task(connection.close())
        return time.monotonic() - begun

    assert asyncio.run(program()) < CLOSE_SECONDS + SLOW_MACHINE


# The synchronous client


@pytest.mark.parametrize("reading", ["iteration", "recv_streaming"])
def test_a_thread_that_reads_gets_the_rest_of_a_synchronous_connection(
    assemblyai: Start, start_message: str, paced: Paced, one_sentence: Scene, text_of: TextOf, reading: str
) -> None:
    assemblyai(speed=DRAIN_SPEED)
    messages: Messages = []
    started = threading.Event()

    def texts(connection: Any) -> Iterator[str]:
        if reading == "iteration":
            yield from connection
            return
        with suppress(websockets.ConnectionClosedOK):
            while True:
                yield "".join(connection.recv_streaming())

    def read(connection: Any) -> None:
        for text in texts(connection):
            messages.append(json.loads(text))
            if messages[-1]["message"] == "RecognitionStarted":
                started.set()

    with websockets.sync.client.connect(
        URL, ssl=ssl.create_default_context(), extra_headers=KEY, proxy=True
    ) as connection:
        connection.send(start_message)
        reader = threading.Thread(target=read, args=[connection])
        reader.start()
        assert started.wait(20)
        for piece, wait in paced(DRAIN_SPEED):
            connection.send(piece)
            time.sleep(wait)
        begun = time.monotonic()
    assert time.monotonic() - begun < CLOSE_SECONDS + SLOW_MACHINE
    assert names(messages)[-1] == "EndOfTranscript"
    assert text_of(messages) == one_sentence.text
    reader.join(20)


@pytest.mark.skipif(not hasattr(websockets.sync.client, "reconnect"), reason="this version has no such loop")
def test_the_synchronous_loop_that_connects_again_opens_a_session_each_time(
    assemblyai: Start, start_message: str
) -> None:
    emulator = assemblyai()
    started = set()
    for connection in websockets.sync.client.reconnect(URL):
        connection.send(start_message)
        while (message := json.loads(connection.recv()))["message"] != "RecognitionStarted":
            pass
        started.add(message["id"])
        if len(started) == 2:
            break
    assert len(emulator.journal.connections) == 2


@pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
def test_a_synchronous_program_that_reads_and_closes_in_one_thread_waits_for_nobody(
    assemblyai: Start, start_message: str, pieces: list[bytes]
) -> None:
    assemblyai()
    connection = websockets.sync.client.connect(URL)
    connection.send(start_message)
    while json.loads(connection.recv())["message"] != "RecognitionStarted":
        pass
    connection.send(pieces[0])
    begun = time.monotonic()
    connection.close()
    assert time.monotonic() - begun < 1


def test_a_synchronous_program_without_a_key_sees_the_library_s_refusal(assemblyai: Start) -> None:
    assemblyai(api_key=None)
    with pytest.raises(websockets.InvalidStatus) as refused:
        websockets.sync.client.connect(URL)
    assert refused.value.response.status_code == 401


def test_a_synchronous_connection_to_another_host_is_left_alone(other_server: str) -> None:
    redirect.install("websockets")
    with websockets.sync.client.connect(f"ws://{other_server}/a", additional_headers=KEY) as connection:
        assert json.loads(connection.recv()) == ["/a", KEY["Authorization"]]
