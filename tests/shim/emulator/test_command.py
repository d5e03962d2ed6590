"""``shim emulate``, as a user meets it."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from shim.emulator import command
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

PROGRAM = """
import argparse, sys
from shim.emulator import command
parser = argparse.ArgumentParser()
command.add_arguments(parser)
sys.exit(command.run(parser.parse_args()))
"""
ROOT = Path(__file__).parents[3]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


class Lines:
    """A program's standard output, line by line, each with a limit of time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def next(self) -> str:
        return self._lines.get(timeout=60)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())


@contextmanager
def started(*arguments: str) -> Iterator[Lines]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield Lines(process)
    finally:
        process.kill()
        process.communicate()


def test_it_serves_until_ctrl_c_and_tells_of_each_connection(one_sentence: Scene, scenes: Path) -> None:
    scene = str(scenes / "one-sentence.json")
    arguments = ("assemblyai", "--port", "0", "--scene", scene, "--speed", "40", "--key", "k")
    with started(*arguments) as lines, wave.open(str(one_sentence.sound)) as sound:
        first = lines.next()
        url = first.split()[-1]
        assert first.startswith("assemblyai emulator with the scene one-sentence: ws://127.0.0.1:")
        with connect(f"{url}/v3/ws?token=secret", additional_headers={"Authorization": "k"}) as client:
            while chunk := sound.readframes(1600):
                client.send(chunk.ljust(3200, b"\0"))
            client.send('{"type":"Terminate"}')
            texts = [json.loads(message).get("transcript") for message in client]
        assert one_sentence.text in texts
        assert lines.next() == "connection 1: GET /v3/ws"
        assert lines.next() == "connection 1: closed by the server with 1000 after 3.9 s of audio"
        lines.process.send_signal(signal.SIGINT)
        assert lines.process.wait(30) == 0
        assert lines.process.stderr is not None
        assert lines.process.stderr.read() == ""


def test_both_services_start_with_tls(scenes: Path, tmp_path: Path) -> None:
    for service in ("assemblyai", "speechmatics"):
        scene = str(scenes / "one-sentence.json")
        with started(service, "--port", "0", "--scene", scene, "--tls", str(tmp_path)) as lines:
            assert "wss://127.0.0.1:" in lines.next()
            assert (tmp_path / "ca.pem").read_text().startswith("-----BEGIN CERTIFICATE-----")
            lines.process.send_signal(signal.SIGTERM)
            assert lines.process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "--scene is missing"),
        (["--scene", "nowhere.json"], "nowhere.json"),
        (["--scene", "{folder}/two-speakers.wav"], "not a scene"),
        (["--scene", "{scene}", "--fault", "explode"], "there are: http, no-answer"),
        (["--scene", "{scene}", "--fault", "error:4711"], "there are: 3005"),
        (["--scene", "{scene}", "--speed", "0"], "--speed must be above 0"),
        (["--scene", "{scene}", "--port", "70000"], "choose another --port"),
        (["--scene", "{scene}", "--port", "{busy}"], "choose another --port"),
        (["--scene", "{scene}", "--tls", "{scene}"], "give --tls a folder"),
    ],
)
def test_a_mistake_gives_one_helpful_line_and_exit_status_2(
    scenes: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    scene = scenes / "one-sentence.json"
    with AssemblyAIEmulator(scene) as busy:
        filled = [text.format(scene=scene, folder=scenes, busy=busy.port) for text in arguments]
        assert run("assemblyai", *filled) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("shim emulate: ")
    assert output.err.count("\n") == 1
    assert problem in output.err


@pytest.mark.parametrize("service", ["assemblyai", "speechmatics"])
def test_the_faults_and_what_is_not_emulated_can_be_listed(
    capsys: pytest.CaptureFixture[str], service: str
) -> None:
    assert run(service, "--list-faults") == 0
    output = capsys.readouterr().out
    assert "duplicate-final" in output
    assert "Not emulated:" in output


def test_a_missing_package_is_named_with_its_remedy(
    scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "shim.emulator.assemblyai")
    monkeypatch.delitem(sys.modules, "shim.emulator.hearing")
    monkeypatch.setitem(sys.modules, "soxr", None)
    assert run("assemblyai", "--scene", str(scenes / "one-sentence.json")) == 2
    assert "[emulator]" in capsys.readouterr().err
