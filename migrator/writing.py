"""Puts new bytes in place of files so that whatever happens each is whole: the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass

_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class ChangedSinceRead(Exception):
    """The file no longer holds the bytes that were read; it was left as it is."""


@dataclass(frozen=True)
class Staged:
    """A new content that lies beside the file whose place it is to take.

    Attributes:
        target: the real path of the file.
        temporary: where the new content is.
        expected: what the file held when it was read.
    """

    target: str
    temporary: str
    expected: bytes

    def put_in_place(self) -> None:
        """Let the new content take the file's name, at once.

        Raises:
            ChangedSinceRead: the file holds something else than `expected`.
            OSError: the file is as it was.
        """
        self.check()
        os.replace(self.temporary, self.target)
        _flush_folder(os.path.dirname(self.target))

    def check(self) -> None:
        """See whether the file is still as it was read.

        Raises:
            ChangedSinceRead: it holds something else than `expected`.
            OSError: it cannot be read.
        """
        if content(self.target) != self.expected:
            raise ChangedSinceRead(self.target)

    def discard(self) -> None:
        """Remove the new content, if it is still there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.temporary)


def stage(target: str, expected: bytes, replacement: bytes, temporary: str) -> Staged:
    """Write a new content to the disk, beside the file whose place it is to take.

    Mode, ownership (where this user may give it) and extended attributes are those of the file. Another hard link to the
    same file keeps the old content.

    Args:
        target: the real path of the file.
        expected: what the file held when it was read.
        replacement: what it shall hold.
        temporary: a path in the same folder that nothing has yet.

    Raises:
        OSError: the file or its folder is read-only, the disk is full, ... Nothing is left of it then.
    """
    status = os.stat(target)
    _refuse_read_only(target)
    _refuse_read_only(os.path.dirname(target))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    staged = Staged(target, temporary, expected)
    try:
        with open(descriptor, "wb") as file:
            file.write(replacement)
            file.flush()
            _copy_attributes(target, status, temporary)
            os.fsync(descriptor)
    except BaseException:
        staged.discard()
        raise
    return staged


def content(path: str) -> bytes:
    """The bytes of a file."""
    with open(path, "rb", buffering=0) as file:
        return file.readall()


def _refuse_read_only(path: str) -> None:
    # A rename replaces a read-only file as well, and root may write everything: the mode says what its owner wants.
    if not os.stat(path).st_mode & _ANY_WRITE or not os.access(path, os.W_OK):
        kind = "folder" if os.path.isdir(path) else "file"
        raise PermissionError(f"the {kind} is read-only")


def _copy_attributes(source: str, status: os.stat_result, target: str) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(target, status.st_uid, status.st_gid)
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):  # not every file system has them, and some belong to the system
            for name in os.listxattr(source):
                os.setxattr(target, name, os.getxattr(source, name))
    os.chmod(target, stat.S_IMODE(status.st_mode))  # last: a change of owner takes bits away


def _flush_folder(folder: str) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
