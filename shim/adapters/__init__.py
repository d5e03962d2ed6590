"""One module for each client library that can be redirected, and the table of them.

Importing this module costs next to nothing: `watch` imports an adapter when the program imports its library.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from types import ModuleType

from shim.import_hook import AfterImport

Patch = Callable[[ModuleType], None]

ADAPTERS: dict[str, str] = {
    "websocket": "shim.adapters.websocket_client:patch",
    "websockets.asyncio.client": "shim.adapters.websockets:patch_asyncio",
    "websockets.legacy.client": "shim.adapters.websockets:patch_legacy",
    "websockets.sync.client": "shim.adapters.websockets:patch_sync",
    "websockets.trio.client": "shim.adapters.websockets:patch_trio",
    "aiohttp": "shim.adapters.aiohttp:patch",
    "httpx": "shim.adapters.temporary_keys:patch_httpx",
    "requests": "shim.adapters.temporary_keys:patch_requests",
    "urllib.request": "shim.adapters.temporary_keys:patch_urllib",
}
"""Module of a client library -> the function that redirects it once it is imported, as ``module:function``."""

GUARDS: dict[str, str] = {"socket": "shim.adapters.guard:patch"}
"""The same for what ``shim run`` refuses, because no adapter redirects it."""

_watched: set[str] = set()


def modules_of(libraries: Iterable[str]) -> list[str]:
    """The keys of `ADAPTERS` that belong to libraries, named as they are imported (``websockets``); all for none.

    Raises:
        KeyError: there is no adapter for a library.
    """
    names: list[str] = []
    for library in libraries:
        found = [name for name in ADAPTERS if name.partition(".")[0] == library]
        if not found:
            raise KeyError(library)
        names += found
    return names or list(ADAPTERS)


def watch(modules: Iterable[str], *, load: bool = False) -> None:
    """Redirect modules of `ADAPTERS`: at once those that are imported, the others right after they will be.

    Args:
        modules: their names; those of `GUARDS` are taken too.
        load: import the adapters now, and with them the session server, rather than with the first library.
    """
    if load:
        importlib.import_module("shim.background").session_server_class()
    new = [name for name in modules if name not in _watched]
    _watched.update(new)
    AfterImport({name: load_patch(name) if load else apply for name in new}).install()
    for name in new:
        if name in sys.modules:
            # By this call, because another thread may be in the middle of the import.
            apply(importlib.import_module(name))


def apply(module: ModuleType) -> None:
    """Redirect an imported module."""
    load_patch(module.__name__)(module)


def load_patch(name: str) -> Patch:
    """The function that the tables name."""
    adapter, _, function = {**ADAPTERS, **GUARDS}[name].partition(":")
    patch: Patch = getattr(importlib.import_module(adapter), function)
    return patch
