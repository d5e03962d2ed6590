"""One connection of a client: to a session server in this process, or to another host."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect

from shim.protocol.mapping.errors import FAILURES, FailureKind
from shim.redirect import destination, drain
from shim.speechmatics.rt._auth import AuthBase
from shim.speechmatics.rt._exceptions import ConnectionError, TimeoutError, TransportError
from shim.speechmatics.rt._logging import get_logger
from shim.speechmatics.rt._models import ConnectionConfig
from shim.speechmatics.rt._version import VERSION
from shim.speechmatics.rt.constants import REQUEST_ID_HEADER

# Of the legacy client of websockets, which is not used here.
_LEGACY_OPTIONS = ("read_limit", "write_limit")
# Reading must not pause, or a close would wait for its time limit; no proxy comes between this process and itself.
_LOCAL_OPTIONS = {"compression": None, "max_queue": None, "max_size": None, "proxy": None}

_UNREACHABLE = frozenset(
    FAILURES[kind].sentence
    for kind in (
        FailureKind.DNS,
        FailureKind.REFUSED,
        FailureKind.UNREACHABLE,
        FailureKind.TLS,
        FailureKind.TIMEOUT,
        FailureKind.HTTP_SERVER,
        FailureKind.HTTP_OTHER,
    )
)


class Transport:
    """Connects once, sends and receives, and closes.

    Args:
        url: the Speechmatics address, or that of another host.
        conn_config: how to connect.
        auth: gives the headers that say who the client is.
        request_id: the client's number for the session.
        sdk_identifier: which SDK to be for another host; None for speechmatics-rt.
    """

    def __init__(
        self,
        url: str,
        conn_config: ConnectionConfig,
        auth: AuthBase,
        request_id: str | None = None,
        *,
        sdk_identifier: str | None = None,
    ) -> None:
        self._url = _with_sdk(url, sdk_identifier or f"python-rt-sdk-v{VERSION}")
        self._config = conn_config
        self._auth = auth
        self._request_id = request_id or str(uuid.uuid4())
        self._local_url: str | None = None
        self._websocket: ClientConnection | None = None
        self._closed = False
        self._logger = get_logger("speechmatics.rt.transport")

    async def connect(self, ws_headers: dict[str, str] | None = None) -> None:
        """Connect, unless it is done already.

        Args:
            ws_headers: more headers for the handshake.

        Raises:
            ConnectionError: there is nobody to connect to, or the connection is refused.
            TimeoutError: the handshake took too long.
            AuthenticationError: there are no credentials to be had.
        """
        if self._websocket or self._closed:
            return
        headers = {REQUEST_ID_HEADER: self._request_id, **(ws_headers or {})}
        # Asked for in any case, since the program may count on that; sent to nobody who does not need them.
        credentials = await self._auth.get_auth_headers()
        options: dict[str, Any] = self._config.to_dict()
        for name in _LEGACY_OPTIONS:
            options.pop(name, None)
        try:
            self._local_url = destination(self._url)
            if self._local_url is not None:
                options |= _LOCAL_OPTIONS
            else:
                headers |= credentials
                if self._url.startswith("wss:"):
                    options["ssl"] = self._config.ssl_context
            self._websocket = await connect(
                self._local_url or self._url, additional_headers=headers, **options
            )
        except asyncio.TimeoutError as error:
            self._logger.error("WebSocket connection timeout: %s", error)
            raise TimeoutError(f"WebSocket connection timeout: {error}") from error
        except Exception as error:
            self._logger.error("WebSocket connection error: %s", error)
            raise ConnectionError(f"WebSocket connection error: {error}") from error

    async def send_message(self, payload: bytes | str) -> None:
        """Send audio, or a message as JSON.

        Raises:
            TransportError: there is no connection, or it broke.
        """
        if not self._websocket:
            raise TransportError("Not connected")
        try:
            await self._websocket.send(payload)
        except Exception as error:
            self._logger.error("Send message failed: %s", error)
            raise TransportError(f"Send message failed: {error}") from error

    async def receive_message(self) -> Any:
        """The next message, read from JSON.

        Raises:
            TransportError: there is no connection, it ended, or what came is not JSON.
        """
        if not self._websocket:
            raise TransportError("Not connected")
        try:
            message = json.loads(await self._websocket.recv())
        except ValueError as error:
            raise TransportError(f"Invalid JSON received: {error}") from error
        except Exception as error:
            raise TransportError(f"Receive message failed: {error}") from error
        self._logger.debug("Received message=%s", message)
        return message

    def refusal(self, first: dict[str, Any]) -> ConnectionError | None:
        """What a connection to Speechmatics would have raised, where AssemblyAI can only say it afterwards.

        Speechmatics answers the handshake itself. AssemblyAI's address depends on StartRecognition, so that a wrong key
        or a network that is down shows in the first message.

        Args:
            first: a message that came before RecognitionStarted.
        """
        if self._local_url is None or first.get("message") != "Error":
            return None
        if first.get("type") == "not_authorised":
            return ConnectionError(
                "WebSocket connection error: server rejected WebSocket connection: HTTP 401"
            )
        if first.get("reason") in _UNREACHABLE:
            return ConnectionError(f"WebSocket connection error: {first['reason']}")
        return None

    def drain(self) -> bool:
        """Ask for what is still owed, and then the close; False where nobody can be asked."""
        if self._local_url is None or self._websocket is None:
            return False
        drain(self._local_url)
        return True

    async def close(self) -> None:
        """Close the connection; there will be no other."""
        websocket, self._websocket = self._websocket, None
        if websocket is not None:
            self._closed = True
            with contextlib.suppress(Exception):
                await websocket.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._websocket is not None


def _with_sdk(url: str, name: str) -> str:
    """The address with the parameter that names an SDK."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), "sm-sdk": name}
    return urlunsplit(parts._replace(query=urlencode(query)))
