"""Values that nothing uses any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.names import Binding, Names
from migrator.rules.code import items_removal
from migrator.rules.rule import Plan, Proposal, Removal, Rule, Session
from migrator.rules.sequence_numbers import undeclared

_REASON = "nothing uses it any more"
_PURE = (
    ast.Constant,
    ast.Dict,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.BinOp,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.operator,
    ast.expr_context,
)


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Variables, and entries of dicts, that were used and whose every use went; those that fed them follow."""
    gone: set[ast.AST] = set()
    taken: set[int] = set()
    while True:
        found = next(
            (
                b
                for b in session.names.bindings()
                if id(b) not in taken and _is_unused(session, plan, b, gone)
            ),
            None,
        )
        if found is None:
            break
        taken.add(id(found))
        for store in found.stores:
            statement = session.names.statement(store)
            gone.update(ast.walk(statement))
            if not plan.is_removed(statement):
                yield Removal(statement, _REASON)
        yield from undeclared(session, found, _REASON)
    for binding in session.names.bindings():
        if id(binding) not in taken:
            yield from _entries(session, plan, binding, gone)


def _is_unused(session: Session, plan: Plan, binding: Binding, gone: set[ast.AST]) -> bool:
    names = session.names
    if not binding.loads or not binding.stores or is_mentioned(plan, binding.name):
        return False
    if is_seen_outside(plan.session.names, binding):
        return False
    for store in binding.stores:
        parent = names.parents[store]
        value = names.stored_value(store)
        if (
            not isinstance(parent, ast.Assign | ast.AnnAssign)
            or value is None
            or len(getattr(parent, "targets", [0])) != 1
        ):
            return False
        if not all(isinstance(node, _PURE) for node in ast.walk(value)):
            return False
    return all(load in gone or plan.is_removed(load) for load in binding.loads)


def is_seen_outside(names: Names, binding: Binding) -> bool:
    """Whether another file may use a module's own name: one that is out of sight, whoever reads ``__all__``, or one that
    imports it to pass it on."""
    if not isinstance(binding.scope, ast.Module):
        return False
    readers = {names.module(load) for load in binding.loads}
    return (
        bool(names.users_elsewhere(binding))
        or _is_exported(names, binding.scope, binding.name)
        or any(names.module(alias) not in readers for alias in binding.imports)
    )


def _is_exported(names: Names, module: ast.Module, name: str) -> bool:
    """Whether ``__all__`` names it."""
    exported = names.lookup(module, "__all__")
    return any(
        isinstance(node, ast.Constant) and node.value == name
        for store in (exported.stores if exported else [])
        for node in ast.walk(names.statement(store))
    )


def is_mentioned(plan: Plan, name: str) -> bool:
    """Whether new code uses a name."""
    return any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", change.text) for change in plan.changes if change.text
    )


def _entries(session: Session, plan: Plan, binding: Binding, gone: set[ast.AST]) -> Iterator[Proposal]:
    """Entries of a dict that only StartRecognition read."""
    names, source = session.names, session.source
    value = names.stored_value(binding.stores[0]) if len(binding.stores) == 1 else None
    if not isinstance(value, ast.Dict) or not binding.loads or is_seen_outside(plan.session.names, binding):
        return
    uses: dict[str, list[ast.expr]] = {}
    for load in binding.loads:
        parent = names.parents[load]
        key = (
            names.value(parent.slice) if isinstance(parent, ast.Subscript) and parent.value is load else None
        )
        if not isinstance(key, str) or not isinstance(parent, ast.Subscript):
            return
        uses.setdefault(key, []).append(parent)
    items: list[tuple[int, int]] = []
    unused: list[bool] = []
    for key_node, item in zip(value.keys, value.values, strict=True):
        if key_node is None:
            return
        reads = uses.get(str(names.value(key_node)), [])
        texts = {source.segment(read) for read in reads}
        is_kept = any(text in change.text for text in texts for change in plan.changes)
        is_gone = bool(reads) and not is_kept and all(r in gone or plan.is_removed(r) for r in reads)
        items.append((source.start(key_node), source.end(item)))
        unused.append(is_gone)
    if items:
        yield from items_removal(source, items, unused, _REASON)


RULE = Rule(
    id="leftovers",
    title="Remove values that nothing uses any more",
    why=(
        "Settings that only went into StartRecognition and have no counterpart would mislead a reader. Only what was used "
        "before and is not used now goes."
    ),
    before='OPTIONS = {\n    "language": "en",\n    "max_delay": 2.0,\n}',
    after='OPTIONS = {\n    "language": "en",\n}',
    propose=propose,
)
