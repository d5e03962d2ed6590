"""Messages that wait, in memory and on the disk."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import shim.spool as spool_module
from shim.spool import Spool

MESSAGES = st.one_of(st.binary(max_size=300), st.text(max_size=100))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Segments of 500 bytes; the temporary files that were made."""
    made: list[Any] = []
    make = spool_module.tempfile.TemporaryFile
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 500)
    monkeypatch.setattr(spool_module.tempfile, "TemporaryFile", lambda: made.append(make()) or made[-1])
    return made


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(st.one_of(MESSAGES, st.none())))
def test_everything_comes_out_as_it_went_in_and_in_order(
    small: list[Any], actions: list[str | bytes | None]
) -> None:
    spool, waiting = Spool(), []
    for action in [*actions, *[None] * len(actions)]:
        if action is not None:
            spool.put(action)
            waiting.append(action)
        elif waiting:
            assert spool.get() == waiting.pop(0)
        assert bool(spool) == bool(waiting)
        assert spool.bytes == sum(map(len, waiting))
    assert all(file.closed for file in small)


def test_memory_holds_the_front_and_the_end_alone(small: list[Any]) -> None:
    spool = Spool()
    for _ in range(100):
        spool.put(bytes(100))
    assert len(small) == 19
    assert [spool.get() for _ in range(100)] == [bytes(100)] * 100
    assert all(file.closed for file in small)


def test_what_is_taken_in_time_never_touches_the_disk(small: list[Any]) -> None:
    spool = Spool()
    spool.put(bytes(100))
    for _ in range(100):
        spool.put(bytes(100))
        spool.get()
    assert small == []


def test_what_is_forgotten_leaves_no_file_open(small: list[Any]) -> None:
    spool = Spool()
    for _ in range(100):
        spool.put(bytes(100))
    spool.clear()
    assert not spool
    assert spool.bytes == 0
    assert small
    assert all(file.closed for file in small)


def test_a_full_disk_leaves_the_queue_as_it_was(small: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool()
    for number in range(5):
        spool.put(bytes([number]) * 100)

    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module.tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space"):
        spool.put(b"more")
    assert [spool.get()[0] for _ in range(5)] == [0, 1, 2, 3, 4]
    assert not spool
