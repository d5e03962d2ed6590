"""SDK programs before and after: with the vendor's SDK on the Speechmatics emulator, with the assemblyai package on AssemblyAI's."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator.rehearsal.agreement import between, with_scene
from migrator.rehearsal.transcript import Transcript, from_messages
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Journal
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, SPEECHMATICS_HOSTS

pytestmark = pytest.mark.environment

ROOT = Path(__file__).parents[3]
PROGRAMS = ROOT / "fixtures" / "programs"
ENVIRONMENTS = {"speechmatics-python": "speechmatics-python", "speechmatics-rt": "speechmatics-rt-newest"}
FOLDERS = sorted(path.parent for kind in ENVIRONMENTS for path in PROGRAMS.glob(f"{kind}/*/native.py"))
KEY = "a-key-of-this-test"
KEY_SERVICE = "mp.speechmatics.com"
LABEL = re.compile(r"^(\[   FULL\]|\[full\]|said:|S1:|A:)")
"""What programs print before a final. The one speaker is S1 to one service and A to the other."""

SPEED = 4
STAND_INS = ROOT / "tests/shim/speechmatics/rt/stand_ins"
UNTIL_CTRL_C = {"until-ctrl-c"}
"""Programs that listen until Ctrl-C. Before, it ended the session at once, and the last words with it."""


@dataclass
class Run:
    """What one program printed, and what the service told it."""

    status: int
    output: str
    errors: str
    transcript: Transcript
    last_words: str


def perform(script: Path, python: Path, folder: Path, scene: Scene, fault: str = "", key: str = KEY) -> Run:
    folder.mkdir(parents=True)
    with wave.open(str(scene.sound)) as sound:
        (folder / "speech.raw").write_bytes(sound.readframes(sound.getnframes()))
    shutil.copy(scene.sound, folder / "speech.wav")
    # Under another name, because a program beside it would be the module that shim.py imports.
    program = folder / "program.py"
    program.write_bytes(script.read_bytes())
    authority = CertificateAuthority.create(folder / "tls")
    is_native = script.name == "native.py"
    hosts = (
        [host.name for host in ASSEMBLYAI_HOSTS.values()] if is_native else [*SPEECHMATICS_HOSTS, KEY_SERVICE]
    )
    service = AssemblyAIEmulator if is_native else SpeechmaticsEmulator
    faults = [fault] if fault else []
    with service(scene, speed=SPEED, faults=faults, keys={KEY}, tls=authority.certificate(hosts)) as emulator:
        places = dict.fromkeys(hosts, ("127.0.0.1", emulator.port))
        stage = Stage(places, ca_file=authority.ca_file, record_file=folder / "record.jsonl")
        variable = "ASSEMBLYAI_API_KEY" if is_native else "SPEECHMATICS_API_KEY"
        packages = [str(STAND_INS), *([str(ROOT)] if is_native else [])]
        variables = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(packages),
            variable: key,
        }
        with subprocess.Popen(
            stage.command(program, python=python),
            cwd=folder,
            env=stage.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if script.parent.name in UNTIL_CTRL_C and not fault and key == KEY:
                emulator.journal.wait_for(has_final, timeout=60)
                process.send_signal(signal.SIGINT)
            try:
                output, errors = process.communicate(timeout=90)
            except subprocess.TimeoutExpired:
                process.kill()
                output, errors = process.communicate()
        sent = [frame.json for frame in emulator.journal.frames("sent") if frame.text]
    frames = [json.loads(line) for line in (folder / "record.jsonl").read_text(encoding="utf-8").splitlines()]
    heard = from_messages([json.loads(f["text"]) for f in frames if f["direction"] == "received"])
    last = str(sent[-1].get("type") or sent[-1].get("message")) if sent else ""
    return Run(process.returncode, output, errors, heard, last)


def has_final(journal: Journal) -> bool:
    return any(frame.json.get("end_of_turn") for frame in journal.frames("sent") if frame.text)


@pytest.fixture(scope="module")
def stage_for(
    environment_python: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, one_sentence: Scene
) -> Callable[..., Run]:
    """Runs a program with the packages that it needs."""
    folder = tmp_path_factory.mktemp("sdk")

    def run(script: Path, name: str = "", **options: str) -> Run:
        kind = script.parts[-3]
        environment = "assemblyai" if script.name == "native.py" else ENVIRONMENTS[kind]
        place = folder / kind / script.parent.name / f"{script.stem}{name}"
        return perform(script, environment_python(environment), place, one_sentence, **options)

    return run


@pytest.fixture(scope="module")
def runs(stage_for: Callable[..., Run]) -> Iterator[dict[Path, Run]]:
    """Every program before and after, several at a time: they mostly wait."""
    scripts = [folder / name for folder in FOLDERS for name in names(folder)]
    with ThreadPoolExecutor(6) as pool:
        yield dict(zip(scripts, pool.map(stage_for, scripts), strict=True))


def names(folder: Path) -> list[str]:
    return ["native.py"] if folder.name in UNTIL_CTRL_C else ["legacy.py", "native.py"]


def ids(folder: Path) -> str:
    return f"{folder.parent.name}-{folder.name}"


EVERY = pytest.mark.parametrize("folder", FOLDERS, ids=ids)
COMPARED = [folder for folder in FOLDERS if folder.name not in UNTIL_CTRL_C]


@pytest.mark.parametrize(("folder", "name"), [(folder, name) for folder in FOLDERS for name in names(folder)])
def test_every_word_of_the_scene_comes_once(
    runs: dict[Path, Run], one_sentence: Scene, folder: Path, name: str
) -> None:
    run = runs[folder / name]
    assert with_scene(run.transcript, one_sentence) == [], run.output + run.errors
    assert (run.status, "Traceback" in run.errors) == (0, False), run.errors


@pytest.mark.parametrize("folder", COMPARED, ids=ids)
def test_the_program_shows_the_same_before_and_after(runs: dict[Path, Run], folder: Path) -> None:
    before, after = runs[folder / "legacy.py"], runs[folder / "native.py"]
    assert between(before.transcript, after.transcript) == []
    assert shown(after.output) == shown(before.output)


def shown(output: str) -> list[str]:
    """The words of finals and of all else that is printed; partials come as often as a service likes, and what stands
    before each final as often as there are finals."""
    lines = [LABEL.sub("", line) for line in output.splitlines() if "[partial]" not in line]
    return re.findall(r"\w+", " ".join(lines).casefold())


@EVERY
def test_the_session_is_terminated(runs: dict[Path, Run], folder: Path) -> None:
    assert runs[folder / "native.py"].last_words == "Termination"


@pytest.mark.parametrize("options", [{"key": "a wrong key"}, {"fault": "error:3005@1"}], ids=["key", "error"])
@EVERY
def test_an_error_of_the_service_is_heard_and_ends_the_program(
    stage_for: Callable[..., Run], folder: Path, options: dict[str, str], request: pytest.FixtureRequest
) -> None:
    run = stage_for(folder / "native.py", f"-{request.node.callspec.id}", **options)
    told = run.status != 0 or "error" in run.output.casefold() or "Invalid API key" in run.output
    assert told, run.output + run.errors
    assert run.last_words == "Error"
