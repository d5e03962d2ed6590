"""Counters of audio messages that only fed ``last_seq_no``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import Binding, Names
from migrator.rules.code import item_removal
from migrator.rules.no_counterpart import is_counter
from migrator.rules.rule import Change, Plan, Proposal, Removal, Rule, Session

_REASON = "the counter only fed last_seq_no, which AssemblyAI does not want"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """All that is left of a counter, its declarations included."""
    for binding in session.names.bindings():
        if binding.loads and is_counter(session, binding):
            for store in binding.stores:
                yield Removal(session.names.statement(store), _REASON)
            yield from undeclared(session, binding, _REASON)


def undeclared(session: Session, binding: Binding, reason: str) -> Iterator[Proposal]:
    """``global`` and ``nonlocal`` statements without a name."""
    source, names = session.source, session.names
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Global | ast.Nonlocal) and binding.name in node.names):
            continue
        if not _declares(names, node, binding):
            continue
        if len(node.names) == 1:
            yield Removal(node, reason)
            continue
        position = source.start(node) + (len("global") if isinstance(node, ast.Global) else len("nonlocal"))
        for name in node.names:
            position = source.text.index(name, position)
            if name == binding.name:
                break
            position += len(name)
        if name == node.names[-1]:
            start = source.text.rindex(",", 0, position)
            yield Change(start, position + len(name), "", reason)
        else:
            yield item_removal(source, position, position + len(name), reason)


def _declares(names: Names, node: ast.Global | ast.Nonlocal, binding: Binding) -> bool:
    return isinstance(node, ast.Nonlocal) or isinstance(binding.scope, ast.Module)


RULE = Rule(
    id="sequence-numbers",
    title="Remove counters that only fed last_seq_no",
    why="`Terminate` carries no number, so a variable that does nothing but count audio messages for it is of no use.",
    before="chunks_sent += 1",
    after="",
    propose=propose,
)
