"""SDK programs rewritten to the assemblyai package: what becomes of each, and what must not be rewritten."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.engine import migrate_project, migrate_source
from migrator.options import Options
from migrator.result import FileResult
from migrator.rules import sdk_client, sdk_handlers
from shim.protocol.mapping.parameters import PARAMETERS

PROGRAMS = Path(__file__).parents[3] / "fixtures" / "programs"
FOLDERS = sorted(path.parent for path in PROGRAMS.glob("speechmatics-*/*/legacy.py"))
NATIVE = [folder for folder in FOLDERS if (folder / "native.py").exists()]
SHIM = [folder for folder in FOLDERS if (folder / "shim.py").exists()]


def name(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


def migrated(folder: Path, **options: str) -> FileResult:
    return migrate_source("legacy.py", (folder / "legacy.py").read_bytes(), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("folder", FOLDERS, ids=name)
def test_every_program_is_rewritten_or_gets_the_drop_in_as_is_written_down(folder: Path) -> None:
    result = migrated(folder)
    expected = folder / ("native.py" if folder in NATIVE else "shim.py")
    assert (result.status, result.after.decode()) == (expected.stem, expected.read_text(encoding="utf-8"))
    assert result.touch_points_left == 0
    again = migrate_source("legacy.py", result.after, Options())
    assert (again.status, again.after, again.findings) == ("unchanged", result.after, ())


@pytest.mark.parametrize("folder", SHIM, ids=name)
def test_the_drop_in_takes_every_program(folder: Path) -> None:
    result = migrated(folder, to="shim")
    assert (result.status, result.after.decode()) == (
        "shim",
        (folder / "shim.py").read_text(encoding="utf-8"),
    )


@pytest.mark.parametrize("folder", NATIVE, ids=name)
def test_a_program_with_the_drop_in_can_be_rewritten_later(folder: Path) -> None:
    dropped_in = migrated(folder, to="shim").after
    result = migrate_source("legacy.py", dropped_in, Options(to="native"))
    assert (result.status, result.after.decode()) == (
        "native",
        (folder / "native.py").read_text(encoding="utf-8"),
    )


LEGACY = """\
import os
import sys
from functools import partial
from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, ServerMessageType, TranscriptionConfig

finals = []

def on_final(message):
    {handler}

