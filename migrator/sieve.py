"""Judges many files by their bytes, as fast as they can be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

Judge = Callable[[bytes], int]

UNREADABLE = 255
"""The judgement of a file that cannot be read."""

WORTH_A_PROCESS = 400
"""Files for which it pays to start a process."""

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_PIECE = 1 << 17


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def sift(paths: Sequence[str], judge: Judge, jobs: int) -> bytes:
    """One judgement for each file, in their order.

    Args:
        paths: the files. Their bytes are held one file at a time.
        judge: a number below `UNREADABLE` for the bytes of a file.
        jobs: how many processes at most.
    """
    processes = min(jobs, len(paths) // WORTH_A_PROCESS)
    if processes < 2 or not _can_fork():
        return _judged(paths, judge)
    judgements = bytearray(len(paths))
    shares = [slice(number, None, processes) for number in range(processes)]
    others = [(share, _Other(paths[share], judge)) for share in shares[1:]]
    try:
        judgements[shares[0]] = _judged(paths[shares[0]], judge)
        for share, other in others:
            # A process that was ended from outside leaves its share to this one.
            judgements[share] = other.judgements() or _judged(paths[share], judge)
    finally:
        for _, other in others:
            other.end()
    return bytes(judgements)


def _can_fork() -> bool:
    # A copy of a process has none of its other threads, which may hold a lock.
    threading = sys.modules.get("threading")
    return hasattr(os, "fork") and (threading is None or threading.active_count() == 1)


def _judged(paths: Sequence[str], judge: Judge) -> bytes:
    return bytes(_judgement(path, judge) for path in paths)


def _judgement(path: str, judge: Judge) -> int:
    try:
        descriptor = os.open(path, _READ)
    except OSError:
        return UNREADABLE
    try:
        # Not a file object: making one takes as long as reading most sources.
        source = os.read(descriptor, _PIECE)
        if len(source) == _PIECE:
            pieces = [source]
            while piece := os.read(descriptor, _PIECE):
                pieces.append(piece)
            source = b"".join(pieces)
    except OSError:
        return UNREADABLE
    finally:
        os.close(descriptor)
    return judge(source)


class _Other:
    """A copy of this process that judges some of the files.

    A fork and not `multiprocessing`, which takes longer to import than thousands of files to search.
    """

    def __init__(self, paths: Sequence[str], judge: Judge) -> None:
        self._files = len(paths)
        self._pipe, there = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                judgements = _judged(paths, judge)
                while judgements:
                    judgements = judgements[os.write(there, judgements) :]
            finally:
                os._exit(0)
        os.close(there)

    def judgements(self) -> bytes | None:
        """All of them, or None."""
        pieces = []
        while piece := os.read(self._pipe, _PIECE):
            pieces.append(piece)
        judgements = b"".join(pieces)
        return judgements if len(judgements) == self._files else None

    def end(self) -> None:
        """Leave nothing of it behind."""
        import signal

        os.close(self._pipe)
        os.kill(self._process, signal.SIGKILL)  # if it is still at work, nobody waits for it any more
        os.waitpid(self._process, 0)
