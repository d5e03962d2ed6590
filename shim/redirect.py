"""Leads the connections that real client libraries make to Speechmatics hosts to a session server in this process.

The libraries stay themselves: an adapter in `shim.adapters` patches the classes of one library that make connections,
asks `destination` where each should go, and lets the library do the rest. Connections to any other host are untouched.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from shim import adapters, settings
from shim.background import background
from shim.protocol.mapping.hosts import MANAGEMENT_HOST, MANAGEMENT_PATHS, region_of

CLOSE_SECONDS = 1.7
"""Real seconds that closing a redirected connection waits at most for what still arrives; 0.1 s remain for the close."""

_lock = threading.Lock()
_replacing = threading.Lock()


def destination(url: str) -> str | None:
    """Where a connection to ``url`` goes instead: the address of a session of its own, or None to leave it alone.

    Raises:
        OSError: no loopback port can be opened for the session server.
    """
    return background.local_url(url) if is_redirected(url) else None


def is_redirected(url: str) -> bool:
    """Whether ``url`` names a Speechmatics host, or one that `shim.configure` was told of."""
    return is_redirected_host(_host(url))


def is_redirected_host(host: str) -> bool:
    """Whether this is a Speechmatics host, or one that `shim.configure` was told of."""
    return region_of(host) is not None or host in settings.current().speechmatics_hosts


def key_destination(method: str, url: str) -> str | None:
    """Where a request for a temporary Speechmatics key goes instead; None for any other request.

    The session server of this process answers it, so that the long-lived key stays on this machine.

    Raises:
        OSError: no loopback port can be opened for the session server.
    """
    return background.local_key_url(url) if is_key_request(method, url) else None


def is_key_request(method: str, url: str) -> bool:
    """Whether this asks Speechmatics, or a host that `shim.configure` was told of, for a temporary key."""
    host = _host(url)
    if host != MANAGEMENT_HOST and host not in settings.current().speechmatics_hosts:
        return False
    return method.upper() == "POST" and urlsplit(url).path in MANAGEMENT_PATHS


def _host(url: str) -> str:
    """The host of an address, empty if it is none: the library will say so."""
    try:
        return (urlsplit(url).hostname or "").removesuffix(".")
    except (ValueError, TypeError, AttributeError):
        return ""


def drain(local_url: str) -> None:
    """Begin to drain the session behind an address of `destination`; see `shim.background.BackgroundServer.drain`."""
    background.drain(local_url)


def install(*libraries: str) -> None:
    """Redirect client libraries, each once, however often and from however many threads it is asked for.

    A library that is not imported yet is redirected as soon as it will be.

    Args:
        libraries: as they are imported: ``websocket``, ``websockets``, ``aiohttp``, ... None at all means all that
            `shim.adapters` knows.

    Raises:
        KeyError: there is no adapter for a library.
    """
    with _lock:
        adapters.watch(adapters.modules_of(libraries))


def replace_method(owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put ``make(original)`` in the place of a method, once; for adapters.

    A method that was replaced by somebody else afterwards, a test double say, stays as it is.
    """
    marker = f"_shim_original_{name}"
    with _replacing:
        if marker in vars(owner):
            return
        original = getattr(owner, name)
        replacement = make(original)
        setattr(owner, marker, original)
        setattr(owner, name, functools.update_wrapper(replacement, original))