{before}
client = WebsocketClient(ConnectionSettings(url={url}, auth_token=os.environ["SPEECHMATICS_API_KEY"]{settings}))
client.add_event_handler({event}, {registered})
config = TranscriptionConfig({config})
audio = {audio}
{opened}
"""
LEGACY_PLACES = {
    "handler": 'print(message["metadata"]["transcript"])',
    "before": "",
    "url": '"wss://eu2.rt.speechmatics.com/v2"',
    "settings": "",
    "event": "ServerMessageType.AddTranscript",
    "registered": "on_final",
    "config": 'language="en"',
    "audio": 'open("speech.raw", "rb")',
    "opened": 'client.run_synchronously(audio, config, AudioSettings(encoding="pcm_s16le", sample_rate=16000))',
}


def legacy(**places: str) -> FileResult:
    source = LEGACY.format(**LEGACY_PLACES | places)
    compile(source, "app.py", "exec")
    return migrate_source("app.py", source.encode(), Options())


def test_the_program_of_the_table_below_is_rewritten() -> None:
    result = legacy()
    assert result.status == "native", result.findings
    assert b"speechmatics" not in result.after.lower()


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"handler": 'print(message["results"][0]["alternatives"])'}, "one result is picked"),
        (
            {"handler": 'print(message["metadata"]["start_time"])'},
            "start_time of a transcript has no counterpart",
        ),
        ({"handler": 'print(message["message"])'}, "has no counterpart"),
        ({"handler": "finals.append(message)"}, "out of sight"),
        ({"handler": 'if message["message"] == "AddTranscript": pass'}, "asks which message it got"),
        (
            {"handler": 'raise ValueError(message["metadata"]["transcript"])'},
            "ends the session by an exception",
        ),
        ({"handler": "sys.exit(1)"}, "ends the session by an exception"),
        ({"registered": "finals.append"}, "defined out of sight"),
        ({"registered": "partial(print, 1)"}, "defined out of sight"),
        ({"before": "on_final({})"}, "other callers"),
        ({"event": "ServerMessageType.AudioAdded"}, "AudioAdded has no counterpart"),
        ({"event": '"all"'}, "only known at run time"),
        ({"event": "sys.argv[1]"}, "only known at run time"),
        ({"config": 'language="cs"'}, "keeps to one language"),
        ({"config": "language=sys.argv[1]"}, "only known at run time"),
        ({"config": "**options", "before": "options = {}"}, "only known at run time"),
        ({"config": 'language="en", translation_config={"target_languages": ["de"]}'}, "target_languages"),
        ({"url": '"wss://asr.hospital.example/v2"'}, "no host of the Speechmatics cloud"),
        ({"url": 'os.environ["URL"]'}, "only known at run time"),
        ({"settings": ", ssl_context=None"}, "not understood"),
        ({"audio": "sys.stdin"}, "out of sight"),
        (
            {
                "audio": "subprocess.Popen(['sox'], stdout=subprocess.PIPE, text=True).stdout",
                "before": "import subprocess",
            },
            "out of sight",
        ),
        ({"audio": "aiofiles.open('speech.raw', 'rb')", "before": "import aiofiles"}, "out of sight"),
        ({"audio": "open('speech.raw', 'rb')", "before": "from gzip import open"}, "out of sight"),
        ({"audio": "make()", "before": "def make(): return open('x', 'rb')"}, "out of sight"),
        (
            {"audio": "Mic()", "before": "class Mic:\n    def read(self, n):\n        return None"},
            "out of sight",
        ),
        (
            {
                "audio": "Mic()",
                "before": "class Mic:\n    async def read(self, n):\n        return await queue.get()",
            },
            "out of sight",
        ),
        (
            {
                "audio": "Mic()",
                "before": "class Mic:\n    async def read(self, n):\n        return b''",
                "opened": "client.run_synchronously(audio, config, AudioSettings())",
            },
            "read with await",
        ),
        (
            {"opened": LEGACY_PLACES["opened"].replace("))", "), timeout=60)")},
            "argument that has no counterpart",
        ),
        ({"opened": "for _ in range(2):\n    " + LEGACY_PLACES["opened"]}, "may open several sessions"),
        ({"opened": LEGACY_PLACES["opened"] + "\n" + LEGACY_PLACES["opened"]}, "not exactly one session"),
        ({"opened": "def transcribe():\n    " + LEGACY_PLACES["opened"]}, "may open several sessions"),
        ({"opened": LEGACY_PLACES["opened"] + "\nclient.stop()"}, "stop() of the client"),
        (
            {"opened": LEGACY_PLACES["opened"] + "\nclient.add_middleware(1, 2)"},
            "add_middleware() of the client",
        ),
        (
            {"opened": "client.update_transcription_config(config)\n" + LEGACY_PLACES["opened"]},
            "update_transcription",
        ),
        ({"opened": LEGACY_PLACES["opened"] + "\nprint(client)"}, "used in a way that is not understood"),
        ({"opened": LEGACY_PLACES["opened"] + "\nprint(config.language)"}, "also used elsewhere"),
        ({"opened": LEGACY_PLACES["opened"] + "\nprint(ServerMessageType.Info)"}, "no rule covers"),
        (
            {"opened": f"try:\n    {LEGACY_PLACES['opened']}\nexcept ConnectionError:\n    pass"},
            "ConnectionError is caught",
        ),
    ],
)
def test_what_is_not_understood_whole_keeps_its_own_words_and_gets_the_drop_in(
    places: dict[str, str], words: str
) -> None:
    result = legacy(**places)
    reasons = [finding.message for finding in result.findings if finding.rule == "not-rewritten"]
    assert result.status == "shim", result.after.decode()
    assert any(words in reason for reason in reasons), reasons
    assert b"from shim.speechmatics.client import WebsocketClient\n" in result.after


@pytest.mark.parametrize(
    ("places", "line"),
    [
        (
            {"handler": 'text = message["metadata"]["transcript"]; print(text)'},
            "text = message.transcript; print(text)",
        ),
        (
            {"handler": 'finals.append(message.get("metadata", {}).get("transcript", ""))'},
            "finals.append(message.transcript)",
        ),
        (
            {"handler": 'print([r["alternatives"][0]["content"] for r in message["results"]])'},
            "print([r.text for r in message.words])",
        ),
        (
            {"handler": 'print([r["end_time"] - r["start_time"] for r in message["results"]])'},
            "print([r.end / 1000 - r.start / 1000 for r in message.words])",
        ),
        (
            {"handler": "pass", "registered": 'lambda m: print(m["metadata"]["transcript"])'},
            "client.on(StreamingEvents.Turn, lambda _client, m: print(m.transcript) if m.end_of_turn else None)",
        ),
        (
            {
                "handler": "pass",
                "event": '"AddPartialTranscript"',
                "registered": 'lambda m: print(m["metadata"]["transcript"])',
            },
            "client.on(StreamingEvents.Turn, lambda _client, m: print(m.transcript) if not m.end_of_turn else None)",
        ),
        (
            {"event": '"EndOfTranscript"', "handler": "print('over')"},
            "client.on(StreamingEvents.Termination, on_final)",
        ),
        ({"event": '"EndOfUtterance"', "handler": "print('over')"}, "if not message.end_of_turn:"),
        ({"event": '"RecognitionStarted"', "handler": 'print(message["id"])'}, "print(message.id)"),
        ({"event": '"Error"', "handler": 'print(message["reason"])'}, "print(message)"),
        ({"event": '"Warning"', "handler": 'print(message["reason"])'}, "print(message.warning)"),
        (
            {"audio": "Mic()", "before": "class Mic:\n    def read(self, n):\n        return b''"},
            'framing.frames(iter(lambda: audio.read(4096), b""), encoding="pcm_s16le", sample_rate=16000)',
        ),
        (
            {"audio": "sys.stdin.buffer"},
            'framing.frames(iter(lambda: audio.read(4096), b""), encoding="pcm_s16le", sample_rate=16000)',
        ),
        (
            {"opened": "client.run_synchronously(audio, config, AudioSettings())"},
            "recording = Recording(audio)",
        ),
        ({"opened": "client.run_synchronously(audio, config)"}, "sample_rate=recording.sample_rate,"),
        (
            {"opened": "client.run_synchronously(audio, config, AudioSettings(chunk_size=1024))"},
            "recording = Recording(audio, 1024)",
        ),
        ({"config": 'language="de"'}, 'language_codes=["de"],'),
        ({"config": 'language="en", additional_vocab=["gnocchi"]'}, 'keyterms_prompt=["gnocchi"],'),
        ({"config": 'language="en", diarization="speaker"'}, "speaker_labels=True,"),
        ({"url": '"wss://us.rt.speechmatics.com/v2"'}, 'api_host="streaming.us.assemblyai.com",'),
        (
            {"opened": LEGACY_PLACES["opened"].replace("16000", "8000").replace("s16le", "f32le")},
            "sample_rate=8000,",
        ),
    ],
)
def test_what_becomes_of_one_line(places: dict[str, str], line: str) -> None:
    result = legacy(**places)
    assert result.status == "native", result.findings
    assert line in [text.strip() for text in result.after.decode().splitlines()], result.after.decode()


def test_partial_rewrites_what_it_can_and_marks_the_rest() -> None:
    handler = 'client.add_event_handler("AudioAdded", print)\n'
    source = LEGACY.format(**LEGACY_PLACES | {"opened": handler + LEGACY_PLACES["opened"]})
    result = migrate_source("app.py", source.encode(), Options(to="native", partial=True))
    marks = [line for line in result.after.decode().splitlines() if "# TODO(migrate)" in line]
    assert result.status == "manual"
    assert marks == ["# TODO(migrate): the handler is defined out of sight"]
    source = source.replace("print)", "lambda message: None)")
    result = migrate_source("app.py", source.encode(), Options(to="native", partial=True))
    assert (result.status, 0 < result.touch_points_left < result.touch_points) == ("manual", True)
    assert b"    client.connect(" in result.after
    assert b"# TODO(migrate): AudioAdded has no counterpart" in result.after


@pytest.mark.parametrize("name", ["on_final", "client", "config"])
def test_what_another_file_may_use_is_not_rewritten(name: str) -> None:
    source = LEGACY.format(**LEGACY_PLACES).encode()
    results = migrate_project({"app.py": source, "other.py": f"from app import {name}\n".encode()}, Options())
    assert results["app.py"].status == "shim"
    assert any(
        "another file" in f.message or "also used elsewhere" in f.message for f in results["app.py"].findings
    )


def test_the_key_in_the_source_never_gets_to_assemblyai() -> None:
    source = LEGACY.format(**LEGACY_PLACES).replace('os.environ["SPEECHMATICS_API_KEY"]', '"0123456789"')
    result = migrate_source("app.py", source.encode(), Options())
    assert result.status == "native"
    assert b"0123456789" not in result.after
    assert b'api_key=os.environ["ASSEMBLYAI_API_KEY"]' in result.after
    assert any("withdraw" in finding.message for finding in result.findings)


def test_a_file_without_a_session_goes_with_the_drop_in_and_stays_with_to_native() -> None:
    text = b"from speechmatics.models import TranscriptionConfig\n\nCONFIG = TranscriptionConfig(language='en')\n"
    assert migrate_source("config.py", text, Options()).status == "shim"
    result = migrate_source("config.py", text, Options(to="native"))
    assert (result.status, result.after) == ("manual", text)
    assert [finding.rule for finding in result.findings] == ["not-rewritten"]


def test_a_second_service_in_the_file_keeps_it_from_being_rewritten() -> None:
    source = "from speechmatics.batch_client import BatchClient\n" + LEGACY.format(**LEGACY_PLACES)
    result = migrate_source(
        "app.py", source.encode().replace(b"ConnectionSettings(", b"ConnectionSettings("), Options()
    )
    assert result.status in ("shim", "manual")
    assert b"assemblyai" not in result.after


@pytest.mark.environment
def test_the_assemblyai_package_has_every_name_and_parameter(
    environment_python: Callable[[str], Path],
) -> None:
    """Parameters that the package does not know it would drop in silence."""
    script = (
        "import json, assemblyai.streaming.v3 as v3\n"
        "from assemblyai.streaming.v3 import StreamingClientOptions as O, StreamingEvents, StreamingParameters as P\n"
        "print(json.dumps([sorted(P.model_fields), [e.name for e in StreamingEvents], dir(v3), sorted(O.model_fields)]))"
    )
    python = environment_python("assemblyai")
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, check=True)
    parameters, events, names, options = json.loads(done.stdout)
    ours = {parameter for row in PARAMETERS.values() for parameter in row.assemblyai}
    assert ours | {"speech_model", "include_partial_turns"} <= set(parameters)
    assert set(sdk_handlers.EVENTS.values()) <= set(events)
    assert set(sdk_handlers.CLASSES.values()) <= set(names)
    assert {option.partition("=")[0] for option in sdk_client.PATIENCE} | {"api_host", "api_key"} <= set(
        options
    )
    for folder in NATIVE:
        for node in ast.walk(ast.parse((folder / "native.py").read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module == sdk_handlers.STREAMING:
                assert {alias.name for alias in node.names} <= set(names)


RT = """\
import asyncio
import os
from speechmatics.rt import AsyncClient, JWTAuth, ServerMessageType, StaticKeyAuth, TranscriptionConfig


