"""Takes the files around the code after the code: each rule proposes, and what is proposed is applied once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from migrator.edits import Change, Note, OverlapError
from migrator.options import Options
from migrator.project import Candidate
from migrator.result import Edit, FileResult, Finding
from migrator.rules import around
from migrator.surroundings import dependencies, documents, environment, other_languages
from migrator.surroundings.file import File, Proposal, Stays
from migrator.surroundings.kinds import Kind, kind_of
from migrator.surroundings.manifests import pyproject
from migrator.surroundings.outcome import Outcome
from migrator.surroundings.packages import MENTION as PACKAGE

_WITH_COMMANDS = ("script", "yaml", "document")
_WITH_VARIABLES = ("environment", "secrets", "script", "yaml", "settings", "document")
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
    elsewhere = {
        match.group()
        for file in files
        if file.kind.name == "other language"
        for match in environment.VARIABLE.finditer(file.text.text)
    }
    outcome = Outcome(outcome.modules, outcome.has_left_out, outcome.texts_elsewhere | elsewhere)
    plans = dependencies.plan(files, outcome)
    results = [_result(file, _chosen(_proposals(file, plans, outcome), options), outcome) for file in files]
    return [result for result in results if result.changed or result.touch_points or result.findings]


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
    if kind in ("document", "settings", "script", "yaml"):
        taken = {_line(file, proposal) for _, proposal in found}
        found += [(around.DOCUMENTS.id, proposal) for proposal in documents.propose(file, outcome, taken)]
    if kind == "other language":
        found += [(around.OTHER_LANGUAGES.id, proposal) for proposal in other_languages.propose(file)]
    return found


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
