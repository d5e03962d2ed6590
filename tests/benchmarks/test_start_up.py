"""What ``migrate`` costs before there is anything to migrate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run():
    """A function that makes a function that runs Python with these arguments."""

    def make(*arguments, cwd=None):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return lambda: subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, check=True
        )

    return make


def test_help_costs_little_more_than_python(run, best_of, table):
    python = best_of(run("-c", "pass"), 15)
    usage = best_of(run("-m", "migrator", "--help"), 15)
    libcst = best_of(run("-c", "import libcst"), 5)
    table("Start-up", [("python -c pass", python), ("migrate --help", usage), ("import libcst", libcst)])
    assert usage < 6 * python


def test_a_project_without_speechmatics_costs_little_more_than_reading_it(run, best_of, table, tmp_path):
    source = ("def function(x):\n    return [x, 'some text', 3.14]\n\n" * 30).encode()
    for folder in range(100):
        (tmp_path / f"package{folder}").mkdir()
        for file in range(30):
            (tmp_path / f"package{folder}" / f"module{file}.py").write_bytes(source)
    (tmp_path / ".gitignore").write_text("*.log\n/out/\n__pycache__/\n")
    read_all = "import glob\nfor name in glob.iglob('**/*.py', recursive=True): open(name, 'rb').read()"
    reading = best_of(run("-c", read_all, cwd=tmp_path), 5)
    searching = best_of(run("-m", "migrator", cwd=tmp_path), 5)
    grep = best_of(lambda: subprocess.run(["grep", "-rlE", "[Ss]peechmatics", str(tmp_path)], check=False), 5)
    table(
        "3,000 files without Speechmatics",
        [("read them all in Python", reading), ("migrate", searching), ("grep -r", grep)],
    )
    assert searching < 4 * reading
