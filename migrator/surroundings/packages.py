"""Modules and the distributions that bring them, of both vendors; the one place that knows them."""

from __future__ import annotations

import re
from collections.abc import Iterable

DROP_IN = "speechmatics-to-assemblyai"
ASSEMBLYAI = "assemblyai"

SPEECHMATICS = (
    "speechmatics-python",
    "speechmatics-rt",
    "speechmatics-voice",
    "speechmatics-batch",
    "speechmatics-tts",
)
"""What Speechmatics publishes for Python, as `import speechmatics`; all but the first as a module below it."""

FOLLOWED = frozenset({*SPEECHMATICS, "livekit-plugins-speechmatics"})
"""What goes when nothing imports it any more."""

SPEECHMATICS_KEY = "SPEECHMATICS_API_KEY"
"""The variable that those packages read when they are given no key."""

REQUIRED_WEBSOCKETS = ("speechmatics-python", "speechmatics-rt", "speechmatics-voice")
"""Those that bring websockets with them."""

LOWER_BOUNDS = {
    DROP_IN: ">=0.1",
    ASSEMBLYAI: ">=1.8",
    "livekit-plugins-assemblyai": ">=1.8",
    "websockets": ">=10.0",
    "websocket-client": ">=1.6",
}
"""What new requirements ask for: versions that the rewrite is tested with; of websockets, what the SDKs asked for."""

_BY_MODULE = {"assemblyai": ASSEMBLYAI, "websocket": "websocket-client", "websockets": "websockets"}
_DROP_IN_MODULES = ("websocket", "websockets", "speechmatics", "framing", "microphone", "recording")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

MENTION = re.compile(
    r"(?<![\w.-])speechmatics[-_.](?:python|rt|voice|batch|tts)(?![\w-])|(?<=[\w.-])\[[\w\s.,-]*\bspeechmatics\b[\w\s.,-]*\]"
    r"|livekit[-_.]plugins[-_.]speechmatics",
    re.IGNORECASE,
)
"""A requirement that mentions Speechmatics: a distribution, or an extra of another one."""


def normalised(name: str) -> str:
    """A name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The normalised name at the beginning of a requirement; empty where there is none."""
    match = _NAME.match(requirement.strip())
    return normalised(match.group()) if match else ""


def distribution(module: str) -> str:
    """What brings a module, by its dotted name; empty for one that is none of ours to follow."""
    first, _, rest = module.partition(".")
    second = rest.partition(".")[0]
    if first == "speechmatics":
        name = f"speechmatics-{second}"
        return name if name in SPEECHMATICS[1:] else SPEECHMATICS[0]
    if first == "shim":
        return DROP_IN if second in _DROP_IN_MODULES else ""
    if module.startswith(("livekit.plugins.speechmatics", "livekit.plugins.assemblyai")):
        return "-".join(module.split(".")[:3])
    return _BY_MODULE.get(first, "")


def distributions(modules: Iterable[str]) -> frozenset[str]:
    """What brings some modules."""
    return frozenset(name for name in map(distribution, modules) if name)
