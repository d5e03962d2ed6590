"""What a program hears while somebody speaks."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.line import FORMAT_SECONDS

EOU = {"end_of_utterance_silence_trigger": 0.5}
ENGLISH = "universal-streaming-english"


def test_a_turn_becomes_partials_a_final_an_empty_partial_and_the_end_of_the_utterance(session, make_turn):
    session.run(enable_partials=True, conversation_config=EOU)
    session.hear(make_turn(0, "Hello"))
    session.hear(make_turn(0, "Hello there"))
    session.hear(make_turn(0, "Hello there.", end=True))
    heard = session.messages()
    assert [message["message"] for message in heard] == [
        "AddPartialTranscript",
        "AddPartialTranscript",
        "AddTranscript",
        "AddPartialTranscript",
        "EndOfUtterance",
    ]
    assert [message["metadata"].get("transcript") for message in heard] == [
        "Hello",
        "Hello there",
        "Hello there. ",
        "",
        None,
    ]
    final, empty, end = heard[2:]
    assert final["metadata"]["end_time"] == 0.6
    assert empty["metadata"]["start_time"] == empty["metadata"]["end_time"] == 0.6
    assert end["metadata"] == {"start_time": 0.6, "end_time": 0.6}
    assert all(message["format"] == "2.9" for message in heard)


def test_without_partials_only_finals_come(session, make_turn):
    session.run()
    session.hear(make_turn(0, "Hello"))
    session.hear(make_turn(0, "Hello there.", end=True))
    assert session.names() == ["AddTranscript"]


def test_partials_that_were_not_asked_for_are_not_a_mistake_when_the_turn_is_retracted(session, make_turn):
    session.run(enable_partials=True)
    session.hear(make_turn(0, "hm"))
    session.hear(make_turn(0, "", end=True))
    session.hear(make_turn(1, "", end=True))
    assert [m["metadata"]["transcript"] for m in session.messages()] == ["hm", ""]


def test_an_empty_final_yields_nothing(session, make_turn):
    session.run(enable_partials=True, conversation_config=EOU)
    session.hear(make_turn(0, "", end=True))
    assert session.messages() == []


def test_finals_joined_are_the_text(session, make_turn):
    session.run()
    session.hear(make_turn(0, "It is 10:30.", end=True))
    session.hear(make_turn(1, "Don't wait, Dr. Smith!", end=True))
    assert session.text == "It is 10:30. Don't wait, Dr. Smith! "


@pytest.mark.parametrize(
    ("language", "words", "expected"),
    [("cmn", ["你好", "吗？"], "你好吗？"), ("ja", ["は", "い。"], "はい。")],
)
def test_a_language_without_word_delimiter_gets_none(
    session, make_word, make_turn, language, words, expected
):
    session.run(language=language)
    session.hear(make_turn(0, [make_word(text, 0, 100) for text in words], end=True))
    assert session.text == expected
    assert session.named("RecognitionStarted")[0]["language_pack_info"]["word_delimiter"] == ""


def test_every_alternative_has_confidence_and_language(session, make_turn):
    session.run(language="fr")
    session.hear(make_turn(0, "Oui, merci.", end=True))
    (final,) = session.named("AddTranscript")
    for result in final["results"]:
        (alternative,) = result["alternatives"]
        assert 0 <= alternative["confidence"] <= 1
        assert alternative["language"] == "fr"
        assert "speaker" not in alternative


def test_speakers_are_named_as_speechmatics_names_them(session, make_word, make_turn):
    session.run(diarization="speaker")
    labels = ["A", "B", "A", "UNKNOWN", "PENDING", None]
    words = [make_word("yes.", i, i + 1, speaker=label) for i, label in enumerate(labels)]
    session.hear(make_turn(0, words, end=True))
    results = session.named("AddTranscript")[0]["results"]
    named = [result["alternatives"][0]["speaker"] for result in results]
    assert named[::2] == ["S1", "S2", "S1", "UU", "UU", "UU"]
    assert named[1::2] == named[::2]


def test_words_without_a_speaker_have_that_of_their_turn(session, make_turn):
    session.run(diarization="speaker")
    session.hear({**make_turn(0, "Yes indeed", end=True), "speaker_label": "B"})
    results = session.named("AddTranscript")[0]["results"]
    assert [result["alternatives"][0]["speaker"] for result in results] == ["S2", "S2"]


class TestUniversalStreaming:
    @pytest.fixture
    def english(self, make_session):
        return make_session(speech_model=ENGLISH)

    def test_the_double_final_is_one(self, english, make_turn):
        english.run(enable_partials=True, conversation_config=EOU)
        english.hear(make_turn(0, "hello there", end=True, formatted=False))
        english.hear(make_turn(0, "Hello there.", end=True, formatted=True))
        assert english.text == "Hello there. "
        assert len(english.named("EndOfUtterance")) == 1

    def test_a_formatted_final_that_never_comes_is_replaced_in_time(self, english, make_turn):
        english.run()
        english.hear(make_turn(0, "hello there", end=True, formatted=False))
        english.wait(FORMAT_SECONDS - 0.1)
        assert english.text == ""
        english.wait(0.2)
        assert english.text == "hello there "
        english.hear(make_turn(0, "Hello there.", end=True, formatted=True))
        assert english.text == "hello there "

    def test_the_time_runs_from_the_end_of_the_turn(self, english, make_turn):
        english.run()
        for order in range(3):
            english.hear(make_turn(order, "yes", end=True, formatted=False))
            english.wait(FORMAT_SECONDS - 0.5)
            english.hear(make_turn(order, "Yes.", end=True, formatted=True))
        english.wait(10)
        assert english.text == "Yes. Yes. Yes. "

    def test_the_text_waits_for_neither_termination_nor_close(self, english, make_turn, termination):
        english.run()
        english.hear(make_turn(0, "hello there", end=True, formatted=False))
        english.say({"message": "EndOfStream", "last_seq_no": 0})
        english.hear(termination)
        assert english.text == "hello there "
        assert english.all_messages()[-1]["message"] == "EndOfTranscript"

    def test_without_formatting_words_are_final_one_by_one(self, make_session, make_word, make_turn):
        session = make_session(speech_model=ENGLISH, streaming_url="ws://127.0.0.1:9?format_turns=false")
        session.run(enable_partials=True, conversation_config=EOU)
        son, sonny = make_word("son", 300, 500, final=False), make_word("sonny", 300, 600)
        session.hear(make_turn(0, [make_word("my", 0, 300), son], formatted=False))
        session.hear(make_turn(0, [make_word("my", 0, 300), sonny], formatted=False))
        session.hear(make_turn(0, [make_word("my", 0, 300), sonny], end=True, formatted=False))
        heard = session.messages()
        assert [(m["message"], m["metadata"].get("transcript")) for m in heard] == [
            ("AddTranscript", "my "),
            ("AddPartialTranscript", "son"),
            ("AddTranscript", "sonny "),
            ("AddPartialTranscript", ""),
            ("EndOfUtterance", None),
        ]


class TestMaxDelay:
    def speak(self, session, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            session.now += 0.05
            session.audio(b"\0" * 1600)

    def test_a_word_that_waits_longer_forces_the_end_of_the_turn(self, session, make_turn):
        session.run(max_delay=1.0, max_delay_mode="fixed", conversation_config=EOU)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        assert session.commands == []
        session.wait(0.6)
        assert session.commands == ["ForceEndpoint"]
        session.wait(5)
        assert session.commands == ["ForceEndpoint"]
        session.hear(make_turn(0, "Hello", end=True))
        assert session.text == "Hello "
        assert session.named("EndOfUtterance") == []
        assert "forced" not in session.named("AddTranscript")[0]

    def test_a_silence_after_a_turn_that_was_cut_still_ends_the_utterance_once(self, session, make_turn):
        session.run(max_delay=1.0, max_delay_mode="fixed", conversation_config=EOU)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        session.wait(0.6)
        session.hear(make_turn(0, "Hello", end=True))
        session.messages()
        self.speak(session, 0.5)
        session.wait(0)
        assert session.messages()[-1]["message"] == "AudioAdded"
        session.wait(2)
        (end,) = session.messages()
        assert (end["message"], end["metadata"]["end_time"]) == ("EndOfUtterance", 0.3)
        session.wait(60)
        assert session.messages() == []

    def test_words_after_a_turn_that_was_cut_are_the_same_utterance(self, session, make_turn):
        session.run(max_delay=1.0, max_delay_mode="fixed", conversation_config=EOU)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        session.wait(0.6)
        session.hear(make_turn(0, "Hello", end=True))
        session.wait(0.5)
        session.hear(make_turn(1, "there.", start=700))
        session.hear(make_turn(1, "there.", start=700, end=True))
        session.wait(60)
        assert len(session.named("EndOfUtterance")) == 1
        assert session.named("EndOfUtterance")[0]["metadata"]["end_time"] == 1.0

    def test_words_after_a_long_pause_show_that_the_cut_turn_was_an_utterance(self, session, make_turn):
        session.run(enable_partials=True, max_delay=1.0, max_delay_mode="fixed", conversation_config=EOU)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        session.wait(0.6)
        session.hear(make_turn(0, "Hello", end=True))
        session.messages()
        session.wait(0.5)
        session.hear(make_turn(1, "there", start=900))
        assert session.names() == ["EndOfUtterance", "AddPartialTranscript"]

    def test_a_word_that_became_final_in_time_forces_nothing(self, session, make_turn):
        session.run(max_delay=1.0, max_delay_mode="fixed", conversation_config=EOU)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        session.hear(make_turn(0, "Hello.", end=True))
        session.wait(5)
        assert session.commands == []
        assert len(session.named("EndOfUtterance")) == 1

    def test_the_mode_flexible_waits_for_the_turn(self, session, make_turn):
        session.run(max_delay=1.0)
        self.speak(session, 0.8)
        session.hear(make_turn(0, "Hello"))
        session.wait(30)
        assert session.commands == []


class TestAnythingFromAssemblyAI:
    def test_a_message_of_another_connection_is_ignored(self, session, make_turn):
        session.run()
        assert session.hear(make_turn(0, "Not ours.", end=True), connection=2) == []

    def test_messages_that_mean_nothing_here_change_nothing(self, session):
        session.run()
        for message in (
            {"type": "SpeechStarted", "timestamp": 1, "confidence": 0.5},
            {"type": "SpeakerRevision", "revisions": []},
            {"type": "Heartbeat"},
            {"type": "SomethingNew"},
        ):
            assert session.hear(message) == []

    def test_a_warning_is_passed_on(self, session):
        session.run()
        session.hear({"type": "Warning", "warning_code": 5, "warning": "careful"})
        (warning,) = session.messages()
        assert "careful" in warning["reason"]

    def test_a_frame_that_is_no_message_does_not_end_a_running_session(self, session, make_turn):
        session.run()
        session.hear("{broken")
        session.hear(make_turn(0, "Still here.", end=True))
        assert session.text == "Still here. "

    def test_a_turn_without_a_type_is_understood(self, session, make_turn):
        message = make_turn(0, "Hello.", end=True)
        del message["type"]
        session.run().hear(message)
        assert session.text == "Hello. "

    def test_no_log_line_holds_what_was_said(self, session, make_turn):
        session.run(enable_partials=True)
        session.hear(make_turn(0, "secretword"))
        session.hear('{"type": "Turn", "words": "secretword"')
        session.closed(1011, "")
        assert session.logs
        assert not any("secretword" in log.text for log in session.logs)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
TURN_KEYS = [
    "turn_order",
    "end_of_turn",
    "turn_is_formatted",
    "transcript",
    "words",
    "speaker_label",
    "utterance",
]
WORD_KEYS = ["start", "end", "text", "confidence", "word_is_final", "speaker"]
ODD_WORD = st.fixed_dictionaries({}, optional=dict.fromkeys(WORD_KEYS, JSON))
ODD_TURN = st.fixed_dictionaries(
    {"type": st.just("Turn")},
    optional={**dict.fromkeys(TURN_KEYS, JSON), "words": st.lists(ODD_WORD | JSON, max_size=3)},
)
TYPES = [
    "Begin",
    "Turn",
    "Termination",
    "Error",
    "Warning",
    "SpeakerRevision",
    "Heartbeat",
    "Silence",
    "Nonsense",
]
UPSTREAM = st.one_of(
    st.binary(max_size=30),
    st.text(max_size=30),
    ODD_TURN.map(json.dumps),
    JSON.map(json.dumps),
    st.tuples(st.sampled_from(TYPES), st.dictionaries(st.text(max_size=12), JSON, max_size=4)).map(
        lambda made: json.dumps({**made[1], "type": made[0]})
    ),
)
CLIENT_NAMES = [
    "StartRecognition",
    "EndOfStream",
    "SetRecognitionConfig",
    "ForceEndOfUtterance",
    "GetSpeakers",
    "AddChannelAudio",
    "EndOfChannel",
]
CONFIG_KEYS = [
    "language",
    "max_delay",
    "max_delay_mode",
    "enable_partials",
    "conversation_config",
    "diarization",
    "punctuation_overrides",
    "transcript_filtering_config",
]
CLIENT = st.one_of(
    st.text(max_size=20),
    JSON.map(json.dumps),
    st.builds(
        lambda name, config, more: json.dumps({**more, "message": name, "transcription_config": config}),
        st.sampled_from(CLIENT_NAMES),
        st.fixed_dictionaries({}, optional=dict.fromkeys(CONFIG_KEYS, JSON)) | JSON,
        st.dictionaries(st.sampled_from(["audio_format", "final", "last_seq_no", "x"]), JSON, max_size=2),
    ),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), CLIENT),
        st.tuples(st.just("audio"), st.binary(max_size=4000)),
        st.tuples(st.just("hear"), UPSTREAM),
        st.tuples(st.just("wait"), st.floats(0, 20)),
        st.tuples(st.sampled_from(["opened", "drain", "leave", "closed"]), st.none()),
    ),
    max_size=20,
)


def check_order(messages: list[dict]) -> None:
    """Whatever happened: the rules of a Speechmatics session."""
    names = [message["message"] for message in messages]
    assert names.count("RecognitionStarted") <= 1
    assert names.count("EndOfTranscript") + names.count("Error") <= 1
    for last in ("EndOfTranscript", "Error"):
        if last in names:
            assert names.index(last) == len(names) - 1
    if "RecognitionStarted" in names:
        assert set(names[: names.index("RecognitionStarted")]) <= {"Info", "Warning"}
    else:
        assert set(names) <= {"Info", "Warning", "Error"}
    for message in messages:
        text = message.get("metadata", {}).get("transcript")
        if message["message"] == "AddTranscript":
            assert text.endswith(" ")
            assert message["results"]
        elif message["message"] == "AddPartialTranscript":
            assert not text.endswith(" ")


WISHES = [
    {"enable_partials": True},
    {"enable_partials": True, "diarization": "speaker", "max_delay": 1, "max_delay_mode": "fixed"},
    {
        "punctuation_overrides": {"permitted_marks": ["."]},
        "transcript_filtering_config": {
            "remove_disfluencies": True,
            "replacements": [{"from": "/./", "to": "$&$&"}, {"from": "a", "to": ""}],
        },
    },
]


@settings(max_examples=300)
@given(EVENTS, st.none() | st.sampled_from(WISHES))
def test_nothing_that_anybody_sends_raises_and_the_order_is_always_legal(make_session, begin, events, wishes):
    session = make_session()
    if wishes is not None:
        session.run(**wishes)
    audio = 0
    for name, argument in events:
        audio += name == "audio"
        getattr(session, name)(*([] if argument is None else [argument]))
    session.leave()
    session.wait(100_000)
    check_order(session.all_messages())
    acknowledgements = [message["seq_no"] for message in session.named("AudioAdded")]
    assert acknowledgements == list(range(1, len(acknowledgements) + 1))
    assert len(acknowledgements) <= audio
    assert session.translator.finished
    if any(type(effect).__name__ == "OpenUpstream" for effect in session.effects):
        assert session.upstream_closed


WORDS = st.lists(st.sampled_from(["yes", "no.", "U.S.", "3.5", "don't", "and,"]), max_size=5)


@st.composite
def conversations(draw):
    """What is said, and Turns as AssemblyAI may send them, with every fault that the documents know."""
    said, messages = [], []
    time = 0
    for order in range(draw(st.integers(0, 5))):
        words = draw(WORDS)
        said += words
        timed = [
            {
                "start": time + 300 * i,
                "end": time + 300 * i + 300,
                "text": text,
                "confidence": 0.5,
                "word_is_final": True,
            }
            for i, text in enumerate(words)
        ]
        time += 300 * len(words) + 1000
        common = {
            "turn_order": order,
            "transcript": "",
            "end_of_turn_confidence": 0.5,
            "utterance": "",
            "type": "Turn",
        }
        speaker = draw(st.sampled_from([None, "A", "B", "UNKNOWN"]))
        partials = draw(st.lists(st.integers(0, len(words)), max_size=3))
        for count in sorted(partials):
            shown = timed[:count]
            if draw(st.booleans()):
                # The Universal-3 models may revise any word of a partial, and its times.
                shown = [
                    {**word, "text": draw(GUESSES), "start": word["start"] - 40, "word_is_final": False}
                    for word in shown
                ]
            partial = {"end_of_turn": False, "turn_is_formatted": draw(st.booleans()), "words": shown}
            messages += [*draw(BESIDE), {**common, **partial}]
        kinds = draw(st.sampled_from([[True], [False, True], [False], [True, True]]))
        if speaker:
            timed = [{**word, "speaker": speaker} for word in timed]
            common["speaker_label"] = speaker
        messages += [
            {**common, "end_of_turn": True, "turn_is_formatted": kind, "words": timed} for kind in kinds
        ]
        messages += draw(BESIDE)
    return said, messages


GUESSES = st.sampled_from(["yes", "guess", "no.", "..."])
BESIDE = st.lists(
    st.sampled_from(
        [
            {"type": "SpeechStarted", "timestamp": 100, "confidence": 0.9},
            {"type": "SpeakerRevision", "revisions": [{"turn_order": 0, "speaker_label": "C", "words": []}]},
            {"type": "Heartbeat", "total_audio_received_ms": 5000, "total_duration_ms": 5000},
            {"type": "Silence", "start_ms": 0, "end_ms": 900},
            {"type": "LLMGatewayResponse", "turn_order": 0, "transcript": "x", "data": {}},
            {"type": "Weather", "words": [{"text": "rain"}]},
        ]
    ),
    max_size=2,
)
"""Messages that change nothing."""


@settings(max_examples=150)
@given(
    conversations(),
    st.sampled_from(["universal-3-6-pro", "universal-3-5-pro", ENGLISH, "whisper-rt"]),
    st.booleans(),
    st.booleans(),
)
def test_any_legal_turns_give_a_legal_session_whose_finals_are_the_text_once(
    make_session, termination, conversation, model, partials, formatting
):
    said, messages = conversation
    url = None if formatting else "ws://127.0.0.1:9?format_turns=false"
    session = make_session(speech_model=model, streaming_url=url)
    session.run(enable_partials=partials, conversation_config=EOU)
    for message in messages:
        session.hear(message)
        session.wait(0.3)
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    session.hear(termination)
    heard = session.all_messages()
    check_order(heard)
    assert heard[-1]["message"] == "EndOfTranscript"
    assert session.text.split() == said
    named = [message["message"] for message in heard]
    for i, name in enumerate(named):
        if name == "AddTranscript" and partials:
            assert named[i + 1] == "AddPartialTranscript"
        if name == "AddPartialTranscript":
            assert partials
        if name == "EndOfUtterance":
            assert named[i - 1] == ("AddPartialTranscript" if partials else "AddTranscript") or not formatting
    finals = session.named("AddTranscript")
    assert [f["metadata"]["start_time"] for f in finals] == sorted(
        f["metadata"]["start_time"] for f in finals
    )


def test_messages_are_judged_by_the_vendors_specification(session, schema_validator, make_turn):
    if schema_validator is None:
        pytest.skip(f"the vendors' specifications are not here (ORACLES is {os.environ.get('ORACLES')!r})")
    session.run(enable_partials=True, diarization="speaker", conversation_config=EOU, max_delay=2)
    session.hear(make_turn(0, "Hello there.", end=True))
    with pytest.raises(Exception, match="metadata"):
        schema_validator({"message": "AddTranscript", "results": []})
