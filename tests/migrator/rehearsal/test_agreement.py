"""The judge itself: what it accepts, and that it rejects each way in which a transcript can be wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrator.rehearsal.agreement import between, speechmatics_order, with_scene
from migrator.rehearsal.transcript import Transcript, from_assemblyai, from_messages, from_speechmatics
from shim.emulator.scene import Scene, Turn, Word

SCENE = Scene(
    "greeting",
    "en",
    Path("greeting.wav"),
    (
        Turn("A", (Word("Hello,", 0.3, 0.6), Word("Anna.", 0.7, 1.1))),
        Turn(
            "B",
            (Word("It's", 2.0, 2.2), Word("half", 2.3, 2.5), Word("past", 2.6, 2.8), Word("ten.", 2.9, 3.3)),
        ),
    ),
)


def turn(
    order: int, text: str, start: float, end_of_turn: bool = True, speaker: str = "A"
) -> dict[str, object]:
    """An AssemblyAI Turn whose words last 0.3 s each, from ``start`` s on."""
    words = [
        {
            "text": word,
            "start": round((start + 0.35 * i) * 1000),
            "end": round((start + 0.35 * i + 0.3) * 1000),
            "speaker": speaker,
        }
        for i, word in enumerate(text.split())
    ]
    return {
        "type": "Turn",
        "turn_order": order,
        "end_of_turn": end_of_turn,
        "transcript": text,
        "words": words,
    }


def final(text: str, start: float = 0.0, speaker: str | None = None) -> dict[str, object]:
    """A Speechmatics final whose words last 0.3 s each, from ``start`` s on; no punctuation items."""
    results = []
    for i, word in enumerate(text.split()):
        best = {"content": word, "confidence": 1.0, "language": "en"} | (
            {"speaker": speaker} if speaker else {}
        )
        start_time = start + 0.35 * i
        results.append(
            {"type": "word", "start_time": start_time, "end_time": start_time + 0.3, "alternatives": [best]}
        )
    return {"message": "AddTranscript", "metadata": {"transcript": text}, "results": results}


HEARD_BY_ASSEMBLYAI = [
    {"type": "Begin", "id": "x"},
    turn(0, "Hello", 1.3, end_of_turn=False),
    turn(0, "Hello, Anna.", 1.3, speaker="A"),
    turn(1, "It's half past ten.", 3.0, speaker="B"),
    {"type": "Termination"},
]
HEARD_BY_SPEECHMATICS = [
    {"message": "Info"},
    {"message": "RecognitionStarted"},
    {"message": "AudioAdded", "seq_no": 1},
    final("Hello, ", 0.3, "S1"),
    final("Anna. ", 0.65, "S1"),
    {"message": "AudioAdded", "seq_no": 2},
    final("It's half past ", 2.0, "S2"),
    final("ten. ", 3.05, "S2"),
    {"message": "EndOfTranscript"},
]


@pytest.mark.parametrize("messages", [HEARD_BY_ASSEMBLYAI, HEARD_BY_SPEECHMATICS])
def test_both_vendors_finals_agree_with_the_scene(messages: list[dict[str, object]]) -> None:
    assert with_scene(from_messages(messages), SCENE, speakers=True) == []


def test_the_formatted_repetition_of_a_turn_is_one_final() -> None:
    messages = [turn(0, "hello anna", 0.3), turn(0, "Hello, Anna.", 0.3)]
    assert from_assemblyai(messages).finals == ("Hello, Anna.",)


def test_finals_of_different_length_say_the_same() -> None:
    assert between(from_speechmatics(HEARD_BY_SPEECHMATICS), from_assemblyai(HEARD_BY_ASSEMBLYAI)) == []


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        pytest.param(
            HEARD_BY_ASSEMBLYAI[:3] + HEARD_BY_ASSEMBLYAI[4:],
            'missing: "it\'s half past ten"',
            id="lost turn",
        ),
        pytest.param(
            [*HEARD_BY_ASSEMBLYAI[:4], turn(2, "ten.", 4.1), {"type": "Termination"}],
            "not spoken, or twice: 'ten'",
            id="word twice",
        ),
        pytest.param(
            [*HEARD_BY_ASSEMBLYAI[:2], turn(0, "Hello, Hanna.", 1.3), *HEARD_BY_ASSEMBLYAI[3:]],
            "'hanna' instead of 'anna'",
            id="another word",
        ),
        pytest.param(HEARD_BY_ASSEMBLYAI[:-1], "never learned that the transcript is complete", id="no end"),
        pytest.param(
            [*HEARD_BY_ASSEMBLYAI, {"type": "Error", "error_code": 3007, "error": "too short"}],
            "the service reported an error: 3007: too short",
            id="error",
        ),
        pytest.param(
            [
                *HEARD_BY_ASSEMBLYAI[:3],
                turn(1, "It's half past ten.", 3.6, speaker="B"),
                {"type": "Termination"},
            ],
            "instead of 0.30-0.60 s",
            id="late turn",
        ),
        pytest.param(
            [
                *HEARD_BY_ASSEMBLYAI[:3],
                turn(1, "It's half past ten.", 3.0, speaker="A"),
                {"type": "Termination"},
            ],
            '"it\'s" from speaker 0 instead of 1',
            id="wrong speaker",
        ),
        pytest.param(
            [*HEARD_BY_SPEECHMATICS[:3], final("Hello,Anna. ", 0.3), *HEARD_BY_SPEECHMATICS[5:]],
            "'hello,anna' instead of 'hello anna'",
            id="glued words",
        ),
    ],
)
def test_a_wrong_transcript_is_named(messages: list[dict[str, object]], problem: str) -> None:
    found = with_scene(from_messages(messages), SCENE, speakers=True)
    assert any(problem in line for line in found), found


def test_text_that_differs_from_its_words_is_named() -> None:
    transcript = from_assemblyai(HEARD_BY_ASSEMBLYAI)
    glued = replace(transcript, text=transcript.text.replace("Anna. It's", "Anna.It's"))
    assert with_scene(glued, SCENE) == ['"anna.it\'s" instead of "anna it\'s"']


def test_silence_gives_every_word_as_missing() -> None:
    assert with_scene(Transcript("", (), (), 0, True, ()), SCENE) == [
        'missing: "hello anna it\'s half past ten"'
    ]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (
            [{"message": "AudioAdded", "seq_no": 1}, {"message": "RecognitionStarted"}],
            "before RecognitionStarted",
        ),
        (
            [{"message": "RecognitionStarted"}, {"message": "EndOfTranscript"}, {"message": "Info"}],
            "Info came after",
        ),
        ([{"message": "RecognitionStarted"}, {"message": "AudioAdded", "seq_no": 2}], "does not count"),
        ([{"message": "RecognitionStarted"}, final("Hello")], "does not end with the word delimiter"),
        (
            [
                {"message": "RecognitionStarted"},
                {"message": "AddPartialTranscript", "metadata": {"transcript": "He "}},
                final("Hello "),
            ],
            "begins or ends with white space",
        ),
        (
            [
                {"message": "RecognitionStarted"},
                {"message": "AddPartialTranscript", "metadata": {"transcript": "He"}},
                final("Hello "),
                {"message": "EndOfTranscript"},
            ],
            "no partial follows the final",
        ),
    ],
)
def test_a_broken_order_is_named(messages: list[dict[str, object]], problem: str) -> None:
    assert any(problem in line for line in speechmatics_order(messages))


def test_the_order_of_the_protocol_is_accepted() -> None:
    assert speechmatics_order(HEARD_BY_SPEECHMATICS) == []
