"""AssemblyAI's client opens one session: a client in an object is rewritten where each object opens one, too."""

from __future__ import annotations

import pytest

from migrator.engine import migrate_project, migrate_source
from migrator.options import Options

CLASS = """\
import asyncio
from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, ServerMessageType, TranscriptionConfig


class Transcriber:
    def __init__(self, key):
        self.finals = []
        self.client = WebsocketClient(ConnectionSettings(url="wss://eu.rt.speechmatics.com/v2", auth_token=key))
        self.client.add_event_handler(ServerMessageType.AddTranscript, self.on_final)

    def on_final(self, message):
        self.finals.append(message["metadata"]["transcript"])

    async def run(self, stream):
        await self.client.run(stream, TranscriptionConfig(language="en"), AudioSettings())
{more}

{use}
"""


def program(use: str, more: str = "") -> bytes:
    text = CLASS.format(use=use, more=more)
    compile(text, "app.py", "exec")
    return text.encode()


ONCE = [
    "asyncio.run(Transcriber('k').run(open('speech.wav', 'rb')))",
    "one = Transcriber('k')\nasyncio.run(one.run(open('speech.wav', 'rb')))",
    "def main(path):\n    one = Transcriber('k')\n    asyncio.run(one.run(open(path, 'rb')))",
    "for path in ('a.wav', 'b.wav'):\n    one = Transcriber('k')\n    asyncio.run(one.run(open(path, 'rb')))",
    "one = Transcriber('k')\ndef main():\n    asyncio.run(one.run(open('speech.wav', 'rb')))\nmain()",
]
SEVERAL = [
    "one = Transcriber('k')\nfor path in ('a.wav', 'b.wav'):\n    asyncio.run(one.run(open(path, 'rb')))",
    "one = Transcriber('k')\n[asyncio.run(one.run(open(path, 'rb'))) for path in ('a.wav', 'b.wav')]",
    "one = Transcriber('k')\nasyncio.run(one.run(open('a.wav', 'rb')))\nasyncio.run(one.run(open('b.wav', 'rb')))",
    "one = Transcriber('k')\ndef main():\n    asyncio.run(one.run(open('a.wav', 'rb')))\nmain()\nmain()",
    "def main(one):\n    asyncio.run(one.run(open('a.wav', 'rb')))",
    "run = Transcriber('k').run\nasyncio.run(run(open('a.wav', 'rb')))",
    "",
]


@pytest.mark.parametrize("use", ONCE)
def test_one_session_for_each_object_is_rewritten(use: str) -> None:
    result = migrate_source("app.py", program(use), Options())
    assert result.status == "native", result.findings
    assert b"            raise self.errors[0]\n" in result.after


@pytest.mark.parametrize("use", SEVERAL)
def test_an_object_that_may_open_several_keeps_its_client(use: str) -> None:
    result = migrate_source("app.py", program(use), Options())
    assert result.status == "shim"
    assert any("may open several sessions" in f.message for f in result.findings), result.findings


def test_a_method_that_calls_the_one_that_opens_the_session_is_followed() -> None:
    more = "\n    def listen(self, path):\n        asyncio.run(self.run(open(path, 'rb')))\n"
    assert (
        migrate_source("app.py", program("Transcriber('k').listen('a.wav')", more), Options()).status
        == "native"
    )
    assert migrate_source("app.py", program("", more), Options()).status == "shim"


def test_a_caller_in_another_file_counts() -> None:
    use = "import asyncio\nfrom app import Transcriber\n\none = Transcriber('k')\n{}"
    run = "asyncio.run(one.run(open('a.wav', 'rb')))\n"
    files = {"app.py": program(""), "main.py": use.format(run).encode()}
    assert migrate_project(files, Options())["app.py"].status == "native"
    files["main.py"] = use.format(run * 2).encode()
    assert migrate_project(files, Options())["app.py"].status == "shim"


@pytest.mark.parametrize("name", ["client", "finals"])
def test_what_another_file_reads_of_the_object(name: str) -> None:
    """A client that somebody else may use stays; the texts that it gathered are the program's own."""
    use = f"import asyncio\nfrom app import Transcriber\n\none = Transcriber('k')\nprint(one.{name})\n"
    use += "asyncio.run(one.run(open('a.wav', 'rb')))\n"
    result = migrate_project({"app.py": program(""), "main.py": use.encode()}, Options())["app.py"]
    assert result.status == ("shim" if name == "client" else "native"), result.findings
