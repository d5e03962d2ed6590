"""Decides for a program that uses a Speechmatics SDK: rewrite, drop-in, or leave to a person."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrator import unit
from migrator.analysis.scan import TouchPoint, touch_points
from migrator.dialects import others, sdk
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.session import Session
from migrator.edits import Change, Obstacle, Removal, apply, lower_removals
from migrator.options import Options
from migrator.result import Edit, Finding, Status
from migrator.rules import authorization, drop_in, other, sdk_imports, sdk_losses
from migrator.unit import Rewrite


@dataclass(frozen=True)
class Decision:
    """What becomes of the program.

    Attributes:
        rewrite: its text afterwards, the edits, and all findings.
        left: how many of its touch points need a person.
    """

    status: Status
    rewrite: Rewrite
    left: int


def prevents(program: SdkProgram, session: Session | None) -> Iterator[Obstacle]:
    """Why a program is not rewritten however well its session is understood."""
    for other_use in _other_uses(program):
        yield Obstacle(other_use.line, "the file also uses another service of Speechmatics")
    if session is not None and session.connection is not None:
        line = session.connection.call.lineno
        yield Obstacle(line, "the file also opens a connection for raw messages")


def decide(
    path: str, program: SdkProgram, session: Session | None, reasons: Iterable[Finding], options: Options
) -> Decision:
    """What becomes of a program that is not rewritten: the drop-in, else a finding that says why not.

    Args:
        path: of the source, as it is to be shown.
        session: what the source does with raw messages, if anything.
        reasons: why it is not rewritten, as findings.
    """
    source = program.source
    points = touch_points(source)
    findings = list(_other_uses(program))
    if program.obstacles:
        findings += [
            unit.finding(
                obstacle.line,
                other.OTHER_DIALECT.id,
                f"{obstacle.message}, so the imports stay; `shim run {path}` runs the program on AssemblyAI without an edit",
            )
            for obstacle in program.obstacles
        ]
        return Decision("manual", Rewrite(source.text, findings=findings), len(points))
    findings += reasons
    if options.to == "native":
        findings = findings or [_no_session(program)]
        return Decision("manual", Rewrite(source.text, findings=findings), len(points))
    if options.shadowed_by:
        findings.append(unit.shadowed(path, program.imported[0].line, options.shadowed_by))
        return Decision("manual", Rewrite(source.text, findings=findings), len(points))
    findings += _known_losses(program, options)
    changes = _changes(program)
    if session is not None and session.connection is not None:
        changes += drop_in.propose(session)
        findings += unit.lost_with_drop_in(session, options)
    edits = [Edit(source.line_of(change.start), drop_in.RULE.id, change.reason) for change in changes]
    left = sum(point.kind == "import" and not _is_swapped(program, point) for point in points)
    return Decision("shim", Rewrite(apply(source, changes), sorted(set(edits)), findings), left)


def _no_session(program: SdkProgram) -> Finding:
    message = "not rewritten, because no session is opened here; the file goes with the one that opens it"
    return unit.finding(program.imported[0].line, other.NOT_REWRITTEN.id, message)


def _changes(program: SdkProgram) -> list[Change]:
    proposals = list(sdk_imports.propose(program))
    removals = [proposal for proposal in proposals if isinstance(proposal, Removal)]
    lowered = [change for _, change in lower_removals(program.source, program.names, removals)]
    return [*(proposal for proposal in proposals if isinstance(proposal, Change)), *lowered]


def _is_swapped(program: SdkProgram, point: TouchPoint) -> bool:
    """Whether nothing of an import, or of a text that names a module, stays with the SDK."""
    source = program.source
    mine = [found for found in program.imported if source.start(found.node) == point.offset]
    if not mine:
        return sdk.is_realtime(point.text)
    return not any(
        sdk_imports.is_kept(program, found) or sdk_imports.is_divided(program, found) for found in mine
    )


def _other_uses(program: SdkProgram) -> Iterator[Finding]:
    """What the file uses of Speechmatics beside real-time transcription, each once."""
    seen = set()
    for found in program.imported:
        for path in sdk.paths_of(found):
            service = sdk.other_service(path)
            if service and service not in seen:
                seen.add(service)
                yield unit.finding(found.line, other.OTHER_DIALECT.id, f"uses {service}; its imports stay")
    for foreign in others.recognise(program.source):
        if not foreign.is_sdk and foreign.what not in seen:
            yield unit.finding(
                foreign.line, other.OTHER_DIALECT.id, f"uses {foreign.what}; nothing is changed there"
            )


def _known_losses(program: SdkProgram, options: Options) -> Iterator[Finding]:
    for note in dict.fromkeys(sdk_losses.losses(program, options)):
        yield unit.finding(note.line, drop_in.RULE.id, note.message)
    for note in sdk_losses.key(program):
        yield unit.finding(note.line, authorization.RULE.id, note.message)
    line = _first_final(program)
    if line is not None:
        yield unit.finding(line, other.FINALS_ARE_TURNS.id, unit.LATER_FINALS)


def _first_final(program: SdkProgram) -> int | None:
    """The first line that asks for a final; None in a file that does not."""
    named = [
        node.lineno
        for node in ast.walk(program.source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ("AddTranscript", "ADD_TRANSCRIPT")
        and program.path(node)
    ]
    spelled = [
        node.lineno
        for node in ast.walk(program.source.tree)
        if isinstance(node, ast.Constant) and node.value == "AddTranscript"
    ]
    return min([*named, *spelled], default=None)
