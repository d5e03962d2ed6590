"""When audio leaves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.pace import BURST_SECONDS, CATCH_UP_SECONDS, Acknowledgement, Outbox

FRAME = b"\0" * 1600


def audio_in(items) -> float:
    return 0.05 * sum(isinstance(item, bytes) for item in items)


def test_a_microphone_is_never_delayed():
    outbox = Outbox(0.05)
    for i in range(20_000):
        now = 10 + i * 0.05
        outbox.add_audio([FRAME], now)
        assert outbox.release(now) == [FRAME, Acknowledgement()]


def test_a_microphone_that_runs_a_little_fast_is_not_delayed_within_three_hours():
    outbox = Outbox(0.05)
    for i in range(3 * 3600 * 20):
        now = i * 0.05 * 0.9999
        outbox.add_audio([FRAME], now)
        assert outbox.buffered_bytes == 1600
        outbox.release(now)
        assert outbox.buffered_bytes == 0


def test_a_file_leaves_in_real_time_after_the_burst():
    outbox = Outbox(0.05)
    outbox.add_audio([FRAME] * 2000, 0.0)
    burst = audio_in(outbox.release(0.0))
    assert BURST_SECONDS - 0.06 < burst <= BURST_SECONDS + 1e-6
    assert outbox.release(0.0) == []
    sent = BURST_SECONDS
    for second in range(1, 60):
        sent += audio_in(outbox.release(second))
        assert abs(sent - (BURST_SECONDS + second)) < 0.2


def test_the_next_release_is_when_a_frame_may_leave_and_no_sooner():
    outbox = Outbox(0.05)
    outbox.add_audio([FRAME] * 100, 0.0)
    outbox.release(0.0)
    due = outbox.next_release()
    assert outbox.release(due - 0.001) == []
    assert outbox.release(due) == [FRAME]


def test_what_a_stall_held_back_leaves_at_once_but_not_more():
    outbox = Outbox(0.05)
    outbox.add_audio([FRAME], 0.0)
    outbox.release(0.0)
    outbox.add_audio([FRAME] * 4000, 100.0)
    assert abs(audio_in(outbox.release(100.0)) - (CATCH_UP_SECONDS + BURST_SECONDS)) <= 0.1


def test_nothing_overtakes_audio():
    outbox = Outbox(0.05)
    outbox.add_audio([FRAME] * 50, 0.0)
    outbox.add_message("later")
    released = outbox.release(0.0)
    assert "later" not in released
    assert Acknowledgement() not in released
    assert outbox.release(60.0)[-2:] == [Acknowledgement(), "later"]
    assert outbox.next_release() is None


def test_audio_that_fills_no_frame_is_acknowledged_at_once():
    outbox = Outbox(0.05)
    outbox.add_audio([], 0.0)
    assert outbox.release(0.0) == [Acknowledgement()]


@given(
    st.lists(st.tuples(st.floats(0, 5), st.integers(0, 80)), max_size=40),
    st.lists(st.floats(0, 10), max_size=40),
)
def test_no_stretch_of_time_carries_more_than_itself_plus_burst_plus_catch_up(arrivals, pauses):
    outbox = Outbox(0.05)
    now = 0.0
    log: list[tuple[float, float]] = []
    acknowledged = 0
    for wait, count in arrivals:
        now += wait
        outbox.add_audio([FRAME] * count, now)
        released = outbox.release(now)
        acknowledged += released.count(Acknowledgement())
        log.append((now, audio_in(released)))
    for pause in [*pauses, 1e6]:
        now += pause
        released = outbox.release(now)
        acknowledged += released.count(Acknowledgement())
        log.append((now, audio_in(released)))
    # At the very end everything may leave: count up to the last pause only.
    for start in range(len(log) - 1):
        for end in range(start, len(log) - 1):
            stretch = log[end][0] - log[start][0]
            sent = sum(seconds for _, seconds in log[start : end + 1])
            assert sent <= stretch + BURST_SECONDS + CATCH_UP_SECONDS + 0.1
    assert acknowledged == len(arrivals)
