"""When audio may leave, and in which order everything for AssemblyAI leaves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from shim.protocol.audio import FRAME_MILLISECONDS

BURST_SECONDS = 1.5
"""How far the audio sent may be ahead of real time. No microphone delivers more in one piece, or gains more in three
hours, the longest session, by a clock that runs a ten-thousandth too fast."""

CATCH_UP_SECONDS = 30.0
"""After a stall, what was not sent meanwhile may leave at once, up to this much: late audio of a microphone is real
time that has passed already. AssemblyAI tolerates minutes (docs), and 7 s in 0.7 s was observed."""


class Pace:
    """Real time plus a burst, as arithmetic. All times are seconds of the owner's clock.

    In any stretch of time no more audio leaves than that stretch, plus `BURST_SECONDS`, plus at most
    `CATCH_UP_SECONDS` that were missed before it.

    Args:
        frame_seconds: duration of every frame.
        speed: how much faster than real time.
    """

    def __init__(self, frame_seconds: float, speed: float = 1.0) -> None:
        self.frame_seconds = frame_seconds
        self._speed = speed
        self._due: float | None = None

    def start(self, now: float) -> None:
        """The program has begun to send audio. Only the first call counts."""
        if self._due is None:
            self._due = now

    def earliest(self) -> float:
        """When the next frame may leave."""
        if self._due is None:
            return float("-inf")
        return self._due + (self.frame_seconds - BURST_SECONDS) / self._speed

    def sent(self, now: float) -> None:
        """A frame left at ``now``."""
        due = now if self._due is None else self._due
        self._due = max(due, now - CATCH_UP_SECONDS) + self.frame_seconds / self._speed


@dataclass(frozen=True)
class Acknowledgement:
    """All audio of one client message has left, apart from a rest that is shorter than a frame."""


Item = bytes | str | Acknowledgement


class Outbox:
    """One queue for frames, messages and acknowledgements, so that nothing overtakes audio that came before it.

    Only frames wait for the pace; whatever stands behind a waiting frame waits with it.

    Args:
        frame_seconds: duration of every frame.
    """

    def __init__(self, frame_seconds: float = FRAME_MILLISECONDS / 1000) -> None:
        self._items: deque[Item] = deque()
        self._pace = Pace(frame_seconds)
        self.buffered_bytes = 0

    def add_audio(self, frames: list[bytes], now: float, messages: int = 1) -> None:
        """Queue what audio messages gave (perhaps no whole frame), and their acknowledgements."""
        self._pace.start(now)
        self.add_frames(frames)
        self._items.extend([Acknowledgement()] * messages)

    def use_frames_of(self, seconds: float) -> None:
        """Say how long the frames are that will be queued; only before the first."""
        self._pace.frame_seconds = seconds

    def add_frames(self, frames: list[bytes]) -> None:
        """Queue frames that no audio message is acknowledged for (the padded rest)."""
        self._items.extend(frames)
        self.buffered_bytes += sum(map(len, frames))

    def add_message(self, text: str) -> None:
        """Queue a JSON message for AssemblyAI behind the audio that is queued now."""
        self._items.append(text)

    def release(self, now: float) -> list[Item]:
        """What may leave at ``now``, in order."""
        items = self._items
        released: list[Item] = []
        while items:
            item = items[0]
            if isinstance(item, bytes):
                if now < self._pace.earliest():
                    break
                self._pace.sent(now)
                self.buffered_bytes -= len(item)
            released.append(items.popleft())
        return released

    def next_release(self) -> float | None:
        """When `release` will give something; None while nothing is queued."""
        if not self._items:
            return None
        return self._pace.earliest() if isinstance(self._items[0], bytes) else float("-inf")
