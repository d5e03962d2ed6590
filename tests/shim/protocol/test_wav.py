"""WAV files in pieces: every kind of sample, header and length."""

from __future__ import annotations

import math
import struct
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.wav import CompressedWav, NotWav, WavReader, mix_with_array, mix_with_numpy

RATE = 16000
TONE = [round(20000 * math.sin(i / 5)) for i in range(2000)]
GUID = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def form(tag: int, bits: int, channels: int = 1, rate: int = RATE, width: int | None = None) -> bytes:
    block = (width or bits // 8) * channels
    return struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)


def extensible(tag: int, bits: int, channels: int = 1, width: int | None = None) -> bytes:
    return form(0xFFFE, bits, channels, width=width) + struct.pack("<HHIH", 22, bits, 0, tag) + GUID


def wav(fmt: bytes, data: bytes, *before: bytes, size: int | None = None, after: bytes = b"") -> bytes:
    body = b"".join(before) + chunk(b"fmt ", fmt) + chunk(b"data", data, size) + after
    return b"RIFF" + struct.pack("<I", len(body) + 4 & 0xFFFFFFFF) + b"WAVE" + body


def read(file: bytes, piece: int = 1000) -> tuple[list[int], WavReader]:
    reader = WavReader()
    samples = b"".join(reader.feed(file[at : at + piece]) for at in range(0, len(file), piece))
    return list(array("h", samples)), reader


def mulaw_values(data: bytes) -> list[int]:
    """G.711, by its definition: sign, exponent and mantissa of a biased magnitude."""
    values = []
    for code in data:
        code ^= 0xFF
        magnitude = ((code & 15) * 8 + 132) * 2 ** (code >> 4 & 7) - 132
        values.append(-magnitude if code & 128 else magnitude)
    return values


KINDS = {
    "8 bits": (1, 8, lambda v: bytes((x >> 8) + 128 for x in v), 256),
    "16 bits": (1, 16, lambda v: struct.pack(f"<{len(v)}h", *v), 1),
    "24 bits": (1, 24, lambda v: b"".join((x * 256).to_bytes(3, "little", signed=True) for x in v), 1),
    "32 bits": (1, 32, lambda v: struct.pack(f"<{len(v)}i", *(x * 65536 for x in v)), 1),
    "float 32": (3, 32, lambda v: struct.pack(f"<{len(v)}f", *(x / 32768 for x in v)), 1),
    "float 64": (3, 64, lambda v: struct.pack(f"<{len(v)}d", *(x / 32768 for x in v)), 1),
}


@pytest.mark.parametrize("header", [form, extensible])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_sample_comes_to_the_same_sound(kind, header):
    tag, bits, pack, tolerance = KINDS[kind]
    samples, reader = read(wav(header(tag, bits), pack(TONE)))
    assert len(samples) == len(TONE)
    assert max(abs(a - b) for a, b in zip(samples, TONE, strict=True)) < tolerance
    assert reader.format.sample_rate == RATE
    assert reader.missing_bytes == 0


def test_mulaw_is_expanded(encode_mulaw):
    data = encode_mulaw(struct.pack(f"<{len(TONE)}h", *TONE))
    samples, _ = read(wav(form(7, 8), data))
    assert samples == mulaw_values(data)
    assert max(abs(a - b) for a, b in zip(samples, TONE, strict=True)) < 600


