"""The journal that tests look at and wait for."""

from __future__ import annotations

import threading

import pytest

from shim.emulator.journal import Answer, Close, Connection, Frame, Journal

CONNECTION = Connection(1, 0.0, "GET", "/v3/ws", {"token": ("secret",)}, {"authorization": "secret"})


def test_it_is_asked_by_direction_and_connection() -> None:
    journal = Journal()
    journal.add(CONNECTION)
    journal.add(Frame(1, 0.1, "received", audio_bytes=2, audio_seconds=0.5, audio=b"ab"))
    journal.add(Frame(2, 0.2, "received", audio_bytes=1, audio_seconds=0.25, audio=b"c"))
    journal.add(Frame(1, 0.3, "sent", '{"type":"Begin"}'))
    journal.add(Frame(1, 0.4, "received", "not json"))
    journal.add(Close(1, 0.5, "server", 1000))
    journal.add(Answer(2, 0.6, 200))
    assert journal.connections == [CONNECTION]
    assert [frame.time for frame in journal.frames(connection=1)] == [0.1, 0.3, 0.4]
    assert journal.messages("sent") == [{"type": "Begin"}]
    assert journal.messages("received") == []
    assert (journal.audio(), journal.audio(2)) == (b"abc", b"c")
    assert (journal.audio_seconds(), journal.audio_seconds(1), journal.audio_frames) == (0.75, 0.5, 2)
    assert journal.closes(2) == []
    assert journal.closes()[0].code == 1000


def test_waiting_ends_when_another_thread_adds_what_was_waited_for() -> None:
    journal = Journal()
    threading.Timer(0.05, journal.add, [CONNECTION]).start()
    assert journal.wait_for(lambda journal: journal.connections) == [CONNECTION]


def test_waiting_in_vain_says_what_the_journal_holds() -> None:
    journal = Journal()
    journal.add(CONNECTION)
    with pytest.raises(TimeoutError, match="'connection': 1"):
        journal.wait_for(lambda journal: journal.closes(), timeout=0.01)


def test_no_key_and_no_transcript_is_in_what_it_prints() -> None:
    journal = Journal()
    journal.add(CONNECTION)
    assert "secret" not in repr(journal)
    journal.add(Frame(1, 0.0, "sent", "a secret", audio=b"secret"))
    assert "secret" not in repr(journal) + repr(journal.entries)


def test_it_can_be_kept_small() -> None:
    journal = Journal(limit=2, keep_audio=False)
    for number in range(5):
        journal.add(Frame(number, 0.0, "received", audio_bytes=1, audio_seconds=1.0, audio=b"x"))
    assert [frame.connection for frame in journal.frames()] == [3, 4]
    assert journal.audio() == b""
    assert journal.audio_seconds() == 2.0
