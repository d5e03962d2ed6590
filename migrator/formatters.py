"""Which formatters a project uses, so that the changed files can be given to them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

from migrator.project import SUFFIXES

# In the order in which they are to run, with the tables, files and pre-commit hooks that say that a project uses them.
_FORMATTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("isort", re.compile(r"^\[(?:tool\.)?isort\]|^\s*-?\s*id:\s*isort\b", re.MULTILINE)),
    ("black", re.compile(r"^\[tool\.black\]|^\s*-?\s*id:\s*black\b", re.MULTILINE)),
    ("ruff format", re.compile(r"^\[tool\.ruff[\].]|^\s*-?\s*id:\s*ruff\b", re.MULTILINE)),
)
_CONFIGURATIONS = (
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    ".pre-commit-config.yaml",
    ".pre-commit-config.yml",
)

_OWN_FILES = {"ruff.toml": "ruff format", ".ruff.toml": "ruff format", ".isort.cfg": "isort"}


def commands(paths: Iterable[str]) -> tuple[str, ...]:
    """What to type to format some files as their projects do: one command for each formatter, with its files of Python.

    A project is what lies below the nearest folder with a configuration. Where it has both black and ruff, black formats.
    """
    files: dict[str, list[str]] = {}
    known: dict[str, tuple[str, ...]] = {}
    for path in sorted(path for path in paths if path.endswith(SUFFIXES)):
        for formatter in _used_above(os.path.dirname(os.path.abspath(path)), known):
            files.setdefault(formatter, []).append(path)
    return tuple(f"{name} {shlex.join(files[name])}" for name, _ in _FORMATTERS if name in files)


def _used_above(folder: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The formatters of the project that a folder belongs to; `known` keeps what was found out."""
    if folder not in known:
        used = _used_in(folder)
        parent = os.path.dirname(folder)
        is_top = parent == folder or os.path.lexists(os.path.join(folder, ".git"))
        known[folder] = used if used or is_top else _used_above(parent, known)
    return known[folder]


def _used_in(folder: str) -> tuple[str, ...]:
    text = "\n".join(_text(os.path.join(folder, name)) for name in _CONFIGURATIONS)
    used = {name for name, pattern in _FORMATTERS if pattern.search(text)}
    used |= {tool for name, tool in _OWN_FILES.items() if os.path.isfile(os.path.join(folder, name))}
    if "black" in used:
        used.discard("ruff format")
    return tuple(used)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
