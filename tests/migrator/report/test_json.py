import json
import os
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from migrator import report
from migrator.report.json import render
from migrator.result import FileResult, Result

PAGE = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def schema():
    """The schema in the documentation."""
    return json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])


def test_the_report_has_the_documented_form(result, schema):
    jsonschema.validate(json.loads(render(result)), schema)


def test_an_empty_run_has_the_documented_form(schema):
    document = json.loads(render(Result((), scanned=0)))
    jsonschema.validate(document, schema)
    assert document["files"] == []


def test_edits_findings_and_diff_of_a_file(result):
    live = json.loads(render(result))["files"][0]
    assert live["edits"][0] == {
        "rule": "endpoint",
        "line": 2,
        "reason": "the host becomes AssemblyAI's in the same region",
        "confidence": "certain",
    }
    assert live["findings"] == [
        {"rule": "key", "line": 3, "message": "put the new key into the environment", "docs": "rules.md#key"}
    ]
    assert live["diff"].startswith(
        "--- a/app/live.py\n+++ b/app/live.py\n@@ -1,3 +1,3 @@\n import websocket\n-HOST"
    )


def test_the_summary_counts(result):
    assert json.loads(render(result))["summary"] == {
        "scanned": 40,
        "scanned_around": 0,
        "changed": 2,
        "native": 1,
        "shim": 1,
        "manual": 1,
        "unchanged": 0,
        "error": 1,
        "edits": 5,
        "findings": 2,
        "touch_points": 7,
        "touch_points_left": 2,
    }


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (b"# coding: latin-1\n# caf\xe9\n", "café"),
        ("# café\n".encode(), "café"),
        (b"# caf\xe9\n", "caf\N{REPLACEMENT CHARACTER}"),
        (b"\xef\xbb\xbfx = 1\n", "\N{ZERO WIDTH NO-BREAK SPACE}x = 1"),
    ],
)
def test_a_diff_is_read_as_its_file_says(before, text):
    file = FileResult("a.py", "native", before, before + b"y = 2\n")
    assert text in json.loads(render(Result((file,), 1)))["files"][0]["diff"]


def test_a_file_name_that_is_no_text_can_be_reported(result, tmp_path):
    name = os.fsdecode(b"\xff.py")
    report.write(str(tmp_path / "out.json"), Result((replace(result.files[0], path=name),), 1))
    assert json.loads((tmp_path / "out.json").read_bytes())["files"][0]["path"] == name


@pytest.mark.parametrize(
    ("path", "suffix"), [("a.json", ".json"), ("A.JSON", ".json"), ("a.xyz", None), ("json", None)]
)
def test_the_suffix_chooses_the_format(path, suffix):
    assert report.format_of(path) == suffix
