"""The tool that compares our packages with the vendor's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def surface() -> ModuleType:
    """The module beside this one."""
    specification = importlib.util.spec_from_file_location("surface", Path(__file__).with_name("surface.py"))
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
