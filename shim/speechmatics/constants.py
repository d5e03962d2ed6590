"""Addresses of the Speechmatics SDK (module ``speechmatics.constants``)."""

from __future__ import annotations

from shim.protocol.mapping.hosts import DEFAULT_SPEECHMATICS_URL

__all__ = ["BATCH_SELF_SERVICE_URL", "RT_SELF_SERVICE_URL"]

BATCH_SELF_SERVICE_URL = "https://asr.api.speechmatics.com/v2"
"""Where the SDK sends recorded files. Nothing here connects to it."""

RT_SELF_SERVICE_URL = DEFAULT_SPEECHMATICS_URL
"""Where the SDK connects to unless told otherwise, without the language at its end; led to AssemblyAI's EU data zone."""
