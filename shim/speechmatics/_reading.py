"""Reads a program's audio without holding up the event loop."""

from __future__ import annotations

import asyncio
import inspect
import queue
import threading
from typing import Any

CLOSE_SECONDS = 1.0
"""Real seconds that the end of a session waits at most for a read; those of sound devices are shorter."""


class Reader:
    """Calls ``stream.read``: awaits a coroutine function, runs any other in one thread of its own.

    The thread is the same for every read, as sound devices want it, and a daemon: a read that waits for sound that never
    comes does not hold up the end of the program.

    Args:
        stream: has ``read(size)``.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._requests: queue.SimpleQueue[tuple[int, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def read(self, size: int) -> Any:
        """What one read gives; raises what it raises."""
        if inspect.iscoroutinefunction(self._stream.read):
            return await self._stream.read(size)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="speechmatics-audio", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()
        self._requests.put((size, result))
        return await result

    async def close(self) -> None:
        """Let the thread end after the read that it is in, and wait for it, for `CLOSE_SECONDS` at most.

        A program closes its sound device afterwards, and PortAudio crashes when a thread is still reading from it.
        """
        if self._thread is not None:
            self._requests.put(None)
            await asyncio.to_thread(self._thread.join, CLOSE_SECONDS)

    def _work(self) -> None:
        while request := self._requests.get():
            size, result = request
            try:
                chunk, failure = self._stream.read(size), None
            except BaseException as raised:  # whoever awaits the read gets it
                chunk, failure = None, raised
            try:
                result.get_loop().call_soon_threadsafe(_settle, result, chunk, failure)
            except RuntimeError:  # the session is over and its loop is closed
                return


def _settle(result: asyncio.Future[Any], chunk: Any, failure: BaseException | None) -> None:
    if result.done():  # nobody waits any more
        return
    if failure is None:
        result.set_result(chunk)
    elif isinstance(failure, StopIteration):  # no future can hold one
        result.set_exception(RuntimeError("the stream raised StopIteration"))
    else:
        result.set_exception(failure)
