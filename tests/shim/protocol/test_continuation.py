"""Turns of several connections, as one stream."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.assemblyai import Turn, Word
from shim.protocol.continuation import ContinuedTurns
from shim.protocol.mapping.messages import later_label, speaker_number
from shim.protocol.records import replace
from shim.protocol.turns import Step


def word(
    text: str, start: int, end: int | None = None, final: bool = True, speaker: str | None = None
) -> Word:
    return Word(text, start, start + 300 if end is None else end, 0.9, final, speaker)


def turn(order: int, words: Iterable[Word], end: bool = False, formatted: bool = True, speaker=None) -> Turn:
    listed = tuple(words)
    text = " ".join(item.text for item in listed)
    return Turn(order, end, formatted, text, listed, speaker)


def texts(words: Iterable[Word]) -> str:
    return " ".join(item.text for item in words)


def finals(steps: Iterable[Step]) -> str:
    return " ".join(texts(step.final) for step in steps if step.final)


@pytest.fixture
def turns() -> ContinuedTurns:
    return ContinuedTurns(word_by_word=False, formatted=False)


def test_words_in_hand_are_heard_again_and_come_once(turns):
    turns.turn(turn(0, [word("one", 0), word("two", 300)], end=True))
    turns.turn(turn(1, [word("three", 1000), word("four", 1300)]))
    assert turns.break_off(0) == []
    turns.resume(600, 600)
    steps = turns.turn(turn(0, [word("three", 400), word("four", 700)], end=True))
    assert [(texts(s.final), texts(s.open)) for s in steps] == [("three four", "")]
    assert steps[0].final[0].start == 1000
    assert turns.rest() == []


def test_what_was_in_hand_stays_open_until_it_is_heard_again(turns):
    turns.turn(turn(0, [word("one", 0), word("two", 300), word("three", 600)]))
    turns.break_off(0)
    turns.resume(0, 0)
    (step,) = turns.turn(turn(0, [word("one", 0)]))
    assert (texts(step.final), texts(step.open)) == ("", "one two three")
    (step,) = turns.turn(turn(0, [word("one", 0), word("two,", 300)]))
    assert texts(step.open) == "one two, three"


def test_a_final_takes_out_of_hand_only_what_it_covers(turns):
    turns.turn(turn(0, [word("one", 0), word("two", 300), word("three", 600)]))
    turns.break_off(0)
    turns.resume(0, 0)
    (step,) = turns.turn(turn(0, [word("One", 0), word("two.", 300)], end=True))
    assert (texts(step.final), texts(step.open)) == ("One two.", "three")


def test_what_is_never_heard_again_is_given_at_the_end(turns):
    turns.turn(turn(0, [word("one", 0), word("two", 300)]))
    turns.break_off(0)
    turns.resume(0, 0)
    turns.turn(turn(0, [word("one", 0)]))
    assert finals(turns.rest()) == "one two"
    assert turns.rest() == []


def test_words_that_are_too_old_to_be_heard_again_are_final(turns):
    turns.turn(turn(0, [word("one", 0), word("two", 300), word("three", 600)]))
    (step,) = turns.break_off(500)
    assert (texts(step.final), texts(step.open), step.ends_turn) == ("one two", "three", False)


def test_a_turn_that_only_waits_for_its_format_is_final(turns):
    formatting = ContinuedTurns(word_by_word=True, formatted=True)
    formatting.turn(turn(0, [word("hello", 0)], end=True, formatted=False))
    assert finals(formatting.break_off(0)) == "hello"
    formatting.resume(300, 300)
    assert formatting.rest() == []


def test_words_of_the_replayed_frame_that_are_final_already_do_not_come_again(turns):
    turns.turn(turn(0, [word("one", 0, 330)], end=True))
    turns.break_off(0)
    turns.resume(300, 330)
    steps = turns.turn(turn(0, [word("ne", 0, 30), word("two", 40)], end=True))
    assert finals(steps) == "two"


def test_a_turn_whose_words_are_all_final_already_gives_nothing(turns):
    turns.turn(turn(0, [word("one", 0, 330)], end=True))
    turns.break_off(0)
    turns.resume(300, 330)
    (step,) = turns.turn(turn(0, [word("ne", 0, 20)], end=True))
    assert (list(step.final), list(step.open)) == ([], [])


def test_text_without_words_is_not_lost_on_a_later_connection(turns):
    turns.turn(turn(0, [word("one", 0, 330)], end=True))
    turns.break_off(0)
    turns.resume(300, 330)
    bare = Turn(0, True, True, "All of it.", (), None)
    assert finals(turns.turn(bare)) == "All of it."


def test_speakers_of_a_later_connection_are_others(turns):
    turns.turn(turn(0, [word("one", 0, speaker="A"), word("two", 300, speaker="B")], end=True))
    turns.break_off(0)
    turns.resume(600, 600)
    (step,) = turns.turn(
        turn(0, [word("three", 0, speaker="A"), word("four", 300, speaker="PENDING")], end=True, speaker="B")
    )
    assert [item.speaker for item in step.final] == ["C", "PENDING"]
    turns.break_off(600)
    turns.resume(1200, 1200)
    assert turns.earlier_speakers == 4


@given(st.integers(1, 60), st.integers(0, 800))
def test_a_label_is_moved_on_by_exactly_the_earlier_speakers(number, earlier):
    label = later_label("A", number - 1)
    assert speaker_number(label) == number
    moved = number + earlier
    assert speaker_number(later_label(label, earlier)) == (moved if moved <= 26 + 26 * 26 else 0)


VOCABULARY = st.sampled_from(["the", "patient", "said", "no", "and", "25", "dogs", "don't", "U.S.", "3.5"])


@st.composite
def spoken(draw):
    """Turns of words with their times in the stream, milliseconds."""
    said, time = [], 0
    for texts in draw(st.lists(st.lists(VOCABULARY, min_size=1, max_size=5), max_size=6)):
        time += draw(st.integers(0, 1500))
        words = []
        for text in texts:
            length = draw(st.integers(60, 500))
            words.append(word(text, time, time + length))
            time += length + draw(st.integers(0, 80))
        said.append(words)
    return said


def heard(draw, said, offset: int, formatted: bool, by_word: bool):
    """Turns as a connection sends them that hears the stream from ``offset`` on, in its own time."""
    messages, order = [], 0
    for words in said:
        mine = [replace(item, start=item.start - offset, end=item.end - offset) for item in words]
        mine = [item for item in mine if item.start >= 0]
        if not mine:
            continue
        for count in sorted(draw(st.lists(st.integers(0, len(mine)), max_size=3))):
            shown = mine[:count]
            if shown and not by_word:
                shown = [replace(item, is_final=False) for item in shown]
                shown[-1] = replace(shown[-1], text=shown[-1].text[:2])
            messages.append(turn(order, shown, formatted=formatted and not by_word))
        if formatted and by_word:
            messages.append(turn(order, mine, end=True, formatted=False))
        messages.append(turn(order, mine, end=True))
        order += 1
    return messages


@given(st.data(), spoken(), st.booleans(), st.booleans())
def test_a_stream_that_is_cut_anywhere_and_goes_on_gives_its_text_exactly_once(
    data, said, by_word, formatted
):
    """Also when it is cut again and again; every connection is replayed from the frame where the last final ended."""
    turns = ContinuedTurns(by_word, formatted)
    steps: list[Step] = []
    offset = 0
    for cuts in range(3, -1, -1):
        messages = heard(data.draw, said, offset, formatted, by_word)
        if cuts:
            messages = messages[: data.draw(st.integers(0, len(messages)))]
        for message in messages:
            steps += turns.turn(message)
        if cuts:
            until = max((step.final[-1].end for step in steps if step.final), default=0)
            steps += turns.break_off(until // 50 * 50)
            until = max((step.final[-1].end for step in steps if step.final), default=0)
            offset = until // 50 * 50
            turns.resume(offset, until)
    steps += turns.rest()
    given_words = [item for step in steps for item in step.final]
    expected = [item for words in said for item in words]
    assert [(item.text, item.start, item.end) for item in given_words] == [
        (item.text, item.start, item.end) for item in expected
    ]
