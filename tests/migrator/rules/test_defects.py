"""What is broken in a legacy program is named, with its line, and not mended; what only looks broken is not named."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.engine import migrate_group, migrate_source
from migrator.grouping import grouped
from migrator.options import Options
from migrator.project import find
from migrator.result import FileResult
from migrator.rules import CATALOGUE
from migrator.rules.defects import DETECTORS

PROGRAMS = Path(__file__).parents[3] / "fixtures" / "programs"

ASYNC = """\
import asyncio
import json
import os

import pyaudio
import websockets

URL = "wss://eu2.rt.speechmatics.com/v2"


async def send(ws):
    stream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=16000, input=True)
    for _ in range(100):
        await ws.send(stream.read(1600))
    await ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 100}))


async def receive(ws):
    async for frame in ws:
        event = json.loads(frame)
        if event["message"] == "AddTranscript":
            print(event["metadata"]["transcript"])
        elif event["message"] == "EndOfTranscript":
            break


async def main():
    headers = {"Authorization": f"Bearer {os.environ['SPEECHMATICS_API_KEY']}"}
    async with websockets.connect(URL, additional_headers=headers) as ws:
        await ws.send(json.dumps({
            "message": "StartRecognition",
            "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
            "transcription_config": {"language": "en", "enable_partials": True},
        }))
        await asyncio.gather(send(ws), receive(ws))


asyncio.run(main())
"""

LEGACY_SDK = """\
import pyaudio
import speechmatics
from speechmatics.models import AudioSettings, ConnectionSettings, ServerMessageType, TranscriptionConfig


class Microphone:
    def __init__(self):
        self.stream = pyaudio.PyAudio().open(format=pyaudio.paFloat32, channels=1, rate=16000, input=True)

    def read(self, size):
        return self.stream.read(800)


def show(message):
    print(message["metadata"]["transcript"])


def main():
    client = speechmatics.client.WebsocketClient(
        ConnectionSettings(url="wss://eu2.rt.speechmatics.com/v2", auth_token="KEY")
    )
    client.add_event_handler(ServerMessageType.AddTranscript, show)
    client.run_synchronously(
        Microphone(),
        TranscriptionConfig(language="en", enable_partials=True),
        AudioSettings(encoding="pcm_f32le", sample_rate=16000),
    )


main()
"""

RT = """\
import asyncio

from speechmatics.rt import AsyncClient, AudioEncoding, AudioFormat, Microphone, ServerMessageType, TranscriptionConfig


async def main():
    microphone = Microphone(sample_rate=16000)
    microphone.start()
    async with AsyncClient(api_key="KEY") as client:

        @client.on(ServerMessageType.ADD_TRANSCRIPT)
        def show(message):
            print(message["metadata"]["transcript"])

        await client.start_session(
            transcription_config=TranscriptionConfig(language="en"),
            audio_format=AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16000),
        )
        for _ in range(100):
            await client.send_audio(await microphone.read(3200))
        await client.stop_session()


