"""The guide's program, four times on one scene: old, dropped in, rewritten, and without any program of its own.

Real PyAudio, a virtual microphone, both emulators with the services' latencies, TLS and the services' own host names.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from migrator.engine import migrate_source
from migrator.options import Options
from migrator.rehearsal.agreement import between, speechmatics_order, with_scene
from migrator.rehearsal.performance import Performance, Rehearsal
from shim.emulator.scene import Scene

pytestmark = pytest.mark.microphone

ROOT = Path(__file__).parents[3]
LEGACY = ROOT / "fixtures" / "programs" / "guide" / "legacy.py"
SCENE = Scene.load(ROOT / "fixtures" / "scenes" / "two-speakers.json")
LEGACY_KEY = "YOUR-SPEECHMATICS-KEY"

Runs = dict[str, tuple[Performance, Rehearsal]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Each of the four ways, with the rehearsal whose journals tell what went over its connections."""
    folder = tmp_path_factory.mktemp("guide")
    source = LEGACY.read_bytes()
    scripts = {"old": LEGACY, "listen": folder / "listen.py"}
    scripts["listen"].write_text("import sys\nfrom shim.cli import main\nsys.exit(main())\n")
    for name, options in {"dropped in": Options(to="shim"), "rewritten": Options()}.items():
        scripts[name] = folder / f"{name.replace(' ', '_')}.py"
        scripts[name].write_bytes(migrate_source(LEGACY.name, source, options).after)
    arguments = {"listen": ("listen",)}
    environment = {"PYTHONPATH": str(ROOT)}

    def perform(name: str) -> tuple[Performance, Rehearsal]:
        with Rehearsal(SCENE) as rehearsal:
            return rehearsal.perform(scripts[name], arguments.get(name, ()), environment), rehearsal

    # Each has its own microphone and its own emulators, so they need not wait for each other.
    with ThreadPoolExecutor() as pool:
        return dict(zip(scripts, pool.map(perform, scripts), strict=True))


WAYS = pytest.mark.parametrize("way", ["old", "dropped in", "rewritten", "listen"])
NEW_WAYS = pytest.mark.parametrize("way", ["dropped in", "rewritten", "listen"])


@WAYS
def test_every_word_of_the_scene_arrives_once_and_at_its_time(runs: Runs, way: str) -> None:
    performance, _ = runs[way]
    assert with_scene(performance.transcript, SCENE) == [], performance.output


@WAYS
def test_the_user_sees_every_final_once_on_a_line_of_its_own(runs: Runs, way: str) -> None:
    performance, _ = runs[way]
    shown = settled_lines(performance.output)
    finals = performance.transcript.finals
    assert [line for line in shown if line in finals] == list(finals), performance.output


@WAYS
def test_live_partials_come_before_the_finals(runs: Runs, way: str) -> None:
    performance, _ = runs[way]
    assert performance.transcript.partials > len(SCENE.turns)


@WAYS
def test_ctrl_c_ends_the_program_by_itself(runs: Runs, way: str) -> None:
    performance, _ = runs[way]
    assert performance.exit_status == 0, performance.output
    assert "Traceback" not in performance.output


@NEW_WAYS
def test_the_new_way_says_the_same_as_the_old_program(runs: Runs, way: str) -> None:
    assert between(runs["old"][0].transcript, runs[way][0].transcript) == []


@pytest.mark.parametrize("way", ["old", "dropped in"])
def test_the_program_sees_the_order_of_the_speechmatics_protocol(runs: Runs, way: str) -> None:
    assert speechmatics_order(runs[way][0].messages) == []


@NEW_WAYS
def test_no_connection_error_is_shown_at_a_normal_end(runs: Runs, way: str) -> None:
    assert "error" not in runs[way][0].output.lower()


@pytest.mark.parametrize("way", ["dropped in", "rewritten"])
def test_the_audio_of_a_european_endpoint_stays_in_europe(runs: Runs, way: str) -> None:
    _, rehearsal = runs[way]
    assert [c.headers["host"] for c in rehearsal.assemblyai.journal.connections] == [
        "streaming.eu.assemblyai.com"
    ]


@NEW_WAYS
def test_audio_arrives_as_16_bit_samples_in_frames_of_50_ms(runs: Runs, way: str) -> None:
    _, rehearsal = runs[way]
    (connection,) = rehearsal.assemblyai.journal.connections
    assert connection.query["encoding"] == ("pcm_s16le",)
    seconds = [
        frame.audio_seconds for frame in rehearsal.assemblyai.journal.frames("received") if frame.audio_bytes
    ]
    assert all(0.05 <= length < 0.0501 for length in seconds)


@NEW_WAYS
def test_the_session_is_terminated_and_closed_normally(runs: Runs, way: str) -> None:
    journal = runs[way][1].assemblyai.journal
    assert journal.messages("received")[-1] == {"type": "Terminate"}
    assert journal.messages("sent")[-1]["type"] == "Termination"
    assert [close.code for close in journal.closes()] == [1000]


@NEW_WAYS
def test_the_legacy_key_never_leaves_the_machine(runs: Runs, way: str) -> None:
    _, rehearsal = runs[way]
    seen = [
        *(
            str(connection.headers) + str(connection.query)
            for connection in rehearsal.assemblyai.journal.connections
        ),
        *(frame.text or "" for frame in rehearsal.assemblyai.journal.frames("received")),
    ]
    assert not [text for text in seen if LEGACY_KEY in text]
    assert rehearsal.speechmatics.journal.connections == []


def settled_lines(output: str) -> list[str]:
    """The lines that stay on a terminal: what a carriage return lets the next text overwrite is gone."""
    lines = []
    for line in output.replace("\r\n", "\n").split("\n"):
        shown = ""
        for piece in line.split("\r"):
            shown = piece + shown[len(piece) :]
        lines.append(shown.strip())
    return lines
