"""What only a process of its own can show: interrupts, closed pipes, full disks, crashes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from migrator import workers
from migrator.grouping import Group
from migrator.options import Options
from migrator.project import Candidate
from migrator.result import FileResult

HERE = Path(__file__).parent
# Runs the command on the engine of conftest.py, or on one that says so and then works for ever.
COMMAND = """
import sys, threading, types
import migrator
from conftest import migrate_group

def endless(group, options):
    print("working", flush=True)
    threading.Event().wait()

engine = endless if sys.argv[1] == "endless" else migrate_group
migrator.engine = types.SimpleNamespace(migrate_group=engine)
sys.argv[:2] = ["migrate"]
from migrator.entry import main
sys.exit(main())
"""
# Runs the command until something happens, by its audit event and a part of what the event is about, and presses Ctrl-C.
PRESSING = """
import os, signal, sys
wanted, about, *sys.argv[1:] = sys.argv[1:]

def press(event, arguments):
    global wanted
    if event == wanted and about in str(arguments[0]):
        wanted = None
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(press)
from migrator.entry import main
sys.exit(main())
"""
LEGACY_LINE = b"import websocket\nws = websocket.create_connection('wss://eu2.rt.speechmatics.com/v2')\n"


@pytest.fixture
def start(project):
    """A function that starts the command in the project."""
    started = []

    def start(engine, *arguments, stdout=subprocess.PIPE):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, engine, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2])])},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("files", [1, 25], ids=["in one process", "in several"])
def test_ctrl_c_ends_it_with_130_without_a_traceback_and_nothing_written(project, start, files):
    root = project(*(f"file{number}.py" for number in range(files)))
    before = {path: path.read_bytes() for path in root.iterdir()}
    process = start("endless", "--write", "--jobs", "2")
    assert process.stdout.readline().startswith("working")
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "migrate: interrupted; every file is whole, as it was or as it shall be\n"
    assert {path: path.read_bytes() for path in root.iterdir()} == before


@pytest.mark.parametrize(
    ("event", "about"),
    [
        ("import", "migrator.cli"),
        ("import", "argparse"),
        ("import", "migrator.project"),
        ("os.scandir", "."),
        ("os.scandir", "inner"),
        ("open", "live.py"),
        ("import", "migrator.engine"),
        ("import", "libcst"),
        ("import", "migrator.report.terminal"),
        ("import", "migrator.transaction"),
        ("os.rename", "inner"),
    ],
)
def test_ctrl_c_at_any_moment_is_one_line_and_no_file_is_half_written(project, event, about):
    root = project("inner/live.py", "inner/other.py", content=LEGACY_LINE)
    home = root.parent / "state"
    done = subprocess.run(
        [sys.executable, "-c", PRESSING, event, about, "--write", "--allow-dirty", "--to", "shim"],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[2]), "XDG_STATE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "migrate: interrupted; every file is whole, as it was or as it shall be\n"
    new = LEGACY_LINE.replace(b"import websocket", b"from shim import websocket")
    assert {path.name for path in (root / "inner").iterdir()} == {"live.py", "other.py"}
    assert {path.read_bytes() for path in (root / "inner").iterdir()} <= {LEGACY_LINE, new}


def test_a_reader_that_has_enough_is_no_error(project, start):
    line = b"HOST = 'eu2.rt.speechmatics.com'\n"
    project("live.py", content=line * 3_000)
    process = start("ordinary")
    assert process.stdout.readline() == "--- a/live.py\n"
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(timeout=60) == 0
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "to be rewritten" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_one_line_with_status_3(project, start):
    project("live.py")
    with open("/dev/full", "w") as full:
        process = start("ordinary", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err == "migrate: [Errno 28] No space left on device\n"


def crash_on_demand(group, options):
    if any(b"CRASH" in file.source for file in group.files):
        os.kill(os.getpid(), signal.SIGKILL)
    return [FileResult(file.path, "native", file.source, file.source + b"\n") for file in group.files]


def fail_on_demand(group, options):
    if b"SECRET" in group.files[0].source:
        raise ValueError(group.files[0].source)
    return [FileResult(file.path, "native", file.source, file.source + b"\n") for file in group.files]


def alone(candidates):
    """Each candidate in a group of its own."""
    return [Group((candidate,)) for candidate in candidates]


def test_a_file_that_crashes_the_parser_is_named_and_the_others_are_done():
    candidates = [Candidate(f"{number}.py", b"CRASH" if number == 7 else b"x") for number in range(25)]
    results = workers.migrate_all(crash_on_demand, alone(candidates), Options(), jobs=2)
    assert [result.path for result in results] == [candidate.path for candidate in candidates]
    assert [result.path for result in results if result.status == "error"] == ["7.py"]
    assert "crashed" in results[7].error


def test_a_file_that_crashes_the_parser_costs_no_other_file_of_its_group():
    group = Group(tuple(Candidate(f"{number}.py", b"CRASH" if number == 7 else b"x") for number in range(25)))
    results = workers.migrate_all(
        crash_on_demand, [group, *alone([Candidate("z.py", b"x")])], Options(), jobs=2
    )
    assert [result.path for result in results if result.status == "error"] == ["7.py"]
    assert len(results) == 26


@pytest.mark.parametrize("files", [1, 25], ids=["in one process", "in several"])
def test_a_mistake_of_the_engine_is_named_without_the_users_text_and_the_others_are_done(files):
    candidates = [
        Candidate("bad.py", b"SECRET"),
        *(Candidate(f"{number}.py", b"x") for number in range(files)),
    ]
    bad, *others = workers.migrate_all(fail_on_demand, alone(candidates), Options(), jobs=2)
    assert bad.status == "error"
    assert bad.error.startswith("a mistake of migrate itself (ValueError in test_process.py:")
    assert "SECRET" not in bad.error
    assert {result.status for result in others} == {"native"}


def change_the_settings(group, options):
    names = b" ".join(file.source for file in group.files)
    own = [FileResult(file.path, "native", file.source, file.source + b"!") for file in group.files]
    return [*own, FileResult("settings.py", "native", b"", names)]


@pytest.mark.parametrize("files", [2, 25], ids=["in one process", "in several"])
def test_groups_that_change_the_same_further_file_are_decided_together(files):
    candidates = [Candidate(f"{number}.py", b"%d" % number) for number in range(files)]
    results = workers.migrate_all(change_the_settings, alone(candidates), Options(), jobs=2)
    assert sorted(result.path for result in results) == sorted([*(c.path for c in candidates), "settings.py"])
    [settings] = [result for result in results if result.path == "settings.py"]
    assert settings.after == b" ".join(candidate.source for candidate in candidates)


def test_a_few_files_need_no_other_process(monkeypatch):
    seen = []

    def migrate_group(group, options):
        seen.append(os.getpid())
        return [FileResult(file.path, "unchanged") for file in group.files]

    candidates = [Candidate(f"{number}.py", b"x") for number in range(workers.WORTH_PROCESSES)]
    workers.migrate_all(migrate_group, alone(candidates), Options(), jobs=8)
    assert set(seen) == {os.getpid()}
