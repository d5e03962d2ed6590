"""The command on the real engine, with the guide's program."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from migrator import cli

ROOT = Path(__file__).parents[3]
LEGACY = (ROOT / "fixtures" / "programs" / "guide" / "legacy.py").read_bytes()
TO_LATIN_1 = "# -*- coding: latin-1 -*-\n# Für Zoë\n".encode("latin-1")

TEXTS = {
    "as it is": LEGACY,
    "CRLF": LEGACY.replace(b"\n", b"\r\n"),
    "tabs": LEGACY.replace(b"    ", b"\t"),
    "byte order mark": b"\xef\xbb\xbf" + LEGACY,
    "latin-1": TO_LATIN_1 + LEGACY,
    "no final newline": LEGACY.rstrip(b"\n"),
}


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Where the program lies, in the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "live captions.py"


@pytest.mark.parametrize("target", ["native", "shim"])
@pytest.mark.parametrize("text", TEXTS)
def test_the_printed_diff_is_what_write_writes_and_a_second_run_finds_nothing(
    program, capfdbinary, text, target
):
    source = TEXTS[text]
    program.write_bytes(source)
    assert cli.main(["--to", target]) == 0
    diff = capfdbinary.readouterr().out
    assert cli.main(["--to", target, "--write"]) == 0
    written = program.read_bytes()
    assert written != source
    compile(written, str(program), "exec")

    capfdbinary.readouterr()
    assert cli.main(["--to", target]) == 0
    again = capfdbinary.readouterr()
    assert again.out == b""
    assert b"already migrated" in again.err

    program.write_bytes(source)
    subprocess.run(
        ["git", "apply", "-"],
        input=diff,
        check=True,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(program.parent.parent)},
    )
    assert program.read_bytes() == written


@pytest.mark.parametrize("text", ["CRLF", "byte order mark", "latin-1", "no final newline"])
def test_how_a_text_is_written_changes_nothing_about_its_rewrite(program, text):
    def rewritten(source):
        program.write_bytes(source)
        assert cli.main(["--write", "."]) == 0
        return program.read_bytes()

    plain = rewritten(LEGACY)
    expected = {
        "CRLF": plain.replace(b"\n", b"\r\n"),
        "byte order mark": b"\xef\xbb\xbf" + plain,
        "latin-1": TO_LATIN_1 + plain,
        "no final newline": plain.rstrip(b"\n"),
    }
    assert rewritten(TEXTS[text]) == expected[text]


def test_check_and_report_agree_with_the_preview(program, capfdbinary):
    program.write_bytes(LEGACY)
    cli.main([])
    diff = capfdbinary.readouterr().out.decode()
    assert cli.main(["--check", "--report", "result.json"]) == 1
    document = json.loads((program.parent / "result.json").read_text())
    assert [(file["path"], file["status"]) for file in document["files"]] == [(program.name, "native")]
    assert document["files"][0]["diff"] == diff


def test_a_broken_program_beside_it_is_named_with_line_and_column_and_it_is_done(program, capfdbinary):
    program.write_bytes(LEGACY)
    program.with_name("broken.py").write_bytes(b"URL = 'wss://eu2.rt.speechmatics.com'\nif x\n")
    assert cli.main(["--write"]) == 3
    assert b"  broken.py: line 2, column 5: " in capfdbinary.readouterr().err
    assert program.read_bytes() != LEGACY


def test_the_module_runs_as_the_command(program):
    program.write_bytes(LEGACY)
    done = subprocess.run(
        [sys.executable, "-m", "migrator", "-"], input=LEGACY, capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout != LEGACY
    compile(done.stdout, "<stdin>", "exec")
