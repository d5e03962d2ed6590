"""Decides for one unit: rewrite, drop-in, or leave to a person; one result for each of its files."""

from __future__ import annotations

import ast
import builtins
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from migrator import plugin_unit, sdk_unit, unit
from migrator.analysis.joined import JoinedSource, Part
from migrator.analysis.modules import Tree, is_test
from migrator.analysis.names import Names
from migrator.analysis.scan import Kind, residue, touch_points
from migrator.analysis.source import Source, SourceError
from migrator.dialects import raw, sdk, sdk_session
from migrator.dialects.plugins import PluginProgram
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.session import Session
from migrator.edits import Obstacle, OverlapError
from migrator.membership import STEPS, File, Unit
from migrator.options import Options
from migrator.result import Edit, FileResult, Finding
from migrator.rules import CONNECTION, SDK, authorization, defects, drop_in, other
from migrator.rules.defects.defect import Facts
from migrator.surroundings import versions
from migrator.unit import Rewrite

_MOST_FILES = 24
"""Files of a unit that are analysed together; each costs its parsing, and what is spread further is not understood."""

_REPLACES = re.compile(rb"\bpatch\b|\bmonkeypatch\b|Mock\b")
_CONNECTORS = re.compile(rb"\bwebsockets?\b.*\bconnect\b|WebSocketApp|create_connection")
_KEY = re.compile(r"KEY|TOKEN|SECRET")

_KEPT = ". It is broken as it is, and not rewritten until that is mended"
"""What is said with a defect: a rewrite would carry it over, or mend it without a word."""

_TELLING: tuple[Kind, ...] = ("message", "host", "field", "import", "environment")
"""What says most of a test comes first."""

Place = tuple[str, int]
"""A file, by its place in the project, and a line in it."""


@dataclass
class _Broken:
    """Findings about what is broken in a program as it is, by file.

    Attributes:
        kept: what a rewrite would carry over or mend, so that there is none.
        vanishing: what a rewrite leaves nothing of.
    """

    kept: list[tuple[str, Finding]] = field(default_factory=list)
    vanishing: list[tuple[str, Finding]] = field(default_factory=list)

    @property
    def all(self) -> list[tuple[str, Finding]]:
        return [*self.kept, *self.vanishing]


@dataclass
class _Attempt:
    """A unit, rewritten as far as it goes.

    Attributes:
        session: the facts, of all files together; None where no file has a WebSocket library.
        elsewhere: obstacles in files that were not analysed.
        broken: what is broken in the program as it is.
    """

    source: JoinedSource
    session: Session | None
    rewrite: Rewrite
    elsewhere: list[tuple[Place, str]] = field(default_factory=list)
    broken: _Broken = field(default_factory=_Broken)

    @property
    def is_whole(self) -> bool:
        return not self.rewrite.obstacles and not self.elsewhere and not self.broken.kept


def decide(tree: Tree, files: Unit, options: Options) -> dict[str, FileResult]:
    """The results of a unit by path: of its files, and of others that change or hold what prevents a rewrite."""
    results = _Decision(tree, files, options).results()
    for file in files.files:
        if file.original is not None:
            results[file.path] = _with_what_was_taken_out(results[file.path], file, file.original)
    return results


def _with_what_was_taken_out(result: FileResult, file: File, original: bytes) -> FileResult:
    """The result of a file that has the drop-in; it keeps it when it was not rewritten whole."""
    if result.status != "native":
        return replace(result, before=original, after=original, edits=())
    return replace(result, before=original, edits=tuple(sorted({*result.edits, *file.taken_out})))


