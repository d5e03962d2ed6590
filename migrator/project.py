"""Finds the files that may use Speechmatics, without parsing any of them.

A folder is walked with ``os.scandir`` and its Python files are searched as bytes: a project without Speechmatics
costs little more than reading it. Left out are version control, virtual environments, installed packages, caches,
build folders, what ``.gitignore`` names, submodules, and every symbolic link (what lies in the tree is found where it
lies). What the user names is looked at whatever its place or suffix.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

# Searched as bytes, so each costs time on every file: words that no legacy program can do without.
SPEECHMATICS_MARKS = (
    b"peechmatics",
    b"PEECHMATICS",
    b"StartRecognition",
    b"AddTranscript",
    b"AddPartialTranscript",
)
ASSEMBLYAI_MARKS = (b"assemblyai.com", b"from shim")

SUFFIXES = (".py", ".pyw")
NEVER_ENTERED = frozenset(
    {
        ".bzr",
        ".eggs",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
        "__pycache__",
        "__pypackages__",
        "node_modules",
        "site-packages",
        "venv",
    }
)
_ROOT_MARKS = (".git", ".hg", "pyproject.toml", "setup.cfg", "setup.py")
_DROP_INS = ("redirect.py", "websocket.py", "protocol")
BUILD_FOLDERS = frozenset({"build", "dist"})
_IMPORTS = re.compile(rb"^[ \t]*(?:from|import)\b(?:[^\n(#]*\([^)]*\)|[^\n#]*)", re.MULTILINE)
_WORDS = re.compile(rb"\w+")


class NoSuchPath(Exception):
    """A path of the command line does not exist; the message names it."""


@dataclass(frozen=True)
class Candidate:
    """One file that mentions Speechmatics.

    Attributes:
        path: relative to the current directory where it lies below, absolute elsewhere, with ``/``.
        source: its bytes.
        own_shim: a module ``shim`` of the project's own, as a path; empty where there is none.
        imported_by: another file of the project that imports this one, as a path; empty where none does.
    """

    path: str
    source: bytes
    own_shim: str = ""
    imported_by: str = ""


@dataclass(frozen=True)
class Candidates:
    """What a search found.

    Attributes:
        files: the candidates, by path.
        scanned: how many files were read.
        migrated: how many of them use AssemblyAI and do not mention Speechmatics.
        skipped: path and reason of what was left out and the user might expect, by path.
        errors: path and reason of what could not be read, by path.
    """

    files: tuple[Candidate, ...]
    scanned: int
    migrated: int
    skipped: tuple[tuple[str, str], ...] = ()
    errors: tuple[tuple[str, str], ...] = ()


def own_shim(file: str) -> str:
    """The module or package ``shim`` that a file's project has beside it or further up, as reports name it.

    Looks up to the folder that is marked as the project's, or only beside the file where none is. The drop-ins
    themselves do not count.
    """
    above = _folders_above(file)
    for folder in above:
        package = os.path.join(folder, "shim")
        module = package + ".py"
        if os.path.isfile(module) and os.path.realpath(file) != os.path.realpath(module):
            return _shown(module)
        if os.path.isfile(os.path.join(package, "__init__.py")) and not all(
            os.path.lexists(os.path.join(package, name)) for name in _DROP_INS
        ):
            return _shown(package)
    return ""


def imported_by(file: str) -> str:
    """Another file of the project that imports this one, as reports name it; empty where none does.

    Goes by the last part of the module's name, so a module of the same name elsewhere in the project counts too.
    """
    module, _ = os.path.splitext(os.path.basename(file))
    if module == "__init__":
        module = os.path.basename(os.path.dirname(os.path.realpath(file)))
    importers = _importers(_folders_above(file)[-1]).get(os.fsencode(module), ())
    return next((_shown(path) for path in importers if path != os.path.realpath(file)), "")


@functools.cache
def _importers(root: str) -> dict[bytes, list[str]]:
    """Every name in the import statements below a folder, with the first two files where it stands."""
    found: dict[bytes, list[str]] = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in NEVER_ENTERED | BUILD_FOLDERS
        )
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or not os.path.isfile(path):
                continue
            with contextlib.suppress(OSError), open(path, "rb") as file:
                for word in {word for line in _IMPORTS.findall(file.read()) for word in _WORDS.findall(line)}:
                    files = found.setdefault(word, [])
                    if len(files) < 2:
                        files.append(os.path.realpath(path))
    return found


def _folders_above(file: str) -> list[str]:
    """The folder of a file and those above, up to the one that is marked as the project's; its own where none is."""
    above = [os.path.dirname(os.path.realpath(file))]
    while not any(os.path.lexists(os.path.join(above[-1], mark)) for mark in _ROOT_MARKS):
        parent = os.path.dirname(above[-1])
        if parent == above[-1]:
            return above[:1]
        above.append(parent)
    return above


