"""What one input makes the translator do, collected in order."""

from __future__ import annotations

import logging

from shim.protocol.effects import CloseClient, Effect, Log, OpenUpstream, SendClient
from shim.protocol.speechmatics import ServerMessage, WarningType, warning
from shim.protocol.wire import dumps


class Output:
    """The effects of one session, for all who have a part in it.

    Attributes:
        client_closed: the client is gone or was told to go; it gets nothing more.
    """

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._connections = 0
        self.client_closed = False

    def take(self) -> list[Effect]:
        """What was added since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def add(self, effect: Effect) -> None:
        """One more effect."""
        self._effects.append(effect)

    def open_upstream(self, url: str) -> int:
        """Open an AssemblyAI connection; its number."""
        self._connections += 1
        self.add(OpenUpstream(self._connections, url))
        return self._connections

    def send(self, message: ServerMessage) -> None:
        """Tell the client."""
        if not self.client_closed:
            self.add(SendClient(dumps(message)))

    def warn(self, type: WarningType, reason: str) -> None:
        """Send the client a Warning."""
        self.send(warning(type, reason))

    def close_client(self, code: int, reason: str) -> None:
        """Close the client's connection, unless it is closed."""
        if not self.client_closed:
            self.client_closed = True
            self.add(CloseClient(code, reason))

    def log(self, text: str, level: int = logging.WARNING) -> None:
        """Tell the operator."""
        self.add(Log(level, text))
