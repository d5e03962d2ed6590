"""Sessions whose audio is a file: when AssemblyAI is asked for, what is acknowledged, how they end."""

from __future__ import annotations

import io
import wave
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.effects import Decode, EndDecoding, OpenUpstream
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.translator import State

SECOND = b"\1\2" * 16000
FLAC = b"fLaC" + bytes(2000)
FILE = {"type": "file"}


def wav(samples: bytes = SECOND, rate: int = 16000) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples)
    return made.getvalue()


def acknowledged(session) -> int:
    numbers = [message["seq_no"] for message in session.named("AudioAdded")]
    assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


def end(session) -> None:
    session.say({"message": "EndOfStream", "last_seq_no": 0})


def opens(session) -> int:
    return sum(isinstance(effect, OpenUpstream) for effect in session.effects)


def decoder_input(session) -> list[bytes]:
    return [effect.data for effect in session.effects if isinstance(effect, Decode)]


def decoded(session, samples: bytes, pieces: int) -> None:
    session._take(session.translator.decoded(None, samples, pieces, session.now))


def decoding_ended(session, problem: str = "") -> None:
    session._take(session.translator.decoding_ended(None, problem, session.now))


@pytest.mark.parametrize("message", [{"audio_format": FILE}, {}])
def test_a_session_of_a_file_starts_at_once_and_asks_for_assemblyai_when_there_is_sound(session, message):
    session.say({"message": "StartRecognition", "transcription_config": {"language": "en"}, **message})
    assert session.names() == ["RecognitionStarted"]
    session.audio(wav()[:44])
    assert opens(session) == 0
    session.audio(wav()[44:])
    assert opens(session) == 1


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 96000])
def test_the_address_says_the_sample_rate_of_the_file(session, rate):
    session.start(audio_format=FILE)
    session.audio(wav(rate=rate))
    query = parse_qs(urlsplit(session.url).query)
    assert (query["sample_rate"], query["encoding"]) == ([str(rate)], ["pcm_s16le"])
    assert query["speech_model"] == ["universal-3-6-pro"]


def test_the_header_is_acknowledged_although_nothing_is_open_yet(session):
    session.start(audio_format=FILE)
    file = wav()
    for at in range(0, 44, 4):
        session.audio(file[at : at + 4])
    assert acknowledged(session) == 11
    assert opens(session) == 0


def test_the_samples_of_a_wav_file_leave_in_frames_and_at_the_pace_of_its_own_rate(session, begin):
    session.start(audio_format=FILE)
    session.audio(wav(SECOND * 10, rate=8000))
    session.opened()
    session.hear(begin)
    assert {len(frame) for frame in session.frames} == {800}
    session.wait(5)
    assert len(session.frames) == pytest.approx((5 + 1.5) / 0.05, abs=2)
    end(session)
    session.wait(30)
    assert b"".join(session.frames) == SECOND * 10
    assert session.commands == ["Terminate"]


def test_what_was_said_to_the_session_before_there_is_sound_reaches_assemblyai(session):
    session.start(audio_format=FILE)
    session.say(
        {
            "message": "SetRecognitionConfig",
            "transcription_config": {
                "language": "en",
                "conversation_config": {"end_of_utterance_silence_trigger": 1.0},
            },
        }
    )
    session.audio(wav())
    query = parse_qs(urlsplit(session.url).query)
    assert (query["max_turn_silence"], query["sample_rate"]) == (["1000"], ["16000"])


