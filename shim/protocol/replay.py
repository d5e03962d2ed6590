"""Audio that was sent to AssemblyAI and may have to be sent again, on another connection.

On each connection audio leaves at most `CATCH_UP_SPEED` times as fast as it was spoken. What was spoken before the
connection began is thus caught up with at the speed at which AssemblyAI hears, and no backlog grows there.

A frame is kept until a final covers it, but at most `KEEP_SECONDS` after it was spoken; if it was sent too fast to be heard
in real time, so much longer, but no more than twice as long. What could not be sent yet waits behind it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from shim.protocol.pace import Pace

KEEP_SECONDS = 10.0
"""Audio that AssemblyAI has heard and no final covers is kept so long."""

LONGEST_LEAD_SECONDS = 40.0
"""AssemblyAI is never taken to be further behind what it has got."""

CATCH_UP_SPEED = 1.25
"""How fast AssemblyAI hears when it is behind (AssemblyAI docs): what is sent faster only waits there, until AssemblyAI ends
the session with 3007. Ten seconds of audio are caught up with in forty."""

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
        self._speed = CATCH_UP_SPEED
        self._pace = Pace(frame_seconds, self._speed)
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

    def next_take(self) -> float | None:
        """When `take` will give something; None while nothing waits."""
        if not self._waiting:
            return None
        return self._pace.earliest() if isinstance(self._waiting[0], bytes) else float("-inf")

    def take(self, now: float) -> list[bytes | str]:
        """What may leave at ``now``, in order. The caller sends it at once."""
        items: list[bytes | str] = []
        while self._waiting:
            item = self._waiting[0]
            if isinstance(item, bytes):
                if now < self._pace.earliest():
                    break
                self._pace.sent(now)
                self._kept.append(item)
                self.waiting_bytes -= len(item)
                if self._first_sent_at is None:
                    self._first_sent_at = now
            items.append(self._waiting.popleft())
        if len(self._kept) * self._frame_seconds > KEEP_SECONDS:
            self._drop_before(self.sent_seconds - min(self.lead(now), KEEP_SECONDS) - KEEP_SECONDS)
        return items

    def slow_down(self) -> None:
        """Never send faster than real time again: the service does not have it, even for audio that is late."""
        self._speed = 1.0

    def cover(self, position: float) -> None:
        """There are finals of everything before ``position``: it is never sent again."""
        self._covered = max(self._covered, position)
        self._drop_before(self._covered)

    def kept_after(self, position: float) -> list[bytes]:
        """Frames that were sent and begin after ``position``, as far as they are kept."""
        first = math.ceil(position / self._frame_seconds - _ROUNDING) - self._first_kept
        return list(self._kept)[max(0, first) :]

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
        self._pace = Pace(self._frame_seconds, self._speed)

    def _drop_before(self, position: float) -> None:
        while self._kept and (self._first_kept + 1) * self._frame_seconds <= position + _ROUNDING:
            self._kept.popleft()
            self._first_kept += 1
