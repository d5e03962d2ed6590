"""A host that is not Speechmatics' is connected to as speechmatics-rt does, and whatever it says is borne."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import socket
import subprocess
import sys

import pytest

import shim.speechmatics.rt as rt
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.speechmatics.rt import AsyncClient, _base_client

STARTED = {"message": "RecognitionStarted", "id": "7f1c"}
END = {"message": "EndOfTranscript"}
KEY = "a-key-of-another-server"


def run(server, source=b"abcdef", form=None, client=None, **options):
    one = client or AsyncClient(api_key=KEY, url=server.url)
    asyncio.run(asyncio.wait_for(one.transcribe(io.BytesIO(source), audio_format=form, **options), 30))
    return one


PROGRAM = """
import asyncio, importlib, io, sys
rt = importlib.import_module(sys.argv[1])

async def main():
    headers = {"X-Own": "1"}
    client = rt.AsyncClient(api_key="key-of-the-program", url=sys.argv[2])
    await client.transcribe(
        io.BytesIO(bytes(10_000)),
        transcription_config=rt.TranscriptionConfig(max_delay=2, conversation_config=rt.ConversationConfig(0.5)),
        audio_format=rt.AudioFormat(rt.AudioEncoding.MULAW, 8000, 4000),
        translation_config=rt.TranslationConfig(["de"]),
        audio_events_config=rt.AudioEventsConfig(),
        ws_headers=headers,
    )
    assert headers == {"X-Own": "1"}