def mentions_speechmatics(source: bytes) -> bool:
    """Whether it is worth the time to parse this source."""
    return any(mark in source for mark in SPEECHMATICS_MARKS)


def uses_assemblyai(source: bytes) -> bool:
    """Whether this source names AssemblyAI's hosts, or a drop-in."""
    return any(mark in source for mark in ASSEMBLYAI_MARKS)


def find(paths: Sequence[str], excludes: Sequence[str] = ()) -> Candidates:
    """Search files and folders.

    Args:
        paths: as typed on the command line.
        excludes: patterns as in ``.gitignore``, relative to the current directory; they do not touch what
            ``paths`` names.

    Raises:
        NoSuchPath: one of the paths does not exist. Nothing was searched then.
    """
    missing = [path for path in paths if not os.path.lexists(path)]
    dangling = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
    if missing:
        raise NoSuchPath("no such path: " + ", ".join(path or "''" for path in missing))
    if dangling:
        raise NoSuchPath("a symbolic link without a target: " + ", ".join(dangling))
    search = _Search(excludes=_patterns(excludes) if excludes else None)
    for path in paths:
        shown = _shown(path)
        if os.path.isdir(path):
            search.folder(path, shown)
        else:
            search.named_file(path, shown)
    return search.candidates()


def _shown(path: str) -> str:
    """The path as reports name it; it opens the same file."""
    # "link/../x" is not "x": only the file system knows where ".." leads.
    absolute = os.path.realpath(path) if ".." in path.split(os.sep) else os.path.abspath(path)
    here = os.path.join(os.getcwd(), "")
    shown = os.path.join(absolute, "").removeprefix(here).rstrip(os.sep) if absolute != "/" else "/"
    return shown if os.sep == "/" else shown.replace(os.sep, "/")


def _patterns(lines: Iterable[str]) -> Any:
    # Only projects with a .gitignore need it, and it takes longer to import than a small project to search.
    import pathspec

    return pathspec.GitIgnoreSpec.from_lines(lines)


@dataclass(frozen=True)
class _Ignores:
    """The ``.gitignore`` files in force in a folder, the nearest last: the folder of each, and its patterns."""

    files: tuple[tuple[str, Any], ...] = ()

    def with_file(self, folder: str, file: str) -> _Ignores:
        """These and one more file, whose patterns are relative to `folder`, where it exists."""
        try:
            with open(file, encoding="utf-8", errors="surrogateescape") as lines:
                patterns = _patterns(lines)
        except (OSError, ValueError):
            return self  # git, too, reads on without a .gitignore that it cannot read
        return _Ignores((*self.files, (os.path.join(folder, ""), patterns)))

    def match(self, path: str) -> bool:
        """Whether git ignores this absolute path; a folder ends with a separator."""
        for folder, patterns in reversed(self.files):
            decision = patterns.check_file(path[len(folder) :]).include
            if decision is not None:
                return bool(decision)
        return False


@dataclass(frozen=True)
class _Folder:
    """A folder to look into: how to open it, how reports name it, where it really is."""

    path: str
    shown: str
    real: str
    ignores: _Ignores
    in_work_tree: bool


