"""Every rewritten program, run: a stand-in microphone hears a scene, an AssemblyAI emulator listens."""

from __future__ import annotations

import os
import signal
import subprocess
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROGRAMS = sorted(path.parent for path in (ROOT / "fixtures/programs/variations").glob("*/native.py"))
SPEED = 4
UNTIL_CTRL_C = {"reader-thread"}
KEY = "a-key-of-this-test"


@dataclass
class Run:
    """What one program printed, and what the emulator saw of it."""

    output: str
    emulator: AssemblyAIEmulator


def perform(program: Path, folder: Path, scene: Scene) -> Run:
    folder.mkdir()
    with wave.open(str(scene.sound)) as sound:
        (folder / "speech.raw").write_bytes(sound.readframes(sound.getnframes()))
    authority = CertificateAuthority.create(folder / "tls")
    hosts = [host.name for host in ASSEMBLYAI_HOSTS.values()]
    with AssemblyAIEmulator(scene, speed=SPEED, keys={KEY}, tls=authority.certificate(hosts)) as emulator:
        stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
        variables = {
            **os.environ,
            "PYTHONPATH": str(HERE / "stand_ins"),
            "ASSEMBLYAI_API_KEY": KEY,
            "SCENE_SOUND": str(scene.sound),
            "SCENE_SPEED": str(SPEED),
        }
        with subprocess.Popen(
            stage.command(program / "native.py"),
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            if program.name in UNTIL_CTRL_C:
                emulator.journal.wait_for(has_final, timeout=60)
                process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=90)
    return Run(output, emulator)


def has_final(journal: Journal) -> bool:
    return any(frame.json.get("end_of_turn") for frame in journal.frames("sent") if frame.text)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, one_sentence: Scene) -> Iterator[dict[str, Run]]:
    """All programs, several at a time: they mostly wait."""
    folder = tmp_path_factory.mktemp("runs")
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda program: perform(program, folder / program.name, one_sentence), PROGRAMS)
        yield dict(zip([program.name for program in PROGRAMS], results, strict=True))


EACH = pytest.mark.parametrize("name", [program.name for program in PROGRAMS])


@EACH
def test_the_program_prints_what_was_said(runs: dict[str, Run], one_sentence: Scene, name: str) -> None:
    output = runs[name].output
    shown = [word.text for word in one_sentence.words if word.text in output]
    assert shown == [word.text for word in one_sentence.words], output


@EACH
def test_the_session_ends_with_termination_and_no_error(runs: dict[str, Run], name: str) -> None:
    emulator = runs[name].emulator
    sent = [frame.json for frame in emulator.journal.frames("sent") if frame.text]
    assert [message["type"] for message in sent][-1] == "Termination", runs[name].output
    assert not [message for message in sent if message["type"] == "Error"]
    assert "Traceback" not in runs[name].output