async def main():
    {before}
    async with AsyncClient({auth}) as client:
        client.on(ServerMessageType.ADD_TRANSCRIPT, lambda message: print(message["metadata"]["transcript"]))
        with open("speech.wav", "rb") as audio:
            await client.transcribe(audio)


asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("before", "auth", "lines"),
    [
        (
            "pass",
            'StaticKeyAuth(os.environ["SPEECHMATICS_API_KEY"])',
            ['api_key=os.environ["ASSEMBLYAI_API_KEY"],'],
        ),
        ("pass", "auth=JWTAuth(ttl=300)", ['api_key=os.environ["ASSEMBLYAI_API_KEY"],']),
        (
            'auth = JWTAuth(os.environ["SPEECHMATICS_API_KEY"], ttl=60)',
            "auth=auth",
            ["auth = StreamingClientOptions(", "async with AsyncStreamingClient(auth) as client:"],
        ),
    ],
)
def test_the_key_in_an_object_of_its_own_opens_the_session_itself(
    before: str, auth: str, lines: list[str]
) -> None:
    result = migrate_source("app.py", RT.format(before=before, auth=auth).encode(), Options())
    assert result.status == "native", result.findings
    after = [line.strip() for line in result.after.decode().splitlines()]
    assert [line for line in lines if line not in after] == []
    assert b"Auth(" not in result.after


@pytest.mark.parametrize(
    ("before", "auth", "words"),
    [
        ("pass", 'JWTAuth(mp_url="https://keys.example")', "service of its own"),
        ("auth = JWTAuth()\n    print(auth)", "auth", "also used elsewhere"),
        ("auth = make()", "auth", "out of sight"),
    ],
)
def test_an_authorization_that_is_not_in_sight_keeps_the_client(before: str, auth: str, words: str) -> None:
    result = migrate_source("app.py", RT.format(before=before, auth=auth).encode(), Options())
    assert result.status == "shim"
    assert any(words in finding.message for finding in result.findings), result.findings
