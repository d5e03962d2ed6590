"""What rules propose, and how it is carried out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from migrator.analysis.joined import JoinedSource
from migrator.analysis.names import Names
from migrator.analysis.source import Source
from migrator.result import Confidence


@dataclass(frozen=True)
class Change:
    """Replace a span of the source by a text; an empty span inserts, an empty text deletes.

    Line ends in ``text`` are written ``\\n`` and take the file's form when the change is applied.
    """

    start: int
    end: int
    text: str
    reason: str
    confidence: Confidence = "certain"


@dataclass(frozen=True)
class Removal:
    """Remove a statement with the comments that belong to it; its block keeps a ``pass`` when nothing else is left."""

    statement: ast.stmt
    reason: str
    confidence: Confidence = "certain"


@dataclass(frozen=True)
class Need:
    """The new code uses an imported name: ``import module``, or ``from module import name``."""

    module: str
    name: str = ""

    @property
    def bound(self) -> str:
        """The name that the import binds."""
        return self.name or self.module


@dataclass(frozen=True)
class Note:
    """Tell a person what is different now, or what is theirs to do; the rewrite stands."""

    line: int
    message: str


@dataclass(frozen=True)
class Obstacle:
    """What prevents the rewrite of the unit, as the second half of the sentence "not rewritten, because ...".\""""

    line: int
    message: str


Proposal = Change | Removal | Need | Note | Obstacle


class OverlapError(Exception):
    """Two changes claim the same characters."""


def lower_removals(source: Source, names: Names, removals: Sequence[Removal]) -> list[tuple[Removal, Change]]:
    """Removals as changes of the text. One inside another needs none of its own."""
    removed = {id(removal.statement) for removal in removals}
    lowered = []
    for removal in removals:
        statement = removal.statement
        if any(id(parent) in removed for parent in names.ancestors(statement)):
            continue
        block = names.block(statement)
        is_whole_block = all(id(other) in removed for other in block) and not isinstance(
            names.parents[statement], ast.Module
        )
        if is_whole_block and statement is block[-1]:
            start, end, text = source.start(statement), source.end(statement), "pass"
        else:
            last = block.index(statement)
            while last + 1 < len(block) and id(block[last + 1]) in removed:
                last += 1
            (start, end), text = statement_span(source, names, statement, block[last]), ""
        lowered.append((removal, Change(start, end, text, removal.reason, removal.confidence)))
    return lowered


def statement_span(source: Source, names: Names, statement: ast.stmt, run_end: ast.stmt) -> tuple[int, int]:
    """The lines of a statement: its own, the comments right above it, and the blank lines that it leaves without use.

    A statement that shares its line with another is only its own text with the semicolon.

    Args:
        run_end: the last of the statements that go together with this one, without one between them that stays.
    """
    start, end = source.start(statement), source.end(statement)
    first, last = source.line_of(start), source.line_of(end)
    before = source.text[source.line_start(first) : start]
    after = source.text[end : source.line_start(last + 1)].strip()
    if before.strip() or (after and not after.startswith("#")):
        return _shared_line_span(source, start, end)
    block = names.block(statement)
    is_first = statement is block[0]
    # The last line that belongs to something else
    if not is_first:
        floor = source.line_of(source.end(block[block.index(statement) - 1]))
    else:
        parent = names.parents[statement]
        floor = source.line_of(source.start(parent)) if isinstance(parent, ast.stmt) else 0
    while first - 1 > floor and _is_own_comment(source, first - 1, before):
        first -= 1
    if _is_blank(source, source.line_of(source.end(run_end)) + 1):
        while first - 1 > floor and _is_blank(source, first - 1):
            first -= 1
    if is_first and isinstance(names.parents[statement], ast.stmt):
        while last < len(source.line_starts) - 1 and _is_blank(source, last + 1):
            last += 1
    return source.line_start(first), source.line_start(last + 1)


def _is_blank(source: Source, line: int) -> bool:
    return line > len(source.line_starts) or not source.line_text(line).strip()


def _is_own_comment(source: Source, line: int, indentation: str) -> bool:
    text = source.line_text(line)
    return text.startswith(indentation + "#")


def _shared_line_span(source: Source, start: int, end: int) -> tuple[int, int]:
    text = source.text
    after = end
    while after < len(text) and text[after] in " \t":
        after += 1
    if after < len(text) and text[after] == ";":
        after += 1
        while after < len(text) and text[after] in " \t":
            after += 1
        return start, after
    before = start
    while before > 0 and text[before - 1] in " \t":
        before -= 1
    if before > 0 and text[before - 1] == ";":
        return before - 1, end
    raise OverlapError(
        f"line {source.line_of(start)}: a statement shares its line in a way that is not understood"
    )


def comments_above(source: Source, statement: ast.stmt) -> int:
    """Offset of the line where the comments right above a statement begin; the statement's line without any."""
    line = source.line_of(source.start(statement))
    indentation = source.indentation(statement)
    while line > 1 and _is_own_comment(source, line - 1, indentation):
        line -= 1
    return source.line_start(line)


def apply(source: Source, changes: Iterable[Change]) -> str:
    """The text of a source after all changes.

    Insertions at one place keep the order in which they come; an identical change that comes twice counts once.

    Raises:
        OverlapError: two changes claim the same characters.
        SourceError: libcst cannot parse the source.
        ValueError: what it would become is no Python.
    """
    # Imported here: libcst takes longer to import than most files take to migrate, and many are only looked at.
    from migrator.rewriting import carry_out

    return carry_out(source, changes)


def apply_to_parts(source: JoinedSource, changes: Iterable[Change]) -> dict[str, str]:
    """The texts of the files of a joined source that have changes, after them, by path; see `apply`."""
    by_part: dict[str, list[Change]] = {}
    for change in changes:
        part = source.part_at(change.start)
        length = len(part.source.text)
        start, end, text = change.start - part.offset, change.end - part.offset, change.text
        if start > length:  # behind a last line that has no end
            start, text = length, "\n" + text.removesuffix("\n")
        local = replace(change, start=start, end=max(start, min(end, length)), text=text)
        by_part.setdefault(part.path, []).append(local)
    return {path: apply(source.part(path).source, local) for path, local in by_part.items()}
