"""The same programs with speechmatics-rt on Speechmatics and with ours on AssemblyAI: they cannot tell."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from migrator.rehearsal.agreement import between, speechmatics_order, with_scene
from migrator.rehearsal.transcript import Transcript, from_speechmatics
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, MANAGEMENT_HOST, SPEECHMATICS_HOSTS

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[3] / "fixtures" / "programs" / "speechmatics-rt"
NAMES = sorted(folder.name for folder in PROGRAMS.iterdir())
KEY = "a-key-of-this-test"
SPEED = 4
WAYS = ("legacy", "shim")

FAULTS = {
    ("error-in-session", "legacy"): "error:unknown_error@1",
    ("error-in-session", "shim"): "error:3006@1",
}
WITHOUT_A_TRANSCRIPT = {"error-in-session", "unknown-language", "wrong-key", "wrong-key-file"}
LOSES_THE_END = {"no-stop-session", "until-ctrl-c"}
"""With speechmatics-rt, whose close does not wait for the last words."""
UNTIL_CTRL_C = {"until-ctrl-c"}

pytestmark = pytest.mark.environment


@dataclass
class Run:
    """What one program was told and printed, how it ended, and what the emulator saw of it."""

    messages: list[dict[str, Any]]
    output: str
    errors: str
    status: int
    emulator: AssemblyAIEmulator | SpeechmaticsEmulator

    @property
    def kinds(self) -> list[str]:
        """The kinds of messages in their order, without those that come at the service's own pace; a row of finals is one."""
        paced = {"AudioAdded", "ChannelAudioAdded", "AddPartialTranscript", "Info", "Warning"}
        told = [m for m in self.messages if m["message"] not in paced and m.get("results") != []]
        return [kind for kind, _ in groupby(m["message"] for m in told)]

    def transcript(self, channel: str | None = None) -> Transcript:
        of_the_channel = [
            m for m in self.messages if m.get("channel", channel) == channel or "results" not in m
        ]
        return from_speechmatics(of_the_channel)


def perform(name: str, way: str, folder: Path, python: Path, scene: Scene) -> Run:
    folder.mkdir()
    with wave.open(str(scene.sound)) as sound:
        (folder / "speech.raw").write_bytes(sound.readframes(sound.getnframes()))
    (folder / "speech.wav").write_bytes(scene.sound.read_bytes())
    program = folder / "program.py"
    program.write_bytes((PROGRAMS / name / f"{way}.py").read_bytes())
    authority = CertificateAuthority.create(folder / "tls")
    is_legacy = way == "legacy"
    hosts = (
        [*SPEECHMATICS_HOSTS, MANAGEMENT_HOST] if is_legacy else [h.name for h in ASSEMBLYAI_HOSTS.values()]
    )
    service = SpeechmaticsEmulator if is_legacy else AssemblyAIEmulator
    faults = [FAULTS[name, way]] if (name, way) in FAULTS else []
    key = "a-wrong-key" if name.startswith("wrong-key") else KEY
    with service(scene, speed=SPEED, keys={KEY}, faults=faults, tls=authority.certificate(hosts)) as emulator:
        stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
        package = "speechmatics.rt" if is_legacy else "shim.speechmatics.rt"
        command = stage.command(
            HERE / "stand_ins" / "trace.py", [package, str(folder / "trace"), str(program)], python
        )
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(HERE / "stand_ins"),
            "SPEECHMATICS_API_KEY": key if is_legacy else "legacy-key",
            "ASSEMBLYAI_API_KEY": key,
        }
        with subprocess.Popen(
            command,
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if name in UNTIL_CTRL_C:
                emulator.journal.wait_for(lambda journal: has_said(journal, scene.words[-1].text), timeout=60)
                process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=90)
    messages = [json.loads(line) for line in (folder / "trace").read_text("utf-8").splitlines()]
    return Run(messages, output, errors, process.returncode, emulator)


def has_said(journal: Journal, word: str) -> bool:
    return any(
        word in frame.text
        for frame in journal.frames("sent")
        if frame.text and (frame.json.get("message") == "AddTranscript" or frame.json.get("end_of_turn"))
    )


