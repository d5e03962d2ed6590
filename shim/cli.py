"""The ``shim`` command: one table of subcommands, each imported when it is called for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        name: what the user types.
        module: has ``add_arguments(parser)`` and ``run(arguments) -> int``, the exit status.
        summary: its line in ``shim --help``.
    """

    name: str
    module: str
    summary: str


COMMANDS = (
    Command("listen", "shim.listen", "transcribe the microphone, live"),
    Command("run", "shim.run", "run an unmodified program, its Speechmatics connections led to AssemblyAI"),
    Command("serve", "shim.serve", "serve programs in any language on this machine"),
    Command("doctor", "shim.doctor", "check this machine: packages, key, microphone, network, a session"),
    Command("emulate", "shim.emulator.command", "run a server of either service on this machine"),
)

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status.

    Raises:
        SystemExit: for ``--help``, ``--version`` and wrong usage (status 2).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        chosen = _parser(arguments).parse_args(arguments)
        status: int = chosen.run(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


class _ShowVersion(argparse.Action):
    """As argparse's own, but the version is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"shim {version('speechmatics-to-assemblyai')}")
        parser.exit()


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shim", description="Keep Speechmatics real-time programs running, on AssemblyAI Streaming v3."
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    # No option before the command takes a value, so the first word is the command.
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=command.summary)
        if command.name == called:
            module = importlib.import_module(command.module)
            module.add_arguments(subparser)
            subparser.set_defaults(run=module.run)
    return parser
