"""The drop-in for websocket-client, in the versions that it promises, as programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.tls import CertificateAuthority

pytestmark = pytest.mark.environment
VERSIONS = ["websocket-client-1.8.0", "websocket-client-newest"]
KEY = "assemblyai-key-of-the-tests"
LEGACY_KEY = "legacy-speechmatics-secret"

Fixture = Callable[..., Any]


@pytest.fixture(params=VERSIONS)
def environment(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def terminated(journal: Journal) -> bool:
    return {"type": "Terminate"} in journal.messages("received")


def python(source: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", source],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


# The module


def test_the_drop_in_is_the_real_module() -> None:
    done = python(
        "from shim import websocket\n"
        "import shim.websocket as dotted\n"
        "from shim.websocket import WebSocketApp, create_connection\n"
        "from shim.websocket._exceptions import WebSocketTimeoutException\n"
        "import websocket as real\n"
        "assert websocket is dotted is real\n"
        "assert WebSocketApp is real.WebSocketApp and create_connection is real.create_connection\n"
        "assert WebSocketTimeoutException is real.WebSocketTimeoutException\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_websocket_client_the_import_says_how_to_install_it() -> None:
    done = python("import sys; sys.modules['websocket'] = None; from shim import websocket")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ImportError: ")
    assert "python -m pip install websocket-client" in done.stderr


def test_another_package_of_the_same_name_is_recognised() -> None:
    done = python(
        "import sys, types; sys.modules['websocket'] = types.ModuleType('websocket'); from shim import websocket"
    )
    assert "python -m pip install websocket-client" in done.stderr.splitlines()[-1]


def test_importing_the_drop_in_starts_nothing() -> None:
    done = python("from shim import websocket; import threading; print(threading.active_count())")
    assert done.stdout.strip() == "1"


# A whole session


def test_a_program_hears_what_is_said_and_ends(
    emulate: Fixture, run_program: Fixture, scene: Scene, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        program = Program(on_message=lambda app, m: m["message"] == "EndOfTranscript" and app.close())
        program.start(ping_interval=30, ping_timeout=10, sslopt={"cert_reqs": 2}, http_proxy_host="127.0.0.1",
                      http_proxy_port=1)
        program.send_audio()
        socket = program.app.sock
        program.app.send(END)
        program.thread.join(20)
        say("left", url=program.app.url, socket_is_open=socket.sock is not None)
        """,
        environment,
        emulator.url,
    )
    assert outcome.conversation.text == scene.text
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    assert outcome.named("error") == []
    assert [event["code"] for event in outcome.named("close")] == [1000]
    assert outcome.named("returned")[0]["value"] is False
    assert outcome.named("left")[0]["url"] == "wss://eu2.rt.speechmatics.com/v2/en"
    # The server waits for this, and the process for the server.
    assert outcome.named("left")[0]["socket_is_open"] is False
    assert outcome.status == 0


