"""What programs give as audio: anything with ``read(size)``, a function or a coroutine function; ``b""`` is the end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Mapping
from typing import Any


async def chunks(source: Any, size: int) -> AsyncIterator[bytes]:
    """What a source gives, ``size`` bytes at a time. A function that blocks is called in another thread."""
    loop = asyncio.get_running_loop()
    asynchronous = inspect.iscoroutinefunction(source.read)
    while True:
        if asynchronous:
            chunk = await source.read(size)
        else:
            chunk = await loop.run_in_executor(None, source.read, size)
            if inspect.isawaitable(chunk):
                chunk = await chunk
        if not chunk:
            return
        yield chunk


async def chunks_in_turn(sources: Mapping[str, Any], size: int) -> AsyncIterator[tuple[str, bytes]]:
    """The name of a source and a chunk of it, one source after the other, until one of them ends."""
    readers = {name: chunks(source, size) for name, source in sources.items()}
    while True:
        for name, reader in readers.items():
            try:
                yield name, await reader.__anext__()
            except StopAsyncIteration:
                return
