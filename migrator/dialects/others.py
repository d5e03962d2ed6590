"""Dialects that are recognised and named, but not rewritten."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from migrator.analysis.scan import TouchPoint, touch_points
from migrator.analysis.source import Source

BATCH = "Speechmatics batch transcription, which AssemblyAI Streaming does not replace"
VOICE = "speechmatics.voice"

_SDKS = {
    "speechmatics.rt": "the speechmatics-rt SDK",
    VOICE: "the speechmatics-voice SDK",
    "speechmatics.batch": BATCH,
    "speechmatics.tts": "Speechmatics text-to-speech, which AssemblyAI does not replace",
    "speechmatics.flow": "Speechmatics Flow, which AssemblyAI Streaming does not replace",
    "speechmatics": "the speechmatics-python SDK",
    "livekit.plugins": "the Speechmatics plugin of LiveKit Agents",
    "pipecat.services": "the Speechmatics service of Pipecat",
}
_SERVICES = ("speechmatics.batch", "speechmatics.tts", "speechmatics.flow", VOICE)
_SOCKETS = {
    "aiohttp": "aiohttp",
    "httpx_ws": "httpx-ws",
    "picows": "picows",
}


@dataclass(frozen=True)
class Foreign:
    """A place that uses Speechmatics in another way.

    Attributes:
        line: 1-based.
        what: what it uses.
        is_sdk: whether that is a package of Speechmatics' own.
    """

    line: int
    what: str
    is_sdk: bool = False


def recognise(source: Source) -> Iterator[Foreign]:
    """Other ways to Speechmatics in a source, in order of line, each once."""
    seen: set[str] = set()
    for foreign in sorted(_all(source), key=lambda found: found.line):
        if foreign.what not in seen:
            seen.add(foreign.what)
            yield foreign


def service_of(path: str) -> str:
    """What else than real-time transcription a name of Speechmatics' packages is for; empty where it is that, or unknown."""
    prefix = next((p for p in _SERVICES if path == p or path.startswith(p + ".")), None)
    return _SDKS[prefix] if prefix else ""


def _all(source: Source) -> Iterator[Foreign]:
    points = touch_points(source)
    for node in ast.walk(source.tree):
        for module in _imported(node):
            prefix = next((p for p in _SDKS if module == p or module.startswith(p + ".")), None)
            if prefix and (prefix.startswith("speechmatics") or "speechmatics" in module):
                is_sdk = prefix.startswith("speechmatics")
                yield Foreign(getattr(node, "lineno", 1), _SDKS[prefix], is_sdk)
            if module.split(".")[0] in _SOCKETS and _is_raw(points):
                yield Foreign(
                    getattr(node, "lineno", 1), f"raw messages through {_SOCKETS[module.split('.')[0]]}"
                )
    for point in points:
        if point.kind == "host" and "asr.api" in point.text:
            yield Foreign(point.line, _SDKS["speechmatics.batch"])
        elif point.kind == "host" and ("tts" in point.text or "flow" in point.text):
            yield Foreign(
                point.line, _SDKS["speechmatics.tts" if "tts" in point.text else "speechmatics.flow"]
            )


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _is_raw(points: tuple[TouchPoint, ...]) -> bool:
    return any(point.kind in ("host", "message") for point in points)
