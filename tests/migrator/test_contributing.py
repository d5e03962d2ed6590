"""The rule that CONTRIBUTING.md shows is the one that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
FILES = [
    "tests/migrator/rules/test_links.py",
    "shim/protocol/mapping/hosts.py",
    "migrator/rules/links.py",
    "tests/migrator/rules/test_examples.py",
]


@pytest.mark.parametrize(("block", "file"), list(zip(BLOCKS, FILES, strict=True)), ids=FILES)
def test_what_it_shows_stands_in_the_file_that_it_names(block, file):
    def squeezed(text):
        return re.sub(r"\s+", "", text)

    assert squeezed(block) in squeezed((ROOT / file).read_text(encoding="utf-8"))


def test_every_file_that_it_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = re.findall(r"`((?:docs|migrator|shim|tests|scripts)/[\w/.-]+)", text)
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
