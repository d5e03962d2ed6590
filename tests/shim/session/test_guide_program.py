"""The guide's program with its one changed import, at the latencies of the real service."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

from shim.emulator.scene import Scene

ROOT = Path(__file__).parents[3]
PROGRAMS = Path(__file__).parent / "programs"
KEY = "assemblyai-key-of-the-tests"


@pytest.fixture
def microphone(audio: bytes, tmp_path: Path) -> Path:
    """The scene's sound as the program's microphone delivers it: float32 at 44.1 kHz."""
    samples = np.frombuffer(audio, dtype="<i2").astype("<f4") / 32768
    path = tmp_path / "microphone.f32"
    path.write_bytes(soxr.resample(samples, 16000, 44100).astype("<f4").tobytes())
    return path


@pytest.mark.environment
@pytest.mark.parametrize("environment", ["websocket-client-1.8.0", "websocket-client-newest"])
def test_the_guides_program_gets_its_last_sentence_although_it_closes_after_a_second(
    emulate: Callable[..., Any],
    environment_python: Callable[[str], Path],
    scene: Scene,
    microphone: Path,
    tmp_path: Path,
    environment: str,
) -> None:
    source = (ROOT / "fixtures/programs/guide/legacy.py").read_text(encoding="utf-8")
    assert source.count("import websocket\n") == 1
    program = tmp_path / "legacy.py"
    program.write_text(source.replace("import websocket\n", "from shim import websocket\n"), encoding="utf-8")
    emulator = emulate(speed=1)

    done = subprocess.run(
        [environment_python(environment), "-u", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROGRAMS / "fake_pyaudio"),
            "TEST_MICROPHONE": str(microphone),
            "ASSEMBLYAI_API_KEY": KEY,
            "ASSEMBLYAI_STREAMING_URL": emulator.url,
        },
        capture_output=True,
        timeout=60,
    )

    output = done.stdout.decode()  # carriage returns as they are: the program wipes partials with them
    lines = [line.split("\r")[-1] for line in output.split("\n")]
    assert "Connection error" not in output
    finals = [line for line in lines if line.strip() and line.strip() in scene.text]
    assert " ".join("".join(finals).split()) == scene.text
    assert lines.index("That was everything") < lines.index(
        next(line for line in lines if line.startswith("Disconnected: 1000"))
    )
    assert lines[-2:] == ["Bye", ""]
    assert (done.returncode, done.stderr) == (0, b"")
    sizes = [frame.audio_bytes for frame in emulator.journal.frames("received") if frame.audio]
    assert set(sizes) == {44100 * 2 // 20}
    assert emulator.journal.connections[0].query["sample_rate"] == ("44100",)
    assert emulator.journal.connections[0].query["encoding"] == ("pcm_s16le",)
    assert "YOUR-SPEECHMATICS-KEY" not in repr(emulator.journal.connections[0].headers)
