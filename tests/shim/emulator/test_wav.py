"""WAV files that arrive in pieces."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from shim.emulator.wav import NotWav, WavStream

SAMPLES = bytes(range(200)) * 4


def wav(
    tag: int = 1, bits: int = 16, size: int | None = None, extra: bytes = b"", form: bytes = b""
) -> bytes:
    form = form or struct.pack("<HHIIHH", tag, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + extra
    chunks += b"data" + struct.pack("<I", len(SAMPLES) if size is None else size) + SAMPLES
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_samples_come_out_whatever_the_pieces(piece: int) -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(SAMPLES)
    data, stream = buffer.getvalue(), WavStream()
    assert b"".join(stream.feed(data[at : at + piece]) for at in range(0, len(data), piece)) == SAMPLES
    assert (stream.encoding, stream.sample_rate, stream.channels) == ("pcm_s16le", 16000, 1)


@pytest.mark.parametrize(
    ("tag", "bits", "encoding"), [(1, 16, "pcm_s16le"), (3, 32, "pcm_f32le"), (7, 8, "mulaw")]
)
def test_the_encoding_is_read(tag: int, bits: int, encoding: str) -> None:
    stream = WavStream()
    assert stream.feed(wav(tag, bits)) == SAMPLES
    assert stream.encoding == encoding


def test_an_extensible_format_names_its_encoding_further_on() -> None:
    form = (
        struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 32000, 4, 32) + struct.pack("<HHIH", 22, 32, 4, 3) + bytes(14)
    )
    stream = WavStream()
    assert stream.feed(wav(form=form)) == SAMPLES
    assert stream.encoding == "pcm_f32le"


def test_other_chunks_are_skipped_before_and_after_the_samples() -> None:
    extra = b"LIST" + struct.pack("<I", 3) + b"abc\x00"
    assert WavStream().feed(wav(extra=extra) + extra) == SAMPLES


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_stream_of_unknown_length_does_not_end(size: int) -> None:
    assert WavStream().feed(wav(size=size)) == SAMPLES


@pytest.mark.parametrize(
    "data",
    [b"ID3", b"RIFF\0\0\0\0AVI ", wav(2), wav(1, 24), wav(form=b"\1\0"), b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd"],
    ids=["mp3", "avi", "adpcm", "24 bit", "short format", "no format"],
)
def test_what_is_not_understood_is_refused(data: bytes) -> None:
    with pytest.raises(NotWav):
        WavStream().feed(data)
