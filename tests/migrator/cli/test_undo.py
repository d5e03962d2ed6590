"""``--undo`` puts the last ``--write`` back, all of it or nothing, whatever ended that run."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from migrator import journal

BEFORE, AFTER = b"HOST = 'eu2.rt.speechmatics.com'\n", b"HOST = 'streaming.eu.assemblyai.com'\n"
CRLF = b"\xef\xbb\xbfHOST = 'eu2.rt.speechmatics.com'\r\n# \xe9"


@pytest.fixture(autouse=True)
def state(monkeypatch, tmp_path):
    """The state folder, for one test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_undo_puts_back_every_file_byte_for_byte_with_its_mode(project, migrate, state):
    root = project("a.py", "in a folder/b c.py", content=BEFORE)
    project("odd.py", content=CRLF)
    (root / "a.py").chmod(0o750)
    before = contents(root)
    assert migrate("--write").status == 0
    assert contents(root) != before
    outcome = migrate("--undo")
    assert (outcome.status, outcome.out) == (0, b"")
    assert contents(root) == before
    assert stat.S_IMODE((root / "a.py").stat().st_mode) == 0o750
    assert outcome.err == (
        "a.py: as it was before\nin a folder/b c.py: as it was before\nodd.py: as it was before\n3 files put back.\n"
    )
    assert journal.journals() == []


def test_a_bit_of_the_mode_that_was_given_since_stays(project, migrate):
    root = project("a.py", content=BEFORE)
    migrate("--write")
    (root / "a.py").chmod(0o755)
    migrate("--undo")
    assert stat.S_IMODE((root / "a.py").stat().st_mode) == 0o755


@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_file_that_changed_since_is_named_and_nothing_is_put_back(project, migrate, change):
    root = project("a.py", "b.py", content=BEFORE)
    migrate("--write")
    if change == "edited":
        (root / "b.py").write_bytes(AFTER + b"# mine\n")
    else:
        (root / "b.py").unlink()
    after = contents(root)
    outcome = migrate("--undo")
    assert outcome.status == 2
    assert outcome.err.startswith("migrate: nothing put back: changed since it was written: b.py. ")
    assert contents(root) == after
    (root / "b.py").write_bytes(AFTER)
    assert migrate("--undo").status == 0
    assert contents(root) == {"a.py": BEFORE, "b.py": BEFORE}


def test_where_nothing_was_written_there_is_nothing_to_undo(project, migrate):
    project("a.py", content=BEFORE)
    migrate()
    outcome = migrate("--undo")
    assert (outcome.status, outcome.err) == (
        0,
        "Nothing to undo: no --write is known of the current directory.\n",
    )


def test_writes_are_undone_one_after_the_other_the_last_one_first(project, migrate):
    root = project("a.py", content=BEFORE)
    migrate("--write")
    project("b.py", content=BEFORE)
    migrate("--write")
    assert contents(root) == {"a.py": AFTER, "b.py": AFTER}
    migrate("--undo")
    assert contents(root) == {"a.py": AFTER, "b.py": BEFORE}
    migrate("--undo")
    assert contents(root) == {"a.py": BEFORE, "b.py": BEFORE}


def test_the_last_write_of_another_project_stays(project, migrate, monkeypatch):
    root = project("one/a.py", "two/b.py", content=BEFORE)
    migrate("--write", "one")
    migrate("--write", "two")
    assert migrate("--undo", "one").status == 0
    assert contents(root) == {"one/a.py": BEFORE, "two/b.py": AFTER}
    monkeypatch.chdir(root / "two")
    migrate("--undo")
    assert contents(root) == {"one/a.py": BEFORE, "two/b.py": BEFORE}


def test_through_a_link_the_target_is_put_back(project, migrate):
    root = project("a.py", content=BEFORE)
    (root / "link.py").symlink_to("a.py")
    migrate("--write", "link.py")
    migrate("--undo", "link.py")
    assert (root / "link.py").is_symlink()
    assert (root / "a.py").read_bytes() == BEFORE


def test_names_that_are_no_text_are_put_back(project, migrate):
    name = os.fsdecode(b"\xff\n .py")
    root = project(name, content=BEFORE)
    assert migrate("--write").status == 0
    assert (root / name).read_bytes() == AFTER
    outcome = migrate("--undo")
    assert (root / name).read_bytes() == BEFORE
    assert outcome.err.startswith("\\udcff\\n .py: as it was before\n")


