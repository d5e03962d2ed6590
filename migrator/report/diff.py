"""Unified diffs in the bytes of the file, as ``git apply`` and ``patch -p1`` take them."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Iterator

from migrator.result import FileResult

_NO_NEWLINE = b"\n\\ No newline at end of file\n"
_NEEDS_QUOTES = re.compile(rb'[\x00-\x1f"\\\x7f]')

_COLOURS = {b"+": b"\x1b[32m", b"-": b"\x1b[31m", b"@": b"\x1b[36m"}
_BOLD, _PLAIN = b"\x1b[1m", b"\x1b[0m"


def unified(file: FileResult) -> bytes:
    """The difference between before and after; empty where there is none.

    Names are relative to the current directory with ``a/`` and ``b/``; those of files elsewhere are relative to the
    root of the file system.
    """
    if not file.changed:
        return b""
    name = os.fsencode(file.path.lstrip("/"))
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(file.before),
        _lines(file.after),
        fromfile=_quoted(b"a/" + name),
        tofile=_quoted(b"b/" + name),
    )
    return b"".join(line if line.endswith(b"\n") else line + _NO_NEWLINE for line in lines)


def coloured(diff: bytes) -> bytes:
    """The same diff for a terminal."""
    return b"".join(_coloured_lines(_lines(diff)))


def _coloured_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        colour = _BOLD if number < 2 else _COLOURS.get(line[:1])
        text = line.rstrip(b"\r\n")
        yield colour + text + _PLAIN + line[len(text) :] if colour else line


def _lines(source: bytes) -> list[bytes]:
    # Not splitlines: to diff and patch a lone carriage return ends no line.
    lines = source.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _quoted(name: bytes) -> bytes:
    if _NEEDS_QUOTES.search(name):
        return b'"' + _NEEDS_QUOTES.sub(lambda match: b"\\%03o" % match[0][0], name) + b'"'
    # A tab ends the name; without it patch takes what follows a space for a date.
    return name + b"\t" if b" " in name else name
