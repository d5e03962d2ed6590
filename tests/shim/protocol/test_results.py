"""Words and their punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.assemblyai import Word
from shim.protocol.results import compose, take_apart


def word(text: str, start: int = 1000, end: int = 1400, speaker: str | None = None) -> Word:
    return Word(text, start, end, 0.75, True, speaker)


@pytest.mark.parametrize(
    ("text", "before", "core", "after"),
    [
        ("Fine.", "", "Fine", [(".", True)]),
        ("well,", "", "well", [(",", False)]),
        ("what?!", "", "what", [("?", True), ("!", True)]),
        ("don't", "", "don't", []),
        ("’cause", "", "’cause", []),
        ("dogs'", "", "dogs'", []),
        ("3.5", "", "3.5", []),
        ("3.5.", "", "3.5", [(".", True)]),
        ("10:30", "", "10:30", []),
        ("1,000,", "", "1,000", [(",", False)]),
        ("U.S.", "", "U.S.", []),
        ("U.S.,", "", "U.S.", [(",", False)]),
        ("a.m.", "", "a.m.", []),
        ("Ph.D.", "", "Ph.D.", []),
        ("50%.", "", "50%", [(".", True)]),
        ("$5.", "", "$5", [(".", True)]),
        ("well-known", "", "well-known", []),
        ("hel-", "", "hel-", []),
        ("-", "", "-", []),
        ("&", "", "&", []),
        ("so...", "", "so", [("...", False)]),
        ("so…", "", "so", [("…", False)]),
        ('"Hello,"', '"', "Hello", [(",", False), ('"', False)]),
        ("(maybe)", "(", "maybe", [(")", False)]),
        ("[Music]", "[", "Music", [("]", False)]),
        ("f(x)", "", "f(x)", []),
        ("f(x).", "", "f(x)", [(".", True)]),
        ("¿Qué?", "¿", "Qué", [("?", True)]),
        ("了。", "", "了", [("。", True)]),
        ("है।", "", "है", [("।", True)]),
        (".", "", "", [(".", True)]),
        ("...", "", "", [("...", False)]),
        ("", "", "", []),
        (" padded. ", "", "padded", [(".", True)]),
    ],
)
def test_punctuation_is_split_off(text, before, core, after):
    pieces = take_apart(text)
    assert ("".join(pieces.before), pieces.word, list(pieces.after)) == (before, core, after)


@given(st.text())
def test_the_pieces_joined_are_the_text(text):
    pieces = take_apart(text)
    joined = "".join(pieces.before) + pieces.word + "".join(mark for mark, _ in pieces.after)
    assert joined == pieces.text == text.strip()


def test_a_mark_is_a_result_of_no_duration_at_the_end_of_its_word():
    results, text = compose([word("Fine.", 1500, 1900, "A")], "en", " ", lambda label: f"<{label}>")
    assert text == "Fine."
    assert results == [
        {
            "alternatives": [{"confidence": 0.75, "content": "Fine", "language": "en", "speaker": "<A>"}],
            "end_time": 1.9,
            "start_time": 1.5,
            "type": "word",
        },
        {
            "alternatives": [{"confidence": 1.0, "content": ".", "language": "en", "speaker": "<A>"}],
            "attaches_to": "previous",
            "end_time": 1.9,
            "is_eos": True,
            "start_time": 1.9,
            "type": "punctuation",
        },
    ]


def test_an_opening_mark_attaches_to_the_word_after_it():
    results, text = compose([word("he"), word("said"), word("“no”.")], "en", " ")
    assert text == "he said “no”."
    assert [(r["alternatives"][0]["content"], r.get("attaches_to")) for r in results] == [
        ("he", None),
        ("said", None),
        ("“", "next"),
        ("no", None),
        ("”", "previous"),
        (".", "previous"),
    ]


def test_without_diarization_no_alternative_has_a_speaker():
    results, _ = compose([word("Fine.", speaker="A")], "en", " ")
    assert all("speaker" not in result["alternatives"][0] for result in results)


def test_a_mark_that_is_a_word_of_its_own_stands_without_a_delimiter():
    assert compose([word("Fine"), word("."), word("Good")], "en", " ")[1] == "Fine. Good"


def test_a_language_without_delimiter_joins_words_directly():
    assert compose([word("你好"), word("吗？")], "cmn", "")[1] == "你好吗？"


def test_empty_words_leave_no_trace():
    assert compose([word(""), word("  "), word("yes"), word("")], "en", " ")[1] == "yes"
    assert compose([word(" ")], "en", " ") == ([], "")


def rejoin(results, delimiter: str) -> str:
    """Text from results, as their documentation says."""
    text, glue = "", True
    for result in results:
        attaches = result.get("attaches_to")
        if not glue and attaches != "previous":
            text += delimiter
        text += result["alternatives"][0]["content"]
        glue = attaches == "next"
    return text


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", '"', "(", "¿"]),
            st.sampled_from(["yes", "U.S.", "3.5", "don't", "a-b", "é"]),
            st.sampled_from(["", ".", ",", "?!", "...", '."', ")"]),
        )
    )
)
def test_the_transcript_is_what_the_results_say(parts):
    words = [word(before + core + after) for before, core, after in parts]
    results, text = compose(words, "en", " ")
    assert rejoin(results, " ") == text
