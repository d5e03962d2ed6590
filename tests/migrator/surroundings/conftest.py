"""A file around the code, and what becomes of it after some code."""

import pytest

from migrator.options import Options
from migrator.project import Candidate
from migrator.result import FileResult
from migrator.surroundings import outcome, run

SDK = b"import speechmatics\nfrom speechmatics.models import ServerMessageType\n"
SDK_SHIM = (
    b"import shim.speechmatics as speechmatics\nfrom shim.speechmatics.models import ServerMessageType\n"
)
RAW = b'import os, websockets\nKEY = os.environ["SPEECHMATICS_API_KEY"]\n'
RAW_SHIM = b'import os\nfrom shim import websockets\nKEY = os.environ["SPEECHMATICS_API_KEY"]\n'
RAW_NATIVE = b'import os, websockets\nKEY = os.environ["ASSEMBLYAI_API_KEY"]\n'
BATCH = b"from speechmatics.batch import AsyncClient\n"
LEGACY_BATCH = b"from speechmatics.batch_client import BatchClient\n"

SDK_NATIVE = b"from assemblyai.streaming.v3 import StreamingClient\nfrom shim import framing\n"
PLUGIN = b"from livekit.plugins import openai, speechmatics\n"

CODE = {
    "sdk": [("app/sdk.py", "shim", SDK, SDK_SHIM)],
    "raw": [("app/raw.py", "native", RAW, RAW_NATIVE)],
    "raw on the drop-in": [("app/raw.py", "shim", RAW, RAW_SHIM)],
    "sdk and raw": [("app/sdk.py", "shim", SDK, SDK_SHIM), ("app/raw.py", "native", RAW, RAW_NATIVE)],
    "sdk and batch": [("app/sdk.py", "shim", SDK, SDK_SHIM), ("app/batch.py", "manual", BATCH, BATCH)],
    "sdk and its batch": [
        ("app/sdk.py", "shim", SDK, SDK_SHIM),
        ("app/batch.py", "manual", LEGACY_BATCH, LEGACY_BATCH),
    ],
    "sdk rewritten": [("app/sdk.py", "native", SDK, SDK_NATIVE)],
    "plugin": [("app/agent.py", "native", PLUGIN, PLUGIN.replace(b"speechmatics", b"assemblyai"))],
    "sdk and what came with it": [
        (
            "app/sdk.py",
            "shim",
            b"from httpx import HTTPStatusError\n" + SDK,
            b"from httpx import HTTPStatusError\n" + SDK_SHIM,
        )
    ],
    "untouched": [("app/sdk.py", "manual", SDK, SDK)],
    "none": [],
}


@pytest.fixture
def migrated():
    """A function: the results for files around code, by path.

    Args:
        code: a name in `CODE`, or tuples of path, status, before, after.
        files: content by path.
        options: of `Options`.
    """

    def migrate(code, files, has_left_out=False, **options):
        modules = CODE[code] if isinstance(code, str) else code
        results = [FileResult(path, status, before, after) for path, status, before, after in modules]
        candidates = [
            Candidate(path, content.encode() if isinstance(content, str) else content)
            for path, content in files.items()
        ]
        found = run.migrate(candidates, outcome.outcome_of(results, has_left_out), Options(**options))
        return {result.path: result for result in found}

    return migrate


@pytest.fixture
def after(migrated):
    """A function: the text of one file afterwards."""

    def migrate(code, path, content, **options):
        result = migrated(code, {path: content}, **options).get(path)
        return content if result is None else result.after.decode()

    return migrate


@pytest.fixture
def told(migrated):
    """A function: line and message of the findings of one file, which does not change."""

    def migrate(code, path, content, **options):
        result = migrated(code, {path: content}, **options).get(path)
        if result is None:
            return []
        assert not result.changed
        return [(finding.line, finding.message) for finding in result.findings]

    return migrate
