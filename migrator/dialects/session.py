"""The facts of one connection that speaks raw messages, whatever library opens it: what the rules work on."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migrator.analysis.names import Binding, Function, Names
from migrator.analysis.scan import TouchPoint
from migrator.analysis.source import Source
from migrator.dialects.messages import Reading
from migrator.edits import Obstacle


@dataclass(frozen=True)
class Library:
    """A WebSocket library.

    Attributes:
        module: the package that programs import.
        name: as people call it.
        has_submodules: whether the drop-in has the submodules of the package too.
        binary_method: the method that sends its only argument as one binary message.
    """

    module: str
    name: str
    has_submodules: bool
    binary_method: str

    def imports(self, tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
        """The statements that import the library, wherever they stand."""
        return [
            node
            for node in ast.walk(tree)
            if (isinstance(node, ast.Import) and any(self._is_mine(alias.name) for alias in node.names))
            or (isinstance(node, ast.ImportFrom) and node.level == 0 and self._is_mine(node.module or ""))
        ]

    def _is_mine(self, module: str) -> bool:
        return module.split(".")[0] == self.module


@dataclass(eq=False)
class Sent:
    """A JSON message that the program sends.

    Attributes:
        name: its ``message``.
        call: the call that sends it (of the socket, or of a function of the program that wraps it).
        display: the dict display that it is made from.
        steps: statements that only build it: assignments of the dict and its text, ``d["key"] = ...``.
        fields: dotted path to the expression of its value; only leaves.
    """

    name: str
    call: ast.Call
    display: ast.Dict
    steps: list[ast.stmt]
    fields: dict[str, ast.expr]


@dataclass(eq=False)
class Connection:
    """The one place that opens the Speechmatics connection.

    Attributes:
        call: the call that opens it, ``WebSocketApp(...)`` or ``connect(...)``.
        site: the statement before which its parameters have to be known.
        url: the address argument.
        header: the argument with the headers, if there is one.
        header_keyword: the keyword that it has, or would have, in this call.
        opened_by: the dotted names that what is called may have been imported as.
        is_app: whether handlers are called (WebSocketApp).
        is_async: whether it is used with ``await``.
        handlers: handler functions by keyword.
        handler_keywords: keyword nodes of the handlers that stand in the call.
        again: the same connection in other words, for another version of the library.
    """

    call: ast.Call
    site: ast.stmt
    url: ast.expr
    header: ast.expr | None
    is_app: bool = False
    is_async: bool = False
    handlers: dict[str, Function] = field(default_factory=dict)
    handler_keywords: dict[str, ast.keyword] = field(default_factory=dict)
    again: list[Connection] = field(default_factory=list)
    header_keyword: str = "header"
    opened_by: list[str] = field(default_factory=list)


class Absent(Obstacle):
    """A part of a session that is nowhere in sight."""


@dataclass(eq=False)
class Session:
    """All that is known of one Speechmatics connection of a source.

    Attributes:
        library: the one that opens the connection.
        libraries: all that may speak to Speechmatics in this source.
        sockets: variables that hold the connection.
        audio: calls that send audio, with the expression of the audio.
        received: expressions that give one frame, or all of them in a loop.
        shown: frames that are printed as they come.
        parsed: expressions that make a message of a frame.
    """

    source: Source
    names: Names
    touch_points: tuple[TouchPoint, ...]
    library: Library
    libraries: list[Library] = field(default_factory=list)
    connection: Connection | None = None
    sockets: set[Binding] = field(default_factory=set)
    start: Sent | None = None
    ends: list[Sent] = field(default_factory=list)
    audio: list[tuple[ast.Call, ast.expr]] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)
    received: list[ast.expr] = field(default_factory=list)
    shown: list[ast.expr] = field(default_factory=list)
    parsed: list[ast.expr] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)

    @property
    def is_understood(self) -> bool:
        """Whether there is enough of a session for the rules to work on."""
        return self.connection is not None and self.start is not None and bool(self.parsed)

    @property
    def is_followed(self) -> bool:
        """Whether all that is done with the connection is in sight, though parts of a session may be missing."""
        return all(isinstance(obstacle, Absent) for obstacle in self.obstacles) and not any(
            self.names.users_elsewhere(binding) for binding in self.sockets
        )

    def is_socket(self, node: ast.expr) -> bool:
        """Whether an expression is the Speechmatics connection."""
        if isinstance(node, ast.Attribute) and node.attr == "sock":
            return self.is_socket(node.value)
        binding = self.names.binding(node)
        return binding is not None and binding in self.sockets

    def calls_of(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Call] | None:
        """Calls of a function of this source, without the connection's method of the same name; None when it is also
        used in another way."""
        calls = self.names.calls_of(function)
        if calls is None:
            return None
        return [
            call
            for call in calls
            if not (isinstance(call.func, ast.Attribute) and self.is_socket(call.func.value))
        ]
