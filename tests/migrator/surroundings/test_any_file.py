"""Whatever stands in a file around the code: no crash, no change without Speechmatics, every other byte as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.options import Options
from migrator.project import Candidate
from migrator.result import FileResult
from migrator.surroundings import outcome, run
from migrator.surroundings.kinds import kind_of

NATIVE = FileResult(
    "a.py",
    "native",
    b'import os, websockets\nKEY = os.environ["SPEECHMATICS_API_KEY"]\n',
    b'import os, websockets\nKEY = os.environ["ASSEMBLYAI_API_KEY"]\n',
)
NAMES = (
    "requirements.txt", "pyproject.toml", "Pipfile", "setup.cfg", "setup.py", "environment.yml", "uv.lock",
    ".env", ".env.example", "docker-compose.yml", "Dockerfile", "app.json", "README.md", "a.ipynb", "a.js",
)  # fmt: skip
PIECES = st.sampled_from(
    [
        "speechmatics-python", "speechmatics_rt>=1", "websockets", "numpy", "==1.0", "SPEECHMATICS_API_KEY", "=", ": ", '"', "'", "[", "]",
        "{", "}", ",", "\n", "\r\n", "\\\n", "#", " ", "    ", "- ", "pip install ", "[project]", "dependencies = ", "install_requires", "pip:",
        "${", "é", "\x00", "\ufeff", "name: ", "--hash=sha256:0", ";", "secrets.", "wss://eu2.rt.speechmatics.com", "StartRecognition",
    ]
)  # fmt: skip


def migrated(name, data):
    return run.migrate([Candidate(name, data)], outcome.outcome_of([NATIVE], False), Options())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.lists(PIECES, max_size=25).map("".join))
def test_no_text_is_too_odd_and_a_second_run_changes_nothing(name, text):
    for result in migrated(name, text.encode()):
        assert 0 <= result.touch_points_left <= result.touch_points or result.kind == "notebook"
        assert all(
            line >= 1 for line in [*(e.line for e in result.edits), *(f.line for f in result.findings)]
        )
        for again in migrated(name, result.after):
            assert not again.changed


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(NAMES), st.binary(max_size=80))
def test_bytes_without_speechmatics_stay(name, data):
    assert not any(result.changed for result in migrated(name, data))


@pytest.mark.parametrize(
    ("name", "folder", "kind"),
    [
        ("requirements-dev.txt", "", "requirements"),
        ("base.txt", "requirements", "requirements"),
        ("pyproject.toml", "", "pyproject"),
        ("environment.yaml", "", "conda"),
        ("Pipfile.lock", "", "lock"),
        (".env", "", "secrets"),
        (".env.local", "", "secrets"),
        ("prod.env", "", "secrets"),
        (".env.example", "", "environment"),
        (".env.production.sample", "", "environment"),
        ("Dockerfile.dev", "", "script"),
        ("docker-compose.override.yml", "", "yaml"),
        ("README", "", "document"),
        ("notes.txt", "", None),
        ("CHANGELOG.md", "", None),
        ("transcript.json", "", None),
        ("package-lock.json", "", None),
        ("vendor.min.js", "", None),
        ("a.py", "", None),
        ("photo.png", "", None),
    ],
)
def test_kinds_are_told_by_their_names(name, folder, kind):
    found = kind_of(name, folder)
    assert (found.name if found else None) == kind
