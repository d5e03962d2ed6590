"""A group of files in, their results out: facts, decision, edits applied once, and the result analysed again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from migrator import decision, membership, unit
from migrator.analysis.modules import Tree
from migrator.analysis.scan import TouchPoint
from migrator.analysis.source import Source, SourceError
from migrator.edits import apply
from migrator.grouping import Group, grouped_in
from migrator.membership import File, Unit
from migrator.options import Options
from migrator.project import Candidate, mentions_speechmatics
from migrator.result import Edit, FileResult, Finding
from migrator.rules import drop_in, other, sdk_imports


def migrate_group(group: Group, options: Options) -> list[FileResult]:
    """What becomes of candidates that may have something to do with each other: one result for each, in their order.

    Never raises because of what a file holds: what cannot be decoded, parsed or kept byte for byte is a result of
    status ``error`` with line and column; what cannot be rewritten with certainty gets the drop-in or a finding.
    """
    return _Group(group, options).decide()


def migrate_source(path: str, source: bytes, options: Options) -> FileResult:
    """What becomes of one file that belongs to no project; see `migrate_group`.

    Args:
        path: as it is to be shown.
        source: the bytes of the file.
    """
    [result] = migrate_group(Group((Candidate(path, source),)), options)
    return result


def migrate_project(sources: Mapping[str, bytes], options: Options) -> dict[str, FileResult]:
    """What becomes of a project that is only in memory: its Python files by path, relative to it.

    Returns:
        The results of the files that mention Speechmatics, by path.
    """
    candidates = [
        Candidate(path, source, real=path)
        for path, source in sorted(sources.items())
        if mentions_speechmatics(source)
    ]
    groups = grouped_in(Tree.of(sources), candidates)
    return {result.path: result for group in groups for result in migrate_group(group, options)}


class _Group:
    """The decisions for one group of files."""

    def __init__(self, group: Group, options: Options) -> None:
        self.group = group
        self.tree = group.tree
        self.options = options
        self.results: dict[str, FileResult] = {}

    def decide(self) -> list[FileResult]:
        """One result for each candidate, in their order, and one for each other file that has a part in it."""
        files: list[File] = []
        settled: list[File] = []
        for candidate in self.group.files:
            self.guarded([candidate], functools.partial(self.look_at, candidate, files, settled))
        if files:
            self.guarded([file.candidate for file in files], functools.partial(self.divide, files, settled))
        first = [candidate.path for candidate in self.group.files]
        others = sorted(path for path in self.results if path not in first)
        return [self.results[path] for path in (*first, *others)]

    def guarded(self, candidates: Sequence[Candidate], work: Callable[[], None]) -> None:
        """Do something; what fails is the result of all files that it was for and that have none yet."""
        try:
            work()
        except SourceError as error:
            message = str(error)
        except RecursionError:
            message = "line 1: nested too deeply to be analysed"
        except Exception as error:
            # A fault of the rules must neither stop the other files nor touch this one.
            message = f"line 1: migrate itself failed here and changed nothing ({error!r}); please report it"
        else:
            return
        given = {candidate.path: candidate.source for candidate in self.group.files}
        for path in [candidate.path for candidate in candidates if candidate.path in given]:
            data = given[path]
            self.results.setdefault(path, FileResult(path, "error", before=data, after=data, error=message))

    def look_at(self, candidate: Candidate, files: list[File], settled: list[File]) -> None:
        file = membership.looked_at(self.tree, candidate)
        if not file.points:
            self.unchanged(file)
        elif not drop_in.is_used(file.source.tree):
            files.append(file)
        elif self.options.to == "native" and (bare := _without_drop_in(self.tree, file)) is not None:
            files.append(bare)
        else:
            settled.append(file)
            self.unchanged(file)

    def unchanged(self, file: File) -> None:
        data = file.candidate.source
        self.results[file.path] = FileResult(file.path, "unchanged", data, data)

    def decide_unit(self, files: Unit) -> None:
        self.results.update(decision.decide(self.tree, files, self.options))

    def divide(self, files: list[File], settled: list[File]) -> None:
        units, rest = membership.units(self.tree, files, settled)
        for unit_of_files in units:
            candidates = [file.candidate for file in unit_of_files.files]
            self.guarded(candidates, functools.partial(self.decide_unit, unit_of_files))
        for file in rest:
            findings = [unit.other_use(found) for found in file.foreign] or [_mention(file.points[0])]
            self.results[file.path] = _manual(file, findings)
        for file in files:
            if file.path not in self.results:
                self.unchanged(file)


def _without_drop_in(tree: Tree, file: File) -> File | None:
    """A file that has the drop-in as it was before, to be rewritten; None where the drop-in is more than an import."""
    source = file.source
    changes = [*drop_in.taken_out(source), *sdk_imports.taken_out(source)]
    data = source.encode(apply(source, changes))
    if not changes or drop_in.is_used(Source(data).tree):
        return None
    bare = membership.looked_at(tree, replace(file.candidate, source=data))
    bare.original = file.candidate.source
    bare.taken_out = tuple(
        Edit(source.line_of(change.start), drop_in.RULE.id, change.reason) for change in changes
    )
    return bare


def _manual(file: File, findings: Iterable[Finding], unit_of: str = "") -> FileResult:
    data, points = file.candidate.source, len(file.points)
    return FileResult(
        file.path, "manual", data, data, (), tuple(sorted(set(findings))), points, points, unit=unit_of
    )


def _mention(point: TouchPoint) -> Finding:
    what = {
        "host": "the address",
        "message": "the message",
        "environment": "the variable",
        "import": "the module",
        "field": "the field",
    }
    return unit.finding(
        point.line,
        other.OTHER_DIALECT.id,
        f"names {what[point.kind]} {point.text}, but opens no connection that is known here; nothing is changed",
    )
