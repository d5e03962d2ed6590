"""The virtual microphone, recorded from by a real PyAudio program."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shim.emulator.virtual_microphone import VirtualMicrophone, VirtualMicrophoneError

RATE = 16000

RECORDER = """
import sys, pyaudio
audio = pyaudio.PyAudio()
stream = audio.open(format=pyaudio.paInt16, channels=1, rate=16000, input=True, frames_per_buffer=800)
with open(sys.argv[1], "wb") as file:
    for _ in range(int(sys.argv[2])):
        file.write(stream.read(800, exception_on_overflow=False))
stream.close()
audio.terminate()
"""

OWNER = """
import sys, time
from shim.emulator.virtual_microphone import VirtualMicrophone
with VirtualMicrophone(16000) as microphone:
    print(microphone.environment["PULSE_COOKIE"], flush=True)
    time.sleep(60)
"""


@pytest.fixture
def noise(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Half a second of sound that nothing but itself correlates with, as a WAV file and as samples."""
    samples = np.random.default_rng(7).integers(-8000, 8000, RATE // 2).astype(np.int16)
    path = tmp_path / "noise.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return path, samples


def eventually(condition: Callable[[], bool], timeout: float = 15.0) -> bool:
    until = time.monotonic() + timeout
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


def command_lines() -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield path.read_text(errors="replace")


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.microphone
def test_pyaudio_records_what_is_played(tmp_path: Path, noise: tuple[Path, np.ndarray]) -> None:
    path, samples = noise
    recorded = tmp_path / "recorded"
    with VirtualMicrophone(RATE) as microphone:
        recorder = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(recorded), "40"],
            env=os.environ | microphone.environment,
            stderr=subprocess.DEVNULL,
        )
        try:
            microphone.wait_for_recorder(30)
            microphone.play(path)
            assert recorder.wait(60) == 0
        finally:
            recorder.kill()
            recorder.wait()
    heard = np.frombuffer(recorded.read_bytes(), dtype=np.int16).astype(float)
    assert len(heard) == 40 * 800
    at = int(np.argmax(np.correlate(heard, samples.astype(float))))
    piece = heard[at : at + len(samples)]
    assert np.corrcoef(piece, samples)[0, 1] > 0.98


@pytest.mark.microphone
def test_it_leaves_nothing_behind(temporary_folder: Path) -> None:
    with VirtualMicrophone(RATE) as microphone:
        (folder,) = temporary_folder.iterdir()
        assert microphone.environment["PULSE_SERVER"] == f"unix:{folder}/native"


@pytest.mark.microphone
def test_it_is_cleaned_up_when_its_owner_is_killed(temporary_folder: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    folder = Path(owner.stdout.readline().strip()).parent
    socket = folder / "native"
    assert socket.exists()
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not folder.exists())
    assert eventually(lambda: not any(str(folder) in line for line in command_lines()))


@pytest.mark.microphone
def test_it_is_cleaned_up_after_an_exception_while_playing(
    temporary_folder: Path, noise: tuple[Path, np.ndarray]
) -> None:
    def interrupted() -> None:
        with VirtualMicrophone(RATE) as microphone:
            microphone.start_playing(noise[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()


@pytest.mark.microphone
def test_playing_in_the_background_returns_at_once(noise: tuple[Path, np.ndarray]) -> None:
    with VirtualMicrophone(RATE) as microphone:
        playback = microphone.start_playing(noise[0])
        with pytest.raises(TimeoutError):
            playback.wait(0.01)
        playback.wait(30)


@pytest.mark.microphone
def test_nobody_recording_is_an_error_that_says_so() -> None:
    with (
        VirtualMicrophone(RATE) as microphone,
        pytest.raises(VirtualMicrophoneError, match="no program recorded"),
    ):
        microphone.wait_for_recorder(0.1)


@pytest.mark.microphone
def test_a_file_that_cannot_be_played_is_an_error(tmp_path: Path) -> None:
    with VirtualMicrophone(RATE) as microphone, pytest.raises(VirtualMicrophoneError, match=r"absent\.wav"):
        microphone.play(tmp_path / "absent.wav")


def test_missing_programs_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        VirtualMicrophoneError, match=r"pulseaudio, pactl, paplay.*pulseaudio pulseaudio-utils"
    ):
        VirtualMicrophone().__enter__()


def test_a_closed_microphone_has_no_environment() -> None:
    with pytest.raises(VirtualMicrophoneError, match="with statement"):
        _ = VirtualMicrophone().environment
