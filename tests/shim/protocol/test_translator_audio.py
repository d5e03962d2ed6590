"""Audio through a session: frames, pace, acknowledgements."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.audio import float32_to_int16_with_array
from shim.protocol.pace import BURST_SECONDS

SECOND = b"\1\2" * 16000


def acknowledged(session) -> list[int]:
    return [message["seq_no"] for message in session.named("AudioAdded")]


def test_audio_leaves_in_frames_of_50_ms(session):
    session.run().audio(SECOND)
    assert [len(frame) for frame in session.frames] == [1600] * 20
    assert b"".join(session.frames) == SECOND


def test_floats_at_44100_in_pieces_of_23_ms_become_integers_in_frames_of_50_ms(session):
    floats = {"type": "raw", "encoding": "pcm_f32le", "sample_rate": 44100}
    session.start(audio_format=floats)
    session.opened()
    session.hear({"type": "Begin", "id": "x", "expires_at": 1})
    for _ in range(100):
        session.now += 1024 / 44100
        session.audio(struct.pack("<f", 0.5) * 1024)
    assert {len(frame) for frame in session.frames} == {2205 * 2}
    assert set(b"".join(session.frames)) == set(struct.pack("<h", 16384))


def test_each_audio_message_is_acknowledged_once_in_order(session):
    session.run()
    for size in (10, 1600, 0, 5000, 1, 33):
        session.now += 1
        session.audio(b"\0" * size)
    assert acknowledged(session) == [1, 2, 3, 4, 5, 6]


def test_a_client_that_waits_for_each_acknowledgement_gets_it_even_for_less_than_a_frame(session):
    session.run()
    session.audio(b"\0" * 700)
    assert acknowledged(session) == [1]


def test_a_file_is_paced_by_its_acknowledgements(session):
    session.run()
    for _ in range(30):
        session.audio(SECOND)
    burst = len(session.frames) * 0.05
    assert burst == pytest.approx(BURST_SECONDS, abs=0.06)
    assert session.translator.buffered_bytes == pytest.approx(32000 * (30 - BURST_SECONDS), abs=3200)
    session.wait(10.1)
    assert acknowledged(session)[-1] == int(BURST_SECONDS + 10)
    session.wait(30)
    assert acknowledged(session) == list(range(1, 31))
    assert session.translator.buffered_bytes == 0
    assert b"".join(session.frames) == SECOND * 30


def test_end_of_stream_waits_until_everything_was_paced_out(session):
    session.run()
    for _ in range(5):
        session.audio(SECOND)
    session.audio(b"\3\4" * 10)
    session.say({"message": "EndOfStream", "last_seq_no": 0})
    assert session.commands == []
    session.wait(5)
    assert session.commands == ["Terminate"]
    assert acknowledged(session) == [1, 2, 3, 4, 5, 6]
    sent = b"".join(session.frames)
    assert sent.startswith(SECOND * 5 + b"\3\4" * 10)
    assert len(sent) == 32000 * 5 + 1600
    assert set(sent[32000 * 5 + 20 :]) == {0}


@pytest.mark.parametrize("last", [0, 1, 7, -3, "x", None])
def test_last_seq_no_cuts_nothing_off(session, last):
    session.run().audio(SECOND)
    session.say({"message": "EndOfStream", "last_seq_no": last})
    assert b"".join(session.frames) == SECOND
    assert session.commands == ["Terminate"]


def test_audio_after_end_of_stream_is_warned_of_once_acknowledged_and_not_sent(session):
    session.run().audio(SECOND)
    session.say({"message": "EndOfStream", "last_seq_no": 1})
    for _ in range(3):
        session.audio(SECOND)
    assert len(session.frames) == 20
    assert acknowledged(session) == [1, 2, 3, 4]
    assert [warning["type"] for warning in session.named("Warning")] == ["add_audio_after_eos"]


def test_an_hour_without_audio_ends_the_session_and_its_cost(session):
    session.run()
    session.wait(3590)
    session.audio(SECOND)
    session.wait(3590)
    assert session.client_close is None
    session.wait(20)
    assert session.all_messages()[-1]["type"] == "idle_timeout"
    assert session.client_close.code == 1008
    assert session.commands == ["Terminate"]


def test_audio_that_is_still_paced_out_is_not_idle(session):
    session.run().audio(SECOND * 4600)
    session.wait(4500)
    assert session.client_close is None


@settings(max_examples=50)
@given(
    st.sampled_from(["pcm_s16le", "pcm_f32le", "mulaw"]),
    st.lists(st.tuples(st.binary(max_size=9000), st.floats(0, 1)), max_size=12),
)
def test_any_audio_at_any_pace_is_acknowledged_once_and_sent_whole(make_session, begin, encoding, pieces):
    session = make_session()
    session.start(audio_format={"type": "raw", "encoding": encoding, "sample_rate": 8000})
    session.opened()
    session.hear(begin)
    for data, pause in pieces:
        session.audio(data)
        session.wait(pause)
    session.say({"message": "EndOfStream", "last_seq_no": len(pieces)})
    session.wait(60)
    assert acknowledged(session) == list(range(1, len(pieces) + 1))
    whole = b"".join(data for data, _ in pieces)
    frame = 400 if encoding == "mulaw" else 800
    assert {len(sent) for sent in session.frames} <= {frame}
    assert b"".join(session.frames) == as_sent(encoding, whole, frame)
    assert session.commands == ["Terminate"]


def as_sent(encoding: str, audio: bytes, frame: int) -> bytes:
    """What AssemblyAI has to get of some audio, however it comes in pieces."""
    if encoding == "pcm_f32le":
        audio = float32_to_int16_with_array(audio[: len(audio) // 4 * 4])
    elif encoding == "pcm_s16le":
        audio = audio[: len(audio) // 2 * 2]
    silence = b"\xff" if encoding == "mulaw" else b"\0"
    return audio + silence * (-len(audio) % frame)
