"""Audio that was sent to AssemblyAI and may have to be sent again, on another connection.

A frame is kept until a final covers it, but at most `KEEP_SECONDS` longer than AssemblyAI needed to hear it, taking it
to hear in real time. What could not be sent yet waits behind it. So a stream never holds more than `KEEP_SECONDS`,
`LONGEST_LEAD_SECONDS`, and what comes while no connection is open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

KEEP_SECONDS = 10.0
"""Audio that AssemblyAI has heard and no final covers is kept so long."""

LONGEST_LEAD_SECONDS = 40.0
"""AssemblyAI is never taken to be further behind what it has got. It hears faster than real time when it has to (1.25
times, AssemblyAI docs), so only losses in quick succession come to this."""

_ROUNDING = 1e-6


class Replay:
    """Frames and messages of one stream on their way to one AssemblyAI connection after another.

    All positions are seconds from the first frame of the stream.

    Args:
        frame_seconds: duration of every frame.

    Attributes:
        waiting_bytes: audio that waits for a connection.
    """

    def __init__(self, frame_seconds: float) -> None:
        self._frame_seconds = frame_seconds
        self._kept: deque[bytes] = deque()
        self._first_kept = 0
        self._waiting: deque[bytes | str] = deque()
        self._covered = 0.0
        self._first_sent = 0
        self._first_sent_at: float | None = None
        self.waiting_bytes = 0

    @property
    def sent_seconds(self) -> float:
        """How far the stream was sent."""
        return (self._first_kept + len(self._kept)) * self._frame_seconds

    @property
    def kept_from(self) -> float:
        """Where the audio begins that can still be sent again."""
        return self._first_kept * self._frame_seconds

    @property
    def offset(self) -> float:
        """Where the audio of the present connection begins."""
        return self._first_sent * self._frame_seconds

    @property
    def kept_seconds(self) -> float:
        """How much audio is held."""
        frames = len(self._kept) + sum(isinstance(item, bytes) for item in self._waiting)
        return frames * self._frame_seconds

    def lead(self, now: float) -> float:
        """Seconds that AssemblyAI needs for what it has got and, hearing in real time, cannot have heard yet."""
        if self._first_sent_at is None:
            return 0.0
        lead = self.sent_seconds - self.offset - (now - self._first_sent_at)
        return min(LONGEST_LEAD_SECONDS, max(0.0, lead))

    def add(self, item: bytes | str) -> None:
        """One more frame, or a message that must not overtake the audio before it."""
        self._waiting.append(item)
        if isinstance(item, bytes):
            self.waiting_bytes += len(item)

    def take(self, now: float) -> list[bytes | str]:
        """Everything that waits, in order. The caller sends it at once."""
        if not self._waiting:
            return []
        items = list(self._waiting)
        self._waiting.clear()
        self.waiting_bytes = 0
        for item in items:
            if isinstance(item, bytes):
                self._kept.append(item)
        if self._first_sent_at is None and self._kept:
            self._first_sent_at = now
        if len(self._kept) * self._frame_seconds > KEEP_SECONDS:
            self._drop_before(self.sent_seconds - self.lead(now) - KEEP_SECONDS)
        return items

    def cover(self, position: float) -> None:
        """There are finals of everything before ``position``: it is never sent again."""
        self._covered = max(self._covered, position)
        self._drop_before(self._covered)

    def rewind(self, earliest: float = 0.0, then: Iterable[str] = ()) -> None:
        """The connection is of no use any more: what is kept waits for the next one.

        Args:
            earliest: what is before this position need not be sent again.
            then: messages to send once more, behind the audio that was sent already.
        """
        self._drop_before(earliest)
        self.waiting_bytes += sum(map(len, self._kept))
        self._waiting = deque([*self._kept, *then, *self._waiting])
        self._kept.clear()
        self._first_sent, self._first_sent_at = self._first_kept, None

    def _drop_before(self, position: float) -> None:
        while self._kept and (self._first_kept + 1) * self._frame_seconds <= position + _ROUNDING:
            self._kept.popleft()
            self._first_kept += 1