def scene_of(name: str, request: pytest.FixtureRequest) -> Scene:
    scene: Scene = request.getfixturevalue("two_speakers" if name == "speakers" else "one_sentence")
    return scene


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    environment_python: Callable[[str], Path],
    one_sentence: Scene,
    two_speakers: Scene,
) -> Iterator[dict[tuple[str, str], Future[Run]]]:
    """All programs both ways, several at a time: they mostly wait."""
    folder = tmp_path_factory.mktemp("runs")
    pythons = {"legacy": environment_python("speechmatics-rt-newest"), "shim": Path(sys.executable)}
    with ThreadPoolExecutor(6) as pool:
        yield {
            (name, way): pool.submit(
                perform,
                name,
                way,
                folder / f"{name}-{way}",
                pythons[way],
                two_speakers if name == "speakers" else one_sentence,
            )
            for name in NAMES
            for way in WAYS
        }


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_a_program_prints_the_same_and_ends_alike(
    runs: dict[tuple[str, str], Future[Run]], name: str
) -> None:
    old, new = runs[name, "legacy"].result(), runs[name, "shim"].result()
    assert new.status == old.status, new.errors
    if name not in LOSES_THE_END:
        assert re.findall(r"[\w':-]+", new.output) == re.findall(r"[\w':-]+", old.output), new.errors
    assert "Traceback" not in new.errors + old.errors


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_A_TRANSCRIPT])
@pytest.mark.parametrize("way", WAYS)
def test_handlers_are_told_the_scene_exactly_once_and_in_order(
    runs: dict[tuple[str, str], Future[Run]], name: str, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "legacy" and name in LOSES_THE_END:
        pytest.skip("the original does not deliver all of it")
    run = runs[name, way].result()
    assert way == "legacy" or run.errors == ""
    channels = {m.get("channel") for m in run.messages if "results" in m}
    for channel in channels:
        scene = scene_of(name, request)
        assert with_scene(run.transcript(channel), scene, speakers=name == "speakers") == [], channel
        told = [m for m in run.messages if m.get("channel", channel) == channel]
        assert speechmatics_order(told) == []
    assert len(channels) == (2 if name == "two-channels" else 1)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOSES_THE_END])
def test_handlers_are_called_in_the_same_order(runs: dict[tuple[str, str], Future[Run]], name: str) -> None:
    old, new = runs[name, "legacy"].result(), runs[name, "shim"].result()
    # With a file, AssemblyAI refuses a key when the first samples come.
    started = ["RecognitionStarted"] if name == "wrong-key-file" else []
    if name != "error-in-session":  # how much had been said by then is not the same
        assert between(old.transcript(), new.transcript()) == []
        assert new.kinds == started + old.kinds
    assert [m["type"] for m in new.messages if m["message"] == "Error"] == [
        m["type"] for m in old.messages if m["message"] == "Error"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_session_was_ended_and_no_legacy_key_left_the_machine(
    runs: dict[tuple[str, str], Future[Run]], name: str
) -> None:
    run = runs[name, "shim"].result()
    connections = run.emulator.journal.connections
    assert "legacy-key" not in repr([(c.path, c.query, c.headers) for c in connections])
    sent = [frame.json for frame in run.emulator.journal.frames("received") if frame.text]
    if name not in WITHOUT_A_TRANSCRIPT:
        assert sent.count({"type": "Terminate"}) == len(connections)


@pytest.mark.parametrize("name", NAMES)
def test_the_two_programs_differ_in_import_lines_only(name: str) -> None:
    legacy, ours = ((PROGRAMS / name / f"{way}.py").read_text().splitlines() for way in WAYS)
    changed = [line for line in ours if line not in legacy]
    assert changed
    assert all(re.match(r"(from|import) shim\b", line) for line in changed)
    kept = [line for line in legacy if not re.match(r"(from|import) speechmatics", line)]
    assert [line for line in ours if line not in changed] == kept
