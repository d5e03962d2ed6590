"""Redirects the clients of ``websockets``: asyncio, legacy, sync and trio.

The classes that make connections are patched, not their names, which programs and SDKs have bound long before. The
synchronous client before 17.1 has no such class; there the function ``connect`` keeps its identity and gets new code.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.uri import parse_uri

from shim.adapters.readers import TaskReader, ThreadReader, TrioReader, coroutine_function
from shim.redirect import destination, is_redirected, replace_method

# Of the way to the remote host, so of no use on loopback.
_NETWORK_OPTIONS = (
    "address",
    "family",
    "flags",
    "happy_eyeballs_delay",
    "host",
    "interleave",
    "local_addr",
    "local_address",
    "port",
    "proto",
    "proxy_server_hostname",
    "proxy_ssl",
    "server_hostname",
    "sock",
    "source_address",
    "ssl",
    "ssl_context",
    "ssl_handshake_timeout",
    "ssl_shutdown_timeout",
    "stream",
)
_HEADERS = "additional_headers"
_LEGACY_HEADERS = "extra_headers"
_READER = "_shim_reader"
_ORIGINAL_URL = "_shim_original_url"
_ANYWHERE = "ws://127.0.0.1/"
"""Stands for the address until the connection is made: each connection gets a session of its own."""

_HANDSHAKE_SECONDS = 0.1
"""What a closing handshake over loopback may take at least, in real seconds."""


def patch_asyncio(library: Any) -> None:
    """Redirect ``websockets.asyncio.client``."""
    _patch_init(library.connect, _HEADERS)
    replace_method(library.connect, "__await__", _awaiting(_point))
    _patch_coroutines(library.ClientConnection)
    _patch_close(library.ClientConnection)


def patch_legacy(library: Any) -> None:
    """Redirect ``websockets.legacy.client``."""
    _patch_init(library.Connect, _LEGACY_HEADERS)
    replace_method(library.Connect, "__await__", _awaiting(library.Connect.handle_redirect))
    _patch_coroutines(library.WebSocketClientProtocol)
    _patch_close(library.WebSocketClientProtocol)


def patch_sync(library: Any) -> None:
    """Redirect ``websockets.sync.client``."""
    if hasattr(library, "reconnect"):
        _patch_init(library.reconnect, _HEADERS)
        replace_method(library.reconnect, "connect", _connecting)
    else:
        _replace_code(library.connect)
    _patch_blocking(library.ClientConnection)


def patch_trio(library: Any) -> None:
    """Redirect ``websockets.trio.client``."""
    _patch_init(library.connect, _HEADERS)

    def connect(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def connect(self: Any, nursery: Any) -> Any:
            local_url = _local_url(self)
            if local_url is None:
                return await original(self, nursery)
            _point(self, local_url)
            connection = await original(self, nursery)
            setattr(connection, _READER, TrioReader(local_url, library.trio))
            return connection

        return connect

    replace_method(library.connect, "connect", connect)
    _patch_coroutines(library.ClientConnection)
    _patch_aclose(library.ClientConnection)


# Connecting


def _is_led_elsewhere(url: str, options: dict[str, Any]) -> bool:
    if options.get("unix") or not is_redirected(url):
        return False
    parse_uri(url)  # what is wrong with the address is the library's to say
    return True


def _local_options(options: dict[str, Any], headers: str) -> dict[str, Any]:
    """The keyword arguments for loopback. ``headers`` is the library's own name for what others call otherwise."""
    kept = {name: value for name, value in options.items() if name not in (*_NETWORK_OPTIONS, "proxy")}
    foreign = kept.pop(_LEGACY_HEADERS if headers == _HEADERS else _HEADERS, None)
    if kept.get(headers) is None and foreign is not None:
        kept[headers] = foreign
    if headers == _HEADERS:
        kept["proxy"] = None  # or the environment would be asked for one; the legacy client knows none
    return kept


def _patch_init(connector: type, headers: str) -> None:
    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Any, uri: str, *arguments: Any, **options: Any) -> None:
            if getattr(self, "never_led_elsewhere", False) or not _is_led_elsewhere(uri, options):
                setattr(self, _ORIGINAL_URL, None)
                return original(self, uri, *arguments, **options)
            setattr(self, _ORIGINAL_URL, uri)
            return original(self, _ANYWHERE, *arguments, **_local_options(options, headers))

        return __init__

    replace_method(connector, "__init__", init)


def _point(connector: Any, url: str) -> None:
    connector.uri = url
    connector.ws_uri = parse_uri(url)


def _local_url(connector: Any) -> str | None:
    """A new session for a connection that is about to be made; None to leave the connection alone."""
    original_url = getattr(connector, _ORIGINAL_URL, None)
    return None if original_url is None else destination(original_url)


def _awaiting(point: Callable[[Any, str], None]) -> Callable[..., Any]:
    def awaiting(original: Callable[..., Any]) -> Callable[..., Any]:
        def __await__(self: Any) -> Generator[Any, None, Any]:
            local_url = _local_url(self)
            if local_url is None:
                return (yield from original(self))
            point(self, local_url)
            connection = yield from original(self)
            setattr(connection, _READER, TaskReader(local_url))
            return connection

        return __await__

    return awaiting


