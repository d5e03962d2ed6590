"""Takes the files around the code after the code: each rule proposes, and what is proposed is applied once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from migrator.edits import Change, Note, OverlapError
from migrator.options import Options
from migrator.project import Candidate, mentions_speechmatics
from migrator.result import Edit, FileResult, Finding
from migrator.rules import around
from migrator.surroundings import dependencies, documents, environment, notebooks, other_languages
from migrator.surroundings.file import File, Proposal, Stays
from migrator.surroundings.kinds import Kind, kind_of
from migrator.surroundings.manifests import pyproject
from migrator.surroundings.outcome import Outcome, module_of
from migrator.surroundings.packages import MENTION as PACKAGE

_WITH_COMMANDS = ("script", "yaml", "document", "notebook")
_WITH_VARIABLES = ("environment", "secrets", "script", "yaml", "settings", "document", "notebook")
_TOML = ("pyproject", "pipfile")
_NAME = re.compile(
    r"speechmatics(?!-to-assemblyai)|(?<![A-Za-z0-9_])SM_API_KEY(?![A-Za-z0-9_])", re.IGNORECASE
)
_PROTOCOL = re.compile(
    r"(?<!\w)(?:StartRecognition|AddTranscript|AddPartialTranscript)(?!\w)|speechmatics", re.IGNORECASE
)

Proposals = list[tuple[str, Proposal]]


def migrate(candidates: Sequence[Candidate], outcome: Outcome, options: Options) -> list[FileResult]:
    """What becomes of the files around the code; those that do not mention Speechmatics and stay are left out.

    Args:
        candidates: the files.
        outcome: what became of the code.
        options: which of the rules apply.
    """
    files = [File(c.path, kind, c.source) for c in candidates if (kind := _kind(c.path)) is not None]
    own_shims = {candidate.path: candidate.own_shim for candidate in candidates}
    programs = {
        file.path: _program(file, own_shims[file.path], options)
        for file in files
        if file.kind.name == "notebook"
    }
    modules = (module_of(program.code) for program in programs.values() if program.code is not None)
    outcome = replace(outcome, modules=(*outcome.modules, *modules))
    elsewhere = {
        match.group()
        for file in files
        if file.kind.name == "other language"
        for match in environment.VARIABLE.finditer(file.text.text)
    }
    outcome = replace(outcome, texts_elsewhere=outcome.texts_elsewhere | elsewhere)
    plans = dependencies.plan(files, outcome)
    results = []
    for file in files:
        program = programs.get(file.path)
        seen = File(file.path, file.kind, program.beside_code) if program else file
        proposals = _chosen(_proposals(seen, plans, outcome), options)
        results.append(
            _notebook(file, program, proposals, outcome) if program else _result(file, proposals, outcome)
        )
    return [
        result
        for result in results
        if result.changed or result.touch_points or result.findings or result.status == "error"
    ]


def _kind(path: str) -> Kind | None:
    folder, _, name = path.rpartition("/")
    return kind_of(name, folder.rpartition("/")[2])


def _proposals(file: File, plans: dict[str, list[Proposal]], outcome: Outcome) -> Proposals:
    kind = file.kind.name
    found: Proposals = [(around.DEPENDENCIES.id, proposal) for proposal in plans.get(file.path, ())]
    if kind in _WITH_COMMANDS:
        in_commands = list(dependencies.in_commands(file, outcome))
        if environment.holds_secrets(file.text.text):
            in_commands = [_told(file, proposal) for proposal in in_commands]
        found += [(around.DEPENDENCIES.id, proposal) for proposal in in_commands]
    if kind in _WITH_VARIABLES and (kind != "document" or outcome.modules):
        found += [(around.ENVIRONMENT.id, proposal) for proposal in environment.propose(file, outcome)]
    if kind in ("document", "settings", "script", "yaml", "notebook"):
        taken = {_line(file, proposal) for _, proposal in found}
        found += [(around.DOCUMENTS.id, proposal) for proposal in documents.propose(file, outcome, taken)]
    if kind == "other language":
        found += [(around.OTHER_LANGUAGES.id, proposal) for proposal in other_languages.propose(file)]
    return found


@dataclass
class _Program:
    """The code of a notebook.

    Attributes:
        notebook: None if the file is none.
        code: what became of its cells as one source; None where they do not mention Speechmatics.
        changes: the same in the file.
        problem: why they are not changed; empty where they may be.
    """

    notebook: notebooks.Notebook | None = None
    code: FileResult | None = None
    changes: tuple[Change, ...] = ()
    problem: str = ""

    @property
    def beside_code(self) -> bytes:
        """The bytes of the file with nothing but what other rules may look at."""
        return self.notebook.beside_code().encode("utf-8", "surrogateescape") if self.notebook else b""


def _program(file: File, own_shim: str, options: Options) -> _Program:
    try:
        notebook = notebooks.Notebook(file.text)
    except notebooks.NotANotebook as error:
        return _Program(problem=str(error))
    is_wanted = around.NOTEBOOKS.id not in options.ignore
    is_wanted = is_wanted and (options.select is None or around.NOTEBOOKS.id in options.select)
    source = notebook.joined.encode("utf-8", "surrogateescape")
    if not notebook.is_python or not mentions_speechmatics(source) or not is_wanted:
        return _Program(notebook)
    # Only here: a project without notebooks of Speechmatics needs no engine for the files around its code.
    from migrator import engine
    from migrator.grouping import Group

    [result] = engine.migrate_group(Group((Candidate(file.path, source, own_shim),)), options)
    try:
        after = result.after.decode("utf-8", "surrogateescape")
        changes = tuple(notebook.changes(after)) if result.changed else ()
        if changes:
            notebook.check(file.text.changed(changes), after)
    except notebooks.NoWayBack as error:
        return _Program(notebook, replace(result, after=result.before), problem=f"not changed: {error}")
    return _Program(notebook, result, changes)


def _notebook(file: File, program: _Program, proposals: Proposals, outcome: Outcome) -> FileResult:
    """What becomes of a notebook: its code, and what the other rules say of its prose, magics and shell lines."""
    notebook = program.notebook
    if notebook is None:
        return FileResult(
            file.path, "error", file.data, file.data, error=program.problem, kind=file.kind.name
        )
    proposals += [(around.NOTEBOOKS.id, change) for change in program.changes]
    other = _result(file, proposals, outcome)
    if program.changes and not other.changed:
        program = replace(program, changes=(), problem="not changed: another edit is in its way")
        other = replace(other, findings=())
    points = _points(File(file.path, file.kind, program.beside_code))
    code = program.code
    if code is None:
        return replace(
            other, touch_points=len(points), touch_points_left=min(len(points), other.touch_points_left)
        )
    edits = [edit for edit in other.edits if edit.rule != around.NOTEBOOKS.id]
    findings = list(other.findings)
    if program.problem:
        findings.append(Finding(1, around.NOTEBOOKS.id, program.problem, f"rules.md#{around.NOTEBOOKS.id}"))
    else:
        for edit in code.edits:
            line, where = notebook.place(edit.line)
            edits.append(replace(edit, line=line, reason=f"{where}: {edit.reason}"))
    for finding in code.findings:
        line, where = notebook.place(finding.line)
        findings.append(replace(finding, line=line, message=f"{where}: {finding.message}"))
    settled = {edit.line for edit in other.edits} | {p.line for _, p in proposals if isinstance(p, Stays)}
    status = code.status if program.changes or not other.changed else other.status
    left = code.touch_points if program.problem else code.touch_points_left
    return replace(
        other,
        status="manual" if program.problem else status,
        edits=tuple(sorted(set(edits))),
        findings=tuple(sorted(set(findings))),
        touch_points=code.touch_points + len(points),
        touch_points_left=left + len(points - settled),
        error=code.error,
    )


def _told(file: File, proposal: Proposal) -> Proposal:
    """What a change would do, for a file of which no diff may be shown."""
    return Note(_line(file, proposal), proposal.reason) if isinstance(proposal, Change) else proposal


def _line(file: File, proposal: Proposal) -> int:
    return file.text.line_of(proposal.start) if isinstance(proposal, Change) else proposal.line


def _chosen(proposals: Proposals, options: Options) -> Proposals:
    return [
        (rule, proposal)
        for rule, proposal in proposals
        if (options.select is None or rule in options.select) and rule not in options.ignore
    ]


def _result(file: File, proposals: Proposals, outcome: Outcome) -> FileResult:
    changes = [(rule, proposal) for rule, proposal in proposals if isinstance(proposal, Change)]
    notes = [(rule, proposal) for rule, proposal in proposals if isinstance(proposal, Note)]
    after, problem = _applied(file, [change for _, change in changes])
    if problem:
        notes += [
            (rule, Note(file.text.line_of(c.start), f"{c.reason}, but {problem}")) for rule, c in changes
        ]
        changes = []
    edits = {Edit(file.text.line_of(c.start), rule, c.reason, c.confidence) for rule, c in changes}
    findings = {
        Finding(note.line, rule, " ".join(note.message.split()), f"rules.md#{rule}") for rule, note in notes
    }
    points = _points(file)
    settled = {edit.line for edit in edits} | {p.line for _, p in proposals if isinstance(p, Stays)}
    left = 0 if settled >= points else len(points - settled)
    is_changed = after != file.data
    status = outcome.status if is_changed else "manual" if findings else "unchanged"
    return FileResult(
        file.path,
        status,
        file.data,
        after,
        tuple(sorted(edits)),
        tuple(sorted(findings)),
        len(points),
        left if is_changed or findings else 0,
        kind=file.kind.name,
    )


def _applied(file: File, changes: Iterable[Change]) -> tuple[bytes, str]:
    """The bytes afterwards, or the same as before and why."""
    try:
        after = file.text.changed(changes)
    except OverlapError:
        return file.data, "another edit is in its way"
    if after != file.data and file.kind.name in _TOML and (problem := pyproject.problem(file.data, after)):
        return file.data, problem
    return after, ""


def _points(file: File) -> set[int]:
    """The lines that mention Speechmatics, found without any of the rules. A lock file is one place, its first line."""
    kind = file.kind.name
    text = file.text.text
    pattern = (
        PACKAGE
        if file.kind.is_manifest or kind == "lock"
        else _PROTOCOL
        if kind == "other language"
        else _NAME
    )
    found = {
        file.text.line_of(match.start())
        for match in pattern.finditer(text)
        if not file.is_comment(match.start())
    }
    if kind in ("lock", "other language") and found:
        return {min(found)}
    return found
