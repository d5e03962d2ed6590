"""What a program wants to have otherwise in the text."""

from __future__ import annotations

from typing import Any

import pytest

from shim.protocol.assemblyai import Word
from shim.protocol.results import compose, take_apart
from shim.protocol.wording import wording


def heard(text: str, language: str = "en", **config: Any) -> tuple[list[str], str]:
    """Content of the results, and the text, of words that were heard."""
    words = [Word(part, 100 * i, 100 * i + 90, 0.9, True) for i, part in enumerate(text.split())]
    results, transcript = compose(words, language, " ", pieces_of=wording(config, language))
    return [result["alternatives"][0]["content"] for result in results], transcript


def marks(*permitted: str) -> dict[str, Any]:
    return {"punctuation_overrides": {"permitted_marks": list(permitted)}}


def filtering(**config: Any) -> dict[str, Any]:
    return {"transcript_filtering_config": config}


WITHOUT = filtering(remove_disfluencies=True)


@pytest.mark.parametrize(
    ("config", "becomes"),
    [
        (marks("all"), "“Well, it's 3.5, Dr. No!” He left: why?"),
        (marks(".", "all"), "“Well, it's 3.5, Dr. No!” He left: why?"),
        (marks(".", ","), "Well, it's 3.5, Dr. No He left why"),
        (marks("?", "§"), "Well it's 3.5 Dr No He left why?"),
        (marks(), "Well it's 3.5 Dr No He left why"),
    ],
)
def test_only_permitted_marks_come_and_capitals_stay(config, becomes):
    contents, text = heard("“Well, it's 3.5, Dr. No!” He left: why?", **config)
    assert text == becomes
    permitted = config["punctuation_overrides"]["permitted_marks"]
    if "all" not in permitted:
        assert {content for content in contents if not take_apart(content).word} <= set(permitted)


def test_a_word_that_was_only_a_mark_disappears_with_it():
    assert heard(". , …", **marks()) == ([], "")


@pytest.mark.parametrize("text", ["Um.", "uh", "Er,", "Hmm", "mmm"])
def test_english_disfluencies_are_tagged(text):
    results, _ = compose([Word(text, 0, 90, 0.9, True)], "en", " ", pieces_of=wording({}, "en"))
    assert results[0]["alternatives"][0]["tags"] == ["disfluency"]
    assert all("tags" not in result["alternatives"][0] for result in results[1:])


@pytest.mark.parametrize(
    ("text", "language"), [("ER", "en"), ("uh-huh", "en"), ("umbrella", "en"), ("um", "de")]
)
def test_words_that_are_none_are_not_tagged(text, language):
    results, _ = compose([Word(text, 0, 90, 0.9, True)], language, " ", pieces_of=wording(WITHOUT, language))
    assert [result["alternatives"] for result in results] == [
        [{"confidence": 0.9, "content": text, "language": language}]
    ]


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ("Um, we should go.", "we should go."),
        ("We should, uh, go.", "We should, go."),
        ("We should go um.", "We should go."),
        ("We should go, um.", "We should go."),
        ("Should we go, um?", "Should we go?"),
        ("We go! Um.", "We go!"),
        ("He said “no” um.", "He said “no”."),
        ("We go um, uh.", "We go."),
        ("Um. Uh.", ""),
        ("Um, erm...", ""),
    ],
)
def test_disfluencies_are_left_out_with_their_commas_and_the_sentence_still_ends(said, becomes):
    contents, text = heard(said, **WITHOUT)
    assert text == becomes
    assert contents == heard(becomes)[0]


def test_replacements_change_results_and_text_alike():
    rules = filtering(replacements=[{"from": "York", "to": "New York"}, {"from": "/[0-9]/", "to": "#"}])
    assert heard("In York, 42.", **rules) == (["In", "New York", ",", "##", "."], "In New York, ##.")


def test_a_word_that_is_replaced_by_nothing_is_left_out():
    rules = filtering(replacements=[{"from": "damn", "to": ""}])
    assert heard("The damn, cold night. Oh damn!", **rules)[1] == "The cold night. Oh!"


def test_a_disfluency_that_is_replaced_is_still_tagged():
    results, text = compose(
        [Word("um", 0, 90, 0.9, True)],
        "en",
        " ",
        pieces_of=wording(filtering(replacements=[{"from": "um", "to": "[pause]"}]), "en"),
    )
    assert (text, results[0]["alternatives"][0]["tags"]) == ("[pause]", ["disfluency"])


def test_nothing_is_done_where_nothing_is_asked():
    assert wording({}, "de") is take_apart


def test_partials_and_finals_of_a_session_agree(session, make_turn):
    session.run(
        enable_partials=True,
        punctuation_overrides={"permitted_marks": ["."]},
        transcript_filtering_config={
            "remove_disfluencies": True,
            "replacements": [{"from": "/^[Aa]cme$/", "to": "ACME"}],
        },
    )
    assert session.messages() == []
    session.hear(make_turn(0, "Um, the acme, they say!"))
    session.hear(make_turn(0, "Um, the acme, they say.", end=True))
    partial, final, _ = session.messages()
    assert partial["metadata"]["transcript"] == "the ACME they say"
    assert final["metadata"]["transcript"] == "the ACME they say. "
    assert [result["alternatives"][0]["content"] for result in final["results"]] == [
        "the", "ACME", "they", "say", ".",
    ]  # fmt: skip


def test_a_turn_of_which_nothing_is_left_is_no_final(session, make_turn):
    session.run(enable_partials=True, transcript_filtering_config={"remove_disfluencies": True})
    session.hear(make_turn(0, "Um.", end=True))
    session.hear(make_turn(1, "Yes.", end=True, start=3000))
    assert session.text == "Yes. "


def test_an_expression_that_is_none_ends_the_session(session):
    session.start(transcript_filtering_config={"replacements": [{"from": "/(/", "to": ""}]})
    (error,) = session.messages()
    assert (error["message"], error["type"]) == ("Error", "invalid_config")
    assert "replacements" in error["reason"]
