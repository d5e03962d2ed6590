"""AssemblyAI's words as the `results` and `transcript` of a Speechmatics transcript.

AssemblyAI leaves punctuation on the word ("Fine."); Speechmatics makes each mark a result of its own, of no
duration, that says what it attaches to and whether it ends a sentence (observed 2025-09 in captured sessions).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from shim.protocol.assemblyai import Word
from shim.protocol.speechmatics import Result, punctuation, word

_SENTENCE_ENDS = frozenset(".!?。！？।॥؟")
_MARKS = _SENTENCE_ENDS | frozenset(",;:…，、；：،؛")
_BRACKETS = {")": "(", "]": "[", "}": "{", "»": "«", "”": "“", "」": "「", "』": "『", "）": "（", "】": "【"}
_OPENING = frozenset(_BRACKETS.values()) | frozenset('"„¿¡')
_CLOSING = frozenset(_BRACKETS) | {'"'}

# "U.S.", "a.m.", "Ph.D.": the last full stop belongs to the word.
_ABBREVIATION = re.compile(r"(?:[^\W\d_]{1,2}\.){2,}")
_ONE_MARK = re.compile(r"\.{2,}|.", re.DOTALL)


class Pieces(NamedTuple):
    """A word as AssemblyAI writes it, taken apart; joined again the pieces are ``text``.

    Attributes:
        text: the whole, without white space around it.
        before: marks that attach to what follows them (an opening quote or bracket).
        word: what is left; empty when the text is punctuation only.
        after: marks that attach to what precedes them, each with whether it ends a sentence.
    """

    text: str
    before: tuple[str, ...]
    word: str
    after: tuple[tuple[str, bool], ...]


@lru_cache(maxsize=8192)
def take_apart(text: str) -> Pieces:
    """Split the punctuation off a word.

    Apostrophes and hyphens belong to the word, as do marks inside it ("3.5", "10:30", "1,000") and the last full stop
    of an abbreviation. "..." is one mark and ends no sentence.
    """
    text = text.strip()
    start, end = 0, len(text)
    while start < end and text[start] in _OPENING:
        start += 1
    while end > start and _ends_with_mark(text[start:end]):
        end -= 1
    after = _ONE_MARK.findall(text[end:])
    before = tuple(text[:start])
    if start == end and after:
        # Punctuation only: there is no word for the opening marks to attach to.
        before, after = (), [*before, *after]
    return Pieces(text, before, text[start:end], tuple((mark, mark in _SENTENCE_ENDS) for mark in after))


def _ends_with_mark(text: str) -> bool:
    last = text[-1]
    if last == "." and _ABBREVIATION.fullmatch(text):
        return False
    if last in _CLOSING:
        # "f(x)" keeps its bracket.
        return _BRACKETS.get(last, "\0") not in text
    return last in _MARKS


def compose(
    words: Iterable[Word], language: str, delimiter: str, label: Callable[[str | None], str] | None = None
) -> tuple[list[Result], str]:
    """`results` and the text of some words.

    Args:
        words: in order.
        language: the language that the program asked for; every alternative repeats it.
        delimiter: stands between two words.
        label: gives the Speechmatics label for a word's speaker; None without diarization.

    Returns:
        The results, and the words' text without a delimiter at its end.
    """
    results: list[Result] = []
    texts: list[str] = []
    speaker = None
    for spoken in words:
        text, before, core, after = take_apart(spoken.text)
        start, end = spoken.start / 1000, spoken.end / 1000
        if label:
            speaker = label(spoken.speaker)
        if core and core == text:
            # Most words have no marks.
            results.append(word(text, spoken.confidence, language, start, end, speaker))
            texts.append(text)
            continue
        results += [punctuation(mark, language, start, "next", False, speaker) for mark in before]
        if core:
            results.append(word(core, spoken.confidence, language, start, end, speaker))
        results += [punctuation(mark, language, end, "previous", ends, speaker) for mark, ends in after]
        if texts and not (core or before):
            texts[-1] += text
        elif text:
            texts.append(text)
    return results, delimiter.join(texts)
