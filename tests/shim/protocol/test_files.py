"""A file in pieces: what is sound, what is for the decoder, what is refused."""

from __future__ import annotations

import io
import struct
import sys
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.files import INSTALL, UNDETERMINED, FileAudio

SAMPLES = (np.sin(np.arange(8000) / 3) * 12000).astype("<i2").tobytes()
FLAC = b"fLaC" + bytes(range(256)) * 20
ADPCM = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 2, 1, 8000, 4096, 256, 4) + bytes(500)
)


def wav(rate: int = 16000) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(SAMPLES)
    return made.getvalue()


def play(file: bytes, cuts: list[int] | None = None) -> tuple[bytes, bytes, str, str, FileAudio]:
    """Samples, bytes for the decoder, why refused, what is lost."""
    audio = FileAudio()
    ends = sorted({min(cut, len(file)) for cut in cuts or ()} | {len(file)})
    pieces = [audio.feed(file[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    pieces.append(audio.finish())
    return (
        b"".join(piece.samples for piece in pieces),
        b"".join(piece.encoded or b"" for piece in pieces),
        "".join(piece.refused for piece in pieces),
        "".join(piece.lost for piece in pieces),
        audio,
    )


@settings(max_examples=80)
@given(
    st.sampled_from([wav(), wav(8000), wav(96000), wav(6000), wav(192_000)]),
    st.lists(st.one_of(st.integers(0, 100), st.integers(0, 20_000)), max_size=15),
)
def test_any_pieces_of_a_wav_file_give_the_same_samples(file, cuts):
    samples, encoded, refused, lost, audio = play(file, cuts)
    same = samples == play(file)[0]
    assert same  # the difference would fill pages
    assert (encoded, refused, lost) == (b"", "", "")
    assert not audio.needs_decoder


@settings(max_examples=80)
@given(
    st.sampled_from([FLAC, ADPCM, b"#!AMR\n" + bytes(5)]),
    st.lists(st.one_of(st.integers(0, 100), st.integers(0, 6000)), max_size=15),
)
def test_any_pieces_of_another_file_reach_the_decoder_whole(file, cuts):
    samples, encoded, refused, lost, audio = play(file, cuts)
    assert encoded == file
    assert (samples, refused, lost) == (b"", "", "")
    assert audio.needs_decoder
    assert audio.sample_rate == 16000


@settings(max_examples=200)
@given(
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVEfmt ", b"RIFF\0\0\0\0WAVEdata", wav()[:30], b"\xff\xfb\x90\x64"]),
    st.lists(st.binary(max_size=3000), max_size=6),
)
def test_nothing_that_comes_raises_and_what_is_no_file_is_refused_once(start, pieces):
    audio = FileAudio()
    made = [audio.feed(start), *map(audio.feed, pieces), audio.finish()]
    assert sum(bool(piece.refused) for piece in made) <= 1
    if any(piece.refused for piece in made):
        assert not any(piece.samples or piece.encoded for piece in made)


@pytest.mark.parametrize(("rate", "at"), [(8000, 8000), (96000, 96000), (7999, 16000), (96001, 16000)])
def test_a_rate_that_assemblyai_takes_stays(rate, at):
    samples, _, _, _, audio = play(wav(rate))
    assert audio.sample_rate == at
    assert len(samples) == pytest.approx(len(SAMPLES) * at / rate, abs=4)


def test_resampled_sound_sounds_the_same():
    samples = np.frombuffer(play(wav(192_000))[0], "<i2").astype(float)
    # A tone of 1/6π of the rate, far above what 16 kHz can hold, must not come back as another one.
    assert np.abs(samples[100:-100]).max() < 200
    slow = np.frombuffer(play(wav(6000))[0], "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(slow))
    assert np.argmax(spectrum) / len(slow) * 16000 == pytest.approx(6000 / (6 * np.pi), abs=2)


def test_without_the_resampler_such_a_rate_is_refused_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    assert play(wav(16000))[2] == ""
    refused = play(wav(192_000))[2]
    assert "192000 Hz" in refused
    assert INSTALL in refused


def test_a_header_that_never_ends_is_refused_before_it_fills_the_memory():
    audio = FileAudio()
    audio.feed(b"RIFF\0\0\0\0WAVEJUNK\xff\xff\xff\xff")
    pieces = [audio.feed(bytes(10_000)) for _ in range(10)]
    assert [bool(piece.refused) for piece in pieces].count(True) == 1
    assert audio.feed(bytes(10)).refused == ""


def test_a_long_chunk_behind_the_format_is_skipped():
    file = wav()
    samples, _, refused, _, _ = play(
        file[:36] + b"LIST" + (200_000).to_bytes(4, "little") + bytes(200_000) + file[36:], [100_000]
    )
    assert samples == SAMPLES
    assert refused == ""


def test_a_file_that_is_cut_off_gives_what_it_has_and_says_what_it_lacks():
    samples, _, refused, lost, _ = play(wav()[:-1001])
    assert samples == SAMPLES[:-1002]
    assert refused == ""
    assert "1001 bytes" in lost


@pytest.mark.parametrize("size", [1, 3, 20, 43])
def test_a_file_that_is_cut_off_in_its_header_is_refused(size):
    assert play(wav()[:size])[2] == UNDETERMINED


def test_nothing_at_all_is_no_failure():
    assert play(b"")[:4] == (b"", b"", "", "")


def test_what_comes_behind_the_end_of_the_decoder_is_ignored():
    audio = FileAudio()
    audio.feed(FLAC)
    audio.ignore_rest()
    assert audio.feed(b"more").encoded is None
    assert not audio.needs_decoder
