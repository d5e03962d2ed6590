"""What compares our packages with the vendor's: by their names, and by programs that run with both."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from migrator.rehearsal.transcript import Transcript, from_speechmatics
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, MANAGEMENT_HOST, SPEECHMATICS_HOSTS

STAND_INS = Path(__file__).parent / "rt" / "stand_ins"
SILENCE = bytes(2 * 16000 * 2)
SPEED = 4
KEY = "a-key-of-this-test"


@pytest.fixture(scope="session")
def surface() -> ModuleType:
    """The module beside this one."""
    specification = importlib.util.spec_from_file_location("surface", Path(__file__).with_name("surface.py"))
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


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
        """What it was told, of one channel where there are several."""
        of_the_channel = [
            m for m in self.messages if m.get("channel", channel) == channel or "results" not in m
        ]
        return from_speechmatics(of_the_channel)


def perform_program(
    program: Path,
    folder: Path,
    python: Path,
    scene: Scene,
    trace: tuple[Path, str],
    faults: Sequence[str] = (),
    has_key: bool = True,
    until_ctrl_c: bool = False,
) -> Run:
    """Run ``legacy.py`` with an emulator of Speechmatics, or ``shim.py`` with one of AssemblyAI.

    Args:
        program: one of the two.
        folder: an empty one, where it finds ``speech.raw``, ``speech.wav`` and ``speech-and-silence.raw``.
        python: the interpreter.
        scene: what is said.
        trace: a script that writes down what the program is told, and the package that the program uses.
        faults: of the emulator.
        has_key: whether the program's key is the right one.
        until_ctrl_c: whether Ctrl-C is pressed once everything was said.
    """
    folder.mkdir()
    with wave.open(str(scene.sound)) as sound:
        samples = sound.readframes(sound.getnframes())
    (folder / "speech.raw").write_bytes(samples)
    (folder / "speech-and-silence.raw").write_bytes(samples + SILENCE)
    (folder / "speech.wav").write_bytes(scene.sound.read_bytes())
    (folder / ".speechmatics").mkdir()
    (folder / ".speechmatics" / "config").write_text(f'[default]\nauth_token = "{KEY}"\n')
    # Under another name, because a program beside it would be the module that shim.py imports.
    copy = folder / "program.py"
    copy.write_bytes(program.read_bytes())
    authority = CertificateAuthority.create(folder / "tls")
    is_legacy = program.stem == "legacy"
    hosts = (
        [*SPEECHMATICS_HOSTS, MANAGEMENT_HOST] if is_legacy else [h.name for h in ASSEMBLYAI_HOSTS.values()]
    )
    service = SpeechmaticsEmulator if is_legacy else AssemblyAIEmulator
    key = KEY if has_key else "a-wrong-key"
    script, package = trace
    with service(scene, speed=SPEED, keys={KEY}, faults=faults, tls=authority.certificate(hosts)) as emulator:
        stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(STAND_INS),
            "PYTHONWARNINGS": "ignore::DeprecationWarning",
            "SPEECHMATICS_API_KEY": key if is_legacy else "legacy-key",
            "ASSEMBLYAI_API_KEY": key,
        }
        with subprocess.Popen(
            stage.command(script, [package, str(folder / "trace"), str(copy)], python),
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                if until_ctrl_c:
                    last = scene.words[-1].text
                    emulator.journal.wait_for(lambda journal: has_said(journal, last), timeout=60)
                    process.send_signal(signal.SIGINT)
                output, errors = process.communicate(timeout=90)
            finally:
                process.kill()
    messages = [json.loads(line) for line in (folder / "trace").read_text("utf-8").splitlines()]
    return Run(messages, output, errors, process.returncode, emulator)


def has_said(journal: Journal, word: str) -> bool:
    return any(
        word in frame.text
        for frame in journal.frames("sent")
        if frame.text and (frame.json.get("message") == "AddTranscript" or frame.json.get("end_of_turn"))
    )


@pytest.fixture(scope="session")
def perform() -> Callable[..., Run]:
    """`perform_program`."""
    return perform_program
