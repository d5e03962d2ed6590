from __future__ import annotations

from pathlib import Path

from shim.protocol.mapping.document import document
from shim.protocol.mapping.parameters import PARAMETERS

COMMITTED = Path(__file__).parents[4] / "docs" / "mapping.md"


def test_the_committed_document_is_that_of_the_tables() -> None:
    again = "python -m shim.protocol.mapping.document > docs/mapping.md"
    assert COMMITTED.read_text("utf-8") == document(), f"generate it again: {again}"


def test_the_document_names_every_setting() -> None:
    text = document()
    assert all(f"| `{path}` |" in text for path in PARAMETERS)
