"""A group of files in, their results out: facts, decision, edits applied once, and the result analysed again."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace

from migrator import plugin_unit, sdk_unit, unit
from migrator.analysis.modules import Tree
from migrator.analysis.scan import TouchPoint, residue, touch_points
from migrator.analysis.source import Source, SourceError
from migrator.dialects import others, plugins, raw, sdk, sdk_session
from migrator.dialects.plugins import PluginProgram
from migrator.dialects.session import Session
from migrator.edits import Obstacle, OverlapError, apply
from migrator.grouping import Group, grouped_in
from migrator.options import Options
from migrator.project import Candidate, mentions_speechmatics
from migrator.result import Edit, FileResult, Finding, Status
from migrator.rules import CONNECTION, SDK, drop_in, other, sdk_imports
from migrator.rules.rule import Rule
from migrator.unit import Rewrite


def migrate_group(group: Group, options: Options) -> list[FileResult]:
    """What becomes of candidates that may have something to do with each other: one result for each, in their order.

    Never raises because of what a file holds: what cannot be decoded, parsed or kept byte for byte is a result of
    status ``error`` with line and column; what cannot be rewritten with certainty gets the drop-in or a finding.
    """
    return [_migrate_file(group, candidate, options) for candidate in group.files]


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


def _migrate_file(group: Group, candidate: Candidate, options: Options) -> FileResult:
    path, data = candidate.path, candidate.source
    try:
        options = replace(
            options,
            shadowed_by=candidate.own_shim or options.shadowed_by,
            used_outside=group.tree.used_names(candidate.real),
        )
        return _migrate(path, Source(data), data, options)
    except SourceError as error:
        return FileResult(path, "error", before=data, after=data, error=str(error))
    except RecursionError:
        return FileResult(
            path, "error", before=data, after=data, error="line 1: nested too deeply to be analysed"
        )
    except Exception as error:  # a fault of the rules must neither stop the other files nor touch this one
        message = f"line 1: migrate itself failed here and changed nothing ({error!r}); please report it"
        return FileResult(path, "error", before=data, after=data, error=message)


def _migrate(path: str, source: Source, data: bytes, options: Options) -> FileResult:
    points = touch_points(source)
    if points and uses_drop_in(source.tree) and options.to == "native":
        return _without_drop_in(path, source, data, options)
    if not points or uses_drop_in(source.tree):
        return FileResult(path, "unchanged", data, data)
    session = raw.recognise(source)
    program = sdk.recognise(source)
    if program is not None:
        opened = sdk_session.recognise(program) if options.to != "shim" and not program.obstacles else None
        native = _verified(opened, options, SDK) if opened is not None else None
        decision = sdk_unit.decide(path, program, session, native, options)
        rewrite = decision.rewrite
        return _result(path, source, decision.status, rewrite, rewrite.findings, points, decision.left)
    plugin = plugins.recognise(source) if session is None else None
    if plugin is not None:
        return _with_plugin(path, source, plugin, points, options)
    foreign = list(others.recognise(source))
    findings = [
        unit.finding(
            found.line,
            other.OTHER_DIALECT.id,
            f"uses {found.what}; nothing is changed here{found.way_out and '. As it is, ' + found.way_out}",
        )
        for found in foreign
    ]
    if session is None:
        findings = findings or [_mention(points[0])]
        return FileResult(path, "manual", data, data, (), tuple(findings), len(points), len(points))
    if options.to == "shim":
        return _dropped_in(path, session, findings, options)
    rewrite = _verified(session, options)
    rewrite.obstacles += [Obstacle(found.line, f"the file also uses {found.what}") for found in foreign]
    if not rewrite.obstacles:
        return _result(path, source, "native", rewrite, rewrite.findings, points, 0)
    reasons = [
        unit.finding(obstacle.line, other.NOT_REWRITTEN.id, f"not rewritten, because {obstacle.message}")
        for obstacle in rewrite.obstacles
    ]
    if options.to == "auto":
        return _dropped_in(path, session, [*findings, *reasons], options)
    if options.partial and not foreign and _parses(source, rewrite.text):
        left = len(touch_points(Source(source.encode(rewrite.text))))
        return _result(path, source, "manual", rewrite, [*rewrite.findings, *reasons], points, left)
    return FileResult(
        path, "manual", data, data, (), tuple(sorted([*findings, *reasons])), len(points), len(points)
    )


def _with_plugin(
    path: str, source: Source, program: PluginProgram, points: tuple[TouchPoint, ...], options: Options
) -> FileResult:
    """A program that uses a framework's plugin: with AssemblyAI's where that loses nothing, else as it is."""
    rewrite = plugin_unit.rewrite(program, options)
    if not rewrite.obstacles:
        _verify(source, rewrite, options)
    if rewrite.obstacles or options.to == "shim":
        findings = plugin_unit.kept(program, rewrite.obstacles)
        return _result(path, source, "manual", Rewrite(source.text), findings, points, len(points))
    return _result(path, source, "native", rewrite, rewrite.findings, points, 0)


def _dropped_in(path: str, session: Session, findings: list[Finding], options: Options) -> FileResult:
    """A program with the drop-in; untouched where its import would find something else."""
    source, points = session.source, session.touch_points
    if options.shadowed_by:
        line = min((statement.lineno for statement in session.library.imports(source.tree)), default=1)
        findings = [*findings, unit.shadowed(path, line, options.shadowed_by)]
        return _result(path, source, "manual", Rewrite(source.text), findings, points, len(points))
    findings = [*findings, *unit.lost_with_drop_in(session, options)]
    left = sum(point.kind == "import" for point in points)
    return _result(path, source, "shim", unit.shimmed(session), findings, points, left)


def _without_drop_in(path: str, source: Source, data: bytes, options: Options) -> FileResult:
    """A program that has the drop-in, rewritten; it keeps the drop-in when it cannot be rewritten whole."""
    changes = [*drop_in.taken_out(source), *sdk_imports.taken_out(source)]
    text = apply(source, changes)
    if not changes or uses_drop_in(Source(source.encode(text)).tree):
        return FileResult(path, "unchanged", data, data)
    result = _migrate(path, Source(source.encode(text)), source.encode(text), replace(options, partial=False))
    if result.status != "native":
        return replace(result, before=data, after=data, edits=())
    edits = [Edit(source.line_of(change.start), drop_in.RULE.id, change.reason) for change in changes]
    return replace(result, before=data, edits=tuple(sorted({*result.edits, *edits})))


def _result(
    path: str,
    source: Source,
    status: Status,
    rewrite: Rewrite,
    findings: list[Finding],
    points: tuple[TouchPoint, ...],
    left: int,
) -> FileResult:
    return FileResult(
        path,
        status,
        source.encode(source.text),
        source.encode(rewrite.text),
        tuple(rewrite.edits),
        tuple(sorted(set(findings))),
        len(points),
        left,
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


def uses_drop_in(tree: ast.Module) -> bool:
    """Whether a source uses the drop-ins already."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] == "shim"
        ):
            return True
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "shim" for alias in node.names):
            return True
    return False


