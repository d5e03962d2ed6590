"""The websocket-client dialect: `WebSocketApp(...)` with handlers, or `create_connection(...)` with a receive loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from migrator.analysis.names import Binding, Function, Names
from migrator.analysis.scan import TouchPoint, touch_points
from migrator.analysis.source import Source
from migrator.dialects.messages import Reading, argument_of, read_messages
from migrator.edits import Obstacle
from shim.protocol.mapping.hosts import region_of
from shim.protocol.mapping.messages import CLIENT_MESSAGES

MODULE = "websocket"
_SEND_TEXT = frozenset({"send", "send_text"})
_SEND_BINARY = frozenset({"send_binary", "send_bytes"})
_BINARY_OPCODE = 2
_HARMLESS_CALLS = frozenset({"print", "isinstance", "bool", "closing", "id", "repr", "str"})
_HANDLER_KEYWORDS = ("on_open", "on_message", "on_error", "on_close")
_UNSUPPORTED_HANDLERS = frozenset({"on_data", "on_cont_message", "on_reconnect"})


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
        call: ``WebSocketApp(...)`` or ``create_connection(...)``.
        is_app: whether handlers are called (WebSocketApp).
        url: the address argument.
        header: the ``header`` argument, if there is one.
        handlers: handler functions by keyword.
        handler_keywords: keyword nodes of the handlers that stand in the call.
    """

    call: ast.Call
    is_app: bool
    url: ast.expr
    header: ast.expr | None
    handlers: dict[str, Function]
    handler_keywords: dict[str, ast.keyword]


@dataclass(eq=False)
class Session:
    """All that is known of one Speechmatics connection of a source: what the rules work on."""

    source: Source
    names: Names
    touch_points: tuple[TouchPoint, ...]
    connection: Connection | None = None
    sockets: set[Binding] = field(default_factory=set)
    start: Sent | None = None
    ends: list[Sent] = field(default_factory=list)
    audio: list[tuple[ast.Call, ast.expr]] = field(default_factory=list)
    reading: Reading = field(default_factory=Reading)
    received: list[ast.expr] = field(default_factory=list)
    parsed: list[ast.expr] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)

    def is_socket(self, node: ast.expr) -> bool:
        """Whether an expression is the Speechmatics connection."""
        if isinstance(node, ast.Attribute) and node.attr == "sock":
            return self.is_socket(node.value)
        binding = self.names.binding(node)
        return binding is not None and binding in self.sockets


def imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """The statements that import websocket-client, wherever they stand."""
    found: list[ast.Import | ast.ImportFrom] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if any(alias.name.split(".")[0] == MODULE for alias in node.names):
                found.append(node)
        elif (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] == MODULE
        ):
            found.append(node)
    return found


def recognise(source: Source) -> Session | None:
    """The facts of a source that speaks to Speechmatics through websocket-client; None for any other source."""
    if not imports(source.tree):
        return None
    mentions = touch_points(source)
    if not any(point.kind in ("host", "message") for point in mentions):
        return None
    session = Session(source, Names(source.tree), mentions)
    _Recogniser(session).run()
    return session


