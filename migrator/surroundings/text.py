"""The text of a file that becomes the same bytes again, whatever they are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property

from migrator.edits import Change, OverlapError


class Text:
    """A file as text: bytes that are no UTF-8, byte order marks and line ends are kept as they are."""

    def __init__(self, data: bytes) -> None:
        self.text = data.decode("utf-8", "surrogateescape")
        self.newline = "\r\n" if b"\r\n" in data else "\n"

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for number, character in enumerate(self.text):
            if character == "\n":
                starts.append(number + 1)
        return starts

    def line_of(self, offset: int) -> int:
        """The 1-based line of an offset."""
        return bisect_right(self._line_starts, offset)

    def line_start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Where the line of an offset ends, before its line end."""
        end = self.text.find("\n", offset)
        if end < 0:
            return len(self.text)
        return end - 1 if end > offset and self.text[end - 1] == "\r" else end

    def next_line(self, offset: int) -> int:
        """Where the line after that of an offset begins, or the end of the text."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return [line.rstrip("\r") for line in self.text.lstrip("\ufeff").split("\n")]

    def changed(self, changes: Iterable[Change]) -> bytes:
        """The bytes after some changes; what is inserted at one place keeps its order.

        Raises:
            OverlapError: two of them claim the same characters.
        """
        pieces: list[str] = []
        position = 0
        for change in sorted(changes, key=lambda change: (change.start, change.end)):
            if change.start < position:
                raise OverlapError(f"line {self.line_of(change.start)}: two rules change the same text")
            text = change.text.replace("\n", self.newline)
            pieces += [self.text[position : change.start], text]
            position = change.end
        pieces.append(self.text[position:])
        return "".join(pieces).encode("utf-8", "surrogateescape")
