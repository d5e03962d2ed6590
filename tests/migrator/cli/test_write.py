import os
import subprocess

import pytest

from migrator import transaction, writing
from migrator.result import FileResult

BEFORE, AFTER = b"HOST = 'eu2.rt.speechmatics.com'\n", b"HOST = 'streaming.eu.assemblyai.com'\n"


@pytest.fixture
def live(project):
    """The path of one legacy file in the project."""
    return project("live.py", content=BEFORE) / "live.py"


def git(*arguments):
    identity = [
        "-c",
        "user.name=nobody",
        "-c",
        "user.email=nobody@localhost",
        "-c",
        "init.defaultBranch=main",
    ]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_write_writes_and_prints_no_diff(live, migrate):
    outcome = migrate("--write")
    assert (outcome.status, outcome.out) == (0, b"")
    assert live.read_bytes() == AFTER
    assert "live.py: rewritten for AssemblyAI, 1 edit" in outcome.err
    assert "ASSEMBLYAI_API_KEY" in outcome.err
    assert "--write" not in outcome.err
    assert "To put the files back as they were: migrate --undo\n" in outcome.err


def test_nothing_is_replaced_before_everything_is_staged(live, project, migrate, monkeypatch):
    project("a.py", "z.py", content=BEFORE)
    steps = []
    stage, put_in_place = writing.stage, writing.Staged.put_in_place
    monkeypatch.setattr(writing, "stage", lambda *a: (steps.append("stage"), stage(*a))[1])
    monkeypatch.setattr(
        writing.Staged, "put_in_place", lambda staged: (steps.append("replace"), put_in_place(staged))[1]
    )
    assert migrate("--write").status == 0
    assert steps == ["stage"] * 3 + ["replace"] * 3


def test_no_file_is_written_without_those_that_share_its_connection(live, project):
    root = project("sender.py", "other.py", content=BEFORE)
    (root / "sender.py").chmod(0o444)
    files = [
        FileResult("live.py", "native", BEFORE, AFTER),
        FileResult("sender.py", "native", BEFORE, AFTER, unit="live.py"),
        FileResult("other.py", "native", BEFORE, AFTER),
    ]
    assert transaction.write(files) == {
        "live.py": "not written, because sender.py was not, which shares its connection",
        "sender.py": "not written: the file is read-only",
    }
    assert [(root / file.path).read_bytes() for file in files] == [BEFORE, BEFORE, AFTER]


def test_write_with_findings_is_done(live, migrate):
    live.write_bytes(BEFORE + b"KEY = 'YOUR-KEY'\n")
    assert migrate("--write").status == 0


def test_the_drop_in_needs_this_package(project, migrate):
    project("live.py")
    assert "python -m pip install speechmatics-to-assemblyai" in migrate("--write", "--to", "shim").err


def test_a_read_only_file_is_named_and_the_others_are_written(live, project, migrate):
    project("locked.py", content=BEFORE)
    live.with_name("locked.py").chmod(0o444)
    outcome = migrate("--write")
    assert outcome.status == 3
    assert "  locked.py: not written: the file is read-only\n" in outcome.err
    assert live.with_name("locked.py").read_bytes() == BEFORE
    assert live.read_bytes() == AFTER


def test_a_file_that_changed_since_it_was_read_is_named_and_kept(live, migrate, monkeypatch):
    stage = writing.stage

    def meanwhile(*arguments):
        live.write_bytes(b"newer\n")
        return stage(*arguments)

    monkeypatch.setattr(writing, "stage", meanwhile)
    outcome = migrate("--write")
    assert outcome.status == 3
    assert "live.py: not written: it changed since it was read; run migrate again" in outcome.err
    assert live.read_bytes() == b"newer\n"


def test_a_link_is_written_through(live, migrate):
    live.with_name("link.py").symlink_to("live.py")
    assert migrate("--write", "link.py").status == 0
    assert live.with_name("link.py").is_symlink()
    assert live.read_bytes() == AFTER


class TestUncommittedChanges:
    @pytest.mark.parametrize("state", ["untracked", "changed", "staged", "ignored"])
    def test_they_stop_the_writing_but_not_the_plan(self, live, migrate, state):
        git("init")
        if state == "ignored":
            live.with_name(".gitignore").write_bytes(b"live.py\n")
        elif state != "untracked":
            live.write_bytes(b"")
            git("add", ".")
            git("commit", "-m", "before")
            live.write_bytes(BEFORE)
            if state == "staged":
                git("add", ".")
        outcome = migrate("--write", "live.py")
        assert outcome.status == 2
        assert outcome.out.startswith(b"--- a/live.py\n")
        assert outcome.err.splitlines()[-1] == (
            "migrate: nothing written: no commit has what is in live.py. Commit it, or add --allow-dirty."
        )
        assert live.read_bytes() == BEFORE

    def test_they_can_be_allowed(self, live, migrate):
        git("init")
        assert migrate("--write", "--allow-dirty").status == 0
        assert live.read_bytes() == AFTER

    def test_those_of_other_files_do_not_matter(self, live, migrate):
        git("init")
        git("add", ".")
        git("commit", "-m", "before")
        live.with_name("notes.txt").write_bytes(b"new")
        assert migrate("--write").status == 0
        assert live.read_bytes() == AFTER

    def test_names_that_git_would_quote_or_expand_are_understood(self, live, project, migrate):
        names = [":(odd)*.py", "[a]*.py", 'quo"te é.py']
        project(*names, content=BEFORE)
        git("init")
        git("add", "live.py")
        git("commit", "-m", "before")
        outcome = migrate("--write")
        assert outcome.status == 2
        assert f"no commit has what is in {', '.join(sorted(names))}." in outcome.err

    def test_without_git_nobody_knows_so_nothing_is_written(self, live, migrate, monkeypatch):
        git("init")
        monkeypatch.setenv("PATH", os.path.dirname(live))
        outcome = migrate("--write")
        assert outcome.status == 2
        assert "cannot tell whether all is committed (git is not installed)" in outcome.err
        assert live.read_bytes() == BEFORE

    def test_a_broken_work_tree_is_no_reason_to_write(self, live, migrate):
        live.with_name(".git").mkdir()
        outcome = migrate("--write")
        assert outcome.status == 2
        assert "not a git repository" in outcome.err
        assert live.read_bytes() == BEFORE


class TestBadFiles:
    def test_a_file_that_does_not_parse_is_named_with_line_and_column_and_the_others_are_done(
        self, live, project, migrate
    ):
        project("broken.py", content=b"# speechmatics\nx !!\n")
        outcome = migrate("--write")
        assert outcome.status == 3
        assert "  broken.py: line 2, column 3: invalid syntax\n" in outcome.err
        assert live.read_bytes() == AFTER

    def test_three_beats_one(self, live, project, migrate):
        project("broken.py", content=b"# speechmatics\nx !!\n")
        assert migrate("--check").status == 3

    def test_a_pipe_is_named_and_the_others_are_done(self, live, migrate):
        os.mkfifo(live.with_name("pipe.py"))
        outcome = migrate("pipe.py", "live.py")
        assert outcome.status == 3
        assert "pipe.py: is not a regular file" in outcome.err
        assert b"--- a/live.py" in outcome.out

    def test_a_report_that_cannot_be_written_is_named_with_status_3(self, live, migrate):
        live.with_name("taken.json").mkdir()
        outcome = migrate("--report", "taken.json")
        assert outcome.status == 3
        assert "--report taken.json: not written: Is a directory\n" in outcome.err
