"""aiohttp, redirected in this process."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from shim import redirect
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

URL = "wss://eu2.rt.speechmatics.com/v2/en"
KEY = {"Authorization": "Bearer legacy-speechmatics-secret"}
DRAIN_SPEED = 2.0

Start = Callable[..., AssemblyAIEmulator]
Paced = Callable[[float], Iterator[tuple[bytes, float]]]


async def hear(socket: Any, messages: list[dict[str, Any]], until: str = "") -> None:
    async for message in socket:
        messages.append(json.loads(message.data))
        if messages[-1]["message"] == until:
            return


def test_a_session_begins_and_what_concerns_the_way_to_the_vendor_is_dropped(
    assemblyai: Start, start_message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = assemblyai()
    for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def program() -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.ws_connect(
                URL,
                headers=KEY,
                params={"sm-app": "desk"},
                ssl=ssl.create_default_context(),
                proxy="http://127.0.0.1:1",
                heartbeat=20,
            ) as socket,
        ):
            await socket.send_str(start_message)
            await hear(socket, messages, until="RecognitionStarted")
        return messages

    assert asyncio.run(program())[-1]["message"] == "RecognitionStarted"
    (heard,) = emulator.journal.connections
    assert "legacy-speechmatics-secret" not in repr((heard.headers, heard.query, heard.path))


def test_a_reader_in_another_task_gets_the_rest(
    assemblyai: Start,
    start_message: str,
    paced: Paced,
    one_sentence: Scene,
    text_of: Callable[[list[dict[str, Any]]], str],
) -> None:
    assemblyai(speed=DRAIN_SPEED)
    messages: list[dict[str, Any]] = []

    async def program() -> float:
        async with aiohttp.ClientSession() as session, session.ws_connect(URL, headers=KEY) as socket:
            await socket.send_str(start_message)
            await hear(socket, messages, until="RecognitionStarted")
            reader = asyncio.create_task(hear(socket, messages))
            for piece, wait in paced(DRAIN_SPEED):
                await socket.send_bytes(piece)
                await asyncio.sleep(wait)
            begun = time.monotonic()
            await socket.close()
            seconds = time.monotonic() - begun
            reader.cancel()
        assert socket.close_code == 1000
        return seconds

    assert asyncio.run(program()) < 1.8 + 1
    assert messages[-1]["message"] == "EndOfTranscript"
    assert text_of(messages) == one_sentence.text


def test_a_reader_that_closes_waits_for_nobody(assemblyai: Start, start_message: str) -> None:
    assemblyai()

    async def program() -> float:
        async with aiohttp.ClientSession() as session, session.ws_connect(URL) as socket:
            await socket.send_str(start_message)
            await hear(socket, [], until="RecognitionStarted")
            begun = time.monotonic()
        return time.monotonic() - begun

    assert asyncio.run(program()) < 1


def test_without_a_key_the_library_reports_a_handshake_that_was_refused(assemblyai: Start) -> None:
    assemblyai(api_key=None)

    async def program() -> None:
        async with aiohttp.ClientSession() as session:
            await session.ws_connect(URL, headers=KEY)

    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        asyncio.run(program())
    assert refused.value.status == 401


def test_other_hosts_get_sockets_and_requests_as_the_program_made_them(other_server: str) -> None:
    redirect.install("aiohttp")

    async def program() -> list[Any]:
        async with aiohttp.ClientSession(f"http://{other_server}") as session:
            async with session.get("/v1/api_keys", params={"type": "rt"}) as response:
                answer = await response.text()
            async with session.ws_connect("/listen?a=1", headers=KEY) as socket:
                first = await socket.receive_json()
                await socket.send_str("text")
                return [answer, first, await socket.receive_str()]

    assert asyncio.run(program()) == [
        "/v1/api_keys?type=rt",
        ["/listen?a=1", KEY["Authorization"]],
        "text",
    ]
