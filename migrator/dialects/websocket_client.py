"""The websocket-client dialect: `WebSocketApp(...)` with handlers, or `create_connection(...)` with a receive loop."""

from __future__ import annotations

import ast
from typing import Literal

from migrator.analysis.names import UNKNOWN, Binding, Function
from migrator.dialects.recogniser import Recogniser, argument
from migrator.dialects.session import Connection, Library

_SEND_TEXT = frozenset({"send", "send_text"})
_SEND_BINARY = frozenset({"send_binary", "send_bytes"})
_BINARY_OPCODE = 2
_HANDLER_KEYWORDS = ("on_open", "on_message", "on_error", "on_close")
_UNSUPPORTED_HANDLERS = frozenset({"on_data", "on_cont_message", "on_reconnect"})


class WebsocketClient(Recogniser):
    """Programs that use websocket-client."""

    library = Library("websocket", "websocket-client", has_submodules=False, binary_method="send_binary")
    address_names = ("url",)

    def is_connector(self, path: str) -> bool:
        module, _, name = path.rpartition(".")
        return module.split(".")[0] == self.library.module and name in ("WebSocketApp", "create_connection")

    def connection(self, call: ast.Call, path: str) -> Connection | None:
        url = self.address(call)
        if url is None or any(keyword.arg is None for keyword in call.keywords):
            self.obstacle(call, "the arguments of the connection are not written out")
            return None
        is_app = path.endswith("WebSocketApp")
        if len(call.args) > (2 if is_app else 1):
            self.obstacle(call, "the arguments of the connection are given by position")
            return None
        header = argument(call, 1, "header") if is_app else argument(call, 9, "header")
        connection = Connection(call, self.names.statement(call), url, header, is_app)
        if not is_app and self.names.value(argument(call, 1, "timeout")) not in (None, UNKNOWN):
            self.time_limit(call)
        for keyword in call.keywords:
            if keyword.arg in _UNSUPPORTED_HANDLERS:
                self.obstacle(keyword.value, f"{keyword.arg} is used")
            if keyword.arg in _HANDLER_KEYWORDS:
                connection.handler_keywords[keyword.arg] = keyword
                self.handler(connection, keyword.arg, keyword.value)
        return connection

    def handed_sockets(self) -> list[Binding]:
        connection = self.session.connection
        assert connection is not None
        functions = connection.handlers.values()
        return [self.names.parameter_binding(self.names.parameters(function)[0]) for function in functions]

    def handed_frames(self) -> list[Binding]:
        connection = self.session.connection
        on_message = connection.handlers.get("on_message") if connection else None
        if on_message is None:
            return []
        return [self.names.parameter_binding(self.names.parameters(on_message)[1])]

    def sends(self, call: ast.Call, method: str, data: ast.expr) -> Literal["audio", "text"] | None:
        if method in _SEND_BINARY or (method in _SEND_TEXT and self.is_binary(call)):
            return "audio"
        return "text" if method in _SEND_TEXT else None

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

    def stored_attribute(self, target: ast.Attribute, name: str) -> None:
        connection = self.session.connection
        assert connection is not None
        value = self.names.stored_value(target)
        if name == "keep_running":
            self.obstacle(target, "run_forever is ended by keep_running, before everything has arrived")
        if name in _HANDLER_KEYWORDS and value is not None:
            self.handler(connection, name, value)
            function = connection.handlers.get(name)
            if function:
                self.obstacle(target, f"{name} is set after the connection was made")

    def is_binary(self, call: ast.Call) -> bool:
        opcode = argument(call, 1, "opcode")
        if opcode is None:
            return False
        resolved = self.names.resolve(opcode)
        return (
            self.names.value(opcode) == _BINARY_OPCODE
            or (isinstance(resolved, ast.Attribute) and resolved.attr == "OPCODE_BINARY")
            or (isinstance(resolved, ast.Name) and resolved.id == "OPCODE_BINARY")
        )


def _takes(parameters: list[ast.arg], function: Function, name: str) -> bool:
    """Whether a function can be called as a handler; the connection and the frame must be parameters of their own."""
    own = 2 if name == "on_message" else 1
    wanted = {"on_open": 1, "on_message": 2, "on_error": 2, "on_close": 3}[name]
    has_rest = function.args.vararg is not None
    return len(parameters) >= own and (
        has_rest or len(parameters) - len(function.args.defaults) <= wanted <= len(parameters)
    )
