"""The example of every rule is what the engine really makes of it, in a program around it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator import cli
from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult
from migrator.rules import CATALOGUE

Migrate = Callable[..., FileResult]

EXAMPLES = {name: rule for name, rule in CATALOGUE.items() if rule.before}

MICROPHONE = "stream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=RATE, input=True)\n"

# What stands in the places of the raw program (conftest.py) so that the example of a rule is in it.
PLACES: dict[str, dict[str, str]] = {
    "no-counterpart": {
        "dispatch": 'if kind == "AddTranscript":\n    print(event["metadata"]["transcript"])\n'
        'elif kind == "AudioAdded":\n    acknowledged = event["seq_no"]'
    },
    "sequence-numbers": {
        "capture": "chunks_sent = 0\n" + MICROPHONE.replace("RATE", "16000") + "for _ in range(LIMIT):\n"
        "    ws.send(stream.read(1600), websocket.ABNF.OPCODE_BINARY)\n"
        "    chunks_sent += 1",
        "end": 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": chunks_sent}))\ndone.wait(10)\nws.close()',
    },
    "endpoint": {},
    "links": {"constants": 'LIMIT = 100\nprint("Get a key at https://portal.speechmatics.com/")'},
    "connection-parameters": {},
    "authorization": {"header": '{"Authorization": f"Bearer {os.environ[\'SPEECHMATICS_API_KEY\']}"}'},
    "messages": {},
    "transcripts": {
        "dispatch": 'if kind == "AddTranscript":\n'
        '    text = event["metadata"]["transcript"]\n'
        '    for result in event["results"]:\n'
        '        at = result["start_time"]\n'
        "        print(at, text)"
    },
    "separators": {
        "constants": 'LIMIT = 100\nfull_text = ""',
        "dispatch": 'global full_text\nif kind == "AddTranscript":\n'
        '    text = event["metadata"]["transcript"]\n'
        "    full_text += text",
    },
    "errors": {
        "dispatch": 'if kind == "AddTranscript":\n    print(event["metadata"]["transcript"])\n'
        'if kind == "Error":\n    print(event["type"], event["reason"])'
    },
    "audio-format": {
        "encoding": '"pcm_f32le"',
        "capture": "audio = pyaudio.PyAudio()\n"
        "stream = audio.open(format=pyaudio.paFloat32, channels=1, rate=16000, input=True)\n"
        "for _ in range(LIMIT):\n"
        "    ws.send(stream.read(1600), websocket.ABNF.OPCODE_BINARY)",
    },
    "audio-chunk": {
        "constants": "LIMIT = 100\nRATE = 16000",
        "rate": "RATE",
        "capture": MICROPHONE + "while not done.is_set():\n"
        "    chunk = stream.read(320)\n"
        "    ws.send(chunk, websocket.ABNF.OPCODE_BINARY)",
    },
    "end-of-session": {
        "constants": "LIMIT = 100",
        "capture": "chunks_sent = 0\n" + MICROPHONE.replace("RATE", "16000") + "for _ in range(LIMIT):\n"
        "    ws.send(stream.read(1600), websocket.ABNF.OPCODE_BINARY)\n"
        "    chunks_sent += 1",
        "end": 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": chunks_sent}))\ntime.sleep(1)\nws.close()',
    },
    "leftovers": {
        "constants": 'LIMIT = 100\nOPTIONS = {\n    "language": "en",\n    "max_delay": 2.0,\n}',
        "config": ', "max_delay": OPTIONS["max_delay"]',
    },
    "imports": {
        "end": 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))\ntime.sleep(1)\nws.close()'
    },
    "prose": {
        "constants": "LIMIT = 100\n",
        "header": "{\n"
        "    # Speechmatics wants a Bearer token\n"
        '    "Authorization": "Bearer " + os.environ["SPEECHMATICS_API_KEY"]}',
    },
}

WHOLE: dict[str, str] = {
    "audio-adapter": """
import json
import os

import websockets

URL = "wss://eu2.rt.speechmatics.com/v2"


