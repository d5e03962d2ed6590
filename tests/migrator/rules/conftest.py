"""A legacy program with places where a test puts its own lines, and what becomes of it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult

PROGRAM = """\
import json
import os
import threading
import time

import pyaudio
import websocket

{constants}
done = threading.Event()


def on_open(ws):
    ws.send(json.dumps({{
        "message": "StartRecognition",
        "audio_format": {{"type": "raw", "encoding": {encoding}, "sample_rate": {rate}}},
        "transcription_config": {{"language": "en", "enable_partials": True{config}}},
    }}))
    threading.Thread(target=send, args=(ws,), daemon=True).start()


def on_message(ws, message):
    event = json.loads(message)
    kind = event["message"]
{dispatch}
    if kind == "EndOfTranscript":
        done.set()


def send(ws):
{capture}
{end}


def main():
    websocket.WebSocketApp({url}, header={header}, on_open=on_open, on_message=on_message{more}).run_forever({run})


main()
"""

DEFAULTS = {
    "constants": "LIMIT = 100",
    "encoding": '"pcm_s16le"',
    "rate": "16000",
    "config": "",
    "dispatch": 'if kind == "AddTranscript":\n    print(event["metadata"]["transcript"])',
    "capture": (
        "stream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=16000, input=True)\n"
        "for _ in range(LIMIT):\n"
        "    ws.send(stream.read(1600), websocket.ABNF.OPCODE_BINARY)"
    ),
    "end": 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))\ndone.wait(10)\nws.close()',
    "url": '"wss://eu2.rt.speechmatics.com/v2"',
    "header": '{"Authorization": "Bearer " + os.environ["SPEECHMATICS_API_KEY"]}',
    "more": "",
    "run": "",
}

Migrate = Callable[..., FileResult]


@pytest.fixture(scope="session")
def migrate() -> Migrate:
    """Migrate the program with some of its places filled otherwise; give ``options`` for others than the default, and
    ``replacing`` for texts outside the places."""

    def run(
        options: Options | None = None, replacing: dict[str, str] | None = None, **places: str
    ) -> FileResult:
        lines = DEFAULTS | places
        for block in ("dispatch", "capture", "end"):
            lines[block] = textwrap.indent(lines[block], "    ")
        source = PROGRAM.format(**lines)
        for old, new in (replacing or {}).items():
            assert old in source
            source = source.replace(old, new)
        compile(source, "legacy.py", "exec")
        return migrate_source("legacy.py", source.encode(), options or Options())

    return run


@pytest.fixture(scope="session")
def rewritten(migrate: Migrate) -> Callable[..., str]:
    """The text of a program that must be rewritten."""

    def run(**places: Any) -> str:
        result = migrate(**places)
        assert result.status == "native", [f for f in result.findings if f.rule == "not-rewritten"]
        return result.after.decode()

    return run


@pytest.fixture(scope="session")
def refused(migrate: Migrate) -> Callable[..., str]:
    """Why a program that must not be rewritten was not, what is broken in it included."""

    def run(**places: Any) -> str:
        result = migrate(**places)
        assert result.status == "shim", result.after.decode()
        return "\n".join(
            f.message for f in result.findings if f.rule.startswith(("not-rewritten", "broken-"))
        )

    return run
