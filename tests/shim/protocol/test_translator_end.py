"""How sessions end, in all ways: nothing is lost, nothing stays open."""

from __future__ import annotations

import pytest

from shim.protocol.effects import CloseClient, CloseUpstream
from shim.protocol.line import LATE_TURNS_SECONDS, TERMINATION_SECONDS
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.translator import CLIENT_CLOSE_SECONDS, DRAIN_SECONDS, State

END = {"message": "EndOfStream", "last_seq_no": 0}


def test_end_of_stream_terminates_and_the_rest_comes_before_end_of_transcript(
    session, make_turn, termination
):
    session.run()
    session.messages()
    session.hear(make_turn(0, "The last"))
    session.say(END)
    assert session.commands == ["Terminate"]
    session.hear(make_turn(0, "The last words.", end=True))
    session.hear(termination)
    assert session.names() == ["AddTranscript", "EndOfTranscript"]
    assert session.text == "The last words. "
    assert session.upstream_closed


def test_the_client_closes_after_end_of_transcript(session, termination):
    session.run().say(END)
    session.hear(termination)
    assert session.client_close is None
    assert not session.translator.finished
    session.leave()
    assert session.translator.finished


def test_a_client_that_does_not_close_is_closed_after_a_while(session, termination):
    session.run().say(END)
    session.hear(termination)
    session.wait(CLIENT_CLOSE_SECONDS + 1)
    assert session.client_close == CloseClient(1000, "")
    assert session.translator.finished


def test_words_that_no_final_came_for_are_delivered_at_the_end(session, make_turn, termination):
    session.run().hear(make_turn(0, "in hand"))
    session.say(END)
    session.hear(termination)
    assert session.text == "in hand "
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"


def test_a_termination_that_never_comes_does_not_hold_up_the_end(session, make_turn):
    session.run().say(END)
    session.hear(make_turn(0, "in hand"))
    session.wait(TERMINATION_SECONDS - 0.1)
    assert session.translator.state is State.ENDING
    session.wait(0.2)
    assert session.text == "in hand "
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"
    assert session.upstream_closed
    assert session.logs[-1].text


def test_an_assemblyai_that_is_late_but_still_transcribes_is_waited_for(session, make_turn, termination):
    session.run().say(END)
    for number in range(3):
        session.wait(TERMINATION_SECONDS - 0.5)
        session.hear(make_turn(number, f"late {number}.", end=True))
    session.hear(termination)
    assert session.text == "late 0. late 1. late 2. "
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"


def test_turns_without_end_do_not_hold_up_the_end_for_ever(session, make_turn):
    session.run().say(END)
    for _ in range(round((TERMINATION_SECONDS + LATE_TURNS_SECONDS) / 2) + 2):
        session.hear(make_turn(0, "again"))
        session.wait(2)
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"


def test_a_clean_close_without_termination_is_an_end(session, make_turn):
    session.run().hear(make_turn(0, "in hand"))
    session.say(END)
    session.closed(1000, "Session Ended")
    assert session.text == "in hand "
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"


def test_end_of_stream_twice_is_one_end(session, termination):
    session.run().say(END)
    session.say(END)
    session.hear(termination)
    assert session.commands == ["Terminate"]
    assert len(session.named("EndOfTranscript")) == 1


def test_end_of_stream_while_assemblyai_is_slow_waits_for_it(session, begin, make_turn, termination):
    session.start()
    session.wait(4.5)
    session.audio(b"\1" * 1600)
    session.say(END)
    assert session.commands == []
    session.opened()
    session.hear(begin)
    assert len(session.frames) == 1
    assert session.commands == ["Terminate"]
    session.hear(make_turn(0, "Heard.", end=True))
    session.hear(termination)
    assert session.text == "Heard. "
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"


ERRORS = [
    (1008, "Unauthorized Connection: Too many concurrent sessions", "quota_exceeded", 4005),
    (3005, "Session Cancelled: An error occurred", "job_error", 4013),
    (3008, "Session Expired: Maximum session duration exceeded", "session_timeout", 1008),
    (9999, "what is this", "unknown_error", 1011),
]


@pytest.mark.parametrize(("code", "text", "type", "close"), ERRORS)
def test_an_error_delivers_the_text_in_hand_first(session, make_turn, code, text, type, close):
    session.run(enable_partials=True)
    session.hear(make_turn(0, "in hand"))
    session.messages()
    session.happens_to_every_connection(
        lambda: session.hear({"type": "Error", "error_code": code, "error": text})
    )
    heard = session.messages()
    assert [message["message"] for message in heard] == ["AddTranscript", "AddPartialTranscript", "Error"]
    assert heard[0]["metadata"]["transcript"] == "in hand "
    assert heard[-1]["type"] == type
    assert session.client_close.code == close
    assert session.closed(code, "See Error message for details") == []
    assert session.translator.finished


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1009, 1011, 3005, 3008, 7, -1])
def test_a_close_without_an_error_delivers_the_text_and_is_an_error(session, make_turn, code):
    session.run().hear(make_turn(0, "in hand"))
    session.happens_to_every_connection(lambda: session.closed(code, ""))
    assert session.text == "in hand "
    assert session.all_messages()[-1]["message"] == "Error"
    assert session.client_close.code != 1000


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_failure_delivers_the_text_and_is_an_error(session, make_turn, kind):
    session.run().hear(make_turn(0, "in hand"))
    session.happens_to_every_connection(lambda: session.failed(kind, "detail"))
    assert session.text == "in hand "
    assert session.all_messages()[-1]["message"] == "Error"
    assert isinstance(session.effects[-1], CloseClient)


