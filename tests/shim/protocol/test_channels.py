"""Sessions of several channels: one AssemblyAI connection for each."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.effects import CloseUpstream, OpenUpstream
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.translator import START_SECONDS, State

LEFT, RIGHT = 1, 2
"""Numbers of their first connections."""

EOU = {"end_of_utterance_silence_trigger": 0.5}


def audio(channel: str, data: bytes) -> dict[str, str]:
    return {"message": "AddChannelAudio", "channel": channel, "data": base64.b64encode(data).decode()}


def end_of(channel: str) -> dict[str, object]:
    return {"message": "EndOfChannel", "channel": channel, "last_seq_no": 0}


def start(session, diarization: str = "channel", labels=("left", "right"), **config):
    return session.start(diarization=diarization, channel_diarization_labels=list(labels), **config)


@pytest.fixture
def running(session, begin):
    """A session whose two channels have begun."""

    def run(**config):
        start(session, **config)
        for connection in (LEFT, RIGHT):
            session.opened(connection)
            session.hear(begin, connection)
        return session

    return run


def frames_on(session, connection: int) -> list[bytes]:
    return [data for data in session.sent_on(connection) if isinstance(data, bytes)]


def commands_on(session, connection: int) -> int:
    return sum(isinstance(data, str) for data in session.sent_on(connection))


def test_every_channel_has_a_connection_and_the_session_starts_when_all_have_begun(session, begin):
    start(session)
    assert [e.connection for e in session.effects if isinstance(e, OpenUpstream)] == [LEFT, RIGHT]
    assert session.messages() == []
    session.hear(begin, RIGHT)
    assert session.messages() == []
    session.hear(begin, LEFT)
    (started,) = session.messages()
    assert started["message"] == "RecognitionStarted"
    assert started["channel_ids"] == started["channels"] == ["left", "right"]


def test_a_slow_channel_does_not_hold_up_the_start(session, begin):
    start(session)
    session.hear(begin, LEFT)
    session.wait(START_SECONDS + 0.1)
    assert session.names() == ["RecognitionStarted"]
    session.say(audio("right", b"\1" * 1600))
    assert frames_on(session, RIGHT) == []
    session.hear(begin, RIGHT)
    assert frames_on(session, RIGHT) == [b"\1" * 1600]


@pytest.mark.parametrize(("diarization", "labels"), [("channel", None), ("channel_and_speaker", ["true"])])
def test_speakers_of_a_channel_are_told_apart_only_where_that_was_asked_for(session, diarization, labels):
    start(session, diarization)
    assert [parse_qs(urlsplit(url).query).get("speaker_labels") for url in session.urls] == [labels, labels]


def test_audio_goes_to_its_channel_and_is_acknowledged_there(running):
    session = running()
    session.messages()
    session.say(audio("right", b"\2" * 1600))
    session.say(audio("left", b"\1" * 3200))
    session.say(audio("right", b"\3" * 1000))
    assert frames_on(session, LEFT) == [b"\1" * 1600] * 2
    assert frames_on(session, RIGHT) == [b"\2" * 1600]
    assert session.messages() == [
        {"message": "ChannelAudioAdded", "channel": "right", "seq_no": 1},
        {"message": "ChannelAudioAdded", "channel": "left", "seq_no": 1},
        {"message": "ChannelAudioAdded", "channel": "right", "seq_no": 2},
    ]


def test_every_message_about_speech_names_its_channel(running, make_turn, make_word):
    session = running(diarization="channel_and_speaker", enable_partials=True, conversation_config=EOU)
    session.messages()
    session.hear(make_turn(0, "Hel"), LEFT)
    session.hear(make_turn(0, [make_word("Good.", 0, 300, speaker="A")], end=True), RIGHT)
    session.hear(make_turn(0, [make_word("Hello.", 0, 300, speaker="A")], end=True), LEFT)
    heard = session.messages()
    assert [(message["message"], message["channel"]) for message in heard] == [
        ("AddPartialTranscript", "left"),
        ("AddTranscript", "right"),
        ("AddPartialTranscript", "right"),
        ("EndOfUtterance", "right"),
        ("AddTranscript", "left"),
        ("AddPartialTranscript", "left"),
        ("EndOfUtterance", "left"),
    ]
    finals = session.named("AddTranscript")
    assert [final["results"][0]["alternatives"][0]["speaker"] for final in finals] == ["S1", "S1"]


def test_a_session_of_one_channel_names_none(session, make_turn):
    session.run(enable_partials=True, conversation_config=EOU)
    session.audio(b"\0" * 1600)
    session.hear(make_turn(0, "Hello.", end=True))
    assert not any(
        {"channel", "channel_ids", "channels"} & set(message) for message in session.all_messages()
    )


def test_the_session_ends_when_all_its_channels_have(running, make_turn, termination):
    session = running()
    session.say(audio("left", b"\1" * 2000))
    session.say(end_of("left"))
    assert commands_on(session, LEFT) == 1
    assert len(frames_on(session, LEFT)) == 2
    session.hear(make_turn(0, "Left.", end=True), LEFT)
    session.hear(termination, LEFT)
    assert session.translator.state is State.RUNNING
    assert session.named("EndOfTranscript") == []
    session.say(audio("right", b"\1" * 1600))
    session.say(end_of("right"))
    session.hear(make_turn(0, "Right.", end=True), RIGHT)
    session.hear(termination, RIGHT)
    assert session.text == "Left. Right. "
    assert session.names()[-1] == "EndOfTranscript"
    session.leave()
    assert session.translator.finished


def test_end_of_stream_ends_all_channels(running, termination):
    session = running()
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    assert (commands_on(session, LEFT), commands_on(session, RIGHT)) == (1, 1)
    session.hear(termination, RIGHT)
    assert session.named("EndOfTranscript") == []
    session.hear(termination, LEFT)
    assert len(session.named("EndOfTranscript")) == 1


def test_channels_that_ended_before_the_start_end_after_it(session, begin, termination):
    start(session)
    session.say(audio("left", b"\1" * 1600))
    session.say(end_of("left"))
    session.say(end_of("right"))
    for connection in (LEFT, RIGHT):
        session.hear(begin, connection)
    assert len(frames_on(session, LEFT)) == 1
    for connection in (LEFT, RIGHT):
        session.hear(termination, connection)
    names = session.names()
    assert names.index("RecognitionStarted") < names.index("ChannelAudioAdded")
    assert names[-1] == "EndOfTranscript"


def test_audio_after_the_end_of_its_channel_is_warned_of_once(running):
    session = running()
    session.say(end_of("left"))
    session.messages()
    for _ in range(2):
        session.say(audio("left", b"\1" * 1600))
    assert frames_on(session, LEFT) == []
    warnings = session.named("Warning")
    assert [warning["type"] for warning in warnings] == ["add_audio_after_eos"]
    assert len(session.named("ChannelAudioAdded")) == 2


def test_a_channel_whose_connection_is_lost_goes_on_alone(running, begin, make_turn, termination):
    session = running()
    session.say(audio("left", b"\1" * 16000))
    session.say(audio("right", b"\2" * 16000))
    session.closed(1006, connection=RIGHT)
    assert session.connection == 3
    session.opened(3)
    session.hear(begin, 3)
    assert frames_on(session, 3) == [b"\2" * 1600] * 10
    session.hear(make_turn(0, "Right.", end=True), 3)
    assert session.named("AddTranscript")[0]["channel"] == "right"
    assert CloseUpstream(LEFT) not in session.effects
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    session.hear(termination, LEFT)
    session.hear(termination, 3)
    assert session.names()[-1] == "EndOfTranscript"


def test_a_channel_that_cannot_go_on_ends_the_session_with_the_text_of_all(running, make_turn):
    session = running()
    session.hear(make_turn(0, "in hand"), LEFT)
    session.hear(
        {"type": "Error", "error_code": 1008, "error": "Unauthorized Connection: Invalid API key"}, RIGHT
    )
    assert session.text == "in hand "
    assert session.named("AddTranscript")[0]["channel"] == "left"
    assert [message["type"] for message in session.named("Error")] == ["not_authorised"]
    assert commands_on(session, LEFT) == 1


def test_a_channel_that_cannot_be_opened_refuses_the_session(session):
    start(session)
    session.failed(FailureKind.DNS, "name not known")
    assert session.all_messages()[-1]["type"] == "job_error"
    assert CloseUpstream(LEFT) in session.effects
    session.leave()
    assert session.translator.finished


@pytest.mark.parametrize(("channel", "expected"), [({}, (1, 1)), ({"channel": "left"}, (1, 0))])
def test_an_utterance_is_forced_to_end_in_one_channel_or_in_all(running, channel, expected):
    session = running()
    session.say({"message": "ForceEndOfUtterance", **channel})
    assert (commands_on(session, LEFT), commands_on(session, RIGHT)) == expected


def test_a_changed_configuration_holds_for_all_channels(running, make_turn):
    session = running()
    config = {"language": "en", "conversation_config": {"end_of_utterance_silence_trigger": 0.8}}
    session.say({"message": "SetRecognitionConfig", "transcription_config": config})
    assert (commands_on(session, LEFT), commands_on(session, RIGHT)) == (1, 1)
    session.hear(make_turn(0, "Hello.", end=True), RIGHT)
    assert session.names()[-1] == "EndOfUtterance"


def test_a_client_that_goes_ends_both_connections(running, termination):
    session = running()
    session.leave()
    assert (commands_on(session, LEFT), commands_on(session, RIGHT)) == (1, 1)
    session.hear(termination, LEFT)
    assert not session.translator.finished
    session.hear(termination, RIGHT)
    assert session.translator.finished


@pytest.mark.parametrize(
    ("labels", "said"),
    [([], "missing"), (["a", "a"], "twice"), (["a", "b", "c"], "at most 2")],
)
def test_channels_that_are_not_named_well_are_refused(session, labels, said):
    start(session, labels=labels)
    last = session.all_messages()[-1]
    assert (last["message"], last["type"]) == ("Error", "invalid_config")
    assert said in last["reason"]
    assert session.urls == []


def test_more_channels_can_be_allowed(make_session):
    session = make_session(max_channels=3)
    start(session, labels=["a", "b", "c"])
    assert len(session.urls) == 3


@pytest.mark.parametrize(
    ("message", "type"),
    [
        (audio("middle", b""), "protocol_error"),
        (end_of("middle"), "protocol_error"),
        ({"message": "ForceEndOfUtterance", "channel": "middle"}, "protocol_error"),
        ({"message": "EndOfChannel", "channel": ["left"]}, "protocol_error"),
        ({"message": "ForceEndOfUtterance", "channel": {}}, "protocol_error"),
        ({"message": "AddChannelAudio", "channel": "left", "data": "not base64!"}, "invalid_message"),
        ({"message": "AddChannelAudio", "channel": "left", "data": 7}, "invalid_message"),
        ({"message": "AddChannelAudio", "channel": "left"}, "invalid_message"),
        ({"message": "AddChannelAudio", "channel": None, "data": ""}, "invalid_message"),
    ],
)
def test_mistakes_are_errors(running, message, type):
    session = running()
    session.say(message)
    assert session.all_messages()[-1]["type"] == type


def test_audio_without_a_channel_is_a_mistake(running):
    session = running()
    session.audio(b"\0" * 1600)
    last = session.all_messages()[-1]
    assert last["type"] == "protocol_error"
    assert "'left', 'right'" in last["reason"]


CHANNELS = st.sampled_from(["left", "right", "middle", None, 7, ["left"]])
ACTIONS = st.one_of(
    st.tuples(st.just("audio"), CHANNELS, st.binary(max_size=4000)),
    st.tuples(st.just("end"), CHANNELS),
    st.tuples(st.just("say"), st.sampled_from(["EndOfStream", "ForceEndOfUtterance", "GetSpeakers"])),
    st.tuples(
        st.just("hear"), st.sampled_from(["Begin", "Turn", "Termination", "Error", "?"]), st.integers(1, 4)
    ),
    st.tuples(st.just("closed"), st.integers(1, 4), st.sampled_from([1000, 1006, 1008, 3005, 3008])),
    st.tuples(st.just("failed"), st.sampled_from(list(FailureKind))),
    st.tuples(st.just("wait"), st.floats(0, 20)),
    st.tuples(st.just("opened"), st.integers(1, 4)),
    st.tuples(st.just("drain")),
)


@settings(max_examples=150)
@given(st.lists(ACTIONS, max_size=40))
def test_whatever_happens_nothing_raises_and_every_connection_is_closed(
    make_session, begin, termination, make_turn, actions
):
    session = make_session()
    start(session)
    for connection in (LEFT, RIGHT):
        session.hear(begin, connection)
    messages = {
        "Begin": begin,
        "Turn": make_turn(0, "some words"),
        "Termination": termination,
        "Error": {"type": "Error", "error_code": 3005, "error": "Session Cancelled"},
        "?": "no message",
    }
    for action, *given_values in actions:
        if action == "audio":
            channel, data = given_values
            session.say(
                {"message": "AddChannelAudio", "channel": channel, "data": base64.b64encode(data).decode()}
            )
        elif action == "end":
            session.say({"message": "EndOfChannel", "channel": given_values[0], "last_seq_no": 0})
        elif action == "say":
            session.say({"message": given_values[0]})
        elif action == "hear":
            session.hear(messages[given_values[0]], given_values[1])
        elif action == "closed":
            session.closed(given_values[1], connection=given_values[0])
        else:
            getattr(session, action)(*given_values)
    session.leave()
    session.wait(100)
    assert session.translator.finished
    opened = {effect.connection for effect in session.effects if isinstance(effect, OpenUpstream)}
    closed = {effect.connection for effect in session.effects if isinstance(effect, CloseUpstream)}
    assert opened <= closed
    ends = [m["message"] for m in session.all_messages() if m["message"] in ("EndOfTranscript", "Error")]
    assert len(ends) <= 1
    assert not ends or session.all_messages()[-1]["message"] == ends[0]
