"""Notebooks: the code cells as one source, and what became of it back into the cells.

Pure: text in, text out. Only the ``source`` of cells that change is written anew, in the form that the file has; outputs,
metadata and every other byte stay. Magics and shell lines are hidden behind marked statements while the code is looked at.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.edits import Change
from migrator.surroundings.text import Text

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_MAGIC = re.compile(
    r"(?P<indent>[ \t]*)(?:(?P<target>[\w.,\[\]\"' \t]+?)[ \t]*=[ \t]*(?=[%!]))?(?P<magic>[%!?].*|[\w.]+\?\??\s*$)"
)
_AROUND_PYTHON = ("%%capture", "%%memit", "%%prun", "%%time", "%%timeit")
"""Cell magics whose cell is Python all the same."""

_REASON = "as in a script; the cells of a notebook are one program"


class NotANotebook(Exception):
    """The text is no notebook with cells of Python; the message says what it is instead."""


class NoWayBack(Exception):
    """What became of the code cannot be put back into the cells; the message says why."""


@dataclass(frozen=True)
class Token:
    """A string in the JSON text: offsets with the quotes, and its value."""

    start: int
    end: int
    value: str


@dataclass
class Cell:
    """One cell.

    Attributes:
        number: from 1.
        kind: ``code``, ``markdown`` or ``raw``.
        tokens: the strings of its source, in order.
        start, end: offsets of its source, with brackets.
        hidden: for each marked line that stands for others, the lines that it stands for.
        first_line: 1-based line of the joined source where it begins; 0 for a cell that is not in it.
        lines: its lines in the joined source.
    """

    number: int
    kind: str = ""
    tokens: list[Token] = field(default_factory=list)
    start: int = -1
    end: int = -1
    hidden: dict[str, list[str]] = field(default_factory=dict)
    first_line: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def is_list(self) -> bool:
        """Whether its source is a list of lines and no single string."""
        return not self.tokens or self.start != self.tokens[0].start

    @property
    def source(self) -> str:
        """Its text."""
        return "".join(token.value for token in self.tokens)


class Notebook:
    """A notebook of Python.

    Raises:
        NotANotebook: the text is none.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self.document = _loaded(text.text)
        self.is_python = _language(self.document) == "python"
        self.cells = list(_cells(text.text))
        self.code = [cell for cell in self.cells if cell.kind == "code" and cell.source.strip()]
        self.left_out = [cell for cell in self.code if not _python(cell)]
        self.joined = self._join([cell for cell in self.code if cell.lines])

    def _join(self, cells: Sequence[Cell]) -> str:
        lines: list[str] = []
        for number, cell in enumerate(cells):
            if number:
                lines.append(_divider(cell))
            cell.first_line = len(lines) + 1
            lines += cell.lines
        return "".join(lines)

    def place(self, line: int) -> tuple[int, str]:
        """Where a line of the joined source stands: the line of the file, and the cell and line for people."""
        cells = [cell for cell in self.code if cell.first_line]
        cell = next((cell for cell in reversed(cells) if cell.first_line - 1 <= line), cells[0])
        index = max(line - cell.first_line, 0)
        ends, count = [0], 0
        for token in cell.tokens:
            count += token.value.count("\n")
            ends.append(count)
        number = max(i for i, end in enumerate(ends[:-1]) if end <= index)
        return self.text.line_of(cell.tokens[number].start), f"cell {cell.number}, line {index + 1}"

    def beside_code(self) -> str:
        """The text of the file with prose, magics and shell lines only: spaces stand for everything else."""
        text = self.text.text
        pieces, position = [], 0
        for cell in self.cells:
            hidden = [line.rstrip("\n") for lines in cell.hidden.values() for line in lines]
            is_prose = not self.is_python or cell.kind != "code" or cell in self.left_out
            for token in cell.tokens:
                if is_prose or any(line in token.value for line in hidden):
                    pieces += [_blank(text[position : token.start]), text[token.start : token.end]]
                    position = token.end
        return "".join([*pieces, _blank(text[position:])])

    def changes(self, joined: str) -> Iterator[Change]:
        """What changes in the file when the joined source has become another one.

        Raises:
            NoWayBack: a cell or a hidden line cannot be found again.
        """
        if joined == self.joined:
            return
        cells = [cell for cell in self.code if cell.first_line]
        rest = joined
        parts = []
        for cell in cells[1:]:
            before, found, rest = rest.partition(_divider(cell))
            if not found:
                raise NoWayBack(f"cell {cell.number} cannot be told from the one before it any more")
            parts.append(before)
        for cell, part in zip(cells, [*parts, rest], strict=True):
            new = _shown(cell, part)
            if new != cell.source:
                yield from _changes(self.text, cell, new)

    def check(self, after: bytes, changed: str) -> None:
        """See that the bytes afterwards are this notebook with another code, and nothing else.

        Raises:
            NoWayBack: they are not.
        """
        other = Notebook(Text(after))
        if other.joined != changed or _without_code(other.document) != _without_code(self.document):
            raise NoWayBack("the file would not be the same notebook")


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _loaded(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
        raise NotANotebook(f"line {line}, column {column}: no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise NotANotebook("line 1: no notebook of version 4")
    return document


def _language(document: dict[str, Any]) -> str:
    """The language of a notebook, in lower case; Python where it says nothing."""
    metadata = document.get("metadata") or {}
    for path in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(path[0]) if isinstance(metadata, dict) else None
        if isinstance(found, dict) and isinstance(found.get(path[1]), str):
            return str(found[path[1]]).lower()
    return "python"


def _without_code(document: dict[str, Any]) -> dict[str, Any]:
    cells = [
        {**cell, "source": ""} if cell.get("cell_type") == "code" else cell for cell in document["cells"]
    ]
    return {**document, "cells": cells}


def _cells(text: str) -> Iterator[Cell]:
    """The cells with the places of their sources; the JSON is known to be right."""
    path: list[str | int | None] = []
    cell = Cell(0)
    number = 0
    key = ""
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in "[{":
            path.append(key if word == "[" else None)
            if path == [None, "cells", None]:
                number += 1
                cell = Cell(number)
            if path == [None, "cells", None, "source"]:
                cell.start = token.start()
            key = ""
        elif word in "]}":
            if path == [None, "cells", None, "source"]:
                cell.end = token.end()
            if path == [None, "cells", None]:
                yield cell
            path.pop()
            key = ""
        elif word == ",":
            key = "" if path and path[-1] is None else key
        elif word == ":" or word[0] != '"':
            continue
        elif path and path[-1] is None and not key:
            key = str(json.loads(word))
        elif path == [None, "cells", None] and key == "cell_type":
            cell.kind = str(json.loads(word))
        elif path == [None, "cells", None] and key == "source":
            cell.start, cell.end = token.span()
            cell.tokens = [Token(*token.span(), str(json.loads(word)))]
        elif path == [None, "cells", None, "source"]:
            cell.tokens.append(Token(*token.span(), str(json.loads(word))))


def _divider(cell: Cell) -> str:
    # A statement, because a comment would belong to the code below it and go with it.
    return f"pass  # notebook cell {cell.number}\n"


def _python(cell: Cell) -> bool:
    """Fill in the lines of a cell as Python; false if it is none."""
    lines = cell.source.splitlines(keepends=True)
    first = next(line for line in lines if line.strip())
    if first.lstrip().startswith("%%") and not first.lstrip().startswith(_AROUND_PYTHON):
        return False
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    if any(set(line) & set("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029") for line in lines):
        return False
    if not _parses("".join(lines)):
        lines = list(_hidden(cell, lines))
        if not _parses("".join(lines)):
            cell.hidden = {}
            return False
    cell.lines = lines
    return True


def _parses(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _hidden(cell: Cell, lines: Sequence[str]) -> Iterator[str]:
    """The lines with a marked statement in the place of each magic."""
    index = 0
    while index < len(lines):
        match = _MAGIC.match(lines[index])
        if not match:
            yield lines[index]
            index += 1
            continue
        end = index + 1
        while end < len(lines) and lines[end - 1].rstrip("\n").endswith("\\"):
            end += 1
        statement = f"{match['target']} = get_ipython()" if match["target"] else "pass"
        mark = f"{match['indent']}{statement}  # notebook magic {cell.number}.{index + 1}\n"
        cell.hidden[mark] = list(lines[index:end])
        yield mark
        # Lines keep their numbers.
        yield from ["\n"] * (end - index - 1)
        index = end


def _shown(cell: Cell, part: str) -> str:
    """What becomes of a cell: its hidden lines are back, and its end is as it was."""
    lines = part.splitlines(keepends=True)
    for mark, magic in cell.hidden.items():
        if lines.count(mark) != 1:
            raise NoWayBack(f"the line {magic[0].strip()[:60]} of cell {cell.number} stands in changed code")
        index = lines.index(mark)
        if any(line != "\n" for line in lines[index + 1 : index + len(magic)]):
            raise NoWayBack(f"the line {magic[0].strip()[:60]} of cell {cell.number} stands in changed code")
        lines[index : index + len(magic)] = magic
    new = "".join(lines)
    if cell.source.lstrip().startswith("%%") and not new.lstrip().startswith("%%"):
        raise NoWayBack(f"cell {cell.number} begins with a magic that has to stay first")
    return new if cell.source.endswith("\n") else new.removesuffix("\n")


def _changes(text: Text, cell: Cell, new: str) -> Iterator[Change]:
    """The least that changes in the JSON text of a cell's source."""
    is_ascii = text.text.isascii() and re.search(r"\\u(?!00[0-7])[0-9a-fA-F]{4}", text.text) is not None

    def spelled(line: str) -> str:
        return json.dumps(line, ensure_ascii=is_ascii)

    if not cell.is_list:
        yield Change(cell.start, cell.end, spelled(new), _REASON)
        return
    old = [token.value for token in cell.tokens]
    if old != cell.source.splitlines(keepends=True):
        raise NoWayBack(f"the source of cell {cell.number} is not one string for each line")
    tokens = cell.tokens
    separator = (
        text.text[tokens[0].end : tokens[1].start] if len(tokens) > 1 else _guessed_separator(text, cell)
    )
    separator = separator.replace("\r\n", "\n")
    lines = new.splitlines(keepends=True)
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, old, lines, autojunk=False
    ).get_opcodes():
        added = separator.join(map(spelled, lines[new_start:new_end]))
        if kind == "replace":
            yield Change(tokens[start].start, tokens[end - 1].end, added, _REASON)
        elif kind == "insert" and start < len(tokens):
            yield Change(tokens[start].start, tokens[start].start, added + separator, _REASON)
        elif kind == "insert":
            yield Change(tokens[-1].end, tokens[-1].end, separator + added, _REASON)
        elif kind == "delete" and end < len(tokens):
            yield Change(tokens[start].start, tokens[end].start, "", _REASON)
        elif kind == "delete":
            first = tokens[start - 1].end if start else tokens[0].start
            yield Change(first, tokens[end - 1].end, "", _REASON)


def _guessed_separator(text: Text, cell: Cell) -> str:
    start = cell.tokens[0].start
    before = text.text[cell.start + 1 : start]
    return "," + before if before.strip() == "" and before else ", "
