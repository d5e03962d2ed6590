"""Every program and what became of it, run: a scene is heard, an emulator of the service listens."""

from __future__ import annotations

import os
import re
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
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, SPEECHMATICS_HOSTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROGRAMS = ROOT / "fixtures/programs"
SPEED = 4
UNTIL_CTRL_C = {"reader-thread"}
KEY = "a-key-of-this-test"
DEFINES_ONLY = {"caller-chooses"}
"""A module without a main program."""
CLOSES_TOO_EARLY = {"closes-on-exit", "never-ended"}
"""Legacy programs that lose the end of what was said."""


def scripts(pattern: str) -> list[str]:
    found = [path for path in PROGRAMS.glob(pattern) if path.parent.name not in DEFINES_ONLY]
    return sorted(str(path.relative_to(PROGRAMS)) for path in found)


NATIVE = [*scripts("variations/*/native.py"), *scripts("websockets/*/native.py")]
LEGACY, SHIM = scripts("websockets/*/legacy.py"), scripts("websockets/*/shim.py")


@dataclass
class Run:
    """What one program printed, and what the emulator saw of it."""

    status: int
    output: str
    errors: str
    emulator: AssemblyAIEmulator | SpeechmaticsEmulator


def perform(script: str, folder: Path, scene: Scene) -> Run:
    folder.mkdir()
    with wave.open(str(scene.sound)) as sound:
        (folder / "speech.raw").write_bytes(sound.readframes(sound.getnframes()))
    # Under another name, because a program beside it would be the module that shim.py imports.
    program = folder / "program.py"
    program.write_bytes((PROGRAMS / script).read_bytes())
    authority = CertificateAuthority.create(folder / "tls")
    is_legacy = script in LEGACY
    hosts = [*SPEECHMATICS_HOSTS] if is_legacy else [host.name for host in ASSEMBLYAI_HOSTS.values()]
    service = SpeechmaticsEmulator if is_legacy else AssemblyAIEmulator
    with service(scene, speed=SPEED, keys={KEY}, tls=authority.certificate(hosts)) as emulator:
        stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
        variables = {
            **os.environ,
            "PYTHONPATH": str(HERE / "stand_ins"),
            "SPEECHMATICS_API_KEY": KEY if is_legacy else "legacy-key",
            "ASSEMBLYAI_API_KEY": KEY,
            "SCENE_SOUND": str(scene.sound),
            "SCENE_SPEED": str(SPEED),
            "PYTHONFAULTHANDLER": "1",
        }
        with subprocess.Popen(
            stage.command(program),
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if Path(script).parent.name in UNTIL_CTRL_C:
                emulator.journal.wait_for(has_final, timeout=60)
                process.send_signal(signal.SIGINT)
            try:
                output, errors = process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # with PYTHONFAULTHANDLER it says where it hangs
                output, errors = process.communicate()
    return Run(process.returncode, output, errors, emulator)


def has_final(journal: Journal) -> bool:
    return any(frame.json.get("end_of_turn") for frame in journal.frames("sent") if frame.text)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, one_sentence: Scene) -> Iterator[dict[str, Run]]:
    """All programs, several at a time: they mostly wait."""
    folder = tmp_path_factory.mktemp("runs")
    every = [*NATIVE, *LEGACY, *SHIM]
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(
            lambda script: perform(script, folder / script.replace("/", "-"), one_sentence), every
        )
        yield dict(zip(every, results, strict=True))


@pytest.mark.parametrize("script", NATIVE)
def test_the_program_prints_what_was_said(runs: dict[str, Run], one_sentence: Scene, script: str) -> None:
    run = runs[script]
    shown = [word.text for word in one_sentence.words if word.text in run.output]
    assert shown == [word.text for word in one_sentence.words], run.output + run.errors


@pytest.mark.parametrize(
    "script",
    [
        script
        for script in (*NATIVE, *LEGACY, *SHIM)
        if script.startswith("websockets")
        and not (script in LEGACY and Path(script).parent.name in CLOSES_TOO_EARLY)
    ],
)
def test_finals_are_what_was_said_exactly_once(
    runs: dict[str, Run], one_sentence: Scene, script: str
) -> None:
    run = runs[script]
    assert words(run.output) == [word for spoken in one_sentence.words for word in words(spoken.text)], (
        run.errors
    )
    assert run.status == 0


def words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text)


@pytest.mark.parametrize("script", [*NATIVE, *SHIM])
def test_the_session_ends_with_termination_and_no_error(runs: dict[str, Run], script: str) -> None:
    run = runs[script]
    sent = [frame.json for frame in run.emulator.journal.frames("sent") if frame.text]
    assert [message["type"] for message in sent][-1] == "Termination", run.output + run.errors
    assert not [message for message in sent if message["type"] == "Error"]
    assert "Traceback" not in run.errors