def test_other_files_go_to_the_decoder_from_the_first_byte_and_each_message_once(session):
    session.start(audio_format=FILE)
    for at in range(0, len(FLAC), 10):
        session.audio(FLAC[at : at + 10])
    assert b"".join(decoder_input(session)) == FLAC
    assert opens(session) == 0
    # What only showed what the file is holds nothing up; of the rest the decoder says when it was used.
    assert acknowledged(session) == -(-len(FLAC) // 10) - len(decoder_input(session))


def test_messages_are_acknowledged_when_the_samples_made_of_them_have_left(session, begin):
    session.start(audio_format=FILE)
    for _ in range(4):
        session.audio(FLAC)
    decoded(session, b"", 1)
    assert acknowledged(session) == 1
    decoded(session, SECOND * 3, 2)
    session.opened()
    session.hear(begin)
    assert acknowledged(session) == 1
    session.wait(3)
    assert acknowledged(session) == 3
    decoded(session, SECOND, 1)
    session.wait(3)
    assert acknowledged(session) == 4
    assert b"".join(session.frames) == SECOND * 4


def test_the_end_waits_for_the_decoder(session, begin, termination):
    session.start(audio_format=FILE)
    session.audio(FLAC)
    decoded(session, SECOND, 0)
    session.opened()
    session.hear(begin)
    end(session)
    assert isinstance(session.effects[-1], EndDecoding)
    session.wait(30)
    assert session.commands == []
    decoded(session, SECOND[:1000], 1)
    decoding_ended(session)
    session.wait(2)
    assert session.commands == ["Terminate"]
    assert b"".join(session.frames).startswith(SECOND + SECOND[:1000])
    session.hear(termination)
    assert session.all_messages()[-1]["message"] == "EndOfTranscript"
    assert acknowledged(session) == 1


def test_what_follows_the_end_of_the_decoder_is_acknowledged_and_ignored(session, begin):
    session.start(audio_format=FILE)
    session.audio(FLAC)
    session.audio(FLAC)
    decoded(session, SECOND, 1)
    session.opened()
    session.hear(begin)
    decoding_ended(session)
    session.audio(b"junk")
    session.wait(5)
    assert acknowledged(session) == 3
    assert len(decoder_input(session)) == 2
    end(session)
    assert session.commands == ["Terminate"]
    assert not any(isinstance(effect, EndDecoding) for effect in session.effects)


def test_what_the_decoder_could_not_use_at_all_is_an_error(session):
    session.start(audio_format=FILE)
    session.audio(FLAC)
    decoding_ended(session, "It takes a decoder.")
    message = session.all_messages()[-1]
    assert (message["type"], message["reason"]) == ("invalid_audio_type", "It takes a decoder.")
    assert session.client_close.code == 1003
    assert opens(session) == 0


def test_what_the_decoder_lost_is_a_warning_and_the_rest_is_heard(session, begin):
    session.start(audio_format=FILE)
    session.audio(FLAC)
    decoded(session, SECOND, 1)
    decoding_ended(session, "The file ends early.")
    session.opened()
    session.hear(begin)
    end(session)
    session.wait(3)
    assert [warning["reason"] for warning in session.named("Warning")] == ["The file ends early."]
    assert b"".join(session.frames) == SECOND
    assert session.commands == ["Terminate"]


@pytest.mark.parametrize("file", [b"", wav(b"")])
def test_a_file_without_a_sound_ends_without_assemblyai(session, file):
    session.start(audio_format=FILE)
    session.audio(file)
    end(session)
    assert session.names() == ["RecognitionStarted", "AudioAdded", "EndOfTranscript"]
    assert opens(session) == 0
    session.leave()
    assert session.translator.finished


def test_a_short_file_that_only_its_end_explains_is_decoded_then(session):
    session.start(audio_format=FILE)
    session.audio(b"#!AMR\n\4")
    assert decoder_input(session) == []
    end(session)
    assert decoder_input(session) == [b"#!AMR\n\4"]
    decoded(session, SECOND, 1)
    decoding_ended(session)
    assert opens(session) == 1
    assert acknowledged(session) == 1


def test_an_error_of_assemblyai_after_the_start_ends_the_session_of_a_file(session):
    session.start(audio_format=FILE)
    session.audio(wav())
    session.failed(FailureKind.HTTP_UNAUTHORISED)
    assert session.all_messages()[-1]["type"] == "not_authorised"
    assert session.translator.state is State.ENDED


@pytest.mark.parametrize("file", [b"", wav()[:30], wav(), FLAC])
def test_a_program_that_closes_is_let_go_in_time_whatever_has_come(session, begin, termination, file):
    session.start(audio_format=FILE)
    session.audio(file)
    if opens(session):
        session.opened()
        session.hear(begin)
    session.drain()
    session.wait(2)
    assert session.client_close.code in (1000, 1003)
    assert session.translator.state is State.ENDED


@settings(max_examples=60)
@given(
    st.sampled_from([wav(), wav()[:5000], FLAC, b"no audio" * 300]),
    st.lists(st.integers(1, 3000), max_size=8),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), max_size=8),
    st.sampled_from(["", "damaged"]),
)
def test_every_message_is_acknowledged_once_or_the_session_is_refused(
    make_session, begin, termination, file, sizes, blocks, problem
):
    session = make_session()
    session.start(audio_format=FILE)
    messages = 0
    for size in [*sizes, len(file)]:
        if file:
            session.audio(file[:size])
            messages += 1
        file = file[size:]
    for used, milliseconds in blocks if decoder_input(session) else ():
        decoded(session, SECOND[: 32 * milliseconds], used)
    end(session)
    if decoder_input(session):
        decoding_ended(session, problem)
    if opens(session):
        session.opened()
        session.hear(begin)
    session.wait(2)
    if opens(session):
        session.hear(termination)
    if session.named("Error"):
        assert session.named("Error")[0]["type"] == "invalid_audio_type"
        assert opens(session) == 0
    else:
        assert acknowledged(session) == messages
        assert session.commands == ["Terminate"] * opens(session)
