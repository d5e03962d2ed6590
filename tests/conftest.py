"""What tests of several rooms share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shim.emulator.scene import Scene

ROOT = Path(__file__).parent.parent


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
