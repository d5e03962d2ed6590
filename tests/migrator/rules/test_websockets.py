"""The websockets dialect: what it looks like, and what must not be taken for it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult

PROGRAM = """\
import asyncio
import json
import os
{imports}

{before}

async def main(url=None):
    {opening}:
        await ws.send(json.dumps({{
            "message": "StartRecognition",
            "audio_format": {{"type": "raw", "encoding": {encoding}, "sample_rate": {rate}}},
            "transcription_config": {{"language": "en"}},
        }}))

        async def receive():
{receive}

        async def send():
{send}
            await ws.send(json.dumps({{"message": "EndOfStream", "last_seq_no": 0}}))
{end}

{flow}


asyncio.run(main())
"""

RECEIVE = """\
async for raw in ws:
    event = json.loads(raw)
    if event["message"] == "AddTranscript":
        print(event["metadata"]["transcript"])
"""
SEND = """\
with open("speech.raw", "rb") as sound:
    while chunk := sound.read(3200):
        await ws.send(chunk)
        await asyncio.sleep(0.1)
"""
HEADER = '{"Authorization": "Bearer " + os.environ["SPEECHMATICS_API_KEY"]}'
URL = '"wss://eu2.rt.speechmatics.com/v2"'
DEFAULTS = {
    "imports": "import websockets",
    "before": "",
    "opening": f"async with websockets.connect({URL}, additional_headers={HEADER}) as ws",
    "encoding": '"pcm_s16le"',
    "rate": "16000",
    "receive": RECEIVE,
    "send": SEND,
    "end": "",
    "flow": "await asyncio.gather(send(), receive())",
}
PLACES = {"receive": 12, "send": 12, "end": 12, "flow": 8}


def migrate(**places: str) -> FileResult:
    lines = DEFAULTS | places
    for name, width in PLACES.items():
        lines[name] = textwrap.indent(lines[name].rstrip(), " " * width)
    source = PROGRAM.format(**lines)
    compile(source, "legacy.py", "exec")
    result = migrate_source("legacy.py", source.encode(), Options())
    assert result.status in ("native", "shim"), result.error
    compile(result.after, "after.py", "exec")
    return result


def rewritten(**places: str) -> str:
    result = migrate(**places)
    assert result.status == "native", reasons(result)
    return result.after.decode()


def refused(**places: str) -> str:
    result = migrate(**places)
    assert result.status == "shim", result.after.decode()
    return reasons(result)


def reasons(result: FileResult) -> str:
    return "\n".join(f.message for f in result.findings if f.rule.startswith(("not-rewritten", "broken-")))


# Connecting

FOLDER = Path(__file__).parents[3] / "fixtures" / "programs" / "websockets"
PROGRAMS = sorted(
    path for path in FOLDER.rglob("*.py") if path.name not in ("native.py", "shim.py", "aiohttp_socket.py")
)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_every_program_in_one_file_gets_at_least_the_drop_in(program: Path) -> None:
    result = migrate_source(program.name, program.read_bytes(), Options())
    assert result.status in ("native", "shim")
    assert result.touch_points_left == 0


CONNECTORS = [
    ("import websockets", "websockets.connect"),
    ("import websockets as sockets", "sockets.connect"),
    ("from websockets import connect", "connect"),
    ("from websockets import connect as dial", "dial"),
    ("from websockets.client import connect", "connect"),
    ("import websockets.client", "websockets.client.connect"),
    ("from websockets.asyncio.client import connect", "connect"),
    ("from websockets.asyncio import client", "client.connect"),
    ("import websockets.legacy.client", "websockets.legacy.client.connect"),
    (
        "try:\n    from websockets.asyncio.client import connect\nexcept ImportError:\n    from websockets import connect",
        "connect",
    ),
]


def keyword(imports: str) -> str:
    """How the client that is imported takes its headers."""
    is_old = "websockets.client" in imports or "websockets.legacy" in imports
    return "extra_headers" if is_old else "additional_headers"


@pytest.mark.parametrize(("imports", "connector"), CONNECTORS)
def test_every_way_to_connect_is_rewritten_and_its_import_stays(imports: str, connector: str) -> None:
    opening = f"async with {connector}({URL}, {keyword(imports)}={HEADER}) as ws"
    after = rewritten(imports=imports, opening=opening)
    assert imports.split("\n")[0] + "\n" in after
    assert f'{connector}(f"wss://streaming.eu.assemblyai.com/v3/ws?{{urlencode(connection_params)}}"' in after


@pytest.mark.parametrize(("imports", "connector"), CONNECTORS)
def test_every_way_to_connect_has_a_drop_in(imports: str, connector: str) -> None:
    opening = f"async with {connector}(os.environ['URL'], {keyword(imports)}={HEADER}) as ws"
    result = migrate(imports=imports, opening=opening)
    assert result.status == "shim"
    before, after = (text.decode().splitlines() for text in (result.before, result.after))
    changed = [line for line in after if line not in before]
    assert changed
    assert all("from shim" in line for line in changed)
    assert not [line for line in before if line not in after and "import" not in line]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import websockets", "from shim import websockets"),
        ("import json, websockets as w", "import json\nfrom shim import websockets as w"),
        ("from websockets import connect, exceptions", "from shim.websockets import connect, exceptions"),
        (
            "from websockets.exceptions import ConnectionClosed",
            "from shim.websockets.exceptions import ConnectionClosed",
        ),
        (
            "def f():\n    from websockets.sync.client import connect",
            "def f():\n    from shim.websockets.sync.client import connect",
        ),
        ("import websockets.exceptions", "from shim import websockets\nimport websockets.exceptions"),
        (
            "try:\n    import websockets\nexcept ImportError:\n    websockets = None",
            "try:\n    from shim import websockets\nexcept ImportError:\n    websockets = None",
        ),
    ],
)
def test_the_drop_in_changes_only_the_import(line: str, expected: str) -> None:
    rest = '\nURL = "wss://eu2.rt.speechmatics.com/v2"\n'
    result = migrate_source("app.py", (line + rest).encode(), Options(to="shim"))
    assert result.after.decode() == expected + rest


def test_a_dropped_in_program_can_be_rewritten_later() -> None:
    native = rewritten(imports="from websockets.asyncio.client import connect\nimport websockets")
    before = migrate(imports="from websockets.asyncio.client import connect\nimport websockets").before
    dropped_in = migrate_source("app.py", before, Options(to="shim")).after
    assert b"from shim.websockets.asyncio.client import connect" in dropped_in
    assert migrate_source("app.py", dropped_in, Options(to="native")).after.decode() == native


@pytest.mark.parametrize(
    "places",
    [
        {"opening": f"async for ws in websockets.connect({URL}, additional_headers={HEADER})"},
        {
            "opening": f"async with websockets.connect({URL}, **make_options()) as ws",
            "before": "def make_options(): ...",
        },
        {"opening": f"async with websockets.unix_connect({URL}, additional_headers={HEADER}) as ws"},
        {
            "opening": f"async with Client().connect({URL}, headers={HEADER}) as ws",
            "before": "class Client: ...",
        },
        {"opening": f"async with websockets.connect(url or {URL}, additional_headers={HEADER}) as ws"},
        {"opening": f"async with websockets.connect({URL}) as ws"},
        {
            "flow": "await elsewhere(ws)\nawait asyncio.gather(send(), receive())",
            "before": "from other import elsewhere",
        },
        {"flow": "sender = ws.send\nawait asyncio.gather(send(), receive())"},
        {
            "flow": "await ws.send(make_json())\nawait asyncio.gather(send(), receive())",
            "before": "from other import make_json",
        },
        {"imports": "import websockets\nimport aiohttp"},
    ],
)
def test_a_connection_that_is_used_out_of_sight_prevents_the_rewrite(places: dict[str, str]) -> None:
    assert refused(**places)


def test_another_vendors_socket_keeps_its_code() -> None:
    other = 'async def other():\n    return await websockets.connect("wss://api.deepgram.com/v1/listen", extra_headers={})\n'
    assert other in rewritten(before=other)


def test_two_libraries_that_connect_get_both_drop_ins() -> None:
    before = (
        f'def old():\n    return websocket.create_connection({URL}, header={{"Authorization": "Bearer x"}})\n'
    )
    result = migrate(imports="import websocket\nimport websockets", before=before)
    assert (result.status, result.touch_points_left) == ("shim", 0)
    assert b"from shim import websocket\nfrom shim import websockets\n" in result.after


# Receiving


@pytest.mark.parametrize(
    "receive",
    [
        "while True:\n    event = json.loads(await ws.recv())\n    if event['message'] == 'EndOfTranscript':\n        break",
        "while True:\n    event = json.loads(await asyncio.wait_for(ws.recv(), None))\n    print(event['message'])",
        "while True:\n    try:\n        event = json.loads(await asyncio.wait_for(ws.recv(), 5))\n"
        "    except TimeoutError:\n        continue\n    print(event['message'])",
        "async for raw in ws:\n    if isinstance(raw, bytes):\n        continue\n    print(json.loads(raw)['message'])",
    ],
)
def test_every_way_to_receive_is_followed(receive: str) -> None:
    after = rewritten(receive=receive)
    assert "['type']" in after or "['type']" in after.replace('"', "'")


@pytest.mark.parametrize(
    "limit", ["asyncio.wait_for(ws.recv(), 5)", "asyncio.wait_for(ws.recv(), timeout=30)"]
)
def test_a_limit_of_the_silence_prevents_the_rewrite(limit: str) -> None:
    receive = f"while True:\n    event = json.loads(await {limit})\n    print(event['message'])"
    assert "limited in time" in refused(receive=receive)


def test_a_function_that_returns_messages_is_followed() -> None:
    receive = "while True:\n    event = await next_event(ws)\n    if event['message'] == 'EndOfTranscript':\n        return"
    before = "async def next_event(ws):\n    return json.loads(await ws.recv())\n"
    assert "if event['type'] == \"Termination\":" in rewritten(receive=receive, before=before)


@pytest.mark.parametrize(
    "receive",
    [
        "async for raw in ws:\n    keep(raw)",
        "async for raw in ws:\n    yield json.loads(raw)",
        "async for raw in ws:\n    yield raw",
        "return await ws.recv()",
        'async for raw in ws:\n    handlers[json.loads(raw)["message"]]()',
    ],
)
def test_messages_that_leave_prevent_the_rewrite(receive: str) -> None:
    flow = "task = receive()\nawait send()"
    assert refused(receive=receive, flow=flow, before="from other import handlers, keep")


def test_frames_that_are_shown_as_they_come_are_named() -> None:
    result = migrate(receive="async for raw in ws:\n    print(raw)\n    print(json.loads(raw)['message'])")
    assert any("whole frames are shown" in finding.message for finding in result.findings)


# The end

TASK = "task = asyncio.create_task(receive())\n"


@pytest.mark.parametrize(
    "flow",
    [
        "await asyncio.gather(send(), receive())",
        "await asyncio.gather(receive(), send(), return_exceptions=True)",
        TASK + "await send()\nawait task",
        TASK + "await send()\nawait asyncio.wait_for(task, 10)",
        "sender = asyncio.create_task(send())\nawait receive()\nawait sender",
        "tasks = [asyncio.create_task(send()), asyncio.create_task(receive())]\nawait asyncio.gather(*tasks)",
        "await asyncio.wait([asyncio.create_task(send()), asyncio.create_task(receive())])",
        TASK + "try:\n    await send()\nfinally:\n    await task",
        TASK + "await send()\nasync for _ in ws:\n    pass",
    ],
)
def test_a_program_that_reads_on_needs_no_wait(flow: str) -> None:
    after = rewritten(flow=flow)
    assert 'await ws.send(json.dumps({"type": "Terminate"}))\n' in after
    assert "timeout=5" not in after


@pytest.mark.parametrize(
    "flow",
    [
        TASK + "await send()\ntask.cancel()",
        TASK + "await send()",
        TASK + "await send()\nawait ws.close()\nawait task",
        TASK + "await asyncio.wait([task, asyncio.create_task(send())], return_when=asyncio.FIRST_COMPLETED)",
    ],
)
def test_a_program_that_closes_waits_for_the_task_that_reads(flow: str) -> None:
    after = rewritten(flow=flow)
    assert '({"type": "Terminate"}))\n            await asyncio.wait([task], timeout=5)\n' in after


def test_a_reader_that_ends_the_stream_itself_prevents_the_rewrite() -> None:
    receive = RECEIVE + "        await send()\n        return"
    assert "may close before" in refused(receive=receive, flow=TASK + "await asyncio.sleep(9)\ntask.cancel()")


def test_a_blind_sleep_becomes_that_wait() -> None:
    after = rewritten(flow=TASK + "await send()", end="await asyncio.sleep(1.5)")
    assert "await asyncio.wait([task], timeout=5)\n" in after
    assert "sleep(1.5)" not in after


def test_a_sleep_before_the_program_reads_on_stays() -> None:
    assert "await asyncio.sleep(1.5)\n" in rewritten(
        flow=TASK + "await send()\nawait task", end="await asyncio.sleep(1.5)"
    )


@pytest.mark.parametrize(
    "flow",
    [
        "asyncio.create_task(receive())\nawait send()",
        "await send()",
        "tasks = [asyncio.create_task(receive())]\nawait send()",
    ],
)
def test_a_reader_that_nobody_can_wait_for_prevents_the_rewrite(flow: str) -> None:
    assert "may close before everything has arrived" in refused(flow=flow)


# Audio

QUEUE = "while (chunk := await queue.get()) is not None:\n    await ws.send(chunk)"


def test_audio_that_is_proven_stays() -> None:
    assert textwrap.indent(SEND, " " * 12) in rewritten()


@pytest.mark.parametrize("encoding", ['"pcm_s16le"', '"pcm_f32le"', '"mulaw"'])
def test_audio_of_unknown_length_goes_through_the_adapter(encoding: str) -> None:
    after = rewritten(send=QUEUE, before="from other import queue", encoding=encoding)
    assert f"        audio = framing.AsyncSender(ws.send, encoding={encoding}, sample_rate=16000)\n" in after
    assert "                await audio.send(chunk)\n            await audio.flush()\n" in after
    assert "from shim import framing\n" in after


def test_a_format_of_the_run_time_is_asked_of_the_adapter() -> None:
    after = rewritten(
        send=QUEUE, before="from other import queue\nENCODING, RATE = os.environ['E'], int(os.environ['R'])\n",
        encoding="ENCODING", rate="RATE",
    )  # fmt: skip
    assert "**framing.query(encoding=ENCODING, sample_rate=RATE)," in after
    assert "framing.AsyncSender(ws.send, encoding=ENCODING, sample_rate=RATE)" in after


@pytest.mark.parametrize(
    "send",
    [
        SEND.replace("3200", "320").replace("0.1", "0.01"),
        SEND.replace("0.1", "0.02"),
        "with open('speech.raw', 'rb') as sound:\n    await ws.send(sound.read())",
    ],
)
def test_a_file_that_is_too_fast_or_in_small_pieces_goes_through_the_adapter(send: str) -> None:
    after = rewritten(send=send)
    assert "await audio.send(" in after
    assert send.splitlines()[0] in after


@pytest.mark.parametrize(
    "places",
    [
        {
            "send": "async with lock:\n    await forward(ws)",
            "before": "async def forward(s):\n    await s.send(queue.get())\n\nfrom other import lock, queue",
        },
        {"send": QUEUE, "encoding": "pick()", "before": "from other import pick, queue"},
        {"send": QUEUE.replace("ws.send(chunk)", "asyncio.sleep(0)"), "before": "from other import queue"},
    ],
)
def test_audio_without_a_place_for_the_adapter_prevents_the_rewrite(places: dict[str, str]) -> None:
    assert refused(**places)


@pytest.mark.parametrize("annotation", ["", ": str"])
def test_a_function_that_sends_texts_is_followed(annotation: str) -> None:
    before = f"async def push(ws, text{annotation}):\n    await ws.send(text)\n"
    flow = 'await push(ws, json.dumps({"message": "EndOfStream"}))\nawait receive()'
    after = rewritten(before=before, flow="await send()\n" + flow)
    assert 'await push(ws, json.dumps({"type": "Terminate"}))\n' in after


def test_a_text_that_nobody_can_read_is_no_audio() -> None:
    before = "async def push(ws, text: str):\n    await ws.send(text)\n\nfrom other import ping\n"
    flow = "await push(ws, ping)\nawait asyncio.gather(send(), receive())"
    assert "not made by json.dumps" in refused(before=before, flow=flow)


# Errors


def test_close_codes_that_are_read_are_named_with_those_of_assemblyai() -> None:
    receive = (
        "try:\n"
        + textwrap.indent(RECEIVE, "    ")
        + "except websockets.ConnectionClosed as e:\n    print(e.rcvd.code)"
    )
    messages = [finding.message for finding in migrate(receive=receive).findings if finding.rule == "errors"]
    assert [("1008: " in message, "3007: " in message) for message in messages] == [(True, True)]


def test_a_refused_key_is_no_http_status() -> None:
    flow = "try:\n    await asyncio.gather(send(), receive())\nexcept websockets.InvalidStatusCode as e:\n    print(e.status_code == 401)"
    assert any("error_code 1008" in finding.message for finding in migrate(flow=flow).findings)


def test_another_errors_code_is_nobodys_business() -> None:
    flow = "try:\n    await asyncio.gather(send(), receive())\nexcept SystemExit as e:\n    print(e.code)"
    assert not [finding for finding in migrate(flow=flow).findings if finding.rule == "errors"]


def test_a_close_code_of_speechmatics_prevents_the_rewrite() -> None:
    flow = "try:\n    await asyncio.gather(send(), receive())\nexcept websockets.ConnectionClosed as e:\n    print(e.code == 4001)"
    assert "close code 4001" in refused(flow=flow)


# Names


def test_variables_of_any_name_stay_what_they_are() -> None:
    before = f'SPEECHMATICS_API_KEY = os.environ["SPEECHMATICS_API_KEY"]\nSPEECHMATICS_URL = {URL}\n'
    header = '{"Authorization": f"Bearer {SPEECHMATICS_API_KEY}"}'
    opening = f"async with websockets.connect(SPEECHMATICS_URL, additional_headers={header}) as ws"
    after = rewritten(before=before, opening=opening)
    assert 'SPEECHMATICS_API_KEY = os.environ["ASSEMBLYAI_API_KEY"]\n' in after
    assert 'f"{SPEECHMATICS_URL}?{urlencode(connection_params)}"' in after
    assert '{"Authorization": SPEECHMATICS_API_KEY}' in after
