"""What is kept of audio that was sent, and what is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.pace import BURST_SECONDS
from shim.protocol.replay import CATCH_UP_SPEED, KEEP_SECONDS, Replay

FRAME = 0.05


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big")


def fill(replay: Replay, count: int, start: int = 0, since: float = 0.0) -> None:
    """Frames, each sent when it was spoken."""
    for number in range(start, start + count):
        replay.add(frame(number))
        replay.take(since + number * FRAME)


def numbers(items: list[bytes | str]) -> list[int | str]:
    return [item if isinstance(item, str) else int.from_bytes(item, "big") for item in items]


@pytest.fixture
def replay() -> Replay:
    return Replay(FRAME)


def test_what_is_added_is_taken_once_and_in_order(replay):
    for item in (frame(0), "message", frame(1)):
        replay.add(item)
    assert replay.waiting_bytes == 8
    assert numbers(replay.take(0.0)) == [0, "message", 1]
    assert replay.take(0.0) == []
    assert replay.waiting_bytes == 0
    assert replay.sent_seconds == pytest.approx(0.1)


def test_audio_without_a_final_is_sent_again_before_what_waits(replay):
    fill(replay, 4)
    replay.add(frame(4))
    replay.add("later")
    replay.rewind()
    assert numbers(replay.take(1.0)) == [0, 1, 2, 3, 4, "later"]


def test_audio_that_a_final_covers_is_not_sent_again(replay):
    fill(replay, 10)
    replay.cover(0.3)
    replay.rewind()
    assert replay.offset == pytest.approx(0.3)
    assert numbers(replay.take(1.0)) == [6, 7, 8, 9]


def test_the_frame_in_which_a_final_ends_is_sent_again(replay):
    fill(replay, 10)
    replay.cover(0.32)
    replay.rewind()
    assert replay.offset == pytest.approx(0.3)
    assert numbers(replay.take(1.0))[0] == 6


def test_messages_that_were_sent_come_again_only_when_somebody_says_so(replay):
    replay.add(frame(0))
    replay.add("once")
    replay.take(0.0)
    replay.add(frame(1))
    replay.rewind(then=["again"])
    assert numbers(replay.take(1.0)) == [0, "again", 1]


def test_what_need_not_be_heard_again_is_left_out(replay):
    fill(replay, 10)
    replay.rewind(earliest=0.4)
    assert numbers(replay.take(1.0)) == [8, 9]
    assert replay.sent_seconds == pytest.approx(0.5)


def test_ten_seconds_are_kept_of_what_was_sent_as_it_was_spoken(replay):
    fill(replay, 1200)
    assert replay.kept_seconds == pytest.approx(KEEP_SECONDS, abs=2 * FRAME)
    assert replay.kept_from == pytest.approx(60 - KEEP_SECONDS, abs=2 * FRAME)


def take_for(replay: Replay, since: float, until: float) -> list[int | str]:
    """What leaves in a stretch of time, in steps of a frame."""
    items: list[int | str] = []
    for step in range(round((until - since) / FRAME) + 1):
        items += numbers(replay.take(since + step * FRAME))
    return items


def test_what_is_late_leaves_a_quarter_faster_than_it_was_spoken(replay):
    for number in range(2000):
        replay.add(frame(number))
    replay.add("behind")
    assert len(replay.take(100.0)) * FRAME == pytest.approx(BURST_SECONDS, abs=FRAME)
    left = len(take_for(replay, 100.05, 120.0)) * FRAME
    assert left == pytest.approx(20 * CATCH_UP_SPEED, abs=2 * FRAME)
    due = replay.next_take()
    assert replay.take(due - 0.001) == []
    assert len(replay.take(due)) == 1
    assert take_for(replay, due, due + 70)[-1] == "behind"
    assert replay.next_take() is None


def test_every_connection_has_a_pace_of_its_own_and_a_service_that_wants_it_gets_real_time(replay):
    for number in range(1000):
        replay.add(frame(number))
    replay.take(0.0)
    replay.slow_down()
    replay.rewind()
    assert len(replay.take(5.0)) * FRAME == pytest.approx(BURST_SECONDS, abs=FRAME)
    assert len(take_for(replay, 5.05, 25.0)) * FRAME == pytest.approx(20, abs=2 * FRAME)


def test_what_was_sent_ahead_of_time_is_kept_longer_because_it_was_not_heard_yet(replay):
    for number in range(600):
        replay.add(frame(number))
    take_for(replay, 0.0, 20.0)
    ahead = BURST_SECONDS + 20 * CATCH_UP_SPEED - 20
    assert replay.lead(20.0) == pytest.approx(ahead, abs=2 * FRAME)
    waiting = replay.waiting_bytes / 4 * FRAME
    assert replay.kept_seconds - waiting == pytest.approx(ahead + KEEP_SECONDS, abs=2 * FRAME)


def test_there_is_an_end_to_what_is_kept(replay):
    for number in range(6000):
        replay.add(frame(number))
    take_for(replay, 0.0, 220.0)
    waiting = replay.waiting_bytes / 4 * FRAME
    assert replay.kept_seconds - waiting <= 2 * KEEP_SECONDS + FRAME


def test_a_connection_that_is_lost_at_once_loses_nothing_of_a_long_replay(replay):
    fill(replay, 100)
    replay.rewind()
    for number in range(100, 700):
        replay.add(frame(number))
    assert replay.take(50.0)
    replay.rewind()
    assert take_for(replay, 52.0, 80.0) == list(range(700))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(1, 60)),
            st.tuples(st.just("wait"), st.integers(1, 60)),
            st.tuples(st.just("cover"), st.integers(0, 100)),
            st.tuples(st.just("lose"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_every_connection_gets_one_piece_of_the_stream_without_a_gap(steps):
    """Only what is covered, or was heard more than ten seconds ago, is left out, and only at the beginning."""
    replay = Replay(FRAME)
    added, now, covered, position = 0, 0.0, 0.0, 0
    for name, value in steps:
        if name == "send":
            for _ in range(value):
                replay.add(frame(added))
                added += 1
        elif name == "wait":
            now += value * FRAME
        elif name == "cover":
            covered = replay.sent_seconds * value / 100
            replay.cover(covered)
        else:
            before = replay.kept_from
            replay.rewind()
            assert replay.offset == pytest.approx(before)
            position = round(replay.offset / FRAME)
            assert position * FRAME <= max(added * FRAME, covered) + 1e-9
        if name in ("send", "wait"):
            left = numbers(replay.take(now))
            assert left == list(range(position, position + len(left)))
            position += len(left)
        assert replay.waiting_bytes == 4 * (added - position)
    while replay.waiting_bytes:
        now = max(now, replay.next_take())
        left = numbers(replay.take(now))
        assert left == list(range(position, position + len(left)))
        position += len(left)
    assert position == added