def test_a_proxy_of_the_environment_is_not_asked_for_the_way_to_loopback(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    outcome = run_program(
        """
        program = Program().start()
        say("started", value=program.started.wait(20))
        program.close()
        """,
        environment,
        emulate().url,
        https_proxy="http://127.0.0.1:1",
        http_proxy="http://127.0.0.1:1",
    )
    assert outcome.named("started")[0]["value"] is True


@pytest.mark.parametrize(
    "header",
    [
        "['Authorization: Bearer ' + LEGACY_KEY]",
        "{'Authorization': 'Bearer ' + LEGACY_KEY}",
        "lambda: {'Authorization': 'Bearer ' + LEGACY_KEY}",
        "None",
    ],
)
def test_every_spelling_of_the_header_works_and_the_legacy_key_stays_here(
    emulate: Fixture, run_program: Fixture, environment: str, header: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        f"""
        import logging
        logging.basicConfig(level=logging.DEBUG)
        program = Program(URL + "?jwt=" + LEGACY_KEY, header={header}).start()
        program.send_audio(AUDIO[:16000])
        program.close()
        """,
        environment,
        emulator.url,
    )
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    (connection,) = emulator.journal.connections
    assert connection.headers["authorization"] == KEY
    sent = [(connection.path, dict(connection.query), dict(connection.headers))]
    frames = [(frame.text, frame.audio) for frame in emulator.journal.frames("received")]
    assert LEGACY_KEY not in repr(sent + frames)
    assert LEGACY_KEY not in outcome.log
    assert KEY not in outcome.log


def test_nothing_that_is_said_is_logged(
    emulate: Fixture, run_program: Fixture, scene: Scene, environment: str
) -> None:
    outcome = run_program(
        """
        import logging
        logging.basicConfig(level=logging.DEBUG)
        program = Program().start()
        program.send_audio()
        program.app.send(END)
        program.ended.wait(20)
        program.close()
        """,
        environment,
        emulate().url,
    )
    assert outcome.conversation.text == scene.text
    assert "DEBUG" in outcome.log
    assert "orning" not in outcome.log


# Closing


def test_the_last_words_and_the_end_come_although_the_program_forgot_to_end_the_stream(
    emulate: Fixture, run_program: Fixture, scene: Scene, environment: str
) -> None:
    emulator = emulate()  # in a hurry: the program's patience is not
    outcome = run_program(
        """
        program = Program().start()
        program.send_audio()
        program.close()
        program.thread.join(5)
        """,
        environment,
        emulator.url,
        speed=2,
    )
    assert outcome.conversation.text == scene.text
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    assert [event["code"] for event in outcome.named("close")] == [1000]
    assert outcome.named("error") == []
    assert outcome.seconds("closing", "closed") < 1.8 + 0.7
    assert terminated(emulator.journal)
    order = [event["event"] for event in outcome.events]
    assert order.index("closed") > max(i for i, event in enumerate(order) if event == "message")


def test_closing_from_inside_a_callback_delivers_the_rest_and_does_not_block(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        lock = threading.Lock()

        def on_message(app, message):
            with lock:
                if message["message"] == "AudioAdded" and message["seq_no"] == 5:
                    say("closing")
                    app.close()
                    say("closed")

        program = Program(on_message=on_message).start()
        program.send_audio(AUDIO[:1472 * 8])
        program.thread.join(10)
        """,
        environment,
        emulator.url,
    )
    assert outcome.seconds("closing", "closed") < 1
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    assert [event["code"] for event in outcome.named("close")] == [1000]
    assert outcome.named("returned")
    assert terminated(emulator.journal)


def test_closing_before_the_session_started_is_a_normal_close(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    outcome = run_program(
        """
        program = Program(on_open=lambda app: app.close())
        program.run()
        """,
        environment,
        emulate().url,
    )
    assert [event["code"] for event in outcome.named("close")] == [1000]
    assert outcome.named("error") == []
    assert outcome.conversation.messages == []
    assert outcome.seconds("open", "returned") < 5


def test_a_close_that_is_not_normal_keeps_its_code_and_the_librarys_own_ways(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    outcome = run_program("Program().run()", environment, emulate().url, key="wrong")
    assert [event["code"] for event in outcome.named("close")] == [4001]
    own = ["WebSocketConnectionClosedException"] if environment.endswith("newest") else []
    assert [event["type"] for event in outcome.named("error")] == own


def test_every_callback_and_every_way_to_send_is_the_librarys_own(
    emulate: Fixture, run_program: Fixture, scene: Scene, environment: str
) -> None:
    outcome = run_program(
        """
        program = Program(
            on_data=lambda app, data, kind, whole: say("data", kind=kind, whole=whole),
            on_cont_message=lambda app, data, whole: say("cont"),
            on_pong=lambda app, data: say("pong"),
        )
        program.start(ping_interval=0.2, ping_timeout=0.1, ping_payload="x", suppress_origin=True, origin="me",
                      sockopt=((6, 1, 1),), skip_utf8_validation=True, http_no_proxy=["*"])
        program.started.wait(20)
        ways = [
            lambda piece: program.app.send(piece, websocket.ABNF.OPCODE_BINARY),
            lambda piece: program.app.send(piece, opcode=2),
            program.app.send_bytes,
            lambda piece: program.app.sock.send_binary(piece),
        ]
        turn = iter(range(10**6))
        send_in_pace(AUDIO, lambda piece: ways[next(turn) % 4](piece))
        program.app.send_text(END)
        program.ended.wait(20)
        time.sleep(0.3)
        program.close()
        """,
        environment,
        emulate().url,
    )
    finals = [e["message"] for e in outcome.named("message")]
    assert finals[-1]["message"] == "EndOfTranscript"
    assert outcome.conversation.text.split() == scene.text.split()
    assert {(event["kind"], event["whole"]) for event in outcome.named("data")} == {(1, 1)}
    assert outcome.named("pong")


def test_tls_to_assemblyai_is_verified_and_used(
    emulate: Fixture, run_program: Fixture, tmp_path: Path, environment: str
) -> None:
    authority = CertificateAuthority.create(tmp_path / "ca")
    outcome = run_program(
        """
        program = Program().start()
        program.send_audio(AUDIO[:16000])
        program.close()
        """,
        environment,
        emulate(tls=authority.certificate()).url,
        SSL_CERT_FILE=str(authority.ca_file),
    )
    assert outcome.conversation.names[-1] == "EndOfTranscript"


def test_interrupting_the_loop_in_the_main_thread_leaves_no_session_open(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        import signal

        def on_message(app, message):
            if message["message"] == "RecognitionStarted":
                os.kill(os.getpid(), signal.SIGINT)

        program = Program(on_message=on_message)
        try:
            program.run()
        except KeyboardInterrupt:
            say("interrupted")
        """,
        environment,
        emulator.url,
    )
    assert outcome.named("returned") or outcome.named("interrupted")
    assert len(outcome.named("close")) == 1
    assert terminated(emulator.journal)


def test_closing_with_a_lock_that_the_callback_wants_ends_in_time(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    outcome = run_program(
        """
        lock = threading.Lock()

        def on_message(app, message):
            with lock:
                pass

        program = Program(on_message=on_message).start()
        program.send_audio(AUDIO[:32000])
        with lock:
            program.close()
        program.thread.join(10)
        """,
        environment,
        emulate().url,
    )
    assert outcome.seconds("closing", "closed") < 1.8 + 0.7
    assert len(outcome.named("close")) == 1


def test_closing_on_purpose_does_not_reconnect(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        program = Program().start(reconnect=1)
        program.send_audio(AUDIO[:16000])
        program.close()
        program.thread.join(10)
        """,
        environment,
        emulator.url,
    )
    assert len(outcome.named("open")) == 1
    assert [event["code"] for event in outcome.named("close")] == [1000]
    assert outcome.named("returned")
    assert len(emulator.journal.connections) == 1


def test_an_application_can_run_again_after_its_end(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        program = Program(on_message=lambda app, m: m["message"] == "RecognitionStarted" and app.close())
        program.run()
        program.run()
        """,
        environment,
        emulator.url,
    )
    assert [event["code"] for event in outcome.named("close")] == [1000, 1000]
    assert len(emulator.journal.connections) == 2


def test_a_process_that_exits_without_closing_leaves_no_session_open(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        program = Program().start()
        program.send_audio(AUDIO[:32000])
        """,
        environment,
        emulator.url,
    )
    assert outcome.status == 0
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    assert terminated(emulator.journal)
    assert emulator.journal.wait_for(lambda journal: journal.closes())[0].code == 1000


def test_an_exception_in_the_main_thread_leaves_no_session_open(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        program = Program().start()
        program.send_audio(AUDIO[:32000])
        raise SystemError("the program's own mistake")
        """,
        environment,
        emulator.url,
    )
    assert outcome.status == 1
    assert terminated(emulator.journal)


def test_a_forked_worker_has_sessions_of_its_own_and_ends_them(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        import multiprocessing
        from urllib.parse import urlsplit

        def work():
            program = Program().start()
            program.send_audio(AUDIO[:16000])
            say("ports", parent=parent_port, child=port())

        def port():
            return urlsplit(redirect.background.local_url(URL)).port

        if __name__ == "__main__":
            program = Program().start()
            program.send_audio(AUDIO[:16000])
            parent_port = port()
            worker = multiprocessing.get_context("fork").Process(target=work)
            worker.start()
            worker.join(20)
            say("worker", status=worker.exitcode)
            program.close()
        """,
        environment,
        emulator.url,
    )
    assert outcome.named("worker")[0]["status"] == 0
    assert len(emulator.journal.connections) == 2
    terminates = [frame.connection for frame in emulator.journal.frames("received") if frame.json]
    assert sorted(terminates) == [1, 2]
    (ports,) = outcome.named("ports")
    assert ports["parent"] != ports["child"]


# Low-level sockets


def test_create_connection_with_a_reader_thread(
    emulate: Fixture, run_program: Fixture, scene: Scene, environment: str
) -> None:
    outcome = run_program(
        """
        ws = websocket.create_connection(URL, header=["Authorization: Bearer x"], timeout=30)
        ws.send(START)
        started = threading.Event()

        def read():
            try:
                for text in ws:
                    if not text:
                        break
                    message = json.loads(text)
                    say("message", message=message)
                    if message["message"] == "RecognitionStarted":
                        started.set()
            except websocket.WebSocketConnectionClosedException:
                say("connection closed")
            say("read all")

        reader = threading.Thread(target=read)
        reader.start()
        started.wait(20)
        send_in_pace(AUDIO, ws.send_binary)
        say("closing")
        ws.close()
        say("closed")
        reader.join(10)
        """,
        environment,
        emulate().url,
        speed=2,
    )
    assert outcome.conversation.text == scene.text
    assert outcome.conversation.names[-1] == "EndOfTranscript"
    assert outcome.seconds("closing", "closed") < 1.8 + 0.7
    assert outcome.named("read all")


def test_create_connection_that_reads_and_closes_in_one_thread_waits_for_nobody(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    emulator = emulate()
    outcome = run_program(
        """
        from contextlib import closing
        with closing(websocket.create_connection(URL)) as ws:
            ws.send(START)
            while json.loads(ws.recv())["message"] != "RecognitionStarted":
                pass
            ws.send(AUDIO[:16000], opcode=2)
            say("closing")
        say("closed")
        """,
        environment,
        emulator.url,
    )
    assert outcome.seconds("closing", "closed") < 1
    assert terminated(emulator.journal)
    assert emulator.journal.closes()[0].code == 1000


# What goes wrong


def test_without_a_key_the_program_sees_a_401_and_the_log_names_the_variable(
    run_program: Fixture, environment: str
) -> None:
    outcome = run_program("Program().run()", environment, key="")
    (error,) = outcome.named("error")
    assert error["type"] == "WebSocketBadStatusException"
    assert "401" in error["text"]
    assert len(outcome.named("close")) == 1
    (line,) = outcome.log.splitlines()
    assert "ASSEMBLYAI_API_KEY" in line


@pytest.mark.parametrize(
    ("fault", "kind", "code", "logged"),
    [
        ("wrong key", "not_authorised", 4001, "ASSEMBLYAI_API_KEY"),
        ("refused", "job_error", 4013, "ASSEMBLYAI_STREAMING_URL"),
        ("no name", "job_error", 4013, "ASSEMBLYAI_STREAMING_URL"),
        ("tls", "job_error", 4013, "certificate"),
        ("http:503", "job_error", 4013, "new session"),
        ("error-without-close:3005", "job_error", 4013, "cancelled"),
    ],
)
def test_a_failure_to_begin_is_an_error_and_a_close_with_its_code_and_a_line_in_the_log(
    emulate: Fixture,
    run_program: Fixture,
    tmp_path: Path,
    environment: str,
    fault: str,
    kind: str,
    code: int,
    logged: str,
) -> None:
    urls: dict[str, Callable[[], str]] = {
        "wrong key": lambda: emulate().url,
        "refused": lambda: "ws://127.0.0.1:1",
        "no name": lambda: "wss://streaming.assemblyai.invalid",
        "tls": lambda: emulate(tls=CertificateAuthority.create(tmp_path / "ca").certificate()).url,
    }
    url = urls.get(fault, lambda: emulate(fault).url)()
    outcome = run_program("Program().run()", environment, url, key="wrong" if fault == "wrong key" else KEY)
    (message,) = outcome.conversation.named("Error")
    assert message["type"] == kind
    assert [event["code"] for event in outcome.named("close")] == [code]
    assert outcome.seconds("open", "message") < 10
    assert logged in outcome.log
    assert "Traceback" not in outcome.log


def test_an_upstream_that_is_killed_in_the_middle_is_an_error_and_a_close(
    emulate: Fixture, run_program: Fixture, environment: str
) -> None:
    outcome = run_program(
        """
        program = Program().start()
        program.send_audio(AUDIO[:64000])
        program.thread.join(20)
        """,
        environment,
        emulate("reset@1").url,
    )
    assert outcome.conversation.names[-1] == "Error"
    assert [event["code"] for event in outcome.named("close")] == [4013]
    assert "AssemblyAI was lost" in outcome.log
