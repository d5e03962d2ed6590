"""Ends asyncio transports at once."""

from __future__ import annotations

import asyncio


def cut(transport: asyncio.WriteTransport) -> None:
    """Abort a transport, whatever was done with it before.

    The early releases of Python 3.11, Debian 12's among them, raise AttributeError for a TLS transport that was closed
    twice; it is closing already then.
    """
    try:
        transport.abort()
    except AttributeError:
        transport.close()
