"""``shim doctor``: each check on machines where something is wrong, and how it is told."""

from __future__ import annotations

import email.utils
import http.server
import importlib.metadata
import io
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import types
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shim import checks, cli, doctor
from shim.checks import CHECKS, Check, Context, Outcome, made
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.emulator.tls import CertificateAuthority
from shim.settings import API_KEY_VARIABLE, REGION_VARIABLE, STREAMING_URL_VARIABLE, Settings

ROOT = Path(__file__).parents[2]
API_KEY = "0f1e2d3c4b5a6f7e8d9c0b1a2f3e4d5c"  # no digits in a row, which a port may have too
SPEED = 20.0


@pytest.fixture(autouse=True)
def plain_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No choices, no proxy, a narrow terminal without colours."""
    for name in (API_KEY_VARIABLE, REGION_VARIABLE, STREAMING_URL_VARIABLE, "SPEECHMATICS_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def emulate(one_sentence: Scene) -> Iterator[Callable[..., AssemblyAIEmulator]]:
    with ExitStack() as stack:

        def start(*faults: str, **options: Any) -> AssemblyAIEmulator:
            return stack.enter_context(
                AssemblyAIEmulator(one_sentence, speed=SPEED, faults=faults, keys=[API_KEY], **options)
            )

        yield start


def context(url: str | None = None, **settings: Any) -> Context:
    settings.setdefault("api_key", API_KEY)
    return Context(Settings(streaming_url=url, **settings), microphone=False, clock=Clock(SPEED))


def outcomes(context: Context) -> dict[str, Outcome]:
    return {check.name: outcome for check, outcome in made(context)}


def all_text(outcome: Outcome) -> str:
    return f"{outcome.detail} {outcome.advice}"


def free_port() -> int:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port: int = nobody.getsockname()[1]
        return port


class TestPythonAndPackages:
    def test_this_python_will_do(self):
        assert checks.python(context()) == Outcome("ok", sys.version.split()[0])

    def test_an_old_python_is_told_which_one_is_needed(self, monkeypatch):
        monkeypatch.setattr(sys, "version_info", (3, 9, 18))
        outcome = checks.python(context())
        assert outcome.status == "failed"
        assert "3.10" in outcome.advice

    def test_the_table_says_what_the_project_declares(self):
        declared = (ROOT / "pyproject.toml").read_text()
        for package in checks.PACKAGES:
            assert f'"{package.name}>={package.minimum}"' in declared
            if package.extra:
                line = next(x for x in declared.splitlines() if x.startswith(f"{package.extra} = "))
                assert f'"{package.name}>=' in line
        assert f'requires-python = ">={".".join(map(str, checks.MINIMUM_PYTHON))}"' in declared

    @pytest.fixture
    def installed(self, monkeypatch) -> Callable[[str | None], None]:
        def install(version: str | None) -> None:
            def look_up(name: str) -> str:
                if version is None:
                    raise importlib.metadata.PackageNotFoundError(name)
                return version

            monkeypatch.setattr(importlib.metadata, "version", look_up)

        return install

    @pytest.mark.parametrize(
        ("version", "minimum", "status"),
        [("15.0.1", "15", "ok"), ("15", "15", "ok"), ("14.2", "15", "failed"), ("1.10", "1.6", "ok")],
    )
    def test_versions_are_compared_as_numbers(self, installed, version, minimum, status):
        installed(version)
        outcome = checks.package(checks.Package("x", minimum), context())
        assert outcome.status == status
        assert version in outcome.detail
        assert ("pip install" in outcome.advice) == (status == "failed")

    def test_one_that_is_needed_and_missing_is_a_failure(self, installed):
        installed(None)
        outcome = checks.package(checks.PACKAGES[0], context())
        assert outcome.status == "failed"
        assert 'pip install --upgrade "speechmatics-to-assemblyai"' in outcome.advice

    def test_one_of_an_extra_that_is_missing_is_a_note(self, installed):
        installed(None)
        outcome = checks.package(checks.PACKAGES[2], context())
        assert outcome.status == "skipped"
        assert '"speechmatics-to-assemblyai[microphone]"' in outcome.advice


class TestKey:
    def test_one_that_may_be_right_is_not_shown(self):
        assert checks.key(context()) == Outcome("ok", "present (not shown)")

    @pytest.mark.parametrize(
        ("key", "text"),
        [
            (None, "Set the environment variable ASSEMBLYAI_API_KEY"),
            (" \n", "Set the environment variable ASSEMBLYAI_API_KEY"),
            (f"Bearer {API_KEY}", "AssemblyAI wants the key alone"),
            (f"{API_KEY} x", "characters that no key has"),
            ("0f1e2d3c4b5a6978é796a5b4c3d2e1f0", "characters that no key has"),
            (f'"{API_KEY}"', "without quotes"),
            ("<your-assemblyai-key-here>", "without quotes or brackets"),
            ("YOUR_ASSEMBLYAI_API_KEY", "is a placeholder"),
            (API_KEY[:12], "too short"),
        ],
    )
    def test_one_that_cannot_be_right_is_named_and_not_shown(self, key, text):
        outcome = checks.key(context(api_key=key))
        assert outcome.status == "failed"
        assert text in all_text(outcome)
        assert not key or not key.strip() or key not in all_text(outcome)

    def test_the_key_of_speechmatics_is_another_one(self, monkeypatch):
        monkeypatch.setenv("SPEECHMATICS_API_KEY", API_KEY)
        outcome = checks.key(context())
        assert outcome.status == "failed"
        assert "SPEECHMATICS_API_KEY" in outcome.detail
        assert checks.key(context("ws://127.0.0.1:1")).status == "ok"

    def test_another_server_may_have_any_key(self):
        assert checks.key(context("ws://127.0.0.1:1", api_key="k")).status == "ok"


class Device:
    """What the microphone delivers, as PyAudio shows it.

    Attributes:
        sample: the value of each 16-bit sample.
        hangs: its driver never answers.
    """

    def __init__(self, sample: int = 0, hangs: bool = False) -> None:
        self.sample = sample.to_bytes(2, "little", signed=True)
        self.hangs = hangs
        self.unplugged = threading.Event()

    def get_default_input_device_info(self) -> dict[str, Any]:
        return {"index": 0, "name": "fake", "maxInputChannels": 1, "defaultSampleRate": 16000.0}

    def open(self, **options: Any) -> Device:
        return self

    def read(self, frames: int, exception_on_overflow: bool) -> bytes:
        if self.hangs:
            self.unplugged.wait(30)
        return self.sample * frames

    def get_read_available(self) -> int:
        return 0

    def close(self) -> None:
        """The stream is closed."""

    def terminate(self) -> None:
        """PortAudio is left."""


class TestMicrophone:
    @pytest.fixture
    def plug_in(self, monkeypatch) -> Iterator[Callable[[Device], None]]:
        with ExitStack() as stack:

            def install(device: Device) -> None:
                module = types.SimpleNamespace(PyAudio=lambda: device, paInt16=8)
                monkeypatch.setitem(sys.modules, "pyaudio", module)
                stack.callback(device.unplugged.set)

            yield install

    def check(self) -> Outcome:
        return checks.microphone(Context(Settings()))

    def test_sound_is_well(self, plug_in):
        plug_in(Device(3277))
        outcome = self.check()
        assert outcome.status == "ok"
        assert "-20 dB" in outcome.detail

    def test_digital_silence_is_a_failure(self, plug_in):
        plug_in(Device(0))
        outcome = self.check()
        assert outcome.status == "failed"
        assert "muted" in outcome.advice

    def test_a_single_lowest_bit_is_no_digital_silence(self, plug_in):
        plug_in(Device(-1))
        assert self.check().status == "ok"

    def test_a_driver_that_hangs_is_given_up(self, plug_in, monkeypatch):
        monkeypatch.setattr(checks, "DEVICE_SECONDS", 0.1)
        plug_in(Device(1, hangs=True))
        outcome = self.check()
        assert outcome.status == "failed"
        assert "0.1 s" in outcome.detail

    def test_no_device_is_told_with_what_to_check(self, plug_in, monkeypatch):
        plug_in(Device())

        def none(self: Device) -> None:
            raise OSError("No Default Input Device Available")

        monkeypatch.setattr(Device, "get_default_input_device_info", none)
        outcome = self.check()
        assert outcome.status == "failed"
        assert outcome.detail.startswith("there is no default microphone")
        assert outcome.advice.startswith("Check that one is connected")

    @pytest.mark.parametrize("library", ["pyaudio", "numpy", "soxr"])
    def test_without_the_extra_it_is_skipped_with_a_note(self, plug_in, monkeypatch, library):
        plug_in(Device())
        monkeypatch.setitem(sys.modules, library, None)
        outcome = self.check()
        assert outcome.status == "skipped"
        assert library in outcome.detail

    def test_a_library_that_does_not_load_is_a_failure(self, monkeypatch, tmp_path):
        (tmp_path / "pyaudio.py").write_text("raise ImportError('libportaudio.so.2: cannot open')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "pyaudio", raising=False)
        outcome = self.check()
        assert outcome.status == "failed"
        assert "libportaudio.so.2" in outcome.detail
        assert "portaudio19-dev" in outcome.advice

    def test_it_can_be_left_out(self):
        assert checks.microphone(context()).status == "skipped"

    def test_what_the_sound_libraries_write_is_not_shown(self, plug_in, monkeypatch, capfd):
        import os

        plug_in(Device(1))
        usual = Device.open
        monkeypatch.setattr(
            Device, "open", lambda self, **options: (os.write(2, b"ALSA lib: no such"), usual(self))[1]
        )
        assert self.check().status == "ok"
        os.write(2, b"later")
        assert capfd.readouterr().err == "later"


class TestAddress:
    def test_without_a_choice_it_is_where_programs_with_the_default_host_go(self):
        outcome = checks.address(context())
        assert outcome.status == "ok"
        assert outcome.detail.startswith("streaming.eu.assemblyai.com, port 443")

    def test_a_region_may_be_chosen(self):
        assert "streaming.us.assemblyai.com" in checks.address(context(region="us")).detail

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("wss://a.example/v3/ws?x=1", "a.example, port 443"),
            ("ws://a.example", "a.example, port 80"),
            ("ws://user:word@a.example:81", "a.example, port 81"),
        ],
    )
    def test_another_server_is_named_without_what_may_be_secret(self, url, shown):
        outcome = checks.address(context(url))
        assert outcome.status == "ok"
        assert outcome.detail == f"{shown} ({STREAMING_URL_VARIABLE})"

    @pytest.mark.parametrize("url", ["http://a.example", "a.example", "ws://", "ws://a:b", "ws://a:99999"])
    def test_what_is_no_address_is_told(self, url):
        outcome = checks.address(context(url))
        assert outcome.status == "failed"
        assert STREAMING_URL_VARIABLE in outcome.detail

    def test_what_is_no_region_is_told(self):
        outcome = checks.address(context(region="mars"))
        assert outcome.status == "failed"
        assert "eu, us, global" in outcome.advice


class TestReachability:
    def test_a_name_without_an_address(self, monkeypatch):
        def nowhere(*arguments: Any, **options: Any) -> None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", nowhere)
        found = outcomes(context())
        assert found["DNS"].status == "failed"
        assert "cannot be resolved" in found["DNS"].detail
        for name in ("TCP", "TLS", "clock", "session"):
            assert found[name] == Outcome("skipped", "not possible before this is right: DNS")

    def test_a_port_where_nobody_listens(self):
        found = outcomes(context(f"ws://127.0.0.1:{free_port()}"))
        assert found["DNS"].status == "ok"
        assert found["TCP"].status == "failed"
        assert "refused the connection" in found["TCP"].detail
        assert "firewall" in found["TCP"].advice
        assert found["session"] == Outcome("skipped", "not possible before this is right: TCP")

    def test_a_certificate_that_is_not_trusted(self, emulate, tmp_path):
        emulator = emulate(tls=CertificateAuthority.create(tmp_path).certificate())
        found = outcomes(context(emulator.url))
        assert found["TCP"].status == "ok"
        assert found["TLS"].status == "failed"
        assert "certificate" in found["TLS"].detail
        assert "trust store" in found["TLS"].advice
        assert found["session"].status == "skipped"
        (only_the_clock,) = emulator.journal.connections
        assert only_the_clock.method == "HEAD"
        assert API_KEY not in str(only_the_clock.headers)

    def test_a_certificate_that_is_trusted(self, emulate, tmp_path, monkeypatch):
        authority = CertificateAuthority.create(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        found = outcomes(context(emulate(tls=authority.certificate()).url))
        assert found["TLS"].status == "ok"
        assert "TLSv1" in found["TLS"].detail
        assert found["session"].status == "ok"

    def test_a_proxy_connects_in_our_place(self, monkeypatch):
        monkeypatch.setattr(
            urllib.request, "getproxies", lambda: {"https": "http://user:word@proxy.example:3128"}
        )
        for check in (checks.name_lookup, checks.connection, checks.encryption):
            assert check(context()) == Outcome("skipped", "connections go through the proxy proxy.example")

    def test_this_machine_needs_no_proxy(self, emulate, monkeypatch):
        monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": "http://proxy.example:3128"})
        assert outcomes(context(emulate().url))["TCP"].status == "ok"


class TestClock:
    @pytest.fixture
    def server(self) -> Iterator[Callable[[str | None], str]]:
        """Answers every request with this Date, or none, perhaps over TLS; gives its address."""
        with ExitStack() as stack:

            def start(date: str | None, tls: ssl.SSLContext | None = None) -> str:
                class Handler(http.server.BaseHTTPRequestHandler):
                    def do_HEAD(self) -> None:
                        self.send_response_only(404)
                        if date is not None:
                            self.send_header("Date", date)
                        self.end_headers()

                server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
                if tls:
                    server.socket = tls.wrap_socket(server.socket, server_side=True)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
                threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
                return f"{'wss' if tls else 'ws'}://127.0.0.1:{server.server_port}"

            yield start

    @pytest.mark.parametrize(
        ("off", "status", "text"),
        [
            (0, "ok", "within 60 s"),
            (40, "ok", "within 60 s"),
            (-40, "ok", "within 60 s"),
            (-3600, "failed", "ahead of"),
            (3600, "failed", "behind"),
        ],
    )
    def test_a_minute_is_the_limit(self, server, off, status, text):
        outcome = checks.clock(context(server(email.utils.formatdate(time.time() + off, usegmt=True))))
        assert outcome.status == status
        assert text in outcome.detail
        assert ("Set the system's time" in outcome.advice) == (status == "failed")

    def test_a_certificate_that_is_not_accepted_may_be_the_clocks_fault(self, server, tmp_path):
        tls = CertificateAuthority.create(tmp_path).certificate()
        found = outcomes(context(server("Sat, 01 Jan 2000 00:00:00 GMT", tls)))
        assert found["TLS"].status == "failed"
        assert "the clock" in found["TLS"].advice
        assert found["clock"].status == "failed"

    @pytest.mark.parametrize("date", [None, "yesterday"])
    def test_a_server_that_does_not_tell_the_time_says_nothing(self, server, date):
        assert checks.clock(context(server(date))).status == "skipped"

    def test_a_server_that_speaks_no_http_says_nothing(self):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"220 mail\r\n\r\n")

            threading.Thread(target=answer, daemon=True).start()
            assert checks.clock(context(f"ws://127.0.0.1:{server.getsockname()[1]}")).status == "skipped"


class TestSession:
    def test_it_sends_a_second_of_silence_and_ends_in_order(self, emulate):
        emulator = emulate()
        outcome = outcomes(context(emulator.url))["session"]
        assert outcome.status == "ok"
        assert "billed" in outcome.detail
        journal = emulator.journal
        assert journal.audio() == bytes(32000)
        assert {frame.audio_bytes for frame in journal.frames("received") if frame.text is None} == {1600}
        assert journal.messages("received") == [{"type": "Terminate"}]
        assert [message["type"] for message in journal.messages("sent")] == ["Begin", "Termination"]
        assert journal.wait_for(lambda journal: journal.closes())[0].code == 1000

    def test_a_key_that_is_refused(self, emulate):
        outcome = outcomes(context(emulate().url, api_key="f0e1d2c3b4a5968778695a4b3c2d1e0f"))["session"]
        assert outcome.status == "failed"
        assert outcome.detail == "AssemblyAI does not accept the key"
        assert API_KEY_VARIABLE in outcome.advice
        assert "f0e1" not in all_text(outcome)

    @pytest.mark.parametrize(
        ("fault", "text"),
        [
            ("no-start", "did not begin a session"),
            ("slow-start:30", "did not begin a session"),
            ("no-answer", "did not answer in time"),
            ("reset-on-connect", "does not speak its protocol"),
            ("http:401", "refused the key"),
            ("http:503", "server error"),
            ("http:404", "did not open a WebSocket"),
            ("drop-before-start", "was lost"),
            ("close-before-start:1011", "could not set the session up"),
            ("refuse:balance", "no balance left"),
            ("refuse:too-many-sessions", "no more new sessions"),
            ("error:3005", "cancelled the session"),
            ("hang-after-terminate", "did not confirm the end"),
            ("late-termination:30", "did not confirm the end"),
        ],
    )
    def test_what_fails_is_told(self, emulate, monkeypatch, fault, text):
        if fault == "no-answer":
            monkeypatch.setattr("shim.upstream.CONNECT_TIMEOUT", 0.2)
        outcome = outcomes(context(emulate(fault).url))["session"]
        assert outcome.status == "failed"
        assert text in outcome.detail
        assert outcome.advice

    @pytest.mark.parametrize("fault", ["unknown-message", "broken-json", "binary-message", "extra-fields"])
    def test_what_is_odd_and_harmless_is_passed_over(self, emulate, fault):
        assert outcomes(context(emulate(fault).url))["session"].status == "ok"

    def test_one_that_begins_late_is_well_and_called_slow(self, emulate):
        outcome = outcomes(context(emulate("slow-start:6").url))["session"]
        assert outcome.status == "ok"
        assert "slow" in outcome.advice

    def test_one_that_does_not_begin_is_terminated_all_the_same(self, emulate):
        emulator = emulate("no-start")
        outcomes(context(emulator.url))
        assert emulator.journal.messages("received") == [{"type": "Terminate"}]
        emulator.journal.wait_for(lambda journal: journal.closes())

    def test_it_can_be_left_out(self, emulate):
        emulator = emulate()
        left_out = Context(context(emulator.url).settings, session=False, microphone=False)
        assert outcomes(left_out)["session"].status == "skipped"
        assert all(connection.method == "HEAD" for connection in emulator.journal.connections)

    def test_without_a_key_there_is_none(self, emulate):
        emulator = emulate()
        found = outcomes(context(emulator.url, api_key=None))
        assert found["session"] == Outcome("skipped", "not possible before this is right: key")
        assert found["TCP"].status == "ok"

    def test_the_chosen_model_is_asked_for(self, emulate):
        emulator = emulate()
        outcomes(context(emulator.url, speech_model="universal-streaming-english"))
        query = emulator.journal.connections[-1].query
        assert query["speech_model"] == ("universal-streaming-english",)
        assert query["encoding"] == ("pcm_s16le",)


class TestTable:
    def test_every_check_comes_after_those_that_it_depends_on(self):
        names = [check.name for check in CHECKS]
        assert len(set(names)) == len(names)
        for place, check in enumerate(CHECKS):
            assert set(check.after) <= set(names[:place])

    def test_a_check_that_was_skipped_prevents_nothing(self):
        rows = [
            Check("first", lambda context: Outcome("skipped", "")),
            Check("second", lambda context: Outcome("ok", ""), after=("first",)),
        ]
        assert [outcome.status for _, outcome in made(context(), rows)] == ["skipped", "ok"]

    def test_one_that_breaks_off_is_a_failure_and_the_others_are_made(self):
        def broken(context: Context) -> Outcome:
            raise RuntimeError(f"the key {API_KEY}\nis odd")

        rows = [Check("first", broken), Check("second", lambda context: Outcome("ok", ""))]
        (_, first), (_, second) = made(context(), rows)
        assert first.status == "failed"
        assert first.detail == "broke off with RuntimeError: the key *** is odd"
        assert second.status == "ok"


class TestCommand:
    @pytest.fixture
    def well(self, emulate, monkeypatch) -> AssemblyAIEmulator:
        emulator = emulate()
        monkeypatch.setenv(API_KEY_VARIABLE, API_KEY)
        monkeypatch.setenv(STREAMING_URL_VARIABLE, emulator.url)
        return emulator

    def test_all_is_well(self, well, capsys):
        assert cli.main(["doctor", "--no-microphone"]) == 0
        output, errors = capsys.readouterr()
        assert errors == ""
        assert output.endswith("All is right that every program needs.\n")
        for check in CHECKS:
            assert any(row.split()[1] == check.name for row in output.splitlines()[:-1] if row.split()[1:])

    def test_what_only_some_programs_need_does_not_count(self, well, monkeypatch, capsys):
        monkeypatch.setattr(checks, "_record", lambda: bytes(16000))
        assert cli.main(["doctor"]) == 0
        output = capsys.readouterr().out
        assert "FAILED microphone" in output
        assert "Only some programs need: microphone." in output

    def test_a_failure_is_status_1_with_what_to_do(self, well, monkeypatch, capsys):
        monkeypatch.delenv(API_KEY_VARIABLE)
        assert cli.main(["doctor", "--no-microphone"]) == 1
        output = capsys.readouterr().out
        assert "FAILED key" in output
        assert "-> Set the environment variable ASSEMBLYAI_API_KEY." in output
        assert output.endswith("Not right: key.\n")

    @pytest.mark.parametrize("arguments", [[], ["--json"]])
    @pytest.mark.parametrize("accepted", [True, False])
    def test_no_part_of_the_key_is_shown(self, well, monkeypatch, capfd, arguments, accepted):
        key = API_KEY if accepted else API_KEY[::-1]
        monkeypatch.setenv(API_KEY_VARIABLE, key)
        assert cli.main(["doctor", "--no-microphone", *arguments]) == (0 if accepted else 1)
        output, errors = capfd.readouterr()
        for start in range(len(key) - 3):
            assert key[start : start + 4] not in output + errors

    def test_json_is_one_object_with_every_check(self, well, monkeypatch, capsys):
        monkeypatch.setenv(REGION_VARIABLE, "mars")
        assert cli.main(["doctor", "--json", "--no-session", "--no-microphone"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert (report["version"], report["ok"]) == (1, False)
        assert [check["name"] for check in report["checks"]] == [check.name for check in CHECKS]
        by_name = {check["name"]: check for check in report["checks"]}
        assert by_name["address"]["status"] == "failed"
        assert by_name["session"] == {
            "name": "session",
            "status": "skipped",
            "needed": True,
            "detail": "not possible before this is right: address",
            "advice": "",
        }
        assert not by_name["microphone"]["needed"]

    def test_it_works_where_the_packages_that_it_looks_for_are_missing(self):
        program = (
            "import importlib.metadata, sys\n"
            "missing = ('websockets', 'websocket', 'pyaudio', 'numpy', 'soxr', 'orjson')\n"
            "sys.modules.update(dict.fromkeys(missing))\n"
            "def version(name): raise importlib.metadata.PackageNotFoundError(name)\n"
            "importlib.metadata.version = version\n"
            "from shim.cli import main\n"
            "sys.exit(main(['doctor']))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.endswith("Not right: websockets, websocket-client, key.\n")
        assert "not possible before this is right: websockets" in done.stdout

    def test_help_says_that_a_session_is_billed_and_how_to_avoid_it(self, capsys):
        with pytest.raises(SystemExit):
            cli.main(["doctor", "--help"])
        text = capsys.readouterr().out
        assert "billed" in text
        assert "--no-session" in text


class TestLines:
    LONG = Outcome("failed", "word " * 40, "https://example.com/" + "x" * 10 + " do this " * 20)

    @pytest.mark.parametrize("columns", ["80", "200", "60"])
    def test_they_fit_into_80_columns_and_into_the_terminal(self, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", columns)
        rows = doctor.line("websocket-client", self.LONG, io.StringIO()).splitlines()
        assert max(map(len, rows)) <= min(80, int(columns))
        assert all(row.startswith(" " * 24) for row in rows[1:])

    def test_marks_are_words_and_plain_where_there_are_no_colours(self, monkeypatch):
        for status, mark in (("ok", "ok"), ("failed", "FAILED"), ("skipped", "-")):
            row = doctor.line("x", Outcome(status, "text"), io.StringIO())
            assert row.split() == [mark, "x", "text"]

    def test_a_terminal_gets_colours_unless_it_wants_none(self, monkeypatch):
        terminal = io.StringIO()
        terminal.isatty = lambda: True  # type: ignore[method-assign]
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm")
        assert "\x1b[" in doctor.line("x", self.LONG, terminal)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in doctor.line("x", self.LONG, terminal)
