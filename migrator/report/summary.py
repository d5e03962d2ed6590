"""The figures and conclusions that more than one report draws from a `Result`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from migrator.result import FileResult, Result

_DISTRIBUTIONS = {"websocket": "websocket-client", "shim": "speechmatics-to-assemblyai"}


@dataclass(frozen=True)
class Summary:
    """Counts over one run.

    Attributes:
        scanned: Python files looked at.
        scanned_around: files around the code looked at.
        changed: files that change.
        native, shim, manual, unchanged, error: files of each status.
        edits: edits in all files.
        findings: findings in all files.
        touch_points: places that mention Speechmatics, by a scan independent of the rules.
        touch_points_left: how many of them need a person.
    """

    scanned: int
    scanned_around: int
    changed: int
    native: int
    shim: int
    manual: int
    unchanged: int
    error: int
    edits: int
    findings: int
    touch_points: int
    touch_points_left: int


def summarise(result: Result) -> Summary:
    """Count."""
    files = result.files

    def of_status(status: str) -> int:
        return sum(file.status == status for file in files)

    return Summary(
        scanned=result.scanned,
        scanned_around=result.scanned_around,
        changed=sum(file.changed for file in files),
        native=of_status("native"),
        shim=of_status("shim"),
        manual=of_status("manual"),
        unchanged=of_status("unchanged"),
        error=of_status("error"),
        edits=sum(len(file.edits) for file in files),
        findings=sum(len(file.findings) for file in files),
        touch_points=sum(file.touch_points for file in files),
        touch_points_left=sum(file.touch_points_left for file in files),
    )


def to_install(files: Iterable[FileResult]) -> tuple[str, ...]:
    """The distributions that the changed files need and did not need before, by name."""
    needed: set[str] = set()
    for file in files:
        if file.changed and file.kind == "code":
            needed |= _third_party(file.after) - _third_party(file.before)
    return tuple(sorted(_DISTRIBUTIONS.get(name, name) for name in needed))


def _third_party(source: bytes) -> set[str]:
    import ast
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the user's escapes are not our subject
        tree = ast.parse(source)
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names
