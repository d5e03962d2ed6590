import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone"], "no such path: gone"),
        (["live.py", "gone.py"], "no such path: gone.py"),
        ([""], "no such path: ''"),
        (["--write", "--check"], "--check looks and --write writes: give one of them"),
        (["--undo", "--write"], "--undo takes nothing but PATHs"),
        (["--undo", "--to", "shim", "live.py"], "--undo takes nothing but PATHs"),
        (["--undo", "--report", "out.json"], "--undo takes nothing but PATHs"),
        (["--undo", "-"], "--undo takes nothing but PATHs"),
        (["--partial"], "--partial needs --to native"),
        (["--report", "out.xyz"], "--report out.xyz: unknown suffix; there is .json"),
        (["--report", "out.html"], "--report out.html: unknown suffix; there is .json"),
        (["--report", "nowhere/out.json"], "--report nowhere/out.json: no such folder"),
        (["-", "live.py"], "- is the only PATH when the source comes on standard input"),
        (["--write", "-"], "- writes to standard output: leave --write out"),
        (["rehearse", "live.py"], "'rehearse' is not available yet; a path of that name is ./rehearse"),
        (
            ["--explain", "live.py:3"],
            "--explain FILE:LINE is not available yet; --explain takes the name of a rule",
        ),
    ],
)
def test_wrong_usage_is_one_line_with_status_2_and_does_nothing(project, migrate, arguments, message):
    before = project("live.py")
    outcome = migrate(*arguments)
    assert (outcome.status, outcome.out) == (2, b"")
    assert outcome.err == f"migrate: {message}\n"
    assert [path.name for path in before.iterdir()] == ["live.py"]


@pytest.mark.parametrize(
    "arguments",
    [["--interactive"], ["--to", "rust"], ["--jobs", "0"], ["--jobs", "²"], ["--writ"]],
)
def test_what_the_parser_does_not_know_has_status_2(project, migrate, arguments):
    project("live.py")
    outcome = migrate(*arguments)
    assert (outcome.status, outcome.out) == (2, b"")
    assert "Traceback" not in outcome.err


def test_the_version_names_the_distribution(migrate):
    outcome = migrate("--version")
    assert outcome.status == 0
    assert outcome.out.startswith(b"speechmatics-to-assemblyai")


def test_a_folder_named_rehearse_can_be_migrated(project, migrate):
    project("rehearse/live.py")
    assert b"--- a/rehearse/live.py" in migrate("./rehearse").out
