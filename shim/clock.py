"""The clock that drives every latency, pace, deadline and backoff of the shim and of the emulators."""

from __future__ import annotations

import time


class Clock:
    """Seconds that may run faster than real ones, so that tests need not wait.

    Args:
        speed: seconds of this clock per real second; 1.0 is real time, 20.0 makes an hour last three minutes.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"the speed of a clock must be above 0, not {speed}")
        self.speed = speed
        self._origin = time.monotonic()

    def now(self) -> float:
        """Seconds of this clock since it was made; never goes backwards."""
        return (time.monotonic() - self._origin) * self.speed

    def real(self, seconds: float) -> float:
        """How many real seconds ``seconds`` of this clock take."""
        return max(0.0, seconds) / self.speed

    def wait(self, seconds: float) -> None:
        """Block the calling thread for ``seconds`` of this clock."""
        time.sleep(self.real(seconds))

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of this clock."""
        # Here rather than at the top: a program without an event loop need not load one for its clock.
        import asyncio

        await asyncio.sleep(self.real(seconds))
