"""Control messages in a running session."""

from __future__ import annotations

import json

import pytest

from shim.protocol.effects import SendUpstream
from shim.protocol.line import FORCED_SECONDS
from shim.protocol.translator import State


def updates(session) -> list[dict]:
    sent = [e.data for e in session.effects if isinstance(e, SendUpstream) and isinstance(e.data, str)]
    return [message for message in map(json.loads, sent) if message["type"] == "UpdateConfiguration"]


def test_force_end_of_utterance_ends_the_turn_and_both_answers_say_so(session, make_turn):
    session.run(enable_partials=True)
    session.hear(make_turn(0, "Hello"))
    session.messages()
    session.say({"message": "ForceEndOfUtterance", "timestamp": 1.5})
    assert session.commands == ["ForceEndpoint"]
    session.hear(make_turn(0, "Hello.", end=True))
    final, partial, end = session.messages()
    assert (final["message"], final["forced"]) == ("AddTranscript", True)
    assert partial["message"] == "AddPartialTranscript"
    assert (end["message"], end["forced"]) == ("EndOfUtterance", True)
    session.hear(make_turn(1, "Next.", end=True))
    assert "forced" not in session.messages()[0]


def test_a_forced_end_without_speech_is_answered_in_time_and_once(session):
    session.run()
    session.messages()
    session.say({"message": "ForceEndOfUtterance"})
    session.wait(FORCED_SECONDS + 10)
    (end,) = session.messages()
    assert (end["message"], end["forced"]) == ("EndOfUtterance", True)


def test_a_forced_end_does_not_overtake_the_audio_before_it(session):
    session.run()
    for _ in range(4):
        session.audio(b"\0" * 32000)
    session.say({"message": "ForceEndOfUtterance"})
    assert session.commands == []
    session.wait(2.5)
    assert session.commands == ["ForceEndpoint"]
    assert len(session.frames) == 80


def test_a_forced_end_puts_no_silence_into_the_middle_of_the_stream(session):
    session.run()
    session.audio(b"\1" * 500)
    session.say({"message": "ForceEndOfUtterance"})
    session.audio(b"\2" * 1100)
    assert session.frames == [b"\1" * 500 + b"\2" * 1100]


def test_a_changed_silence_trigger_changes_the_turns(session, make_turn):
    session.run()
    trigger = {"end_of_utterance_silence_trigger": 0.8}
    session.say(
        {
            "message": "SetRecognitionConfig",
            "transcription_config": {"language": "en", "conversation_config": trigger},
        }
    )
    (update,) = updates(session)
    assert update["max_turn_silence"] == 800
    session.hear(make_turn(0, "Hello.", end=True))
    assert session.names()[-2:] == ["AddTranscript", "EndOfUtterance"]


def test_partials_can_be_switched_on_and_off(session, make_turn):
    session.run()
    for wanted in (True, False):
        session.messages()
        config = {"language": "en", "enable_partials": wanted}
        session.say({"message": "SetRecognitionConfig", "transcription_config": config})
        session.hear(make_turn(0, "Hello"))
        assert session.names() == ["AddPartialTranscript"] * wanted


def test_the_whole_configuration_again_changes_nothing(session):
    config = {
        "language": "en",
        "max_delay": 2,
        "max_delay_mode": "fixed",
        "diarization": "speaker",
        "enable_partials": True,
    }
    session.run(**config)
    session.messages()
    session.say({"message": "SetRecognitionConfig", "transcription_config": config})
    assert session.messages() == []
    assert session.commands == []


def test_a_configuration_that_was_encoded_twice_is_understood(session, make_turn):
    session.run()
    message = {
        "message": "SetRecognitionConfig",
        "transcription_config": {"language": "en", "enable_partials": True},
    }
    session.say(json.dumps(json.dumps(message)))
    session.hear(make_turn(0, "Hello"))
    assert session.names()[-1] == "AddPartialTranscript"


def test_what_cannot_be_changed_is_said(session):
    session.run()
    session.messages()
    session.say(
        {
            "message": "SetRecognitionConfig",
            "transcription_config": {"language": "en", "diarization": "speaker"},
        }
    )
    (warning,) = session.messages()
    assert warning["message"] == "Warning"
    assert "diarization" in warning["reason"]


def test_another_language_is_an_error(session):
    session.run()
    session.say({"message": "SetRecognitionConfig", "transcription_config": {"language": "fr"}})
    assert session.all_messages()[-1]["type"] == "invalid_config"


def test_a_change_without_configuration_is_an_error(session):
    session.run()
    session.say({"message": "SetRecognitionConfig"})
    assert session.all_messages()[-1]["type"] == "invalid_config"


def test_speakers_that_were_asked_for_come_empty_with_a_warning(session):
    session.run()
    session.messages()
    session.say({"message": "GetSpeakers"})
    warning, result = session.messages()
    assert warning["type"] == "speaker_id"
    assert result == {"message": "SpeakersResult", "speakers": []}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, {"message": "GetSpeakers", "final": True}),
        ({"diarization": "speaker", "speaker_diarization_config": {"get_speakers": True}}, None),
    ],
)
def test_speakers_for_the_end_come_before_end_of_transcript(session, termination, config, message):
    session.run(**config)
    if message:
        session.say(message)
    assert session.named("SpeakersResult") == []
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    session.hear(termination)
    assert session.names()[-2:] == ["SpeakersResult", "EndOfTranscript"]


@pytest.mark.parametrize("name", ["AddChannelAudio", "EndOfChannel"])
def test_messages_of_channels_are_refused_in_a_session_without(session, name):
    session.run()
    session.say({"message": name, "channel": "left", "data": ""})
    last = session.all_messages()[-1]
    assert (last["message"], last["type"]) == ("Error", "protocol_error")
    assert "channel" in last["reason"]


@pytest.mark.parametrize("name", ["SetRecognitionConfig", "ForceEndOfUtterance"])
def test_what_comes_too_late_is_warned_of_and_does_not_end_the_session(session, name):
    session.run()
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    session.messages()
    session.say({"message": name})
    assert session.names() == ["Warning"]
    assert session.translator.state is State.ENDING
