"""Drop-in replacements that keep a Speechmatics real-time program running, on AssemblyAI Streaming v3."""

from __future__ import annotations

from shim.settings import configure

__all__ = ["configure"]
