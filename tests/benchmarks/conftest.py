"""What the benchmarks share: a stopwatch, and a table that is printed whatever pytest captures."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def best_of() -> Callable[..., float]:
    """A function that calls another some times and returns the shortest duration, in seconds.

    The shortest is what the code costs; the others are what else the machine did.
    """

    def measure(function: Callable[[], object], times: int) -> float:
        durations = []
        for _ in range(times):
            start = time.perf_counter()
            function()
            durations.append(time.perf_counter() - start)
        return min(durations)

    return measure


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str]) -> Callable[[str, list[tuple[str, float]]], None]:
    """A function that prints durations in seconds, as milliseconds and as multiples of the first."""

    def show(title: str, rows: list[tuple[str, float]]) -> None:
        width = max(len(name) for name, _ in rows)
        with capsys.disabled():
            print(f"\n\n{title}")
            for name, seconds in rows:
                print(f"  {name:{width}}  {seconds * 1000:10.3f} ms  {seconds / rows[0][1]:8.2f} x")

    return show