def test_alaw_is_expanded():
    # Values of the standard's table: code -> 16-bit sample.
    table = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0x80: 5504, 0x00: -5504, 0xC5: 264, 0x45: -264}
    samples, _ = read(wav(form(6, 8), bytes(table)))
    assert samples == list(table.values())


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_mixed(channels):
    side_by_side = [value if channel == 0 else 0 for value in TONE for channel in range(channels)]
    samples, _ = read(wav(form(1, 16, channels), struct.pack(f"<{len(side_by_side)}h", *side_by_side)))
    assert samples == [value // channels for value in TONE]


@given(st.integers(2, 8), st.binary(max_size=400))
def test_both_ways_to_mix_agree(channels, data):
    whole = data[: len(data) - len(data) % (2 * channels)]
    assert mix_with_array(whole, channels) == mix_with_numpy(whole, channels)


@pytest.mark.parametrize("width", [3, 4])
def test_24_bits_may_lie_in_three_bytes_or_in_four(width):
    data = b"".join((value * 256 ** (width - 2)).to_bytes(width, "little", signed=True) for value in TONE)
    assert read(wav(extensible(1, 24, width=width), data))[0] == TONE


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_length_that_the_writer_did_not_know_means_to_the_end(size):
    samples, reader = read(wav(form(1, 16), struct.pack(f"<{len(TONE)}h", *TONE), size=size))
    assert samples == TONE
    assert reader.missing_bytes == 0


@pytest.mark.parametrize("size", [0x7FFFF000, 0x80000000, 0x7FFFFFFF])
def test_a_placeholder_for_the_length_is_no_promise(size):
    samples, reader = read(wav(form(1, 16), struct.pack(f"<{len(TONE)}h", *TONE), size=size))
    assert samples == TONE
    assert reader.missing_bytes == 0


def test_what_a_file_promised_and_does_not_have_is_counted():
    samples, reader = read(wav(form(1, 16), struct.pack(f"<{len(TONE)}h", *TONE), size=len(TONE) * 2 + 50))
    assert samples == TONE
    assert reader.missing_bytes == 50


def test_chunks_before_and_after_the_samples_are_no_sound():
    data = struct.pack(f"<{len(TONE)}h", *TONE)
    before = chunk(b"LIST", b"INFOodd"), chunk(b"bext", bytes(600_000)), chunk(b"fact", bytes(4))
    samples, _ = read(wav(form(1, 16), data, *before, after=chunk(b"LIST", b"\1\2" * 500)))
    assert samples == TONE


@pytest.mark.parametrize("name", [b"RF64", b"BW64"])
def test_a_file_beyond_4_gib_says_its_length_elsewhere(name):
    data = struct.pack(f"<{len(TONE)}h", *TONE)
    sizes = chunk(b"ds64", struct.pack("<QQQI", 1 << 33, len(data), 0, 0))
    file = wav(form(1, 16), data, sizes, size=0xFFFFFFFF, after=chunk(b"LIST", b"\1\2" * 500))
    assert read(name + file[4:])[0] == TONE


def test_a_moment_that_is_cut_off_is_dropped():
    data = struct.pack("<4h", 100, 200, 300, 400)
    assert read(wav(form(1, 16, 2), data + b"\1\2\3"))[0] == [150, 350]


@pytest.mark.parametrize("tag", [2, 0x11, 0x31, 0x55])
def test_compressed_samples_take_a_decoder(tag):
    with pytest.raises(CompressedWav):
        read(wav(form(tag, 8), bytes(100)))


@pytest.mark.parametrize(
    "file",
    [
        b"RIFF\0\0\0\0AVI ",
        b"ID3\4" + bytes(100),
        b"RIFF\0\0\0\0WAVE" + chunk(b"data", bytes(100)),
        wav(form(1, 16, channels=0), bytes(100)),
        wav(form(1, 16, rate=0), bytes(100)),
        wav(struct.pack("<HHIIHH", 1, 1, 4_000_000_000, 0, 2, 16), bytes(100)),
        wav(form(1, 40), bytes(100)),
        wav(b"\1\0\1\0", bytes(100)),
    ],
)
def test_what_cannot_be_read_is_refused(file):
    with pytest.raises(NotWav):
        read(file)


@settings(max_examples=100)
@given(
    st.sampled_from(sorted(KINDS)), st.integers(1, 3), st.lists(st.integers(0, 700), max_size=20), st.data()
)
def test_any_pieces_give_the_same_samples(kind, channels, cuts, data):
    tag, bits, pack, _ = KINDS[kind]
    file = wav(extensible(tag, bits, channels), pack(TONE[: 40 * channels]), chunk(b"LIST", b"odd"))
    reader = WavReader()
    ends = sorted({min(cut, len(file)) for cut in cuts} | {len(file)})
    pieces = [file[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    made = b"".join(reader.feed(piece) for piece in pieces)
    assert made == WavReader().feed(file)
    assert len(np.frombuffer(made, "<i2")) == 40


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_no_bytes_raise_anything_else(pieces, riff):
    reader = WavReader()
    try:
        if riff:
            reader.feed(b"RIFF\0\0\0\0WAVEfmt ")
        for piece in pieces:
            reader.feed(piece)
    except (NotWav, CompressedWav):
        pass
