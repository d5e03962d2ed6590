"""Speechmatics' word replacements (``transcript_filtering_config.replacements``), which AssemblyAI has not.

A rule replaces one word. ``from`` is the word itself, to the letter, or between slashes a regular expression in the
dialect of ECMAScript; rules of words come before those of expressions, and no word is changed by two (Speechmatics docs,
formatting). Of an expression every match in the word is replaced; ``$&`` and ``$1`` in ``to`` are what matched, as in
ECMAScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_TOKEN = re.compile(
    r"""\\k<(?P<reference>\w+)> | \\(?P<escaped>.) | \(\?<(?P<group>\w+)> | \[(?P<class>\^?(?:\\.|[^\]\\])*)\] | .""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPES = frozenset("bBdDsSwWfnrtvxu")
_REFERENCE = re.compile(r"\$(?:(?P<self>[$&])|<(?P<name>\w+)>|(?P<number>[1-9][0-9]?))")


class Replacements:
    """The rules of a session.

    Args:
        rules: objects with ``from`` and ``to``.

    Raises:
        ValueError: a regular expression is none. The message says which, and what is wrong with it.
    """

    def __init__(self, rules: Iterable[Mapping[str, str]]) -> None:
        self._words: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for rule in rules:
            pattern = pattern_of(rule["from"])
            if pattern is None:
                self._words.setdefault(rule["from"], rule["to"])
            else:
                self._patterns.append((pattern, rule["to"]))

    def __call__(self, word: str) -> str:
        """What stands for a word now."""
        if word in self._words:
            return self._words[word]
        for pattern, to in self._patterns:
            if pattern.search(word):
                return _replaced(word, pattern, to)
        return word


def pattern_of(text: str) -> re.Pattern[str] | None:
    """The regular expression that ``from`` is; None when it is a word.

    Raises:
        ValueError: it is meant to be one, and is not. The message says what is wrong.
    """
    if len(text) < 3 or not (text.startswith("/") and text.endswith("/")):
        return None
    try:
        # ECMAScript's classes know no letters beyond ASCII.
        return re.compile(_TOKEN.sub(_translated, text[1:-1]), re.ASCII)
    except (re.error, OverflowError, RecursionError) as problem:
        raise ValueError(f"{problem}") from None


def _translated(token: re.Match[str]) -> str:
    """A piece of ECMAScript's syntax in Python's, where the two differ."""
    escaped, group, reference, members = token.group("escaped", "group", "reference", "class")
    if group:
        return f"(?P<{group}>"
    if reference:
        return f"(?P={reference})"
    if escaped and escaped.isalpha() and escaped.isascii() and escaped not in _ESCAPES:
        raise re.error(f"\\{escaped} has no meaning")
    if members == "":
        return "(?!)"
    if members == "^":
        return r"[\s\S]"
    if members is not None:
        # Python may come to take these for set operations, and says so.
        return "[" + re.sub(r"(\\.)|([\[&~|])", lambda m: m[1] or "\\" + m[2], members, flags=re.DOTALL) + "]"
    return token[0]


def _replaced(word: str, pattern: re.Pattern[str], to: str) -> str:
    matches = list(pattern.finditer(word))
    # "/.*/" also matches the nothing behind a word, which nobody means.
    matches = [match for match in matches if match[0]] or matches[:1]
    parts, position = [], 0
    for match in matches:
        parts += [word[position : match.start()], _expanded(to, match)]
        position = match.end()
    return "".join(parts) + word[position:]


def _expanded(to: str, match: re.Match[str]) -> str:
    def value(reference: re.Match[str]) -> str:
        if reference["self"]:
            return "$" if reference["self"] == "$" else match[0]
        if reference["name"]:
            named = match.groupdict()
            return (named[reference["name"]] or "") if reference["name"] in named else reference[0]
        digits = reference["number"]
        for length in range(len(digits), 0, -1):
            if int(digits[:length]) <= match.re.groups:
                return (match[int(digits[:length])] or "") + digits[length:]
        return reference[0]

    return _REFERENCE.sub(value, to)
