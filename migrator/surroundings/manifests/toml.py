"""The strings and entries of a TOML file with their places, for edits that keep every other byte.

A scanner and no parser: what it leads to is checked with tomlkit, which knows the whole language but not the offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.surroundings.text import Text

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\']|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''
    r"|#[^\n]*|[\[\]{}=,]|\n|[^\s\[\]{}=,#\"']+",
    re.DOTALL,
)


@dataclass(frozen=True)
class Entry:
    """A key with its value.

    Attributes:
        path: the dotted names of its table and its key.
        start, end: offsets from the key to the end of the value.
        strings: the strings that are items of its array: offsets, with the quotes.
    """

    path: str
    start: int
    end: int
    strings: tuple[tuple[int, int], ...]


def entries(text: Text) -> Iterator[Entry]:
    """All entries of all tables, in order."""
    table = ""
    brackets: list[str] = []
    key: list[str] = []
    key_start = end = -1
    has_value = False
    strings: list[tuple[int, int]] = []
    in_header = False
    for token in _TOKEN.finditer(text.text.rstrip("\n") + "\n"):
        word = token.group()
        if word.startswith("#"):
            continue
        if word == "\n":
            if not brackets:
                if has_value:
                    path = ".".join([table, *key] if table else key)
                    yield Entry(path, key_start, end, tuple(strings))
                if in_header:
                    table, in_header = ".".join(key), False
                key, key_start, has_value, strings = [], -1, False, []
            continue
        if not has_value and not key and word == "[":
            in_header = True
        elif in_header:
            if word not in ("[", "]"):
                key += _parts(word)
        elif not has_value:
            if word == "=":
                has_value = True
            elif word != "\ufeff":
                key_start = token.start() if key_start < 0 else key_start
                key += _parts(word)
        else:
            if word in "[{":
                brackets.append(word)
            elif word in "]}" and brackets:
                brackets.pop()
            elif word[0] in "\"'" and brackets == ["["]:
                strings.append(token.span())
            end = token.end()


def _parts(word: str) -> list[str]:
    if word[0] in "\"'":
        return [word[1:-1]]
    return [part for part in word.strip(".\ufeff").split(".") if part]
