"""Programs of one file, divided into modules as people divide them, in ways that change nothing."""

from __future__ import annotations

import ast

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


def moved(text: str, nodes: list[ast.stmt], module: str, style: str) -> dict[str, str] | None:
    """A program whose statements `nodes` stand in a module of their own; None where there are none to move.

    Args:
        style: ``from`` imports the names, ``relative`` puts both into a package, ``module`` imports the module.
    """
    if not nodes:
        return None
    tree, lines = ast.parse(text), text.splitlines(keepends=True)
    head = imports(tree, lines)
    moving = "".join("".join(lines[node.lineno - 1 : node.end_lineno]) for node in nodes)
    names = [getattr(node, "name", "") or node.targets[0].id for node in nodes]  # type: ignore[attr-defined]
    rest = list(lines)
    for node in nodes:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            rest[number] = ""
    last = max(node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom))
    main = "".join(rest)
    if style == "module":
        main = _qualified(main, names, module)
        if main is None:
            return None
        line = f"import {module}\n"
    else:
        dot = "." if style == "relative" else ""
        line = f"from {dot}{module} import {', '.join(names)}\n"
    before = "".join(main.splitlines(keepends=True)[: _line(main, lines[last - 1], last)])
    main = before + line + main[len(before) :]
    files = {"main.py": main, f"{module}.py": head + "\n" + moving}
    if style == "relative":
        return {"__init__.py": "", **files} | {"__init__.py": ""}
    return files


def _line(text: str, line: str, guess: int) -> int:
    found = [number for number, other in enumerate(text.splitlines(keepends=True), 1) if other == line]
    return min(found, key=lambda number: abs(number - guess))


def _qualified(text: str, names: list[str], module: str) -> str | None:
    """A program with ``module.`` before every read of some names."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    if any(isinstance(node, ast.JoinedStr) and names_in(node) & set(names) for node in ast.walk(tree)):
        return None  # positions in f-strings are not reliable before Python 3.12
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]
    for node in sorted(loads, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = lines[node.lineno - 1].encode()
        lines[node.lineno - 1] = (
            line[: node.col_offset] + f"{module}.".encode() + line[node.col_offset :]
        ).decode()
    return "".join(lines)


def names_in(node: ast.AST) -> set[str]:
    return {item.id for item in ast.walk(node) if isinstance(item, ast.Name)}
