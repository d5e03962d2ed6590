"""What becomes of one unit, the code that shares a connection, in one file or several: rewritten, or with the drop-in."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migrator.analysis.joined import JoinedSource
from migrator.analysis.names import Binding
from migrator.analysis.source import Source
from migrator.dialects.others import Foreign
from migrator.dialects.session import Session
from migrator.edits import (
    Change,
    Note,
    Obstacle,
    OverlapError,
    Removal,
    apply,
    apply_to_parts,
    lower_removals,
)
from migrator.options import Options
from migrator.result import Edit, Finding
from migrator.rules import CONNECTION, drop_in, no_counterpart, other
from migrator.rules.prose import SHOWING
from migrator.rules.rule import Plan, Rule


@dataclass
class Rewrite:
    """A proposed new text of a unit.

    Attributes:
        text: the whole source afterwards; of a joined source, the first file.
        edits: what was changed.
        findings: what a person has to know about it.
        obstacles: why it is not whole; empty when it is.
        texts: of a joined source, the files that change, by path.
    """

    text: str
    edits: list[Edit] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def finding(line: int, rule: str, message: str) -> Finding:
    """A finding with its place in the documents."""
    return Finding(line, rule, " ".join(message.split()), f"rules.md#{rule}")


def other_use(found: Foreign) -> Finding:
    """What is said of another way to Speechmatics, which stays."""
    message = f"uses {found.what}; nothing is changed here{found.way_out and '. As it is, ' + found.way_out}"
    return finding(found.line, other.OTHER_DIALECT.id, message)


def native(session: Session, options: Options, rules: tuple[Rule, ...] = CONNECTION) -> Rewrite:
    """The unit in AssemblyAI's terms. With obstacles the text holds what could be rewritten all the same."""
    source = session.source
    plan = Plan(session, options)
    obstacles = list(session.obstacles)
    findings: list[Finding] = []
    if session.is_understood:
        for rule in rules:
            assert rule.propose is not None
            # Collected whole: a rule sees what the rules before it proposed, not its own beginning.
            proposals = list(rule.propose(session, plan))
            if options.partial and any(isinstance(proposal, Obstacle) for proposal in proposals):
                proposals = [proposal for proposal in proposals if isinstance(proposal, Obstacle)]
            for proposal in proposals:
                plan.proposals.append((rule.id, proposal))
                if isinstance(proposal, Obstacle):
                    obstacles.append(proposal)
                elif isinstance(proposal, Note):
                    findings.append(finding(proposal.line, rule.id, proposal.message))
        findings += _finals(session)
    obstacles += _used_by_others(session, plan)
    gone = _gone_lines(plan)
    obstacles = [obstacle for obstacle in dict.fromkeys(obstacles) if obstacle.line not in gone]
    changes = _changes(session, plan)
    for joined in source.unplaced:
        start, end = source.start(joined), source.end(joined)
        if any(start < change.start < end or start < change.end < end for _, change in changes):
            obstacles.append(Obstacle(joined.lineno, "an f-string here cannot be followed"))
    if obstacles and options.partial:
        changes += _marks(session, obstacles, [change for _, change in changes])
    edits = [
        Edit(source.line_of(change.start), rule, change.reason, change.confidence) for rule, change in changes
    ]
    try:
        texts = _texts(source, [change for _, change in changes])
    except (OverlapError, ValueError) as error:
        return Rewrite(source.text, obstacles=[*obstacles, Obstacle(1, str(error))])
    main = source.main if isinstance(source, JoinedSource) else ""
    return Rewrite(texts.get(main, source.text), sorted(set(edits)), sorted(set(findings)), obstacles, texts)


def _texts(source: Source, changes: list[Change]) -> dict[str, str]:
    return (
        apply_to_parts(source, changes) if isinstance(source, JoinedSource) else {"": apply(source, changes)}
    )


def _used_by_others(session: Session, plan: Plan) -> Iterator[Obstacle]:
    """What goes or changes its value, and is used by code that does not belong to the connection."""
    names, source = session.names, session.source
    removed = {node for statement in plan.removed for node in ast.walk(statement)}
    for binding in names.bindings():
        is_gone = bool(binding.stores) and all(store in removed for store in binding.stores)
        values = [value for store in binding.stores if (value := names.stored_value(store)) is not None]
        is_changed = binding.scope is None or isinstance(binding.scope, ast.Module)
        is_changed = is_changed and any(_is_changed(source, plan, value) for value in values)
        if not is_gone and not is_changed:
            continue
        line = getattr(binding.stores[0], "lineno", 1)
        others = names.users_elsewhere(binding)
        names.wanted.update(dict.fromkeys(others))
        if others:
            yield Obstacle(line, f"{binding.name} is used in {', '.join(map(os.path.basename, others))}, too")
        for load in binding.loads if is_changed else []:
            if not _belongs(session, binding, load):
                yield Obstacle(load.lineno, f"{binding.name} is used here for something else, too")


def _is_changed(source: Source, plan: Plan, value: ast.expr) -> bool:
    start, end = source.start(value), source.end(value)
    return any(start <= change.start and change.end <= end for change in plan.changes)


def _belongs(session: Session, binding: Binding, load: ast.expr) -> bool:
    """Whether a name is read where the connection is opened or the name is defined, or is only shown, tested, or given
    to what is defined there."""
    names = session.names
    home = session.source.tree
    if names.module(load) in (home, names.module(binding.stores[0])):
        return True
    for parent in names.ancestors(load):
        match parent:
            case ast.If() | ast.While() | ast.Assert() | ast.IfExp():
                return True
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name) as function):
                called = names.binding(function)
                stores = called.stores if called is not None else []
                return name in SHOWING or any(names.module(store) is home for store in stores)
            case ast.stmt():
                return False
    return False


