import io
import os
import re
from dataclasses import replace

import pytest

from migrator.report.summary import to_install
from migrator.report.terminal import Line, Occasion, show, summary, wants_colour
from migrator.result import FileResult, Result

PREVIEW = Occasion(["app"], "preview", "migrate --write app")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def shown(lines, stream=None, colour=False):
    stream = stream or io.StringIO()
    show(lines, stream, colour)
    return stream.getvalue()


def test_the_whole_summary(result):
    assert (
        shown(summary(result, PREVIEW))
        == """\
app/live.py: to be rewritten for AssemblyAI, 4 edits
  endpoint
    line 2: the host becomes AssemblyAI's in the same region
  messages
    lines 5, 9: a final is a Turn with end_of_turn
    line 9: the word list moves (likely)

app/old.py: to run on the drop-in, 1 edit
  drop-in
    line 1: line 7 could not be followed

helper.py: left to you

To check, by you:
  [ ] app/live.py:3: put the new key into the environment
      see docs/rules.md#key, or: migrate --explain key
  [ ] helper.py:1: the address is built elsewhere

Not done:
  broken.py: line 3, column 7: invalid syntax

Not looked into:
  build: a build folder; name it

5 of 7 touch points done, 2 need you, 2 points to check, 1 file not done.

Next:
  1. Nothing is written yet. To write it: migrate --write app
  2. Work through the points to check above.
  3. Install what the new code imports: python -m pip install speechmatics-to-assemblyai
  4. Put your AssemblyAI key into the environment variable ASSEMBLYAI_API_KEY.
"""
    )


def test_after_writing_it_says_what_was_done(result):
    text = shown(summary(result, replace(PREVIEW, mode="write", command="migrate --undo app")))
    assert "app/live.py: rewritten for AssemblyAI" in text
    assert "app/old.py: runs on the drop-in now" in text
    assert "--write" not in text
    assert text.endswith("To put the files back as they were: migrate --undo app\n")


def test_the_formatters_of_the_project_are_named_with_what_changed(result):
    text = shown(summary(result, replace(PREVIEW, formatters=("isort a.py", "black a.py"))))
    assert "  2. Format what changed: isort a.py\n  3. Format what changed: black a.py\n" in text


def test_a_refusal_does_not_say_how_to_write(result):
    assert "--write" not in shown(summary(result, replace(PREVIEW, mode="refused")))


@pytest.mark.parametrize("selective", [True, False])
def test_found_but_nothing_selected_is_told_from_already_migrated(selective):
    found = Result((FileResult("a.py", "unchanged", b"x", b"x", touch_points=2),), scanned=3)
    text = shown(summary(found, replace(PREVIEW, selective=selective)))
    assert ("Nothing selected: Speechmatics is in 1 file" in text) is selective
    assert ("already migrated" in text) is not selective


def test_when_all_that_was_found_failed_it_does_not_say_that_there_is_nothing(result):
    text = shown(summary(Result((result.files[2],), scanned=7), PREVIEW))
    assert text == "Not done:\n  broken.py: line 3, column 7: invalid syntax\n"


def test_on_a_terminal_lines_are_wrapped_with_what_follows_indented(monkeypatch):
    monkeypatch.setenv("COLUMNS", "31")
    line = Line("[ ] a.py:3: one two three four five six seven eight", indent=2, hang=4)
    assert shown([line], Terminal()) == "  [ ] a.py:3: one two three\n      four five six seven eight\n"


def test_elsewhere_a_paragraph_is_a_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    text = "word " * 40
    assert shown([Line(text, indent=2)]) == f"  {text.rstrip()}\n"


def test_nothing_in_a_name_or_a_reason_can_steer_the_terminal():
    assert shown([Line("a\x1b[2J\nb\udcff.py")]) == "a\\x1b[2J\\nb\\udcff.py\n"


def test_with_colour_the_text_is_the_same(result, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    coloured = shown(summary(result, PREVIEW), Terminal(), colour=True)
    assert "\x1b[1;32mapp/live.py" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(summary(result, PREVIEW), Terminal())


@pytest.mark.parametrize(
    ("choice", "stream", "environment", "expected"),
    [
        ("auto", Terminal(), {}, True),
        ("auto", io.StringIO(), {}, False),
        ("auto", Terminal(), {"NO_COLOR": "1"}, False),
        ("auto", Terminal(), {"NO_COLOR": ""}, True),
        ("auto", Terminal(), {"TERM": "dumb"}, False),
        ("always", io.StringIO(), {"NO_COLOR": "1"}, True),
        ("never", Terminal(), {}, False),
    ],
)
def test_when_there_is_colour(choice, stream, environment, expected, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(choice, stream) is expected


def test_what_to_install_is_what_the_new_code_imports_and_the_old_did_not():
    before = b"import websocket, json\n"
    after = b"import json\nfrom shim.framing import Framer\nimport requests.adapters\nfrom . import local\nimport websocket\n"
    assert to_install([FileResult("a.py", "native", before, after)]) == (
        "requests",
        "speechmatics-to-assemblyai",
    )


def test_a_terminal_without_a_size_is_taken_for_80_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    terminal = Terminal()
    terminal.fileno = lambda: 0
    monkeypatch.setattr(os, "get_terminal_size", lambda descriptor: os.terminal_size((0, 0)))
    assert max(map(len, shown([Line("word " * 40)], terminal).splitlines())) == 79


def test_files_that_belong_to_a_connection_and_stay_are_named_with_it():
    files = (
        FileResult("client.py", "shim", b"a", b"b", touch_points=2),
        FileResult("settings.py", "unchanged", touch_points=1, unit="client.py"),
        FileResult("tests/test_client.py", "unchanged", touch_points=3, unit="client.py"),
        FileResult("other.py", "unchanged", touch_points=3),
    )
    lines = [line.text for line in summary(Result(files, 4), PREVIEW)]
    assert lines[:2] == [
        "client.py: to run on the drop-in",
        "with settings.py, tests/test_client.py, which can stay as they are",
    ]
