"""Values that come from outside of the source: environment variables, and JSON and YAML files of the project.

They are what they are today: a user sets a variable, or edits the file. So nobody may take them for known; see
`Names.assumed`.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from migrator.analysis.objects import last_name

if TYPE_CHECKING:
    from migrator.analysis.names import Names

_READS_JSON = frozenset({"load", "loads"})
_READS_YAML = frozenset({"safe_load", "full_load", "load"})
_YAML = (".yaml", ".yml")
_MOST_STEPS = 8


def environment_variable(expression: ast.expr) -> ast.expr | None:
    """The argument that names the variable in ``os.environ[...]``, ``os.environ.get(...)`` or ``os.getenv(...)``."""
    match expression:
        case ast.Subscript(value=ast.Attribute(attr="environ") | ast.Name(id="environ"), slice=name):
            return name
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="environ") | ast.Name(id="environ"), attr="get"),
            args=[name, *_],
        ):
            return name
        case ast.Call(func=ast.Attribute(attr="getenv") | ast.Name(id="getenv"), args=[name, *_]):
            return name
    return None


def environment_default(call: ast.Call) -> ast.expr | None:
    """What reading a variable gives where it is not set: the default, or None where nothing is said of it."""
    return (
        call.args[1]
        if len(call.args) > 1
        else next((k.value for k in call.keywords if k.arg == "default"), None)
    )


def data_file(names: Names, call: ast.Call) -> str | None:
    """The JSON or YAML file of the project that a call reads; None where it is not certain which one, if any.

    A relative path is looked for beside the program, and where it may be started.
    """
    if names.joined is None or not call.args:
        return None
    is_yaml = _is_of(call, "yaml") and last_name(call) in _READS_YAML
    if not is_yaml and not (_is_of(call, "json") and last_name(call) in _READS_JSON):
        return None
    path = _read_from(names, call.args[0], _MOST_STEPS)
    if path is None or path.endswith(_YAML) != is_yaml or not (is_yaml or path.endswith(".json")):
        return None
    return names.joined.project.data_file(names.joined.path_of(names.module(call)), path)


def content(names: Names, path: str) -> Any:
    """What a data file of the project holds; None where it cannot be read."""
    assert names.joined is not None
    data = names.joined.project.read_data(path)
    import yaml  # Here: few programs have such a file.

    try:
        text = data.decode("utf-8-sig")
        return yaml.safe_load(text) if path.endswith(_YAML) else json.loads(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None


def _is_of(call: ast.Call, module: str) -> bool:
    return (
        isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == module
    )


def _read_from(names: Names, expression: ast.expr, steps: int) -> str | None:
    """The path behind an open file, or behind the text of one."""
    if not steps:
        return None
    resolved = names.resolve(expression)
    match resolved:
        case ast.Call(func=ast.Name(id="open"), args=[path, *_]):
            return path_of(names, path)
        case ast.Call(func=ast.Attribute(value=path, attr="open" | "read_text" | "read_bytes")):
            return path_of(names, path)
        case ast.Call(func=ast.Attribute(value=file, attr="read")):
            return _read_from(names, file, steps - 1)
        case ast.Name():
            opened = list(_contexts(names, resolved))
            return _read_from(names, opened[0], steps - 1) if len(opened) == 1 else None
    return None


def _contexts(names: Names, name: ast.Name) -> Iterator[ast.expr]:
    """What a variable is in ``with ... as name``."""
    binding = names.binding(name)
    for store in binding.stores if binding is not None else []:
        parent = names.parents.get(store)
        # A name may be given to several files, one after the other: the one around the use counts.
        if isinstance(parent, ast.withitem) and names.parents[parent] in names.ancestors(name):
            yield parent.context_expr


def path_of(names: Names, expression: ast.expr, steps: int = _MOST_STEPS) -> str | None:
    """A path as the program spells it; ``{file}`` stands for that of the source itself."""
    if not steps:
        return None
    value = names.value(expression)
    if isinstance(value, str):
        return value.replace("\\", "/")
    resolved = names.resolve(expression)

    def of(inner: ast.expr) -> str | None:
        return path_of(names, inner, steps - 1)

    match resolved:
        case ast.Name(id="__file__"):
            return FILE
        case ast.Call(func=function, args=[inner]) if last_name(function) in (
            *("Path", "PurePath", "str", "abspath", "realpath", "normpath", "fspath"),
        ):
            return of(inner)
        case ast.Call(func=function, args=[inner]) if last_name(function) == "dirname":
            return _above(of(inner))
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve" | "absolute"), args=[]):
            return of(inner)
        case ast.Attribute(value=inner, attr="parent"):
            return _above(of(inner))
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=number):
            found, levels = of(inner), names.value(number)
            for _ in range(levels + 1 if isinstance(levels, int) and 0 <= levels < _MOST_STEPS else 0):
                found = _above(found)
            return found if isinstance(levels, int) else None
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _joined([of(left), of(right)])
        case ast.Call(func=function, args=parts) if last_name(function) in ("join", "joinpath"):
            first = (
                [function.value]
                if isinstance(function, ast.Attribute) and function.attr == "joinpath"
                else []
            )
            return _joined([of(part) for part in (*first, *parts)])
    return None


FILE = "{file}"


def _above(path: str | None) -> str | None:
    """The folder of a path."""
    return None if path is None else f"{path}/.."


def _joined(parts: list[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "/".join(known) if len(known) == len(parts) else None


def shown(path: str, root: str) -> str:
    """A path as people see it in the project."""
    return os.path.relpath(path, root).replace(os.sep, "/") if root else path
