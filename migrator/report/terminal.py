"""The summary for people: what changes and why, what is left to them, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from migrator.project import shown_path
from migrator.report.summary import Summary, summarise, to_install
from migrator.result import Edit, FileResult, Result

if TYPE_CHECKING:
    from migrator.transaction import Undone

Mode = Literal["preview", "check", "write", "refused"]

_PLANNED = {"native": "to be rewritten for AssemblyAI", "shim": "to run on the drop-in"}
_DONE = {"native": "rewritten for AssemblyAI", "shim": "runs on the drop-in now"}
_EITHER_WAY = {"manual": "left to you", "unchanged": "nothing to change"}
_STYLES = {"native": "green", "shim": "cyan", "manual": "yellow", "unchanged": "dim"}


@dataclass(frozen=True)
class Occasion:
    """What the summary must know of the run besides its result.

    Attributes:
        paths: where the user asked to look.
        mode: ``preview`` and ``check`` wrote nothing, ``write`` did, ``refused`` should have and did not.
        command: the command line that writes what was shown, or that puts back what was written; empty where there is none.
        formatters: the command lines that format what changed as its project does.
        selective: the user chose among the rules.
    """

    paths: Sequence[str]
    mode: Mode
    command: str
    formatters: Sequence[str] = ()
    selective: bool = False


@dataclass(frozen=True)
class Line:
    """One paragraph: its first line is indented by `indent`, the others by `hang` columns more."""

    text: str = ""
    style: str = ""
    indent: int = 0
    hang: int = 0


def summary(result: Result, occasion: Occasion) -> list[Line]:
    """The whole summary, free of how it will be shown."""
    counts = summarise(result)
    lines: list[Line] = []
    for file in result.files:
        if file.changed or file.status == "manual":
            lines += [*_file(file, occasion.mode), *_with(file, result), Line()]
    for block in (_findings(result), _errors(result), _skipped(result)):
        if block:
            lines += [*block, Line()]
    lines += _coverage(counts)
    if not counts.changed and not counts.findings and not counts.manual:
        lines += _nothing(result, counts, occasion)
    elif counts.changed:
        lines += _next(result, counts, occasion)
    while lines and not lines[-1].text:
        lines.pop()
    return lines


def undone(result: Undone, paths: Sequence[str]) -> list[Line]:
    """What an undo did."""
    if not result.put_back and not result.untouched:
        return [Line(f"Nothing to undo: no --write is known of {_places(paths)}.")]
    files = sorted((shown_path(path), "as it was before") for path in result.put_back)
    files += sorted((shown_path(path), "had not been written") for path in result.untouched)
    lines = [Line(f"{path}: {what}", "green" if "as it" in what else "dim", hang=4) for path, what in files]
    return [*lines, Line(f"{_count(len(result.put_back), 'file')} put back.", "bold")]


def show(lines: Iterable[Line], stream: TextIO, colour: bool) -> None:
    """Print: wrapped and in colour on a terminal; elsewhere one line a paragraph, so that it can be searched."""
    width = _width(stream) if stream.isatty() else None
    if not colour:
        stream.writelines(f"{text}\n" for line in lines for text in _wrapped(line, width))
        return
    # Only here: it takes longer to import than a small project to migrate.
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True, highlight=False, emoji=False, markup=False)
    for line in lines:
        for text in _wrapped(line, width):
            console.print(Text(text, style=line.style), soft_wrap=True)


def _width(stream: TextIO) -> int:
    # Not shutil's: that measures stdout, which may be a file while stderr is a terminal.
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    return min(width or 80, 100)


def _wrapped(line: Line, width: int | None) -> list[str]:
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line.text)
    first = " " * line.indent
    if width is None:
        return [(first + text).rstrip()]
    import textwrap

    return textwrap.wrap(
        text,
        width=width,
        initial_indent=first,
        subsequent_indent=first + " " * line.hang,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _file(file: FileResult, mode: Mode) -> Iterator[Line]:
    words = _EITHER_WAY | (_DONE if mode == "write" else _PLANNED)
    if file.kind != "code":
        words |= dict.fromkeys(("native", "shim"), "edited" if mode == "write" else "to be edited")
    edits = f", {_count(len(file.edits), 'edit')}" if file.edits else ""
    yield Line(f"{file.path}: {words[file.status]}{edits}", f"bold {_STYLES[file.status]}")
    for rule, edits_of_rule in _by_rule(file.edits).items():
        yield Line(rule, "bold", indent=2)
        for reason, numbers in edits_of_rule.items():
            where = ("lines " if len(numbers) > 1 else "line ") + ", ".join(map(str, numbers))
            yield Line(f"{where}: {reason}", indent=4, hang=4)


def _with(file: FileResult, result: Result) -> Iterator[Line]:
    """The files that belong to the connection of another one, and need no change for it."""
    others = [
        other.path
        for other in result.files
        if other.unit == file.path and other.touch_points and other.status == "unchanged"
    ]
    if others:
        yield Line(f"with {', '.join(others)}, which can stay as they are", indent=2, hang=2)


def _by_rule(edits: Iterable[Edit]) -> dict[str, dict[str, list[int]]]:
    """Lines by reason by rule, in order of first appearance."""
    rules: dict[str, dict[str, list[int]]] = {}
    for edit in edits:
        reason = edit.reason if edit.confidence == "certain" else f"{edit.reason} ({edit.confidence})"
        numbers = rules.setdefault(edit.rule, {}).setdefault(reason, [])
        if edit.line not in numbers:
            numbers.append(edit.line)
    return rules


def _findings(result: Result) -> list[Line]:
    lines: list[Line] = []
    for file in result.files:
        for finding in file.findings:
            lines.append(Line(f"[ ] {file.path}:{finding.line}: {finding.message}", indent=2, hang=4))
            if finding.docs:
                lines.append(
                    Line(f"see docs/{finding.docs}, or: migrate --explain {finding.rule}", "dim", indent=6)
                )
    return [Line("To check, by you:", "bold yellow"), *lines] if lines else []


def _errors(result: Result) -> list[Line]:
    failed = [
        Line(f"{file.path}: {file.error}", indent=2, hang=4)
        for file in result.files
        if file.status == "error"
    ]
    return [Line("Not done:", "bold red"), *failed] if failed else []


def _skipped(result: Result) -> list[Line]:
    skipped = [Line(f"{path}: {reason}", "dim", indent=2, hang=4) for path, reason in result.skipped]
    return [Line("Not looked into:", "bold"), *skipped] if skipped else []


def _coverage(counts: Summary) -> list[Line]:
    if not counts.touch_points:
        return []
    left = counts.touch_points_left
    said = [f"{counts.touch_points - left} of {_count(counts.touch_points, 'touch point')} done"]
    if left:
        said.append("1 needs you" if left == 1 else f"{left} need you")
    if counts.findings:
        said.append(f"{_count(counts.findings, 'point')} to check")
    if counts.error:
        said.append(f"{_count(counts.error, 'file')} not done")
    return [Line(", ".join(said) + ".", "bold", hang=2)]


def _nothing(result: Result, counts: Summary, occasion: Occasion) -> Iterator[Line]:
    where = _places(occasion.paths)
    looked = f"looked at {_count(counts.scanned, 'Python file')} in {where}"
    mentions = len(result.files) - counts.error
    if mentions and occasion.selective:
        yield Line(
            f"Nothing selected: Speechmatics is in {_count(mentions, 'file')}, but no selected rule applies."
        )
        yield Line("'migrate --list-rules' names the rules that --select and --ignore take.")
    elif mentions or result.migrated:
        yield Line(f"Nothing {'else ' if counts.error else ''}to migrate: already migrated ({looked}).")
    elif counts.error:
        return  # what failed may well have something to migrate
    elif counts.scanned:
        here = "in what was looked into" if result.skipped else "here"
        yield Line(f"Nothing to migrate: no Speechmatics {here} ({looked}).")
    else:
        yield Line(f"Nothing to migrate: no Python files here (looked in {where}).")


def _places(paths: Sequence[str]) -> str:
    return ", ".join("the current directory" if path == "." else path for path in paths)


def _next(result: Result, counts: Summary, occasion: Occasion) -> Iterator[Line]:
    from shim.settings import API_KEY_VARIABLE

    steps: list[str] = []
    if occasion.mode in ("preview", "check") and occasion.command:
        steps.append(f"Nothing is written yet. To write it: {occasion.command}")
    steps += [f"Format what changed: {formatter}" for formatter in occasion.formatters]
    if counts.findings:
        steps.append("Work through the points to check above.")
    packages = to_install(result.files)
    if packages:
        steps.append(f"Install what the new code imports: python -m pip install {' '.join(packages)}")
    steps.append(f"Put your AssemblyAI key into the environment variable {API_KEY_VARIABLE}.")
    if occasion.mode == "write" and occasion.command:
        steps.append(f"To put the files back as they were: {occasion.command}")
    yield Line()
    yield Line("Next:", "bold")
    for number, step in enumerate(steps, 1):
        yield Line(f"{number}. {step}", indent=2, hang=3)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def wants_colour(choice: str, stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`, by ``--color`` first and the environment second."""
    if choice != "auto":
        return choice == "always"
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