async def transcribe(source):
    headers = {"Authorization": "Bearer " + os.environ["SPEECHMATICS_API_KEY"]}
    ws = await websockets.connect(URL, additional_headers=headers)
    await ws.send(json.dumps({
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en"},
    }))
    async for chunk in source:
        await ws.send(chunk)
    await ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))
    async for message in ws:
        event = json.loads(message)
        if event["message"] == "AddTranscript":
            print(event["metadata"]["transcript"])
        if event["message"] == "EndOfTranscript":
            break
    await ws.close()
""",
}
SDK = """
import os

from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, ServerMessageType, TranscriptionConfig

client = WebsocketClient(
    ConnectionSettings(url="wss://eu2.rt.speechmatics.com/v2", auth_token=os.environ["SPEECHMATICS_API_KEY"])
)


def show(message):
    print(message["metadata"]["transcript"])


client.add_event_handler(ServerMessageType.AddTranscript, show)
config = TranscriptionConfig(language="en", enable_partials=True)
settings = AudioSettings(encoding="pcm_s16le", sample_rate=16000)
with open("audio.raw", "rb") as audio:
    client.run_synchronously(audio, config, settings)
"""
WHOLE |= dict.fromkeys((name for name in EXAMPLES if name.startswith("sdk-")), SDK)

REPLACING = {"leftovers": {'"language": "en", "enable': '"language": OPTIONS["language"], "enable'}}

TEMPORARY_KEY = {
    "constants": """\
import requests


def temporary_key():
    headers = {"Authorization": "Bearer " + os.environ["SPEECHMATICS_API_KEY"]}
    response = requests.post("https://mp.speechmatics.com/v1/api_keys?type=rt", json={"ttl": 60}, headers=headers)
    return response.json()["key_value"]


LIMIT = 100""",
    "url": 'f"wss://eu2.rt.speechmatics.com/v2?jwt={temporary_key()}"',
    "header": "None",
}
PLACES["temporary-token"] = TEMPORARY_KEY

DROP_IN = """
import websocket

from speechmatics.rt import AsyncClient

ws = websocket.create_connection("wss://eu2.rt.speechmatics.com/v2")
client = AsyncClient()
"""
WHOLE["drop-in"] = DROP_IN


# Files around a program: the program, and the name of the file that holds the example.
AROUND = {"dependencies": (SDK, "requirements.txt"), "environment": (WHOLE["audio-adapter"], ".env.example")}


def without_space(text: str) -> str:
    return re.sub(r"\s+", "", text)


def parts(example: str) -> list[str]:
    """The lines of an example without white space; what `...` stands for divides them further."""
    return [part for line in example.splitlines() for part in without_space(line).split("...") if part]


@pytest.mark.parametrize("name", AROUND)
def test_the_example_of_a_rule_around_the_connection_is_what_becomes_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program, file = AROUND[name]
    (tmp_path / "live.py").write_text(program)
    (tmp_path / file).write_text(EXAMPLES[name].before + "\n")
    monkeypatch.chdir(tmp_path)
    to = "shim" if "speechmatics-to-assemblyai" in EXAMPLES[name].after else "auto"
    assert cli.main(["--write", "--to", to]) == 0
    assert (tmp_path / file).read_text() == EXAMPLES[name].after + "\n"


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - AROUND.keys()))
def test_the_example_of_a_rule_is_what_becomes_of_it(migrate: Migrate, name: str) -> None:
    rule = EXAMPLES[name]
    if name in PLACES:
        result = migrate(replacing=REPLACING.get(name), **PLACES[name])
    else:  # an example may be a program by itself
        result = migrate_source("a.py", WHOLE.get(name, rule.before).encode(), Options())
    old, new = (without_space(source.decode()) for source in (result.before, result.after))
    assert rule.id in {edit.rule for edit in result.edits}
    assert [part for part in parts(rule.before) if part not in old] == []
    assert [part for part in parts(rule.after) if part not in new] == []
    gone = [line for line in parts(rule.before) if not any(line in kept for kept in parts(rule.after))]
    assert [part for part in gone if len(part) > 3 and part in new] == []
