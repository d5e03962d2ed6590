"""What all dialects of raw messages have in common: how a connection, its messages and its audio are followed."""

from __future__ import annotations

import ast
import re
from abc import ABC, abstractmethod
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from migrator.analysis.names import UNKNOWN, Binding, Function, Names, keyword_value
from migrator.analysis.scan import touch_points
from migrator.analysis.source import Source
from migrator.dialects.messages import LOG_METHODS, argument_of, read_messages
from migrator.dialects.session import Absent, Connection, Library, Sent, Session
from migrator.edits import Obstacle
from shim.protocol.mapping.hosts import region_of
from shim.protocol.mapping.messages import CLIENT_MESSAGES

_HARMLESS_CALLS = frozenset({"print", "isinstance", "bool", "id", "repr", "str"})
_PASSING_CALLS = frozenset({"closing", "aclosing", "wait_for", "shield"})
"""Calls that give back what they are given."""
_TEXT = re.compile(r"json|dump|text|str\b|message|format", re.IGNORECASE)
"""Functions that, by their name, make text."""
_WITH_HOST = re.compile(r"wss?://[^/:?]+[/:?]")
"""The beginning of an address, as far as the end of its host."""
_TRANSFERS = frozenset({"send", "send_text", "send_bytes", "send_binary", "recv"})