@dataclass
class _Search:
    excludes: Any
    found: dict[str, Candidate] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    scanned: int = 0
    migrated: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def candidates(self) -> Candidates:
        return Candidates(
            files=tuple(self.found[path] for path in sorted(self.found)),
            scanned=self.scanned,
            migrated=self.migrated,
            skipped=tuple(sorted(self.skipped.items())),
            errors=tuple(sorted(self.errors.items())),
        )

    def named_file(self, path: str, shown: str) -> None:
        try:
            regular = stat.S_ISREG(os.stat(path).st_mode)
        except OSError as error:
            self.errors[shown] = _cannot("be read", error)
            return
        if not regular:
            self.errors[shown] = "is not a regular file; use - for standard input"
            return
        if os.path.splitext(path)[1] not in ("", *SUFFIXES) and not _has_python_shebang(path):
            self.skipped[shown] = "not Python: no .py or .pyw at its end and no Python in its first line"
            return
        self._read(path, shown, os.path.realpath(path), _Ignores())

    def folder(self, path: str, shown: str) -> None:
        real = os.path.realpath(path)
        ignores, in_work_tree = _ignores_above(real)
        pending = [_Folder(path, shown, real, ignores, in_work_tree)]
        while pending:
            pending.extend(self._look_into(pending.pop(), real))

    def _look_into(self, folder: _Folder, root: str) -> list[_Folder]:
        """Read the files of one folder; the folders in it that are to be looked into."""
        try:
            with os.scandir(folder.path) as iterator:
                entries = list(iterator)
        except OSError as error:
            self.errors[folder.shown or "."] = _cannot("be read", error)
            return []
        names = {entry.name for entry in entries}
        is_root = folder.real == root
        if not is_root and "pyvenv.cfg" in names:
            return []
        ignores = folder.ignores
        in_work_tree = folder.in_work_tree
        if ".git" in names:
            if not is_root and in_work_tree:
                self.skipped[folder.shown] = "a git repository inside another; run migrate there"
                return []
            in_work_tree = True
            ignores = _of_repository(folder.real)
        if ".gitignore" in names:
            ignores = ignores.with_file(folder.real, os.path.join(folder.path, ".gitignore"))

        inner: list[_Folder] = []
        for entry in entries:
            shown = _join(folder.shown, entry.name)
            real = os.path.join(folder.real, entry.name)
            is_python = entry.name.endswith(SUFFIXES)
            if entry.is_symlink():
                if is_python or os.path.isdir(entry.path):
                    self._note_link(entry.path, shown, root)
            elif entry.is_dir(follow_symlinks=False):
                if self._enters(entry.name, shown, real, ignores):
                    inner.append(_Folder(entry.path, shown, real, ignores, in_work_tree))
            elif is_python and entry.is_file(follow_symlinks=False) and not self._excluded(shown):
                self._read(entry.path, shown, real, ignores)
        return inner

    def _enters(self, name: str, shown: str, real: str, ignores: _Ignores) -> bool:
        if name in NEVER_ENTERED or name.endswith(".egg-info"):
            return False
        if self._excluded(shown + "/") or ignores.match(real + os.sep):
            return False
        if name in BUILD_FOLDERS:
            self.skipped[shown] = "a build folder; name it to look into it"
            return False
        return True

    def _excluded(self, shown: str) -> bool:
        return self.excludes is not None and self.excludes.match_file(shown.lstrip("/"))

    def _note_link(self, path: str, shown: str, root: str) -> None:
        target = os.path.realpath(path)
        if not os.path.exists(target):
            self.skipped[shown] = "a symbolic link without a target"
        elif os.path.commonpath((root, target)) != root:
            self.skipped[shown] = "a symbolic link out of the tree; name it to follow it"

    def _read(self, path: str, shown: str, real: str, ignores: _Ignores) -> None:
        if real in self.seen:
            return
        self.seen.add(real)
        try:
            with open(path, "rb", buffering=0) as file:
                source = file.readall()
        except OSError as error:
            if not ignores.match(real):
                self.errors[shown] = _cannot("be read", error)
            return
        if not mentions_speechmatics(source):
            self.scanned += 1
            self.migrated += uses_assemblyai(source)
        elif ignores.match(real):
            # Asked only of files with a hit: patterns cost more than the search for the marks.
            self.skipped[shown] = "mentions Speechmatics, but .gitignore names it; name it to migrate it"
        else:
            self.scanned += 1
            self.found[shown] = Candidate(shown, source, own_shim(real), imported_by(real))


def _join(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name


def _cannot(what: str, error: OSError) -> str:
    return f"cannot {what}: {error.strerror or error}"


def _has_python_shebang(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            first = file.readline(200)
    except OSError:
        return True  # reading it names what is wrong
    return first.startswith(b"#!") and b"python" in first


def _of_repository(top: str) -> _Ignores:
    return _Ignores().with_file(top, os.path.join(top, ".git", "info", "exclude"))


def _ignores_above(real: str) -> tuple[_Ignores, bool]:
    """What the git work tree around a folder ignores there, and whether there is one."""
    above = [real]
    while not os.path.lexists(os.path.join(above[-1], ".git")):
        parent = os.path.dirname(above[-1])
        if parent == above[-1]:
            return _Ignores(), False
        above.append(parent)
    ignores = _of_repository(above[-1])
    for folder in reversed(above[1:]):  # its own .gitignore is read with its files
        ignores = ignores.with_file(folder, os.path.join(folder, ".gitignore"))
    return ignores, True
