"""The stage, with small programs that use the real client libraries against TLS servers of this machine."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from shim.emulator.stage import Stage

HOST = "eu2.rt.speechmatics.com"

APP = """
import websocket
def on_open(ws): ws.send('{"n": 1}'); ws.send(b"audio", websocket.ABNF.OPCODE_BINARY)
def on_message(ws, message): print(message); ws.close()
websocket.WebSocketApp("wss://eu2.rt.speechmatics.com/v2", on_open=on_open, on_message=on_message).run_forever()
"""

CONNECTION = """
from websocket import create_connection
ws = create_connection("wss://eu2.rt.speechmatics.com:443/v2")
ws.send('{"n": 1}'); ws.send_binary(b"audio")
print(ws.recv()); ws.close()
"""

WEBSOCKETS = """
import asyncio, websockets
async def main():
    async with websockets.connect("wss://eu2.rt.speechmatics.com/v2") as ws:
        await ws.send('{"n": 1}'); await ws.send(b"audio")
        async for message in ws:
            print(message); break
asyncio.run(main())
"""

LEGACY_WEBSOCKETS = WEBSOCKETS.replace("asyncio, websockets", "asyncio, websockets.legacy.client").replace(
    "websockets.connect", "websockets.legacy.client.connect"
)

SYNC_WEBSOCKETS = """
from websockets.sync.client import connect
with connect("wss://eu2.rt.speechmatics.com/v2") as ws:
    ws.send('{"n": 1}'); ws.send(b"audio")
    for message in ws:
        print(message); break
"""

OWN_SERVER = """
import asyncio, websockets
async def echo(connection):
    async for message in connection:
        await connection.send(message)
