"""A connection to AssemblyAI is lost in the middle of a session, and the session goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from shim.protocol.effects import CloseUpstream, OpenUpstream, SendUpstream
from shim.protocol.line import (
    CONNECTION_SECONDS,
    LATE_TURNS_SECONDS,
    LONGEST_BACKOFF_SECONDS,
    REOPEN_SECONDS,
    STABLE_SECONDS,
    TERMINATION_SECONDS,
)
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.pace import BURST_SECONDS
from shim.protocol.replay import CATCH_UP_SPEED, KEEP_SECONDS
from shim.protocol.translator import State

FRAME = 0.05
END = {"message": "EndOfStream", "last_seq_no": 0}


def frame(number: int) -> bytes:
    """50 ms at 16 kHz that say which they are."""
    return number.to_bytes(4, "big") * 400


def speak(session, seconds: float) -> None:
    """Frames at the pace at which they are spoken."""
    for _ in range(round(seconds / FRAME)):
        session.audio(frame(session.spoken))
        session.spoken += 1
        session.wait(FRAME)


def frames_on(session, connection: int) -> list[int]:
    return [
        int.from_bytes(data[:4], "big") for data in session.sent_on(connection) if isinstance(data, bytes)
    ]


def commands_on(session, connection: int) -> list[str]:
    return [json.loads(data)["type"] for data in session.sent_on(connection) if isinstance(data, str)]


@pytest.fixture
def running(session, begin) -> Callable:
    """A session that has begun, and a way to make the next connection begin."""

    def run(**config):
        session.spoken = 0
        session.run(**config)
        session.messages()
        return session

    return run


def begins(session) -> None:
    session.opened()
    session.hear({"type": "Begin", "id": "0a1b", "expires_at": 0, "configuration": {}})


def test_audio_without_a_final_is_sent_again_and_times_go_on(running, make_turn, termination):
    session = running()
    speak(session, 2)
    session.hear(make_turn(0, "One two.", end=True))
    session.hear(make_turn(1, "three", start=1000))
    session.closed(1006)
    assert session.connection == 2
    begins(session)
    assert frames_on(session, 2) == list(range(12, 40))
    speak(session, 0.5)
    assert frames_on(session, 2) == list(range(12, 50))
    session.hear(make_turn(0, "Three four.", end=True, start=400))
    session.say(END)
    session.hear(termination)
    assert session.text == "One two. Three four. "
    assert [f["metadata"]["start_time"] for f in session.named("AddTranscript")] == [0, 1.0]
    assert [m["seq_no"] for m in session.named("AudioAdded")] == list(range(1, 51))
    assert session.names()[-1] == "EndOfTranscript"
    assert session.named("Error") == session.named("Warning") == []


def test_the_lost_connection_is_left_and_what_still_comes_of_it_is_ignored(running, make_turn):
    session = running()
    speak(session, 1)
    session.hear({"type": "Error", "error_code": 3005, "error": "Session Cancelled: An error occurred"})
    assert CloseUpstream(1) in session.effects
    assert session.hear(make_turn(0, "Late.", end=True), connection=1) == []
    assert session.closed(3005, "", connection=1) == []
    begins(session)
    assert session.connection == 2
    assert session.named("Error") == []


def test_programs_audio_is_taken_and_acknowledged_while_no_connection_is_open(running):
    session = running()
    speak(session, 1)
    session.closed(1006)
    speak(session, 5)
    assert len(session.named("AudioAdded")) == 120
    assert len(frames_on(session, 1)) == 20
    assert session.frames == [frame(number) for number in range(20)]
    begins(session)
    assert len(frames_on(session, 2)) * FRAME == pytest.approx(BURST_SECONDS, abs=FRAME + 0.001)
    session.wait((6 - BURST_SECONDS) / CATCH_UP_SPEED + FRAME)
    assert frames_on(session, 2) == list(range(120))


def test_what_waited_is_caught_up_with_while_the_program_speaks_on(running):
    session = running()
    speak(session, 5)
    session.closed(1006)
    speak(session, 5)
    begins(session)
    late = 10 - BURST_SECONDS
    speak(session, late / (CATCH_UP_SPEED - 1) - 1)
    assert session.translator.buffered_bytes > 0
    speak(session, 1.1)
    assert session.translator.buffered_bytes == 0
    assert frames_on(session, 2) == list(range(session.spoken))
    assert [m["seq_no"] for m in session.named("AudioAdded")] == list(range(1, session.spoken + 1))


def test_a_service_that_takes_nothing_faster_than_real_time_gets_it_no_faster(
    running, make_turn, termination
):
    session = running()
    strict = Strict(session, seconds=2)
    speak(session, 5)
    session.closed(1006)
    speak(session, 5)
    begins(session)
    for _ in range(100):
        speak(session, FRAME)
        strict.work()
    assert strict.refused == [2]
    session.wait(0.1)
    begins(session)
    assert session.connection == 3
    for _ in range(600):
        speak(session, FRAME)
        strict.work()
    assert strict.refused == [2]
    assert frames_on(session, 3) == list(range(len(frames_on(session, 3))))
    session.say(END)
    while "Terminate" not in commands_on(session, 3):
        session.wait(1)
        strict.work()
    assert strict.refused == [2]
    assert frames_on(session, 3) == list(range(session.spoken))
    session.hear(make_turn(0, "All of it.", end=True))
    session.hear(termination)
    assert session.text == "All of it. "
    assert session.named("Error") == session.named("Warning") == []


class Strict:
    """AssemblyAI at its strictest: audio ahead of real time by some seconds is an error."""

    def __init__(self, session, seconds: float) -> None:
        self._session = session
        self._seconds = seconds
        self._begun: dict[int, float] = {}
        self._read = len(session.effects)
        self.refused: list[int] = []

    def work(self) -> None:
        effects, self._read = self._session.effects[self._read :], len(self._session.effects)
        for effect in effects:
            if isinstance(effect, SendUpstream) and isinstance(effect.data, bytes):
                self._begun.setdefault(effect.connection, self._session.now)
        connection = self._session.connection
        if connection in self._begun and connection not in self.refused:
            got = FRAME * len(frames_on(self._session, connection))
            if got - (self._session.now - self._begun[connection]) > self._seconds:
                self.refused.append(connection)
                text = "Audio Transmission Rate Exceeded: Audio was sent faster than real time"
                self._session.hear({"type": "Error", "error_code": 3007, "error": text})


@pytest.mark.parametrize("action", ["EndOfStream", "drain"])
def test_the_end_waits_for_the_next_connection(running, make_turn, termination, action):
    session = running()
    speak(session, 1)
    session.closed(1006)
    if action == "drain":
        session.drain()
    else:
        session.say(END)
    session.wait(1.3)
    begins(session)
    assert commands_on(session, 2) == ["Terminate"]
    assert session.sent_on(2)[-1] == json.dumps({"type": "Terminate"}, separators=(",", ":"))
    session.hear(make_turn(0, "All of it.", end=True))
    session.hear(termination)
    assert session.text == "All of it. "
    assert session.names()[-1] == "EndOfTranscript"


def test_a_connection_that_is_lost_after_terminate_is_replaced_and_terminated_again(
    running, make_turn, termination
):
    session = running()
    speak(session, 1)
    session.hear(make_turn(0, "All"))
    session.say(END)
    session.closed(1006)
    begins(session)
    assert frames_on(session, 2) == list(range(20))
    assert commands_on(session, 2) == ["Terminate"]
    session.hear(make_turn(0, "All of it.", end=True))
    session.hear(termination)
    assert session.text == "All of it. "
    assert len(session.named("EndOfTranscript")) == 1


def test_when_nothing_is_left_to_hear_no_other_connection_is_opened(running, make_turn):
    session = running()
    speak(session, 0.6)
    session.say(END)
    session.hear(make_turn(0, "One two.", end=True))
    session.closed(1006)
    assert session.connection == 1
    assert session.names()[-1] == "EndOfTranscript"


def test_a_server_that_says_nothing_after_terminate_is_not_trusted_to_have_heard_all(
    running, make_turn, termination
):
    session = running()
    speak(session, 1)
    session.say(END)
    session.wait(TERMINATION_SECONDS + 1)
    assert session.connection == 2
    begins(session)
    assert frames_on(session, 2) == list(range(20))
    session.hear(make_turn(0, "All of it.", end=True))
    session.hear(termination)
    assert session.text == "All of it. "
    assert session.names()[-1] == "EndOfTranscript"


def test_a_turn_that_did_not_end_after_terminate_is_heard_again(running, make_turn, termination):
    session = running()
    speak(session, 1)
    session.say(END)
    session.hear(make_turn(0, "All"))
    session.wait(TERMINATION_SECONDS + 1)
    assert session.connection == 2
    begins(session)
    session.hear(make_turn(0, "All of it.", end=True))
    session.hear(termination)
    assert session.text == "All of it. "
    assert session.names()[-1] == "EndOfTranscript"


def test_speech_behind_the_last_turn_is_heard_again_when_the_end_does_not_come(
    running, make_turn, make_word, termination
):
    session = running()
    speak(session, 4)
    session.say(END)
    session.hear(make_turn(0, [make_word("One.", 0, 900)], end=True))
    session.wait(TERMINATION_SECONDS + 0.1)
    assert session.connection == 2
    begins(session)
    session.wait(4)
    assert frames_on(session, 2) == list(range(18, 80))
    assert commands_on(session, 2) == ["Terminate"]
    session.hear(make_turn(0, [make_word("Two.", 1000, 1900)], end=True))
    session.hear(termination)
    assert session.text == "One. Two. "
    assert session.names()[-1] == "EndOfTranscript"


@pytest.mark.parametrize("encoding", ["pcm_s16le", "mulaw"])
def test_silence_behind_the_last_turn_is_not_heard_again(session, begin, make_turn, make_word, encoding):
    session.start({"type": "raw", "encoding": encoding, "sample_rate": 16000})
    session.opened()
    session.hear(begin)
    loud, quiet = {"pcm_s16le": (b"\x00\x20", b"\x10\x00"), "mulaw": (b"\x20", b"\xfe")}[encoding]
    size = {"pcm_s16le": 800, "mulaw": 800}[encoding]
    for samples in [loud] * 28 + [quiet] * 40:
        session.audio(samples * size)
        session.wait(FRAME)
    session.say(END)
    session.hear(make_turn(0, [make_word("One.", 0, 900)], end=True))
    session.wait(TERMINATION_SECONDS + 0.1)
    assert session.connection == 1
    assert session.names()[-1] == "EndOfTranscript"


def test_it_goes_on_while_every_silence_comes_later_in_the_text_and_there_is_time(
    running, make_turn, make_word
):
    session = running()
    speak(session, 9)
    session.say(END)
    asked = session.now
    for number in range(20):
        session.hear(make_turn(0, [make_word(f"w{number}", 0, 400)], end=True))
        before = session.connection
        for _ in range(100):
            session.wait(0.1)
            if session.connection != before or session.translator.state is State.ENDED:
                break
        if session.translator.state is State.ENDED:
            break
        begins(session)
        while "Terminate" not in commands_on(session, session.connection):
            session.wait(0.1)
    assert session.connection >= 4
    assert session.text.split() == [f"w{number}" for number in range(session.connection)]
    assert session.names()[-1] == "EndOfTranscript"
    assert session.now - asked < LATE_TURNS_SECONDS + 3 * TERMINATION_SECONDS


def test_two_servers_that_say_nothing_after_terminate_are_believed(running):
    session = running()
    speak(session, 1)
    session.say(END)
    session.wait(TERMINATION_SECONDS + 1)
    begins(session)
    session.wait(TERMINATION_SECONDS + 2)
    assert session.names()[-1] == "EndOfTranscript"
    assert session.connection == 2


def test_words_that_are_final_already_do_not_come_again(running, make_turn, make_word):
    session = running()
    speak(session, 1)
    session.hear(make_turn(0, [make_word("One", 0, 320)], end=True))
    session.closed(1006)
    begins(session)
    assert frames_on(session, 2)[0] == 6
    heard = [make_word("ne", 0, 20), make_word("two", 30, 330)]
    session.hear(make_turn(0, heard, end=True))
    assert session.text == "One two "


def test_partials_go_on_with_what_was_in_hand(running, make_turn):
    session = running(enable_partials=True)
    speak(session, 1)
    session.hear(make_turn(0, "one two three"))
    session.messages()
    session.closed(1006)
    begins(session)
    session.hear(make_turn(0, "one"))
    assert [m["metadata"]["transcript"] for m in session.messages()] == ["one two three"]


def test_audio_that_is_too_old_becomes_final_as_it_is_and_the_gap_is_named(running, make_turn, make_word):
    session = running()
    speak(session, 25)
    old = [make_word(f"w{i}", 1000 * i, 1000 * i + 900) for i in range(25)]
    session.hear(make_turn(0, old[:16]))
    session.closed(1006)
    begins(session)
    first = frames_on(session, 2)[0] * FRAME
    assert first == pytest.approx(25 - KEEP_SECONDS, abs=0.2)
    assert session.text.split() == [f"w{i}" for i in range(15)]
    (warning,) = session.named("Warning")
    assert f"14.90 s to {first:.2f} s" in warning["reason"]
    heard = [make_word("W15", 0, 900), make_word("w16.", 1000, 1900)]
    session.hear(make_turn(0, heard, end=True))
    assert session.text.split() == [*(f"w{i}" for i in range(15)), "W15", "w16."]


def test_a_gap_is_named_once(running):
    session = running()
    speak(session, 15)
    session.closed(1006)
    begins(session)
    speak(session, 1)
    assert len(session.named("Warning")) == 1
    session.closed(1006)
    begins(session)
    assert len(session.named("Warning")) == 1


def test_no_gap_is_named_where_there_is_none(running, make_turn, make_word):
    session = running()
    speak(session, 12)
    session.hear(make_turn(0, [make_word("word", 1000, 3000)], end=True))
    session.closed(1006)
    begins(session)
    assert session.named("Warning") == []
    assert frames_on(session, 2)[0] == 60


def test_speakers_are_numbered_on_and_the_program_is_told(running, make_turn, make_word):
    session = running(diarization="speaker")
    speak(session, 1)
    words = [make_word("one", 0, 300, speaker="A"), make_word("two", 300, 600, speaker="B")]
    session.hear(make_turn(0, words, end=True))
    session.closed(1006)
    begins(session)
    session.hear(make_turn(0, [make_word("three", 0, 300, speaker="A")], end=True))
    finals = session.named("AddTranscript")
    speakers = [r["alternatives"][0]["speaker"] for f in finals for r in f["results"]]
    assert speakers == ["S1", "S2", "S3"]
    (warning,) = session.named("Warning")
    assert "S3" in warning["reason"]


def test_settings_that_were_changed_are_part_of_the_next_address(running):
    session = running(conversation_config={"end_of_utterance_silence_trigger": 0.5})
    config = {"language": "en", "conversation_config": {"end_of_utterance_silence_trigger": 0.8}}
    session.say({"message": "SetRecognitionConfig", "transcription_config": config})
    session.closed(1006)
    queries = [parse_qs(urlsplit(url).query) for url in session.urls]
    assert [query["max_turn_silence"] for query in queries] == [["500"], ["800"]]
    assert {**queries[0], "max_turn_silence": 0, "min_turn_silence": 0} == {
        **queries[1],
        "max_turn_silence": 0,
        "min_turn_silence": 0,
    }


def test_an_end_of_utterance_that_was_forced_and_not_answered_is_forced_again(running, make_turn):
    session = running()
    speak(session, 1)
    session.say({"message": "ForceEndOfUtterance"})
    session.closed(1006)
    begins(session)
    assert commands_on(session, 2) == ["ForceEndpoint"]
    session.hear(make_turn(0, "One.", end=True))
    assert session.named("AddTranscript")[0]["forced"] is True
    session.closed(1006)
    begins(session)
    assert commands_on(session, 3) == []


def test_what_was_forced_meanwhile_follows_the_audio(running):
    session = running()
    speak(session, 1)
    session.closed(1006)
    speak(session, 0.5)
    session.say({"message": "ForceEndOfUtterance"})
    begins(session)
    session.wait(FRAME)
    assert commands_on(session, 2) == ["ForceEndpoint"]
    assert isinstance(session.sent_on(2)[-1], str)


class TestAttempts:
    def test_the_first_is_made_at_once_and_the_others_ever_later(self, running):
        session = running()
        session.closed(1006)
        opened = [session.now]
        while session.translator.state is State.RUNNING:
            before = session.connection
            session.failed(FailureKind.DNS, "name not known")
            while session.connection == before and session.translator.state is State.RUNNING:
                session.wait(0.05)
            if session.connection != before:
                opened.append(session.now)
        pauses = [round(b - a, 1) for a, b in itertools.pairwise(opened)]
        assert opened[0] == 100.0
        assert pauses == [1, 2, 4, 8, 8]
        assert max(pauses) == LONGEST_BACKOFF_SECONDS
        assert session.now - 100 <= REOPEN_SECONDS + 0.1
        assert session.all_messages()[-1]["type"] == "job_error"
        assert "resolved" in session.all_messages()[-1]["reason"]

    def test_connections_that_never_begin_end_the_session_in_time(self, running, make_turn):
        session = running()
        speak(session, 1)
        session.hear(make_turn(0, "in hand"))
        session.closed(1011)
        session.wait(REOPEN_SECONDS - 0.5)
        assert session.translator.state is State.RUNNING
        session.wait(1)
        assert session.text == "in hand "
        assert session.all_messages()[-1]["message"] == "Error"
        opened = {e.connection for e in session.effects if isinstance(e, OpenUpstream)}
        closed = {e.connection for e in session.effects if isinstance(e, CloseUpstream)}
        assert opened == closed

    def test_it_ends_in_time_even_after_end_of_stream(self, running):
        session = running()
        speak(session, 1)
        session.closed(1006)
        session.say(END)
        session.wait(REOPEN_SECONDS + 1)
        assert session.all_messages()[-1]["message"] == "Error"

    def test_connections_that_begin_and_are_lost_again_end_the_session_too(self, running, make_turn):
        session = running()
        speak(session, 1)
        session.hear(make_turn(0, "in hand"))
        session.closed(1006)
        for _ in range(100):
            if session.translator.state is State.ENDED:
                break
            before = session.connection
            begins(session)
            session.wait(STABLE_SECONDS - 1)
            session.closed(1006)
            while session.connection == before and session.translator.state is State.RUNNING:
                session.wait(0.1)
        assert session.now - 101 < REOPEN_SECONDS + STABLE_SECONDS
        assert session.text == "in hand "
        assert session.all_messages()[-1]["message"] == "Error"

    def test_a_connection_that_stood_for_a_while_starts_the_count_anew(self, running):
        session = running()
        for _ in range(20):
            session.closed(1006)
            begins(session)
            session.wait(STABLE_SECONDS + 1)
        assert session.translator.state is State.RUNNING
        assert session.connection == 21

    def test_what_no_other_connection_can_help_is_an_error_at_once(self, running):
        session = running()
        speak(session, 1)
        session.closed(1006)
        session.hear(
            {"type": "Error", "error_code": 1008, "error": "Unauthorized Connection: Invalid API key"}
        )
        assert session.all_messages()[-1]["type"] == "not_authorised"
        assert session.connection == 2

    def test_a_client_that_goes_meanwhile_leaves_nothing_behind(self, running):
        session = running()
        speak(session, 1)
        session.closed(1006)
        session.failed(FailureKind.REFUSED)
        session.leave()
        assert session.translator.finished
        session.wait(100)
        assert session.connection == 2

    def test_a_program_that_closes_meanwhile_gets_what_is_in_hand(self, running, make_turn):
        session = running()
        speak(session, 1)
        session.hear(make_turn(0, "in hand"))
        session.closed(1006)
        session.drain()
        session.wait(2)
        assert session.text == "in hand "
        assert session.all_messages()[-1]["message"] == "EndOfTranscript"
        assert session.client_close.code == 1000
        assert session.translator.finished


class TestTheLongestSession:
    def test_a_session_that_expires_goes_on(self, running, make_turn):
        session = running()
        speak(session, 1)
        text = "Session Expired: Maximum session duration exceeded"
        session.hear({"type": "Error", "error_code": 3008, "error": text})
        session.closed(3008, "", connection=1)
        begins(session)
        assert frames_on(session, 2) == list(range(20))
        assert session.named("Error") == []

    def test_a_pause_shortly_before_is_used_to_change(self, running, make_turn, make_word):
        session = running()
        session.now = 100 + CONNECTION_SECONDS - 299
        session.audio(b"")
        speak(session, 1)
        session.hear(make_turn(0, [make_word("Speaking.", 0, 900)], end=True))
        session.wait(5)
        assert session.connection == 1
        speak(session, 3)
        assert session.connection == 2
        assert commands_on(session, 1) == ["Terminate"]
        assert CloseUpstream(1) in session.effects
        begins(session)
        # Whoever has just begun to speak is heard from the beginning.
        session.wait(2)
        kept = frames_on(session, 2)
        assert kept == list(range(kept[0], session.spoken))
        assert len(kept) * FRAME >= 2
        speak(session, 1)
        session.closed(1006)
        assert session.named("Warning") == []

    def test_who_speaks_on_and_on_is_heard_again_from_the_last_final(self, running, make_turn, make_word):
        session = running()
        session.now = 100 + CONNECTION_SECONDS - 33
        session.audio(b"")
        speak(session, 2)
        session.hear(make_turn(0, [make_word("One.", 0, 900)], end=True))
        session.hear(make_turn(1, [make_word("two", 1000, 1900)]))
        assert session.connection == 1
        session.wait(2)
        begins(session)
        assert session.connection == 2
        assert frames_on(session, 2) == list(range(18, 40))
        session.hear(make_turn(0, [make_word("Two.", 100, 1000)], end=True))
        assert session.text == "One. Two. "

    @pytest.mark.parametrize(
        ("expires", "lasts"),
        [(1_000_060, 60), (999_000, CONNECTION_SECONDS), (2_000_000, CONNECTION_SECONDS)],
    )
    def test_the_end_is_that_which_assemblyai_tells_if_clocks_agree(self, session, expires, lasts):
        session.start()
        session.opened(unix_time=1_000_000.0)
        session.hear({"type": "Begin", "id": "x", "expires_at": expires})
        spare = min(300, lasts / 10)
        for _ in range(10):
            session.audio(b"")
            session.wait((lasts - spare) / 10 - 0.2)
        assert session.connection == 1
        session.wait(2 + spare)
        assert session.connection >= 2


def test_memory_is_bounded_whatever_happens(running, make_turn):
    """An hour without a single final, connections lost again and again, and one that never opens."""
    session = running()
    held = []
    for minute in range(60):
        speak(session, 60)
        held.append(session.translator.held_seconds)
        if minute % 3 == 2:
            session.closed(1006)
            speak(session, 20)
            held.append(session.translator.held_seconds)
            begins(session)
    assert max(held) <= 2 * KEEP_SECONDS + 20 + 5
    assert max(held) > KEEP_SECONDS + 20
    session.closed(1006)
    speak(session, REOPEN_SECONDS + 1)
    assert session.translator.state is State.ENDED
