"""``shim run``: runs an unmodified program whose connections to Speechmatics are led to AssemblyAI.

The program is started by Python itself, in this very process, with `shim.bootstrap` on ``PYTHONPATH``. So everything
that a program can see of its start is its own, exactly as without ``shim run``, and so are its signals and its exit
status. Processes that it starts with the same interpreter are redirected too.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import os
import subprocess
import sys
from pathlib import Path

from shim.bootstrap.sitecustomize import APART_VARIABLE, INTERPRETER_VARIABLE
from shim.protocol.mapping.hosts import REGIONS
from shim.settings import REGION_VARIABLE, SPEECH_MODEL_VARIABLE

BOOTSTRAP = Path(__file__).parent / "bootstrap"
_COERCED_LOCALES = ("C.UTF-8", "C.utf8", "UTF-8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.usage = "shim run [--region REGION] [--model MODEL] {SCRIPT | -m MODULE} [ARGUMENTS ...]"
    parser.epilog = (
        "Everything after SCRIPT or MODULE belongs to the program. The key comes from ASSEMBLYAI_API_KEY. Connections "
        "to hosts that are not Speechmatics' are left alone."
    )
    parser.add_argument("--region", choices=REGIONS, help="where AssemblyAI processes the audio")
    parser.add_argument("--model", metavar="MODEL", help="AssemblyAI speech model, whatever the language")
    parser.add_argument(
        "-m",
        dest="program",
        nargs=argparse.REMAINDER,
        metavar="MODULE",
        help="run a module, as python -m does",
    )
    parser.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Become the program. Returns only for what went wrong before it, or on Windows its exit status."""
    program = list(arguments.script) if arguments.program is None else ["-m", *arguments.program]
    if not program or program == ["-m"]:
        return _usage("name the program to run: shim run app.py, or shim run -m package")
    if program[0] != "-m" and not Path(program[0]).exists():
        return _usage(f"there is no program {program[0]!r} here; give the path of a Python file")
    if sys.flags.ignore_environment or sys.flags.no_site:
        return _usage("Python was started with -E, -I or -S, which keeps the redirect out; leave that out")
    command = [sys.executable, *_interpreter_options(), *program]
    environment = {**_original_environment(), **_variables(arguments, program)}
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        return subprocess.call(command, env=environment)  # there, exec would end this process at once
    return os.execve(sys.executable, command, environment)


def _usage(text: str) -> int:
    print(f"shim run: {text}", file=sys.stderr)
    return 2


def _interpreter_options() -> list[str]:
    """The options that this interpreter was started with, such as ``-u`` and ``-X dev``."""
    start = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    return start[1:-2] if start[-2] in ("-m", "-c") else start[1:-1]


def _original_environment() -> dict[str, str]:
    """The environment before this interpreter started, which in the C locale sets ``LC_CTYPE`` (PEP 538)."""
    environment = dict(os.environ)
    if sys.flags.utf8_mode and environment.get("LC_CTYPE") in _COERCED_LOCALES:
        del environment["LC_CTYPE"]
    return environment


def _variables(arguments: argparse.Namespace, program: list[str]) -> dict[str, str]:
    folders = [str(BOOTSTRAP), os.environ.get("PYTHONPATH", "")]
    variables = {
        "PYTHONPATH": os.pathsep.join(folder for folder in folders if folder),
        INTERPRETER_VARIABLE: sys.prefix,
        APART_VARIABLE: "1" if _has_its_own_shim(program) else "",
        REGION_VARIABLE: arguments.region,
        SPEECH_MODEL_VARIABLE: arguments.model,
    }
    return {name: value for name, value in variables.items() if value is not None}


def _has_its_own_shim(program: list[str]) -> bool:
    """Whether ``import shim`` in the program would find something else than this package."""
    script = Path(program[0])
    first = Path.cwd() if program[0] == "-m" else script if script.is_dir() else script.resolve().parent
    found = importlib.machinery.PathFinder.find_spec("shim", [str(first), *sys.path[1:]])
    return (
        found is not None
        and found.origin is not None
        and not os.path.samefile(found.origin, Path(__file__).with_name("__init__.py"))
    )