class Recogniser(ABC):
    """Turns a source into the facts of its connection. A dialect says what is special to its library.

    Attributes:
        library: the library of the dialect.
        address_names: keywords of the address.
    """

    library: ClassVar[Library]
    address_names: ClassVar[tuple[str, ...]]

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names = Names.of(source)
        self.session = Session(source, self.names, touch_points(source), self.library)
        self.frame_parameters: dict[ast.arg, Function] = {}

    # What a dialect says

    @abstractmethod
    def is_connector(self, path: str) -> bool:
        """Whether a dotted name is what opens connections."""

    @abstractmethod
    def connection(self, call: ast.Call, path: str) -> Connection | None:
        """The facts of a call that opens the connection; None when they are not written out."""

    @abstractmethod
    def sends(self, call: ast.Call, method: str, data: ast.expr) -> Literal["audio", "text"] | None:
        """What a method of the connection sends; None for a method that sends nothing."""

    def handed_sockets(self) -> list[Binding]:
        """Variables that the library itself gives the connection to."""
        return []

    def handed_frames(self) -> list[Binding]:
        """Variables that the library itself gives received frames to."""
        return []

    def stored_attribute(self, target: ast.Attribute, name: str) -> None:
        """The program sets an attribute of the connection, which usually means nothing to the library."""
        return

    # The connection

    def run(self) -> Session:
        """The facts, with an obstacle for whatever is not understood."""
        calls = [node for node in ast.walk(self.source.tree) if isinstance(node, ast.Call)]
        mine = [(call, path) for call, path in self.connectors(calls) if not self.is_other_vendor(call)]
        attempt = self.attempt([call for call, _ in mine])
        if not mine or (len(mine) > 1 and attempt is None):
            self.obstacle(
                mine[1][0] if mine else self.source.tree,
                "more than one connection is opened" if mine else "no connection is opened here",
            )
            return self.session
        connections = [self.connection(call, path) for call, path in mine]
        first = connections[0]
        if first is None or None in connections:
            return self.session
        first.again = [connection for connection in connections[1:] if connection is not None]
        first.site = attempt or first.site
        self.session.connection = first
        self.find_sockets()
        self.find_sent(calls)
        self.find_received(calls)
        self.session.reading = read_messages(self.source, self.names, self.session.parsed)
        self.session.obstacles += self.session.reading.obstacles
        return self.session

    def connectors(self, calls: list[ast.Call]) -> list[tuple[ast.Call, str]]:
        """The calls that open a connection, each with what is called."""
        return [
            (call, path) for call in calls for path in self.paths(call.func)[:1] if self.is_connector(path)
        ]

    def may_connect(self) -> bool:
        """Whether a connection to Speechmatics may be opened here, or a function that opens one is given away."""
        nodes = list(ast.walk(self.source.tree))
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        opening = [call for call, _ in self.connectors(calls)]
        called = {call.func for call in opening}
        given = [
            node
            for node in nodes
            if isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and node not in called
            and any(self.is_connector(path) for path in self.paths(node))
        ]
        return bool(given) or any(not self.is_other_vendor(call) for call in opening)

    def attempt(self, calls: list[ast.Call]) -> ast.stmt | None:
        """The ``try`` whose handler opens the same connection again, in the words of another version."""
        if len(calls) != 2:
            return None
        for node in self.names.ancestors(calls[0]):
            if isinstance(node, ast.Try) and self.names.statement(calls[0]) in node.body:
                handled = [statement for handler in node.handlers for statement in handler.body]
                return node if self.names.statement(calls[1]) in handled else None
        return None

    def obstacle(self, node: ast.AST, message: str, kind: type[Obstacle] = Obstacle) -> None:
        """Something keeps the unit from being rewritten."""
        obstacle = kind(getattr(node, "lineno", 1), message)
        if obstacle not in self.session.obstacles:
            self.session.obstacles.append(obstacle)

    def paths(self, node: ast.expr) -> list[str]:
        """The dotted names that an expression may have been imported as."""
        if isinstance(node, ast.Attribute):
            return [f"{path}.{node.attr}" for path in self.paths(node.value)]
        binding = self.names.binding(node) if isinstance(node, ast.Name) else None
        found = []
        for store in binding.stores if binding else []:
            parent = self.names.parents.get(store)
            if isinstance(store, ast.alias) and isinstance(parent, ast.Import):
                found.append(store.name if store.asname else store.name.split(".")[0])
            elif isinstance(store, ast.alias) and isinstance(parent, ast.ImportFrom) and parent.level == 0:
                found.append(f"{parent.module}.{store.name}")
        return found

    def is_other_vendor(self, call: ast.Call) -> bool:
        """Whether a connection certainly goes to hosts that are not Speechmatics'."""
        url = self.address(call)
        hosts = [self.host(given) for given in self.given(url, 3)] if url is not None else []
        return bool(hosts) and all(
            host and region_of(host) is None and "speechmatics" not in host for host in hosts
        )

    def given(self, expression: ast.expr, steps: int) -> list[ast.expr]:
        """What a parameter may be, when every call of its function is in sight; else the expression itself."""
        binding = self.names.binding(expression) if isinstance(expression, ast.Name) else None
        store = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
        function = self.names.function(expression)
        if not steps or not isinstance(store, ast.arg) or isinstance(function, ast.Lambda | None):
            return [expression]
        calls = self.session.calls_of(function) if store in self.names.parameters(function) else None
        if not calls:
            return [expression]
        index = self.names.parameters(function).index(store)
        arguments = [argument(call, index, store.arg) for call in calls]
        if None in arguments:
            return [expression]
        return [found for each in arguments if each is not None for found in self.given(each, steps - 1)]

    def host(self, url: ast.expr) -> str:
        """The host of an address, also where only its beginning is known; empty where that cannot be told."""
        value = self.names.value(url)
        resolved = self.names.resolve(url)
        if isinstance(resolved, ast.JoinedStr) and not isinstance(value, str):
            first = self.names.value(resolved.values[0]) if resolved.values else UNKNOWN
            value = first if isinstance(first, str) and _WITH_HOST.match(first) else UNKNOWN
        try:
            return urlsplit(value).hostname or "" if isinstance(value, str) else ""
        except ValueError:
            return ""

    def address(self, call: ast.Call) -> ast.expr | None:
        """The address that a call connects to."""
        return next((found for name in self.address_names if (found := argument(call, 0, name))), None)

    # Sockets

    def find_sockets(self) -> None:
        connection = self.session.connection
        assert connection is not None
        pending: list[ast.AST] = [connection.call, *(other.call for other in connection.again)]
        for binding in self.handed_sockets():
            self.add(binding, pending)
        seen: set[ast.AST] = set()
        while pending:
            node = pending.pop()
            if node not in seen:
                seen.add(node)
                self.follow_socket(node, pending)
        for binding in self.session.sockets:
            for store in binding.stores:
                value = self.names.stored_value(store)
                is_empty = isinstance(value, ast.Constant) and value.value is None
                if value is not None and not is_empty and value not in seen:
                    self.obstacle(store, f"{binding.name} also holds something else than this connection")

    def add(self, binding: Binding | None, pending: list[ast.AST]) -> None:
        if binding is not None and binding not in self.session.sockets:
            self.session.sockets.add(binding)
            pending += binding.loads

    def follow_socket(self, node: ast.AST, pending: list[ast.AST]) -> None:
        parent = self.names.parents[node]
        match parent:
            case ast.Assign(targets=targets):
                for target in targets:
                    self.add(self.names.binding(target), pending)
            case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                self.add(self.names.binding(target), pending)
            case ast.withitem(optional_vars=ast.Name() | ast.Attribute() as target):
                self.add(self.names.binding(target), pending)
            case ast.Await():
                pending.append(parent)
            case ast.AsyncFor(iter=iterated) if iterated is node and isinstance(node, ast.Call):
                self.obstacle(parent, "the program connects again by itself, in `async for`")
            case ast.Return():
                pending += self.returned_to(parent, "the connection")
            case ast.Attribute(attr="sock", value=value) if value is node:
                pending.append(parent)
            case ast.Attribute(attr="run_forever", value=value) if value is node:
                call, connection = self.names.parents[parent], self.session.connection
                if isinstance(call, ast.Call) and any(
                    keyword.arg in ("reconnect", None) for keyword in call.keywords
                ):
                    self.obstacle(
                        call, "run_forever reconnects, and would open a new session when one has ended"
                    )
                elif connection and self.loops(parent) - self.loops(connection.call):
                    self.obstacle(
                        parent,
                        "run_forever is called in a loop on one WebSocketApp, whose next session would begin as an ended one",
                    )
            case ast.Attribute(value=value, attr=name, ctx=ast.Store()) if value is node:
                self.stored_attribute(parent, name)
            case ast.Attribute(value=value, attr=name) if value is node and name in _TRANSFERS:
                call = self.names.parents[parent]
                if not (isinstance(call, ast.Call) and call.func is parent):
                    self.obstacle(parent, f"{self.source.segment(parent)} is passed on as a value")
            case ast.Attribute(value=value, attr="close") if value is node and not self.is_called(parent):
                self.obstacle(
                    parent, f"{self.source.segment(parent)} is called from out of sight, maybe too early"
                )
            case ast.Attribute(value=value, attr="settimeout") if value is node and self.is_called(parent):
                self.time_limit(self.names.parents[parent])
            case ast.Attribute(value=value, attr="__enter__" | "__aenter__") if value is node:
                self.obstacle(parent, "the connection is opened by __aenter__ of its context")
            case ast.Call() if parent.func is not node:
                self.socket_argument(parent, node, pending)
            case ast.keyword():
                call = self.names.parents[parent]
                if isinstance(call, ast.Call):
                    self.socket_argument(call, node, pending)
            case ast.Tuple() | ast.List():
                self.thread_argument(parent, node, pending)
            case ast.Dict() | ast.Set() | ast.Yield() | ast.Starred():
                self.obstacle(parent, f"the connection is kept in {self.source.segment(parent)[:40]}")

    def returned_to(self, statement: ast.Return, what: str) -> list[ast.Call]:
        """The calls of the function that a statement returns from; an obstacle where they are not known."""
        function = self.names.function(statement)
        is_named = function is not None and not isinstance(function, ast.Lambda)
        calls = self.session.calls_of(function) if is_named else None  # type: ignore[arg-type]
        if calls is None:
            self.obstacle(statement, f"{what} is returned to callers out of sight")
        return calls or []

    def socket_argument(self, call: ast.Call, node: ast.AST, pending: list[ast.AST]) -> None:
        assert isinstance(node, ast.expr)
        function = self.names.definition(call.func)
        if function is not None:
            parameter = argument_of(self.names, call, function, node)
            if parameter is not None:
                self.add(self.names.parameter_binding(parameter), pending)
                return
        match call.func:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _PASSING_CALLS:
                pending.append(call)
            case ast.Name(id=name) if name in _HARMLESS_CALLS:
                pass
            case ast.Name() as klass if self.own_class(klass):
                self.constructor_argument(call, klass, node, pending)
            case _:
                self.obstacle(
                    call, f"the connection is given to {self.source.segment(call.func)}(), out of sight"
                )

    def is_called(self, attribute: ast.expr) -> bool:
        """Whether a method is called where it is named."""
        call = self.names.parents[attribute]
        return isinstance(call, ast.Call) and call.func is attribute

    def limit_of(self, received: ast.Call) -> ast.Call | None:
        """The call that limits how long a receiving call may wait: ``wait_for`` around it, or its own ``timeout``."""
        around = self.names.parents[received]
        if isinstance(around, ast.Call) and received in around.args[:1]:
            name = (
                around.func.attr if isinstance(around.func, ast.Attribute) else getattr(around.func, "id", "")
            )
            limit = argument(around, 1, "timeout")
            if name == "wait_for" and limit is not None and self.names.value(limit) is not None:
                return around
        limit = argument(received, 0, "timeout")
        return received if limit is not None and self.names.value(limit) is not None else None

    def time_limit(self, limited: ast.AST) -> None:
        """Reading fails after some seconds without a message. Speechmatics acknowledges all audio, even of silence."""
        handlers = [node for node in ast.walk(self.source.tree) if isinstance(node, ast.ExceptHandler)]
        goes_on = any(
            handler.type is not None
            and "timeout" in self.source.segment(handler.type).lower()
            and all(isinstance(statement, ast.Continue | ast.Pass) for statement in handler.body)
            for handler in handlers
        )
        if not goes_on:
            self.obstacle(
                limited, "reading is limited in time, and AssemblyAI sends nothing while nobody speaks"
            )

    def loops(self, node: ast.AST, seen: frozenset[ast.AST] = frozenset()) -> set[ast.AST]:
        """The loops that a node runs in: in its own function, and around the calls of that function."""
        found: set[ast.AST] = set()
        for parent in self.names.ancestors(node):
            if isinstance(parent, ast.For | ast.AsyncFor | ast.While):
                found.add(parent)
            elif isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = self.names.calls_of(parent) or [] if parent not in seen else []
                return found.union(*(self.loops(call, seen | {parent}) for call in calls))
        return found

    def own_class(self, node: ast.Name) -> ast.ClassDef | None:
        binding = self.names.binding(node)
        stores = binding.stores if binding else []
        return stores[0] if len(stores) == 1 and isinstance(stores[0], ast.ClassDef) else None

    def constructor_argument(
        self, call: ast.Call, klass: ast.Name, node: ast.expr, pending: list[ast.AST]
    ) -> None:
        definition = self.own_class(klass)
        assert definition is not None
        for function in definition.body:
            if isinstance(function, ast.FunctionDef) and function.name == "__init__":
                parameter = argument_of(self.names, call, function, node)
                if parameter is not None:
                    self.add(self.names.parameter_binding(parameter), pending)
                    return
        self.obstacle(call, f"the connection is given to {klass.id}(), out of sight")

    def thread_argument(self, display: ast.Tuple | ast.List, node: ast.AST, pending: list[ast.AST]) -> None:
        """``Thread(target=f, args=(ws,))``."""
        keyword = self.names.parents[display]
        call = self.names.parents[keyword]
        if isinstance(keyword, ast.keyword) and keyword.arg == "args" and isinstance(call, ast.Call):
            for other in call.keywords:
                function = self.names.definition(other.value) if other.arg == "target" else None
                if function is not None:
                    parameters = self.names.parameters(function)
                    index = next(number for number, item in enumerate(display.elts) if item is node)
                    if index < len(parameters):
                        self.add(self.names.parameter_binding(parameters[index]), pending)
                        return
        self.obstacle(display, "the connection is kept in a collection or given to a function out of sight")

    # What is sent

    def find_sent(self, calls: list[ast.Call]) -> None:
        for call in calls:
            if not (isinstance(call.func, ast.Attribute) and self.session.is_socket(call.func.value)):
                continue
            names = ("data", "payload", "message")
            data = next((found for name in names if (found := argument(call, 0, name))), None)
            kind = self.sends(call, call.func.attr, data or call)
            if kind and data is None:
                self.obstacle(call, "what is sent is not understood")
            elif kind and data is not None:
                self.sent(call, data, kind)
        if self.session.start is None:
            message = "the StartRecognition message is not sent here as JSON that can be followed"
            self.obstacle(self.source.tree, message, Absent)
        if not self.session.audio:
            self.obstacle(self.source.tree, "the place that sends audio is not in sight", Absent)

    def sent(self, call: ast.Call, data: ast.expr, kind: Literal["audio", "text"]) -> None:
        wrapped = self.wrapper_calls(data)
        if wrapped and any(self.is_text(argument) for _, argument in wrapped):
            for outer, inner in wrapped:
                if kind == "text" or self.is_text(inner):
                    self.sent_text(outer, inner)
                else:
                    self.session.audio.append((outer, inner))
        elif kind == "audio":
            self.session.audio.append((call, data))
        else:
            self.sent_text(call, data)

    def is_text(self, data: ast.expr) -> bool:
        """Whether a value is text: made by ``json.dumps`` or something of such a name, or a string."""
        value = self.reaching(data, [])
        binding = self.names.binding(data)
        for store in binding.stores if binding else []:
            if isinstance(store, ast.arg) and store.annotation is not None:
                return self.source.segment(store.annotation).strip("\"'") == "str"
        if isinstance(value, ast.Call):
            return _TEXT.search(_called(value)) is not None
        return isinstance(value, ast.JoinedStr) or isinstance(self.names.value(value), str)

    def sent_text(self, call: ast.Call, data: ast.expr) -> None:
        steps: list[ast.stmt] = []
        dumped = self.reaching(data, steps)
        if not (isinstance(dumped, ast.Call) and _called(dumped) == "dumps" and dumped.args):
            self.obstacle(
                call, f"{self.source.segment(call)[:50]} sends a text that is not made by json.dumps in sight"
            )
            return
        body = dumped.args[0]
        wrapped = self.wrapper_calls(body)
        if wrapped is not None:
            for outer, argument in wrapped:
                self.message(outer, argument, [])
        else:
            self.message(call, body, steps)

    def wrapper_calls(self, body: ast.expr) -> list[tuple[ast.Call, ast.expr]] | None:
        """Calls of the program's own ``send_json(message)`` when that function is what encodes ``body``."""
        binding = self.names.binding(body)
        if binding is None or len(binding.stores) != 1 or not isinstance(binding.stores[0], ast.arg):
            return None
        parameter = binding.stores[0]
        function = self.names.function(body)
        if (
            function is None
            or isinstance(function, ast.Lambda)
            or parameter not in self.names.parameters(function)
        ):
            return None
        index = self.names.parameters(function).index(parameter)
        calls = self.session.calls_of(function)
        if calls is None or any(len(call.args) <= index for call in calls):
            return None
        return [(call, call.args[index]) for call in calls]

    def reaching(self, expression: ast.expr | None, steps: list[ast.stmt]) -> ast.expr | None:
        """The value that a variable has where it is used: of its only assignment, or of the last one before the use in
        the same block. The assignments on the way are added to ``steps``."""
        changed = False
        for _ in range(10):
            built = self.built_by(expression) if isinstance(expression, ast.Call) else None
            if built is not None and not changed:
                function, expression = built
                steps.append(function)
                continue
            is_variable = expression is not None and self.names.is_variable(expression)
            binding = self.names.binding(expression) if expression is not None and is_variable else None
            if binding is None or expression is None:
                return expression
            changed = self.names.mutated(binding)
            statement = self.names.statement(expression)
            candidates = [
                (self.names.statement(store), self.names.stored_value(store))
                for store in binding.stores
                if self.names.stored_value(store) is not None
            ]
            if len(binding.stores) > 1:
                block = self.names.block(statement)
                candidates = [
                    (store, value)
                    for store, value in candidates
                    if store in block and block.index(store) < block.index(statement)
                ][-1:]
            if len(candidates) != 1:
                return expression
            store, value = candidates[0]
            steps.append(store)
            expression = value
        return expression

    def built_by(self, call: ast.Call) -> tuple[ast.FunctionDef | ast.AsyncFunctionDef, ast.expr] | None:
        """The function that does nothing but build the value of its only call, and what it returns."""
        function = self.names.definition(call.func)
        if not isinstance(function, ast.FunctionDef) or self.session.calls_of(function) != [call]:
            return None
        *before, last = function.body
        is_plain = all(isinstance(s, ast.Assign | ast.AnnAssign) or _is_constant(s) for s in before)
        if function.decorator_list or not is_plain or not isinstance(last, ast.Return) or last.value is None:
            return None
        return function, last.value

    def message(self, call: ast.Call, body: ast.expr, steps: list[ast.stmt]) -> None:
        steps = list(steps)
        display = self.reaching(body, steps)
        body = self.returned(steps) or body
        if not isinstance(display, ast.Dict):
            self.obstacle(call, f"{self.source.segment(body)[:50]} is no message that is written out here")
            return
        fields = self.fields(display, "")
        built = self.names.is_variable(body) and self.build_steps(body, call, fields, steps)
        if fields is None or built is None:
            self.obstacle(call, "the message that is sent is built in a way that is not understood")
            return
        name = self.names.value(fields.get("message"))
        if name == "StartRecognition" and self.session.start is None:
            self.session.start = Sent(name, call, display, steps, fields)
        elif name == "EndOfStream":
            self.session.ends.append(Sent(name, call, display, steps, fields))
        else:
            known = name in CLIENT_MESSAGES
            self.obstacle(call, f"{name} is sent" if known else "a message without a known name is sent")

    def returned(self, steps: list[ast.stmt]) -> ast.expr | None:
        """What the function returns that builds a message."""
        built = next((step for step in reversed(steps) if isinstance(step, ast.FunctionDef)), None)
        last = built.body[-1] if built else None
        return last.value if isinstance(last, ast.Return) else None

    def fields(self, display: ast.Dict, prefix: str) -> dict[str, ast.expr]:
        """Leaves of a message by dotted path; a part that cannot be followed is a leaf itself."""
        result: dict[str, ast.expr] = {}
        for key, value in zip(display.keys, display.values, strict=True):
            name = self.names.value(key)
            if not isinstance(name, str):
                result[f"{prefix}*"] = value
                continue
            nested = self.names.resolve(value)
            binding = self.names.binding(value)
            if isinstance(nested, ast.Dict) and not (binding and self.names.may_differ(binding)):
                inner = self.fields(nested, f"{prefix}{name}.")
                result.update(inner or {f"{prefix}{name}": value})
            else:
                result[f"{prefix}{name}"] = value
        return result

    def build_steps(
        self, body: ast.expr, call: ast.Call, fields: dict[str, ast.expr], steps: list[ast.stmt]
    ) -> bool | None:
        """Take in ``message["key"] = value`` between the assignment and the call; None when that is not straight."""
        binding = self.names.binding(body)
        assert binding is not None
        block = self.names.block(steps[-1]) if steps else []
        for load in binding.loads:
            path, node = self.subscripts(load)
            target = self.names.parents[node]
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                value = self.names.stored_value(node)
                if not isinstance(target, ast.Assign) or value is None or target not in block or "*" in path:
                    return None
                for known in [p for p in fields if p == path or p.startswith(path + ".")]:
                    del fields[known]
                nested = self.names.resolve(value)
                inner = self.fields(nested, f"{path}.") if isinstance(nested, ast.Dict) else {}
                fields.update(inner or {path: value})
                steps.append(target)
            elif (self.names.escapes(load) and self.names.parents[load] is not call) or (
                isinstance(target, ast.Attribute) and target.attr in ("update", "setdefault", "pop")
            ):
                return None
        return True

    def subscripts(self, load: ast.expr) -> tuple[str, ast.expr]:
        """The dotted path of ``load["a"]["b"]`` and the whole expression."""
        path: list[str] = []
        node = load
        parent = self.names.parents[node]
        while isinstance(parent, ast.Subscript) and parent.value is node:
            key = self.names.value(parent.slice)
            path.append(key if isinstance(key, str) else "*")
            node, parent = parent, self.names.parents[parent]
        return ".".join(path), node

    # What is received

    def find_received(self, calls: list[ast.Call]) -> None:
        connection = self.session.connection
        assert connection is not None
        frames: set[Binding] = set()
        pending: list[ast.expr] = []
        for binding in self.handed_frames():
            self.take_frame(binding, frames, pending)
        for call in calls:
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == "recv"
                and self.session.is_socket(call.func.value)
            ):
                self.session.received.append(call)
                pending.append(call)
                limited = self.limit_of(call)
                if limited is not None and self.loops(call):
                    self.time_limit(limited)
        for loop in ast.walk(self.source.tree):
            if (
                isinstance(loop, ast.For | ast.AsyncFor)
                and isinstance(loop.target, ast.Name)
                and self.session.is_socket(loop.iter)
            ):
                self.session.received.append(loop.iter)
                self.take_frame(self.names.binding(loop.target), frames, pending)
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if id(node) not in seen:
                seen.add(id(node))
                self.follow_frame(node, frames, pending)
        for parameter, function in self.frame_parameters.items():
            self.check_other_frames(parameter, function, seen)
        if not self.session.parsed:
            self.obstacle(connection.call, "the place that reads the messages is not in sight", Absent)

    def check_other_frames(self, parameter: ast.arg, function: Function, frames: set[int]) -> None:
        """A function that takes received frames takes nothing else: a recorded one would be read as a new one."""
        calls = None if isinstance(function, ast.Lambda) else self.session.calls_of(function)
        parameters = self.names.parameters(function)
        if calls is None or parameter not in parameters:
            return
        for call in calls:
            given = argument(call, parameters.index(parameter), parameter.arg)
            if given is not None and id(given) not in frames:
                self.obstacle(given, "a function that takes received frames is given something else, too")

    def take_frame(self, binding: Binding | None, frames: set[Binding], pending: list[ast.expr]) -> None:
        if binding is not None and binding not in frames:
            frames.add(binding)
            pending += binding.loads

    def follow_frame(self, node: ast.expr, frames: set[Binding], pending: list[ast.expr]) -> None:
        parent = self.names.parents[node]
        match parent:
            case ast.Assign(targets=targets):
                for target in targets:
                    self.take_frame(self.names.binding(target), frames, pending)
            case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
                self.take_frame(self.names.binding(target), frames, pending)
                if isinstance(parent, ast.NamedExpr):
                    pending.append(parent)
            case ast.Await():
                pending.append(parent)
            case ast.Call() if parent.func is not node and _called(parent) in _PASSING_CALLS:
                pending.append(parent)
            case ast.Call(func=ast.Attribute(attr="loads") | ast.Name(id="loads")):
                self.session.parsed.append(parent)
            case _ if self.holds_messages(node):
                pass  # message = json.loads(message)
            case ast.Call() if parent.func is not node:
                function = self.names.definition(parent.func)
                parameter = argument_of(self.names, parent, function, node) if function else None
                if parameter is not None:
                    assert function is not None
                    self.frame_parameters[parameter] = function
                    self.take_frame(self.names.parameter_binding(parameter), frames, pending)
                elif isinstance(parent.func, ast.Name) and parent.func.id == "print":
                    self.session.shown.append(node)
                elif not _only_looks(parent):
                    self.obstacle(
                        parent,
                        f"a received frame is given to {self.source.segment(parent.func)}(), out of sight",
                    )
            case ast.Attribute(attr="decode" | "strip") if isinstance(
                call := self.names.parents[parent], ast.Call
            ):
                pending.append(call)
            case ast.FormattedValue():
                call = self.names.parents[self.names.parents[parent]]
                if not (isinstance(call, ast.Call) and _only_looks(call)):
                    self.obstacle(node, "a received frame becomes part of another text")
            case ast.Return():
                pending += self.returned_to(parent, "a received frame")
            case ast.Compare(ops=[ast.In() | ast.NotIn()]) | ast.Subscript() | ast.Attribute() | ast.BinOp():
                self.obstacle(node, "a received frame is looked into without json.loads")
            case (
                ast.Tuple() | ast.List() | ast.Dict() | ast.Set() | ast.keyword() | ast.Yield() | ast.Lambda()
            ):
                self.obstacle(node, "a received frame leaves the code that can be followed")

    def holds_messages(self, node: ast.expr) -> bool:
        """Whether the variable of a frame also takes what json.loads makes of it."""
        binding = self.names.binding(node)
        values = [self.names.stored_value(store) for store in binding.stores] if binding else []
        return any(isinstance(value, ast.Call) and _called(value) == "loads" for value in values)


def _only_looks(call: ast.Call) -> bool:
    """Whether a call only shows or measures what it is given."""
    if isinstance(call.func, ast.Name):
        return call.func.id in ("print", "len", "isinstance", "type", "bool")
    return isinstance(call.func, ast.Attribute) and call.func.attr in LOG_METHODS


def argument(call: ast.Call, index: int, name: str) -> ast.expr | None:
    """An argument of a call, by its place or its keyword."""
    if index < len(call.args):
        found = call.args[index]
        return None if isinstance(found, ast.Starred) else found
    return keyword_value(call, name)


def _is_constant(statement: ast.stmt) -> bool:
    """Whether a statement is only a literal, such as a docstring."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _called(call: ast.Call) -> str:
    """The last name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
