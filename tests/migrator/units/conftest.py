"""What becomes of a small project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from migrator.options import Options
from tests.migrator.units.projects import Project


@pytest.fixture
def migrate() -> Callable[..., Project]:
    """A function that migrates a project: its files by path, and options."""

    def run(files: Mapping[str, str], **options: Any) -> Project:
        return Project(files, Options(**options))

    return run
