import json
import subprocess
import tracemalloc

import pytest

DIFF = b"""\
--- a/app/live.py
+++ b/app/live.py
@@ -1,3 +1,3 @@
 import websocket
\x20
-HOST = 'eu2.rt.speechmatics.com'
+HOST = 'streaming.eu.assemblyai.com'
"""


def test_without_options_the_diff_is_on_stdout_the_summary_on_stderr_and_nothing_is_written(project, migrate):
    root = project("app/live.py", "other.py", content=b"")
    project("app/live.py")
    outcome = migrate()
    assert outcome.status == 0
    assert outcome.out == DIFF
    assert "app/live.py: to be rewritten for AssemblyAI, 1 edit" in outcome.err
    assert "line 3: the host becomes AssemblyAI's in the same region" in outcome.err
    assert "1 of 1 touch point done." in outcome.err
    assert "To write it: migrate --write\n" in outcome.err
    assert b"speechmatics" in (root / "app/live.py").read_bytes()


def test_the_command_that_writes_repeats_what_was_typed(project, migrate):
    project("my app/live.py")
    assert "migrate --write --to native 'my app'\n" in migrate("--to", "native", "my app").err
    assert "migrate --write 'my app'\n" in migrate("--check", "my app").err


def test_the_formatter_of_the_project_is_named_for_the_files_that_change(project, migrate):
    root = project("app/live.py", "app/other file.py")
    project("app/unrelated.py", content=b"")
    (root / "pyproject.toml").write_text("[tool.ruff]\n")
    assert "Format what changed: ruff format app/live.py 'app/other file.py'\n" in migrate().err


def test_memory_is_not_taken_for_files_without_speechmatics(project, migrate):
    def peak(files):
        project(*(f"{files}/{number}.py" for number in range(files)), content=b"x = 1\n" * 20_000)
        tracemalloc.start()
        migrate("--jobs", "1", str(files))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(200) < peak(20) + 200_000


def test_findings_are_a_checklist_with_file_and_line(project, migrate):
    project("live.py", content=b"HOST = 'eu2.rt.speechmatics.com'\nKEY = 'YOUR-KEY'\n")
    err = migrate().err
    assert (
        "  [ ] live.py:2: put the key into the environment\n      see docs/rules.md#key, or: migrate --explain key\n"
        in err
    )
    assert "1 of 2 touch points done, 1 needs you, 1 point to check." in err


@pytest.mark.parametrize(
    "source",
    [
        b"HOST = 'eu2.rt.speechmatics.com'\r\nx = 1\r\n",
        b"\xef\xbb\xbfHOST = 'eu2.rt.speechmatics.com'\n",
        b"# coding: latin-1\n# \xe9\nHOST = 'eu2.rt.speechmatics.com'",
    ],
    ids=["CRLF", "byte order mark", "latin-1 without a final newline"],
)
def test_the_printed_diffs_applied_are_what_write_writes(project, migrate, source):
    names = ["a.py", "in a folder/b c.py"]
    root = project(*names, content=source)
    diff = migrate().out
    assert migrate("--write").status == 0
    written = [(root / name).read_bytes() for name in names]
    project(*names, content=source)
    subprocess.run(["patch", "-p1", "--quiet"], input=diff, check=True)
    assert [(root / name).read_bytes() for name in names] == written
    assert source not in written


def test_a_second_run_has_nothing_to_do(project, migrate):
    project("live.py")
    migrate("--write")
    outcome = migrate()
    assert (outcome.status, outcome.out) == (0, b"")
    assert (
        outcome.err
        == "Nothing to migrate: already migrated (looked at 1 Python file in the current directory).\n"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"print()\n", 0),
        (b"HOST = 'eu2.rt.speechmatics.com'\n", 1),
        (b"# Speechmatics\nKEY = 'YOUR-KEY'\n", 1),
    ],
    ids=["nothing", "a change", "a finding"],
)
def test_check_prints_no_diff_and_says_with_its_status_whether_something_is_to_do(
    project, migrate, source, expected
):
    root = project("live.py", content=source)
    outcome = migrate("--check")
    assert (outcome.status, outcome.out) == (expected, b"")
    assert (root / "live.py").read_bytes() == source


