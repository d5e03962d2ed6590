"""Redirects websocket-client: ``WebSocket``, ``WebSocketApp`` and with them ``create_connection``.

What the library does by version, and why methods beside ``connect`` are replaced (measured, 1.2 to 1.9):

- ``WebSocketApp`` reads with a TLS loop where its address says ``wss``; a redirected connection has no TLS.
- ``close()`` discards what arrives during the close, and its reader notices up to ten seconds later.
- ``on_close`` gets no code after ``close()`` before 1.9; from 1.9 on ``on_error`` is called for every close of the
  server, a normal one too.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from shim.adapters.readers import ThreadReader
from shim.background import finish_at_exit
from shim.redirect import destination, is_redirected, replace_method

# Of the way to the remote host, so of no use on loopback.
_NETWORK_OPTIONS = (
    "http_proxy_host",
    "http_proxy_port",
    "http_proxy_auth",
    "http_proxy_timeout",
    "http_no_proxy",
    "proxy_type",
)
_ATTRIBUTE = "_shim_connection"
_NORMAL_CLOSE = 1000


class Redirected(ThreadReader):
    """What is known of one redirected connection. Shared by the threads that read, send and close."""

    def __init__(self, local_url: str, library: Any) -> None:
        super().__init__(local_url)
        self._library = library
        self._app: Any = None
        self.close_frame: Any = None
        self.app_ended = threading.Event()

    def read_by(self, app: Any) -> None:
        """The current thread runs the loop of this ``WebSocketApp``, which reads."""
        self._app = app
        self.note_reader()

    def receive(self, receive: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
        """One message or control frame, noting who reads and how the connection ends."""
        self.note_reader()
        finish_at_exit(threading.current_thread())
        try:
            opcode, frame = receive()
        except (self._library.WebSocketTimeoutException, BlockingIOError):
            raise
        except Exception:
            self.note_end()
            raise
        if opcode == self._library.ABNF.OPCODE_CLOSE:
            self.close_frame = frame
            if self.is_closing and self._app is not None:
                self._app.keep_running = False  # closed on purpose: `reconnect` must not open another session
            self.note_end()
        return opcode, frame

    def wait_until_app_ended(self) -> None:
        """Wait until the application has let go of the connection; as long as `wait_until_received`."""
        self.app_ended.wait(self.seconds_left)


def patch(library: Any) -> None:
    """Redirect the ``websocket`` module of websocket-client; another package of that name stays as it is."""
    if not hasattr(library, "WebSocketApp"):
        return
    low_level, app = library.WebSocket, library.WebSocketApp

    def connect(original: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: Any, url: str, **options: Any) -> Any:
            setattr(self, _ATTRIBUTE, None)
            local_url = destination(url)
            if local_url is None:
                return original(self, url, **options)
            options = {name: value for name, value in options.items() if name not in _NETWORK_OPTIONS}
            # With a socket of its own the library looks for no proxy in the environment either.
            options["socket"] = _open(
                local_url, options.get("timeout", self.sock_opt.timeout), library.DEFAULT_SOCKET_OPTION
            )
            result = original(self, local_url, **options)
            setattr(self, _ATTRIBUTE, Redirected(local_url, library))
            return result

        return connect

    def recv_data_frame(original: Callable[..., Any]) -> Callable[..., Any]:
        def recv_data_frame(self: Any, control_frame: bool = False) -> Any:
            connection = _connection(self)
            if connection is None:
                return original(self, control_frame)
            return connection.receive(lambda: original(self, control_frame))

        return recv_data_frame

    def close(original: Callable[..., Any]) -> Callable[..., Any]:
        def close(self: Any, *arguments: Any, **options: Any) -> None:
            connection = _connection(self)
            if connection is not None and self.connected and connection.is_read_elsewhere:
                connection.begin_close()
                connection.wait_until_received()
            original(self, *arguments, **options)
            if connection is not None:
                # Where the server closed first the library leaves the socket open, and the server would wait for it.
                self.shutdown()

        return close

    def app_create_dispatcher(original: Callable[..., Any]) -> Callable[..., Any]:
        def create_dispatcher(
            self: Any, ping_timeout: Any, dispatcher: Any = None, is_ssl: bool = False, *rest: Any
        ) -> Any:
            setattr(self, _ATTRIBUTE, None)
            return original(self, ping_timeout, dispatcher, is_ssl and not is_redirected(self.url), *rest)

        return create_dispatcher

    def app_callback(original: Callable[..., Any]) -> Callable[..., Any]:
        def _callback(self: Any, callback: Any, *arguments: Any) -> Any:
            connection = _connection(self.sock)
            if connection is not None:
                setattr(self, _ATTRIBUTE, connection)
                connection.read_by(self)
            if (
                _connection(self) is not None
                and callback is not None
                and callback == self.on_error
                and _tells_of_normal_close(*arguments)
            ):
                return None
            return original(self, callback, *arguments)

        return _callback

    def app_get_close_args(original: Callable[..., Any]) -> Callable[..., Any]:
        def _get_close_args(self: Any, close_frame: Any) -> Any:
            connection = _connection(self)
            if connection is None:
                return original(self, close_frame)
            connection.app_ended.set()
            return original(self, close_frame or connection.close_frame)

        return _get_close_args

    def app_close(original: Callable[..., Any]) -> Callable[..., Any]:
        def close(self: Any, **options: Any) -> Any:
            connection = _connection(self)
            if connection is None:
                return original(self, **options)
            connection.begin_close()
            if connection.has_received_all:
                self.keep_running = False
            if connection.is_read_here:
                # In a callback. The reader goes on when the callback returns, delivers the rest and then closes.
                return None
            connection.wait_until_app_ended()
            return None if connection.app_ended.is_set() else original(self, **options)

        return close

    replace_method(low_level, "connect", connect)
    replace_method(low_level, "recv_data_frame", recv_data_frame)
    replace_method(low_level, "close", close)
    replace_method(app, "create_dispatcher", app_create_dispatcher)
    replace_method(app, "_callback", app_callback)
    replace_method(app, "_get_close_args", app_get_close_args)
    replace_method(app, "close", app_close)


def _connection(owner: Any) -> Redirected | None:
    found = getattr(owner, _ATTRIBUTE, None)
    return found if isinstance(found, Redirected) else None


def _open(local_url: str, timeout: float | None, socket_options: list[tuple[int, int, int]]) -> socket.socket:
    parts = urlsplit(local_url)
    opened = socket.create_connection((parts.hostname or "", parts.port or 0), timeout)
    for option in socket_options:
        opened.setsockopt(*option)
    return opened


def _tells_of_normal_close(error: Any) -> bool:
    """Whether ``on_error`` would hear of the server's normal close: 1.9.2 gives an exception, 1.9.0 the frame itself."""
    if isinstance(error, Exception):
        return getattr(error, "status_code", None) == _NORMAL_CLOSE
    return bytes(getattr(error, "data", b"")[:2]) == _NORMAL_CLOSE.to_bytes(2, "big")