def test_a_termination_that_nobody_asked_for_is_an_error(session, make_turn, termination):
    session.run().hear(make_turn(0, "in hand"))
    session.happens_to_every_connection(lambda: session.hear(termination))
    assert session.text == "in hand "
    assert session.all_messages()[-1]["type"] == "job_error"


def test_a_mistake_of_the_program_delivers_the_text_too(session, make_turn):
    session.run().hear(make_turn(0, "in hand"))
    session.say("not json")
    assert session.text == "in hand "
    assert session.all_messages()[-1]["type"] == "invalid_message"


class TestTheClientIsGone:
    def test_assemblyai_is_terminated_and_closed_after_termination(self, session, termination):
        session.run()
        count = len(session.all_messages())
        session.leave()
        assert session.commands == ["Terminate"]
        assert not session.upstream_closed
        session.hear(termination)
        assert session.upstream_closed
        assert session.translator.finished
        assert len(session.all_messages()) == count
        assert session.client_close is None

    def test_without_termination_it_is_closed_all_the_same(self, session):
        session.run().leave()
        session.wait(TERMINATION_SECONDS + 1)
        assert session.upstream_closed
        assert session.translator.finished

    def test_audio_that_nobody_waits_for_is_not_sent(self, session):
        session.run()
        for _ in range(10):
            session.audio(b"\0" * 32000)
        sent = len(session.frames)
        session.leave()
        session.wait(TERMINATION_SECONDS + 1)
        assert len(session.frames) == sent
        assert session.commands == ["Terminate"]

    def test_a_connection_that_has_not_begun_is_terminated_too(self, session, termination):
        session.start()
        session.opened()
        session.leave()
        assert session.commands == ["Terminate"]
        session.hear(termination)
        assert session.translator.finished

    def test_terminate_is_sent_once(self, session):
        session.run().say(END)
        session.leave()
        session.wait(TERMINATION_SECONDS + 1)
        assert session.commands == ["Terminate"]
        assert session.effects.count(CloseUpstream(1)) == 1

    def test_a_client_that_said_nothing_leaves_nothing_behind(self, session):
        session.leave()
        assert session.translator.finished
        assert session.effects == []


class TestDrain:
    def test_a_program_that_closes_at_once_gets_its_last_words(self, session, make_turn, termination):
        session.run().audio(b"\1" * 2000)
        session.hear(make_turn(0, "The last"))
        session.drain()
        assert session.commands == ["Terminate"]
        assert len(session.frames) == 2
        session.now += 0.3
        session.hear(make_turn(0, "The last words.", end=True))
        session.now += 1.0
        session.hear(termination)
        assert session.text == "The last words. "
        assert session.all_messages()[-1]["message"] == "EndOfTranscript"
        assert session.client_close == CloseClient(1000, "")
        assert session.translator.finished

    def test_it_does_not_wait_longer_than_it_may(self, session, make_turn):
        session.run().hear(make_turn(0, "in hand"))
        session.drain()
        session.wait(DRAIN_SECONDS + 0.1)
        assert session.text == "in hand "
        assert session.all_messages()[-1]["message"] == "EndOfTranscript"
        assert session.client_close == CloseClient(1000, "")
        session.wait(TERMINATION_SECONDS)
        assert session.translator.finished
        assert session.commands == ["Terminate"]

    def test_audio_that_could_not_leave_in_time_is_told_to_the_operator(self, session):
        session.run()
        for _ in range(10):
            session.audio(b"\0" * 32000)
        session.drain()
        session.wait(DRAIN_SECONDS + 0.1)
        assert session.commands == ["Terminate"]
        assert any("not transcribed" in log.text for log in session.logs)

    def test_after_end_of_stream_it_waits_for_the_same_end(self, session, termination):
        session.run().say(END)
        session.drain()
        session.hear(termination)
        assert session.commands == ["Terminate"]
        assert session.client_close == CloseClient(1000, "")

    def test_after_end_of_transcript_it_closes_at_once(self, session, termination):
        session.run().say(END)
        session.hear(termination)
        session.drain()
        assert session.client_close == CloseClient(1000, "")

    def test_twice_is_once(self, session, termination):
        session.run()
        session.drain()
        session.drain()
        session.hear(termination)
        assert len(session.named("EndOfTranscript")) == 1
        assert session.commands == ["Terminate"]
