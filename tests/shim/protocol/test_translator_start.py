"""From the connection to RecognitionStarted."""

from __future__ import annotations

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from shim.protocol.effects import CloseClient, OpenUpstream
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.translator import START_SECONDS, State

RAW = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def ended_with(session, type: str, code: int) -> bool:
    """An Error of this type, then the close, and nothing after them."""
    last = session.all_messages()[-1]
    return (
        last["message"] == "Error"
        and last["type"] == type
        and session.client_close.code == code
        and session.translator.state is State.ENDED
        and not session.named("EndOfTranscript")
    )


def test_a_session_starts_when_assemblyai_begins(session, begin):
    session.start()
    assert session.names() == []
    assert session.opened() == []
    session.hear(begin)
    (started,) = session.messages()
    assert started["message"] == "RecognitionStarted"
    assert uuid.UUID(started["id"])
    assert set(started["language_pack_info"]) == {
        "word_delimiter",
        "language_description",
        "writing_direction",
        "itn",
        "adapted",
    }
    assert session.translator.state is State.RUNNING


def test_the_address_says_what_the_program_wants(session):
    session.start(language="fr", conversation_config={"end_of_utterance_silence_trigger": 0.6})
    query = query_of(session.url)
    assert session.url.startswith("wss://streaming.eu.assemblyai.com/v3/ws?")
    assert query["speech_model"] == "universal-3-6-pro"
    assert query["encoding"] == "pcm_s16le"
    assert query["sample_rate"] == "16000"
    assert query["max_turn_silence"] == "600"


@pytest.mark.parametrize(
    ("host", "region", "expected"),
    [
        ("eu2.rt.speechmatics.com", None, "streaming.eu.assemblyai.com"),
        ("us.rt.speechmatics.com", None, "streaming.us.assemblyai.com"),
        ("global.rt.speechmatics.com", None, "streaming.assemblyai.com"),
        ("eu2.rt.speechmatics.com", "us", "streaming.us.assemblyai.com"),
        ("appliance.hospital.example", "eu", "streaming.eu.assemblyai.com"),
    ],
)
def test_the_region_is_that_of_the_host_unless_somebody_chose(make_session, host, region, expected):
    session = make_session(host=host, region=region)
    session.start()
    assert urlsplit(session.url).netloc == expected


def test_audio_for_an_unknown_host_goes_nowhere_unless_somebody_chose(make_session):
    session = make_session(host="appliance.hospital.example")
    session.start()
    assert not any(isinstance(effect, OpenUpstream) for effect in session.effects)
    assert ended_with(session, "not_allowed", 4003)
    reason = session.all_messages()[-1]["reason"]
    assert "ASSEMBLYAI_REGION" in reason
    assert "appliance.hospital.example" in reason


def test_the_log_names_assemblyais_session_and_the_reason_of_a_failure(session):
    session.start()
    session.opened()
    session.hear({"type": "Begin", "id": "5d2b9a3e-0c51-4a7c-9b0a-1f6f3a2f9b12", "expires_at": 1})
    session.failed(FailureKind.STALLED, "streaming.eu.assemblyai.com takes nothing")
    lines = [log.text for log in session.logs]
    assert any(
        "5d2b9a3e-0c51-4a7c-9b0a-1f6f3a2f9b12" in line and "universal-3-6-pro" in line for line in lines
    )
    assert any("streaming.eu.assemblyai.com takes nothing" in line for line in lines)


def test_a_host_without_residency_is_warned_of(make_session):
    session = make_session(host="global.rt.speechmatics.com")
    session.start()
    (warning,) = session.messages()
    assert (warning["message"], warning["type"]) == ("Warning", "validation_warning")
    assert "residency" in warning["reason"]


@pytest.mark.parametrize("given", ["ws://127.0.0.1:9", "ws://127.0.0.1:9/"])
def test_another_server_takes_assemblyais_place_and_gets_the_path(make_session, given):
    session = make_session(streaming_url=given)
    session.start()
    assert session.url.startswith("ws://127.0.0.1:9/v3/ws?")


def test_a_path_of_that_server_stays_and_its_query_wins(make_session):
    session = make_session(
        streaming_url="ws://127.0.0.1:9/other?format_turns=false&speech_model=universal-streaming-english",
        speech_model="universal-streaming-english",
    )
    session.start()
    assert session.url.startswith("ws://127.0.0.1:9/other?")
    assert query_of(session.url)["format_turns"] == "false"


