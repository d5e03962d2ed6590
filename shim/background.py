"""A session server in a thread of this process, for programs whose own client library is led to it."""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import secrets
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shim.clock import Clock
from shim.settings import Settings, current

if TYPE_CHECKING:
    from shim.server import SessionServer

READER_SECONDS = 0.5
"""Real seconds that the exit waits at most for callbacks that still run, once all sessions have ended."""

_servers: weakref.WeakSet[BackgroundServer] = weakref.WeakSet()
_readers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

EXIT_SECONDS = 1.8
"""Real seconds that the exit of the interpreter may wait for open sessions."""

CUT_SECONDS = 0.2
"""The part of `EXIT_SECONDS` that is kept for cutting sessions that did not end in time."""


@dataclass(frozen=True)
class _Thread:
    """The thread in which a `BackgroundServer` runs."""

    thread: threading.Thread
    loop: asyncio.AbstractEventLoop
    server: SessionServer
    ended: asyncio.Event


@functools.cache
def session_server_class() -> type[SessionServer]:
    """`SessionServer`, imported at the first call: with it comes websockets, which may be a library to redirect."""
    from shim.server import SessionServer

    return SessionServer


class BackgroundServer:
    """A `SessionServer` in a daemon thread of this process, started at first use. Every method is thread-safe.

    A forked child gets a server of its own. When the interpreter exits, open sessions have `EXIT_SECONDS` to end, so
    that none stays open and billed.

    Args:
        settings: asked at every handshake.
        clock: drives the deadlines and the pace of the sessions.
    """

    def __init__(self, settings: Callable[[], Settings] = current, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or Clock()
        self._lock = threading.Lock()
        self._running: _Thread | None = None
        self._exiting = False
        _servers.add(self)

    def local_url(self, original_url: str) -> str:
        """The loopback address that stands for a Speechmatics address, for one connection.

        Raises:
            OSError: no loopback port can be opened.
        """
        return self._server().local_url(original_url)

    def local_key_url(self, original_url: str) -> str:
        """The loopback address that stands for the one that gives out Speechmatics' temporary keys.

        Raises:
            OSError: no loopback port can be opened.
        """
        return self._server().local_key_url(original_url)

    def drain(self, local_url: str) -> None:
        """Begin to drain the session behind an address of `local_url`; does not wait for its end.

        The client gets what is owed to it and then a normal close, at most `shim.protocol.translator.DRAIN_SECONDS` later.
        """
        running = self._running
        if running is not None:
            running.loop.call_soon_threadsafe(running.server.drain, local_url)

    def stop(self) -> None:
        """End the open sessions, then the thread, within `EXIT_SECONDS`. The next `local_url` starts a new one."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        atexit.unregister(self._exit)
        running.loop.call_soon_threadsafe(running.ended.set)
        running.thread.join(EXIT_SECONDS)

    def _exit(self) -> None:
        self._exiting = True  # a loop that reconnects must not open a session that nobody ends
        self.stop()
        deadline = time.monotonic() + READER_SECONDS
        for reader in list(_readers):
            if reader is not threading.current_thread():
                reader.join(max(0.0, deadline - time.monotonic()))

    def forget(self) -> None:
        """In a forked child: the thread stayed with the parent."""
        self._lock = threading.Lock()
        self._running = None

    def _server(self) -> SessionServer:
        with self._lock:
            if self._running is None:
                self._running = self._start()
                self._stop_at_exit()
            return self._running.server

    def _start(self) -> _Thread:
        server_class = session_server_class()
        started: Future[_Thread] = Future()

        async def serve_until_ended() -> None:
            server, ended = (
                server_class(self._settings, self._clock, secrets.token_urlsafe(16)),
                asyncio.Event(),
            )
            try:
                await server.start()
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(_Thread(thread, asyncio.get_running_loop(), server, ended))
            await ended.wait()
            await server.stop(EXIT_SECONDS - CUT_SECONDS)

        thread = threading.Thread(
            target=lambda: asyncio.run(serve_until_ended()), name="shim session server", daemon=True
        )
        thread.start()
        return started.result()

    def _stop_at_exit(self) -> None:
        atexit.register(self._exit)
        multiprocessing = sys.modules.get("multiprocessing")
        if multiprocessing is not None and multiprocessing.parent_process() is not None:
            # Worker processes end without the functions of atexit.
            from multiprocessing.util import Finalize

            Finalize(self, self._exit, exitpriority=0)


def finish_at_exit(reader: threading.Thread) -> None:
    """At exit, once the sessions have ended, give this thread of the program time to finish.

    It reads a connection to a server here, so its callbacks run at the very end; a daemon thread that prints while the
    interpreter shuts down aborts the whole process.
    """
    _readers.add(reader)


def _forget_all() -> None:
    for server in _servers:
        server.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

background = BackgroundServer()
"""The one of this process; whatever leads connections here shares it."""
