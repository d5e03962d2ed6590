"""Unmodified programs in the shapes that real ones have, moved by ``shim run`` and by the drop-in import."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from migrator.rehearsal.agreement import speechmatics_order, with_scene
from migrator.rehearsal.transcript import from_messages
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

PROGRAMS = Path(__file__).parents[2] / "fixtures" / "programs" / "websockets"
KEY = "assemblyai-key-of-the-tests"
OLDEST = "websockets-15.0.1"

RUNS = [
    *((program.stem, "shim run", "") for program in sorted(PROGRAMS.glob("*.py"))),
    *((program.stem, "drop-in", "") for program in sorted(PROGRAMS.glob("*.py")) if "aiohttp" not in program.stem),
    *((name, way, OLDEST) for name in ("socket_on_self", "sync_client") for way in ("shim run", "drop-in")),
    ("nested_closures", "shim run", OLDEST),
    ("reconnects", "shim run", OLDEST),
]  # fmt: skip

Outcome = tuple[int, list[dict[str, Any]], str]


@pytest.fixture(scope="module")
def emulator(one_sentence: Scene) -> Iterator[AssemblyAIEmulator]:
    with AssemblyAIEmulator(one_sentence, keys=[KEY]) as started:
        yield started


@pytest.fixture(scope="module")
def outcomes(
    emulator: AssemblyAIEmulator,
    one_sentence: Scene,
    environment_python: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str, str], Future[Outcome]]]:
    """All runs, a few at a time: a program paces its audio as it was spoken, and mostly waits."""
    folder = tmp_path_factory.mktemp("programs")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ASSEMBLYAI_API_KEY": KEY,
        "ASSEMBLYAI_STREAMING_URL": emulator.url,
    }

    def run(name: str, way: str, library: str) -> Outcome:
        python = environment_python(library) if library else Path(sys.executable)
        script = PROGRAMS / f"{name}.py"
        command = [str(python), "-m", "shim", "run", str(script)]
        if way == "drop-in":
            source = re.sub(
                r"^import websockets$", "from shim import websockets", script.read_text(), flags=re.M
            )
            script = folder / f"{name}_{library}.py"
            script.write_text(re.sub(r"^( *)from websockets", r"\1from shim.websockets", source, flags=re.M))
            command = [str(python), str(script)]
        done = subprocess.run(
            [*command, str(one_sentence.sound)], env=environment, cwd=folder, capture_output=True, text=True, timeout=60
        )  # fmt: skip
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    with ThreadPoolExecutor(6) as pool:
        yield {case: pool.submit(run, *case) for case in RUNS}


@pytest.mark.environment
@pytest.mark.parametrize(("name", "way", "library"), RUNS)
def test_a_program_is_told_the_scene_exactly_once_and_ends_as_it_did(
    outcomes: dict[tuple[str, str, str], Future[Outcome]],
    one_sentence: Scene,
    name: str,
    way: str,
    library: str,
) -> None:
    status, messages, errors = outcomes[name, way, library].result()
    assert (status, re.sub(r".*Warning.*\n.*\n?", "", errors)) == (0, "")
    assert with_scene(from_messages(messages), one_sentence) == []
    assert speechmatics_order(messages) == []


@pytest.mark.environment
def test_every_session_was_ended_and_no_legacy_key_went_to_assemblyai(
    outcomes: dict[tuple[str, str, str], Future[Outcome]], emulator: AssemblyAIEmulator
) -> None:
    for outcome in outcomes.values():
        outcome.result()
    connections = emulator.journal.connections
    assert len(connections) == len(RUNS)
    assert [frame.json for frame in emulator.journal.frames("received") if frame.text] == [
        {"type": "Terminate"}
    ] * len(RUNS)
    assert "legacy-key" not in repr([(c.path, c.query, c.headers) for c in connections])