def test_partial_turns_are_always_asked_for_because_text_in_hand_must_not_be_lost(session):
    session.start(enable_partials=False)
    assert "include_partial_turns" not in query_of(session.url)


def test_what_is_lost_is_said_before_the_session_starts(session, begin):
    session.start(output_locale="en-GB", enable_entities=True)
    warnings = session.messages()
    assert [w["message"] for w in warnings] == ["Warning", "Warning"]
    session.hear(begin)
    assert session.names() == ["RecognitionStarted"]


def test_a_language_that_only_the_fallback_has_is_warned_of(session):
    session.start(language="pl")
    assert query_of(session.url)["speech_model"] == "whisper-rt"
    assert "whisper-rt" in session.messages()[0]["reason"]


def test_the_model_can_be_chosen(make_session):
    session = make_session(speech_model="universal-3-5-pro")
    session.start()
    assert query_of(session.url)["speech_model"] == "universal-3-5-pro"


@pytest.mark.parametrize(
    ("message", "type", "code"),
    [
        ({"audio_format": RAW, "transcription_config": {"language": "klingon"}}, "invalid_language", 1003),
        ({"audio_format": RAW, "transcription_config": {}}, "invalid_config", 1003),
        ({"audio_format": RAW, "transcription_config": {"language": 7}}, "invalid_config", 1003),
        ({"audio_format": RAW}, "invalid_config", 1003),
        (
            {"audio_format": {"type": "stream"}, "transcription_config": {"language": "en"}},
            "invalid_audio_type",
            1003,
        ),
        (
            {"audio_format": {**RAW, "encoding": "pcm_s24le"}, "transcription_config": {"language": "en"}},
            "invalid_audio_type",
            1003,
        ),
        (
            {"audio_format": {**RAW, "sample_rate": 0}, "transcription_config": {"language": "en"}},
            "invalid_audio_type",
            1003,
        ),
        (
            {"audio_format": RAW, "transcription_config": {"language": "en", "diarization": "channel"}},
            "invalid_config",
            1003,
        ),
    ],
)
def test_a_start_that_cannot_be_followed_is_an_error_and_opens_nothing(session, message, type, code):
    session.say({"message": "StartRecognition", **message})
    assert ended_with(session, type, code)
    assert not any(isinstance(effect, OpenUpstream) for effect in session.effects)
    session.leave()
    assert session.translator.finished


@pytest.mark.parametrize("text", ["not json", "[]", "7", "", '{"message": 3}', "{}", '{"message": "Hello"}'])
def test_what_is_no_message_is_an_error(session, text):
    session.say(text)
    assert ended_with(session, "invalid_message", 1003)


@pytest.mark.parametrize("text", ["not json", '{"message": "Hello"}'])
def test_what_is_no_message_ends_a_running_session_too(session, text):
    session.run().say(text)
    assert ended_with(session, "invalid_message", 1003)
    assert session.commands == ["Terminate"]


def test_the_error_comes_before_the_close(session):
    session.say("not json")
    assert [type(effect).__name__ for effect in session.effects] == ["SendClient", "CloseClient"]


def test_audio_before_start_recognition_is_a_protocol_error(session):
    session.audio(b"\0" * 100)
    assert ended_with(session, "protocol_error", 1003)


def test_audio_before_recognition_started_waits_for_it(session, begin):
    session.start()
    session.audio(b"\1" * 1600)
    assert session.names() == []
    session.opened()
    session.hear(begin)
    assert session.names() == ["RecognitionStarted", "AudioAdded"]
    assert b"".join(session.frames) == b"\1" * 1600


def test_the_end_before_recognition_started_waits_for_it_too(session, begin):
    session.start()
    session.audio(b"\1" * 1600)
    session.say({"message": "EndOfStream", "last_seq_no": 1})
    session.opened()
    session.hear(begin)
    session.wait(1)
    assert b"".join(session.frames) == b"\1" * 1600
    assert session.commands == ["Terminate"]


def test_a_program_that_closes_before_recognition_started_is_owed_what_it_said(session, begin):
    session.start()
    session.audio(b"\1" * 1600)
    session.drain()
    session.opened()
    session.hear(begin)
    session.wait(0.5)
    assert b"".join(session.frames) == b"\1" * 1600
    assert session.commands == ["Terminate"]


