"""Programs of one file, divided into modules as people divide them, in ways that change nothing."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

_PLAIN = (
    ast.Constant,
    ast.Dict,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.BinOp,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.Name,
    ast.Attribute,
    ast.Subscript,
    ast.Call,
)


def imports(tree: ast.Module, lines: list[str]) -> str:
    """The import statements at the head of a program."""
    return "".join(
        "".join(lines[node.lineno - 1 : node.end_lineno])
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def constants(tree: ast.Module) -> list[ast.Assign]:
    """Assignments of names in capitals, of values that need nothing but constants and imports."""
    given: set[str] = set()
    found = []
    reassigned = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    for node in tree.body:
        for item in ast.walk(node):
            if isinstance(node, ast.Import | ast.ImportFrom) and isinstance(item, ast.alias):
                given.add((item.asname or item.name).split(".")[0])
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if (
                name.isupper() and name not in reassigned
            ):
                used = {item.id for item in ast.walk(value) if isinstance(item, ast.Name)}
                plain = (*_PLAIN, ast.expr_context, ast.operator, ast.keyword)
                if used <= given | {"int", "str"} and all(
                    isinstance(item, plain) for item in ast.walk(value)
                ):
                    found.append(node)
                    given.add(name)
    return found


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions that need nothing of the module but what it imports, and each other."""
    imported = {
        (item.asname or item.name).split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for item in node.names
    }
    bound = {
        item.id
        for node in tree.body
        for item in ast.walk(node)
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
    }
    mine = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    names = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    while True:
        kept = []
        for node in mine:
            own = {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}
            own |= {
                item.id
                for item in ast.walk(node)
                if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store)
            }
            used = {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
            has_global = any(isinstance(item, ast.Global) for item in ast.walk(node))
            outer = (used - own - imported) & (bound | names)
            if not has_global and outer <= {other.name for other in mine}:
                kept.append(node)
        if len(kept) == len(mine):
            return mine
        mine = kept


def divided(program: Path, pick: Callable[[ast.Module], list[ast.stmt]], style: str) -> dict[str, str] | None:
    """A program whose picked statements stand in a module ``parts``; None where there are none to move.

    Args:
        style: ``from`` imports the names, ``module`` imports the module.
    """
    text = program.read_text(encoding="utf-8")
    tree = ast.parse(text)
    nodes = pick(tree)
    if not nodes or any(isinstance(node, ast.Try) for node in tree.body):
        return None
    lines = text.splitlines(keepends=True)
    names = [getattr(node, "name", "") or node.targets[0].id for node in nodes]  # type: ignore[attr-defined]
    rest = list(lines)
    for node in nodes:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            rest[number] = ""
    # Behind the imports; only lines below them go.
    last = max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    is_module = style == "module"
    rest[last - 1] += "import parts\n" if is_module else f"from parts import {', '.join(names)}\n"
    main = _qualified("".join(rest), names) if is_module else "".join(rest)
    if main is None or min(node.lineno for node in nodes) < last:
        return None
    moving = "".join("".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes)
    return {"main.py": main, "parts.py": imports(tree, lines) + "\n\n" + moving}


def _qualified(text: str, names: list[str]) -> str | None:
    """A program with ``parts.`` before every read of some names; None where one is read in an f-string, where Python
    before 3.12 does not say where it stands."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    if any(_names_in(node) & set(names) for node in formatted):
        return None
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]
    for node in sorted(loads, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1].encode()
        lines[node.lineno - 1] = (line[: node.col_offset] + b"parts." + line[node.col_offset :]).decode()
    return "".join(lines)


def _names_in(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
