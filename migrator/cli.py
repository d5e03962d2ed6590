"""The command ``migrate``: arguments in, exit status out.

Exit status: 0 done or nothing to do; 1 with ``--check``, something would change or needs a person; 2 wrong usage, no
such path, or a refusal to write over uncommitted changes; 3 some file could not be read, parsed or written (the others
are done); 130 interrupted (``migrator.entry``).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from migrator import project, report, sieve
from migrator.options import Options, Region, Target
from migrator.report.progress import Progress
from migrator.result import FileResult, Result

if TYPE_CHECKING:
    from migrator.report.terminal import Mode

DISTRIBUTION = "speechmatics-to-assemblyai"
DONE, PENDING, USAGE, FAILED = range(4)
STDIN = "-"
STDIN_NAME = "<stdin>"

_DESCRIPTION = """\
Move Python code from Speechmatics real-time to AssemblyAI Streaming v3.
Shows the changes as diffs and writes nothing unless told to.
"""
_EPILOG = """\
exit status:
  0    done, or nothing to do
  1    with --check: something would change or needs a person
  2    wrong usage, no such path, or uncommitted changes in the way of --write
  3    some file could not be read, parsed or written; the others are done
"""


class _Refusal(Exception):
    """The command line asks for something that cannot be; the message says what and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    program = _program()
    try:
        status = _run(arguments, program)
        sys.stdout.flush()
    except _Refusal as refusal:
        from migrator.report import terminal

        terminal.show([terminal.Line(f"{program}: {refusal}")], sys.stderr, colour=False)
        return USAGE
    except OSError as error:
        # Files of the project are handled where they are used: this is the output, or the current directory.
        _silence_output()
        print(f"{program}: {error}", file=sys.stderr)
        return FAILED
    return status


def _program() -> str:
    """How the user called the command, so that what we tell them to type works."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    if name == "__main__":
        return "python -m migrator"
    return DISTRIBUTION if name == DISTRIBUTION else "migrate"


def _run(arguments: Sequence[str], program: str) -> int:
    request = _parser(program).parse_args(arguments)
    if request.list_rules:
        return _list_rules()
    if request.explain is not None:
        return _explain(request.explain)
    _check_usage(request)
    if request.undo:
        return _undo(request)
    if request.paths == [STDIN]:
        return _migrate_stdin(request)
    command = (
        _command_that_undoes(program, request) if request.write else _command_that_writes(program, arguments)
    )
    return _migrate_paths(request, command)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "paths",
        nargs="*",
        metavar="PATH",
        help="files and folders (default: the current one); - for one source on stdin",
    )
    add("--write", action="store_true", help="write the changes, each file at once or not at all")
    add(
        "--undo",
        action="store_true",
        help="put back what the last --write at or below PATH replaced; refuses where a file changed since",
    )
    add(
        "--check",
        action="store_true",
        help="print no diff; exit 1 if anything would change or needs a person",
    )
    add(
        "--to",
        choices=get_args(Target),
        default="auto",
        help="auto (default): rewrite what is understood whole, give the rest the drop-in; native: only rewrite;"
        " shim: only the drop-in",
    )
    add(
        "--partial", action="store_true", help="with --to native: rewrite what can be, mark the rest in place"
    )
    add(
        "--report",
        action="append",
        default=[],
        metavar="FILE",
        help="also write a report: .json (may be repeated)",
    )
    add(
        "--select",
        action="append",
        default=[],
        metavar="RULES",
        help="only these rules around the connection, by comma",
    )
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="RULES",
        help="all rules around the connection but these",
    )
    add(
        "--exclude",
        action="append",
        default=[],
        metavar="GLOB",
        help="leave out, as in .gitignore (may be repeated)",
    )
    add(
        "--jobs",
        type=_positive,
        metavar="N",
        help="processes for many files (default: one for each processor)",
    )
    add(
        "--region",
        choices=get_args(Region),
        default="auto",
        help="data zone (default: that of the Speechmatics host)",
    )
    add("--speech-model", metavar="M", help="AssemblyAI model to pin (default: the language decides)")
    add("--allow-dirty", action="store_true", help="write over changes that no git commit has")
    add("--list-rules", action="store_true", help="list the rules and exit")
    add("--explain", metavar="RULE", help="say what a rule does and why, and exit")
    add(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="default: on a terminal without NO_COLOR",
    )
    add("--version", action=_Version, help="print the version and exit")
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Asks for the width itself: argparse imports shutil for that, with every argument that is added."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size().columns or 80
    except OSError:  # not a terminal
        return 80


class _Version(argparse.Action):
    """Looks the version up only when asked: the look-up reads the installed packages."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"{DISTRIBUTION} {version(DISTRIBUTION)}")
        except PackageNotFoundError:
            print(f"{DISTRIBUTION}, not installed: running from its source")
        parser.exit()


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"not a number of processes: {text!r}")
    return number


