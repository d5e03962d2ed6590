"""The guide's program, as every test of the engine starts from it."""

from __future__ import annotations

from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "fixtures" / "programs" / "guide"


@pytest.fixture(scope="session")
def legacy() -> str:
    """The program before."""
    return (PROGRAM / "legacy.py").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def native() -> str:
    """The program after."""
    return (PROGRAM / "native.py").read_text(encoding="utf-8")
