"""Hearing what a real PyAudio program recorded: another rate, another sample format, another clock."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shim.emulator.hearing import Hearing
from shim.emulator.scene import Scene
from shim.emulator.virtual_microphone import VirtualMicrophone

RATE = 44100
CHUNK = 1024

RECORDER = f"""
import sys, pyaudio
audio = pyaudio.PyAudio()
stream = audio.open(
    format=pyaudio.paFloat32, channels=1, rate={RATE}, input=True, frames_per_buffer={CHUNK}
)
with open(sys.argv[1], "wb") as file:
    while True:
        file.write(stream.read({CHUNK}, exception_on_overflow=False))
        file.flush()
"""


@pytest.mark.microphone
def test_a_scene_that_a_microphone_recorded_is_heard_whole(one_sentence: Scene, tmp_path: Path) -> None:
    recording = tmp_path / "recording"
    with VirtualMicrophone(RATE) as microphone:
        recorder = subprocess.Popen(
            [sys.executable, "-c", RECORDER, recording],
            env={**os.environ, **microphone.environment},
            stderr=subprocess.DEVNULL,
        )
        try:
            microphone.wait_for_recorder(60)
            microphone.play(one_sentence.sound)
        finally:
            recorder.kill()
            recorder.wait()
    hearing = Hearing(one_sentence, "pcm_f32le", RATE)
    audio = recording.read_bytes()
    heard = [
        word
        for start in range(0, len(audio), CHUNK * 4)
        for word in hearing.feed(audio[start : start + CHUNK * 4])
    ]
    heard += hearing.finish()
    assert [word.word for word in heard] == list(range(len(one_sentence.words)))
