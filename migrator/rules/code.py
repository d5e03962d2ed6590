"""Small questions that several rules ask about code, and the changes that several of them propose."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

from migrator.analysis.names import UNKNOWN, Function, Names
from migrator.analysis.source import Source
from migrator.dialects.session import Session
from migrator.edits import Change, Obstacle, Proposal, Removal, comments_above


def literal(source: Source, text: str) -> str:
    """A string literal in the file's quotation marks."""
    quote = source.quote if source.quote not in text and "\\" not in text else ""
    return f"{quote}{text}{quote}" if quote else repr(text)


def python_value(source: Source, text: str) -> str:
    """A value of the query of a connection as a Python expression: numbers, truth values, lists, and else a string."""
    try:
        value = json.loads(text)
    except ValueError:
        return literal(source, text)
    if isinstance(value, list):
        return "[" + ", ".join(literal(source, str(item)) for item in value) + "]"
    return str(value)


def replace(source: Source, node: ast.expr, text: str, reason: str) -> Change:
    """Another expression in place of one."""
    return Change(source.start(node), source.end(node), text, reason)


def rename_key(source: Source, node: ast.expr, text: str, reason: str) -> Change:
    """Another text in a string literal, whose quotation marks stay. A key that is no literal becomes one."""
    old = source.segment(node)
    quote = old[-1] if isinstance(node, ast.Constant) and old[:1] in "'\"" else ""
    return replace(source, node, f"{quote}{text}{quote}" if quote else literal(source, text), reason)


def uses(names: Names, expression: ast.expr) -> list[ast.expr]:
    """An expression, and every read of the variables that it is assigned to."""
    found = [expression]
    parent = names.parents[expression]
    if not isinstance(parent, ast.Assign | ast.AnnAssign | ast.NamedExpr) or parent.value is not expression:
        return found
    if isinstance(parent, ast.NamedExpr):
        found.append(parent)
    for target in parent.targets if isinstance(parent, ast.Assign) else [parent.target]:
        binding = names.binding(target)
        found += binding.loads if binding else []
    return found


def accessor(source: Source, value: ast.expr) -> int:
    """Offset of the ``.`` or ``[`` that follows an expression, behind its closing parentheses."""
    position = source.end(value)
    while source.text[position] not in ".[":
        position += 1
    return position


def insert_line(source: Source, statement: ast.stmt, text: str, reason: str) -> Change:
    """New lines before a statement and the comments above it, at its indentation."""
    indentation = source.indentation(statement)
    start = comments_above(source, statement)
    lines = "".join(f"{indentation}{line}\n" if line else "\n" for line in text.split("\n"))
    return Change(start, start, lines, reason)


def insert_after(source: Source, statement: ast.stmt, text: str, reason: str) -> Change:
    """New lines after a statement, at its indentation."""
    indentation = source.indentation(statement)
    position = source.line_start(source.line_of(source.end(statement)) + 1)
    lines = "".join(f"{indentation}{line}\n" if line else "\n" for line in text.split("\n"))
    if position == len(source.text) and not source.text.endswith(("\n", "\r")):
        lines = "\n" + lines.removesuffix("\n")
    return Change(position, position, lines, reason)


def body_start(source: Source, body: list[ast.stmt], text: str, reason: str) -> Change:
    """New lines where a block begins to do something: behind its docstring and its ``global`` statements."""
    for statement in body:
        is_docstring = statement is body[0] and is_text(statement)
        if not is_docstring and not isinstance(statement, ast.Global | ast.Nonlocal):
            return insert_line(source, statement, text, reason)
    return insert_after(source, body[-1], text, reason)


def is_text(statement: ast.stmt) -> bool:
    """Whether a statement is only a string."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def is_on_one_line(source: Source, block: list[ast.stmt], names: Names) -> bool:
    """Whether a block stands behind the colon of its owner: ``if x: return``."""
    owner = names.parents[block[0]]
    return (
        isinstance(owner, ast.stmt) and source.line_text(block[0].lineno)[: block[0].col_offset].strip() != ""
    )


def spelled(alias: ast.alias) -> str:
    """A name of an import statement, as it stands there."""
    return alias.name + (f" as {alias.asname}" if alias.asname else "")


def statements_instead(source: Source, statement: ast.stmt, lines: list[str], reason: str) -> Change:
    """Other statements in place of a simple one: each on its own line, or behind a semicolon where it shares a line."""
    start = source.start(statement)
    shares_line = source.text[source.line_start(statement.lineno) : start].strip() != ""
    separator = "; " if shares_line else f"\n{source.indentation(statement)}"
    return Change(start, source.end(statement), separator.join(lines), reason)


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def awaited(names: Names, expression: ast.expr) -> ast.expr:
    """An expression with the ``await`` around it."""
    parent = names.parents[expression]
    return parent if isinstance(parent, ast.Await) else expression


def visible(names: Names, expression: ast.expr, site: ast.stmt) -> bool:
    """Whether an expression means the same where another statement stands: every name is bound to the same variable,
    and that has its value by then."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Name):
            here, there = names.binding(node), names.lookup(site, node.id)
            if here is there:
                if here is not None and not _assigned_before(names, here.stores, site):
                    return False
            elif not is_self(names, node, site):
                return False
        elif isinstance(node, ast.Attribute):
            attribute = names.binding(node)
            if (
                attribute is not None
                and attribute.stores
                and not _assigned_before(names, attribute.stores, site)
            ):
                return False
        elif isinstance(node, ast.NamedExpr | ast.Lambda | ast.Yield | ast.Await):
            return False
    return True


