"""The report for programs. Its schema is in ``docs/report.md``; ``version`` grows when a reader would break."""

from __future__ import annotations

import io
import json
import tokenize
from dataclasses import asdict
from typing import Any

from migrator.report.diff import unified
from migrator.report.summary import summarise
from migrator.result import FileResult, Result

VERSION = 1


def render(result: Result) -> str:
    """The report as a JSON document."""
    document = {
        "version": VERSION,
        "files": [_file(file) for file in result.files],
        "skipped": [{"path": path, "reason": reason} for path, reason in result.skipped],
        "summary": asdict(summarise(result)),
    }
    # Escaped, so that the names of files that are no UTF-8 can be written, too.
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _file(file: FileResult) -> dict[str, Any]:
    return {
        "path": file.path,
        "kind": file.kind,
        "status": file.status,
        "unit": file.unit,
        "edits": [asdict(edit) for edit in file.edits],
        "findings": [asdict(finding) for finding in file.findings],
        "touch_points": file.touch_points,
        "touch_points_left": file.touch_points_left,
        "error": file.error,
        "diff": unified(file).decode(_encoding(file.before), "replace"),
    }


def _encoding(source: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(source).readline)[0]
    except SyntaxError:  # a coding line that names no encoding: such a file is never changed
        return "utf-8"
