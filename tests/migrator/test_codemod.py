"""The migration as a command of ``libcst.codemod``."""

import os
import subprocess
import sys
from pathlib import Path

import libcst as cst
import pytest
from libcst.codemod import CodemodContext

from migrator.codemod import MigrateCommand
from migrator.engine import migrate_source
from migrator.options import Options

ROOT = Path(__file__).parents[2]
LEGACY = (ROOT / "fixtures" / "programs" / "guide" / "legacy.py").read_bytes()


@pytest.mark.parametrize(
    "source", [LEGACY, LEGACY.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + LEGACY, b"x = 1"]
)
def test_a_module_becomes_what_migrate_makes_of_it(source):
    after = MigrateCommand(CodemodContext(filename="a.py")).transform_module(cst.parse_module(source))
    assert after.bytes == migrate_source("a.py", source, Options()).after


def test_findings_are_warnings_with_their_lines():
    context = CodemodContext(filename="a.py")
    MigrateCommand(context).transform_module(cst.parse_module(LEGACY))
    findings = migrate_source("a.py", LEGACY, Options()).findings
    assert context.warnings == [f"line {finding.line}: {finding.message}" for finding in findings] != []


@pytest.mark.parametrize("to", ["native", "shim"])
def test_libcst_runs_it_as_a_command(tmp_path, to):
    (tmp_path / "live.py").write_bytes(LEGACY)
    (tmp_path / "other.py").write_bytes(b"print( 'as it was' )\n")
    done = subprocess.run(
        f"{sys.executable} -m libcst.tool codemod --no-format -x migrator.codemod.MigrateCommand --to {to} .".split(),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = migrate_source("live.py", LEGACY, Options(to=to))
    assert (tmp_path / "live.py").read_bytes() == expected.after != LEGACY
    assert (tmp_path / "other.py").read_bytes() == b"print( 'as it was' )\n"
    assert f"line {expected.findings[0].line}: {expected.findings[0].message}" in done.stderr
