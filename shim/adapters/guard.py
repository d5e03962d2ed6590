"""Refuses connections to Speechmatics that no adapter redirects, whichever library makes them.

A program that runs below ``shim run`` means AssemblyAI. What looks up the name of a Speechmatics real-time host there
is a library without an adapter, and the user must hear of it: the program's audio would go to the old vendor in silence.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from shim.redirect import is_redirected_host

logger = logging.getLogger("shim")


def patch(library: Any) -> None:
    """Guard the name look-up of ``socket``, through which asyncio, trio and all pure Python libraries go."""
    original: Callable[..., Any] = library.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not isinstance(name, str) or not is_redirected_host(name):
            return original(host, port, *arguments, **options)
        text = (
            f"the connection to {name} was refused: it is Speechmatics', and the library that makes it is none that can be "
            "redirected. Let the program connect to a server of its own: start shim serve, and use its address"
        )
        logger.error("%s", text)
        raise library.gaierror(library.EAI_FAIL, text)

    library.getaddrinfo = functools.update_wrapper(getaddrinfo, original)
