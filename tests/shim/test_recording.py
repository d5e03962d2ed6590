"""`shim.recording`: an audio file in, the samples that a listener would hear out."""

from __future__ import annotations

import io
import logging
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shim.emulator.scene import Scene
from shim.recording import AudioFileError, Recording


class Trickle:
    """A pipe: not seekable, and gives less than it is asked for."""

    def __init__(self, data: bytes, most: int) -> None:
        self.file = io.BytesIO(data)
        self.most = most

    def read(self, size: int) -> bytes:
        return self.file.read(min(size, self.most))


def samples_of(path: Path) -> bytes:
    with wave.open(str(path)) as sound:
        return bytes(sound.readframes(sound.getnframes()))


def test_a_wav_file_gives_its_samples_and_its_rate(one_sentence: Scene) -> None:
    with one_sentence.sound.open("rb") as file:
        recording = Recording(file)
        assert (recording.sample_rate, recording.encoding) == (16000, "pcm_s16le")
        assert b"".join(recording) == samples_of(one_sentence.sound)


@pytest.mark.parametrize("most", [1, 7, 4096])
def test_whatever_the_pieces(one_sentence: Scene, most: int) -> None:
    data = one_sentence.sound.read_bytes()[:5000]
    assert b"".join(Recording(Trickle(data, most))) == samples_of(one_sentence.sound)[: (5000 - 44)]


def test_stereo_at_another_rate_is_mixed_and_keeps_its_rate() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((2, 2, 8000, 0, "NONE", ""))
        sound.writeframes(np.array([[100, 300], [-20, 40]], "<i2").tobytes())
    file.seek(0)
    recording = Recording(file)
    assert recording.sample_rate == 8000
    assert b"".join(recording) == np.array([200, 10], "<i2").tobytes()


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("mp4", "aac"), ("ogg", "libopus")])
def test_compressed_files_are_decoded(
    one_sentence: Scene, write_audio: Callable[..., None], tmp_path: Path, container: str, codec: str
) -> None:
    write_audio(one_sentence.sound, tmp_path / "speech", container, codec, 48000)
    with (tmp_path / "speech").open("rb") as file:
        recording = Recording(file, chunk_size=1000)
        heard = b"".join(recording)
    assert recording.sample_rate == 16000
    assert abs(len(heard) - len(samples_of(one_sentence.sound))) < 3200


@pytest.mark.parametrize(
    ("data", "words"), [(b"this is a text, as anybody can see. " * 50, "type of stream"), (b"RIFF", "type")]
)
def test_what_is_no_audio_says_so(data: bytes, words: str) -> None:
    with pytest.raises(AudioFileError, match=words):
        Recording(io.BytesIO(data))


def test_without_a_decoder_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioFileError, match="pip install"):
        Recording(io.BytesIO(b"OggS" + bytes(2000)))


def test_a_file_that_is_cut_off_is_given_and_named(
    one_sentence: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    data = one_sentence.sound.read_bytes()[:10_000]
    with caplog.at_level(logging.WARNING, "shim"):
        assert b"".join(Recording(io.BytesIO(data))) == samples_of(one_sentence.sound)[:9956]
    assert "ends" in caplog.text


def test_an_empty_file_has_no_samples() -> None:
    assert list(Recording(io.BytesIO())) == []