def test_a_file_that_cannot_be_put_back_leaves_the_others(project, migrate):
    root = project("a.py", "b.py", content=BEFORE)
    migrate("--write")
    (root / "b.py").chmod(0o444)
    outcome = migrate("--undo")
    assert outcome.status == 3
    assert outcome.err == "nothing put back: b.py: the file is read-only. Mend that, then undo again.\n"
    assert contents(root) == {"a.py": AFTER, "b.py": AFTER}


class TestTheJournal:
    def test_only_the_user_may_read_it(self, project, migrate, state):
        project("a.py", content=BEFORE)
        state.mkdir()
        migrate("--write")
        ours = state / "speechmatics-to-assemblyai"
        assert [stat.S_IMODE(path.stat().st_mode) for path in (ours, ours / "journal")] == [0o700, 0o700]
        [path] = journal.journals()
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600

    def test_as_many_as_said_are_kept(self, project, migrate, monkeypatch):
        monkeypatch.setattr(journal, "KEPT", 2)
        for number in range(4):
            project(f"{number}.py", content=BEFORE)
            migrate("--write")
        assert [Path(entry.target).name for path in journal.journals() for entry in entries(path)] == [
            "3.py",
            "2.py",
        ]

    def test_where_it_cannot_be_kept_nothing_is_written(self, project, migrate, state):
        root = project("a.py", content=BEFORE)
        state.write_bytes(b"a file, not a folder")
        outcome = migrate("--write")
        assert outcome.status == 2
        assert outcome.out.startswith(b"--- a/a.py")
        assert "nothing written: cannot keep what --undo needs in " in outcome.err
        assert "Set XDG_STATE_HOME" in outcome.err
        assert contents(root) == {"a.py": BEFORE}

    @pytest.mark.parametrize("damage", [b"", b"{}\n", b'{"version": 1}\n{"target"\n', b"\xff\n"])
    def test_one_that_cannot_be_read_is_named(self, project, migrate, damage):
        root = project("a.py", content=BEFORE)
        migrate("--write")
        [path] = journal.journals()
        Path(path).write_bytes(damage)
        outcome = migrate("--undo")
        assert outcome.status == 2
        assert "nothing put back: the journal of the last --write cannot be used: " in outcome.err
        assert contents(root) == {"a.py": AFTER}

    def test_one_that_another_process_has_is_left_to_it(self, project, migrate):
        root = project("a.py", content=BEFORE)
        migrate("--write")
        [path] = journal.journals()
        with journal.Journal.open(path):
            outcome = migrate("--undo")
        assert outcome.status == 2
        assert "another migrate is at work with it" in outcome.err
        assert contents(root) == {"a.py": AFTER}

    def test_a_run_that_wrote_nothing_has_none(self, project, migrate):
        (project("a.py", content=BEFORE) / "a.py").chmod(0o444)
        assert migrate("--write").status == 3
        assert journal.journals() == []

    @pytest.mark.parametrize(
        ("system", "variable", "expected"),
        [
            ("linux", {"HOME": "/home/u"}, "/home/u/.local/state"),
            ("linux", {"HOME": "/home/u", "XDG_STATE_HOME": "relative"}, "/home/u/.local/state"),
            ("linux", {"HOME": "/home/u", "XDG_STATE_HOME": "/state"}, "/state"),
            ("darwin", {"HOME": "/Users/u"}, "/Users/u/Library/Application Support"),
            ("win32", {"LOCALAPPDATA": "/Users/u/AppData/Local"}, "/Users/u/AppData/Local"),
        ],
    )
    def test_it_is_where_the_system_keeps_such_things(self, monkeypatch, system, variable, expected):
        for name in ("HOME", "XDG_STATE_HOME", "LOCALAPPDATA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variable.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "platform", system)
        assert journal.folder() == os.path.join(expected, "speechmatics-to-assemblyai", "journal")

    def test_it_is_lines_of_json(self, project, migrate):
        project("a.py", content=BEFORE)
        migrate("--write")
        [path] = journal.journals()
        head, entry, done = map(json.loads, Path(path).read_text().splitlines())
        assert (head, done) == ({"version": 1}, {"done": True})
        assert entry["after"] == journal.digest(AFTER)


def entries(path):
    with journal.Journal.open(path) as opened:
        return list(opened.entries())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("operation", "states"),
    [
        ("write", [["old", "old"], ["new", "old"], ["new", "new"]]),
        ("undo", [["new", "new"], ["old", "new"], ["old", "old"]]),
    ],
)
def test_after_a_kill_at_any_step_each_file_is_old_or_new_and_undo_puts_it_back(project, operation, states):
    project()
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "kills.py"), operation],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[2])])},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == states
