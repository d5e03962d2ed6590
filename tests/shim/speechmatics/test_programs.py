"""The same programs with speechmatics-python on Speechmatics and with ours on AssemblyAI: they cannot tell."""

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
PROGRAMS = HERE.parents[2] / "fixtures" / "programs" / "speechmatics-python"
NAMES = sorted(program.parent.name for program in PROGRAMS.glob("*/shim.py"))
PACKAGES = {"legacy": "speechmatics", "shim": "shim.speechmatics"}
FAULTS = {
    ("error-in-session", "legacy"): ["error:job_error@1"],
    ("error-in-session", "shim"): ["error:3005@1"],
}
WITHOUT_A_KEY = {"wrong-key", "refused-connection"}
UNTIL_CTRL_C = {"until-ctrl-c"}
LAST_WORDS_ARE_LOST = sys.version_info < (3, 11)  # by the SDK, at Ctrl-C: asyncio cancels all that it does
WITHOUT_A_TRANSCRIPT = {*WITHOUT_A_KEY, "error-in-session", "force-end", "time-limit", *UNTIL_CTRL_C}

LABELS = {"said:", "full"}
"""What programs print before each final: the two services divide what was said differently."""

Runs = dict[tuple[str, str], Future[Any]]

pytestmark = pytest.mark.environment


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
    pythons = {"legacy": environment_python("speechmatics-python"), "shim": Path(sys.executable)}

    def run(name: str, way: str) -> Any:
        return perform(
            PROGRAMS / name / f"{way}.py",
            folder / f"{name}-{way}",
            pythons[way],
            two_speakers if name == "speakers" else one_sentence,
            (HERE / "stand_ins" / "trace_client.py", PACKAGES[way]),
            FAULTS.get((name, way), []),
            has_key=name not in WITHOUT_A_KEY,
            until_ctrl_c=name in UNTIL_CTRL_C,
        )

    with ThreadPoolExecutor(6) as pool:
        yield {(name, way): pool.submit(run, name, way) for name in NAMES for way in PACKAGES}


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_a_program_prints_the_same_and_ends_alike(runs: Runs, name: str) -> None:
    old, new = runs[name, "legacy"].result(), runs[name, "shim"].result()
    assert new.status == old.status, new.errors
    if LAST_WORDS_ARE_LOST and name in UNTIL_CTRL_C:
        pytest.skip("before Python 3.11 the SDK loses the last words at Ctrl-C")
    assert printed(new) == printed(old), new.errors
    assert "Traceback" not in new.errors


def printed(run: Any) -> list[str]:
    return [word for word in re.findall(r"[\w':-]+", run.output) if word not in LABELS]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_A_TRANSCRIPT])
@pytest.mark.parametrize("way", PACKAGES)
def test_handlers_are_told_the_scene_exactly_once_and_in_order(
    runs: Runs, name: str, way: str, one_sentence: Scene, two_speakers: Scene
) -> None:
    run = runs[name, way].result()
    channels = {m.get("channel") for m in run.messages if "results" in m}
    scene = two_speakers if name == "speakers" else one_sentence
    for channel in channels:
        assert with_scene(run.transcript(channel), scene, speakers=name == "speakers") == [], channel
        told = [m for m in run.messages if m.get("channel", channel) == channel]
        assert speechmatics_order(told) == []
    assert len(channels) == (2 if name == "two-channels" else 1)


@pytest.mark.parametrize("name", NAMES)
def test_handlers_are_called_in_the_same_order(runs: Runs, name: str) -> None:
    old, new = runs[name, "legacy"].result(), runs[name, "shim"].result()
    # With a file, AssemblyAI refuses a key when the first samples come.
    before = ["RecognitionStarted"] if name == "wrong-key" else []
    assert new.kinds == before + old.kinds
    if not (LAST_WORDS_ARE_LOST and name in UNTIL_CTRL_C):
        assert between(old.transcript(), new.transcript()) == []
    assert [m["type"] for m in new.messages if m["message"] == "Error"] == [
        m["type"] for m in old.messages if m["message"] == "Error"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_session_was_ended_and_no_legacy_key_left_the_machine(runs: Runs, name: str) -> None:
    run = runs[name, "shim"].result()
    connections = run.emulator.journal.connections
    assert "legacy-key" not in repr([(c.path, c.query, c.headers) for c in connections])
    sent = [frame.json for frame in run.emulator.journal.frames("received") if frame.text]
    if name not in {*WITHOUT_A_KEY, "error-in-session"}:
        assert sent.count({"type": "Terminate"}) == len(connections) > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_two_programs_differ_in_import_lines_only(name: str) -> None:
    legacy, ours = ((PROGRAMS / name / f"{way}.py").read_text().splitlines() for way in PACKAGES)
    changed = [(old, new) for old, new in zip(legacy, ours, strict=True) if old != new]
    assert changed
    assert all(re.match(r"(from|import) speechmatics", old) for old, _ in changed)
    assert all(re.match(r"(from|import) shim\b", new) for _, new in changed)
