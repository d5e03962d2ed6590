"""Where a source mentions Speechmatics, found without any of the rules: what they must account for."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from migrator.analysis.source import Source
from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES

Kind = Literal["host", "message", "environment", "import"]

_SHARED = {"AddAudio", "Info", "Warning", "Error"}
"""Names that say nothing about the service: other vendors and plain English have them too."""

MESSAGE_NAMES = frozenset((CLIENT_MESSAGES.keys() | SERVER_MESSAGES.keys()) - _SHARED)

_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("host", re.compile(r"[\w.{}-]*\bspeechmatics\.com\b", re.IGNORECASE)),
    ("message", re.compile(r"(?<![\w])(?:" + "|".join(sorted(MESSAGE_NAMES)) + r")(?![\w])")),
    ("environment", re.compile(r"(?<![\w])(?:SPEECHMATICS(?:_[A-Z0-9_]+)?|SM_API_KEY)(?![\w-])")),
)


@dataclass(frozen=True, order=True)
class TouchPoint:
    """One mention: its offset and 1-based line in the source, what it is, and its text."""

    offset: int
    line: int
    kind: Kind
    text: str


def touch_points(source: Source) -> tuple[TouchPoint, ...]:
    """Mentions of Speechmatics in strings and imports, in order.

    Comments and docstrings are prose and do not count. Hosts, message names and environment variables do, also in
    texts that are shown to somebody.
    """
    docstrings = _docstring_offsets(source)
    found = [
        TouchPoint(
            token.start + match.start(), source.line_of(token.start + match.start()), kind, match.group()
        )
        for token in source.tokens
        if not token.is_comment and token.start not in docstrings
        for kind, pattern in _PATTERNS
        for match in pattern.finditer(token.text)
    ]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.level == 0 else []
        else:
            continue
        mine = [name for name in names if "speechmatics" in name.split(".")]
        found += [TouchPoint(source.start(node), node.lineno, "import", name) for name in mine[:1]]
    return tuple(sorted(found))


def _docstring_offsets(source: Source) -> set[int]:
    return {
        source.start(node.body[0])
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False) is not None
    }
