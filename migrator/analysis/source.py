"""One Python source: its bytes as text and back, its tree, and where every node stands in the text."""

from __future__ import annotations

import ast
import codecs
import io
import re
import sys
import tokenize
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from migrator.analysis import fstrings

_LINE_END = re.compile(r"\r\n|\r|\n")


class SourceError(Exception):
    """The bytes are no Python source that can be kept byte for byte. The text is one line, with line and column if known."""


class Token(NamedTuple):
    """A string or comment of the source, by character offsets."""

    start: int
    end: int
    text: str
    is_comment: bool


class Source:
    """Text, tree and positions of one file.

    Positions are character offsets into `text`, which keeps the line ends of the file and has no byte order mark.

    Raises:
        SourceError: the bytes cannot be decoded, would not survive a round trip, or do not parse.
    """

    def __init__(self, data: bytes) -> None:
        self.mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        try:
            self.encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            self.text = data[len(self.mark) :].decode(self._codec)
        except (SyntaxError, UnicodeDecodeError, LookupError) as error:
            raise SourceError(f"line {_error_line(data, error)}: cannot decode: {error}") from error
        if self.encode(self.text) != data:
            raise SourceError(f"line 1: the encoding {self.encoding} does not survive a round trip")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.tree = ast.parse(self.text)
        except SyntaxError as error:
            raise SourceError(
                f"line {error.lineno or 1}, column {error.offset or 1}: {error.msg or 'invalid syntax'}"
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise SourceError(f"line 1: cannot parse: {error or type(error).__name__}") from error
        self.unplaced: list[ast.JoinedStr] = fstrings.locate(self) if sys.version_info < (3, 12) else []
        """F-strings whose expressions could not be found in the text; nothing in them can be edited."""

    @property
    def _codec(self) -> str:
        return "utf-8" if self.encoding == "utf-8-sig" else self.encoding

    def encode(self, text: str) -> bytes:
        """The bytes of a file that holds ``text`` in this file's encoding, byte order mark included.

        Raises:
            UnicodeEncodeError: the encoding has no such character.
        """
        return self.mark + text.encode(self._codec)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree, in the order of ``ast.walk``."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of every line; line 1 is at index 0."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def newline(self) -> str:
        """The line end that the file uses first; ``\\n`` where it has none."""
        match = _LINE_END.search(self.text)
        return match.group() if match else "\n"

    @cached_property
    def quote(self) -> str:
        """The quotation mark that most strings of the file use."""
        singles = sum(
            token.text.lstrip("rRbBuUfF").startswith("'") for token in self.tokens if not token.is_comment
        )
        strings = sum(not token.is_comment for token in self.tokens)
        return "'" if singles * 2 > strings else '"'

    @cached_property
    def variables(self) -> frozenset[int]:
        """Offsets where a variable is named. They tell a name in an f-string from its text."""
        return frozenset(self.start(node) for node in self.nodes if isinstance(node, ast.Name))

    @cached_property
    def indent(self) -> str:
        """One step of indentation, as the first indented block has it."""
        match = re.search(r"(?m):[^\n]*\r?\n([ \t]+)\S", self.text)
        if not match:
            return "    "
        return "\t" if match.group(1).startswith("\t") else min(match.group(1), "    ", key=len)

    def offset(self, line: int, column: int) -> int:
        """Character offset of a position of ``ast``: 1-based line, 0-based column in UTF-8 bytes."""
        start = self.line_starts[line - 1]
        text = self.line_text(line)
        if text.isascii():
            return start + column
        return start + len(text.encode()[:column].decode(errors="ignore"))

    def line_text(self, line: int) -> str:
        """A line with its line end; ``line`` is 1-based."""
        end = self.line_starts[line] if line < len(self.line_starts) else len(self.text)
        return self.text[self.line_starts[line - 1] : end]

    def line_of(self, offset: int) -> int:
        """The 1-based line on which an offset stands."""
        return bisect_right(self.line_starts, offset)

    def line_start(self, line: int) -> int:
        """Offset where a line begins; the end of the text for a line after the last one."""
        return self.line_starts[line - 1] if line <= len(self.line_starts) else len(self.text)

    def start(self, node: ast.expr | ast.stmt) -> int:
        """Offset of a node's first character (decorators belong to a definition)."""
        first: ast.expr | ast.stmt = node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.decorator_list:
            first = node.decorator_list[0]
            return self.text.rindex("@", 0, self.offset(first.lineno, first.col_offset))
        return self.offset(first.lineno, first.col_offset)

    def end(self, node: ast.expr | ast.stmt) -> int:
        """Offset after a node's last character."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(node.end_lineno, node.end_col_offset)

    def segment(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def indentation(self, node: ast.expr | ast.stmt) -> str:
        """White space before the first character of the node's line."""
        text = self.line_text(self.line_of(self.start(node)))
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """All strings (an f-string is one token with everything in it) and comments, in order."""
        return tuple(self._tokens())

    def _tokens(self) -> Iterator[Token]:
        fstring_start = getattr(tokenize, "FSTRING_START", -1)
        fstring_end = getattr(tokenize, "FSTRING_END", -1)
        opened: list[int] = []
        try:
            for token in tokenize.generate_tokens(io.StringIO(self.text, newline="").readline):
                # The last tokens stand on a line that a text without a final newline does not have.
                start = self.line_start(token.start[0]) + token.start[1]
                end = self.line_start(token.end[0]) + token.end[1]
                if token.type == fstring_start:
                    opened.append(start)
                elif token.type == fstring_end:
                    begin = opened.pop()
                    if not opened:
                        yield Token(begin, end, self.text[begin:end], False)
                elif token.type in (tokenize.STRING, tokenize.COMMENT) and not opened:
                    yield Token(start, end, token.string, token.type == tokenize.COMMENT)
        except (tokenize.TokenError, SyntaxError, IndexError) as error:
            raise SourceError(f"line 1: cannot tokenize: {error}") from error

    def module_at(self, offset: int) -> ast.Module:
        """The module of the file in which an offset stands."""
        return self.tree

    def comment_on(self, line: int) -> Token | None:
        """The comment that stands on a line, if there is one."""
        for token in self.tokens:
            if token.is_comment and self.line_of(token.start) == line:
                return token
        return None


def _error_line(data: bytes, error: Exception) -> int:
    if isinstance(error, UnicodeDecodeError):
        return data.count(b"\n", 0, error.start) + 1
    return 1
