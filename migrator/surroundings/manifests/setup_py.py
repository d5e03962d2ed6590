"""``setup.py``: lists of plain texts that ``setup()`` gets; lists that are computed are not read."""

from __future__ import annotations

import ast

from migrator.surroundings.manifests.declared import Declared, is_alone
from migrator.surroundings.packages import name_of
from migrator.surroundings.text import Text


def declared(text: Text) -> list[Declared]:
    """The requirements in literal lists; none where the file cannot be parsed."""
    source = text.text
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    if not source.isascii():
        return []  # the columns of ast count bytes
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    lists: list[tuple[str, ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("install_requires", "tests_require"):
            lists.append((node.arg, node.value))
        elif (
            isinstance(node, ast.keyword)
            and node.arg == "extras_require"
            and isinstance(node.value, ast.Dict)
        ):
            lists += [
                (f"extras_require.{ast.dump(k)}", v)
                for k, v in zip(node.value.keys, node.value.values, strict=True)
                if k
            ]
    found = []
    for section, value in lists:
        for item in value.elts if isinstance(value, ast.List) else []:
            if not isinstance(item, ast.Constant) or not isinstance(item.value, str):
                continue
            start = starts[item.lineno - 1] + item.col_offset
            end = starts[(item.end_lineno or item.lineno) - 1] + (item.end_col_offset or 0)
            quote = source[start]
            if quote in "\"'" and (name := name_of(item.value)):
                form = f"{quote}{{name}}{{bound}}{quote}"
                found.append(Declared(name, section, start, end, ",", form, is_alone(text, start, end)))
    return found
