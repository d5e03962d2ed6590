"""The files around the code, by the command: found in the same walk, taken after the code, in the same reports."""

import json
import os

import pytest

REQUIREMENTS = b"numpy\nwebsocket-client\n"
ENVIRONMENT = b"SPEECHMATICS_API_KEY=your-key\n"


def test_a_folder_takes_the_files_around_its_code_with_it(project, migrate):
    root = project("app/live.py")
    project("requirements.txt", content=REQUIREMENTS)
    outcome = migrate("--to", "shim", "--write")
    assert outcome.status == 0
    assert (root / "requirements.txt").read_bytes() == REQUIREMENTS + b"speechmatics-to-assemblyai>=0.1\n"
    assert "requirements.txt: edited, 1 edit" in outcome.err
    assert "line 2: the code needs speechmatics-to-assemblyai now" in outcome.err


def test_a_named_file_leaves_the_files_around_it_alone(project, migrate):
    project("app/live.py")
    project("requirements.txt", content=REQUIREMENTS)
    assert b"requirements" not in migrate("--to", "shim", "app/live.py").out


def test_their_lines_count_in_the_coverage_and_their_kind_is_in_the_report(project, migrate):
    project("live.py")
    project("README.md", content=b"Speechmatics\n\nSpeechmatics again\n")
    assert "1 of 3 touch points done, 2 need you, 1 point to check." in migrate("--report", "r.json").err
    with open("r.json") as file:
        report = json.load(file)
    assert {file["path"]: file["kind"] for file in report["files"]} == {
        "README.md": "document",
        "live.py": "code",
    }
    assert report["summary"]["scanned_around"] == 1
    assert migrate("--check", "--ignore", "documents").status == 1


def test_a_secret_is_in_no_output(project, migrate):
    root = project("live.py")
    secret = "q7Rk29xLm04TzPw8sVbN1cYe6uHd3fGa"
    content = f"SPEECHMATICS_API_KEY={secret}\nDATABASE_PASSWORD={secret}\n".encode()
    project(".env", ".env.example", "docker-compose.yml", content=content)
    outcome = migrate("--report", "r.json")
    assert secret not in outcome.err
    assert secret.encode() not in outcome.out
    assert secret not in (root / "r.json").read_text()
    migrate("--write")
    assert (root / ".env").read_bytes() == content


@pytest.mark.parametrize(
    ("before", "place"),
    [
        (lambda root: (root / ".gitignore").write_text("docs/\n"), "docs/README.md"),
        (lambda root: None, "node_modules/x/README.md"),
        (lambda root: None, ".venv/requirements.txt"),
        (lambda root: None, "vendor/x/app.js"),
        (lambda root: (root / ".gitignore").write_text("local.md\n"), "local.md"),
    ],
)
def test_what_is_left_alone_for_python_is_left_alone(project, migrate, before, place):
    root = project("live.py")
    (root / ".git").mkdir()
    before(root)
    project(
        place, content=b"Speechmatics speechmatics-python wss://eu2.rt.speechmatics.com StartRecognition\n"
    )
    assert place not in migrate().err


def test_a_symbolic_link_is_not_followed(project, migrate, tmp_path):
    root = project("live.py")
    (tmp_path / "README.md").write_bytes(b"Speechmatics\n")
    os.symlink(tmp_path / "README.md", root / "README.md")
    assert "README.md:" not in migrate().err


def test_an_ignored_env_file_is_named_and_not_read_out(project, migrate):
    root = project("live.py")
    (root / ".git").mkdir()
    (root / ".gitignore").write_text(".env\n")
    project(".env", content=ENVIRONMENT)
    assert ".env: names Speechmatics, but .gitignore names it" in migrate().err


def test_excluded_files_around_the_code_are_left_alone(project, migrate):
    project("live.py")
    project("docs/README.md", content=b"Speechmatics\n")
    assert "README" not in migrate("--exclude", "docs/").err


def test_a_project_of_another_language_is_offered_the_gateway(project, migrate):
    project("web/app.js", content=b"connect('wss://eu2.rt.speechmatics.com/v2')\n")
    outcome = migrate()
    assert (outcome.status, outcome.out) == (0, b"")
    assert "web/app.js:1: speaks Speechmatics' real-time protocol" in outcome.err
    assert migrate("--check").status == 1


def test_prose_alone_needs_nobody(project, migrate):
    project("README.md", content=b"Speechmatics is one of the vendors that we compared.\n")
    outcome = migrate("--check")
    assert outcome.status == 0
    assert "Nothing to migrate" in outcome.err


def test_nothing_goes_while_files_are_left_out(project, migrate):
    project("live.py")
    project("requirements.txt", content=b"speechmatics-python\nwebsocket-client\n")
    assert b"-speechmatics-python" in migrate().out
    outcome = migrate("--exclude", "old/")
    assert b"-speechmatics-python" not in outcome.out
    assert "files that were left out may use it" in outcome.err


NOTEBOOK = (
    b'{"cells": [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": '
    b'["HOST = \'eu2.rt.speechmatics.com\'"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
)


@pytest.mark.parametrize("path", [".", "a.ipynb"])
def test_a_notebook_is_code_also_when_it_is_named(project, migrate, path):
    root = project("a.ipynb", content=NOTEBOOK)
    outcome = migrate("--write", path)
    assert outcome.status == 0
    assert (root / "a.ipynb").read_bytes() == NOTEBOOK.replace(
        b"eu2.rt.speechmatics", b"streaming.eu.assemblyai"
    )
    assert "1 of 1 touch point done." in outcome.err


def test_a_notebook_that_cannot_be_read_is_not_done(project, migrate):
    project("a.ipynb", content=NOTEBOOK.replace(b"null", b"speechmatics"))
    outcome = migrate()
    assert outcome.status == 3
    assert "a.ipynb: line 1, column 84: no JSON" in outcome.err
