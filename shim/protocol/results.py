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
from shim.protocol.speechmatics import Alternative, Result, punctuation, word

_SENTENCE_ENDS = frozenset(".!?。！？।॥؟")
_PAUSES = frozenset(",;:…，、；：،؛")
_MARKS = _SENTENCE_ENDS | _PAUSES
_BRACKETS = {")": "(", "]": "[", "}": "{", "»": "«", "”": "“", "」": "「", "』": "『", "）": "（", "】": "【"}
_OPENING = frozenset(_BRACKETS.values()) | frozenset('"„¿¡')
_CLOSING = frozenset(_BRACKETS) | {'"'}

# "U.S.", "a.m.", "Ph.D.": the last full stop belongs to the word.
_ABBREVIATION = re.compile(r"(?:[^\W\d_]{1,2}\.){2,}")
_ONE_MARK = re.compile(r"\.{2,}|.", re.DOTALL)


Marks = tuple[tuple[str, bool], ...]
"""Punctuation marks, each with whether it ends a sentence."""


class Pieces(NamedTuple):
    """A word taken apart; joined again the pieces are ``text``.

    Attributes:
        text: the whole, without white space around it.
        before: marks that attach to what follows them (an opening quote or bracket).
        word: what is left; empty when the text is punctuation only.
        after: marks that attach to what precedes them.
        disfluency: the word is a hesitation.
        is_left_out: there was a word, and it is not wanted. If it ended a sentence, the word before it does.
        is_plain: nothing but a word.
    """

    text: str
    before: tuple[str, ...]
    word: str
    after: Marks
    disfluency: bool
    is_left_out: bool
    is_plain: bool

    @classmethod
    def of(cls, before: tuple[str, ...], word: str, after: Marks, disfluency: bool = False) -> Pieces:
        """Of these parts."""
        text = "".join((*before, word, *(mark for mark, _ in after)))
        return cls(
            text, before, word, after, disfluency, False, bool(word) and word == text and not disfluency
        )

    @classmethod
    def left_out(cls, after: Marks) -> Pieces:
        """What stays of a word that is not wanted: of its marks ``after`` the one that ends the sentence."""
        end = tuple(mark for mark in after if mark[1])[:1]
        return cls(end[0][0] if end else "", (), "", end, False, True, False)


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
    return Pieces.of(before, text[start:end], tuple((mark, mark in _SENTENCE_ENDS) for mark in after))


def _ends_with_mark(text: str) -> bool:
    last = text[-1]
    if last == "." and _ABBREVIATION.fullmatch(text):
        return False
    if last in _CLOSING:
        # "f(x)" keeps its bracket.
        return _BRACKETS.get(last, "\0") not in text
    return last in _MARKS


def compose(
    words: Iterable[Word],
    language: str,
    delimiter: str,
    label: Callable[[str | None], str] | None = None,
    pieces_of: Callable[[str], Pieces] = take_apart,
) -> tuple[list[Result], str]:
    """`results` and the text of some words.

    Args:
        words: in order.
        language: the language that the program asked for; every alternative repeats it.
        delimiter: stands between two words.
        label: gives the Speechmatics label for a word's speaker; None without diarization.
        pieces_of: takes a word apart.

    Returns:
        The results, and the words' text without a delimiter at its end.
    """
    results: list[Result] = []
    texts: list[str] = []
    for spoken in words:
        pieces = pieces_of(spoken.text)
        if pieces.is_plain:  # as most words are, so that even calling `word` for them would be felt
            reading: Alternative = {
                "confidence": spoken.confidence,
                "content": pieces.text,
                "language": language,
            }
            if label:
                reading["speaker"] = label(spoken.speaker)
            results.append(
                {
                    "alternatives": [reading],
                    "end_time": spoken.end / 1000,
                    "start_time": spoken.start / 1000,
                    "type": "word",
                }
            )
            texts.append(pieces.text)
            continue
        start, end = spoken.start / 1000, spoken.end / 1000
        speaker = label(spoken.speaker) if label else None
        text, before, core, after, disfluency, is_left_out, _ = pieces
        if is_left_out and not (after and _has_room_for_end(results, texts)):
            continue
        results += [punctuation(mark, language, start, "next", False, speaker) for mark in before]
        if core:
            results.append(word(core, spoken.confidence, language, start, end, speaker, disfluency))
        results += [punctuation(mark, language, end, "previous", ends, speaker) for mark, ends in after]
        if texts and not (core or before):
            texts[-1] += text
        elif text:
            texts.append(text)
    return results, delimiter.join(texts)


def _has_room_for_end(results: list[Result], texts: list[str]) -> bool:
    """Whether a mark that ends a sentence may follow; a comma gives way to it."""
    if not results:
        return False
    last = results[-1]
    if last["type"] == "punctuation":
        if last["is_eos"]:
            return False
        mark = last["alternatives"][0]["content"]
        if mark in _PAUSES:
            results.pop()
            texts[-1] = texts[-1].removesuffix(mark)
    return True
