"""Every public name, signature, default, enum member and dataclass field is that of the vendor's package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

DOCUMENT = Path(__file__).parents[3] / "docs" / "speechmatics-sdk.md"


@pytest.mark.environment
def test_what_differs_from_the_legacy_sdk_is_written_down(
    surface: ModuleType, environment_python: Callable[[str], Path]
) -> None:
    original = surface.of(environment_python("speechmatics-python"), "speechmatics")
    found = surface.differences(original, surface.of(sys.executable, "shim.speechmatics"))
    assert len(original) > 450
    assert (
        surface.unexplained(found, surface.written(DOCUMENT, "### Names of speechmatics-python that differ"))
        == {}
    )