@pytest.mark.parametrize(
    "name", ["EndOfStream", "SetRecognitionConfig", "ForceEndOfUtterance", "GetSpeakers"]
)
def test_other_messages_before_the_session_are_protocol_errors(session, name):
    session.say({"message": name})
    assert ended_with(session, "protocol_error", 1003)


def test_a_second_start_is_a_protocol_error(session):
    session.run().start()
    assert ended_with(session, "protocol_error", 1003)


def test_a_slow_assemblyai_does_not_hold_up_recognition_started(session, begin):
    assert START_SECONDS < 5  # after which speechmatics-rt gives up
    session.start()
    session.wait(START_SECONDS - 0.1)
    assert session.names() == []
    session.wait(0.2)
    assert session.names() == ["RecognitionStarted"]
    session.audio(b"\1" * 3200)
    assert session.frames == []
    assert session.names() == []
    session.opened()
    session.hear(begin)
    assert len(session.frames) == 2
    assert session.names() == ["AudioAdded"]


def test_a_failure_after_that_is_an_error(session):
    session.start()
    session.wait(START_SECONDS)
    session.failed(FailureKind.TIMEOUT, "no answer")
    assert ended_with(session, "job_error", 4013)


def test_an_assemblyai_that_never_begins_is_an_error(session):
    session.start()
    session.opened()
    session.wait(60)
    assert ended_with(session, "job_error", 4013)
    assert session.upstream_closed


@pytest.mark.parametrize(
    ("kind", "type", "code"),
    [(FailureKind.NO_KEY, "not_authorised", 4001), (FailureKind.DNS, "job_error", 4013)],
)
def test_a_connection_that_fails_is_an_error_and_never_a_clean_close(session, kind, type, code):
    session.start()
    session.failed(kind, "eu: name not known")
    assert ended_with(session, type, code)
    session.leave()
    assert session.translator.finished


def test_a_wrong_key_is_not_authorised(session):
    session.start()
    session.opened()
    text = "Unauthorized Connection: Invalid API key"
    session.hear({"type": "Error", "error_code": 1008, "error": text})
    assert ended_with(session, "not_authorised", 4001)
    assert session.closed(1008, "See Error message for details") == []


def test_an_error_without_a_type_is_understood(session):
    session.start()
    session.opened()
    session.hear({"error_code": 1008, "error": "Unauthorized Connection: Invalid API key"})
    assert ended_with(session, "not_authorised", 4001)


def test_something_else_in_assemblyais_place_is_an_error(session):
    session.start()
    session.opened()
    session.hear("<html>")
    assert ended_with(session, "job_error", 4013)


def test_a_close_before_begin_is_an_error_even_when_it_is_clean(session):
    session.start()
    session.opened()
    session.closed(1000, "")
    assert ended_with(session, "job_error", 4013)


def test_a_turn_before_begin_is_of_nothing_that_was_sent(session, begin, make_turn):
    session.start()
    session.opened()
    session.hear(make_turn(0, "Nobody spoke.", end=True))
    assert session.messages() == []
    session.hear(begin)
    assert session.names() == ["RecognitionStarted"]
    assert "before Begin" in session.logs[0].text


def test_max_delay_that_is_not_kept_is_said_once(session, begin):
    session.start(max_delay=2)
    (info,) = session.messages()
    assert info["message"] == "Info"
    assert "max_delay" in info["reason"]
    session.opened()
    session.hear(begin)
    session.messages()
    session.say({"message": "SetRecognitionConfig", "transcription_config": {"max_delay": 3}})
    assert session.messages() == []


@pytest.mark.parametrize("config", [{}, {"max_delay": 2, "max_delay_mode": "fixed"}])
def test_max_delay_that_is_kept_or_was_not_asked_for_needs_no_word(session, config):
    session.start(**config)
    assert session.messages() == []


def test_a_program_that_closes_before_the_start_gets_an_error_and_no_clean_close(session):
    session.start()
    session.drain()
    assert ended_with(session, "job_error", 4013)
    assert session.upstream_closed


def test_a_connection_that_opens_after_it_was_given_up_is_closed(session):
    session.start()
    session.leave()
    session.effects.clear()
    session.opened()
    assert session.upstream_closed


def test_nothing_follows_the_close(session):
    session.say("not json")
    count = len(session.effects)
    session.say("again")
    session.audio(b"\0")
    session.drain()
    session.wait(10_000)
    assert len(session.effects) == count
    assert isinstance(session.effects[-1], CloseClient)
