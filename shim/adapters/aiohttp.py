"""Redirects aiohttp: ``ClientSession.ws_connect``, and requests for temporary keys.

Both go through ``ClientSession._request``, whatever the program calls, so that one method is the seam.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

from shim.adapters.readers import TaskReader, coroutine_function
from shim.redirect import destination, key_destination, replace_method

# Of the way to the remote host, so of no use on loopback.
_NETWORK_OPTIONS = (
    "fingerprint",
    "proxy",
    "proxy_auth",
    "proxy_headers",
    "server_hostname",
    "ssl",
    "ssl_context",
    "verify_ssl",
)
_READER = "_shim_reader"


def patch(library: Any) -> None:
    """Redirect ``aiohttp``."""
    ends = {
        library.WSMsgType.CLOSE,
        library.WSMsgType.CLOSING,
        library.WSMsgType.CLOSED,
        library.WSMsgType.ERROR,
    }

    def _request(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def _request(self: Any, method: str, str_or_url: Any, **options: Any) -> Any:
            url = str(self._build_url(str_or_url))
            key_url = key_destination(method, url)
            local_url = key_url or destination(url)
            if local_url is None:
                return await original(self, method, str_or_url, **options)
            options = {name: value for name, value in options.items() if name not in _NETWORK_OPTIONS}
            direct = _without_proxy(self)
            try:
                response = await original(direct, method, local_url, **options)
            finally:
                direct._connector = None  # which is not its own to close
            if key_url is None:
                setattr(response, _READER, TaskReader(local_url))
            return response

        return _request

    def receive(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @coroutine_function
        def receive(self: Any, *arguments: Any, **options: Any) -> Awaitable[Any]:
            reader = getattr(self._response, _READER, None)
            if reader is None:
                return original(self, *arguments, **options)
            reader.note_reader()
            return received(reader, original(self, *arguments, **options))

        async def received(reader: TaskReader, receiving: Awaitable[Any]) -> Any:
            with reader.receiving():
                message = await receiving
            if message.type in ends:
                reader.note_end()
            return message

        return receive

    def close(original: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
        async def close(self: Any, **options: Any) -> bool:
            reader = getattr(self._response, _READER, None)
            if reader is not None and not self.closed and reader.is_read_elsewhere:
                await reader.drain()
            return await original(self, **options)

        return close

    replace_method(library.ClientSession, "_request", _request)
    replace_method(library.ClientWebSocketResponse, "receive", receive)
    replace_method(library.ClientWebSocketResponse, "close", close)


def _without_proxy(session: Any) -> Any:
    """A session with the same connector, cookies and headers, for one request that no proxy must see."""
    direct = copy.copy(session)
    direct._trust_env = False
    direct._default_proxy = None
    direct._base_url = None
    return direct