def _connecting(original: Callable[..., Any]) -> Callable[..., Any]:
    def connect(self: Any) -> Any:
        local_url = _local_url(self)
        if local_url is None:
            return original(self)
        _point(self, local_url)
        connection = original(self)
        setattr(connection, _READER, ThreadReader(local_url))
        return connection

    return connect


def _replace_code(function: Any) -> None:
    """Redirect a function that programs have bound already; a test double in its place stays as it is."""
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return
    original = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    original.__kwdefaults__ = function.__kwdefaults__

    def connect(uri: str, **options: Any) -> Any:
        if not _is_led_elsewhere(uri, options):
            return original(uri, **options)
        local_url = destination(uri)
        connection = original(local_url, **_local_options(options, _HEADERS))
        setattr(connection, _READER, ThreadReader(str(local_url)))
        return connection

    # Code that refers to variables of this function could not take the place of code that refers to none.
    function.__globals__["_shim_connect"] = connect
    function.__code__ = (lambda *arguments, **options: _shim_connect(*arguments, **options)).__code__  # type: ignore[name-defined] # noqa: F821
    function.__dict__["__wrapped__"] = original


# Reading and closing


def _patch_coroutines(connection: type) -> None:
    def recv(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @coroutine_function
        def recv(self: Any, *arguments: Any, **options: Any) -> Awaitable[Any]:
            reader = getattr(self, _READER, None)
            if reader is None:
                return original(self, *arguments, **options)
            reader.note_reader()
            return receive(reader, original(self, *arguments, **options))

        async def receive(reader: TaskReader | TrioReader, receiving: Awaitable[Any]) -> Any:
            with reader.receiving():
                try:
                    return await receiving
                except ConnectionClosed:
                    reader.note_end()
                    raise

        return recv

    def recv_streaming(original: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., Any]:
        def recv_streaming(self: Any, *arguments: Any, **options: Any) -> Any:
            reader = getattr(self, _READER, None)
            fragments = original(self, *arguments, **options)
            return fragments if reader is None else receive(reader, fragments)

        async def receive(reader: TaskReader | TrioReader, fragments: AsyncGenerator[Any, None]) -> Any:
            async with contextlib.aclosing(fragments):
                while True:
                    reader.note_reader()
                    with reader.receiving():
                        try:
                            fragment = await fragments.__anext__()
                        except StopAsyncIteration:
                            return
                        except ConnectionClosed:
                            reader.note_end()
                            raise
                    yield fragment

        return recv_streaming

    replace_method(connection, "recv", recv)
    if hasattr(connection, "recv_streaming"):
        replace_method(connection, "recv_streaming", recv_streaming)


def _patch_close(connection: type) -> None:
    def close(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def close(self: Any, *arguments: Any, **options: Any) -> None:
            reader = getattr(self, _READER, None)
            if reader is not None:
                if reader.is_read_elsewhere:
                    await reader.drain(self.wait_closed())
                _limit_close(self, reader.seconds_left)
            await original(self, *arguments, **options)

        return close

    replace_method(connection, "close", close)


def _patch_aclose(connection: type) -> None:
    def aclose(original: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def aclose(self: Any, *arguments: Any, **options: Any) -> None:
            reader = getattr(self, _READER, None)
            try:
                if reader is not None and reader.is_read_elsewhere:
                    await reader.drain(self.wait_closed())
            finally:
                # In trio also who is cancelled must close, and does it without waiting.
                if reader is not None:
                    _limit_close(self, reader.seconds_left)
                await original(self, *arguments, **options)

        return aclose

    replace_method(connection, "aclose", aclose)


def _patch_blocking(connection: type) -> None:
    def recv(original: Callable[..., Any]) -> Callable[..., Any]:
        def recv(self: Any, *arguments: Any, **options: Any) -> Any:
            reader = getattr(self, _READER, None)
            if reader is None:
                return original(self, *arguments, **options)
            reader.note_reader()
            try:
                return original(self, *arguments, **options)
            except ConnectionClosed:
                reader.note_end()
                raise

        return recv

    def recv_streaming(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def recv_streaming(self: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
            reader = getattr(self, _READER, None)
            fragments = original(self, *arguments, **options)
            return fragments if reader is None else receive(reader, fragments)

        def receive(reader: ThreadReader, fragments: Iterator[Any]) -> Iterator[Any]:
            reader.note_reader()
            try:
                yield from fragments
            except ConnectionClosed:
                reader.note_end()
                raise

        return recv_streaming

    def close(original: Callable[..., None]) -> Callable[..., None]:
        def close(self: Any, *arguments: Any, **options: Any) -> None:
            reader = getattr(self, _READER, None)
            if reader is not None:
                if reader.is_read_elsewhere:
                    reader.begin_close()
                    reader.wait_until_received()
                _limit_close(self, reader.seconds_left)
            original(self, *arguments, **options)

        return close

    replace_method(connection, "recv", recv)
    replace_method(connection, "recv_streaming", recv_streaming)
    replace_method(connection, "close", close)


def _limit_close(connection: Any, seconds_left: float) -> None:
    """Let the library wait no longer for the other side: where a full queue holds the answer up, it comes never."""
    seconds = max(seconds_left, _HANDSHAKE_SECONDS)
    limit = connection.close_timeout
    connection.close_timeout = seconds if limit is None else min(limit, seconds)
