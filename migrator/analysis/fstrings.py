"""Exact positions of the expressions in f-strings, which Python before 3.12 reports only by accident."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrator.analysis.source import Source

_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def locate(source: Source) -> list[ast.JoinedStr]:
    """Put the true positions on all expressions inside f-strings of the tree.

    Python before 3.12 finds an expression by searching its text in the string, so equal expressions, several lines
    and adjacent strings mislead it.

    Returns:
        The f-strings that could not be followed; their expressions have no position to rely on.
    """
    joined = [node for node in ast.walk(source.tree) if isinstance(node, ast.JoinedStr)]
    nested = {id(child) for node in joined for child in ast.walk(node) if child is not node}
    return [node for node in joined if id(node) not in nested and not _locate_one(source, node)]


def _locate_one(source: Source, node: ast.JoinedStr) -> bool:
    start, end = source.start(node), source.end(node)
    expressions = [
        expression
        for token in source.tokens
        if not token.is_comment and start <= token.start < end and _is_formatted(token.text)
        for expression in _expressions(source.text, token.start, token.end)
    ]
    values = list(_formatted_values(node))
    return len(values) == len(expressions) and all(
        _place(source, value.value, begin, stop)
        for value, (begin, stop) in zip(values, expressions, strict=True)
    )


def _is_formatted(token: str) -> bool:
    return "f" in token[: min(token.find(quote) for quote in "'\"" if quote in token)].lower()


def _formatted_values(node: ast.JoinedStr) -> Iterator[ast.FormattedValue]:
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            yield value
            if isinstance(value.format_spec, ast.JoinedStr):
                yield from _formatted_values(value.format_spec)


def _expressions(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Offsets of the expressions of one f-string token, in order, those in format specifications included."""
    opening = min(text.find(quote, start) for quote in "'\"" if quote in text[start:end])
    width = 3 if text.startswith(text[opening] * 3, opening) else 1
    position, stop = opening + width, end - width
    depth = 0  # of replacement fields: inside a format specification it is 1
    while position < stop:
        character = text[position]
        if character == "{" and depth == 0 and text.startswith("{{", position):
            position += 2
        elif character == "{":
            finish = _expression_end(text, position + 1, stop)
            yield position + 1, finish
            position = finish
            while position < stop and text[position] not in ":}":  # "=" and a conversion such as "!r"
                position += 1
            depth += 1
            if position < stop and text[position] == "}":
                depth -= 1
            position += 1
        elif character == "}":
            depth = max(0, depth - 1)
            position += 1
        else:
            position += 1


def _expression_end(text: str, position: int, stop: int) -> int:
    """Where an expression ends: before its conversion, format specification or closing brace."""
    closers: list[str] = []
    while position < stop:
        character = text[position]
        if character in "'\"":
            width = 3 if text.startswith(character * 3, position) else 1
            position = text.find(character * width, position + width, stop)
            if position < 0:
                return stop
            position += width
            continue
        if closers and character == closers[-1]:
            closers.pop()
        elif character in _CLOSERS:
            closers.append(_CLOSERS[character])
        elif (
            not closers and (character in ":}" or (character == "!" and not text.startswith("!=", position)))
        ) or (not closers and character == "=" and text[position + 1 : position + 2] in ("}", "!", ":")):
            return position
        position += 1
    return stop


def _place(source: Source, target: ast.expr, start: int, end: int) -> bool:
    text = source.text[start:end]
    try:
        parsed = ast.parse(f"({text})", mode="eval").body
    except SyntaxError:
        return False
    if ast.dump(parsed) != ast.dump(target) or any(
        isinstance(node, ast.JoinedStr) for node in ast.walk(parsed)
    ):
        return False  # an f-string in an f-string is not followed
    line = source.line_of(start)
    # The parenthesis that was put before the text is one column; on the first line only.
    shift = len(source.text[source.line_start(line) : start].encode()) - 1
    for one, other in zip(ast.walk(target), ast.walk(parsed), strict=True):
        if isinstance(one, ast.expr | ast.keyword | ast.arg) and isinstance(
            other, ast.expr | ast.keyword | ast.arg
        ):
            one.lineno = other.lineno + line - 1
            one.col_offset = other.col_offset + (shift if other.lineno == 1 else 0)
            assert other.end_lineno is not None
            assert other.end_col_offset is not None
            one.end_lineno = other.end_lineno + line - 1
            one.end_col_offset = other.end_col_offset + (shift if other.end_lineno == 1 else 0)
    return True
