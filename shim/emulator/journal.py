"""What an emulator saw: every connection, frame and close, for tests to look at and to wait for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Direction = Literal["received", "sent"]


@dataclass(frozen=True)
class Connection:
    """A WebSocket connection, or an HTTP request that was answered without one.

    Attributes:
        number: counts from 1 in order of arrival.
        time: seconds of the emulator's clock.
        method: ``GET``, ``POST``, ...
        path: without the query.
        query: every value of every parameter, decoded. May hold a token, so it is no part of ``repr``.
        headers: names in lower case. May hold a key, so they are no part of ``repr``.
    """

    number: int
    time: float
    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Frame:
    """One WebSocket message.

    Attributes:
        connection: the number of its connection.
        time: seconds of the emulator's clock.
        direction: ``received`` from the client or ``sent`` to it.
        text: the text of a text message, None for a binary one. May be a transcript, so it is no part of ``repr``.
        audio_bytes: length of a binary message, 0 for a text one.
        audio_seconds: how long the sound of a binary message lasts.
        audio: the bytes of a binary message, where the journal keeps them.
    """

    connection: int
    time: float
    direction: Direction
    text: str | None = field(default=None, repr=False)
    audio_bytes: int = 0
    audio_seconds: float = 0.0
    audio: bytes = field(default=b"", repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The object in a text message; empty for anything else."""
        if self.text is None:
            return {}
        try:
            value = json.loads(self.text)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Answer:
    """An HTTP response, to a plain request or to an upgrade that was refused."""

    connection: int
    time: float
    status: int


@dataclass(frozen=True)
class Close:
    """How a WebSocket connection ended.

    Attributes:
        connection: the number of its connection.
        time: seconds of the emulator's clock.
        by: ``client`` or ``server``, whoever began to close; ``network`` when it broke off without a close frame.
        code: of the close frame; 1006 without one.
        reason: of the close frame.
    """

    connection: int
    time: float
    by: Literal["client", "server", "network"]
    code: int
    reason: str = ""


Entry = Connection | Frame | Answer | Close


class Journal:
    """Entries in the order in which they happened. Every method may be called from any thread.

    Args:
        limit: how many of the newest entries to keep; None keeps all.
        keep_audio: whether frames hold the audio itself beside its length.
    """

    def __init__(self, limit: int | None = None, keep_audio: bool = True) -> None:
        self._limit = limit
        self._keep_audio = keep_audio
        self._entries: list[Entry] = []
        self._changed = threading.Condition(threading.RLock())
        self._listeners: list[Callable[[Entry], None]] = []

    def add(self, entry: Entry) -> None:
        """Append ``entry`` and wake whoever waits."""
        if isinstance(entry, Frame) and entry.audio and not self._keep_audio:
            entry = replace(entry, audio=b"")
        with self._changed:
            self._entries.append(entry)
            if self._limit is not None:
                del self._entries[: -self._limit]
            self._changed.notify_all()
        for listener in self._listeners:
            listener(entry)

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call ``listener`` with every further entry, in the emulator's thread."""
        self._listeners.append(listener)

    @property
    def entries(self) -> list[Entry]:
        """A copy of everything so far."""
        with self._changed:
            return list(self._entries)

    @property
    def connections(self) -> list[Connection]:
        """Every connection and HTTP request so far."""
        return [entry for entry in self.entries if isinstance(entry, Connection)]

    def frames(self, direction: Direction | None = None, connection: int | None = None) -> list[Frame]:
        """The messages of one direction or both, of one connection or all."""
        return [
            entry
            for entry in self.entries
            if isinstance(entry, Frame)
            and direction in (None, entry.direction)
            and connection in (None, entry.connection)
        ]

    def messages(self, direction: Direction, connection: int | None = None) -> list[dict[str, Any]]:
        """The JSON objects of the text messages of one direction."""
        return [
            frame.json
            for frame in self.frames(direction, connection)
            if frame.text is not None and frame.json
        ]

    @property
    def audio_frames(self) -> int:
        """How many binary messages were received."""
        return sum(frame.text is None for frame in self.frames("received"))

    def audio(self, connection: int | None = None) -> bytes:
        """All audio that was received, joined (empty when the journal does not keep audio)."""
        return b"".join(frame.audio for frame in self.frames("received", connection))

    def audio_seconds(self, connection: int | None = None) -> float:
        """How long the sound lasts that was received."""
        return sum(frame.audio_seconds for frame in self.frames("received", connection))

    def closes(self, connection: int | None = None) -> list[Close]:
        """How the connections ended that did."""
        return [
            entry
            for entry in self.entries
            if isinstance(entry, Close) and connection in (None, entry.connection)
        ]

    def wait_for(self, predicate: Callable[[Journal], Any], timeout: float = 20.0) -> Any:
        """Wait until ``predicate(journal)`` is true and return its value.

        Args:
            predicate: asked again whenever something happened.
            timeout: real seconds.

        Raises:
            TimeoutError: it did not become true; the text sums up what the journal holds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (value := predicate(self)):
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"waited {timeout:g} s for the emulator's journal; it holds {self!r}")
                self._changed.wait(remaining)
            return value

    def __repr__(self) -> str:
        entries = self.entries
        counts = {
            kind.__name__.lower(): sum(isinstance(entry, kind) for entry in entries)
            for kind in (Connection, Frame, Answer, Close)
        }
        return f"<Journal {counts}, last {entries[-1] if entries else None}>"
