"""Every program and what became of it, run: a scene is heard, an emulator of the service listens."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, MANAGEMENT_HOST, SPEECHMATICS_HOSTS

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROGRAMS = ROOT / "fixtures/programs"
SPEED = 4
UNTIL_CTRL_C = {"reader-thread"}
KEY = "a-key-of-this-test"
CAPTIONS = """
def show(message):
    print(message["metadata"]["transcript"])
"""
"""A module of the project that one of the programs gives its messages to."""
LEGACY_KEYS = ("SPEECHMATICS_API_KEY", "SPEECHMATICS_AUTH_TOKEN", "SM_API_KEY")
ARGUMENTS = {"language-argument": ["en"]}
OTHER_LANGUAGES = {
    **dict.fromkeys(("counted-chunks", "lazy-import"), "es"),
    **dict.fromkeys(("fast-file", "paced-file"), "pt"),
    "closures": "fr",
    "joined-finals": "nl",
    "language-without-model": "cs",
    "membership": "it",
    "reader-thread": "de",
}
"""What programs say that is spoken, where that is not English: Speechmatics understands nothing else."""
SHOWS_MORE = {
    *(
        "bound-methods",
        "closures",
        "counted-chunks",
        "joined-finals",
        "lazy-import",
        "membership",
        "other-messages",
    ),
    *("punctuation", "words"),
}
"""Programs that also print partials, what they know of each word, or how the connection closed."""
NEVER_RUNS_ALONE = {"caller-chooses", "audio-from-queue"}
"""A module without a main program, and a program that records until it is killed."""
CLOSES_TOO_EARLY = {"closes-on-exit", "never-ended"}
"""Legacy programs that lose the end of what was said."""


def scripts(pattern: str) -> list[str]:
    found = [path for path in PROGRAMS.glob(pattern) if path.parent.name not in NEVER_RUNS_ALONE]
    return sorted(str(path.relative_to(PROGRAMS)) for path in found)


LEGACY, NATIVE, SHIM = (
    [*scripts(f"variations/*/{kind}.py"), *scripts(f"websockets/*/{kind}.py")]
    for kind in ("legacy", "native", "shim")
)


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
    (folder / "captions.py").write_text(CAPTIONS)
    name = Path(script).parent.name
    said = words(scene.text)
    scene = replace(scene, language=OTHER_LANGUAGES.get(name, scene.language))
    authority = CertificateAuthority.create(folder / "tls")
    is_legacy = script in LEGACY
    hosts = (
        [*SPEECHMATICS_HOSTS, MANAGEMENT_HOST]
        if is_legacy
        else [host.name for host in ASSEMBLYAI_HOSTS.values()]
    )
    service = SpeechmaticsEmulator if is_legacy else AssemblyAIEmulator
    keys = None if is_legacy else {KEY}  # some legacy programs hold their key in the source
    with service(scene, speed=SPEED, keys=keys, tls=authority.certificate(hosts)) as emulator:
        stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
        variables = {
            **os.environ,
            "PYTHONPATH": str(HERE / "stand_ins"),
            **dict.fromkeys(LEGACY_KEYS, KEY if is_legacy else "legacy-key"),
            "ASSEMBLYAI_API_KEY": KEY,
            "SCENE_SOUND": str(scene.sound),
            "SCENE_SPEED": str(SPEED),
            "PYTHONFAULTHANDLER": "1",
        }
        with subprocess.Popen(
            stage.command(program, ARGUMENTS.get(name, ())),
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if name in UNTIL_CTRL_C:
                emulator.journal.wait_for(lambda journal: len(finals(journal)) >= len(said), timeout=60)
                process.send_signal(signal.SIGINT)
            try:
                output, errors = process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)  # with PYTHONFAULTHANDLER it says where it hangs
                output, errors = process.communicate()
    return Run(process.returncode, output, errors, emulator)


def finals(journal: Journal) -> list[str]:
    """The words of the finals that an emulator sent, of either service."""
    sent = [frame.json for frame in journal.frames("sent") if frame.text]
    texts = [message["transcript"] for message in sent if message.get("end_of_turn")]
    texts += [m["metadata"]["transcript"] for m in sent if m.get("message") == "AddTranscript"]
    return words(" ".join(texts))


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


@pytest.mark.parametrize(
    "script",
    [s for s in (*LEGACY, *SHIM, *NATIVE) if s not in LEGACY or Path(s).parent.name not in CLOSES_TOO_EARLY],
)
def test_the_program_prints_what_was_said(runs: dict[str, Run], one_sentence: Scene, script: str) -> None:
    run, said = runs[script], words(one_sentence.text)
    printed = words(run.output)
    if Path(script).parent.name in SHOWS_MORE:
        printed = [word for word in said if word in printed]
    assert printed == said, run.errors
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
