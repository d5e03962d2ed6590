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

BROUGHT = {
    "speechmatics-python": ("websockets", "httpx", "polling2", "tenacity", "toml"),
    "speechmatics-rt": ("websockets", "typing-extensions"),
    "speechmatics-voice": ("websockets", "typing-extensions", "numpy", "pydantic"),
}
"""What those packages bring with them, so that a program may have imported it without a requirement of its own."""

LEAST = {"websockets": (15,), "websocket-client": (1, 6)}
"""The oldest versions that the drop-in takes, by what a program may have tied to older ones."""

LOWER_BOUNDS = {
    DROP_IN: ">=0.1",
    ASSEMBLYAI: ">=1.8",
    "livekit-plugins-assemblyai": ">=1.8",
    "websockets": ">=10.0",
    "websocket-client": ">=1.6",
    "httpx": ">=0.23",
}
"""What new requirements ask for: versions that the rewrite is tested with; of websockets and httpx, what the SDKs asked for."""

_BY_MODULE = {
    "assemblyai": ASSEMBLYAI,
    "websocket": "websocket-client",
    "typing_extensions": "typing-extensions",
    **{name: name for name in ("websockets", "httpx", "numpy", "polling2", "pydantic", "tenacity", "toml")},
}
_DROP_IN_MODULES = ("websocket", "websockets", "speechmatics", "framing", "microphone", "recording")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

_CAP = re.compile(r"(===?|(?<![<>!=~])=|~=?|\^|<=?)\s*[\"']?\s*v?(\d+(?:\.\d+)*)")
"""Part of a requirement beyond which no newer version is taken, and its version."""

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


def is_too_old(name: str, requirement: str) -> bool:
    """Whether a requirement of a distribution takes no version that the drop-in can use.

    Args:
        name: normalised.
        requirement: as it is written, in any of the kinds of files, up to a marker or a comment.
    """
    least = LEAST.get(name)
    if least is None:
        return False
    for operator, version in _CAP.findall(re.split(r"[;#]", requirement)[0]):
        release = tuple(map(int, version.split(".")))
        # "~=1.3" takes all of 1, "^12.0" all of 12.
        is_whole = operator == "^" or (operator == "~=" and len(release) == 2)
        last = release[:1] if is_whole else release
        if last < least[: len(last)] or (operator == "<" and release <= least):
            return True
    return False


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
