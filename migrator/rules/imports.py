"""Imports that the new code needs, and those that nothing uses any more."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator

from migrator.analysis.names import Names
from migrator.analysis.source import Source
from migrator.rules.code import insert_after, insert_line, is_text, item_removal
from migrator.rules.leftovers import is_mentioned
from migrator.rules.rule import Change, Need, Obstacle, Plan, Proposal, Removal, Rule, Session

Import = ast.Import | ast.ImportFrom


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Sorted in where the imports are sorted, else behind the last one of their kind."""
    yield from _unused(session, plan)
    needs = [need for need in plan.needs if not _is_written(plan, need)]
    users = {need: _users(session, plan, need) for need in needs}
    for module in dict.fromkeys(user for all_users in users.values() for user in all_users):
        mine = [need for need, all_users in users.items() if module in all_users]
        yield from missing(session.source, session.names, mine, module)


def missing(
    source: Source, names: Names, needs: Iterable[Need], module: ast.Module | None = None
) -> Iterator[Proposal]:
    """The imports that a file does not have yet.

    Args:
        module: which file of a joined source; None for the first.
    """
    module = module or source.tree
    for need in sorted(set(needs), key=lambda need: (need.name != "", need.module)):
        binding = names.lookup(module, need.bound)
        stores = list(binding.stores) if binding else []
        if any(_is_import(names, store, need) for store in stores):
            continue
        if stores:
            yield Obstacle(1, f"the name {need.bound} means something else in this file")
            continue
        yield _inserted(source, module, need)


def _users(session: Session, plan: Plan, need: Need) -> list[ast.Module]:
    """The files with new code that uses an import."""
    users = [
        session.source.module_at(change.start)
        for change in plan.changes
        if re.search(rf"(?<![\w.]){re.escape(need.bound)}(?!\w)", change.text)
    ]
    return list(dict.fromkeys(users)) or [session.source.tree]


def _is_written(plan: Plan, need: Need) -> bool:
    """Whether another rule has put the import into the place of one that goes."""
    start = f"from {need.module} import "
    return any(
        need.name in re.findall(r"\w+", change.text.partition(start)[2])
        for change in plan.changes
        if need.name and start in change.text
    )


def _is_import(names: Names, store: ast.AST, need: Need) -> bool:
    parent = names.parents.get(store)
    if not isinstance(store, ast.alias):
        return False
    if isinstance(parent, ast.ImportFrom):
        return parent.module == need.module and store.name == need.name
    return not need.name and store.name == need.module


def _unused(session: Session, plan: Plan) -> Iterator[Proposal]:
    names = session.names
    needed = {need.bound for need in plan.needs}
    unused = []
    for binding in names.bindings():
        aliases = [store for store in binding.stores if isinstance(store, ast.alias)]
        if len(binding.stores) != 1 or not aliases or not binding.loads or binding.name in needed:
            continue
        is_unused = all(plan.is_removed(load) for load in binding.loads) and not is_mentioned(
            plan, binding.name
        )
        if not is_unused or plan.is_removed(names.parents[aliases[0]]):
            continue
        if not any(session.source.line_of(change.start) == aliases[0].lineno for change in plan.changes):
            unused += aliases  # else it has another name now
    unused += _unused_of_other_files(session, plan)
    for statement in dict.fromkeys(names.parents[alias] for alias in unused):
        assert isinstance(statement, Import)
        yield from without_aliases(session, statement, unused, "nothing uses it any more")


def without_aliases(
    session: Session, statement: Import, gone: list[ast.alias], reason: str
) -> Iterator[Proposal]:
    """An import without some of its names; without the statement where none is left."""
    source = session.source
    if all(alias in gone for alias in statement.names):
        yield Removal(statement, reason)
        return
    for alias in statement.names:
        if alias in gone:
            start = source.offset(alias.lineno, alias.col_offset)
            assert alias.end_lineno is not None
            assert alias.end_col_offset is not None
            end = source.offset(alias.end_lineno, alias.end_col_offset)
            yield _without_alias(source, statement, alias, start, end, reason)


def _unused_of_other_files(session: Session, plan: Plan) -> Iterator[ast.alias]:
    """Imports of names of other files in sight whose every use went."""
    names = session.names
    for binding in names.bindings():
        for alias in binding.imports:
            loads = [load for load in binding.loads if names.module(load) is names.module(alias)]
            if (
                loads
                and all(plan.is_removed(load) for load in loads)
                and not is_mentioned(plan, binding.name)
            ):
                yield alias


def _without_alias(
    source: Source, statement: Import, alias: ast.alias, start: int, end: int, reason: str
) -> Change:
    if alias is statement.names[-1] and not source.text.startswith(",", end):
        return Change(source.text.rindex(",", 0, start), end, "", reason)
    return item_removal(source, start, end, reason)


def _inserted(source: Source, module: ast.Module, need: Need) -> Change:
    text = f"from {need.module} import {need.name}" if need.name else f"import {need.module}"
    reason = "the new code uses it"
    group = _group(module, need.module.split(".")[0] in sys.stdlib_module_names)
    if not group:
        body = [node for node in module.body if isinstance(node, ast.stmt)]
        first = body[1] if is_text(body[0]) and len(body) > 1 else body[0]
        return insert_line(source, first, text + "\n", reason)
    if need.module.split(".")[0] in sys.stdlib_module_names and not any(map(_is_standard, group)):
        return insert_line(source, group[0], text + "\n", reason)
    for statement in group if need.name else []:
        if isinstance(statement, ast.ImportFrom) and statement.module == need.module and statement.level == 0:
            end = source.end(statement)
            if source.text[end - 1] != ")" and statement.names[0].name != "*":
                return Change(end, end, f", {need.name}", reason)
    kind: type[Import] = ast.ImportFrom if need.name else ast.Import
    same = [statement for statement in group if isinstance(statement, kind)]
    keys = [_key(statement) for statement in same]
    if same and keys == sorted(keys):
        later = next((s for s, key in zip(same, keys, strict=True) if key > need.module), None)
        return (
            insert_line(source, later, text, reason)
            if later
            else insert_after(source, same[-1], text, reason)
        )
    plain = [statement for statement in group if isinstance(statement, ast.Import)]
    if need.name or not plain:
        return insert_after(source, (same or plain or group)[-1], text, reason)
    return insert_after(source, plain[-1], text, reason)


def _key(statement: Import) -> str:
    return statement.names[0].name if isinstance(statement, ast.Import) else statement.module or ""


def _group(module: ast.Module, is_standard: bool) -> list[Import]:
    """The first run of import lines that holds modules of the standard library, or none of them; else the first one."""
    groups: list[list[Import]] = []
    last = -1
    for statement in module.body:
        if not isinstance(statement, Import) or (
            isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        ):
            continue
        if statement.lineno != last + 1 or not groups:
            groups.append([])
        groups[-1].append(statement)
        last = statement.end_lineno or statement.lineno
    fitting = [
        group for group in groups if any(_is_standard(statement) == is_standard for statement in group)
    ]
    return (fitting or groups or [[]])[0]


def _is_standard(statement: Import) -> bool:
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return False
    return _key(statement).split(".")[0] in sys.stdlib_module_names


RULE = Rule(
    id="imports",
    title="Add the imports that are needed, remove those that are not",
    why="Sorted in where the file keeps its imports sorted. Only imports that the rewrite made useless go.",
    before="import json\nimport time",
    after="import json\nfrom urllib.parse import urlencode",
    propose=propose,
)