class _Recogniser:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.source = session.source
        self.names = session.names

    def obstacle(self, node: ast.AST, message: str) -> None:
        obstacle = Obstacle(getattr(node, "lineno", 1), message)
        if obstacle not in self.session.obstacles:
            self.session.obstacles.append(obstacle)

    def run(self) -> None:
        calls = [node for node in ast.walk(self.source.tree) if isinstance(node, ast.Call)]
        constructors = [(call, name) for call in calls if (name := self.constructor(call))]
        mine = [(call, name) for call, name in constructors if not self.is_other_vendor(call)]
        if len(mine) != 1:
            line = mine[1][0] if mine else self.source.tree
            self.obstacle(
                line, "the file opens more than one connection" if mine else "no connection is opened here"
            )
            return
        self.session.connection = self.connection(*mine[0])
        if self.session.connection is None:
            return
        self.find_sockets()
        self.find_sent(calls)
        self.find_received(calls)
        self.session.reading = read_messages(self.source, self.names, self.session.parsed)
        self.session.obstacles += self.session.reading.obstacles

    def constructor(self, call: ast.Call) -> str:
        """``WebSocketApp`` or ``create_connection`` when a call is one of websocket-client's, else nothing."""
        match call.func:
            case ast.Attribute(value=ast.Name() as module, attr="WebSocketApp" | "create_connection" as name):
                return name if self.imported_name(module) == MODULE else ""
            case ast.Name() as function:
                module_name, _, imported = self.imported_name(function).rpartition(".")
                is_ours = module_name.split(".")[0] == MODULE
                return imported if is_ours and imported in ("WebSocketApp", "create_connection") else ""
        return ""

    def imported_name(self, node: ast.Name) -> str:
        """The dotted name that a name was imported as."""
        binding = self.names.binding(node)
        if binding is None:
            return ""
        for store in binding.stores:
            parent = self.names.parents.get(store)
            if isinstance(store, ast.alias) and isinstance(parent, ast.Import):
                return store.name if store.asname else store.name.split(".")[0]
            if isinstance(store, ast.alias) and isinstance(parent, ast.ImportFrom) and parent.level == 0:
                return f"{parent.module}.{store.name}"
        return ""

    def is_other_vendor(self, call: ast.Call) -> bool:
        """Whether a connection certainly goes to a host that is not Speechmatics'."""
        url = self.names.value(_argument(call, 0, "url"))
        if not isinstance(url, str):
            return False
        host = urlsplit(url).hostname or ""
        return bool(host) and region_of(host) is None and "speechmatics" not in host

    def connection(self, call: ast.Call, name: str) -> Connection | None:
        url = _argument(call, 0, "url")
        if url is None or any(keyword.arg is None for keyword in call.keywords):
            self.obstacle(call, "the arguments of the connection are not written out")
            return None
        is_app = name == "WebSocketApp"
        if len(call.args) > (2 if is_app else 1):
            self.obstacle(call, "the arguments of the connection are given by position")
            return None
        header = _argument(call, 1, "header") if is_app else _argument(call, 9, "header")
        connection = Connection(call, is_app, url, header, {}, {})
        for keyword in call.keywords:
            if keyword.arg in _UNSUPPORTED_HANDLERS:
                self.obstacle(keyword.value, f"{keyword.arg} is used")
            if keyword.arg in _HANDLER_KEYWORDS:
                connection.handler_keywords[keyword.arg] = keyword
                self.handler(connection, keyword.arg, keyword.value)
        return connection

    def handler(self, connection: Connection, name: str, expression: ast.expr) -> None:
        if isinstance(expression, ast.Constant) and expression.value is None:
            return
        function = self.names.definition(expression)
        if function is None:
            self.obstacle(
                expression, f"{name} is {self.source.segment(expression)}, which is not defined here"
            )
        elif not _takes(self.names.parameters(function), function, name):
            self.obstacle(expression, f"{name} does not take the arguments of websocket-client 1.x")
        else:
            connection.handlers[name] = function

    # Sockets

    def find_sockets(self) -> None:
        connection = self.session.connection
        assert connection is not None
        pending: list[ast.AST] = [connection.call]
        for function in connection.handlers.values():
            self.add(self.names.parameter_binding(self.names.parameters(function)[0]), pending)
        seen: set[ast.AST] = set()
        while pending:
            node = pending.pop()
            if node in seen:
                continue
            seen.add(node)
            self.follow_socket(node, pending)

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
            case ast.withitem(optional_vars=ast.Name() as target):
                self.add(self.names.binding(target), pending)
            case ast.Return():
                function = self.names.function(parent)
                calls = (
                    None
                    if function is None or isinstance(function, ast.Lambda)
                    else self.names.calls_of(function)
                )
                if calls is None:
                    self.obstacle(parent, "the connection is returned to callers out of sight")
                else:
                    pending += calls
            case ast.Attribute(attr="sock", value=value) if value is node:
                pending.append(parent)
            case ast.Attribute(attr="run_forever", value=value) if value is node:
                call = self.names.parents[parent]
                if isinstance(call, ast.Call) and any(
                    keyword.arg in ("reconnect", None) for keyword in call.keywords
                ):
                    self.obstacle(
                        call, "run_forever reconnects, and would open a new session when one has ended"
                    )
            case ast.Attribute(value=value, attr=name, ctx=ast.Store()) if value is node:
                self.late_handler(parent, name)
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

    def late_handler(self, target: ast.Attribute, name: str) -> None:
        connection = self.session.connection
        assert connection is not None
        value = self.names.stored_value(target)
        if name in _HANDLER_KEYWORDS and value is not None:
            self.handler(connection, name, value)
            function = connection.handlers.get(name)
            if function:
                self.obstacle(target, f"{name} is set after the connection was made")

    def socket_argument(self, call: ast.Call, node: ast.AST, pending: list[ast.AST]) -> None:
        assert isinstance(node, ast.expr)
        function = self.names.definition(call.func)
        if function is not None:
            parameter = argument_of(self.names, call, function, node)
            if parameter is not None:
                self.add(self.names.parameter_binding(parameter), pending)
                return
        match call.func:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name == "closing":
                pending.append(call)
            case ast.Name(id=name) if name in _HARMLESS_CALLS:
                pass
            case ast.Name() as klass if self.own_class(klass):
                self.constructor_argument(call, klass, node, pending)
            case _:
                self.obstacle(
                    call, f"the connection is given to {self.source.segment(call.func)}(), out of sight"
                )

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
            method = call.func.attr
            if method in _SEND_BINARY or (method in _SEND_TEXT and self.is_binary(call)):
                data = _argument(call, 0, "data") or _argument(call, 0, "payload")
                if data is None:
                    self.obstacle(call, "audio is sent in a way that is not understood")
                else:
                    self.session.audio.append((call, data))
            elif method in _SEND_TEXT:
                self.sent_text(call)
        if self.session.start is None:
            self.obstacle(
                self.source.tree, "the StartRecognition message is not sent here as JSON that can be followed"
            )
        if not self.session.audio:
            self.obstacle(self.source.tree, "the place that sends audio is not in sight")

    def is_binary(self, call: ast.Call) -> bool:
        opcode = _argument(call, 1, "opcode")
        if opcode is None:
            return False
        resolved = self.names.resolve(opcode)
        return (
            self.names.value(opcode) == _BINARY_OPCODE
            or (isinstance(resolved, ast.Attribute) and resolved.attr == "OPCODE_BINARY")
            or (isinstance(resolved, ast.Name) and resolved.id == "OPCODE_BINARY")
        )

    def sent_text(self, call: ast.Call) -> None:
        data = _argument(call, 0, "data") or _argument(call, 0, "payload")
        steps: list[ast.stmt] = []
        dumped = self.reaching(data, steps)
        if not (
            isinstance(dumped, ast.Call)
            and isinstance(dumped.func, ast.Name | ast.Attribute)
            and (dumped.func.attr if isinstance(dumped.func, ast.Attribute) else dumped.func.id) == "dumps"
            and dumped.args
        ):
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
        calls = self.names.calls_of(function)
        if calls is None or any(len(call.args) <= index for call in calls):
            return None
        return [(call, call.args[index]) for call in calls]

    def reaching(self, expression: ast.expr | None, steps: list[ast.stmt]) -> ast.expr | None:
        """The value that a variable has where it is used: of its only assignment, or of the last one before the use in
        the same block. The assignments on the way are added to ``steps``."""
        for _ in range(10):
            binding = self.names.binding(expression) if isinstance(expression, ast.Name) else None
            if binding is None or expression is None:
                return expression
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

    def message(self, call: ast.Call, body: ast.expr, steps: list[ast.stmt]) -> None:
        steps = list(steps)
        display = self.reaching(body, steps)
        if not isinstance(display, ast.Dict):
            self.obstacle(call, f"{self.source.segment(body)[:50]} is no message that is written out here")
            return
        fields = self.fields(display, "")
        built = isinstance(body, ast.Name) and self.build_steps(body, call, fields, steps)
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
            if isinstance(nested, ast.Dict) and not (binding and self.names.mutated(binding)):
                inner = self.fields(nested, f"{prefix}{name}.")
                result.update(inner or {f"{prefix}{name}": value})
            else:
                result[f"{prefix}{name}"] = value
        return result

    def build_steps(
        self, body: ast.Name, call: ast.Call, fields: dict[str, ast.expr], steps: list[ast.stmt]
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
            elif isinstance(target, ast.Attribute) and target.attr in ("update", "setdefault", "pop"):
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
        if connection.is_app:
            on_message = connection.handlers.get("on_message")
            if on_message is not None:
                self.take_frame(
                    self.names.parameter_binding(self.names.parameters(on_message)[1]), frames, pending
                )
        for call in calls:
            if (
                isinstance(call.func, ast.Attribute)
                and call.func.attr == "recv"
                and self.session.is_socket(call.func.value)
            ):
                self.session.received.append(call)
                pending.append(call)
        for loop in ast.walk(self.source.tree):
            if (
                isinstance(loop, ast.For)
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
        if not self.session.parsed:
            self.obstacle(connection.call, "the place that reads the messages is not in sight")

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
            case ast.NamedExpr(target=target):
                self.take_frame(self.names.binding(target), frames, pending)
            case ast.Call(func=ast.Attribute(attr="loads") | ast.Name(id="loads")):
                self.session.parsed.append(parent)
            case ast.Call() if parent.func is not node:
                function = self.names.definition(parent.func)
                parameter = argument_of(self.names, parent, function, node) if function else None
                if parameter is not None:
                    self.take_frame(self.names.parameter_binding(parameter), frames, pending)
                elif not (
                    isinstance(parent.func, ast.Name)
                    and parent.func.id in ("print", "len", "isinstance", "type")
                ):
                    self.obstacle(
                        parent,
                        f"a received frame is given to {self.source.segment(parent.func)}(), out of sight",
                    )


def _takes(parameters: list[ast.arg], function: Function, name: str) -> bool:
    """Whether a function can be called as a handler; the connection and the frame must be parameters of their own."""
    own = 2 if name == "on_message" else 1
    wanted = {"on_open": 1, "on_message": 2, "on_error": 2, "on_close": 3}[name]
    has_rest = function.args.vararg is not None
    return len(parameters) >= own and (
        has_rest or len(parameters) - len(function.args.defaults) <= wanted <= len(parameters)
    )


def _argument(call: ast.Call, index: int, name: str) -> ast.expr | None:
    if index < len(call.args):
        argument = call.args[index]
        return None if isinstance(argument, ast.Starred) else argument
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