def _gone_lines(plan: Plan) -> set[int]:
    """Lines of branches for messages that never come: what is not understood there does not matter."""
    source = plan.session.source
    lines: set[int] = set()
    for rule, proposal in plan.proposals:
        if rule == no_counterpart.RULE.id and isinstance(proposal, Change):
            lines.update(
                range(
                    source.line_of(proposal.start), source.line_of(max(proposal.start, proposal.end - 1)) + 1
                )
            )
        elif rule == no_counterpart.RULE.id and isinstance(proposal, Removal):
            statement = proposal.statement
            lines.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return lines


def _finals(session: Session) -> list[Finding]:
    handled = session.reading.handled.values()
    if handled and not any("AddTranscript" in kinds for kinds in handled):
        return []
    message = (
        "a final is a whole turn now, without a space at its end, where Speechmatics sent pieces of a word or two that "
        "ended with one"
    )
    return [finding(_first_final(session), other.FINALS_ARE_TURNS.id, message)]


def _first_final(session: Session) -> int:
    """The first line that asks for a final; where none does, the first that makes a message of what comes, or gets it, or
    opens the connection."""
    lines = [test.node.lineno for test in session.reading.tests if "AddTranscript" in test.names]
    handled = [
        function.lineno for function, kinds in session.reading.handled.items() if "AddTranscript" in kinds
    ]
    opened = [session.connection.call] if session.connection is not None else []
    taken = (node.lineno for node in (*session.parsed[:1], *session.received[:1], *opened))
    return min([*lines, *handled], default=next(taken, 1))


def _changes(session: Session, plan: Plan) -> list[tuple[str, Change]]:
    """All changes of a plan, each once; those inside code that goes are void."""
    source = session.source
    changes = [(rule, p) for rule, p in plan.proposals if isinstance(p, Change)]
    rules = {id(p.statement): (rule, p) for rule, p in reversed(plan.proposals) if isinstance(p, Removal)}
    lowered = lower_removals(source, session.names, [removal for _, removal in rules.values()])
    changes += [(rules[id(removal.statement)][0], change) for removal, change in lowered]
    changes = [(rule, _requoted(source, change)) for rule, change in changes]
    unique = list({(c.start, c.end, c.text): (rule, c) for rule, c in reversed(changes)}.values())[::-1]
    deletions = [change for _, change in unique if change.text in ("", "pass") and change.start < change.end]
    return [(rule, change) for rule, change in unique if not any(_is_void(change, d) for d in deletions)]


def _requoted(source: Source, change: Change) -> Change:
    """New code inside an f-string with the quotation mark that the f-string does not have, as Python before 3.12 wants
    it."""
    for token in source.tokens:
        if token.start < change.start and change.end < token.end and not token.is_comment:
            mark = token.text[-1]
            other = "'" if mark == '"' else '"'
            if "f" in token.text[: token.text.index(mark)].lower() and not token.text.endswith(mark * 3):
                return replace(change, text=change.text.replace(mark, other))
    return change


def _is_void(change: Change, deletion: Change) -> bool:
    if change is deletion:
        return False
    if change.start == change.end:
        return deletion.start < change.start < deletion.end
    return deletion.start <= change.start and change.end <= deletion.end


def _marks(session: Session, obstacles: list[Obstacle], changes: list[Change]) -> list[tuple[str, Change]]:
    """A comment above every line that is left to a person."""
    source = session.source
    statements = [node for node in ast.walk(source.tree) if isinstance(node, ast.stmt)]
    marks = []
    for obstacle in obstacles:
        around = [s for s in statements if s.lineno <= obstacle.line <= (s.end_lineno or s.lineno)]
        innermost = max(around, key=lambda s: s.lineno, default=source.tree.body[0])
        start = source.line_start(innermost.lineno)
        # Code around the line may be gone; the mark then stands where it was.
        start = min([start, *(change.start for change in changes if change.start < start < change.end)])
        text = f"{source.indentation(innermost)}# TODO(migrate): {' '.join(obstacle.message.split())}\n"
        marks.append((other.NOT_REWRITTEN.id, Change(start, start, text, obstacle.message)))
    return marks


def shadowed(path: str, line: int, own: str) -> Finding:
    """The drop-in cannot be imported here."""
    message = (
        f"no drop-in, because `import shim` would find {own} of this project; without an edit, `shim run {path}` runs the "
        "program on AssemblyAI"
    )
    return finding(line, drop_in.RULE.id, message)


LATER_FINALS = "a final comes when its turn has ended, with all its words at once; `max_delay_mode: fixed` limits the wait"


def lost_with_drop_in(session: Session, options: Options) -> list[Finding]:
    """What the program asks for and does not get with the drop-in either."""
    notes = drop_in.losses(session, options)
    later = finding(_first_final(session), other.FINALS_ARE_TURNS.id, LATER_FINALS)
    return [later, *(finding(note.line, drop_in.RULE.id, note.message) for note in notes)]


def shimmed(session: Session) -> Rewrite:
    """The unit with the drop-in."""
    source = session.source
    changes = list(drop_in.propose(session))
    edits = [Edit(source.line_of(change.start), drop_in.RULE.id, change.reason) for change in changes]
    return Rewrite(apply(source, changes), edits)
