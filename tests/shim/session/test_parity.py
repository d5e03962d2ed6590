"""What Speechmatics clients depend on, point by point, in front of the server of ``shim serve``."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from websockets.exceptions import InvalidStatus

from shim import server as server_module
from shim import upstream
from shim.clock import Clock
from shim.emulator.scene import Scene
from shim.protocol.mapping.errors import SPEECHMATICS_CLOSE_REASONS

Fixture = Callable[..., Any]
SPEED = 10.0
FILE = {
    "message": "StartRecognition",
    "audio_format": {"type": "file"},
    "transcription_config": {"language": "en"},
}


@pytest.fixture
def connected(emulate: Fixture, gateway: Fixture, client: Fixture) -> Fixture:
    """A client of a new server in front of an emulator with these faults."""

    def connect(*faults: str, path: str = "/v2", speed: float = SPEED, **options: Any) -> Any:
        url = gateway(speed=speed, streaming_url=emulate(*faults, speed=speed).url)
        return client(url + path, **options)

    return connect


# The handshake


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v2", "/v2/", "/v2/en", "/en", "/any/where", "/v2?jwt=k", "/v2?sm-sdk=a&sm-sdk=b&x=", "/v2?%zz"],
)  # fmt: skip
def test_any_path_and_query_is_accepted(connected: Fixture, path: str) -> None:
    assert connected(path=path).start()["message"] == "RecognitionStarted"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "Token"])
def test_any_legacy_credential_is_accepted_and_so_is_none(connected: Fixture, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} legacy-key"}
    assert connected(additional_headers=headers).start()["message"] == "RecognitionStarted"
    assert connected().start()["message"] == "RecognitionStarted"


def test_no_subprotocol_is_chosen(connected: Fixture) -> None:
    response = connected(subprotocols=["speechmatics"]).socket.response
    assert "Sec-WebSocket-Protocol" not in response.headers


def test_without_an_assemblyai_key_the_handshake_is_answered_with_401(
    gateway: Fixture, client: Fixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        client(gateway(api_key=None) + "/v2")
    assert refused.value.response.status_code == 401


# The connection


def test_pings_are_answered_at_any_time(connected: Fixture) -> None:
    one = connected()
    assert one.socket.ping().wait(10)
    one.start()
    assert one.socket.ping().wait(10)


def test_pings_are_sent_at_least_every_minute(
    emulate: Fixture, gateway: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server_module.PING_SECONDS <= 60
    monkeypatch.setattr(server_module, "PING_SECONDS", 0.05)
    one = websocket.create_connection(gateway(streaming_url=emulate().url), timeout=10)
    opcode, _ = one.recv_data(control_frame=True)
    one.close()
    assert opcode == websocket.ABNF.OPCODE_PING


def test_all_messages_are_text_and_shorter_than_a_mebibyte(connected: Fixture, audio: bytes) -> None:
    one = connected()
    texts: list[Any] = []
    receive = one.socket.recv

    def keep(timeout: float | None = None) -> Any:
        texts.append(receive(timeout))
        return texts[-1]

    one.socket.recv = keep
    one.start(enable_partials=True)
    one.speak(audio)
    one.end()
    assert len(texts) > 10
    assert all(isinstance(text, str) and len(text) < 2**20 for text in texts)


# The start


@pytest.mark.parametrize("fault", ["", "slow-start:10", "no-start"])
def test_recognition_started_comes_within_five_seconds(connected: Fixture, fault: str) -> None:
    speed = 2.0  # a busy machine has half a second of its own
    one = connected(*filter(None, [fault]), speed=speed)
    clock = Clock(speed)
    assert one.start()["message"] == "RecognitionStarted"
    assert clock.now() < 5


def test_the_language_pack_has_the_five_documented_keys(connected: Fixture) -> None:
    assert connected().start()["language_pack_info"] == {
        "adapted": False,
        "itn": True,
        "language_description": "English",
        "word_delimiter": " ",
        "writing_direction": "left-to-right",
    }


# Acknowledgements


def test_each_audio_message_is_acknowledged_once_also_when_it_is_discarded(
    connected: Fixture, audio: bytes
) -> None:
    one = connected()
    one.start()
    for piece in (audio[:1], b"", audio[1:4000], bytes(100_000)):
        one.send(piece)
    one.send({"message": "EndOfStream", "last_seq_no": 4})
    one.send(audio[:1600])
    one.send(audio[:1600])
    one.hear_until("EndOfTranscript")
    one.close()
    assert [ack["seq_no"] for ack in one.heard.named("AudioAdded")] == [1, 2, 3, 4, 5, 6]


def test_an_upload_is_paced_by_its_acknowledgements_alone(connected: Fixture) -> None:
    one = connected(speed=2)
    one.start()
    began = time.monotonic()
    one.speak(bytes(32000 * 8), chunk=4096)  # at once: the server goes on reading
    sent = time.monotonic() - began
    one.end()
    ended = time.monotonic() - began
    acknowledged = one.heard.named("AudioAdded")
    assert len(acknowledged) == 63
    assert ended > 6 / 2 > sent


# What clients send


def test_files_are_taken(connected: Fixture, scene: Scene) -> None:
    one = connected()
    one.send(FILE)
    one.hear_until("RecognitionStarted")
    one.speak(scene.sound.read_bytes(), chunk=4096)
    assert one.end().text == scene.text


def test_audio_in_fragmented_messages_is_taken(connected: Fixture, audio: bytes, scene: Scene) -> None:
    one = connected()
    one.start()
    pieces = [audio[start : start + 1001] for start in range(0, len(audio), 1001)]
    for start in range(0, len(pieces), 5):
        one.socket.send(pieces[start : start + 5])
    heard = one.end()
    assert heard.text == scene.text
    assert len(heard.named("AudioAdded")) == -(-len(pieces) // 5)


COMPLETE = {
    "language": "en",
    "operating_point": "enhanced",
    "max_delay": 2,
    "max_delay_mode": "flexible",
    "enable_partials": False,
    "enable_entities": True,
    "diarization": "none",
    "punctuation_overrides": {"permitted_marks": ["."]},
}


@pytest.mark.parametrize("config", [{"language": "en", "max_delay": 3}, COMPLETE], ids=["small", "complete"])
@pytest.mark.parametrize("times", [1, 2], ids=["once", "doubly encoded"])
def test_a_new_configuration_is_taken_however_it_comes(
    connected: Fixture, audio: bytes, scene: Scene, config: dict[str, Any], times: int
) -> None:
    one = connected()
    one.start()
    text: Any = {"message": "SetRecognitionConfig", "transcription_config": config}
    for _ in range(times):
        text = json.dumps(text)
    one.send(text)
    one.speak(audio)
    heard = one.end()
    assert (heard.text, heard.names[-1]) == (scene.text, "EndOfTranscript")


@pytest.mark.parametrize("end", [{}, {"last_seq_no": 0}, {"last_seq_no": 10**9}, {"last_seq_no": "x"}])
def test_the_last_sequence_number_means_nothing(
    connected: Fixture, audio: bytes, scene: Scene, end: dict[str, Any]
) -> None:
    one = connected()
    one.start()
    one.speak(audio)
    one.send({"message": "EndOfStream", **end})
    one.hear_until("EndOfTranscript", "Error")
    one.close()
    assert one.heard.text == scene.text


# Transcripts


class TestOfTwoSpeakers:
    """A session with everything that changes transcripts: partials, speakers, ends of utterances."""

    @pytest.fixture
    def scene(self, two_speakers: Scene) -> Scene:
        return two_speakers

    @pytest.fixture
    def heard(self, connected: Fixture, audio: bytes) -> Any:
        one = connected(speed=5)
        one.start(
            enable_partials=True,
            diarization="speaker",
            conversation_config={"end_of_utterance_silence_trigger": 0.5},
        )
        one.speak(audio)
        return one.end()

    def test_a_partial_follows_every_final(self, heard: Any) -> None:
        names = [name for name in heard.names if name != "AudioAdded"]
        after = {names[place + 1] for place, name in enumerate(names) if name == "AddTranscript"}
        assert after == {"AddPartialTranscript"}

    def test_a_final_ends_with_the_delimiter_and_a_partial_does_not(self, heard: Any) -> None:
        finals = [final["metadata"]["transcript"] for final in heard.named("AddTranscript")]
        partials = [partial["metadata"]["transcript"] for partial in heard.named("AddPartialTranscript")]
        assert all(not text or (text.endswith(" ") and text == text.strip() + " ") for text in finals)
        assert any(partials)
        assert all(text == text.strip() for text in partials)

    def test_finals_are_pieces_that_join_to_the_text(self, heard: Any, scene: Scene) -> None:
        finals = [final["metadata"]["transcript"] for final in heard.named("AddTranscript")]
        assert len([text for text in finals if text]) >= len(scene.turns)
        assert "".join(finals).strip() == scene.text

    def test_the_end_of_an_utterance_comes_after_its_final_and_partial_at_their_end(self, heard: Any) -> None:
        told = [message for message in heard.messages if message["message"] != "AudioAdded"]
        places = [place for place, message in enumerate(told) if message["message"] == "EndOfUtterance"]
        assert places
        for place in places:
            final, partial, end = told[place - 2 : place + 1]
            assert (final["message"], partial["message"]) == ("AddTranscript", "AddPartialTranscript")
            assert partial["metadata"]["transcript"] == ""
            assert end["metadata"]["start_time"] == end["metadata"]["end_time"]
            assert "forced" not in end

    def test_every_result_has_its_times_and_every_alternative_its_fields(self, heard: Any) -> None:
        transcripts = heard.named("AddTranscript") + heard.named("AddPartialTranscript")
        results = [result for transcript in transcripts for result in transcript["results"]]
        assert {result["type"] for result in results} == {"word", "punctuation"}
        for result in results:
            assert 0 <= result["start_time"] <= result["end_time"] < 16
            (alternative,) = result["alternatives"]
            assert {"content", "confidence", "language", "speaker"} <= set(alternative)
            assert 0 <= alternative["confidence"] <= 1
            if result["type"] == "punctuation":
                assert result["start_time"] == result["end_time"]
                assert (result["attaches_to"], type(result["is_eos"])) == ("previous", bool)

    def test_speakers_are_those_of_the_scene(self, heard: Any, scene: Scene) -> None:
        said = [
            result["alternatives"][0]["speaker"]
            for final in heard.named("AddTranscript")
            for result in final["results"]
            if result["type"] == "word"
        ]
        names = list(dict.fromkeys(turn.speaker for turn in scene.turns))
        numbers = [f"S{names.index(turn.speaker) + 1}" for turn in scene.turns for _ in turn.words]
        assert said == numbers


def test_a_forced_end_of_utterance_is_marked_as_forced(connected: Fixture, audio: bytes) -> None:
    one = connected()
    one.start(enable_partials=True)
    one.speak(audio[:48000], speed=SPEED)
    while not one.hear_until("AddPartialTranscript")["results"]:
        pass
    before = len(one.heard.messages)
    one.send({"message": "ForceEndOfUtterance"})
    assert one.hear_until("EndOfUtterance")["forced"] is True
    final = next(m for m in one.heard.messages[before:] if m["message"] == "AddTranscript")
    assert final["forced"] is True
    assert final["results"]


def test_info_warning_and_error_have_a_type_and_a_reason(connected: Fixture) -> None:
    one = connected()
    one.send(
        {
            "message": "StartRecognition",
            "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
            "transcription_config": {"language": "en", "max_delay": 2},
            "translation_config": {"target_languages": ["de"]},
        }
    )
    one.hear_until("RecognitionStarted")
    one.send({"message": "StartRecognition"})
    heard = one.hear_all()
    notices = [m for m in heard.messages if m["message"] in ("Info", "Warning", "Error")]
    assert {"Info", "Warning", "Error"} == {notice["message"] for notice in notices}
    for notice in notices:
        assert isinstance(notice["type"], str)
        assert isinstance(notice["reason"], str)
        assert notice["reason"]


# The end

BEFORE_START = ["refuse:1008", "close-before-start:1000", "close-before-start:1008", "http:503", "drop-before-start",
                "reset-on-connect", "no-answer"]  # fmt: skip


@pytest.mark.parametrize("fault", BEFORE_START)
def test_a_session_that_cannot_start_ends_with_an_error_and_never_with_1000(
    connected: Fixture, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    if fault == "no-answer":
        monkeypatch.setattr(upstream, "CONNECT_TIMEOUT", 0.2)
    one = connected(fault)
    one.start()
    heard = one.hear_all()
    assert heard.names[-1] == "Error"
    assert heard.code not in (None, 1000, 1006)


@pytest.mark.parametrize("fault", ["no-termination", "hang-after-terminate", "late-termination:20", "mute"])
def test_a_session_that_started_ends_with_end_of_transcript_whatever_is_missing(
    connected: Fixture, audio: bytes, fault: str
) -> None:
    one = connected(fault)
    one.start()
    one.speak(audio)
    one.send({"message": "EndOfStream", "last_seq_no": 0})
    heard = one.hear_all()
    assert heard.names.count("EndOfTranscript") == 1
    assert heard.names[-1] == "EndOfTranscript"
    assert heard.code == 1000


@pytest.mark.parametrize(
    ("fault", "type", "code"),
    [
        ("refuse:1008", "not_authorised", 4001),
        ("refuse:too-many-sessions", "quota_exceeded", 4005),
        ("refuse:balance", "timelimit_exceeded", 4006),
        ("refuse:3005", "job_error", 4013),
        ("http:401", "not_authorised", 4001),
        ("http:429", "quota_exceeded", 4005),
        ("error:3006", "unknown_error", 1011),
        ("error:opus", "invalid_audio_type", 1003),
        ("error:3007", "job_error", 4013),
    ],
)
def test_the_error_comes_first_and_then_its_close_code(
    connected: Fixture, fault: str, type: str, code: int
) -> None:
    one = connected(fault)
    one.start()
    heard = one.hear_all()
    assert (heard.messages[-1]["message"], heard.messages[-1]["type"]) == ("Error", type)
    assert (heard.code, heard.reason) == (code, SPEECHMATICS_CLOSE_REASONS[code])


# Temporary keys


@pytest.mark.parametrize("path", ["/v1/api_keys", "/v1/api-keys"])
def test_a_temporary_key_is_given_out_with_201_and_opens_a_session(
    gateway: Fixture, emulate: Fixture, client: Fixture, path: str
) -> None:
    url = gateway(streaming_url=emulate().url)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("POST", f"{path}?type=rt", b'{"ttl": 60}', {"Authorization": "Bearer legacy-key"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    assert (response.status, answer["apikey_id"]) == (201, None)
    one = client(f"{url}/v2?jwt={answer['key_value']}")
    assert one.start()["message"] == "RecognitionStarted"
