"""Where both services live, and which AssemblyAI region takes the place of a Speechmatics host.

Residency is a promise that programs make to their own users: audio that went to the EU stays in the EU, audio that
went to the US stays in the US, and a host that is not in these tables is led nowhere.

Sources: Speechmatics authentication docs, their SDKs' defaults; AssemblyAI docs, "select the region".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Region = Literal["eu", "us", "global"]

REGIONS: tuple[Region, ...] = ("eu", "us", "global")

NO_RESIDENCY = (
    "This Speechmatics host promises no data residency, so the audio goes to AssemblyAI's edge-routed host, which "
    "may process it in any region. Choose the region eu or us to keep it in one place."
)
"""What a program is told whose Speechmatics host promised no region."""


@dataclass(frozen=True)
class SpeechmaticsHost:
    """A real-time host of the Speechmatics cloud.

    Attributes:
        name: host name, lower case, without a port.
        region: the AssemblyAI region that keeps the same promise.
        note: what is worth knowing about the host; for documents.
    """

    name: str
    region: Region
    note: str


@dataclass(frozen=True)
class AssemblyAIHost:
    """A streaming host of AssemblyAI: WebSocket and token endpoint alike.

    Attributes:
        name: host name.
        region: ``eu`` and ``us`` keep audio and transcripts in that zone, ``global`` is routed to the nearest edge.
    """

    name: str
    region: Region


SPEECHMATICS_HOSTS: dict[str, SpeechmaticsHost] = {
    host.name: host
    for host in (
        SpeechmaticsHost("eu.rt.speechmatics.com", "eu", "EU1"),
        SpeechmaticsHost("eu2.rt.speechmatics.com", "eu", "EU2, the built-in default of the official SDKs"),
        SpeechmaticsHost("neu.rt.speechmatics.com", "eu", "EU1 for enterprise customers, in older code"),
        SpeechmaticsHost("us.rt.speechmatics.com", "us", "US1"),
        SpeechmaticsHost("wus.rt.speechmatics.com", "us", "US1 for enterprise customers, in older code"),
        SpeechmaticsHost("global.rt.speechmatics.com", "global", "nearest region, no residency"),
        SpeechmaticsHost(
            "preview.rt.speechmatics.com",
            "global",
            "previews, in the EU and the US; its /v2/agent/ paths speak another protocol",
        ),
    )
}

DEFAULT_SPEECHMATICS_URL = "wss://eu2.rt.speechmatics.com/v2"
"""Where the official SDKs connect to when nobody says where."""

MANAGEMENT_HOST = "mp.speechmatics.com"
"""Gives out Speechmatics' temporary keys."""

WEB_PAGES = {
    "docs.speechmatics.com": "https://www.assemblyai.com/docs",
    "portal.speechmatics.com": "https://www.assemblyai.com/dashboard",
}
"""Speechmatics' web pages for people, by host, and the page of AssemblyAI with the same purpose."""

MANAGEMENT_PATHS = ("/v1/api_keys", "/v1/api-keys")
"""Both spellings of the temporary-key endpoint: the pages and SDKs use the first, the OpenAPI file the second."""

AGENT_PATH = "/v2/agent/"
"""Paths below this one speak the Voice Agent preview protocol, which has other messages."""

ASSEMBLYAI_HOSTS: dict[Region, AssemblyAIHost] = {
    host.region: host
    for host in (
        AssemblyAIHost("streaming.eu.assemblyai.com", "eu"),
        AssemblyAIHost("streaming.us.assemblyai.com", "us"),
        AssemblyAIHost("streaming.assemblyai.com", "global"),
    )
}

STREAMING_PATH = "/v3/ws"
TOKEN_PATH = "/v3/token"


def speechmatics_host(host: str) -> SpeechmaticsHost | None:
    """The table's row for a host name, in any case, with or without a port or a final dot; None when it has none."""
    name, _, port = host.strip().lower().partition(":")
    if port and not port.isdigit():
        return None
    return SPEECHMATICS_HOSTS.get(name.removesuffix("."))


def region_of(host: str) -> Region | None:
    """The AssemblyAI region for a Speechmatics host; None for any host that is not of the Speechmatics cloud."""
    row = speechmatics_host(host)
    return row.region if row else None


def residency_warning(host: str) -> str | None:
    """What to tell a program that connects to this host, when its host promises no residency; else None."""
    return NO_RESIDENCY if region_of(host) == "global" else None


def streaming_url(region: Region) -> str:
    """AssemblyAI's WebSocket address in a region, without a query."""
    return f"wss://{ASSEMBLYAI_HOSTS[region].name}{STREAMING_PATH}"


def token_url(region: Region) -> str:
    """The address that gives out temporary tokens (GET, ``expires_in_seconds`` 1..600) for the same region."""
    return f"https://{ASSEMBLYAI_HOSTS[region].name}{TOKEN_PATH}"