class TestNothingToDo:
    def test_no_python_files(self, project, migrate):
        (project() / "src").mkdir()
        outcome = migrate("src")
        assert outcome.status == 0
        assert outcome.err == "Nothing to migrate: no Python files here (looked in src).\n"

    def test_no_speechmatics(self, project, migrate):
        project("a.py", "b.py", content=b"print()\n")
        outcome = migrate()
        assert outcome.status == 0
        assert "no Speechmatics here (looked at 2 Python files in the current directory)" in outcome.err

    def test_speechmatics_in_what_was_left_out_is_not_none_at_all(self, project, migrate):
        project("a.py", content=b"print()\n")
        project("vendor/b.py")
        err = migrate().err
        assert "  vendor: other people's sources; name it to look into it\n" in err
        assert (
            "no Speechmatics in what was looked into (looked at 1 Python file in the current directory)"
            in err
        )

    def test_a_mention_that_the_engine_does_not_take_for_a_use_is_no_speechmatics(self, project, migrate):
        project("a.py", content=b"# better than Speechmatics\n")
        assert "no Speechmatics here" in migrate().err

    def test_what_was_left_out_is_named(self, project, migrate):
        project("build/a.py")
        assert "  build: a build folder; name it to look into it\n" in migrate().err


class TestColour:
    def test_there_is_none_where_there_is_no_terminal(self, project, migrate):
        project("live.py")
        outcome = migrate()
        assert b"\x1b" not in outcome.out
        assert "\x1b" not in outcome.err

    def test_it_can_be_asked_for(self, project, migrate):
        project("live.py")
        outcome = migrate("--color", "always")
        assert b"\x1b[32m+HOST" in outcome.out
        assert "\x1b[" in outcome.err


class TestStandardInput:
    @pytest.fixture
    def typed(self, monkeypatch, tmp_path):
        def use(source):
            path = tmp_path / "stdin"
            path.write_bytes(source)
            monkeypatch.setattr("sys.stdin", path.open(encoding="utf-8"))

        return use

    def test_the_result_is_on_stdout_byte_for_byte(self, typed, migrate):
        typed(b"\xef\xbb\xbfHOST = 'eu2.rt.speechmatics.com'\r\n# \xff")
        outcome = migrate("-")
        assert outcome.status == 0
        assert outcome.out == b"\xef\xbb\xbfHOST = 'streaming.eu.assemblyai.com'\r\n# \xff"
        assert "<stdin>: rewritten for AssemblyAI" in outcome.err

    @pytest.mark.parametrize("source", [b"", b"x = 1", b"# Speechmatics\r\n"])
    def test_what_needs_no_change_comes_out_as_it_went_in(self, typed, migrate, source):
        typed(source)
        assert migrate("-").out == source

    def test_what_does_not_parse_comes_out_as_it_went_in_with_status_3(self, typed, migrate):
        typed(b"# Speechmatics\n!!\n")
        outcome = migrate("-")
        assert (outcome.status, outcome.out) == (3, b"# Speechmatics\n!!\n")
        assert "<stdin>: line 2, column 1: invalid syntax" in outcome.err

    def test_check_prints_nothing_on_stdout(self, typed, migrate):
        typed(b"HOST = 'eu2.rt.speechmatics.com'\n")
        outcome = migrate("--check", "-")
        assert (outcome.status, outcome.out) == (1, b"")


def test_reports_are_written_also_without_write_and_may_be_repeated(project, migrate):
    root = project("live.py")
    assert migrate("--report", "one.json", "--report", "two.JSON").status == 0
    assert json.loads((root / "one.json").read_text())["files"][0]["path"] == "live.py"
    assert (root / "one.json").read_bytes() == (root / "two.JSON").read_bytes()


def test_many_files_are_shared_among_processes_with_the_same_result(project, migrate):
    names = [f"file{number:02}.py" for number in range(25)]
    project(*names)
    alone = migrate("--jobs", "1")
    shared = migrate("--jobs", "2")
    assert alone.out.count(b"--- a/file") == 25
    assert shared.out == alone.out
