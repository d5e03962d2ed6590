"""Unmodified programs in the shapes that real ones have, moved by ``shim run`` and by the drop-in import.

Those with sockets of their own, and those with the vendor's clients, each in its environment.
"""

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

PROGRAMS = Path(__file__).parents[2] / "fixtures" / "programs"
RAW = sorted(f"websockets/{program.stem}" for program in (PROGRAMS / "websockets").glob("*.py"))
KEY = "assemblyai-key-of-the-tests"
OLDEST = "websockets-15.0.1"

RUNS = [
    *((program, "shim run", "") for program in RAW),
    *((program, "drop-in", "") for program in RAW if program != "websockets/aiohttp_socket"),
    *(
        (f"websockets/{name}", "shim run", OLDEST)
        for name in ("nested_closures", "reconnects", "sync_client")
    ),
    *((f"websockets/{name}", "drop-in", OLDEST) for name in ("socket_on_self", "sync_client")),
    ("websocket-client/lazy_import", "shim run", ""),
    ("sdk/speechmatics_python", "shim run", "speechmatics-python"),
    *(
        (f"sdk/{name}", "shim run", environment)
        for name in ("speechmatics_rt", "speechmatics_rt_temporary_key")
        for environment in ("speechmatics-rt-1.1.0", "speechmatics-rt-newest")
    ),
]

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
        "PYTHONWARNINGS": "ignore",
    }

    def run(name: str, way: str, library: str) -> Outcome:
        python = environment_python(library) if library else Path(sys.executable)
        script = PROGRAMS / f"{name}.py"
        command = [str(python), "-m", "shim", "run", str(script)]
        if way == "drop-in":
            source = re.sub(
                r"^import websockets$", "from shim import websockets", script.read_text(), flags=re.M
            )
            script = folder / f"{Path(name).name}_{library}.py"
            script.write_text(re.sub(r"^( *)from websockets", r"\1from shim.websockets", source, flags=re.M))
            command = [str(python), str(script)]
        done = subprocess.run(
            [*command, str(one_sentence.sound)], env=environment, cwd=folder, capture_output=True, text=True, timeout=60
        )  # fmt: skip
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    with ThreadPoolExecutor(10) as pool:
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
    assert (status, errors) == (0, "")
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
    assert {connection.headers["authorization"] for connection in connections} == {KEY}
    assert "legacy-key" not in repr([(c.path, c.query, c.headers) for c in connections])
