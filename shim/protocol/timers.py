"""Named points in time, for code that has no clock."""

from __future__ import annotations

from collections.abc import Sequence


class Timers:
    """Which things are due when. Times are seconds of whatever clock the owner has."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}

    def set(self, name: str, time: float) -> None:
        """``name`` is due at ``time``; an earlier setting is forgotten."""
        self._times[name] = time

    def clear(self, name: str) -> None:
        """``name`` is not due any more."""
        self._times.pop(name, None)

    def keep(self, name: str) -> None:
        """Nothing but ``name`` is due any more."""
        self._times = {kept: time for kept, time in self._times.items() if kept == name}

    def clear_all(self) -> None:
        """Nothing is due any more."""
        self._times = {}

    def is_set(self, name: str) -> bool:
        """Whether ``name`` is going to be due."""
        return name in self._times

    def next(self) -> float | None:
        """When the first one is due."""
        return min(self._times.values(), default=None)

    def pop_due(self, now: float) -> str | None:
        """The name that was due first, if any is; it is no longer set."""
        name = min(self._times, key=self._times.__getitem__, default=None)
        if name is None or self._times[name] > now:
            return None
        del self._times[name]
        return name


class Countdown:
    """A limit of time that is announced before it is reached.

    Args:
        seconds: the limit.
        warnings: how many seconds before it there is a warning, longest first.
    """

    def __init__(self, seconds: float, warnings: Sequence[float]) -> None:
        self._seconds = seconds
        self._moments = (*warnings, 0.0)
        self._next = 0

    def restart(self) -> float:
        """Begin anew; in how many seconds the first warning is due."""
        self._next = 0
        return self._seconds - self._moments[0]

    def step(self) -> tuple[float, float]:
        """A moment has come: how many seconds are left (0: the limit is reached), and how many until the next moment."""
        left = self._moments[self._next]
        if not left:
            return 0.0, 0.0
        self._next += 1
        return left, left - self._moments[self._next]