async def main():
    async with websockets.serve(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with websockets.connect(f"ws://127.0.0.1:{port}") as ws:
            await ws.send("hello"); print(await ws.recv())
asyncio.run(main())
"""

CERTIFI = """
import ssl, certifi, websocket
ws = websocket.create_connection("wss://eu2.rt.speechmatics.com/v2", sslopt={"ca_certs": certifi.where()})
ws.send('{"n": 1}'); print(ws.recv()); ws.close()
"""


def answer(connection: ServerConnection) -> None:
    for message in connection:
        if isinstance(message, str):
            connection.send(json.dumps({"heard": json.loads(message)}))


def plain_request(connection: ServerConnection, request: Request) -> Response | None:
    if request.path.startswith("/v2"):
        return None
    return connection.respond(HTTPStatus.OK, f"{request.headers['Host']} {request.path}\n")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return ca, path


@pytest.fixture(scope="module")
def server(authority: tuple[trustme.CA, Path]) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert(HOST, "mp.speechmatics.com").configure_cert(context)
    with serve(answer, "127.0.0.1", 0, ssl=context, process_request=plain_request) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def stage(server: Server, authority: tuple[trustme.CA, Path], tmp_path: Path) -> Stage:
    address = ("127.0.0.1", server.socket.getsockname()[1])
    return Stage({HOST: address, "mp.speechmatics.com": address}, authority[1], tmp_path / "record.jsonl")


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(stage: Stage, tmp_path: Path) -> Run:
    def run(source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "program.py"
        script.write_text(source)
        return subprocess.run(
            stage.command(script, arguments),
            env=stage.environment(os.environ),
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def recorded(stage: Stage) -> list[dict[str, Any]]:
    assert stage.record_file is not None
    return [json.loads(line) for line in stage.record_file.read_text().splitlines()]


@pytest.mark.parametrize(
    "program",
    [APP, CONNECTION, WEBSOCKETS, LEGACY_WEBSOCKETS, SYNC_WEBSOCKETS],
    ids=["WebSocketApp", "create_connection", "websockets", "websockets.legacy", "websockets.sync"],
)
def test_a_program_reaches_the_given_server_and_its_text_messages_are_recorded(
    run: Run, stage: Stage, program: str
) -> None:
    finished = run(program)
    assert (finished.returncode, finished.stdout) == (0, '{"heard": {"n": 1}}\n'), finished.stderr
    lines = recorded(stage)
    assert [(line["direction"], line["host"], line["text"]) for line in lines] == [
        ("sent", HOST, '{"n": 1}'),
        ("received", HOST, '{"heard": {"n": 1}}'),
    ]
    assert lines[0]["time"] < lines[1]["time"]


@pytest.mark.environment
def test_an_older_library_in_another_environment_is_recorded_too(
    stage: Stage, environment_python: Callable[[str], Path], tmp_path: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(APP)
    command = stage.command(script, python=environment_python("websocket-client-1.8.0"))
    subprocess.run(command, env=stage.environment(os.environ), check=True, capture_output=True, timeout=60)
    assert [line["direction"] for line in recorded(stage)] == ["sent", "received"]


def test_servers_that_the_program_runs_itself_are_not_recorded(run: Run, stage: Stage) -> None:
    finished = run(OWN_SERVER)
    assert finished.stdout == "hello\n", finished.stderr
    assert [line["direction"] for line in recorded(stage)] == ["sent", "received"]


def test_a_program_that_names_certifi_trusts_our_authority(run: Run) -> None:
    finished = run(CERTIFI)
    assert finished.stdout == '{"heard": {"n": 1}}\n', finished.stderr


def test_requests_reaches_the_given_server_over_tls(run: Run) -> None:
    finished = run('import requests; print(requests.get("https://mp.speechmatics.com/v1/api_keys").text)')
    assert finished.stdout == "mp.speechmatics.com /v1/api_keys\n\n", finished.stderr


@pytest.mark.parametrize(
    "connect",
    [
        'socket.create_connection(("example.com", 80), timeout=5)',
        'socket.socket().connect(("example.com", 80))',
        'socket.socket().connect(("192.0.2.1", 80))',
        'socket.getaddrinfo("192.0.2.1", 80)',
        'socket.socket().connect_ex(("example.com", 80))',
        'socket.gethostbyname("example.com")',
        'socket.gethostbyname_ex("example.com")',
        'socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", 0, ("192.0.2.1", 53))',
    ],
)
def test_any_other_host_is_refused_and_named(run: Run, stage: Stage, connect: str) -> None:
    finished = run(f"import socket\ntry:\n    {connect}\nexcept OSError as error:\n    print(error)")
    assert "does not reach the network" in finished.stdout, finished.stderr
    assert HOST in finished.stdout
    (line,) = recorded(stage)
    assert line["direction"] == "refused"
    assert line["host"] in connect


def test_loopback_is_reached_and_recorded(run: Run, stage: Stage) -> None:
    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.socket.getsockname()[1]
            finished = run(CONNECTION.replace(f"wss://{HOST}:443", f"ws://127.0.0.1:{port}"))
        finally:
            server.shutdown()
            thread.join()
    assert finished.stdout == '{"heard": {"n": 1}}\n', finished.stderr
    assert [line["host"] for line in recorded(stage)] == ["127.0.0.1", "127.0.0.1"]


def test_the_program_sees_what_a_plain_run_shows_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("NAME = 'neighbour'")
    finished = run(
        "import sys, neighbour\n"
        "print(__name__, sys.argv, neighbour.NAME, sys.modules['__main__'].__file__ == __file__)",
        "--host",
        "a",
        "--",
        "b",
    )
    script = str(tmp_path / "program.py")
    assert finished.stdout == f"__main__ {[script, '--host', 'a', '--', 'b']} neighbour True\n", (
        finished.stderr
    )


@pytest.mark.parametrize(
    ("source", "status"), [("import sys; sys.exit(7)", 7), ("import sys; sys.exit('bad')", 1), ("1 / 0", 1)]
)
def test_the_exit_status_is_the_programs(run: Run, source: str, status: int) -> None:
    assert run(source).returncode == status


def test_a_traceback_shows_only_the_program(run: Run, tmp_path: Path) -> None:
    source = "def f():\n    1 / 0\n\nf()\n"
    staged = run(source).stderr
    plain = subprocess.run(
        [sys.executable, tmp_path / "program.py"], capture_output=True, text=True, timeout=60
    )
    assert staged == plain.stderr


def test_control_c_is_a_keyboard_interrupt_in_the_program(stage: Stage, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import threading, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    print(threading.current_thread() is threading.main_thread(), flush=True); raise\n"
    )
    process = subprocess.Popen(
        stage.command(script),
        env=stage.environment(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert output == "True\n"
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "name=192.0.2.1:80", "--", "x.py"], "is not NAME=127.0.0.1:PORT"),
        (["--host", "name"], "is not NAME=127.0.0.1:PORT"),
        ([], "the program to run is missing"),
        (["--", "absent.py"], "there is no program absent.py"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: list[str], message: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "shim.emulator.stage", *arguments], capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 2
    assert message in finished.stderr


def test_the_environment_trusts_our_authority_and_has_no_proxy(tmp_path: Path) -> None:
    environment = Stage(ca_file=tmp_path / "ca.pem").environment({"HTTPS_PROXY": "http://p", "A": "b"})
    ca = str(tmp_path / "ca.pem")
    assert environment == {
        "A": "b",
        "SSL_CERT_FILE": ca,
        "REQUESTS_CA_BUNDLE": ca,
        "WEBSOCKET_CLIENT_CA_BUNDLE": ca,
    }
