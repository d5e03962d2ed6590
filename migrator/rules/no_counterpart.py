"""Branches for messages that AssemblyAI never sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import Binding
from migrator.rules.code import remove_branch
from migrator.rules.messages import is_dead
from migrator.rules.rule import Note, Obstacle, Plan, Proposal, Rule, Session

_SHOWING = frozenset({"print", "debug", "info", "warning", "error", "exception", "log", "write", "flush"})


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The branches, where they only show something or keep the counters of `sequence-numbers`."""
    for test in session.reading.tests:
        if not is_dead(test):
            continue
        names = " and ".join(sorted(test.names))
        branch = session.names.parents[test.node]
        if not (isinstance(branch, ast.If) and branch.test is test.node):
            yield Obstacle(test.node.lineno, f"{names} has no counterpart and the program asks for it here")
            continue
        acted = next((s for s in branch.body if not _is_idle(session, s)), None)
        if acted is not None:
            yield Obstacle(acted.lineno, f"the program acts on {names}, which AssemblyAI does not send")
            continue
        instead = "; a final Turn is the end of the utterance" if "EndOfUtterance" in test.names else ""
        yield Note(test.node.lineno, f"AssemblyAI sends no {names}; the branch is gone{instead}")
        yield from remove_branch(session, branch, f"AssemblyAI sends no {names}")


def _is_idle(session: Session, statement: ast.stmt) -> bool:
    """Whether a statement only shows something, leaves, or keeps a number that EndOfStream alone reads."""
    match statement:
        case ast.Pass() | ast.Continue() | ast.Return(value=None) | ast.Global() | ast.Nonlocal():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return name in _SHOWING
        case (
            ast.Assign(targets=[ast.Name() | ast.Attribute() as target])
            | ast.AugAssign(target=ast.Name() | ast.Attribute() as target)
        ):
            binding = session.names.binding(target)
            return binding is not None and (
                is_counter(session, binding) or _is_local(session, binding, statement)
            )
    return False


def _is_local(session: Session, binding: Binding, statement: ast.stmt) -> bool:
    """Whether a variable is used in the same branch only."""
    branch = session.names.parents[statement]
    return all(branch in session.names.ancestors(load) for load in binding.loads)


def is_counter(session: Session, binding: Binding) -> bool:
    """Whether a variable does nothing but count audio messages for ``last_seq_no``."""
    names = session.names
    inside = [node for end in session.ends for node in ast.walk(end.fields.get("last_seq_no", end.display))]
    if not any(node in binding.loads for node in inside) or names.users_elsewhere(binding):
        return False
    return all(load in inside or _feeds_itself(session, binding, load) for load in binding.loads) and all(
        isinstance(names.statement(store), ast.Assign | ast.AugAssign | ast.AnnAssign)
        for store in binding.stores
    )


def _feeds_itself(session: Session, binding: Binding, load: ast.expr) -> bool:
    """``count = count + 1``, or ``count = max(count, ...)``."""
    statement = session.names.statement(load)
    return isinstance(statement, ast.Assign) and all(
        session.names.binding(target) is binding for target in statement.targets
    )


RULE = Rule(
    id="no-counterpart",
    title="Remove branches for messages that AssemblyAI does not send",
    why=(
        "There is no AudioAdded, Info, EndOfUtterance (the final Turn is the end of the utterance), translation or audio "
        "event. Where such a branch only shows something or counts for `last_seq_no`, it goes. Where the program acts on "
        "it, such as flow control by acknowledgements, the program gets the drop-in, which sends these messages."
    ),
    before='elif kind == "AudioAdded":\n    acknowledged = event["seq_no"]',
    after="",
    propose=propose,
)
