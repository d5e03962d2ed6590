"""Writes the changes of a run, and puts the last ones back.

Both lay every new content beside its file first and then replace file by file, so that what can go wrong goes wrong before
the first file is touched. After a kill at any moment each file is whole, as it was or as it shall be, and the journal
knows which.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from migrator import journal, writing
from migrator.result import FileResult


class NoJournal(Exception):
    """The journal cannot be kept or read; the message says why and what to do. Nothing was written."""


class ChangedSinceWritten(Exception):
    """Files of the journal hold something that nobody knows; `paths` names them. Nothing was put back."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = tuple(paths)


class CannotPutBack(Exception):
    """A file cannot be written.

    Attributes:
        path: its real path.
        reason: why.
        put_back: how many others were put back before it.
    """

    def __init__(self, path: str, reason: str, put_back: int) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.put_back = put_back


@dataclass(frozen=True)
class Undone:
    """What an undo did.

    Attributes:
        put_back: the real paths of the files that have their old content again.
        untouched: those that the run had not written.
    """

    put_back: tuple[str, ...]
    untouched: tuple[str, ...]


def write(files: Sequence[FileResult]) -> dict[str, str]:
    """Write the new content of files.

    Returns:
        Why a file was not written, by the paths of those that were not. They are as they were; the others are written.

    Raises:
        NoJournal: what ``--undo`` needs cannot be kept.
    """
    name = journal.new_name()
    entries = []
    for number, file in enumerate(files):
        target = os.path.realpath(file.path)
        temporary = _temporary(target, name, number)
        entries.append(journal.Entry(target, temporary, file.before, journal.digest(file.after)))
    try:
        journal.remove_leftovers()
        record = journal.Journal.record(name, entries)
    except OSError as error:
        raise NoJournal(
            f"cannot keep what --undo needs in {journal.folder()} ({_reason(error)}). "
            "Set XDG_STATE_HOME to a folder of yours that can be written."
        ) from None
    errors: dict[str, str] = {}
    staged: dict[str, writing.Staged] = {}
    with record:
        try:
            for file, entry in zip(files, entries, strict=True):
                with _noted(errors, file.path):
                    staged[file.path] = writing.stage(entry.target, file.before, file.after, entry.temporary)
                    staged[file.path].check()
            _keep_units_whole(files, errors)
            for path, new in staged.items():
                if path not in errors:
                    with _noted(errors, path):
                        new.put_in_place()
        finally:
            _discard(staged.values())
        if len(errors) == len(files):
            record.forget()
        else:
            record.mark_done()
    return errors


def _keep_units_whole(files: Sequence[FileResult], errors: dict[str, str]) -> None:
    """Let no file be written without those that share its connection."""
    failed = {file.unit or file.path: file.path for file in files if file.path in errors}
    for file in files:
        other = failed.get(file.unit or file.path)
        if other is not None and file.path not in errors:
            errors[file.path] = f"not written, because {other} was not, which shares its connection"


@contextlib.contextmanager
def _noted(errors: dict[str, str], path: str) -> Iterator[None]:
    """Note why a file was not written, and go on."""
    try:
        yield
    except writing.ChangedSinceRead:
        errors[path] = "not written: it changed since it was read; run migrate again"
    except OSError as error:
        errors[path] = f"not written: {_reason(error)}"


def undo(paths: Sequence[str]) -> Undone:
    """Put back what the last ``--write`` replaced that wrote a file at or below one of some paths; all of it or nothing.

    Returns:
        What was done: nothing at all where no ``--write`` is known.

    Raises:
        ChangedSinceWritten: a file was changed since, or is gone.
        NoJournal: the journal cannot be read, or another process is at work with it.
        CannotPutBack: a file cannot be written. What was put back before it stays so; the next undo does the rest.
    """
    try:
        record = _last(paths)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NoJournal(f"the journal of the last --write cannot be used: {error}") from None
    if record is None:
        return Undone((), ())
    with record:
        old, new, changed = _sorted_out(record.entries())
        if changed:
            raise ChangedSinceWritten(changed)
        staged: list[writing.Staged] = []
        done = 0
        try:
            for entry, content in new:
                target = entry.target
                staged.append(writing.stage(target, content, entry.before, entry.temporary))
            for file in staged:
                target = file.target
                file.put_in_place()
                done += 1
        except writing.ChangedSinceRead:
            raise CannotPutBack(target, "it changed meanwhile", done) from None
        except OSError as error:
            raise CannotPutBack(target, _reason(error), done) from None
        finally:
            _discard(staged)
        record.forget()
    return Undone(tuple(entry.target for entry, _ in new), tuple(entry.target for entry in old))


def _sorted_out(
    entries: Iterable[journal.Entry],
) -> tuple[list[journal.Entry], list[tuple[journal.Entry, bytes]], list[str]]:
    """Files that hold their old content, those that hold the new one with it, and those that hold neither.

    What a killed run left beside them goes.
    """
    old, new, changed = [], [], []
    for entry in entries:
        writing.Staged(entry.target, entry.temporary, b"").discard()
        try:
            content = writing.content(entry.target)
        except FileNotFoundError:
            changed.append(entry.target)
            continue
        if content == entry.before:
            old.append(entry)
        elif entry.has_new_content(content):
            new.append((entry, content))
        else:
            changed.append(entry.target)
    return old, new, changed


def _last(paths: Sequence[str]) -> journal.Journal | None:
    """The last journal that has a file at or below one of some paths."""
    wanted = [os.path.realpath(path) for path in paths]
    below = tuple(os.path.join(path, "") for path in wanted)
    for path in journal.journals():
        record = journal.Journal.open(path)
        if any(entry.target in wanted or entry.target.startswith(below) for entry in record.entries()):
            return record
        record.close()
    return None


def _temporary(target: str, name: str, number: int) -> str:
    return os.path.join(os.path.dirname(target), f".migrate-{name.removesuffix('.jsonl')}-{number}")


def _discard(staged: Iterable[writing.Staged]) -> None:
    for file in staged:
        file.discard()


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
