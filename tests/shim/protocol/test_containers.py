"""Audio files told apart by their content."""

from __future__ import annotations

import io
import random
import wave

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.containers import DETECTION_BYTES, UNKNOWN, detect

KINDS = {
    "MP3": ("mp3", "libmp3lame"),
    "AAC": ("adts", "aac"),
    "Ogg": ("ogg", "libopus"),
    "WebM": ("webm", "libopus"),
    "FLAC": ("flac", "flac"),
    "MPEG": ("mpeg", "mp2"),
    "MPEG transport stream": ("mpegts", "mp2"),
    "AIFF": ("aiff", "pcm_s16be"),
    "AU": ("au", "pcm_s16be"),
    "CAF": ("caf", "pcm_s16be"),
    "Wave64": ("w64", "pcm_s16le"),
    "Windows Media": ("asf", "pcm_s16le"),
    "MP4": ("mp4", "aac"),
}


def encode(container: str, codec: str, rate: int = 48000, seconds: float = 1.0, **options: str) -> bytes:
    made = io.BytesIO()
    with av.open(made, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        resampler = av.AudioResampler(
            stream.codec_context.format.name, "mono", rate, frame_size=stream.codec_context.frame_size
        )
        frame = av.AudioFrame("s16", "mono", round(rate * seconds))
        frame.sample_rate = rate
        frame.planes[0].update(random.Random(1).randbytes(frame.planes[0].buffer_size))
        for converted in (*resampler.resample(frame), None):
            file.mux(stream.encode(converted))
    return made.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: encode(*kind) for name, kind in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_known_by_what_is_in_it(files, kind):
    assert detect(files[kind]).name == kind


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_known_after_any_beginning_that_is_long_enough_and_never_taken_for_another(files, kind):
    found = [detect(files[kind][:size]) for size in range(3000)]
    names = [container.name for container in found if container is not None]
    assert set(names) <= {kind}
    assert found[0] is None


@pytest.mark.parametrize("layer", ["mp2", "libmp3lame"])
@pytest.mark.parametrize("rate", [16000, 22050, 24000, 32000, 44100, 48000])
def test_mpeg_audio_of_every_rate_is_known(layer, rate):
    container = "mp2" if layer == "mp2" else "mp3"
    assert detect(encode(container, layer, rate)).demuxer == "mp3"


@pytest.mark.parametrize("kind", ["MP3", "AAC"])
def test_a_broadcast_is_joined_in_the_middle_of_a_frame(files, kind):
    for start in range(1000, 1300, 7):
        assert detect(files[kind][start:]).name == kind


def test_a_picture_before_the_audio_may_be_longer_than_what_is_looked_at(files):
    size = DETECTION_BYTES * 3
    tag = b"ID3\4\0\0" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    assert detect(tag[:2000]) is None
    assert detect((tag + files["MP3"])[:DETECTION_BYTES]).name == "MP3"


def test_a_tag_may_stand_before_aac(files):
    assert detect(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + files["AAC"]).name == "AAC"


def test_a_file_of_one_frame_is_known_when_it_is_over(files):
    first = encode("mp3", "libmp3lame", seconds=0.01, write_xing="0", id3v2_version="0")
    assert detect(first) is None
    assert detect(first, complete=True).name == "MP3"


@pytest.mark.parametrize(
    ("boxes", "whole"),
    [
        ([(b"ftyp", 24), (b"moov", 500)], False),
        ([(b"ftyp", 24), (b"free", 900), (b"moov", 500)], False),
        ([(b"styp", 24), (b"sidx", 40), (b"moof", 500)], False),
        ([(b"ftyp", 24), (b"mdat", 5000)], True),
        ([(b"ftyp", 24), (b"wide", 8), (b"mdat", 0)], True),
    ],
)
def test_an_mp4_whose_index_comes_last_has_to_come_whole(boxes, whole):
    head = b"".join(size.to_bytes(4, "big") + name + bytes(max(0, size - 8)) for name, size in boxes)
    assert detect(head + bytes(16)).whole is whole


def test_wav_needs_no_decoder():
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    assert detect(made.getvalue()).demuxer == ""
    assert detect(b"RF64" + made.getvalue()[4:]).name == "WAV"


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"text, not audio " * 9000, bytes(100_000), b"\xff" * 100_000]
)
def test_anything_else_is_unknown_once_enough_has_come_or_all(data):
    assert detect(data, complete=True) is UNKNOWN
    assert detect(data) is (UNKNOWN if len(data) >= DETECTION_BYTES else None)


def test_what_is_found_does_not_depend_on_how_much_comes_at_once(files):
    late = b"text" * (DETECTION_BYTES // 4) + files["MP3"]
    assert detect(late) is UNKNOWN
    assert detect(late[:DETECTION_BYTES]) is UNKNOWN


@pytest.mark.parametrize("seed", range(10))
def test_noise_is_no_audio_file(seed):
    assert detect(random.Random(seed).randbytes(DETECTION_BYTES)) is UNKNOWN


@settings(max_examples=200)
@given(
    st.sampled_from([b"", b"ID3", b"\xff\xfb", b"\0\0\0\x18ftyp", b"RIFF", b"\xff\xf1", b"G"]),
    st.binary(max_size=2000),
    st.booleans(),
)
def test_no_bytes_raise(start, data, complete):
    assert complete <= (detect(start + data, complete) is not None)
