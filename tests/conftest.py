"""What tests of several rooms share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from shim.emulator.scene import Scene

ROOT = Path(__file__).parent.parent

# A shell without job control starts what it puts into the background deaf to Ctrl-C, and programs inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no program that a test starts, writes to the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def scenes() -> Path:
    """The folder of the scenes."""
    return ROOT / "fixtures" / "scenes"


@pytest.fixture(scope="session")
def one_sentence(scenes: Path) -> Scene:
    """One turn of about 3 s."""
    return Scene.load(scenes / "one-sentence.json")


@pytest.fixture(scope="session")
def two_speakers(scenes: Path) -> Scene:
    """Five turns of two people, about 15 s."""
    return Scene.load(scenes / "two-speakers.json")


@pytest.fixture(scope="session")
def encode_mulaw() -> Callable[[bytes], bytes]:
    """16-bit samples to G.711 mu-law, by the standard's definition (not by the inverse of a decoder under test)."""

    def encode(samples: bytes) -> bytes:
        values = np.frombuffer(samples, "<i2").astype(int)
        magnitude = np.clip(np.abs(values), 0, 32635) + 132
        exponent = np.floor(np.log2(magnitude)).astype(int) - 7
        mantissa = (magnitude >> (exponent + 3)) & 0x0F
        code = np.where(values < 0, 0x80, 0) | (exponent << 4) | mantissa
        return (~code & 0xFF).astype(np.uint8).tobytes()

    return encode


@pytest.fixture(scope="session")
def environment_python() -> Callable[[str], Path]:
    """The interpreter of an environment of client libraries, by its name under ``.environments``."""

    def find(name: str) -> Path:
        python = ROOT / ".environments" / name / "bin" / "python"
        if not python.exists():
            pytest.fail(f"the environment {name} is missing; run scripts/test --install")
        return python

    return find


@pytest.fixture(scope="session")
def oracles() -> Path:
    """The folder of the vendors' schemas and of captured sessions."""
    folder = os.environ.get("ORACLES")
    if not folder:
        pytest.skip("ORACLES names no folder with the vendors' schemas")
    return Path(folder)