class _Decision:
    def __init__(self, tree: Tree, files: Unit, options: Options) -> None:
        self.tree = tree
        self.unit = files
        self.main = files.openers[0]
        if any(file.original is not None for file in files.files):
            options = replace(options, partial=False)
        own_shims = [file.candidate.own_shim for file in files.openers if file.candidate.own_shim]
        self.options = replace(options, shadowed_by=own_shims[0]) if own_shims else options
        self.members = frozenset(file.place for file in files.files)
        self.by_place = {file.place: file for file in files.files}

    def results(self) -> dict[str, FileResult]:
        if self.main.program is not None:
            return self.with_sdk()
        if self.main.plugin is not None and not self.main.opens:
            return self.with_plugin(self.main.plugin)
        foreign = [(file, found) for file in self.unit.openers for found in file.foreign]
        findings = [(file.place, unit.other_use(found)) for file, found in foreign]
        attempt = self.attempt()
        session = attempt.session
        if session is not None:
            facts = Facts(session.source, session.names, session)
            attempt.broken = self.defects(facts, attempt.source.place)
        if self.options.to == "shim":
            return self.dropped_in(attempt, [*findings, *attempt.broken.all])
        attempt.elsewhere += [
            ((file.place, found.line), f"the file also uses {found.what}") for file, found in foreign
        ]
        self.look_around(attempt)
        if attempt.is_whole:
            return self.rewritten(attempt)
        findings += self.reasons(attempt)
        if self.options.to == "auto":
            return self.dropped_in(attempt, findings)
        is_alone = not foreign and not attempt.elsewhere and not attempt.broken.kept
        if self.options.partial and is_alone and _parses(attempt):
            return self.marked(attempt, findings)
        return self.left_alone(findings)

    def look_around(self, attempt: _Attempt) -> None:
        """Take in what prevents the rewrite in files that are not analysed with the others."""
        attempt.elsewhere += self.tests()
        if attempt.is_whole:
            attempt.elsewhere += self.doubles(attempt)

    def reasons(self, attempt: _Attempt) -> list[tuple[str, Finding]]:
        """Why the unit is not rewritten. What a line is broken by is said once."""
        broken = [(place, said.line) for place, said in attempt.broken.kept]
        places = [(attempt.source.place(o.line), o.message) for o in attempt.rewrite.obstacles]
        prevented = [
            (place, unit.finding(line, other.NOT_REWRITTEN.id, f"not rewritten, because {message}"))
            for (place, line), message in dict.fromkeys([*places, *attempt.elsewhere])
            if (place, line) not in broken
        ]
        return [*prevented, *attempt.broken.all]

    def defects(self, facts: Facts, place_of: Callable[[int], Place]) -> _Broken:
        """What is broken in the program as it is."""
        candidate = self.main.candidate
        asked = functools.partial(versions.known, place=candidate.real, root=candidate.root)
        broken = _Broken()
        for detector, defect in defects.found(replace(facts, versions=asked)):
            place, line = place_of(defect.line)
            elsewhere, other_line = place_of(defect.other) if defect.other else (place, 0)
            at = str(other_line) if elsewhere == place else f"{other_line} of {self.file(elsewhere).path}"
            kept = "" if detector.goes_with_rewrite else _KEPT
            said = unit.finding(line, detector.rule.id, f"{defect.message.replace('{other}', at)}{kept}")
            (broken.vanishing if detector.goes_with_rewrite else broken.kept).append((place, said))
        return broken

    # What the files hold together

    def attempt(self) -> _Attempt:
        """The unit rewritten, with as many other files in sight as the questions of the rules need."""
        analysed = [file for file in self.unit.files if file is self.main or not _speaks(file)]
        parts = {file.place: file.candidate.source for file in analysed}
        refused = {file.place for file in self.unit.files}
        while True:
            source = JoinedSource(self.tree, list(parts.items()))
            session = self.session(source)
            attempt = _Attempt(source, session, self.rewrite(source, session))
            wanted = [path for path in (session.names.wanted if session else ()) if path not in parts]
            known = [path for path in wanted if path not in refused]
            for path in known:
                data = self.tree.read(path)
                if len(parts) < _MOST_FILES and not is_test(path) and _can_be_read(data):
                    parts[path] = data
                else:
                    refused.add(path)
            if all(path in refused for path in known):
                return attempt

    def session(self, source: JoinedSource) -> Session | None:
        if self.main.program is None:
            return raw.connects(source)
        program = sdk.recognise(source)
        return sdk_session.recognise(program) if program is not None and not program.obstacles else None

    def rewrite(self, source: JoinedSource, session: Session | None) -> Rewrite:
        if session is None:
            return Rewrite("", obstacles=[Obstacle(1, "no connection is opened here")])
        if self.options.to == "shim":
            unit.lost_with_drop_in(session, self.options)  # asks for the files that it needs
            return Rewrite("")
        rules = CONNECTION if self.main.program is None else SDK
        try:
            rewrite = unit.native(session, self.options, rules)
        except (OverlapError, AssertionError, ValueError, LookupError) as error:
            reason = f"the rules do not understand this program ({error!r})"
            return Rewrite("", obstacles=[Obstacle(1, reason)])
        if not rewrite.obstacles:
            rewrite.obstacles += self.flaws(source, session, rewrite)
        return rewrite

    def flaws(self, source: JoinedSource, session: Session, rewrite: Rewrite) -> Iterator[Obstacle]:
        """Why a result does not hold: it must compile, find its names, and have no Speechmatics left."""
        after: dict[str, bytes] = {}
        try:
            for part in source.parts:
                text = rewrite.texts.get(part.path, part.source.text)
                after[part.path] = part.source.encode(text)
                if part.path in rewrite.texts:
                    compile(text, "<rewritten>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            joined = JoinedSource(self.tree, [(path, after[path]) for path in self.order(source)])
        except (SourceError, SyntaxError, UnicodeEncodeError) as error:
            yield Obstacle(1, f"the rewritten program would not compile ({error})")
            return
        shadow = self.options.shadowed_by
        if shadow and drop_in.is_used(joined.tree):
            yield Obstacle(1, f"it would import shim.framing, and the project has {shadow}")
        missing = _missing(Names(joined.tree, joined)) - _missing(session.names)
        if missing:
            yield Obstacle(1, f"the rewritten program would not find {', '.join(sorted(missing))}")
        for part in source.parts:
            yield from self.left(part, Source(after[part.path]), part.path in rewrite.texts)

    def left(self, part: Part, after: Source, is_changed: bool) -> Iterator[Obstacle]:
        """Mentions of Speechmatics that no rule took."""
        if part.path not in self.members and not is_changed:
            return
        before = Source(part.source.encode(part.source.text))
        for point in residue(after):
            line = next((old.line for old in touch_points(before) if old.text == point.text), 1)
            yield Obstacle(line + part.line - 1, f"{point.text} is used in a way that no rule covers")

    def tests(self) -> Iterator[tuple[Place, str]]:
        """Tests that say what Speechmatics says, or expect what it is told: they would fail after a rewrite."""
        for file in self.unit.members:
            if _speaks(file):
                point = min(file.points, key=lambda point: _TELLING.index(point.kind))
                yield (
                    (file.place, point.line),
                    f"a test has {point.text}, and would have to change with the program",
                )

    def order(self, source: JoinedSource) -> list[str]:
        """The files of a joined source, with the one that opens the connection first."""
        return [source.main, *(part.path for part in source.parts if part.path != source.main)]

    def doubles(self, attempt: _Attempt) -> Iterator[tuple[Place, str]]:
        """Tests that put something in the place of the connection: it would say what Speechmatics says."""
        changed = set(attempt.rewrite.texts)
        for path in self.tree.paths:
            if not is_test(path) or path in changed:
                continue
            data = self.tree.read(path)
            if not _REPLACES.search(data) or changed.isdisjoint(self.tree.within_reach(path, STEPS)):
                continue
            for number, line in enumerate(data.splitlines(), 1):
                if _CONNECTORS.search(line):
                    yield (path, number), "a test puts something else in the place of the connection"
                    break

    # What becomes of them

    def rewritten(self, attempt: _Attempt) -> dict[str, FileResult]:
        rewrite, source = attempt.rewrite, attempt.source
        edits = _by_place(source, rewrite.edits)
        findings = _by_place(source, rewrite.findings)
        results = {}
        for part in source.parts:
            file = self.file(part.path)
            before = file.candidate.source
            after = part.source.encode(rewrite.texts.get(part.path, part.source.text))
            if after == before and part.path not in self.members and part.path not in findings:
                continue
            results[file.path] = FileResult(
                file.path,
                "native" if after != before or file is self.main else "unchanged",
                before,
                after,
                tuple(edits.get(part.path, ())),
                tuple(findings.get(part.path, ())),
                len(file.points),
                unit="" if file is self.main else self.main.path,
            )
        return results

    def marked(self, attempt: _Attempt, reasons: list[tuple[str, Finding]]) -> dict[str, FileResult]:
        """What can be rewritten, with comments at the rest."""
        results = self.rewritten(attempt)
        for place, said in _grouped(reasons).items():
            file = self.file(place)
            result = results.setdefault(file.path, self.unchanged(file))
            results[file.path] = replace(result, findings=tuple(sorted({*result.findings, *said})))
        for path, result in results.items():
            points = touch_points(Source(result.after))
            findings = result.findings
            if points and not findings and path != self.main.path:
                findings = (self.belongs(points[0].line),)
            results[path] = replace(
                result,
                status="manual" if findings else result.status,
                findings=findings,
                touch_points_left=len(points),
            )
        return results

    def belongs(self, line: int) -> Finding:
        """What is said of a file without a reason of its own, at its first mention of Speechmatics."""
        message = f"belongs to the connection in {self.main.path}, which is left to you"
        return unit.finding(line, other.OTHER_DIALECT.id, message)

    def dropped_in(self, attempt: _Attempt, findings: list[tuple[str, Finding]]) -> dict[str, FileResult]:
        """The drop-in where connections are opened; untouched where its import would find something else."""
        if self.options.shadowed_by:
            findings = [
                *findings,
                *(
                    (
                        file.place,
                        unit.shadowed(file.path, _import_line(file.source), self.options.shadowed_by),
                    )
                    for file in self.unit.openers
                ),
            ]
            return self.left_alone(findings)
        if attempt.session is not None:
            lost = _by_place(attempt.source, unit.lost_with_drop_in(attempt.session, self.options))
            findings = [*findings, *((place, said) for place, all_said in lost.items() for said in all_said)]
        findings = [*findings, *self.key()]
        results = {}
        said = _grouped(findings)
        for file in self.unit.openers:
            session = raw.connects(file.source)
            assert session is not None
            change = unit.shimmed(session)
            results[file.path] = FileResult(
                file.path,
                "shim",
                file.candidate.source,
                file.source.encode(change.text),
                tuple(change.edits),
                tuple(said.pop(file.place, ())),
                len(file.points),
                sum(point.kind == "import" for point in file.points),
                unit="" if file is self.main else self.main.path,
            )
        return results | self.the_others(said)

    def key(self) -> Iterator[tuple[str, Finding]]:
        """The variable that held the key, once: the drop-in has its own."""
        for file in self.unit.files:
            for point in file.points:
                if point.kind == "environment" and (_KEY.search(point.text) or point.text == "SPEECHMATICS"):
                    message = (
                        f"the drop-in takes the AssemblyAI key from {authorization.KEY_VARIABLE} and makes no use of "
                        f"{point.text}; set it wherever that is set"
                    )
                    yield file.place, unit.finding(point.line, authorization.RULE.id, message)
                    return

    def with_sdk(self) -> dict[str, FileResult]:
        """A file that uses an SDK; what belongs to it shares its fate."""
        file, program = self.main, self.main.program
        assert program is not None
        program = self.bound_by_relatives(program)
        session = raw.recognise(file.source)
        attempt = None
        if self.options.to != "shim" and not program.obstacles:
            attempt = self.attempt()
        facts = Facts(program.source, program.names, program=program)
        broken = self.defects(facts, lambda line: (file.place, line))
        reasons = broken.all
        if attempt is not None and attempt.session is not None:
            attempt.broken = broken
            attempt.elsewhere += [
                ((file.place, obstacle.line), obstacle.message)
                for obstacle in sdk_unit.prevents(program, session)
            ]
            attempt.elsewhere += [
                (
                    (file.place, program.imported[0].line),
                    f"{relative.path} uses the SDK, too, and belongs to it",
                )
                for relative in self.unit.relatives
            ]
            self.look_around(attempt)
            if attempt.is_whole:
                return self.rewritten(attempt)
            reasons = self.reasons(attempt)
            if self.options.partial and not attempt.elsewhere and _parses(attempt):
                return self.marked(attempt, reasons)
        said = _grouped(reasons)
        decided = sdk_unit.decide(file.path, program, session, said.pop(file.place, []), self.options)
        result = FileResult(
            file.path,
            decided.status,
            file.candidate.source,
            file.source.encode(decided.rewrite.text),
            tuple(decided.rewrite.edits),
            tuple(sorted({*decided.rewrite.findings, *(said for _, said in broken.all)})),
            len(file.points),
            decided.left,
        )
        if decided.status == "manual":
            findings = [(place, each) for place, all_said in said.items() for each in all_said]
            return {file.path: result, **self.left_alone(findings, but=file)}
        return {file.path: result, **self.the_others(said)}

    def bound_by_relatives(self, program: SdkProgram) -> SdkProgram:
        """A program that stays with the SDK where a file that belongs to it does: the two may hand each other objects."""
        kept = next((file for file in self.unit.relatives if file.program and file.program.obstacles), None)
        if kept is None or program.obstacles:
            return program
        message = f"{kept.path} belongs to it and has to stay with the SDK"
        return replace(program, obstacles=[Obstacle(self.main.points[0].line, message)])

    def with_plugin(self, program: PluginProgram) -> dict[str, FileResult]:
        """A file that uses a framework's plugin: with AssemblyAI's where that loses nothing, else as it is."""
        file = self.main
        rewrite = plugin_unit.rewrite(program, self.options)
        if not rewrite.obstacles:
            rewrite.obstacles += self.flaws_alone(file, rewrite.text)
        tests = _grouped(
            (place, unit.finding(line, other.NOT_REWRITTEN.id, f"not rewritten, because {message}"))
            for (place, line), message in self.tests()
        )
        is_native = not rewrite.obstacles and not tests and self.options.to != "shim"
        findings = rewrite.findings if is_native else plugin_unit.kept(program, rewrite.obstacles)
        result = FileResult(
            file.path,
            "native" if is_native else "manual",
            file.candidate.source,
            file.source.encode(rewrite.text) if is_native else file.candidate.source,
            tuple(rewrite.edits) if is_native else (),
            tuple(sorted(set(findings))),
            len(file.points),
            0 if is_native else len(file.points),
        )
        said = [(place, each) for place, all_said in tests.items() for each in all_said]
        return {file.path: result, **self.left_alone(said, but=file)}

    def flaws_alone(self, file: File, text: str) -> Iterator[Obstacle]:
        """Why a file that was rewritten alone does not hold."""
        try:
            after = Source(file.source.encode(text))
            compile(text, "<rewritten>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SourceError, SyntaxError, UnicodeEncodeError) as error:
            yield Obstacle(1, f"the rewritten program would not compile ({error})")
            return
        for point in residue(after):
            line = next((old.line for old in file.points if old.text == point.text), 1)
            yield Obstacle(line, f"{point.text} is used in a way that no rule covers")

    def the_others(self, said: Mapping[str, Sequence[Finding]]) -> dict[str, FileResult]:
        """What belongs to the connection, and stays: those who open it account for it."""
        places = dict.fromkeys([*(file.place for file in self.unit.members), *said])
        results = {}
        for file in map(self.file, places):
            result = self.unchanged(file)
            results[file.path] = replace(result, findings=tuple(said.get(file.place, ())))
        return results

    def left_alone(
        self, findings: list[tuple[str, Finding]], but: File | None = None
    ) -> dict[str, FileResult]:
        """Nothing changes; all of it is left to a person."""
        results = {}
        said = _grouped(findings)
        for file in self.unit.files:
            if file is but:
                continue
            unit_of = "" if file is self.main else self.main.path
            mine = said.pop(file.place, [])
            if unit_of and not mine:
                mine = [self.belongs(file.points[0].line if file.points else 1)]
            data, points = file.candidate.source, len(file.points)
            results[file.path] = FileResult(
                file.path, "manual", data, data, (), tuple(mine), points, points, unit=unit_of
            )
        for place, mine in said.items():
            file = self.file(place)
            results[file.path] = replace(self.unchanged(file), findings=tuple(mine))
        return results

    def file(self, place: str) -> File:
        """A file of the unit, or another one of the project."""
        if place not in self.by_place:
            self.by_place[place] = File.of_tree(self.tree, place)
        return self.by_place[place]

    def unchanged(self, file: File) -> FileResult:
        data = file.candidate.source
        return FileResult(
            file.path, "unchanged", data, data, touch_points=len(file.points), unit=self.main.path
        )


def _speaks(file: File) -> bool:
    """Whether a file is a test with more of Speechmatics than the name of a variable."""
    return (
        is_test(file.place) and not file.opens and any(point.kind != "environment" for point in file.points)
    )


_Said = TypeVar("_Said", Edit, Finding)


def _by_place(source: JoinedSource, items: Iterable[_Said]) -> dict[str, list[_Said]]:
    """Edits or findings of a joined source by file, with their lines in it."""
    grouped: dict[str, list[_Said]] = {}
    for item in items:
        path, line = source.place(item.line)
        grouped.setdefault(path, []).append(replace(item, line=line))
    return {path: sorted(set(said)) for path, said in grouped.items()}


def _grouped(findings: Iterable[tuple[str, Finding]]) -> dict[str, list[Finding]]:
    """Findings by file, in order, each once."""
    grouped: dict[str, set[Finding]] = {}
    for place, said in findings:
        grouped.setdefault(place, set()).add(said)
    return {place: sorted(said) for place, said in grouped.items()}


def _missing(names: Names) -> set[str]:
    """Names that are read and are bound nowhere, and names that a file imports from another that lacks them."""
    read = {
        node.id
        for node in ast.walk(names.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and names.binding(node) is None
    }
    imported = {binding.name for binding in names.bindings() if binding.imports and not binding.stores}
    return {name for name in read if not hasattr(builtins, name)} | imported


def _import_line(source: Source) -> int:
    """The first line that imports a WebSocket library."""
    lines = [statement.lineno for library in raw.LIBRARIES for statement in library.imports(source.tree)]
    return min(lines, default=1)


def _can_be_read(data: bytes) -> bool:
    try:
        Source(data)
    except SourceError:
        return False
    return True


def _parses(attempt: _Attempt) -> bool:
    """Whether what was rewritten of a unit is Python."""
    try:
        return all(
            _can_be_read(attempt.source.part(path).source.encode(text))
            for path, text in attempt.rewrite.texts.items()
        )
    except UnicodeEncodeError:
        return False
