"""Runs the engine over groups of candidates, in this process or in several."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from migrator.grouping import Group
from migrator.options import Options
from migrator.result import FileResult

# Up to here, starting processes takes longer than it saves.
WORTH_PROCESSES = 20

Migrate = Callable[[Group, Options], list[FileResult]]


def migrate_all(
    migrate: Migrate,
    groups: Sequence[Group],
    options: Options,
    jobs: int,
    advance: Callable[[int], None] = lambda files: None,
) -> list[FileResult]:
    """The results of all groups, in their order.

    Args:
        migrate: ``migrator.engine.migrate_group``.
        groups: what to migrate; a group is never divided, so that the results do not depend on `jobs`.
        options: the same for all.
        jobs: how many processes at most.
        advance: is called with the number of files that are done more.
    """
    results: dict[int, list[FileResult]] = {}
    if jobs < 2 or len(groups) < 2 or sum(len(group.files) for group in groups) <= WORTH_PROCESSES:
        for index, group in enumerate(groups):
            results[index] = _migrate_one(migrate, options, group)
            advance(len(group.files))
    else:
        results = _in_processes(migrate, groups, options, min(jobs, len(groups)), advance)
    for index, group in enumerate(groups):
        if index not in results:
            # A parser written in C can take its process down. Alone, each file shows whether it was the one.
            results[index] = _one_by_one(migrate, group, options)
    return _settled(migrate, groups, [results[index] for index in range(len(groups))], options)


def _settled(
    migrate: Migrate, groups: Sequence[Group], results: Sequence[list[FileResult]], options: Options
) -> list[FileResult]:
    """One result for each file: groups that change the same further file are decided again, together."""
    decided = list(zip(groups, results, strict=True))
    while True:
        changing: dict[str, int] = {}
        for index, (_, mine) in enumerate(decided):
            clash = next(
                (changing[r.path] for r in mine if r.changed and changing.setdefault(r.path, index) != index),
                None,
            )
            if clash is not None:
                one, other = decided[clash][0], decided[index][0]
                both = Group((*one.files, *other.files), one.tree, {**one.neighbours, **other.neighbours})
                decided[clash] = (both, _migrate_one(migrate, options, both))
                del decided[index]
                break
        else:
            break
    by_path: dict[str, FileResult] = {}
    for result in (result for _, mine in decided for result in mine):
        known = by_path.setdefault(result.path, result)
        if known is not result:  # a further file that holds what prevents two rewrites, or is changed by one
            first, second = (result, known) if result.changed else (known, result)
            findings = tuple(sorted({*first.findings, *second.findings}))
            by_path[result.path] = replace(first, findings=findings)
    return list(by_path.values())


def _one_by_one(migrate: Migrate, group: Group, options: Options) -> list[FileResult]:
    """The results of a group that may have crashed its process: together, else each file in a process of its own."""
    together = _in_processes(migrate, [group], options, 1).get(0)
    if together is not None:
        return together
    crash = "the parser crashed on this file; please leave it out with --exclude"
    results = []
    for file in group.files:
        alone = _in_processes(migrate, [Group((file,))], options, 1) if len(group.files) > 1 else {}
        results += alone.get(0) or [FileResult(file.path, "error", error=crash)]
    return results


def _in_processes(
    migrate: Migrate,
    groups: Sequence[Group],
    options: Options,
    jobs: int,
    advance: Callable[[int], None] = lambda files: None,
) -> dict[int, list[FileResult]]:
    """Results by index; those that a crashed process took with it are missing."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    work = partial(_migrate_one, migrate, options)
    results: dict[int, list[FileResult]] = {}
    executor = ProcessPoolExecutor(jobs, initializer=_end_quietly_when_interrupted)
    try:
        with _interrupts_held():
            futures = [executor.submit(work, group) for group in groups]
        for index, future in enumerate(futures):
            try:
                results[index] = future.result()
                advance(len(groups[index].files))
            except BrokenProcessPool:
                continue
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    return results


def _migrate_one(migrate: Migrate, options: Options, group: Group) -> list[FileResult]:
    try:
        return migrate(group, options)
    except Exception as error:
        # A mistake of ours must not cost the user the other files. No message of it: that may hold their source.
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {os.path.basename(place.filename)}:{place.lineno}"
        reason = f"a mistake of migrate itself ({where}); please report it"
        return [FileResult(file.path, "error", error=reason) for file in group.files]


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