asyncio.run(main())
"""

SOURCES = {"ASYNC": ASYNC, "LEGACY_SDK": LEGACY_SDK, "RT": RT}

Migrate = Callable[..., FileResult]


def changed(program: str, changes: dict[str, str]) -> str:
    """A program with other texts in place of some of its own."""
    source = SOURCES[program]
    for old, new in changes.items():
        assert old in source, old
        source = source.replace(old, new)
    compile(source, "legacy.py", "exec")
    return source


def broken(result: FileResult) -> dict[str, list[int]]:
    """The lines of what is broken, by rule."""
    found: dict[str, list[int]] = {}
    for finding in result.findings:
        if finding.rule.startswith("broken-"):
            found.setdefault(finding.rule, []).append(finding.line)
    return found


def defects(program: str, changes: dict[str, str], options: Options | None = None) -> list[str]:
    """What is said of a program, each with its rule."""
    result = migrate_source("legacy.py", changed(program, changes).encode(), options or Options())
    return [f"{f.rule}: {f.message}" for f in result.findings if f.rule.startswith("broken-")]


BROKEN: dict[str, tuple[str, str, dict[str, str]]] = {
    "the old keyword, for the new client": (
        "broken-header-keyword: websockets.asyncio.client.connect takes no extra_headers",
        "ASYNC",
        {
            "import websockets": "from websockets.asyncio.client import connect",
            "websockets.connect": "connect",
            "additional_headers": "extra_headers",
        },
    ),
    "the new keyword, for the old client": (
        "broken-header-keyword: websockets.legacy.client.connect takes no additional_headers",
        "ASYNC",
        {
            "import websockets": "from websockets.legacy.client import connect",
            "websockets.connect": "connect",
        },
    ),
    "an address of the web": (
        "broken-address: websockets opens no address with the scheme https",
        "ASYNC",
        {"wss://": "https://"},
    ),
    "an address without a scheme": ("broken-address: the address has no scheme", "ASYNC", {"wss://": ""}),
    "a region that there is none of": (
        "broken-address: au.rt.speechmatics.com is none of Speechmatics' hosts",
        "ASYNC",
        {"eu2.": "au."},
    ),
    "the host for batch transcription": (
        "broken-address: asr.api.speechmatics.com is none of Speechmatics' hosts",
        "ASYNC",
        {"eu2.rt.": "asr.api."},
    ),
    "another word before the key": (
        "broken-authorization: the header Authorization begins with 'Token', so Speechmatics refuses",
        "ASYNC",
        {"Bearer": "Token"},
    ),
    "a key alone": (
        "broken-authorization: the header Authorization is SPEECHMATICS_API_KEY alone",
        "ASYNC",
        {"f\"Bearer {os.environ['SPEECHMATICS_API_KEY']}\"": "os.environ['SPEECHMATICS_API_KEY']"},
    ),
    "no space behind Bearer": (
        "broken-authorization: the header Authorization begins with 'Bearer'",
        "ASYNC",
        {"Bearer {": "Bearer{"},
    ),
    "the header of another service": (
        "broken-authorization: there is no header Authorization, only X-API-Key",
        "ASYNC",
        {'"Authorization"': '"X-API-Key"'},
    ),
    "no header": ("broken-authorization: no key is sent", "ASYNC", {", additional_headers=headers": ""}),
    "audio before StartRecognition": (
        "broken-order: audio is sent before StartRecognition (line 31)",
        "ASYNC",
        {
            '        await ws.send(json.dumps({\n            "message": "Start': "        await ws.send(bytes(3200))\n"
            '        await ws.send(json.dumps({\n            "message": "Start'
        },
    ),
    "audio after EndOfStream": (
        "broken-order: audio is sent after EndOfStream (line 15)",
        "ASYNC",
        {'"last_seq_no": 100}))': '"last_seq_no": 100}))\n    await ws.send(stream.read(1600))'},
    ),
    "no StartRecognition": (
        "broken-order: audio is sent, and nothing here ever sends StartRecognition",
        "ASYNC",
        {
            ASYNC[
                ASYNC.index(
                    '        await ws.send(json.dumps({\n            "message": "Start'
                ) : ASYNC.index("        await asyncio")
            ]: ""
        },
    ),
    "a key beside transcription_config": (
        "broken-configuration: enable_partials stands in StartRecognition itself",
        "ASYNC",
        {', "enable_partials": True}': '},\n            "enable_partials": True'},
    ),
    "a key of the diarization in the configuration": (
        "its place is transcription_config.speaker_diarization_config",
        "ASYNC",
        {'"enable_partials": True': '"diarization": "speaker", "max_speakers": 2'},
    ),
    "an object beside transcription_config": (
        "broken-configuration: conversation_config stands in StartRecognition itself",
        "ASYNC",
        {
            ', "enable_partials": True}': "},\n            "
            '"conversation_config": {"end_of_utterance_silence_trigger": 0.5}'
        },
    ),
    "a value that there is none of": (
        "broken-configuration: Speechmatics refuses the session with an Error: transcription_config.diarization has to be one of",
        "ASYNC",
        {'"enable_partials": True': '"diarization": "speakers"'},
    ),
    "no language": (
        "transcription_config.language is missing",
        "ASYNC",
        {'"language": "en", ': ""},
    ),
    "an encoding that there is none of": (
        "broken-configuration: Speechmatics refuses the session with an Error: audio_format.encoding has to be one of",
        "ASYNC",
        {'"pcm_s16le"': '"linear16"'},
    ),
    "floats that are called integers": (
        "broken-audio: the microphone (line 12) gives pcm_f32le, and Speechmatics is told pcm_s16le",
        "ASYNC",
        {"paInt16": "paFloat32"},
    ),
    "integers that are called floats": (
        "broken-audio: the microphone (line 12) gives pcm_s16le, and Speechmatics is told pcm_f32le",
        "ASYNC",
        {'"pcm_s16le"': '"pcm_f32le"'},
    ),
    "another rate": (
        "broken-audio: the microphone (line 12) records 44100 Hz, and Speechmatics is told 16000 Hz",
        "ASYNC",
        {"rate=16000": "rate=44100"},
    ),
    "stereo": ("broken-audio: the microphone gives 2 channels", "ASYNC", {"channels=1": "channels=2"}),
    "a RawInputStream of floats": (
        "broken-audio: the microphone (line 12) gives pcm_f32le",
        "ASYNC",
        {
            "import pyaudio": "import sounddevice",
            "pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=16000, input=True)": (
                "sounddevice.RawInputStream(samplerate=16000, dtype='float32', channels=1)"
            ),
            "stream.read(1600)": "bytes(stream.read(1600)[0])",
        },
    ),
    "JSON as a binary message": (
        "broken-frame: JSON is sent as a binary message, which Speechmatics takes for audio",
        "ASYNC",
        {'"last_seq_no": 100}))': '"last_seq_no": 100}).encode())'},
    ),
    "sending without await": (
        "broken-await: ws.send() is a coroutine that nobody awaits",
        "ASYNC",
        {"        await ws.send(stream": "        ws.send(stream"},
    ),
    "receiving without await": (
        "broken-await: ws.recv() is a coroutine that nobody awaits",
        "ASYNC",
        {
            "    async for frame in ws:\n        event = json.loads(frame)": "    while True:\n        event = json.loads(ws.recv())"
        },
    ),
    "an own coroutine without await": (
        "broken-await: receive() is a coroutine that nobody awaits",
        "ASYNC",
        {"await asyncio.gather(send(ws), receive(ws))": "await send(ws)\n        receive(ws)"},
    ),
    "a threading client with await": (
        "broken-await: ws.send() is no coroutine",
        "ASYNC",
        {
            "import websockets": "from websockets.sync.client import connect",
            "async with websockets.connect": "with connect",
            "async for frame": "for frame",
        },
    ),
    "a name in the plural": (
        "broken-event-name: Speechmatics sends no message AddTranscripts, so this never is true: it is called AddTranscript",
        "ASYNC",
        {'"AddTranscript"': '"AddTranscripts"'},
    ),
    "a name in another case": (
        "so this never is true: it is called EndOfTranscript",
        "ASYNC",
        {'"EndOfTranscript"': '"EndofTranscript"'},
    ),
    "an SDK that is told another encoding": (
        "broken-audio: the microphone (line 8) gives pcm_f32le, and Speechmatics is told pcm_s16le",
        "LEGACY_SDK",
        {'"pcm_f32le"': '"pcm_s16le"'},
    ),
    "the rate that the SDK says by itself": (
        "broken-audio: the microphone (line 8) records 16000 Hz, and Speechmatics is told 44100 Hz",
        "LEGACY_SDK",
        {'encoding="pcm_f32le", sample_rate=16000': 'encoding="pcm_f32le"'},
    ),
    "a handler of a message that there is none of": (
        "broken-event-name: there is no message AddTranscription, which fails with a ValueError: it is called AddTranscript",
        "LEGACY_SDK",
        {"ServerMessageType.AddTranscript": '"AddTranscription"'},
    ),
    "a member of the newer SDK": (
        "broken-event-name: ServerMessageType has no ADD_TRANSCRIPT, which fails with an AttributeError: it is called AddTranscript",
        "LEGACY_SDK",
        {"ServerMessageType.AddTranscript": "ServerMessageType.ADD_TRANSCRIPT"},
    ),
    "a handler that is a coroutine": (
        "broken-await: speechmatics-python awaits no handler, so show() never runs",
        "LEGACY_SDK",
        {"def show": "async def show"},
    ),
    "run_synchronously where a loop runs": (
        "broken-await: run_synchronously() starts an event loop",
        "LEGACY_SDK",
        {"def main": "async def main"},
    ),
    "run without await": (
        "broken-await: client.run() is a coroutine that nobody awaits",
        "LEGACY_SDK",
        {"run_synchronously": "run"},
    ),
    "a key of another object": (
        "broken-configuration: sample_rate stands in transcription_config",
        "LEGACY_SDK",
        {"enable_partials=True": "sample_rate=16000"},
    ),
    "a member of the older SDK": (
        "broken-event-name: ServerMessageType has no AddTranscript, which fails with an AttributeError: it is called ADD_TRANSCRIPT",
        "RT",
        {"ADD_TRANSCRIPT": "AddTranscript"},
    ),
    "a text that is no message": (
        "broken-event-name: Speechmatics sends no message AddTranscripts, so this handler is never called",
        "RT",
        {"ServerMessageType.ADD_TRANSCRIPT": '"AddTranscripts"'},
    ),
    "a coroutine as handler": (
        "broken-await: speechmatics-rt takes no coroutine functions as handlers",
        "RT",
        {"        def show": "        async def show"},
    ),
    "a session that is not awaited": (
        "broken-await: client.start_session() is a coroutine that nobody awaits",
        "RT",
        {"await client.start_session": "client.start_session"},
    ),
    "audio that is not awaited": (
        "broken-await: client.send_audio() is a coroutine that nobody awaits",
        "RT",
        {"await client.send_audio": "client.send_audio"},
    ),
    "a microphone that is called a file": (
        "broken-audio: the microphone (line 7) gives samples, and Speechmatics is told that a file comes",
        "RT",
        {"AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16000)": "AudioFormat()"},
    ),
    "the microphone of the SDK, called floats": (
        "broken-audio: the microphone (line 7) gives pcm_s16le, and Speechmatics is told pcm_f32le",
        "RT",
        {"PCM_S16LE": "PCM_F32LE"},
    ),
    "the length of a chunk as the channels": (
        "broken-audio: the microphone is opened with 1600 channels (the second argument)",
        "RT",
        {"Microphone(sample_rate=16000)": "Microphone(16000, 1600)"},
    ),
}
"""What is said, the program, and how it is changed."""


@pytest.mark.parametrize(("said", "program", "changes"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_named(said: str, program: str, changes: dict[str, str]) -> None:
    found = defects(program, changes)
    assert any(said in text for text in found), found
    assert len({text.partition(":")[0] for text in found}) == 1


@pytest.mark.parametrize(("said", "program", "changes"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_not_mended(said: str, program: str, changes: dict[str, str]) -> None:
    source = changed(program, changes)
    result = migrate_source("legacy.py", source.encode(), Options())
    assert result.status in ("shim", "manual")
    before, after = source.splitlines(), result.after.decode().splitlines()
    assert [line for line in after if line not in before] == [line for line in after if "shim" in line]
    native = migrate_source("legacy.py", source.encode(), Options(to="native"))
    assert (native.status, native.after) == ("manual", source.encode())
    assert any(said in f"{f.rule}: {f.message}" for f in native.findings)


@pytest.mark.parametrize(("said", "program", "changes"), BROKEN.values(), ids=BROKEN)
def test_it_is_named_with_the_drop_in_too(said: str, program: str, changes: dict[str, str]) -> None:
    assert any(said in text for text in defects(program, changes, Options(to="shim")))


SOUND: dict[str, tuple[str, dict[str, str]]] = {
    "the program itself": ("ASYNC", {}),
    "the program with speechmatics-python": ("LEGACY_SDK", {}),
    "the program with speechmatics-rt": ("RT", {}),
    "a client that is imported from where it is": (
        "ASYNC",
        {
            "import websockets": "try:\n    from websockets.asyncio.client import connect\nexcept ImportError:\n"
            "    from websockets.client import connect",
            "websockets.connect": "connect",
        },
    ),
    "the old keyword, where nobody says the version": ("ASYNC", {"additional_headers": "extra_headers"}),
    "an own server": ("ASYNC", {"wss://eu2.rt.speechmatics.com/v2": "ws://asr.example.org:9000/v2"}),
    "an address from the environment": (
        "ASYNC",
        {
            'URL = "wss://eu2.rt.speechmatics.com/v2"': 'URL = os.environ.get("URL", "https://eu2.rt.speechmatics.com")'
        },
    ),
    "a key that may begin with Bearer": (
        "ASYNC",
        {"f\"Bearer {os.environ['SPEECHMATICS_API_KEY']}\"": "os.environ['SPEECHMATICS_AUTHORIZATION']"},
    ),
    "headers that are completed later": (
        "ASYNC",
        {
            "    async with websockets": "    headers.update(os.environ)\n    async with websockets",
            '"Authorization"': '"X-Client"',
        },
    ),
    "a temporary key in the address": (
        "ASYNC",
        {", additional_headers=headers": "", '/v2"': '/v2?jwt=TOKEN"'},
    ),
    "bearer in small letters": ("ASYNC", {"Bearer": "bearer"}),
    "audio before StartRecognition under a condition": (
        "ASYNC",
        {
            '        await ws.send(json.dumps({\n            "message": "Start': "        if os.environ.get('AGAIN'):\n"
            '            await ws.send(bytes(3200))\n        await ws.send(json.dumps({\n            "message": "Start'
        },
    ),
    "a message that comes from a file": (
        "ASYNC",
        {
            ASYNC[
                ASYNC.index('json.dumps({\n            "message": "Start') : ASYNC.index(
                    "        await asyncio"
                )
            ]: "open('start.json').read())\n"
        },
    ),
    "a message that the caller gives": (
        "ASYNC",
        {
            ASYNC[
                ASYNC.index('json.dumps({\n            "message": "Start') : ASYNC.index(
                    "        await asyncio"
                )
            ]: "json.dumps(first))\n",
            "async def main():": "async def main(first):",
            "main())": "main(json.load(open('start.json'))))",
        },
    ),
    "a language that is given": (
        "ASYNC",
        {
            '"language": "en"': '"language": language',
            "async def main():": "async def main(language):",
            "main())": "main('en'))",
        },
    ),
    "a configuration that is given": (
        "ASYNC",
        {
            '{"language": "en", "enable_partials": True}': "CONFIG",
            "URL =": "CONFIG = json.load(open('c.json'))\nURL =",
        },
    ),
    "a key that is not known here": ("ASYNC", {'"enable_partials": True': '"brand_new_key": True'}),
    "a rate that AssemblyAI does not take": ("ASYNC", {"16000": "4000"}),
    "floats that the program converts": (
        "ASYNC",
        {
            "paInt16": "paFloat32",
            "stream.read(1600)": "convert(stream.read(1600))",
            "URL =": "convert = print\nURL =",
        },
    ),
    "a rate that the program changes": (
        "ASYNC",
        {
            "rate=16000": "rate=48000",
            "import json": "import audioop\nimport json",
            "stream.read(1600)": "audioop.ratecv(stream.read(1600), 2, 1, 48000, 16000, None)[0]",
        },
    ),
    "a recorder beside a file": (
        "ASYNC",
        {"rate=16000": "rate=48000", "stream.read(1600)": "open('a.raw', 'rb').read(3200)"},
    ),
    "a task": (
        "ASYNC",
        {
            "await asyncio.gather(send(ws), receive(ws))": "task = asyncio.create_task(send(ws))\n        await receive(ws)\n        await task"
        },
    ),
    "another thing that is sent to": (
        "ASYNC",
        {
            "URL =": "class Queue:\n    def send(self, data):\n        pass\n\n\nqueue = Queue()\nURL =",
            "        event = json": "        queue.send(frame)\n        event = json",
        },
    ),
    "a name of another protocol": ("ASYNC", {'"EndOfTranscript"': '"AddSegment"'}),
    "a comparison with something else": (
        "ASYNC",
        {
            "            break": "            break\n        if os.environ.get('X') == 'AddTranscripts':\n            pass"
        },
    ),
    "the handler of all messages": ("LEGACY_SDK", {"ServerMessageType.AddTranscript": '"all"'}),
    "run with await": (
        "LEGACY_SDK",
        {"run_synchronously": "run", "def main": "async def main", "    client.run": "    await client.run"},
    ),
    "a translation, which the SDK sends beside the configuration": (
        "LEGACY_SDK",
        {"enable_partials=True": "translation_config={'target_languages': ['de']}"},
    ),
    "a microphone with another library": (
        "RT",
        {"Microphone(sample_rate=16000)": "Microphone(sample_rate=16000, chunk_size=1600)"},
    ),
}
"""The program, and how it is changed without being broken."""


@pytest.mark.parametrize(("program", "changes"), SOUND.values(), ids=SOUND)
def test_what_is_not_broken_is_not_named(program: str, changes: dict[str, str]) -> None:
    assert defects(program, changes) == []


def test_the_programs_themselves_are_rewritten() -> None:
    for name in ("ASYNC", "LEGACY_SDK"):
        assert migrate_source("legacy.py", SOURCES[name].encode(), Options()).status == "native", name


def test_a_sequence_number_goes_with_the_rewrite_and_is_said_of_the_drop_in(migrate: Migrate) -> None:
    assert migrate().status == "native"
    assert broken(migrate()) == {}
    assert list(broken(migrate(Options(to="shim")))) == ["broken-sequence-number"]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ('{"message": "EndOfStream"}', "EndOfStream has no last_seq_no"),
        ('{"message": "EndOfStream", "last_seq_no": 0}', "last_seq_no is always 0"),
        ('{"message": "EndOfStream", "last_seq_no": 100}', ""),
        ('{"message": "EndOfStream", "last_seq_no": LIMIT}', ""),
        ('{"message": "EndOfStream", **REST}', ""),
    ],
)
def test_a_sequence_number_that_is_missing_or_wrong_is_named(end: str, said: str) -> None:
    changes = {
        '{"message": "EndOfStream", "last_seq_no": 100}': end,
        "URL =": "LIMIT = 100\nREST = {}\nURL =",
    }
    found = defects("ASYNC", changes, Options(to="shim"))
    assert [text.partition(": ")[2].startswith(said) for text in found] == ([True] if said else [])


def test_handlers_of_websocket_client_are_no_coroutines(migrate: Migrate) -> None:
    result = migrate(replacing={"def on_message(": "async def on_message("})
    assert "broken-await" in broken(result)
    assert result.status == "shim"


def test_audio_that_websocket_client_sends_as_text_is_named(migrate: Migrate) -> None:
    result = migrate(replacing={", websocket.ABNF.OPCODE_BINARY)": ")"})
    assert "broken-frame" in broken(result)


def test_what_is_broken_is_said_once(migrate: Migrate) -> None:
    result = migrate(encoding='"pcm_f32le"')
    assert "broken-audio" in broken(result)
    lines = [finding.line for finding in result.findings if finding.rule == "not-rewritten"]
    assert not set(lines) & set(broken(result)["broken-audio"])


@pytest.mark.parametrize(
    "program", sorted(PROGRAMS.rglob("legacy.py")), ids=lambda p: f"{p.parent.parent.name}-{p.parent.name}"
)
def test_nothing_is_broken_in_the_programs_that_are_shown_to_run(program: Path) -> None:
    result = migrate_source("legacy.py", program.read_bytes(), Options())
    assert set(broken(result)) <= {"broken-sequence-number"}


# Versions


def project(folder: Path, files: dict[str, str], keyword: str) -> FileResult:
    """What becomes of a project of one program and the files around it."""
    source = changed("ASYNC", {"additional_headers": keyword})
    for name, text in {"pyproject.toml": "", "app.py": source, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    [group] = grouped(find([str(folder)], (), 1).files)
    [result] = migrate_group(group, Options())
    return result


POETRY = '[tool.poetry.dependencies]\npython = "^3.11"\nwebsockets = {}\n'
LOCK = '[[package]]\nname = "websockets"\nversion = "{}"\n'
DECLARED: dict[str, tuple[str, str]] = {
    "websockets==12.0": ("requirements.txt", "websockets==12.0\n"),
    "websockets<14,>=10": ("requirements.txt", "requests\nwebsockets>=10, <14  # the old client\n"),
    "websockets~=13.1": ("requirements/base.txt", "websockets~=13.1\n"),
    "websockets==11.*": ("pyproject.toml", '[project]\ndependencies = ["websockets==11.*"]\n'),
    "websockets>=12.0,<13": ("pyproject.toml", POETRY.format('"^12.0"')),
    "websockets>=12.0,<12.1": ("pyproject.toml", POETRY.format('{ version = "~12.0", optional = true }')),
    "websockets==13.1": ("uv.lock", LOCK.format("13.1")),
    "websockets==10.4": (".venv/lib/python3.11/site-packages/websockets-10.4.dist-info/METADATA", ""),
}
"""What is said of the version, and the file that says it."""


@pytest.mark.parametrize(("name", "text"), DECLARED.values(), ids=DECLARED)
def test_the_version_decides_which_keyword_is_wrong(tmp_path: Path, name: str, text: str) -> None:
    wrong = project(tmp_path / "new", {name: text}, "additional_headers")
    assert list(broken(wrong)) == ["broken-header-keyword"]
    right = project(tmp_path / "old", {name: text}, "extra_headers")
    assert broken(right) == {}


def test_what_is_said_names_the_file_and_the_bounds(tmp_path: Path) -> None:
    result = project(tmp_path, {"requirements.txt": "websockets>=15\n"}, "extra_headers")
    [message] = [f.message for f in result.findings if f.rule == "broken-header-keyword"]
    assert message.startswith(
        "requirements.txt has websockets>=15, whose connect() takes no extra_headers, so connecting fails with a TypeError: "
        "call it additional_headers"
    )


def test_what_the_drop_in_needs_is_advised_where_the_keyword_is_the_new_one(tmp_path: Path) -> None:
    result = project(tmp_path, {"requirements.txt": "websockets==12.0\n"}, "additional_headers")
    [message] = [f.message for f in result.findings if f.rule == "broken-header-keyword"]
    assert "install websockets 14 or newer, or call it extra_headers" in message


@pytest.mark.parametrize(
    "files",
    [
        {"requirements.txt": "websockets\n"},
        {"requirements.txt": "websockets>=10\n"},
        {"requirements.txt": "websockets @ https://example.org/websockets.zip\n"},
        {"requirements.txt": "websockets==nonsense!\n"},
        {"requirements.txt": "websockets>=99\n"},
        {"requirements.txt": "websockets==14.0\n"},
        {"requirements.txt": "websockets-extra==12\n"},
        {
            "requirements.txt": "websockets==12.0; python_version < '3.9'\nwebsockets>=14; python_version >= '3.9'\n"
        },
        {"requirements.txt": "websockets==12.0\n", "uv.lock": LOCK.format("15.0.1"), "other/app.txt": ""},
    ],
)
@pytest.mark.parametrize("keyword", ["additional_headers"])
def test_nothing_is_said_where_the_version_is_open(
    tmp_path: Path, files: dict[str, str], keyword: str
) -> None:
    assert broken(project(tmp_path, files, keyword)) == {}


def test_the_installed_version_wins(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "websockets==12.0\n",
        "venv/lib/python3.12/site-packages/websockets-15.0.1.dist-info/METADATA": "",
    }
    assert broken(project(tmp_path, files, "additional_headers")) == {}
    assert list(broken(project(tmp_path, files, "extra_headers"))) == ["broken-header-keyword"]


def test_both_keywords_one_after_the_other_are_right(tmp_path: Path) -> None:
    source = textwrap.dedent("""\
        try:
            ws = await websockets.connect(URL, additional_headers=headers)
        except TypeError:
            ws = await websockets.connect(URL, extra_headers=headers)
    """)
    program = changed(
        "ASYNC",
        {
            "    async with websockets.connect(URL, additional_headers=headers) as ws:\n": textwrap.indent(
                source, "    "
            )
            + "    if True:\n"
        },
    )
    (tmp_path / "requirements.txt").write_text("websockets==12.0\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    (tmp_path / "app.py").write_text(program, encoding="utf-8")
    [group] = grouped(find([str(tmp_path)], (), 1).files)
    [result] = migrate_group(group, Options())
    assert broken(result) == {}


def test_every_detector_is_a_rule_that_explains_itself_and_is_shown_here() -> None:
    ids = {detector.rule.id for detector in DETECTORS}
    assert ids <= CATALOGUE.keys()
    shown = {said.partition(":")[0] for said, *_ in BROKEN.values()} | {"broken-sequence-number"}
    assert ids <= shown
