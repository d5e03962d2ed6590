"""Programs in other languages: what speaks Speechmatics' real-time protocol can go through the gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrator.edits import Note
from migrator.surroundings.file import File
from shim.protocol.mapping.hosts import MANAGEMENT_HOST

_REAL_TIME = re.compile(
    r"[\w.{}$-]*\brt\.speechmatics\.com\b|(?<!\w)(?:StartRecognition|AddTranscript|AddPartialTranscript)(?!\w)"
    r"|@speechmatics/(?:real-time|browser-audio)[\w-]*"
)
_OTHER = re.compile(
    rf"[\w.{{}}$-]*\b(?:{re.escape(MANAGEMENT_HOST)}|(?:[\w-]+\.)?speechmatics\.com)\b|@speechmatics/[\w-]+"
)


def propose(file: File) -> Iterator[Note]:
    """The first line that speaks the real-time protocol, or else the first that uses another service."""
    text = file.text
    if match := _REAL_TIME.search(text.text):
        message = (
            f"speaks Speechmatics' real-time protocol ({match.group()}); it needs no rewrite when it connects to "
            "`shim serve`, the gateway on its own machine: ws://127.0.0.1:9000/v2"
        )
        yield Note(text.line_of(match.start()), message)
    elif match := _OTHER.search(text.text):
        message = f"names {match.group()}, which is not the real-time service; nothing takes its place"
        yield Note(text.line_of(match.start()), message)
