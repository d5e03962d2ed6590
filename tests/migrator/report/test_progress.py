import io

import pytest

from migrator.report.progress import SHOWN_AFTER, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    return Clock()


def test_a_short_run_shows_nothing(clock):
    stream = Terminal()
    with Progress(stream, clock).of("searching", 10) as advance:
        clock.now += SHOWN_AFTER / 2
        advance(10)
    assert stream.getvalue() == ""


def test_a_long_run_says_how_far_it_is_and_leaves_nothing_on_the_screen(clock):
    stream = Terminal()
    with Progress(stream, clock).of("migrating", 1234) as advance:
        clock.now += SHOWN_AFTER
        advance(321)
        shown = stream.getvalue()
    assert "migrating" in shown
    assert "321/1234" in shown
    assert stream.getvalue().endswith("\x1b[1A\x1b[2K")


def test_it_counts_from_the_beginning_of_the_run_and_draws_no_more_than_needed(clock):
    stream = Terminal()
    progress = Progress(stream, clock)
    with progress.of("searching") as advance:
        clock.now += SHOWN_AFTER
    with progress.of("migrating", 50) as advance:
        advance(1)
        drawn = len(stream.getvalue())
        advance(1)
        assert len(stream.getvalue()) == drawn > 0


def test_where_there_is_no_terminal_nothing_is_shown(clock):
    stream = io.StringIO()
    with Progress(stream, clock).of("searching") as advance:
        clock.now += 100
        advance(1)
    assert stream.getvalue() == ""
