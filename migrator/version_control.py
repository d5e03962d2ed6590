"""Asks git whether it could give files back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable


class NoAnswer(Exception):
    """There is a git work tree, but git did not answer; the message says why, in one line."""


def uncommitted(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the files that lie in a git work tree and hold something that no commit has, by path.

    A file that git does not track is one of them. Files outside of work trees are not.

    Raises:
        NoAnswer: git is missing or refuses.
    """
    work_trees: dict[str, dict[str, str]] = {}
    for path in paths:
        real = os.path.realpath(path)
        top = _work_tree(os.path.dirname(real))
        if top is not None:
            work_trees.setdefault(top, {})[os.path.relpath(real, top)] = path
    dirty: list[str] = []
    for top, files in work_trees.items():
        dirty.extend(files[name] for name in _not_committed(top, sorted(files)) if name in files)
    return tuple(sorted(dirty))


def _work_tree(folder: str) -> str | None:
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _not_committed(top: str, names: list[str]) -> list[str]:
    command = ["git", "--literal-pathspecs", "-c", "core.fsmonitor=false", "-C", top]
    command += [
        "status",
        "--porcelain=v1",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--ignored=matching",
        "--",
    ]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run([*command, *names], capture_output=True, env=environment, check=False)
    except FileNotFoundError:
        raise NoAnswer("git is not installed") from None
    if answer.returncode:
        reason = os.fsdecode(answer.stderr).strip().splitlines() or [f"exit status {answer.returncode}"]
        raise NoAnswer(reason[0])
    # "XY name" each; an ignored folder ends with a slash and stands for everything in it.
    entries = [os.fsdecode(entry[3:]) for entry in answer.stdout.split(b"\0") if entry]
    folders = tuple(entry for entry in entries if entry.endswith("/"))
    return [name for name in names if name in entries or (folders and name.startswith(folders))]
