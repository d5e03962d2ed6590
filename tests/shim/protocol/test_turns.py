"""Whole turns in, words that come once out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.assemblyai import Turn, Word
from shim.protocol.turns import Step, Turns


def word(text: str, index: int = 0, final: bool = True) -> Word:
    return Word(text, index * 300, index * 300 + 300, 0.9, final, None)


def turn(
    order: int,
    text: str,
    end: bool = False,
    formatted: bool = True,
    final: int | None = None,
    at: int = 0,
    transcript=None,
) -> Turn:
    """``final`` of the words are final, all of them by default at the end of the turn and none before."""
    parts = text.split()
    count = final if final is not None else len(parts) * end
    words = tuple(word(part, at + i, i < count) for i, part in enumerate(parts))
    return Turn(order, end, formatted, text if transcript is None else transcript, words)


def texts(words: Iterable[Word]) -> str:
    return " ".join(word.text for word in words)


def finals(steps: Iterable[Step]) -> str:
    return " ".join(texts(step.final) for step in steps if step.final)


def feed(turns: Turns, *messages: Turn) -> list[Step]:
    return [step for message in messages for step in turns.turn(message)]


@pytest.fixture
def snapshots() -> Turns:
    """As the Universal-3 models send them."""
    return Turns(word_by_word=False, formatted=False)


@pytest.fixture
def by_word() -> Turns:
    """As Universal-Streaming sends them without formatting."""
    return Turns(word_by_word=True, formatted=False)


@pytest.fixture
def formatting() -> Turns:
    """As Universal-Streaming sends them with format_turns."""
    return Turns(word_by_word=True, formatted=True)


class TestSnapshots:
    def test_a_partial_is_the_whole_turn_and_its_end_is_final(self, snapshots):
        steps = feed(snapshots, turn(0, "Hello"), turn(0, "Hello the"), turn(0, "Hello there.", end=True))
        assert [(texts(s.final), texts(s.open), s.ends_turn) for s in steps] == [
            ("", "Hello", False),
            ("", "Hello the", False),
            ("Hello there.", "", True),
        ]

    def test_a_formatted_partial_is_no_final(self, snapshots):
        (step,) = snapshots.turn(turn(0, "Hello", formatted=True))
        assert not step.final

    def test_a_final_that_comes_twice_counts_once(self, snapshots):
        assert finals(feed(snapshots, turn(0, "Yes.", end=True), turn(0, "Yes.", end=True))) == "Yes."

    def test_a_partial_after_the_final_of_its_turn_is_ignored(self, snapshots):
        assert feed(snapshots, turn(0, "Yes.", end=True), turn(0, "Yes"))[1:] == []

    def test_a_turn_whose_final_never_came_is_given_when_the_next_starts(self, snapshots):
        steps = feed(snapshots, turn(0, "first words"), turn(1, "second"))
        assert [(texts(s.final), texts(s.open)) for s in steps[1:]] == [("first words", ""), ("", "second")]

    def test_its_late_final_brings_only_what_is_new(self, snapshots):
        steps = feed(
            snapshots, turn(0, "first words"), turn(1, "second"), turn(0, "First words, late.", end=True)
        )
        assert texts(steps[-1].final) == ", late."
        assert texts(steps[-1].open) == "second"
        assert feed(snapshots, turn(0, "First words, late.", end=True)) == []

    def test_a_late_turn_that_was_finished_is_ignored(self, snapshots):
        assert feed(snapshots, turn(3, "Yes.", end=True), turn(1, "old", end=True), turn(1, "old"))[1:] == []

    @pytest.mark.parametrize("order", [0, 1])
    def test_an_order_that_is_used_again_for_later_words_loses_nothing(self, snapshots, order):
        feed(snapshots, turn(0, "one", end=True), turn(1, "two", end=True, at=5))
        again = [turn(order, "three", at=9), turn(order, "three four", end=True, at=9)]
        steps = feed(snapshots, *again, again[-1], turn(2, "five", end=True, at=20))
        assert finals(steps) == "three four five"

    def test_an_empty_final_gives_nothing_and_clears_what_was_open(self, snapshots):
        last = feed(snapshots, turn(0, "hm"), turn(0, "", end=True))[-1]
        assert (list(last.final), list(last.open), last.ends_turn) == ([], [], False)

    def test_text_without_words_is_not_lost(self, snapshots):
        assert finals(snapshots.turn(turn(0, "", end=True, transcript="All of it."))) == "All of it."

    def test_the_rest_is_final_once(self, snapshots):
        snapshots.turn(turn(0, "in hand"))
        assert finals(snapshots.rest()) == "in hand"
        assert snapshots.rest() == []

    def test_words_after_the_rest_are_not_lost(self, snapshots):
        snapshots.turn(turn(0, "in hand"))
        snapshots.rest()
        assert finals(snapshots.turn(turn(0, "In hand and more.", end=True))) == "and more."


class TestWordByWord:
    def test_words_are_given_as_they_become_final(self, by_word):
        steps = feed(
            by_word,
            turn(0, "my", final=0),
            turn(0, "my son", final=1),
            turn(0, "my sonny", final=2),
            turn(0, "my sonny boy", final=2),
            turn(0, "my sonny boy", end=True),
        )
        assert [(texts(s.final), texts(s.open), s.ends_turn) for s in steps] == [
            ("", "my", False),
            ("my", "son", False),
            ("sonny", "", False),
            ("", "boy", False),
            ("boy", "", True),
        ]

    def test_the_end_of_a_turn_whose_words_were_all_given_still_ends_it(self, by_word):
        last = feed(by_word, turn(0, "yes", final=1), turn(0, "yes", end=True))[-1]
        assert (list(last.final), list(last.open), last.ends_turn) == ([], [], True)

    def test_a_second_formatted_final_is_ignored(self, by_word):
        steps = feed(
            by_word,
            turn(0, "twenty five", end=True, formatted=False),
            turn(0, "25.", end=True, formatted=True),
        )
        assert finals(steps) == "twenty five"

    def test_a_mark_that_comes_with_the_end_comes_alone(self, by_word):
        steps = feed(by_word, turn(0, "it is so", final=3), turn(0, "It is so.", end=True))
        assert finals(steps) == "it is so ."
        assert steps[-1].final[0].start == steps[-1].final[0].end == 900

    def test_words_that_were_counted_anew_are_told_apart_by_their_times(self, by_word):
        feed(by_word, turn(0, "twenty five", final=2))
        later = Turn(
            0,
            True,
            True,
            "",
            (Word("25", 0, 600, 1.0, True, None), word("dogs.", 2)),
        )
        assert texts(by_word.turn(later)[0].final) == "dogs."


class TestFormatting:
    def test_the_double_final_is_one(self, formatting):
        steps = feed(
            formatting,
            turn(0, "hello there", final=2, formatted=False),
            turn(0, "hello there", end=True, formatted=False),
            turn(0, "Hello there.", end=True, formatted=True),
            turn(0, "Hello there.", end=True, formatted=True),
        )
        assert finals(steps) == "Hello there."
        assert [texts(s.open) for s in steps] == ["hello there", "hello there", ""]

    def test_a_final_that_is_formatted_already_is_not_waited_for(self, formatting):
        assert finals(formatting.turn(turn(0, "Hello there.", end=True))) == "Hello there."
        assert not formatting.waiting_for_format

    def test_a_formatted_final_that_never_comes_does_not_lose_the_text(self, formatting):
        formatting.turn(turn(0, "hello there", end=True, formatted=False))
        assert formatting.waiting_for_format
        assert finals(formatting.turn(turn(1, "next", formatted=False))) == "hello there"
        assert formatting.turn(turn(0, "Hello there.", end=True)) == []

    def test_one_that_comes_after_the_rest_was_given_is_ignored(self, formatting):
        formatting.turn(turn(0, "hello there", end=True, formatted=False))
        assert finals(formatting.rest()) == "hello there"
        assert formatting.turn(turn(0, "Hello there.", end=True)) == []

    def test_an_empty_formatted_final_does_not_take_the_text_back(self, formatting):
        formatting.turn(turn(0, "hello there", end=True, formatted=False))
        assert finals(formatting.turn(turn(0, "", end=True))) == "hello there"

    def test_a_partial_between_the_two_finals_changes_nothing(self, formatting):
        formatting.turn(turn(0, "hello there", end=True, formatted=False))
        assert formatting.turn(turn(0, "hello", formatted=False)) == []
        assert finals(formatting.turn(turn(0, "Hello there.", end=True))) == "Hello there."


VOCABULARY = st.sampled_from(["the", "patient", "said", "no", "and", "25", "dogs", "don't", "U.S.", "3.5"])
SPOKEN = st.lists(st.lists(VOCABULARY, max_size=6), max_size=6)


@st.composite
def legal_snapshots(draw):
    """Turns as the documents allow them for a Universal-3 model, and what was said."""
    said = draw(SPOKEN)
    messages = []
    for order, words in enumerate(said):
        for _ in range(draw(st.integers(0, 3))):
            messages.append(turn(order, " ".join(draw(st.lists(VOCABULARY, max_size=7)))))
        messages += [turn(order, " ".join(words), end=True)] * draw(st.integers(1, 2))
    return said, messages


@st.composite
def legal_words(draw):
    """Turns of Universal-Streaming: words become final one by one, with or without formatted finals."""
    said = draw(SPOKEN)
    formatted = draw(st.booleans())
    messages = []
    for order, words in enumerate(said):
        for count in range(1, len(words) + 1):
            final = count - draw(st.integers(0, 1))
            shown = words[:final] + [words[count - 1][:2]] * (count - final)
            messages.append(turn(order, " ".join(shown), formatted=False, final=final))
        messages.append(turn(order, " ".join(words), end=True, formatted=False))
        if formatted and draw(st.booleans()):
            messages.append(turn(order, " ".join(words), end=True, formatted=True))
    return said, messages, formatted


def spoken(said) -> list[str]:
    return [word for words in said for word in words]


@given(legal_snapshots())
def test_finals_of_any_legal_snapshots_are_the_text_exactly_once(case):
    said, messages = case
    turns = Turns(word_by_word=False, formatted=False)
    steps = feed(turns, *messages) + turns.rest()
    assert finals(steps).split() == spoken(said)


@given(legal_words())
def test_finals_of_any_legal_words_are_the_text_exactly_once(case):
    said, messages, formatted = case
    turns = Turns(word_by_word=True, formatted=formatted)
    steps = feed(turns, *messages) + turns.rest()
    assert finals(steps).split() == spoken(said)


@given(legal_words(), st.integers(0, 40))
def test_a_session_that_breaks_off_anywhere_loses_no_final_word(case, cut):
    _, messages, formatted = case
    messages = messages[:cut]
    turns = Turns(word_by_word=True, formatted=formatted)
    steps = feed(turns, *messages) + turns.rest()
    heard: dict[int, list[str]] = {message.order: [w.text for w in message.words] for message in messages}
    assert finals(steps).split() == [text for order in sorted(heard) for text in heard[order]]


ANY_WORD = st.builds(
    Word,
    st.text(max_size=4),
    st.integers(-5, 5000),
    st.integers(0, 5000),
    st.floats(0, 1),
    st.booleans(),
    st.none(),
)
ANY_TURN = st.builds(
    Turn,
    st.integers(-1, 4),
    st.booleans(),
    st.booleans(),
    st.text(max_size=8),
    st.lists(ANY_WORD, max_size=4).map(tuple),
)


@given(st.lists(ANY_TURN, max_size=15), st.booleans(), st.booleans())
def test_turns_in_any_order_raise_nothing_and_what_is_open_is_never_final_too(messages, by_word, formatted):
    turns = Turns(by_word, formatted)
    for message in messages:
        for step in turns.turn(message):
            assert not set(map(id, step.final)) & set(map(id, step.open))
    turns.rest()
    assert list(turns.open_words) == []