def _verified(session: Session, options: Options, rules: tuple[Rule, ...] = CONNECTION) -> Rewrite:
    """The rewrite, with an obstacle when its result does not hold: it must compile and have no Speechmatics left."""
    source = session.source
    try:
        rewrite = unit.native(session, options, rules)
    except (OverlapError, AssertionError, ValueError, LookupError) as error:
        reason = f"the rules do not understand this program ({error!r})"
        return Rewrite(source.text, obstacles=[Obstacle(1, reason)])
    if not rewrite.obstacles:
        _verify(source, rewrite, options)
    return rewrite


def _verify(source: Source, rewrite: Rewrite, options: Options) -> None:
    """Obstacles for a result that does not hold."""
    try:
        after = Source(source.encode(rewrite.text))
        compile(rewrite.text, "<rewritten>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SourceError, SyntaxError, UnicodeEncodeError) as error:
        rewrite.obstacles.append(Obstacle(1, f"the rewritten program would not compile ({error})"))
        return
    if options.shadowed_by and uses_drop_in(after.tree):
        rewrite.obstacles.append(
            Obstacle(1, f"it would import shim.framing, and the project has {options.shadowed_by}")
        )
    for point in residue(after):
        line = _line_before(source, point)
        rewrite.obstacles.append(Obstacle(line, f"{point.text} is used in a way that no rule covers"))


def _line_before(source: Source, point: TouchPoint) -> int:
    """The line of the old source that has the same mention."""
    return next((old.line for old in touch_points(source) if old.text == point.text), 1)


def _parses(source: Source, text: str) -> bool:
    try:
        Source(source.encode(text))
    except (SourceError, UnicodeEncodeError):
        return False
    return True
