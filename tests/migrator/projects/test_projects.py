"""Whole projects, as they were and as ``migrate`` leaves them: installed, run and tested, before and after.

``fixtures/projects/NAME/legacy`` is the project, ``migrated`` is what becomes of it: a copy of ``legacy`` after
``migrate --write``. Each side has an environment that is made from its own files
(``tests/environments/project-NAME-SIDE.txt``).
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soxr

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, SPEECHMATICS_HOSTS

pytestmark = pytest.mark.environment

ROOT = Path(__file__).parents[3]
PROJECTS = ROOT / "fixtures/projects"
KEY = "a-key-of-this-test"
RECORDING = "RECORDING"
CALL = "CALL"
SAID = "SAID"
NOT_OF_THE_PROJECT = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
"""What installing and running leaves in a checkout."""

Side = Literal["legacy", "migrated"]
SIDES: tuple[Side, ...] = ("legacy", "migrated")


@dataclass(frozen=True)
class Project:
    """How a project is run.

    Attributes:
        command: script and arguments; a word in capitals stands for what the test makes.
        is_tested: whether it has tests of its own.
        shown_beside: words that it prints beside what was said.
    """

    command: tuple[str, ...]
    is_tested: bool = True
    shown_beside: tuple[str, ...] = ()


RUN = {
    "fastapi-relay": Project(("demo.py", RECORDING)),
    "provider-classes": Project(("dictate.py", RECORDING)),
    "telephone-mulaw": Project(("bridge.py", CALL)),
    "notebook": Project(("execute.py",), is_tested=False, shown_beside=("S1", "10")),
    "multi-vendor-benchmark": Project(
        ("run.py", "speechmatics", RECORDING, SAID), shown_beside=("word", "error", "rate", "0", "00")
    ),
}
CASES = [(name, side) for name in RUN for side in SIDES]


@dataclass(frozen=True)
class Outcome:
    """What a program printed, and how it ended."""

    status: int
    output: str
    errors: str


@pytest.fixture(scope="module")
def checkouts(
    tmp_path_factory: pytest.TempPathFactory,
    one_sentence: Scene,
    encode_mulaw: Callable[[bytes], bytes],
) -> dict[tuple[str, str], Path]:
    """A copy of each side of each project, with a recording and a call beside it."""
    folder = tmp_path_factory.mktemp("projects")
    made = {}
    for name, side in CASES:
        made[name, side] = folder / name / side
        shutil.copytree(PROJECTS / name / side, made[name, side], ignore=NOT_OF_THE_PROJECT)
    with wave.open(str(one_sentence.sound)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    narrow = encode_mulaw(soxr.resample(samples, 16000, 8000).astype("<i2").tobytes())
    media = [base64.b64encode(narrow[start : start + 160]).decode() for start in range(0, len(narrow), 160)]
    events = [{"event": "media", "media": {"payload": payload}} for payload in media]
    (folder / "call.jsonl").write_text("\n".join(map(json.dumps, [*events, {"event": "stop"}])))
    return made


@pytest.fixture(scope="module")
def outcomes(
    checkouts: dict[tuple[str, str], Path],
    one_sentence: Scene,
    environment_python: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str], Future[Outcome]]]:
    """Every project on its service, several at a time: they mostly wait."""
    authority = CertificateAuthority.create(tmp_path_factory.mktemp("tls"))

    def run(name: str, side: Side) -> Outcome:
        checkout = checkouts[name, side]
        is_legacy = side == "legacy"
        service = SpeechmaticsEmulator if is_legacy else AssemblyAIEmulator
        hosts = [*SPEECHMATICS_HOSTS] if is_legacy else [host.name for host in ASSEMBLYAI_HOSTS.values()]
        given = {
            RECORDING: str(one_sentence.sound),
            CALL: str(checkout.parent.parent / "call.jsonl"),
            SAID: one_sentence.text,
        }
        script, *arguments = [given.get(word, word) for word in RUN[name].command]
        with service(one_sentence, keys={KEY}, tls=authority.certificate(hosts)) as emulator:
            stage = Stage(dict.fromkeys(hosts, ("127.0.0.1", emulator.port)), ca_file=authority.ca_file)
            variables = {
                "PATH": os.environ["PATH"],
                "HOME": str(checkout.parent),
                "PYTHONFAULTHANDLER": "1",
                "SPEECHMATICS_API_KEY": KEY if is_legacy else "legacy-key",
                "ASSEMBLYAI_API_KEY": "" if is_legacy else KEY,
                "MEETING": str(one_sentence.sound),
            }
            done = subprocess.run(
                stage.command(script, arguments, python=environment_python(f"project-{name}-{side}")),
                cwd=checkout,
                env=stage.environment(variables),
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        return Outcome(done.returncode, done.stdout, done.stderr)

    with ThreadPoolExecutor(4) as pool:
        yield {case: pool.submit(run, *case) for case in CASES}


@pytest.mark.parametrize(("name", "side"), CASES)
def test_the_program_prints_what_was_said_once(
    outcomes: dict[tuple[str, str], Future[Outcome]], one_sentence: Scene, name: str, side: Side
) -> None:
    outcome = outcomes[name, side].result()
    assert outcome.status == 0, outcome.errors
    expected = sorted([*words(one_sentence.text), *RUN[name].shown_beside])
    assert sorted(words(outcome.output)) == expected, outcome.errors


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['-]\w+)*", text)


@pytest.mark.parametrize(("name", "side"), [case for case in CASES if RUN[case[0]].is_tested])
def test_its_own_tests_pass(
    checkouts: dict[tuple[str, str], Path], environment_python: Callable[[str], Path], name: str, side: Side
) -> None:
    done = subprocess.run(
        [environment_python(f"project-{name}-{side}"), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=checkouts[name, side],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("name", RUN)
def test_migrate_makes_of_it_what_is_expected(name: str, tmp_path: Path) -> None:
    project = tmp_path / name
    shutil.copytree(PROJECTS / name / "legacy", project, ignore=NOT_OF_THE_PROJECT)
    for _ in range(2):  # the second run finds nothing to do
        done = subprocess.run(
            [sys.executable, "-m", "migrator", "--write", "."],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert contents(project) == contents(PROJECTS / name / "migrated"), done.stdout


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes().decode()
        for path in files
        if not NOT_OF_THE_PROJECT(str(path.parent), path.relative_to(folder).parts)
    }


@pytest.mark.parametrize("name", RUN)
def test_no_type_error_is_new(
    checkouts: dict[tuple[str, str], Path], environment_python: Callable[[str], Path], name: str
) -> None:
    before, after = (
        type_errors(checkouts[name, side], environment_python(f"project-{name}-{side}")) for side in SIDES
    )
    assert after - before == Counter()


def type_errors(checkout: Path, python: Path) -> Counter[str]:
    """What mypy says of a project, without the lines that it says it of."""
    options = ["--ignore-missing-imports", "--check-untyped-defs", "--explicit-package-bases", "--no-pretty"]
    paths = {"MYPYPATH": str(checkout / "src")} if (checkout / "src").is_dir() else {}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--python-executable", python, "--cache-dir", ".types", "."],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    return Counter(re.sub(r":\d+(:\d+)?:", ":", line) for line in lines)
