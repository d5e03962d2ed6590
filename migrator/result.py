"""What a run did and what it left to a person: frozen values that every report draws and nothing changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["native", "shim", "manual", "unchanged", "error"]
Confidence = Literal["certain", "likely"]


@dataclass(frozen=True, order=True)
class Edit:
    """One change to the source.

    Attributes:
        line: 1-based line of the old source where the change begins.
        rule: id of the rule that proposed it.
        reason: one sentence a reviewer can check, without a final full stop.
        confidence: ``certain`` (follows from the code) or ``likely`` (rests on a convention that the reason names).
    """

    line: int
    rule: str
    reason: str
    confidence: Confidence = "certain"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing left to a person, or one difference in meaning that survives.

    Attributes:
        line: 1-based line of the old source.
        rule: id of the rule that found it.
        message: what is left to do, or what is different now, and what to do about it.
        docs: page and anchor in ``docs/`` that says more, such as ``rules.md#finals-are-turns``; empty where none does.
    """

    line: int
    rule: str
    message: str
    docs: str = ""


@dataclass(frozen=True)
class FileResult:
    """What happened to one file.

    Attributes:
        path: as the user would write it, relative to the current directory where it lies below, with ``/``.
        status: ``native`` rewritten, ``shim`` drop-in, ``manual`` left to a person, ``unchanged``, ``error`` not read,
            parsed or written.
        before: the bytes that were read; empty on error.
        after: the bytes it should have; equal to ``before`` where nothing changes.
        edits: in order of line.
        findings: in order of line.
        unit: the file that opens the connection to which this file belongs, as a path; empty for that file itself, and
            for a file that belongs to none.
        touch_points: places in the old source that mention Speechmatics, counted by a scan independent of the rules.
        touch_points_left: how many of them need a person (no rule took them).
        error: one line without the path, such as ``line 3, column 7: invalid syntax``; empty unless status is ``error``.
        kind: ``code``, or the kind of a file around it (``migrator.surroundings.kinds``).
    """

    path: str
    status: Status
    before: bytes = b""
    after: bytes = b""
    edits: tuple[Edit, ...] = ()
    findings: tuple[Finding, ...] = ()
    touch_points: int = 0
    touch_points_left: int = 0
    error: str = ""
    unit: str = ""
    kind: str = "code"

    @property
    def changed(self) -> bool:
        """Whether writing the file would change it."""
        return self.after != self.before


@dataclass(frozen=True)
class Result:
    """What happened in one run.

    Attributes:
        files: results of every candidate and every file that failed, by path; files without Speechmatics are not here.
        scanned: how many Python files were looked at.
        migrated: how many of them use AssemblyAI and do not mention Speechmatics.
        skipped: path and reason of what was deliberately not looked into and the user might expect, by path.
        scanned_around: how many files around the code were looked at.
    """

    files: tuple[FileResult, ...]
    scanned: int
    migrated: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    scanned_around: int = 0

    @property
    def failed(self) -> bool:
        """Whether some file could not be read, parsed or written."""
        return any(file.status == "error" for file in self.files)

    @property
    def pending(self) -> bool:
        """Whether anything would change or needs a person."""
        return any(file.changed or file.findings or file.status == "manual" for file in self.files)
