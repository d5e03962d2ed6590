from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from shim import server as server_module
from shim import session as session_module
from shim.clock import Clock
from shim.emulator.journal import Close, Journal
from shim.emulator.scene import Scene
from shim.protocol.translator import Handshake, Translator, TranslatorOptions
from shim.server import SessionServer
from shim.session import Limits
from shim.settings import Settings

URL = "wss://eu2.rt.speechmatics.com/v2/en"
KEY = "assemblyai-key-of-the-tests"
LEGACY_KEY = "legacy-speechmatics-secret"

Fixture = Callable[..., Any]


def says_terminate(journal: Journal) -> bool:
    return {"type": "Terminate"} in journal.messages("received")


def everything(journal: Journal) -> str:
    """All that reached the server, as text."""
    parts: list[object] = [(c.path, dict(c.query), dict(c.headers)) for c in journal.connections]
    return repr(parts + [(frame.text, frame.audio) for frame in journal.frames("received")])


def test_a_session_from_start_to_end(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    one.start(enable_partials=True)
    one.speak(audio)
    heard = one.end()
    assert heard.text == scene.text
    assert heard.names[-1] == "EndOfTranscript"
    assert "AddPartialTranscript" in heard.names


def test_every_audio_message_is_acknowledged_once_and_leaves_as_50_ms(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    one.start()
    one.speak(audio[:32000], chunk=777)
    heard = one.end()
    assert [ack["seq_no"] for ack in heard.named("AudioAdded")] == list(range(1, 43))
    assert {frame.audio_bytes for frame in emulator.journal.frames("received") if frame.audio} == {1600}
    assert emulator.journal.audio().startswith(audio[:32000])


def test_two_sessions_at_once_do_not_meet(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene
) -> None:
    emulator = emulate()
    server = serve(streaming_url=emulator.url)
    first, second = client(server.local_url(URL)), client(server.local_url(URL))
    first.start()
    second.start()
    for start in range(0, len(audio), 3200):
        first.send(audio[start : start + 3200])
        second.send(audio[start : start + 3200])
    assert [first.end().text, second.end().text] == [scene.text, scene.text]
    assert len(emulator.journal.connections) == 2


def test_without_a_key_the_handshake_is_refused_and_the_log_names_the_variable(
    serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        client(serve(api_key=None).local_url(URL))
    assert refused.value.response.status_code == 401
    (line,) = [record.getMessage() for record in caplog.records if record.name == "shim"]
    assert "ASSEMBLYAI_API_KEY" in line


def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(
    serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus, match="401"):
        client(serve(api_key="half\r\nof-a-key").local_url(URL))
    assert "ASSEMBLYAI_API_KEY" in caplog.text
    assert "of-a-key" not in caplog.text


def test_a_line_break_after_the_key_does_no_harm(emulate: Fixture, serve: Fixture, client: Fixture) -> None:
    one = client(serve(api_key=KEY + "\n", streaming_url=emulate().url).local_url(URL))
    assert one.start()["message"] == "RecognitionStarted"


def test_a_region_that_is_none_is_refused_and_logged(
    serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus, match="400"):
        client(serve(region="mars").local_url(URL))
    assert "ASSEMBLYAI_REGION" in caplog.text


@pytest.mark.parametrize("part", [1, 2])
def test_an_address_with_a_wrong_secret_or_number_is_not_found(
    serve: Fixture, client: Fixture, part: int
) -> None:
    address = serve().local_url(URL).split("/")
    address[2 + part] = "wrong"
    with pytest.raises(InvalidStatus, match="404"):
        client("/".join(address))


def test_compression_is_refused(emulate: Fixture, serve: Fixture, client: Fixture) -> None:
    one = client(serve(streaming_url=emulate().url).local_url(URL), compression="deflate")
    assert "Sec-WebSocket-Extensions" not in one.socket.response.headers


def test_only_loopback_addresses_are_listened_on() -> None:
    with pytest.raises(ValueError, match="loopback"):
        asyncio.run(SessionServer().start("0.0.0.0"))


def test_a_wrong_key_is_the_error_not_authorised(
    emulate: Fixture, serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    one = client(serve(api_key="wrong-key", streaming_url=emulate().url).local_url(URL))
    assert one.start()["type"] == "not_authorised"
    assert one.hear_all().code == 4001
    assert "ASSEMBLYAI_API_KEY" in caplog.text
    assert "wrong-key" not in caplog.text


def test_a_refused_port_is_an_error_that_says_where_to_look(
    serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
    one = client(serve(streaming_url=url).local_url(URL))
    failure = one.start()
    assert (failure["message"], failure["type"]) == ("Error", "job_error")
    assert one.hear_all().code == 4013
    assert "ASSEMBLYAI_STREAMING_URL" in caplog.text


def test_an_unknown_host_name_is_an_error(
    serve: Fixture, client: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    one = client(serve(streaming_url="wss://streaming.assemblyai.invalid", speed=1).local_url(URL))
    assert one.start()["message"] == "Error"
    assert "resolved" in caplog.text


@pytest.mark.parametrize("fault", ["reset@1", "drop@1", "close:1011@1", "error@1"])
def test_an_upstream_that_dies_in_the_middle_is_an_error_and_a_close_with_its_code(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, fault: str
) -> None:
    one = client(serve(streaming_url=emulate(fault).url).local_url(URL))
    one.start()
    one.speak(audio[:64000])
    heard = one.hear_all()
    assert heard.names[-1] == "Error"
    assert heard.code is not None
    assert heard.code > 1008


def test_the_legacy_credential_never_leaves_the_machine(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes
) -> None:
    emulator = emulate()
    address = serve(streaming_url=emulator.url).local_url(f"{URL}?jwt={LEGACY_KEY}&api_key={LEGACY_KEY}")
    one = client(address, additional_headers={"Authorization": f"Bearer {LEGACY_KEY}"})
    one.start()
    one.speak(audio[:16000])
    one.end()
    assert LEGACY_KEY not in everything(emulator.journal)


def test_the_translator_gets_host_path_and_query_without_credentials(
    emulate: Fixture, serve: Fixture, client: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    handshakes: list[Handshake] = []

    def note(handshake: Handshake, options: TranslatorOptions) -> Translator:
        handshakes.append(handshake)
        return Translator(handshake, options)

    monkeypatch.setattr(session_module, "Translator", note)
    server = serve(streaming_url=emulate().url)
    client(server.local_url(f"wss://EU2.rt.speechmatics.com:443/v2/en?sm-app=a%20b&jwt={LEGACY_KEY}"))
    client(server.local_url("wss://us.rt.speechmatics.com"))
    assert handshakes == [
        Handshake("eu2.rt.speechmatics.com", "/v2/en", "sm-app=a+b"),
        Handshake("us.rt.speechmatics.com", "/", ""),
    ]


def test_a_client_that_goes_away_leaves_no_session_open(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    one.start()
    one.speak(audio[:32000])
    one.socket.socket.shutdown(socket.SHUT_RDWR)
    emulator.journal.wait_for(says_terminate)
    close: Close = emulator.journal.wait_for(lambda journal: journal.closes())[0]
    assert (close.by, close.code) == ("server", 1000)
    assert "Termination" in [message["type"] for message in emulator.journal.messages("sent")]


def test_stopping_ends_open_sessions_with_their_last_words(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene
) -> None:
    emulator = emulate()  # in a hurry: the program's patience is not
    server = serve(streaming_url=emulator.url, speed=2)
    one = client(server.local_url(URL))
    one.start()
    one.speak(audio, speed=2)
    emulator.journal.wait_for(lambda journal: journal.audio_seconds() > 3.3)
    reader = threading.Thread(target=one.hear_all)
    reader.start()
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 2.5
    reader.join(10)
    heard = one.heard
    assert (heard.text, heard.names[-1], heard.code) == (scene.text, "EndOfTranscript", 1000)
    assert says_terminate(emulator.journal)


def test_a_stopped_server_starts_again_at_the_next_use(
    emulate: Fixture, serve: Fixture, client: Fixture
) -> None:
    server = serve(streaming_url=emulate().url)
    first = server.local_url(URL)
    server.stop()
    second = server.local_url(URL)
    assert urlsplit(first).path.split("/")[1] != urlsplit(second).path.split("/")[1]
    assert client(second).start()["message"] == "RecognitionStarted"


def test_a_drain_ends_the_stream_that_the_program_forgot_to_end(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene
) -> None:
    emulator = emulate()  # in a hurry: the program's patience is not
    server = serve(streaming_url=emulator.url, speed=2)
    address = server.local_url(URL)
    one = client(address)
    one.start()
    one.speak(audio, speed=2)
    emulator.journal.wait_for(lambda journal: journal.audio_seconds() > 3.3)
    server.drain(address)
    heard = one.hear_all()
    assert (heard.text, heard.names[-1], heard.code) == (scene.text, "EndOfTranscript", 1000)


def test_a_drain_that_gets_no_answer_is_cut_off_in_time(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = emulate("stall@0.5")
    server = serve(streaming_url=emulator.url, speed=1)
    address = server.local_url(URL)
    one = client(address)
    one.start()
    one.speak(audio[:32000])
    emulator.journal.wait_for(lambda journal: journal.audio_seconds() >= 0.5)
    began = time.monotonic()
    server.drain(address)
    one.hear_all()
    assert time.monotonic() - began < 4
    assert "last words may be missing" in caplog.text


def test_audio_far_faster_than_real_time_ends_in_an_error_at_the_stated_limit(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(session_module, "AUDIO_BACKLOG_BYTES", 2**20)
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url, speed=1).local_url(URL))
    one.start()
    with contextlib.suppress(ConnectionClosed):  # the Error may come before everything was sent
        one.speak(bytes(2**22), chunk=2**16)
    heard = one.hear_all()
    assert heard.names[-1] == "Error"
    assert "faster than real time" in heard.messages[-1]["reason"]
    assert heard.code == 4013
    assert "faster than real time" in caplog.text
    emulator.journal.wait_for(says_terminate)


def test_a_message_above_the_limit_disconnects_and_is_logged(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server_module, "Limits", lambda: Limits(message_bytes=2**16))
    server = serve(streaming_url=emulate().url)
    one = client(server.local_url(URL))
    one.start()
    one.send(bytes(2**17))
    # The rest of the message may reset the connection before the close frame is read.
    assert one.hear_all().code in (1009, 1006)
    server.stop()
    assert "smaller pieces" in caplog.text


def test_pings_are_answered_while_audio_waits_for_its_time(
    emulate: Fixture, serve: Fixture, client: Fixture
) -> None:
    one = client(serve(streaming_url=emulate().url, speed=1).local_url(URL))
    one.start()
    one.speak(bytes(32000 * 60), chunk=2**15)
    assert one.socket.ping().wait(10)


def test_a_defect_of_the_translator_is_told_to_the_program_and_ends_the_session(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("the text of a defect may hold what was said")

    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    one.start()
    monkeypatch.setattr("shim.protocol.translator.Translator.client_audio", broken)
    one.send(bytes(1600))
    heard = one.hear_all()
    assert (heard.messages[-1]["type"], heard.code) == ("unknown_error", 1011)
    assert "ZeroDivisionError" in caplog.text
    assert "what was said" not in caplog.text
    emulator.journal.wait_for(says_terminate)


def post(url: str, path: str, body: bytes = b'{"ttl": 60}') -> tuple[int, Any]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("POST", path, body, {"Authorization": f"Bearer {LEGACY_KEY}"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("name", ["api_keys", "api-keys"])
def test_temporary_keys_are_given_out_here_and_open_a_session(
    emulate: Fixture, serve: Fixture, client: Fixture, name: str
) -> None:
    emulator = emulate()
    server = serve(streaming_url=emulator.url)
    address = server.local_url(URL)
    secret = urlsplit(address).path.split("/")[1]
    status, answer = post(address, f"/{secret}/v1/{name}?type=rt")
    assert (status, sorted(answer), answer["apikey_id"]) == (201, ["apikey_id", "key_value"], None)
    assert emulator.journal.connections == []
    one = client(server.local_url(f"{URL}?jwt={answer['key_value']}"))
    assert one.start()["message"] == "RecognitionStarted"
    assert answer["key_value"] not in everything(emulator.journal)


@pytest.mark.parametrize("path", ["/v1/api_keys", "/wrong/v1/api_keys", "/", "/wrong"])
def test_temporary_keys_need_the_secret(serve: Fixture, path: str) -> None:
    assert post(serve().local_url(URL), path)[0] == 404


def test_a_server_without_a_secret_takes_clients_on_any_path(emulate: Fixture) -> None:
    emulator = emulate()
    settings = Settings(api_key=KEY, streaming_url=emulator.url)

    async def run() -> dict[str, Any]:
        server = SessionServer(lambda: settings, Clock(20))
        await server.start()
        try:
            async with connect(f"ws://127.0.0.1:{server.port}/any/path") as connection:
                await connection.send(START)
                message: dict[str, Any] = json.loads(await connection.recv())
                return message
        finally:
            await server.stop(1)

    assert asyncio.run(run())["message"] == "RecognitionStarted"


START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en"},
    }
)


def test_many_threads_that_begin_at_once_share_one_server(serve: Fixture) -> None:
    server = serve()
    addresses: list[str] = []
    threads = [threading.Thread(target=lambda: addresses.append(server.local_url(URL))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(addresses)) == 8
    assert len({urlsplit(address).port for address in addresses}) == 1
