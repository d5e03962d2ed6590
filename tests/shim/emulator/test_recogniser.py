"""When the Speechmatics emulator says what, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shim.emulator.hearing import Heard
from shim.emulator.recogniser import LAG, STEP, Recogniser
from shim.emulator.recognition_config import AudioFormat, RecognitionConfig
from shim.emulator.scene import Scene, Turn, Word

CLOSE = 0.011


def scene(*turns: str) -> Scene:
    """Turns "A: Hello, world.", a word every half second of 0.4 s, 1.5 s between turns."""
    made, now = [], 0.5
    for turn in turns:
        speaker, _, text = turn.partition(": ")
        words = []
        for word in text.split():
            words.append(Word(word, now, now + 0.4))
            now += 0.5
        made.append(Turn(speaker, tuple(words)))
        now += 1.5
    return Scene("made", "en", Path("none.wav"), tuple(made))


def config(**settings: Any) -> RecognitionConfig:
    return RecognitionConfig(
        {"language": "en", "max_delay": 0.7, **settings}, AudioFormat("pcm_s16le", 16000)
    )


def listen(
    scene: Scene, recogniser: Recogniser, until: float, slice_seconds: float = 0.1
) -> list[dict[str, Any]]:
    """Feed ``until`` seconds in which every word is heard as soon as it ends."""
    words = [
        (Heard(t, w, word.start, word.end))
        for t, turn in enumerate(scene.turns)
        for w, word in enumerate(turn.words)
    ]
    messages: list[dict[str, Any]] = []
    for number in range(1, round(until / slice_seconds) + 1):
        now = number * slice_seconds
        heard = [word for word in words if now - slice_seconds < word.end <= now]
        begun = [word for word in words if word.start < now]
        spoken = min(now, begun[-1].end) if begun else 0.0
        messages += recogniser.advance(heard, now, spoken)
    return messages


def transcripts(messages: list[dict[str, Any]], name: str = "AddTranscript") -> list[str]:
    return [m["metadata"]["transcript"] for m in messages if m["message"] == name]


def test_finals_are_increments_that_join_to_the_text() -> None:
    spoken = scene("A: Hello, doctor Green.", "B: Good day.")
    recogniser = Recogniser(spoken, config())
    messages = listen(spoken, recogniser, 6) + recogniser.finish([], 6)
    finals = [text for text in transcripts(messages) if text]
    assert "".join(finals) == "Hello, doctor Green. Good day. "
    assert finals[0] == "Hello, "
    assert len(finals) == 5


def test_every_final_is_followed_by_a_partial_that_holds_the_rest() -> None:
    spoken = scene("A: one two three four.")
    messages = listen(spoken, Recogniser(spoken, config(enable_partials=True)), 5)
    names = [m["message"] for m in messages]
    assert all(
        names[at + 1] == "AddPartialTranscript" for at, name in enumerate(names) if name == "AddTranscript"
    )
    partials = transcripts(messages, "AddPartialTranscript")
    assert {"one", "three"} <= set(partials)
    assert not any(text.endswith((" ", ".")) for text in partials)


def test_without_partials_only_finals_come() -> None:
    spoken = scene("A: one two.")
    assert {m["message"] for m in listen(spoken, Recogniser(spoken, config()), 4)} == {"AddTranscript"}


def test_silence_brings_empty_finals() -> None:
    spoken = scene("A: one.")
    messages = listen(spoken, Recogniser(spoken, config()), 5)
    empty = [m for m in messages if not m["results"] and m["metadata"]["start_time"] > 1]
    assert len(empty) >= 8
    assert {round(m["metadata"]["end_time"] - m["metadata"]["start_time"], 2) for m in empty[1:]} == {STEP}


@pytest.mark.parametrize("max_delay", [0.7, 2.0, 4.0])
def test_a_word_is_final_about_max_delay_after_it_ended(max_delay: float) -> None:
    spoken = scene("A: one two three four five six seven eight nine ten.")
    recogniser = Recogniser(spoken, config(max_delay=max_delay))
    latencies: list[float] = []
    for number in range(1, 101):
        now = number * 0.1
        heard = [
            Heard(0, w, x.start, x.end) for w, x in enumerate(spoken.words) if now - 0.1 < x.end <= now + 1e-9
        ]
        for message in recogniser.advance(heard, now, min(now, 5.4)):
            latencies += [now - result["end_time"] for result in message["results"]]
    assert len(latencies) >= 10
    assert max_delay - STEP / 2 - CLOSE <= min(latencies)
    assert max(latencies) <= max_delay + STEP / 2 + 0.1 + CLOSE


def test_the_end_of_an_utterance_follows_the_last_final_and_an_empty_partial_of_the_same_moment() -> None:
    spoken = scene("A: one two.", "B: three.")
    settings = config(enable_partials=True, conversation_config={"end_of_utterance_silence_trigger": 0.5})
    messages = listen(spoken, Recogniser(spoken, settings), 7)
    ends = [at for at, m in enumerate(messages) if m["message"] == "EndOfUtterance"]
    assert len(ends) == 2
    for at, said in zip(ends, (1.4, 3.4), strict=True):
        moment = messages[at]["metadata"]["end_time"]
        assert messages[at]["metadata"] == {"end_time": moment, "start_time": moment}
        assert messages[at - 1]["metadata"] == {"end_time": moment, "start_time": moment, "transcript": ""}
        assert messages[at - 2]["message"] == "AddTranscript"
        assert 0.5 - CLOSE <= moment - said <= 0.5 + STEP + CLOSE


def test_speech_that_has_just_begun_does_not_hide_the_silence_before_it() -> None:
    spoken = Scene(
        "made",
        "en",
        Path("none.wav"),
        (Turn("A", (Word("one.", 0.4, 0.75), Word("extraordinarily.", 1.2, 2.4))),),
    )
    settings = config(enable_partials=True, conversation_config={"end_of_utterance_silence_trigger": 0.2})
    messages = listen(spoken, Recogniser(spoken, settings), 1.4)
    assert [m["metadata"]["start_time"] for m in messages if m["message"] == "EndOfUtterance"] == [1.0]


def test_no_final_covers_a_word_that_is_still_being_spoken() -> None:
    spoken = Scene("made", "en", Path("none.wav"), (Turn("A", (Word("extraordinarily.", 0.5, 2.4),)),))
    messages = listen(spoken, Recogniser(spoken, config()), 4)
    (final,) = (m for m in messages if m["results"])
    before = [m for m in messages[: messages.index(final)] if m["message"] == "AddTranscript"]
    assert max(m["metadata"]["end_time"] for m in before) <= 0.5 + STEP


def test_no_utterance_ends_before_somebody_spoke_or_twice_in_one_silence() -> None:
    spoken = scene("A: one.")
    settings = config(conversation_config={"end_of_utterance_silence_trigger": 0.2})
    recogniser = Recogniser(spoken, settings)
    messages = [message for n in range(1, 50) for message in recogniser.advance([], n * 0.1, 0.0)]
    assert "EndOfUtterance" not in {m["message"] for m in messages}
    messages = listen(spoken, Recogniser(spoken, settings), 8)
    assert [m["message"] for m in messages].count("EndOfUtterance") == 1


def test_a_forced_end_makes_final_what_was_said_and_is_marked() -> None:
    spoken = scene("A: one two three.")
    recogniser = Recogniser(spoken, config(max_delay=4, enable_partials=True))
    listen(spoken, recogniser, 1.6)
    final, partial, end = recogniser.force(1.6)
    assert (final["metadata"]["transcript"], final["forced"]) == ("one two ", True)
    assert "forced" not in partial
    assert (end["message"], end["forced"], end["metadata"]["start_time"]) == ("EndOfUtterance", True, 1.6)
    rest = recogniser.finish([Heard(0, 2, 1.5, 1.9)], 2.5)
    assert transcripts(rest) == ["three. "]


def test_spans_never_end_before_they_begin_after_a_forced_end() -> None:
    spoken = scene("A: one.")
    recogniser = Recogniser(spoken, config(enable_partials=True))
    before = listen(spoken, recogniser, 1.5)
    after = recogniser.force(1.5) + [m for n in range(16, 40) for m in recogniser.advance([], n * 0.1, 0.9)]
    assert all(m["metadata"]["start_time"] <= m["metadata"]["end_time"] for m in before + after)


def test_marks_are_results_of_their_own() -> None:
    spoken = scene('A: "Yes, (no)?')
    results = Recogniser(spoken, config()).finish([Heard(0, 0, 0.5, 0.9), Heard(0, 1, 1.0, 1.4)], 2)[0][
        "results"
    ]
    assert [
        (r["type"], r["alternatives"][0]["content"], r.get("attaches_to"), r.get("is_eos")) for r in results
    ] == [
        ("punctuation", '"', "next", False),
        ("word", "Yes", None, None),
        ("punctuation", ",", "previous", False),
        ("punctuation", "(", "next", False),
        ("word", "no", None, None),
        ("punctuation", ")", "previous", False),
        ("punctuation", "?", "previous", True),
    ]
    assert all(r["start_time"] == r["end_time"] for r in results if r["type"] == "punctuation")


def test_marks_that_are_not_permitted_do_not_come() -> None:
    spoken = scene("A: Yes, no.")
    settings = config(punctuation_overrides={"permitted_marks": ["."]})
    messages = Recogniser(spoken, settings).finish([Heard(0, 0, 0.5, 0.9), Heard(0, 1, 1.0, 1.4)], 2)
    assert transcripts(messages) == ["Yes no. "]


def test_speakers_are_numbered_in_order_and_only_where_asked_for() -> None:
    spoken = scene("B: one.", "A: two.", "B: three.")
    heard = [Heard(t, 0, turn.words[0].start, turn.words[0].end) for t, turn in enumerate(spoken.turns)]
    (with_speakers,) = Recogniser(spoken, config(diarization="speaker")).finish(heard, 9)
    words = [r["alternatives"][0] for r in with_speakers["results"] if r["type"] == "word"]
    assert [word["speaker"] for word in words] == ["S1", "S2", "S1"]
    (without,) = Recogniser(spoken, config()).finish(heard, 9)
    assert not any("speaker" in r["alternatives"][0] for r in without["results"])


def test_a_language_without_spaces_is_joined_without_them() -> None:
    spoken = scene("A: 你 好。")
    (message,) = Recogniser(spoken, config(language="cmn")).finish(
        [Heard(0, 0, 0.5, 0.9), Heard(0, 1, 1.0, 1.4)], 2
    )
    assert message["metadata"]["transcript"] == "你好。"


def test_a_step_is_reported_once_the_audio_is_ahead_of_it() -> None:
    recogniser = Recogniser(scene("A: one."), config())
    assert recogniser.advance([], 0.28 + LAG - 0.01, 0.0) == []
    (first,) = recogniser.advance([], 0.28 + LAG, 0.0)
    assert first["metadata"] == {"end_time": 0.28, "start_time": 0.0, "transcript": ""}
