"""The vendor's own clients below ``shim run``, each in its environment, in the style of its own examples."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from migrator.rehearsal.agreement import speechmatics_order, with_scene
from migrator.rehearsal.transcript import from_messages
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

KEY = "assemblyai-key-of-the-tests"

LEGACY = """
import json, sys
import speechmatics

client = speechmatics.client.WebsocketClient("legacy-key")  # asks for a temporary key first
for name in speechmatics.models.ServerMessageType:
    client.add_event_handler(name, lambda message: print(json.dumps(message), flush=True))
settings = speechmatics.models.AudioSettings(encoding="pcm_s16le", sample_rate=16000, chunk_size=1024)
config = speechmatics.models.TranscriptionConfig(language="en", enable_partials=True, max_delay=2)
with open(sys.argv[1], "rb") as sound:
    sound.read(44)
    client.run_synchronously(sound, config, settings)
"""

RT = """
import asyncio, json, sys
from speechmatics.rt import *

async def main():
    async with AsyncClient({arguments}) as client:
        for name in ServerMessageType:
            client.on(name, lambda message: print(json.dumps(message), flush=True))
        form = AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16000)
        config = TranscriptionConfig(language="en", enable_partials=True, max_delay=2)
        with open(sys.argv[1], "rb") as sound:
            sound.read(44)
            await client.transcribe(sound, transcription_config=config, audio_format=form)

asyncio.run(main())
"""

PROGRAMS = {
    ("speechmatics-python", "a temporary key"): LEGACY,
    **{
        (environment, style): RT.replace("{arguments}", arguments)
        for environment in ("speechmatics-rt-1.1.0", "speechmatics-rt-newest")
        for style, arguments in (
            ("a key", "api_key='legacy-key'"),
            ("a temporary key", "auth=JWTAuth('legacy-key')"),
        )
    },
}
Case = tuple[str, str]
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
) -> Iterator[dict[Case, Future[Outcome]]]:
    """All runs at once: the session server lets a file through as fast as it was spoken, so that they mostly wait."""
    folder = tmp_path_factory.mktemp("sdks")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ASSEMBLYAI_API_KEY": KEY,
        "ASSEMBLYAI_STREAMING_URL": emulator.url,
        "PYTHONWARNINGS": "ignore",
    }

    def run(case: Case) -> Outcome:
        script = folder / f"{abs(hash(case))}.py"
        script.write_text(PROGRAMS[case])
        done = subprocess.run(
            [environment_python(case[0]), "-m", "shim", "run", script, one_sentence.sound],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    with ThreadPoolExecutor(len(PROGRAMS)) as pool:
        yield {case: pool.submit(run, case) for case in PROGRAMS}


@pytest.mark.environment
@pytest.mark.parametrize("case", PROGRAMS, ids=" with ".join)
def test_an_unmodified_program_of_the_sdk_is_told_the_scene_exactly_once(
    outcomes: dict[Case, Future[Outcome]], one_sentence: Scene, case: Case
) -> None:
    status, messages, errors = outcomes[case].result()
    assert (status, errors) == (0, "")
    assert with_scene(from_messages(messages), one_sentence) == []
    assert speechmatics_order(messages) == []
    assert from_messages(messages).partials > 0


@pytest.mark.environment
def test_the_legacy_key_and_the_temporary_ones_stay_here(
    outcomes: dict[Case, Future[Outcome]], emulator: AssemblyAIEmulator
) -> None:
    for outcome in outcomes.values():
        outcome.result()
    connections = emulator.journal.connections
    assert [connection.headers["authorization"] for connection in connections] == [KEY] * len(PROGRAMS)
    assert "legacy-key" not in repr([(c.path, c.query, c.headers) for c in connections])
