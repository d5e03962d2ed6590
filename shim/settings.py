"""What the user may choose about the connection to AssemblyAI, from the environment or from ``shim.configure``."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, fields, replace
from typing import Any

API_KEY_VARIABLE = "ASSEMBLYAI_API_KEY"
STREAMING_URL_VARIABLE = "ASSEMBLYAI_STREAMING_URL"
SPEECH_MODEL_VARIABLE = "ASSEMBLYAI_SPEECH_MODEL"
REGION_VARIABLE = "ASSEMBLYAI_REGION"
MAX_CHANNELS_VARIABLE = "ASSEMBLYAI_MAX_CHANNELS"

DEFAULT_CHANNELS = 2
"""What Speechmatics' own service takes (Speechmatics docs, limits)."""
MOST_CHANNELS = 100
"""Every channel is a session of its own for AssemblyAI, and all begin at once: a paid account begins with 100 new sessions a
minute, a free one has 5 (AssemblyAI docs, concurrency)."""


@dataclass(frozen=True)
class Settings:
    """One consistent set of choices; a session keeps those it started with.

    Attributes:
        api_key: the AssemblyAI key. Never part of ``repr``.
        streaming_url: ``ws://`` or ``wss://`` address of another server (an emulator, a self-hosted stack) that
            takes the place of AssemblyAI's hosts in every region. ``/v3/ws`` is added where it has no path.
        region: ``eu``, ``us`` or ``global``; None derives it from the Speechmatics host of the legacy program.
        speech_model: pins the AssemblyAI model; None lets the language decide.
        speechmatics_hosts: host names, beside Speechmatics' own, whose connections are led to AssemblyAI
            (an on-premises appliance, a private proxy). Lower case, no port.
        max_channels: how many channels a session may have, 1 to `MOST_CHANNELS`.
    """

    api_key: str | None = field(default=None, repr=False)
    streaming_url: str | None = None
    region: str | None = None
    speech_model: str | None = None
    speechmatics_hosts: frozenset[str] = frozenset()
    max_channels: int = DEFAULT_CHANNELS


_configured: dict[str, Any] = {}


def configure(**changes: Any) -> None:
    """Set some of the fields of `Settings` for this process; they win over the environment.

    Sessions that are already open keep what they started with. ``None`` takes a field back to the environment.

    Raises:
        TypeError: a name is not a field of `Settings`.
        ValueError: ``max_channels`` is no number of channels.
    """
    known = {f.name for f in fields(Settings)}
    for name in changes:
        if name not in known:
            raise TypeError(f"shim.configure() has no setting {name!r}; there are {', '.join(sorted(known))}")
    if changes.get("speechmatics_hosts") is not None:
        changes["speechmatics_hosts"] = frozenset(h.lower() for h in changes["speechmatics_hosts"])
    if changes.get("max_channels") is not None:
        changes["max_channels"] = number_of_channels(str(changes["max_channels"]))
    _configured.update(changes)


def current() -> Settings:
    """The settings in force now: `configure` first, then the environment."""
    environment = Settings(
        api_key=os.environ.get(API_KEY_VARIABLE) or None,
        streaming_url=os.environ.get(STREAMING_URL_VARIABLE) or None,
        region=os.environ.get(REGION_VARIABLE) or None,
        speech_model=os.environ.get(SPEECH_MODEL_VARIABLE) or None,
        max_channels=_channels_of_environment(),
    )
    return replace(environment, **{k: v for k, v in _configured.items() if v is not None})


def number_of_channels(text: str) -> int:
    """What a user wrote as ``max_channels``.

    Raises:
        ValueError: it is no number of channels; the message says what is.
    """
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_CHANNELS:
        return int(text)
    raise ValueError(f"{text!r} is no number of channels; give a whole number from 1 to {MOST_CHANNELS}")


def _channels_of_environment() -> int:
    text = os.environ.get(MAX_CHANNELS_VARIABLE, "").strip()
    try:
        return number_of_channels(text) if text else DEFAULT_CHANNELS
    except ValueError as mistake:
        logging.getLogger("shim").warning(
            "%s: %s. %d is used", MAX_CHANNELS_VARIABLE, mistake, DEFAULT_CHANNELS
        )
        return DEFAULT_CHANNELS
