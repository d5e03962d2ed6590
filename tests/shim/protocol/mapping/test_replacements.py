"""Word replacements, as Speechmatics documents them."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.mapping.replacements import Replacements, pattern_of


def replaced(word: str, *rules: tuple[str, str]) -> str:
    return Replacements({"from": old, "to": new} for old, new in rules)(word)


@pytest.mark.parametrize(
    ("rule", "word", "becomes"),
    [
        (("hello", "hi"), "hello", "hi"),
        (("hello", "hi"), "Hello", "Hello"),
        (("hello", "hi"), "hellos", "hellos"),
        (("a.c", "x"), "abc", "abc"),
        (("/^[Hh]ello$/", "hi"), "Hello", "hi"),
        (("/[0-9]/", "#"), "A12b3", "A##b#"),
        ((r"/(\w+)@(\w+)/", "$2 at $1"), "me@home", "home at me"),
        (("/b+/", "<$&>"), "abba", "a<bb>a"),
        (("/(a)/", "$10$$$2"), "a", "a0$$2"),
        (("/(?<first>.)(?<rest>.*)/", "$<rest>$<first>$<none>"), "abc", "bca$<none>"),
        ((r"/(?<twice>l)\k<twice>/", "L"), "hello", "heLo"),
        ((r"/(l)\1/", "L"), "hello", "heLo"),
        ((r"/\d/", "#"), "٣3", "٣#"),
        ((r"/a\/b/", "x"), "a/b", "x"),
        (("/[^]/", "."), "ab", ".."),
        (("/a[]|b/", "x"), "ab", "ax"),
        (("/[[a&&b]+/", "x"), "a[&b", "x"),
        (("/a(x)?/", "<$1>"), "a", "<>"),
        (("/.*/", "x"), "a", "x"),
        (("/^/", "x"), "a", "xa"),
        (("/$/", "x"), "a", "ax"),
        (("/", "x"), "/", "x"),
        (("//", "x"), "//", "x"),
        (("/a/i", "x"), "A", "A"),
    ],
)
def test_a_rule_replaces_a_word(rule, word, becomes):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert replaced(word, rule) == becomes


def test_rules_of_words_come_first_and_expressions_in_their_order():
    rules = [("/.*/", "last"), ("/b/", "never"), ("b", "first"), ("b", "second")]
    assert replaced("b", *rules) == "first"
    assert replaced("c", *rules) == "last"


def test_no_word_is_changed_by_two_rules():
    assert replaced("a", ("a", "b"), ("b", "c"), ("/b/", "d")) == "b"
    assert replaced("a", ("/a/", "b"), ("/b/", "c")) == "b"


@pytest.mark.parametrize("text", ["/(/", "/[a/", "/*/", r"/\k<none>/", r"/\Z/", "/(?<a/", "/a{99999999999}/"])
def test_an_expression_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        pattern_of(text)


@given(st.text(max_size=20), st.text(max_size=8), st.text(max_size=8))
def test_any_text_is_a_rule_or_refused(expression, to, word):
    for old in (expression, f"/{expression}/"):
        try:
            rules = Replacements([{"from": old, "to": to}])
        except ValueError:
            continue
        assert isinstance(rules(word), str)
