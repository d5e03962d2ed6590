"""Says on a terminal how far a long run is; a short one never shows it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

SHOWN_AFTER = 1.0
"""Seconds of a run before anything is shown."""

Advance = Callable[[int], None]


class Progress:
    """Draws when it is told of an advance, at most ten times a second: it has no thread, so processes can be started."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = clock()
        self._drawn = self._begun
        self._bar: Bar | None = None

    @contextlib.contextmanager
    def of(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """A stage of the run: gives what is to be called with the number of files that are done more."""
        if not self._stream.isatty():
            yield lambda files: None
            return
        done = 0
        task: TaskID | None = None

        def advance(files: int) -> None:
            nonlocal done, task
            done += files
            now = self._clock()
            if now - self._begun < SHOWN_AFTER or (self._bar and now - self._drawn < 0.1):
                return
            self._drawn = now
            bar = self._started()
            if task is None:
                task = bar.add_task(what, total=total)
            bar.update(task, completed=done, refresh=True)

        try:
            yield advance
        finally:
            if self._bar is not None:
                self._bar.stop()  # and it goes from the screen
                self._bar = None

    def _started(self) -> Bar:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(
                *columns, console=Console(file=self._stream), transient=True, auto_refresh=False
            )
            self._bar.start()
        return self._bar
