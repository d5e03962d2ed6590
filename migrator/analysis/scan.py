"""Where a source mentions Speechmatics, found without any of the rules: what they must account for."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from migrator.analysis.source import Source
from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES
from shim.protocol.mapping.parameters import PARAMETERS

Kind = Literal["host", "message", "environment", "import", "field"]

_SHARED = {"AddAudio", "Info", "Warning", "Error"}
"""Names that say nothing about the service: other vendors and plain English have them too."""

MESSAGE_NAMES = frozenset((CLIENT_MESSAGES.keys() | SERVER_MESSAGES.keys()) - _SHARED)

_PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("host", re.compile(r"[\w.{}-]*\bspeechmatics\.com\b", re.IGNORECASE)),
    ("message", re.compile(r"(?<![\w])(?:" + "|".join(sorted(MESSAGE_NAMES)) + r")(?![\w])")),
    ("environment", re.compile(r"(?<![\w])(?:SPEECHMATICS(?:_[A-Z0-9_]+)?|SM_API_KEY)(?![\w-])")),
)
_COMMON = {"sample_rate", "max_speakers", "domain", "language_hints"}
"""Keys of StartRecognition that other vendors have too."""

_FIELDS = {
    *(part for path in PARAMETERS for part in path.replace("[]", "").split(".") if "_" in part),
    *("last_seq_no", "language_pack_info", "attaches_to", "is_eos", "pcm_f32le"),
} - _COMMON
_OTHER_FIELDS = {"alternatives", "start_time", "end_time", "content"}
"""Fields of Speechmatics' messages that count where no other service is in sight."""

_TAKES_A_MODULE = frozenset({"import_module", "__import__", "patch", "setattr", "find_spec"})
"""Functions whose first argument names what to import, or what of it to replace."""

_MODULE = re.compile(r"speechmatics(?:\.\w+)*")

_GONE = {"last_seq_no", "metadata.transcript"}
"""What no rewritten program has a use for."""

_ADDRESS = re.compile(r"(?:wss?|https?)://(?:[^/\s'\"]*@)?(?P<host>[^/:?\s'\"{]+)")


@dataclass(frozen=True, order=True)
class TouchPoint:
    """One mention: its offset and 1-based line in the source, what it is, and its text."""

    offset: int
    line: int
    kind: Kind
    text: str


def touch_points(source: Source) -> tuple[TouchPoint, ...]:
    """Mentions of Speechmatics in strings and imports, in order.

    Comments and docstrings are prose and do not count. Hosts, message names and environment variables do, also in
    texts that are shown to somebody. Where there is any of them, the fields, keys and Bearer words of the protocol count
    as well.
    """
    names = _names(source)
    return tuple(sorted([*names, *_fields(source)])) if names else ()


def residue(source: Source) -> tuple[TouchPoint, ...]:
    """What must not be left in a program that was rewritten."""
    return tuple(sorted([*_names(source), *(point for point in _fields(source) if point.text in _GONE)]))


@functools.lru_cache(maxsize=4)  # a source is scanned before, while and after it is decided about
def _names(source: Source) -> tuple[TouchPoint, ...]:
    docstrings = _docstring_offsets(source)
    found = [
        TouchPoint(
            token.start + match.start(), source.line_of(token.start + match.start()), kind, match.group()
        )
        for token in source.tokens
        if not token.is_comment and token.start not in docstrings
        for kind, pattern in _PATTERNS
        for match in pattern.finditer(token.text)
        if token.start + match.start() not in source.variables
    ]
    for node in source.nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names] if node.level == 0 else []
        else:
            continue
        mine = [name for name in names if "speechmatics" in name.split(".")]
        found += [TouchPoint(source.start(node), node.lineno, "import", name) for name in mine[:1]]
    found += [
        TouchPoint(source.start(text), text.lineno, "import", str(text.value))
        for text in named_modules(source.nodes)
    ]
    return tuple(found)


def named_modules(nodes: Iterable[ast.AST]) -> list[ast.Constant]:
    """Texts that name a module of Speechmatics, or something in it, to whoever imports or replaces it:
    ``mock.patch("speechmatics.rt.AsyncClient")``, ``sys.modules["speechmatics"]``."""
    found: list[ast.expr] = []
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *_]) if (
                name in _TAKES_A_MODULE
            ):
                found.append(first)
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"), slice=key):
                found.append(key)
            case ast.Call(func=ast.Attribute(attr="setitem" | "delitem"), args=[modules, key, *_]) if (
                _is_modules(modules)
            ):
                found.append(key)
            case ast.Call(func=ast.Attribute(attr="dict"), args=[modules, ast.Dict(keys=keys), *_]) if (
                _is_modules(modules)
            ):
                found += [key for key in keys if key is not None]
    return [
        node
        for node in found
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _MODULE.fullmatch(node.value)
    ]


def _is_modules(node: ast.expr) -> bool:
    """Whether an expression is ``sys.modules``, or the text that ``patch.dict`` takes for it."""
    match node:
        case ast.Constant(value="sys.modules") | ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            return True
    return False


@functools.lru_cache(maxsize=4)
def _fields(source: Source) -> tuple[TouchPoint, ...]:
    is_alone = all(
        "speechmatics" in match["host"] for token in source.tokens for match in _ADDRESS.finditer(token.text)
    )
    docstrings = _docstring_offsets(source)
    return tuple(
        TouchPoint(source.start(node), node.lineno, "field", text)
        for node in source.nodes
        if isinstance(node, ast.expr)
        for text in _field(node, is_alone)
        if source.start(node) not in docstrings
    )


def _field(node: ast.expr, is_alone: bool) -> Iterator[str]:
    """The name of a field or word of the protocol that an expression is."""
    match node:
        case ast.Constant(value=str(text)) if text in _FIELDS or (is_alone and text in _OTHER_FIELDS):
            yield text
        case ast.Constant(value=str(text)) if is_alone and re.search(r"\bBearer\b", text):
            yield "Bearer"
        case ast.Subscript() | ast.Call() if (inner := _read(node, "transcript")) and _read(
            inner, "metadata"
        ):
            yield "metadata.transcript"
        case ast.Compare(left=left, comparators=[ast.Constant(value=str(text))]) if (
            is_alone and text in _SHARED and isinstance(left, ast.Name | ast.Subscript | ast.Call)
        ):
            yield text


def _read(node: ast.expr, key: str) -> ast.expr | None:
    """What ``["key"]`` or ``.get("key")`` is read of."""
    match node:
        case ast.Subscript(value=holder, slice=ast.Constant(value=name)) if name == key:
            return holder
        case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[ast.Constant(value=name), *_]) if (
            name == key
        ):
            return holder
    return None


@functools.lru_cache(maxsize=4)
def _docstring_offsets(source: Source) -> set[int]:
    return {
        source.start(node.body[0])
        for node in source.nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node, clean=False) is not None
    }
