"""``shim doctor``: is everything right on this machine, and what to do about what is not."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from shim.checks import Check, Outcome

_WIDTH = 80
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "-"}
_COLOURS = {"ok": "32", "failed": "1;31", "skipped": "2"}
_MARK_COLUMNS, _NAME_COLUMNS = 6, 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``shim doctor``."""
    parser.epilog = (
        "Opens a session of about a second at AssemblyAI, which is billed, and records half a second from the default "
        "microphone. The key comes from ASSEMBLYAI_API_KEY and is never shown. Exit status: 0 when all is right that "
        "every program needs, else 1."
    )
    parser.add_argument("--no-session", action="store_true", help="open no session: nothing is billed")
    parser.add_argument("--no-microphone", action="store_true", help="leave the microphone alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``shim doctor``.

    Returns:
        The exit status: 0, or 1 when a check failed that every program needs.
    """
    from shim.checks import Context, made
    from shim.settings import current

    context = Context(current(), session=not arguments.no_session, microphone=not arguments.no_microphone)
    results = []
    for check, outcome in made(context):
        results.append((check, outcome))
        if not arguments.json:
            print(line(check.name, outcome, sys.stdout), flush=True)
    print(as_json(results) if arguments.json else summary(results))
    return 0 if _is_well(results) else 1


def line(name: str, outcome: Outcome, output: TextIO) -> str:
    """A check as a line with its mark, and below it what to do; at most 80 columns wide."""
    mark = _MARKS[outcome.status].ljust(_MARK_COLUMNS)
    coloured = output.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    if coloured:
        mark = f"\x1b[{_COLOURS[outcome.status]}m{mark}\x1b[0m"
    width = max(40, min(_WIDTH, shutil.get_terminal_size().columns))
    indent = " " * (_MARK_COLUMNS + _NAME_COLUMNS + 2)
    rows = _wrapped(outcome.detail, width - len(indent))
    if outcome.advice:
        rows += _wrapped("-> " + outcome.advice, width - len(indent))
    return f"{mark} {name.ljust(_NAME_COLUMNS)} " + f"\n{indent}".join(rows)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def summary(results: list[tuple[Check, Outcome]]) -> str:
    """The last line."""
    failed = [check for check, outcome in results if outcome.status == "failed"]
    needed = [check.name for check in failed if check.needed]
    others = [check.name for check in failed if not check.needed]
    text = f"Not right: {', '.join(needed)}." if needed else "All is right that every program needs."
    return text + (f" Only some programs need: {', '.join(others)}." if others else "")


def as_json(results: list[tuple[Check, Outcome]]) -> str:
    """All of it for another program."""
    checks = [
        {
            "name": check.name,
            "status": outcome.status,
            "needed": check.needed,
            "detail": outcome.detail,
            "advice": outcome.advice,
        }
        for check, outcome in results
    ]
    return json.dumps({"version": 1, "ok": _is_well(results), "checks": checks}, indent=2, ensure_ascii=False)


def _is_well(results: list[tuple[Check, Outcome]]) -> bool:
    return not any(check.needed and outcome.status == "failed" for check, outcome in results)
