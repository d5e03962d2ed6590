"""Runs the engine over the candidates, in this process or in several."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from migrator.options import Options
from migrator.project import Candidate
from migrator.result import FileResult

# Up to here, starting processes takes longer than it saves.
WORTH_PROCESSES = 20

Migrate = Callable[[str, bytes, Options], FileResult]


def default_jobs() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def migrate_all(
    migrate: Migrate, candidates: Sequence[Candidate], options: Options, jobs: int
) -> list[FileResult]:
    """The results in the order of the candidates.

    Args:
        migrate: ``migrator.engine.migrate_source``.
        candidates: what to migrate.
        options: the same for all.
        jobs: how many processes at most.
    """
    if jobs < 2 or len(candidates) <= WORTH_PROCESSES:
        return [_migrate_one(migrate, options, candidate) for candidate in candidates]
    results = _in_processes(migrate, candidates, options, min(jobs, len(candidates)))
    for index, candidate in enumerate(candidates):
        if index not in results:
            # A parser written in C can take its process down. Alone, each file shows whether it was the one.
            alone = _in_processes(migrate, [candidate], options, 1)
            crash = "the parser crashed on this file; please leave it out with --exclude"
            results[index] = alone.get(0) or FileResult(candidate.path, "error", error=crash)
    return [results[index] for index in range(len(candidates))]


def _in_processes(
    migrate: Migrate, candidates: Sequence[Candidate], options: Options, jobs: int
) -> dict[int, FileResult]:
    """Results by index; those that a crashed process took with it are missing."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    work = partial(_migrate_one, migrate, options)
    results: dict[int, FileResult] = {}
    executor = ProcessPoolExecutor(jobs, initializer=_end_quietly_when_interrupted)
    try:
        with _interrupts_held():
            futures = [executor.submit(work, candidate) for candidate in candidates]
        for index, future in enumerate(futures):
            try:
                results[index] = future.result()
            except BrokenProcessPool:
                continue
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    return results


def _migrate_one(migrate: Migrate, options: Options, candidate: Candidate) -> FileResult:
    try:
        of_the_file = replace(options, shadowed_by=candidate.own_shim, imported_by=candidate.imported_by)
        return migrate(candidate.path, candidate.source, of_the_file)
    except Exception as error:
        # A mistake of ours must not cost the user the other files. No message of it: that may hold their source.
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {os.path.basename(place.filename)}:{place.lineno}"
        return FileResult(
            candidate.path, "error", error=f"a mistake of migrate itself ({where}); please report it"
        )


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Keep interrupts waiting, here and in the processes that start meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_quietly_when_interrupted() -> None:
    # The terminal interrupts every process; the parent alone answers for it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
