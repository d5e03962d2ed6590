"""The comparison of two packages sees every difference that a program can see."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = {
    "__init__.py": "from {name}.client import *\n",
    "client.py": """
import json
from dataclasses import dataclass, field
from enum import Enum

URL = "wss://host.alpha.com/v2"

class Mode(str, Enum):
    RealTime = "rt"

@dataclass
class Settings:
    url: str
    size: int = 512
    names: list = field(default_factory=list, repr=False)

class Failure(Exception):
    pass

class Client:
    timeout = 5

    def __init__(self, settings=None):
        self.seq_no = 0
        self._hidden = 1

    async def run(self, stream, mode=Mode.RealTime, *, timeout: float = 1.0):
        self.running = True

    @property
    def is_running(self):
        return False

def read(stream, size=4096):
    yield stream
""",
}


@pytest.fixture
def package(tmp_path: Path, surface: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """The surface of a package with the source above, in which one text was replaced."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def make(name: str, old: str = "", new: str = "") -> dict[str, str]:
        (tmp_path / name).mkdir()
        for file, text in PACKAGE.items():
            assert file != "client.py" or old in text
            source = text.replace(old, new) if old else text
            (tmp_path / name / file).write_text(source.replace("{name}", name))
        found: dict[str, str] = surface.of(sys.executable, name)
        return found

    return make


def test_equal_packages_of_different_names_have_equal_surfaces(surface, package):
    original, ours = package("alpha"), package("beta")
    assert surface.differences(original, ours) == {}
    assert original["Client.run"] == ("async (self, stream, mode=<Mode.RealTime: 'rt'>, *, timeout=1.0)")
    assert original["Client.running"] == original["Client.seq_no"] == "attribute"
    assert original["client.Client"] == "is Client"
    assert original["URL"] == "'wss://host.alpha.com/v2'"
    assert original["json"] == "module json"
    assert not [name for name in original if "_hidden" in name]


@pytest.mark.parametrize(
    ("old", "new", "difference"),
    [
        ("size=4096", "size=1024", {"read": "(stream, size=1024) instead of (stream, size=4096)"}),
        ("async def run", "def run", None),
        ("timeout: float = 1.0", "timeout: float = 2.0", None),
        ("*, timeout", "timeout", None),
        ('RealTime = "rt"', 'RealTime = "live"', None),
        ("size: int = 512", "size: int = 513", None),
        ("repr=False", "repr=True", {"Settings.names": "field 2: names = list() instead of "
                                     "field 2: names = list(), not repr"}),
        ("Failure(Exception)", "Failure(ValueError)",
         {"Failure": "class(ValueError) instead of class(Exception)"}),
        ("self.seq_no = 0", "self._seq_no = 0", {"Client.seq_no": "missing: attribute"}),
        ("    @property\n", "", {"Client.is_running": "(self) instead of property"}),
        ("timeout = 5", "timeout = 6", {"Client.timeout": "6 instead of 5"}),
        ("import json", "", {"client.json": "missing: module json", "json": "missing: module json"}),
        ("class Failure(Exception):\n    pass\n", "",
         {"Failure": "missing: class(Exception)", "client.Failure": "missing: is Failure"}),
        ("    pass\n", "    code = 1\n", {"Failure.code": "added: 1"}),
    ],
)  # fmt: skip
def test_a_difference_is_found(surface, package, old, new, difference):
    original, ours = package("alpha"), package("beta", old, new)
    found = surface.differences(original, ours)
    assert found
    if difference is not None:
        assert found == difference


def test_the_written_list_is_read_from_a_document(surface, tmp_path):
    document = tmp_path / "document.md"
    document.write_text(
        "# One\n\n| `no` | not here |\n\n## List\n\n| name | reason |\n|---|---|\n"
        "| `Client.run` | it runs |\n| `a`, `b.c` | `two` at once |\n\n## Next\n\n| `no` | not here |\n"
    )
    assert surface.written(document, "## List") == {
        "Client.run": "it runs",
        "a": "`two` at once",
        "b.c": "`two` at once",
    }


def test_only_what_is_not_written_down_is_unexplained(surface):
    found = {"Client": "class()", "batch.Client.run": "missing: ()"}
    assert surface.unexplained(found, {"Client": "because", "batch.*": "because"}) == {}
    assert surface.unexplained(found, {"Client": "because", "Old": "because"}) == {
        "batch.Client.run": "missing: ()",
        "Old": "written down, but there is no difference",
    }