asyncio.run(main())
"""


@pytest.mark.environment
def test_what_is_sent_is_what_the_original_sends(other, environment_python):
    def sent(python, package):
        server = other()
        subprocess.run([str(python), "-c", PROGRAM, package, server.url], check=True, timeout=60)
        (request,) = server.requests
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        for name in ("host", "sec-websocket-key", "x-request-id", "user-agent"):
            assert headers.pop(name)
        return (
            request.path,
            headers,
            [one for one in server.received if isinstance(one, bytes)],
            [json.dumps(one) for one in server.received if not isinstance(one, bytes)],
        )

    original = sent(environment_python("speechmatics-rt-newest"), "speechmatics.rt")
    ours = sent(sys.executable, "shim.speechmatics.rt")
    assert ours == original
    assert original[0] == "/v2?a=b&c=&sm-sdk=python-rt-sdk-v1.2.1"
    assert original[1]["authorization"] == "Bearer key-of-the-program"
    assert [len(audio) for audio in original[2]] == [4000, 4000, 2000]


def test_the_numbers_of_the_session_are_those_of_the_connection(other):
    server = other()
    one = run(server)
    assert server.requests[0].headers["X-Request-Id"] == one.request_id
    assert one.session_id == "7f1c"


def test_another_sdk_may_name_itself(other):
    server = other()
    run(server, client=AsyncClient(api_key=KEY, url=server.url, sdk_identifier="mine/1"))
    assert server.requests[0].path == "/v2?a=b&c=&sm-sdk=mine%2F1"


def test_the_end_of_the_stream_says_how_many_chunks_there_were(other):
    server = other(STARTED, {"message": "AudioAdded", "seq_no": 1})
    run(server, bytes(9), rt.AudioFormat("mulaw", 8000, 2))
    assert server.received[-1] == {"message": "EndOfStream", "last_seq_no": 5}


def test_what_is_no_message_is_passed_over_and_what_nobody_knows_is_handed_on(other, listen):
    server = other(STARTED, "[1]", '"text"', '{"no": 1}', '{"message": ["a"]}', {"message": "New", "a": 1})
    one = AsyncClient(api_key=KEY, url=server.url)
    heard = listen(one)
    one.on("New", heard.append)
    run(server, client=one)
    assert heard.kinds == ["RecognitionStarted", "New", "EndOfTranscript"]


@pytest.mark.parametrize("garbage", ["not JSON", "{"])
def test_what_is_not_json_ends_the_session_but_not_the_program(other, listen, garbage):
    server = other(STARTED, garbage)
    one = run(server)
    with pytest.raises(rt.TransportError):
        asyncio.run(one.send_audio(b"1"))


def test_after_what_is_not_json_no_connection_stays_open(other):
    server = other(STARTED, "not JSON", at_the_end=None, ends=False)

    async def main():
        one = AsyncClient(api_key=KEY, url=server.url)
        await one.start_session()
        assert await asyncio.to_thread(server.gone.wait, 30)

    asyncio.run(main())


def test_a_close_without_the_end_of_the_transcript_does_not_hang(other):
    run(other(at_the_end=()))


@pytest.mark.parametrize(
    ("replies", "text"),
    [
        ([{"message": "Error", "type": "quota_exceeded", "reason": "Too many."}], "Too many."),
        ([{"message": "Error", "type": "not_authorised", "reason": "Not Authorized"}], "Not Authorized"),
        ([{"message": "Error", "type": "job_error"}], "unknown"),
        ([END], "Session ended before RecognitionStarted"),
        ([{"message": "Info", "reason": "Goodbye."}], "Session ended before RecognitionStarted"),
    ],
)
def test_a_session_that_does_not_begin_says_why(other, listen, replies, text):
    server = other(*replies, at_the_end=None)
    one = AsyncClient(api_key=KEY, url=server.url)
    heard = listen(one)
    with pytest.raises(rt.TranscriptionError) as raised:
        run(server, client=one)
    assert str(raised.value) == text
    assert heard == replies


def test_a_session_that_never_begins_takes_too_long(other, monkeypatch):
    monkeypatch.setattr(_base_client, "START_SECONDS", 0.1)
    server = other({"message": "Info", "reason": "Wait."}, at_the_end=None, ends=False)
    with pytest.raises(rt.TimeoutError, match="Timed out waiting for RecognitionStarted"):
        run(server)


def test_a_close_waits_for_nobody_there(other, listen):
    """What is still owed would come from AssemblyAI; another server is left as speechmatics-rt leaves it."""
    server = other(at_the_end=None, ends=False)

    async def main():
        async with AsyncClient(api_key=KEY, url=server.url) as one:
            heard = listen(one)
            await one.start_session()
            await one.send_audio(b"12")
        assert heard.kinds == ["RecognitionStarted"]

    asyncio.run(asyncio.wait_for(main(), 30))
    assert {"message": "EndOfStream"} not in server.received


def test_the_connection_is_made_as_it_was_configured(other):
    server = other()
    config = rt.ConnectionConfig(
        open_timeout=5, ping_interval=9, ping_timeout=7, close_timeout=3, max_size=2**16
    )
    one = AsyncClient(
        api_key=KEY, url=server.url, conn_config=dataclasses.replace(config, max_queue=3, write_limit=1)
    )

    async def main():
        await one.start_session()
        connection = one._session.transport._websocket
        assert (connection.ping_interval, connection.ping_timeout, connection.close_timeout) == (9, 7, 3)
        assert connection.protocol.max_message_size == 2**16
        await one.close()

    asyncio.run(main())


class TestTemporaryKeys:
    @pytest.fixture
    def management(self, one_sentence):
        with SpeechmaticsEmulator(one_sentence, speed=20, keys=[KEY]) as emulator:
            yield emulator

    def test_speechmatics_is_not_asked_for_one(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "aiohttp", None)  # which would be what asks
        auth = rt.JWTAuth("speechmatics-key", ttl=300, region="usa", client_ref="a")
        one, two = (asyncio.run(auth.get_auth_headers())["Authorization"] for _ in range(2))
        assert one.startswith("Bearer ")
        assert one != two
        assert "speechmatics-key" not in one + two

    @pytest.mark.parametrize("how", ["argument", "environment"])
    def test_another_service_is(self, management, samples, raw, listen, monkeypatch, how):
        if how == "environment":
            monkeypatch.setenv("SM_MANAGEMENT_PLATFORM_URL", management.http_url)
        options = {"mp_url": management.http_url} if how == "argument" else {}
        one = AsyncClient(
            rt.JWTAuth(KEY, client_ref="a", request_id="r", **options), url=f"{management.url}/v2"
        )
        heard = listen(one)
        asyncio.run(one.transcribe(io.BytesIO(samples), audio_format=raw))
        assert heard.kinds[-1] == "EndOfTranscript"

    def test_what_it_answers_instead_is_told(self, management):
        auth = rt.JWTAuth("wrong", mp_url=management.http_url)
        with pytest.raises(rt.AuthenticationError, match="Failed to generate JWT: HTTP 40"):
            asyncio.run(AsyncClient(auth, url=management.url).start_session())

    def test_nobody_there_is_told(self):
        with pytest.raises(rt.AuthenticationError, match="Network error generating JWT"):
            asyncio.run(rt.JWTAuth("k", mp_url="http://127.0.0.1:1").get_auth_headers())

    def test_it_is_said_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "aiohttp", None)
        with pytest.raises(ImportError, match="pip install aiohttp"):
            asyncio.run(rt.JWTAuth("k", mp_url="http://127.0.0.1:1").get_auth_headers())


def test_a_session_whose_transcript_ended_makes_room_for_the_next_also_if_nobody_closed_it(other, listen):
    server = other(ends=False)

    async def main():
        one = AsyncClient(api_key=KEY, url=server.url)
        ended = asyncio.Event()
        one.on("EndOfTranscript", lambda message: ended.set())
        await one.start_session()
        await one.send_message({"message": "EndOfStream", "last_seq_no": 0})
        await asyncio.wait_for(ended.wait(), 30)
        await one.start_session()
        await one.close()

    asyncio.run(main())
    assert len(server.requests) == 2


def test_a_handshake_that_takes_too_long_is_a_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}"
        config = rt.ConnectionConfig(open_timeout=0.1)
        with pytest.raises(rt.TimeoutError, match="WebSocket connection timeout"):
            asyncio.run(AsyncClient(api_key=KEY, url=url, conn_config=config).start_session())
