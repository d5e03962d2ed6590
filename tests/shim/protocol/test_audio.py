"""Sample formats and frames."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol import audio
from shim.protocol.audio import SAMPLE_FORMATS, Framer, float32_to_int16_with_array, int32_to_int16

try:
    import numpy
except ImportError:
    numpy = None  # type: ignore[assignment]

CONVERTERS = [
    float32_to_int16_with_array,
    pytest.param(
        audio.float32_to_int16_with_numpy,
        marks=pytest.mark.skipif(numpy is None, reason="numpy is not installed (the fast or audio extra)"),
    ),
]

encodings = st.sampled_from(sorted(SAMPLE_FORMATS))
rates = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000])


def floats(*samples: float) -> bytes:
    return struct.pack(f"<{len(samples)}f", *samples)


def integers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 2}h", data)


@pytest.mark.parametrize("convert", CONVERTERS)
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (0.0, 0),
        (0.5, 16384),
        (-0.5, -16384),
        (-1.0, -32768),
        (1.0, 32767),
        (3.0, 32767),
        (-3.0, -32768),
        (math.inf, 32767),
        (-math.inf, -32768),
        (math.nan, 0),
        (1234 / 32768, 1234),
        (3.4e38, 32767),
    ],
)
def test_a_float_becomes_the_integer_of_its_loudness_and_is_clipped(convert, sample, expected):
    assert integers(convert(floats(sample, 0.25))) == (expected, 8192)


@pytest.mark.skipif(numpy is None, reason="numpy is not installed (the fast or audio extra)")
@given(st.binary(max_size=400).map(lambda data: data[: len(data) // 4 * 4]))
def test_numpy_and_the_standard_library_convert_alike(data):
    assert audio.float32_to_int16_with_numpy(data) == float32_to_int16_with_array(data)


def test_numpy_converts_where_it_is_installed():
    chosen = audio._float_converter()
    expected = float32_to_int16_with_array if numpy is None else audio.float32_to_int16_with_numpy
    assert chosen is expected


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_a_32_bit_integer_keeps_its_upper_half(samples):
    assert integers(int32_to_int16(struct.pack(f"<{len(samples)}i", *samples))) == tuple(
        s >> 16 for s in samples
    )


@pytest.mark.parametrize("encoding", sorted(SAMPLE_FORMATS))
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
def test_a_frame_is_the_shortest_whole_number_of_samples_that_lasts_50_ms(encoding, rate):
    framer = Framer(encoding, rate)
    samples = framer.frame_bytes / SAMPLE_FORMATS[encoding].bytes_out
    assert samples / rate >= 0.05
    assert (samples - 1) / rate < 0.05
    assert framer.frame_seconds == samples / rate


def reference(encoding: str, data: bytes) -> bytes:
    size = SAMPLE_FORMATS[encoding].bytes_in
    return SAMPLE_FORMATS[encoding].convert(data[: len(data) // size * size])


@given(encodings, rates, st.lists(st.binary(max_size=3000), max_size=12))
def test_any_pieces_of_audio_give_the_same_frames_and_no_byte_is_lost_doubled_or_moved(
    encoding, rate, pieces
):
    framer = Framer(encoding, rate)
    frames = [frame for piece in pieces for frame in framer.feed(piece)] + framer.flush()
    sound = reference(encoding, b"".join(pieces))
    sent = b"".join(frames)
    assert sent[: len(sound)] == sound
    assert set(sent[len(sound) :]) <= set(SAMPLE_FORMATS[encoding].silence)
    assert {len(frame) for frame in frames} <= {framer.frame_bytes}
    assert len(sent) - len(sound) < framer.frame_bytes
    assert framer.buffered_bytes == 0


def test_one_byte_at_a_time_gives_the_frames_of_one_piece():
    data = bytes(i * 7 % 256 for i in range(10_000))
    slow, fast = Framer("pcm_f32le", 8000), Framer("pcm_f32le", 8000)
    one_by_one = [frame for i in range(len(data)) for frame in slow.feed(data[i : i + 1])]
    assert one_by_one + slow.flush() == fast.feed(data) + fast.flush()


def test_flush_pads_with_the_silence_of_the_encoding():
    framer = Framer("mulaw", 8000)
    framer.feed(b"\x10" * 3)
    assert framer.flush() == [b"\x10" * 3 + b"\xff" * 397]
    assert framer.flush() == []


def test_part_of_a_sample_at_the_end_is_not_sent():
    framer = Framer("pcm_s16le", 16000)
    framer.feed(b"\x01\x02\x03")
    (frame,) = framer.flush()
    assert frame == b"\x01\x02" + b"\0" * 1598


def test_an_unknown_encoding_is_refused():
    with pytest.raises(KeyError):
        Framer("pcm_s24le", 16000)
