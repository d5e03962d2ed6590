"""What every ``--write`` replaced, kept in the user's state folder so that ``--undo`` can put it back.

A journal is a file of JSON lines: one about the run, one for each file that is to be replaced, and a last one when all is
done. It has its name, and is on the disk, before the first file is touched. It holds the user's source, so only the user
may read it.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

VERSION = 1
KEPT = 20
"""Journals that are kept: as many runs of ``--write`` can be put back, the last one first."""

_NAME = re.compile(r"\d{8}T\d{6}\.\d{9}Z-\d+\.jsonl(?:\.unfinished)?")
_UNFINISHED = ".unfinished"
_DONE = b'{"done": true}\n'
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Entry:
    """One file that is to be replaced.

    Attributes:
        target: its real path.
        temporary: where its new content lies until it takes the place.
        before: the bytes to put back.
        after: digest of the new bytes.
    """

    target: str
    temporary: str
    before: bytes = field(repr=False)
    after: str

    def has_new_content(self, content: bytes) -> bool:
        """Whether these are the bytes that ``--write`` wrote."""
        return digest(content) == self.after


def digest(content: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(content).hexdigest()


def folder() -> str:
    """Where the journals are: the place for the state of programs on this system, or in ``XDG_STATE_HOME``."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the specification wants relative ones ignored
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~\\AppData\\Local")
        elif sys.platform == "darwin":
            base = os.path.expanduser("~/Library/Application Support")
        else:
            base = os.path.expanduser("~/.local/state")
    return os.path.join(base, "speechmatics-to-assemblyai", "journal")


def new_name() -> str:
    """The name of a journal that is begun now; names are in the order of time."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    return f"{moment}.{nanoseconds:09}Z-{os.getpid()}.jsonl"


class Journal:
    """A journal that this process has for itself until it is closed, or until the process ends, however it ends."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path = path
        self._file = file
        if not _lock(file):
            raise BlockingIOError(errno.EAGAIN, "another migrate is at work with it", path)

    @classmethod
    def record(cls, name: str, entries: Sequence[Entry]) -> Journal:
        """Write a journal to the disk. The oldest ones beyond `KEPT` go.

        Raises:
            OSError: it cannot be kept. There is no such journal then.
        """
        where = folder()
        os.makedirs(where, mode=0o700, exist_ok=True)
        for private in (where, os.path.dirname(where)):
            os.chmod(private, 0o700)
        path = os.path.join(where, name)
        descriptor = os.open(path + _UNFINISHED, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        file = open(descriptor, "r+b")  # noqa: SIM115 (closed with the journal)
        try:
            journal = cls(path, file)
            file.write(json.dumps({"version": VERSION}).encode() + b"\n")
            for entry in entries:
                file.write(json.dumps(_as_json(entry)).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
            os.replace(path + _UNFINISHED, path)
        except BaseException:
            file.close()
            _remove(path + _UNFINISHED)
            raise
        for old in journals()[KEPT:]:
            _remove(old)
        return journal

    @classmethod
    def open(cls, path: str) -> Journal:
        """An earlier journal.

        Raises:
            OSError: it cannot be read, or another process has it.
        """
        file = open(path, "r+b")  # noqa: SIM115 (closed with the journal)
        try:
            return cls(path, file)
        except BaseException:
            file.close()
            raise

    def entries(self) -> Iterator[Entry]:
        """The files, one at a time.

        Raises:
            ValueError: this is not a journal, or one of another version.
        """
        self._file.seek(0)
        head = json.loads(self._file.readline())
        if head.get("version") != VERSION:
            raise ValueError(f"{self.path} is no journal of version {VERSION}")
        for line in self._file:
            # The last line is the only one that is added later, and may have been cut short.
            if line != _DONE and line.endswith(b"\n"):
                entry = json.loads(line)
                before = base64.b64decode(entry["before"])
                yield Entry(entry["target"], entry["temporary"], before, entry["after"])

    @property
    def is_done(self) -> bool:
        """Whether the run came to its end."""
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(0, size - len(_DONE)))
        return self._file.read() == _DONE

    def mark_done(self) -> None:
        """Note that the run came to its end."""
        self._file.seek(0, os.SEEK_END)
        self._file.write(_DONE)
        self._file.flush()

    def forget(self) -> None:
        """Remove it."""
        self.close()
        _remove(self.path)

    def close(self) -> None:
        """Leave it to others."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def journals() -> list[str]:
    """The paths of all journals, the last one first."""
    return [path for path in _files() if not path.endswith(_UNFINISHED)]


def remove_leftovers() -> None:
    """Remove what runs that were killed left beside the user's files, and the journals that they did not finish."""
    for path in _files():
        with contextlib.suppress(OSError, ValueError), Journal.open(path) as journal:
            if path.endswith(_UNFINISHED):
                _remove(path)
            elif not journal.is_done:
                for entry in journal.entries():
                    _remove(entry.temporary)
                journal.mark_done()


def _files() -> list[str]:
    where = folder()
    try:
        names = sorted(os.listdir(where), reverse=True)
    except FileNotFoundError:
        return []
    return [os.path.join(where, name) for name in names if _NAME.fullmatch(name)]


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _lock(file: BinaryIO) -> bool:
    """Take a file for this process; false if another one has it. Where the system has no such locks, nobody ever has."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _as_json(entry: Entry) -> dict[str, str]:
    return {
        "target": entry.target,
        "temporary": entry.temporary,
        "before": base64.b64encode(entry.before).decode("ascii"),
        "after": entry.after,
    }
