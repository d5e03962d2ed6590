"""Who reads a redirected connection, so that closing it can wait until the reader has had everything.

A program that closes while another thread or task of it still reads gets its last words: the session is drained, and
`CLOSE_SECONDS` later at the latest the close goes on. Nobody waits for a reader that is the one who closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from shim.redirect import CLOSE_SECONDS, drain

_Function = TypeVar("_Function", bound=Callable[..., Awaitable[Any]])


def coroutine_function(function: _Function) -> _Function:
    """Mark a function that returns a coroutine as one, so that test doubles made after it can be awaited."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)
    function._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return function


class _Reader:
    """What both kinds have in common.

    Args:
        local_url: address of the session, from `shim.redirect.destination`.
    """

    def __init__(self, local_url: str) -> None:
        self._local_url = local_url
        self._lock = threading.Lock()
        self._deadline: float | None = None

    def begin_close(self) -> None:
        """Begin to drain; the session server closes the connection once everything owed was sent."""
        with self._lock:
            if self._deadline is not None:
                return
            self._deadline = time.monotonic() + CLOSE_SECONDS
        drain(self._local_url)

    @property
    def is_closing(self) -> bool:
        """Whether `begin_close` was called."""
        return self._deadline is not None

    @property
    def seconds_left(self) -> float:
        """Real seconds that the close may still take."""
        return CLOSE_SECONDS if self._deadline is None else max(0.0, self._deadline - time.monotonic())


class ThreadReader(_Reader):
    """A connection that one thread reads."""

    def __init__(self, local_url: str) -> None:
        super().__init__(local_url)
        self._thread: threading.Thread | None = None
        self._received_all = threading.Event()

    def note_reader(self) -> None:
        """The current thread reads."""
        self._thread = threading.current_thread()

    def note_end(self) -> None:
        """The reader was told that the connection has ended."""
        self._received_all.set()

    @property
    def has_received_all(self) -> bool:
        """Whether the connection has ended, for whatever reason."""
        return self._received_all.is_set()

    @property
    def is_read_here(self) -> bool:
        """Whether it is the current thread that reads, so that waiting for the reader would be in vain."""
        return self._thread is threading.current_thread()

    @property
    def is_read_elsewhere(self) -> bool:
        """Whether another thread reads, to which what still arrives can be delivered."""
        return self._thread is not None and not self.is_read_here and self._thread.is_alive()

    def wait_until_received(self) -> None:
        """Wait until the reader has had everything, at most `CLOSE_SECONDS` from the beginning of the close."""
        self._received_all.wait(self.seconds_left)


class _TaskReader(_Reader):
    """What tasks of asyncio and of trio have in common."""

    def __init__(self, local_url: str, received_all: Any) -> None:
        super().__init__(local_url)
        self._task: Any = None
        self._waiting: Any = None
        self._received_all = received_all

    def _current_task(self) -> Any:
        raise NotImplementedError

    def _has_ended(self, task: Any) -> bool:
        raise NotImplementedError

    def note_reader(self) -> None:
        """The current task reads. To be called where the program calls, not in a task that a time limit made."""
        self._task = self._current_task()

    @contextlib.contextmanager
    def receiving(self) -> Iterator[None]:
        """The current task waits for a message."""
        before, self._waiting = self._waiting, self._current_task()
        try:
            yield
        finally:
            self._waiting = before

    def note_end(self) -> None:
        """The reader was told that the connection has ended."""
        self._received_all.set()

    @property
    def is_read_elsewhere(self) -> bool:
        """Whether another task reads, to which what still arrives can be delivered."""
        if self._received_all.is_set():
            return False
        reader = self._waiting or self._task
        return reader is not None and reader is not self._current_task() and not self._has_ended(reader)


class TaskReader(_TaskReader):
    """A connection that one task of an asyncio event loop reads."""

    def __init__(self, local_url: str) -> None:
        super().__init__(local_url, asyncio.Event())

    def _current_task(self) -> asyncio.Task[Any] | None:
        return asyncio.current_task()

    def _has_ended(self, task: asyncio.Task[Any]) -> bool:
        return task.done()

    async def drain(self, closed: Awaitable[object] | None = None) -> None:
        """Begin to close and wait until the reader has had everything, at most `CLOSE_SECONDS` from the beginning.

        Args:
            closed: done when the connection is closed, where the library tells; nobody waits any longer who read one
                message and no more.
        """
        self.begin_close()
        with contextlib.suppress(asyncio.TimeoutError):
            if closed is not None:
                await asyncio.wait_for(closed, self.seconds_left)
            if self.is_read_elsewhere:
                await asyncio.wait_for(self._received_all.wait(), self.seconds_left)


class TrioReader(_TaskReader):
    """A connection that one task of trio reads.

    Args:
        local_url: as for the others.
        trio: the module, which is the program's to import.
    """

    def __init__(self, local_url: str, trio: Any) -> None:
        super().__init__(local_url, trio.Event())
        self._trio = trio

    def _current_task(self) -> Any:
        return self._trio.lowlevel.current_task()

    def _has_ended(self, task: Any) -> bool:
        return task.parent_nursery is not None and task not in task.parent_nursery.child_tasks

    async def drain(self, closed: Awaitable[object]) -> None:
        """`TaskReader.drain`."""
        self.begin_close()
        with self._trio.move_on_after(self.seconds_left):
            await closed
            if self.is_read_elsewhere:
                await self._received_all.wait()
