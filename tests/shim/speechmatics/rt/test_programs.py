"""The same programs with speechmatics-rt on Speechmatics and with ours on AssemblyAI: they cannot tell."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from migrator.rehearsal.agreement import between, speechmatics_order, with_scene
from shim.emulator.scene import Scene

HERE = Path(__file__).parent
PROGRAMS = HERE.parents[3] / "fixtures" / "programs" / "speechmatics-rt"
NAMES = sorted(program.parent.name for program in PROGRAMS.glob("*/shim.py"))
PACKAGES = {"legacy": "speechmatics.rt", "shim": "shim.speechmatics.rt"}
WAYS = tuple(PACKAGES)

FAULTS = {
    ("error-in-session", "legacy"): ["error:unknown_error@1"],
    ("error-in-session", "shim"): ["error:3006@1"],
}
WITHOUT_A_TRANSCRIPT = {"error-in-session", "unknown-language", "wrong-key", "wrong-key-file"}
LOSES_THE_END = {"no-stop-session", "until-ctrl-c"}
"""With speechmatics-rt, whose close does not wait for the last words."""
UNTIL_CTRL_C = {"until-ctrl-c"}

pytestmark = pytest.mark.environment


Runs = dict[tuple[str, str], Future[Any]]


def scene_of(name: str, request: pytest.FixtureRequest) -> Scene:
    scene: Scene = request.getfixturevalue("two_speakers" if name == "speakers" else "one_sentence")
    return scene


@pytest.fixture(scope="module")
def runs(
    perform: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
    environment_python: Callable[[str], Path],
    one_sentence: Scene,
    two_speakers: Scene,
) -> Iterator[Runs]:
    """All programs both ways, several at a time: they mostly wait."""
    folder = tmp_path_factory.mktemp("runs")
    pythons = {"legacy": environment_python("speechmatics-rt-newest"), "shim": Path(sys.executable)}

    def run(name: str, way: str) -> Any:
        return perform(
            PROGRAMS / name / f"{way}.py",
            folder / f"{name}-{way}",
            pythons[way],
            two_speakers if name == "speakers" else one_sentence,
            (HERE / "stand_ins" / "trace.py", PACKAGES[way]),
            FAULTS.get((name, way), []),
            has_key=not name.startswith("wrong-key"),
            until_ctrl_c=name in UNTIL_CTRL_C,
        )

    with ThreadPoolExecutor(6) as pool:
        yield {(name, way): pool.submit(run, name, way) for name in NAMES for way in WAYS}


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_a_program_prints_the_same_and_ends_alike(runs: Runs, name: str) -> None:
    old, new = runs[name, "legacy"].result(), runs[name, "shim"].result()
    assert new.status == old.status, new.errors
    if name not in LOSES_THE_END:
        assert re.findall(r"[\w':-]+", new.output) == re.findall(r"[\w':-]+", old.output), new.errors
    assert "Traceback" not in new.errors + old.errors


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_A_TRANSCRIPT])
@pytest.mark.parametrize("way", WAYS)
def test_handlers_are_told_the_scene_exactly_once_and_in_order(
    runs: Runs, name: str, way: str, request: pytest.FixtureRequest
) -> None:
    if way == "legacy" and name in LOSES_THE_END:
        pytest.skip("the original does not deliver all of it")
    run = runs[name, way].result()
    assert way == "legacy" or run.errors == ""
    channels = {m.get("channel") for m in run.messages if "results" in m}
    for channel in channels:
        scene = scene_of(name, request)
        # Where the original loses the end ours gives all the words, and like it no EndOfTranscript.
        missing = (
            ["the program never learned that the transcript is complete"] if name in LOSES_THE_END else []
        )
        assert with_scene(run.transcript(channel), scene, speakers=name == "speakers") == missing, channel
        told = [m for m in run.messages if m.get("channel", channel) == channel]
        assert speechmatics_order(told) == []
    assert len(channels) == (2 if name == "two-channels" else 1)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOSES_THE_END])
def test_handlers_are_called_in_the_same_order(runs: Runs, name: str) -> None:
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
def test_every_session_was_ended_and_no_legacy_key_left_the_machine(runs: Runs, name: str) -> None:
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
