"""Views of one `Result`: the terminal's, and a module per file format, loaded when it is asked for.

A format is a module with ``render(result: Result) -> str`` and a line in `FORMATS`.
"""

from __future__ import annotations

import importlib
import os

from migrator.result import Result

FORMATS = {".json": "migrator.report.json"}


def format_of(path: str) -> str | None:
    """The suffix of `path` if a report can be written in that format, else None."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix if suffix in FORMATS else None


def write(path: str, result: Result) -> None:
    """Write the report in the format that the suffix of `path` names.

    Raises:
        KeyError: no format has this suffix.
        OSError: the file cannot be written.
    """
    text: str = importlib.import_module(FORMATS[os.path.splitext(path)[1].lower()]).render(result)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