def _check_usage(request: argparse.Namespace) -> None:
    if not request.paths:
        request.paths = ["."]
    if request.paths[0] == "rehearse":
        raise _Refusal("'rehearse' is not available yet; a path of that name is ./rehearse")
    if request.undo:
        others = [name for name, value in vars(request).items() if value != _parser("").get_default(name)]
        if STDIN in request.paths or set(others) - {"undo", "paths", "color"}:
            raise _Refusal("--undo takes nothing but PATHs")
    if request.write and request.check:
        raise _Refusal("--check looks and --write writes: give one of them")
    if request.partial and request.to != "native":
        raise _Refusal("--partial needs --to native")
    if STDIN in request.paths:
        if len(request.paths) > 1:
            raise _Refusal("- is the only PATH when the source comes on standard input")
        if request.write:
            raise _Refusal("- writes to standard output: leave --write out")
    for path in request.report:
        if report.format_of(path) is None:
            raise _Refusal(f"--report {path}: unknown suffix; there is {', '.join(report.FORMATS)}")
        if not os.path.isdir(os.path.dirname(path) or "."):
            raise _Refusal(f"--report {path}: no such folder")


def _list_rules() -> int:
    from migrator.report import catalogue

    sys.stdout.write(catalogue.listing())
    return DONE


def _explain(name: str) -> int:
    if ":" in name:
        raise _Refusal("--explain FILE:LINE is not available yet; --explain takes the name of a rule")
    from migrator.report import catalogue
    from migrator.rules import CATALOGUE

    if name not in CATALOGUE:
        raise _Refusal(catalogue.no_such_rule(name))
    sys.stdout.write(catalogue.explanation(name))
    return DONE


def _options(request: argparse.Namespace) -> Options:
    return Options(
        to=request.to,
        partial=request.partial,
        region=request.region,
        speech_model=request.speech_model,
        select=_rule_names(request.select) if request.select else None,
        ignore=_rule_names(request.ignore),
    )


def _rule_names(lists: Sequence[str]) -> frozenset[str]:
    names = frozenset(name.strip() for text in lists for name in text.split(",") if name.strip())
    if names:
        from migrator.report import catalogue
        from migrator.rules import CATALOGUE

        for name in sorted(names):
            if name not in CATALOGUE:
                raise _Refusal(catalogue.no_such_rule(name))
            if not CATALOGUE[name].selectable:
                raise _Refusal(f"{name} is a rule of the connection: those apply all together or not at all")
    return names


def _migrate_paths(request: argparse.Namespace, command: str) -> int:
    options = _options(request)
    jobs = request.jobs or sieve.processors()
    progress = Progress(sys.stderr)
    try:
        with progress.of("searching") as advance:
            candidates = project.find(request.paths, request.exclude, jobs, advance)
    except project.NoSuchPath as error:
        raise _Refusal(str(error)) from None
    result = _migrate(candidates, options, jobs, progress)
    refusal = _refusal_to_write(result) if request.write and not request.allow_dirty else None
    mode: Mode = "check" if request.check else "preview"
    if request.write:
        if not refusal:
            result, refusal = _write(result)
        mode = "refused" if refusal else "write"
    if mode in ("preview", "refused") and any(file.changed for file in result.files):
        _print_diffs(result, request.color)
    status = _report(result, request, mode, command)
    if refusal:
        raise _Refusal(refusal)
    return status


def _migrate(candidates: project.Candidates, options: Options, jobs: int, progress: Progress) -> Result:
    migrated = candidates.migrated
    files = [FileResult(path, "error", error=reason) for path, reason in candidates.errors]
    results: list[FileResult] = []
    if candidates.files:
        from migrator import engine, grouping, workers

        groups = grouping.grouped(candidates.files)
        with progress.of("migrating", len(candidates.files)) as advance:
            results = workers.migrate_all(engine.migrate_group, groups, options, jobs, advance)
        for file in results:
            if file.status == "unchanged" and not file.touch_points and not file.findings:
                migrated += project.uses_assemblyai(file.before)
            else:
                files.append(file)
    if candidates.around:
        from migrator.surroundings import outcome, run

        code = outcome.outcome_of(results, candidates.is_partial)
        migrated_paths = {file.path for file in files}
        around = [candidate for candidate in candidates.around if candidate.path not in migrated_paths]
        files += run.migrate(around, code, options)
    return Result(
        files=tuple(sorted(files, key=lambda file: file.path)),
        scanned=candidates.scanned,
        scanned_around=candidates.scanned_around,
        migrated=migrated,
        skipped=candidates.skipped,
    )


