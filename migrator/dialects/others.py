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
    "speechmatics.agent_stt": "the Agent SDK of Speechmatics, which speaks another protocol (/v2/agent)",
    "speechmatics": "the speechmatics-python SDK",
    "livekit.plugins": "the Speechmatics plugin of LiveKit Agents",
    "pipecat.services": "the Speechmatics service of Pipecat",
}
_SERVICES = ("speechmatics.batch", "speechmatics.tts", "speechmatics.flow", "speechmatics.agent_stt", VOICE)
_RUN = "`shim run` runs the program on AssemblyAI without an edit"
_SERVE = "let it connect to `shim serve`, which leads it to AssemblyAI"
_WAYS_OUT = {"speechmatics.rt": _RUN, VOICE: _RUN, "speechmatics": _RUN}
_SOCKETS = {
    "aiohttp": ("aiohttp", "ws_connect", _RUN),
    "httpx_ws": ("httpx-ws", "connect_ws", _SERVE),
    "picows": ("picows", "ws_connect", _SERVE),
}
"""By module: the library, what opens a connection, and the way to AssemblyAI."""


@dataclass(frozen=True)
class Foreign:
    """A place that uses Speechmatics in another way.

    Attributes:
        line: 1-based.
        what: what it uses.
        is_sdk: whether that is a package of Speechmatics' own.
        way_out: how the program gets to AssemblyAI all the same; empty where it does not.
    """

    line: int
    what: str
    is_sdk: bool = False
    way_out: str = ""


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
            line = getattr(node, "lineno", 1)
            if prefix and (prefix.startswith("speechmatics") or "speechmatics" in module):
                is_sdk = prefix.startswith("speechmatics")
                yield Foreign(line, _SDKS[prefix], is_sdk, _WAYS_OUT.get(prefix, ""))
            root = module.split(".")[0]
            if root in _SOCKETS and _is_raw(points):
                library, opens, way_out = _SOCKETS[root]
                opened = _opened(source, opens) or [line]
                yield from (
                    Foreign(at, f"raw messages through {library}", False, way_out) for at in opened[:1]
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


def _opened(source: Source, function: str) -> list[int]:
    """The lines that open a connection, in order."""
    return sorted(
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute | ast.Name)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id).endswith(function)
    )


def _is_raw(points: tuple[TouchPoint, ...]) -> bool:
    return any(point.kind in ("host", "message") for point in points)
