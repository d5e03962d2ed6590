"""Temporary Speechmatics keys, for a connection that is not led to AssemblyAI."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

from shim.protocol.mapping.hosts import MANAGEMENT_PATHS
from shim.speechmatics._http_errors import status_error
from shim.speechmatics.models import ConnectionSettings

TTL_SECONDS = 60
TIMEOUT_SECONDS = 5.0
PLATFORM_VARIABLE = "SM_MANAGEMENT_PLATFORM_URL"
"""An environment variable that takes the place of ``ConnectionSettings.mp_url``."""


def key_url(settings: ConnectionSettings, sdk: str) -> str:
    """The address that gives out keys.

    Args:
        settings: of the connection.
        sdk: who asks, as the SDK writes it.
    """
    platform = os.environ.get(PLATFORM_VARIABLE, settings.mp_url)
    if not platform:
        raise ValueError(
            f"no address for temporary keys: set mp_url or the environment variable {PLATFORM_VARIABLE}"
        )
    return f"{platform}{MANAGEMENT_PATHS[0]}?{urlencode({'type': 'rt', 'sm-sdk': sdk})}"


async def temporary_key(settings: ConnectionSettings, sdk: str) -> str:
    """Ask for a key that is good for a minute.

    Raises:
        httpx.HTTPStatusError: the request was refused. Without httpx: `shim.speechmatics._http_errors.HTTPStatusError`.
        OSError: there is nobody to ask.
    """
    wanted: dict[str, Any] = {
        "ttl": TTL_SECONDS,
        "region": settings.region,
        "client_ref": settings.client_ref,
    }
    request = urllib.request.Request(
        key_url(settings, sdk),
        json.dumps({name: value for name, value in wanted.items() if value}).encode(),
        {"Authorization": f"Bearer {settings.auth_token}", "Content-Type": "application/json"},
    )
    answer = await asyncio.to_thread(_post, request)
    key: str = json.loads(answer)["key_value"]
    return key


def _post(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            answer: bytes = response.read()
            return answer
    except urllib.error.HTTPError as refusal:
        text = refusal.read().decode(errors="replace")
        raise status_error("POST", request.full_url, refusal.code, text) from None