def _refusal_to_write(result: Result) -> str | None:
    """Why git could not give back what would be written over; None when it could, or where there is no git."""
    changed = [file.path for file in result.files if file.changed]
    if not changed:
        return None
    from migrator import version_control

    try:
        dirty = version_control.uncommitted(changed)
    except version_control.NoAnswer as error:
        return f"nothing written: cannot tell whether all is committed ({error}). --allow-dirty writes all the same."
    if not dirty:
        return None
    return f"nothing written: no commit has what is in {', '.join(dirty)}. Commit it, or add --allow-dirty."


def _write(result: Result) -> tuple[Result, str | None]:
    """Write what changed; files that could not be written become errors. Also why nothing at all was written, or None."""
    from migrator import transaction

    try:
        errors = transaction.write([file for file in result.files if file.changed])
    except transaction.NoJournal as error:
        return result, f"nothing written: {error}"
    files = (_failed(file, errors[file.path]) if file.path in errors else file for file in result.files)
    return replace(result, files=tuple(files)), None


def _failed(file: FileResult, error: str) -> FileResult:
    return replace(
        file, status="error", after=file.before, edits=(), touch_points_left=file.touch_points, error=error
    )


def _undo(request: argparse.Namespace) -> int:
    from migrator import transaction
    from migrator.report import terminal

    try:
        undone = transaction.undo(request.paths)
    except transaction.NoJournal as error:
        raise _Refusal(f"nothing put back: {error}") from None
    except transaction.ChangedSinceWritten as error:
        names = ", ".join(map(project.shown_path, error.paths))
        raise _Refusal(
            f"nothing put back: changed since it was written: {names}. Take the later changes out of it, then undo again."
        ) from None
    except transaction.CannotPutBack as error:
        done = f"only {error.put_back} put back" if error.put_back else "nothing put back"
        message = f"{done}: {project.shown_path(error.path)}: {error.reason}. Mend that, then undo again."
        terminal.show([terminal.Line(message)], sys.stderr, colour=False)
        return FAILED
    lines = terminal.undone(undone, request.paths)
    terminal.show(lines, sys.stderr, terminal.wants_colour(request.color, sys.stderr))
    return DONE


def _print_diffs(result: Result, color: str) -> None:
    from migrator.report import diff, terminal

    colour = terminal.wants_colour(color, sys.stdout)
    for file in result.files:
        text = diff.unified(file)
        _print_bytes(diff.coloured(text) if colour else text)
    if sys.stdout.isatty():
        print()  # the summary follows on the same screen


def _print_bytes(text: bytes) -> None:
    try:
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader, such as head, has enough
        _silence_output()


def _silence_output() -> None:
    """Nobody reads: what is still buffered must not fail when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(result: Result, request: argparse.Namespace, mode: Mode, command: str = "") -> int:
    """Print the summary and write the reports; the exit status."""
    from migrator.report import terminal

    occasion = terminal.Occasion(
        paths=request.paths,
        mode=mode,
        command=command,
        formatters=_formatters(result) if command else (),
        selective=bool(request.select or request.ignore),
    )
    colour = terminal.wants_colour(request.color, sys.stderr)
    terminal.show(terminal.summary(result, occasion), sys.stderr, colour)
    failed = result.failed
    for path in request.report:
        try:
            report.write(path, result)
        except OSError as error:
            print(f"--report {path}: not written: {error.strerror or error}", file=sys.stderr)
            failed = True
    if failed:
        return FAILED
    return PENDING if request.check and result.pending else DONE


def _formatters(result: Result) -> tuple[str, ...]:
    changed = [file.path for file in result.files if file.changed]
    if not changed:
        return ()
    from migrator import formatters

    return formatters.commands(changed)


def _migrate_stdin(request: argparse.Namespace) -> int:
    options = _options(request)
    source = sys.stdin.buffer.read()
    found = (project.Candidate(STDIN_NAME, source),) if project.mentions_speechmatics(source) else ()
    migrated = project.uses_assemblyai(source) and not found
    result = _migrate(
        project.Candidates(found, scanned=1, migrated=int(migrated)), options, 1, Progress(sys.stderr)
    )
    if not request.check:
        # What was not migrated comes out as it went in: a filter must not swallow the user's text.
        changed = [file.after for file in result.files if file.changed]
        _print_bytes(changed[0] if changed else source)
    return _report(result, request, "check" if request.check else "write")


def _command_that_writes(program: str, arguments: Sequence[str]) -> str:
    import shlex

    return f"{program} --write {shlex.join(word for word in arguments if word != '--check')}".rstrip()


def _command_that_undoes(program: str, request: argparse.Namespace) -> str:
    import shlex

    return f"{program} --undo {shlex.join(request.paths) if request.paths != ['.'] else ''}".rstrip()
