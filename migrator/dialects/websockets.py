"""The websockets dialect: ``connect(...)`` of its asyncio, legacy and threading clients."""

from __future__ import annotations

import ast
from typing import Literal

from migrator.dialects.recogniser import Recogniser, argument
from migrator.dialects.session import Connection, Library

_CONNECTORS = frozenset(
    {
        "websockets.connect",
        "websockets.client.connect",
        "websockets.asyncio.client.connect",
        "websockets.legacy.client.connect",
        "websockets.sync.client.connect",
    }
)
_HEADERS = ("additional_headers", "extra_headers")


class Websockets(Recogniser):
    """Programs that use websockets."""

    library = Library("websockets", "websockets", has_submodules=True, binary_method="send")
    address_names = ("uri", "url")

    def is_connector(self, path: str) -> bool:
        return path in _CONNECTORS

    def connection(self, call: ast.Call, path: str) -> Connection | None:
        url = self.address(call)
        keywords = self.keywords(call)
        if url is None or keywords is None or len(call.args) > 1:
            self.obstacle(call, "the arguments of the connection are not written out")
            return None
        keyword = next((name for name in _HEADERS if name in keywords), "")
        is_async = ".sync." not in path
        connection = Connection(
            call, self.names.statement(call), url, keywords.get(keyword), is_async=is_async
        )
        connection.header_keyword, connection.opened_by = keyword, self.paths(call.func)
        return connection

    def keywords(self, call: ast.Call) -> dict[str, ast.expr] | None:
        """Keyword arguments, those of a ``**options`` that is written out included."""
        found: dict[str, ast.expr] = {}
        for keyword in call.keywords:
            if keyword.arg is not None:
                found[keyword.arg] = keyword.value
                continue
            display = self.names.resolve(keyword.value)
            binding = self.names.binding(keyword.value)
            if not isinstance(display, ast.Dict) or (binding is not None and self.names.mutated(binding)):
                return None
            names = [self.names.value(key) for key in display.keys]
            found.update(zip(map(str, names), display.values, strict=True))
        return found

    def sends(self, call: ast.Call, method: str, data: ast.expr) -> Literal["audio", "text"] | None:
        if method != "send" or argument(call, 1, "text") is not None:
            return None
        return "text" if self.is_text(data) else "audio"
