"""A project in a folder of its own, and the command run in it, in this process, on a small engine."""

import re
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

import migrator
from migrator import cli
from migrator.result import Edit, FileResult, Finding

LEGACY = b"import websocket\n\nHOST = 'eu2.rt.speechmatics.com'\n"


def migrate_source(path, source, options):
    """Knows three things: a host to replace, a line to leave to a person, and a line that does not parse."""
    edits, findings = [], []
    for number, line in enumerate(source.splitlines(), 1):
        if b"!!" in line:
            return FileResult(
                path, "error", error=f"line {number}, column {line.index(b'!!') + 1}: invalid syntax"
            )
        if b"rt.speechmatics.com" in line:
            edits.append(Edit(number, "endpoint", "the host becomes AssemblyAI's in the same region"))
        if b"YOUR-KEY" in line:
            findings.append(Finding(number, "key", "put the key into the environment", "rules.md#key"))
    after = re.sub(rb"eu2\.rt\.speechmatics\.com", b"streaming.eu.assemblyai.com", source)
    if options.to == "shim":
        after = source.replace(b"import websocket", b"from shim import websocket")
    status = "native" if after != source else "manual" if findings else "unchanged"
    points = len(edits) + len(findings)
    return FileResult(path, status, source, after, tuple(edits), tuple(findings), points, len(findings))


def migrate_group(group, options):
    """Decides for each file alone."""
    return [migrate_source(file.path, file.source, options) for file in group.files]


@dataclass
class Outcome:
    status: int
    out: bytes
    err: str


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that writes files of a project, which is the current directory; returns its folder."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setattr(migrator, "engine", types.SimpleNamespace(migrate_group=migrate_group), raising=False)

    def write(*names, content=LEGACY) -> Path:
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    return write


@pytest.fixture
def migrate(capfdbinary, monkeypatch, project):
    """A function that runs ``migrate`` with its arguments."""

    monkeypatch.setattr("sys.argv", ["migrate"])

    def run(*arguments) -> Outcome:
        capfdbinary.readouterr()
        try:
            status = cli.main(arguments)
        except SystemExit as exit:  # argparse
            status = exit.code
        out, err = capfdbinary.readouterr()
        return Outcome(status, out, err.decode())

    return run
