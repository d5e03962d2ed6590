"""Puts new bytes in place of a file so that whatever happens it is whole: the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile

_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class ChangedSinceRead(Exception):
    """The file no longer holds the bytes that were read; it was left as it is."""


def replace(path: str, expected: bytes, content: bytes) -> None:
    """Replace the content of a file atomically.

    The bytes go to a temporary file in the same folder, to the disk, and then take the old file's name. Mode,
    ownership (where this user may give it) and extended attributes stay. A symbolic link stays one: its target is
    replaced. Another hard link to the same file keeps the old content.

    Args:
        path: the file.
        expected: what the file held when it was read.
        content: what it shall hold.

    Raises:
        ChangedSinceRead: the file holds something else than `expected`.
        OSError: the file or its folder is read-only, the disk is full, ... The file is as it was.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    status = os.stat(target)
    _refuse_read_only(target)
    _refuse_read_only(folder)
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{os.path.basename(target)[:200]}.", suffix=".new", dir=folder
    )
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            _copy_attributes(target, status, temporary)
            os.fsync(descriptor)
        with open(target, "rb") as file:
            if file.read() != expected:
                raise ChangedSinceRead(path)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _flush_folder(folder)


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