def is_self(names: Names, node: ast.Name, site: ast.stmt) -> bool:
    """Whether a name is the object of a method, and names the same where another statement stands."""
    methods = [_method(names, node), _method(names, site)]
    return (
        all(
            method is not None and method.args.args and method.args.args[0].arg == node.id
            for method in methods
        )
        and len({id(names.parents[method]) for method in methods if method}) == 1
    )


def _method(names: Names, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    for parent in names.ancestors(node):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and isinstance(
            names.parents[parent], ast.ClassDef
        ):
            return parent
    return None


def written(session: Session, expression: ast.expr, value: Any, site: ast.stmt) -> str | None:
    """The program's own expression for a value, where it still says the same and can be seen; else a literal.

    Args:
        value: what the literal says; `UNKNOWN` for a value of the run time.

    Returns:
        None when only the expression could say it and a statement cannot see it.
    """
    source, names = session.source, session.names
    known = names.value(expression)
    is_kept = not isinstance(expression, ast.Constant) and known in (UNKNOWN, value)
    if is_kept and visible(names, expression, site):
        return source.segment(expression)
    if known is UNKNOWN and is_kept:
        return None
    return literal(source, value) if isinstance(value, str) else str(value)


def _assigned_before(names: Names, stores: list[ast.AST], site: ast.stmt) -> bool:
    """Whether every store of a variable, but for placeholders, certainly ran before a statement."""
    return all(_ran_before(names, store, site) for store in stores if not is_placeholder(names, store))


def _ran_before(names: Names, store: ast.AST, site: ast.stmt) -> bool:
    """Whether a store is a parameter or definition, or stands in the module's own lines, in the constructor, or above
    the statement in the same function."""
    if isinstance(store, ast.arg | ast.alias | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    where, function = names.function(store), names.function(site)
    line = getattr(store, "lineno", 0)
    if where is function:
        return bool(line < site.lineno)
    if where is None:
        return True
    is_constructor = isinstance(where, ast.FunctionDef) and where.name == "__init__"
    return is_constructor or where in names.ancestors(site)


def is_placeholder(names: Names, store: ast.AST) -> bool:
    """Whether a store is ``name = None``."""
    value = names.stored_value(store)
    return isinstance(value, ast.Constant) and value.value is None


def keyword_removal(source: Source, call: ast.Call, keyword: ast.keyword, reason: str) -> Change:
    """A call without one of its keyword arguments, and without its line where it has one of its own."""
    start = source.offset(keyword.lineno, keyword.col_offset)
    return item_removal(source, start, source.end(keyword.value), reason)


def items_removal(
    source: Source, items: list[tuple[int, int]], gone: list[bool], reason: str
) -> Iterator[Change]:
    """A list of items, given by their offsets, without some of them."""
    kept = [index for index, is_gone in enumerate(gone) if not is_gone]
    last = kept[-1] if kept else -1
    tail = range(last + 1, len(items))
    has_comma = source.text[items[-1][1] :].lstrip().startswith(",")
    for index, (start, end) in enumerate(items):
        if gone[index] and (has_comma or index not in tail):
            yield item_removal(source, start, end, reason)
    if len(tail) and not has_comma:
        yield Change(items[last][1] if kept else items[0][0], items[-1][1], "", reason)


def item_removal(source: Source, start: int, end: int, reason: str) -> Change:
    """A list of arguments or items without one of them, given by its offsets."""
    text = source.text
    after = end
    while text[after] in " \t\r\n":
        after += 1
    if text[after] == ",":
        end = after + 1
        rest = source.text[end : source.line_start(source.line_of(end) + 1)].strip()
        line_start = source.line_start(source.line_of(start))
        if not text[line_start:start].strip() and (not rest or rest.startswith("#")):
            return Change(line_start, source.line_start(source.line_of(end) + 1), "", reason)
        while text[end] in " \t":
            end += 1
        return Change(start, end, "", reason)
    before = start
    while text[before - 1] in " \t\r\n":
        before -= 1
    return Change(before - 1 if text[before - 1] == "," else before, end, "", reason)


# Branches


def remove_branch(session: Session, branch: ast.If, reason: str) -> Iterator[Proposal]:
    """An ``if`` statement, or one branch of a chain, that never runs any more."""
    source, names = session.source, session.names
    is_elif = _is_elif(source, branch)
    if not branch.orelse:
        if is_elif:
            # From the end of the branch before, so that comments above the next statement stay.
            yield Change(_line_start(source, branch), _after(source, branch), "", reason)
        else:
            yield Removal(branch, reason)
        return
    if is_on_one_line(source, branch.body, names):
        yield Obstacle(branch.lineno, "a branch that has to go stands on the line of its condition")
        return
    following = _next_branch(source, branch)
    if (
        len(branch.orelse) == 1
        and isinstance(branch.orelse[0], ast.If)
        and _is_elif(source, branch.orelse[0])
    ):
        start = source.start(branch)
        yield Change(start, following + (0 if is_elif else len("el")), "", reason)
    elif is_elif:
        yield Change(source.start(branch), following, "", reason)
    else:
        yield Change(_line_start(source, branch), _line_after(source, following), "", reason)
        yield from dedent(source, names, branch, branch.orelse, reason)


def keep_branch(session: Session, branch: ast.If, reason: str) -> Iterator[Proposal]:
    """An ``if`` statement that always runs: its body alone."""
    source, names = session.source, session.names
    if is_on_one_line(source, branch.body, names):
        yield Obstacle(branch.lineno, "a condition that is always true stands on the line of its body")
        return
    if _is_elif(source, branch):
        colon = source.text.index(":", source.end(branch.test))
        yield Change(source.start(branch), colon, "else", reason)
    else:
        yield Change(
            _line_start(source, branch),
            _line_after(source, source.text.index(":", source.end(branch.test))),
            "",
            reason,
        )
        yield from dedent(source, names, branch, branch.body, reason)
    if branch.orelse:
        yield Change(_after_statement(source, branch.body[-1]), _after(source, branch), "", reason)


def dedent(
    source: Source, names: Names, owner: ast.stmt, body: list[ast.stmt], reason: str
) -> Iterator[Proposal]:
    """The lines of a block at the indentation of its owner."""
    outer = len(source.indentation(owner))
    inner = len(source.indentation(body[0]))
    first = source.line_of(comments_above(source, body[0]))
    last = source.line_of(source.end(body[-1]))
    text_lines = {
        line
        for token in source.tokens
        if not token.is_comment
        for line in range(source.line_of(token.start) + 1, source.line_of(token.end) + 1)
    }
    for line in range(first, last + 1):
        if line in text_lines or not source.line_text(line).strip():
            continue
        start = source.line_start(line)
        if source.line_text(line)[:inner].strip():
            continue  # a comment further to the left
        yield Change(start + outer, start + inner, "", reason)


def _is_elif(source: Source, branch: ast.If) -> bool:
    return source.text.startswith("elif", source.start(branch))


def _next_branch(source: Source, branch: ast.If) -> int:
    """Offset of the ``elif`` or ``else`` that follows the body of a branch."""
    first = branch.orelse[0]
    if isinstance(first, ast.If) and len(branch.orelse) == 1 and _is_elif(source, first):
        return source.start(first)
    indentation = source.indentation(branch)
    for line in range(
        source.line_of(source.end(branch.body[-1])) + 1, source.line_of(source.start(first)) + 1
    ):
        if source.line_text(line).startswith(indentation + "else"):
            return source.line_start(line) + len(indentation)
    return source.start(first)


def _line_start(source: Source, statement: ast.stmt) -> int:
    return source.line_start(source.line_of(source.start(statement)))


def _line_after(source: Source, offset: int) -> int:
    return source.line_start(source.line_of(offset) + 1)


def _after_statement(source: Source, statement: ast.stmt) -> int:
    return _line_after(source, source.end(statement))


def _after(source: Source, branch: ast.If) -> int:
    return _line_after(source, source.end(branch))


def enclosing_functions(names: Names, node: ast.AST) -> list[Function]:
    """The functions around a node, the innermost first."""
    return [
        parent
        for parent in names.ancestors(node)
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
