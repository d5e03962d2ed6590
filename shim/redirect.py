"""Leads the connections that real client libraries make to Speechmatics hosts to a session server in this process.

The libraries stay themselves: an adapter in `shim.adapters` patches the classes of one library that make connections,
asks `destination` where each should go, and lets the library do the rest. Connections to any other host are untouched.
"""

from __future__ import annotations

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from shim import settings
from shim.background import background
from shim.protocol.mapping.hosts import region_of

CLOSE_SECONDS = 1.7
"""Real seconds that closing a redirected connection waits at most for what still arrives; 0.1 s remain for the close."""

ADAPTERS: dict[str, str] = {"websocket": "shim.adapters.websocket_client"}
"""Module of a client library, and the module whose ``patch(library)`` redirects it."""

_lock = threading.Lock()


def destination(url: str) -> str | None:
    """Where a connection to ``url`` goes instead: the address of a session of its own, or None to leave it alone.

    Raises:
        OSError: no loopback port can be opened for the session server.
    """
    return background.local_url(url) if is_redirected(url) else None


def is_redirected(url: str) -> bool:
    """Whether ``url`` names a Speechmatics host, or one that `shim.configure` was told of."""
    try:
        host = (urlsplit(url).hostname or "").removesuffix(".")
    except (ValueError, TypeError, AttributeError):
        return False  # not an address; the library will say so
    return region_of(host) is not None or host in settings.current().speechmatics_hosts


def drain(local_url: str) -> None:
    """Begin to drain the session behind an address of `destination`; see `shim.background.BackgroundServer.drain`."""
    background.drain(local_url)


def install(*libraries: str) -> None:
    """Redirect client libraries, each once, however often and from however many threads it is asked for.

    Args:
        libraries: module names out of `ADAPTERS`, imported where they are not yet. None at all means those that are
            imported already.

    Raises:
        ImportError: a library is not installed.
        KeyError: there is no adapter for a library.
    """
    with _lock:
        for name in libraries or [name for name in ADAPTERS if name in sys.modules]:
            adapter = importlib.import_module(ADAPTERS[name])
            adapter.patch(importlib.import_module(name))


def replace_method(owner: type, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put ``make(original)`` in the place of a method, once; for adapters.

    A method that was replaced by somebody else afterwards, a test double say, stays as it is.
    """
    marker = f"_shim_original_{name}"
    if marker in vars(owner):
        return
    original = getattr(owner, name)
    replacement = make(original)
    setattr(owner, marker, original)
    setattr(owner, name, functools.update_wrapper(replacement, original))
