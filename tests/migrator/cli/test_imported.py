"""A module keeps the names that other files of the project may use, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.cli import main

LEGACY = Path(__file__).parents[3] / "fixtures" / "programs" / "guide" / "legacy.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose program is the guide's, with a limit of its own."""
    source = LEGACY.read_text().replace('SESSION_OPTIONS["max_delay"]', "MAX_DELAY")
    (tmp_path / "captions.py").write_text(
        source.replace("SESSION_OPTIONS =", "MAX_DELAY = 2.0\nSESSION_OPTIONS =", 1)
    )
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "tools").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "from captions import MAX_DELAY",
        "import captions\nprint(captions.MAX_DELAY)",
        "from .. import captions as c\nprint(c.MAX_DELAY)",
        "from .. import (\n    other,\n    captions,\n)\nprint(captions.MAX_DELAY)",
        "import captions\nprint(captions.MAX_DELAY, getattr(captions.main, NAME))",
        "from captions import *\nprint(MAX_DELAY)",
        "from captions import (\n    MAX_DELAY,\n)",
        "def late():\n    from captions import MAX_DELAY",
        "from captions import other, \\\n    MAX_DELAY",
    ],
)
def test_a_name_that_another_file_may_use_stays(project: Path, text: str) -> None:
    (project / "tools" / "other.py").write_text(text + "\n")
    assert main(["--write", "captions.py"]) == 0
    written = (project / "captions.py").read_text()
    assert "MAX_DELAY = 2.0" in written
    assert "streaming.eu.assemblyai.com" in written


@pytest.mark.parametrize("made_up", ["getattr(captions, NAME)", "vars(captions)", "captions.__dict__"])
def test_a_module_whose_names_another_file_makes_up_keeps_them_all(project: Path, made_up: str) -> None:
    before = (project / "captions.py").read_text()
    (project / "tools" / "other.py").write_text(f"import captions\nprint({made_up})\n")
    assert main(["--write", "captions.py"]) == 0
    assert (project / "captions.py").read_text() == before.replace(
        "import websocket", "from shim import websocket"
    )


@pytest.mark.parametrize(
    "line",
    [
        "import json",
        "# import captions",
        "captions = 1",
        "from tools import caption",
        "import captions",
        "from captions import main",
        "from .captions import MAX_DELAY",
    ],
)
def test_a_name_that_nobody_else_uses_goes(project: Path, line: str) -> None:
    (project / "tools" / "other.py").write_text(line + "\n")
    assert main(["--write", "captions.py"]) == 0
    assert "MAX_DELAY" not in (project / "captions.py").read_text()
