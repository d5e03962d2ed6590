"""Finds the files that may use Speechmatics, without parsing any of them.

A folder is walked with ``os.scandir`` and its Python files are searched as bytes: a project without Speechmatics
costs little more than reading it. Left out are version control, virtual environments, installed packages, caches,
what ``.gitignore`` names, and every symbolic link (what lies in the tree is found where it lies). Left alone, but named
where they mention Speechmatics, are build folders, other people's sources, submodules and generated files. What the
user names is looked at whatever its place or suffix.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migrator import sieve
from migrator.surroundings.kinds import kind_of

SPEECHMATICS_MARKS = (
    b"peechmatics",
    b"PEECHMATICS",
    b"StartRecognition",
    b"AddTranscript",
    b"AddPartialTranscript",
)
"""Words that no legacy program can do without: a source with any of them is a candidate."""

_IN_EVERY_MARK = (b"peechmatics", b"PEECHMATICS", b"StartRecognition", b"Transcript")
"""What is searched in every file of a project, because each costs time: no mark is without one of these."""

ASSEMBLYAI_MARK = b"assemblyai.com"

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
VENDOR_FOLDERS = frozenset({"_vendor", "third_party", "vendor", "vendored"})
_GENERATED_NAMES = ("_pb2.py", "_pb2_grpc.py")
_GENERATED = re.compile(rb"^#.*(?:@generated\b|\bgenerated\b.*\bDO NOT EDIT\b)", re.MULTILINE | re.IGNORECASE)
_HEADER = 2_000
"""Bytes at the beginning of a file that may say that it is generated."""

_AT_ONCE = 8_192
"""Files that are found before they are read: what is known of them is all in memory."""

_NOTHING, _ASSEMBLYAI, _SPEECHMATICS = range(3)


class NoSuchPath(Exception):
    """A path of the command line does not exist; the message names it."""


@dataclass(frozen=True)
class Candidate:
    """One file that mentions Speechmatics.

    Attributes:
        path: relative to the current directory where it lies below, absolute elsewhere, with ``/``.
        source: its bytes.
        own_shim: a module ``shim`` of the project's own, as a path; empty where there is none.
        real: where it really is; empty for a source that is in no file.
        root: the folder of its project, also where it really is; empty where it has none.
    """

    path: str
    source: bytes
    own_shim: str = ""
    real: str = ""
    root: str = ""


@dataclass(frozen=True)
class Candidates:
    """What a search found.

    Attributes:
        files: the candidates, by path.
        scanned: how many files were read.
        migrated: how many of them use AssemblyAI and do not mention Speechmatics.
        skipped: path and reason of what was left out and the user might expect, by path.
        errors: path and reason of what could not be read, by path.
        around: files around the code that mention Speechmatics, and all that may need an edit because the code does.
        scanned_around: how many files around the code were looked at.
        is_partial: there are Python files that were not looked at, because the user said so or because they cannot be read.
    """

    files: tuple[Candidate, ...]
    scanned: int
    migrated: int
    skipped: tuple[tuple[str, str], ...] = ()
    errors: tuple[tuple[str, str], ...] = ()
    around: tuple[Candidate, ...] = ()
    scanned_around: int = 0
    is_partial: bool = False


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
            return shown_path(module)
        if os.path.isfile(os.path.join(package, "__init__.py")) and not all(
            os.path.lexists(os.path.join(package, name)) for name in _DROP_INS
        ):
            return shown_path(package)
    return ""


def is_never_entered(name: str) -> bool:
    """Whether a folder of this name holds nothing that the project itself has written."""
    return name.startswith(".") or name in NEVER_ENTERED | BUILD_FOLDERS


def _project_of(file: str, searched: str) -> str:
    """The folder of a file's project: the marked one around it, else the folder that was searched."""
    above = _folders_above(file)
    is_marked = any(os.path.lexists(os.path.join(above[-1], mark)) for mark in _ROOT_MARKS)
    return above[-1] if is_marked else searched


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
    # A loop and not any(), whose generator takes longer than a search in most files.
    for part in _IN_EVERY_MARK:
        if part in source:
            return any(mark in source for mark in SPEECHMATICS_MARKS)
    return False


def uses_assemblyai(source: bytes) -> bool:
    """Whether this source names AssemblyAI's hosts, or a drop-in."""
    return ASSEMBLYAI_MARK in source or b"from shim" in source


def is_generated(name: str, source: bytes) -> bool:
    """Whether a program wrote this file, by its name or by what its first lines say."""
    return name.endswith(_GENERATED_NAMES) or _GENERATED.search(source[:_HEADER]) is not None


def _judge(source: bytes) -> int:
    if mentions_speechmatics(source):
        return _SPEECHMATICS
    return _ASSEMBLYAI if ASSEMBLYAI_MARK in source else _NOTHING


def find(
    paths: Sequence[str],
    excludes: Sequence[str] = (),
    jobs: int = 1,
    advance: Callable[[int], None] = lambda files: None,
) -> Candidates:
    """Search files and folders.

    Args:
        paths: as typed on the command line.
        excludes: patterns as in ``.gitignore``, relative to the current directory; they do not touch what
            ``paths`` names.
        jobs: how many processes at most.
        advance: is called with the number of files that were read more.

    Raises:
        NoSuchPath: one of the paths does not exist. Nothing was searched then.
    """
    missing = [path for path in paths if not os.path.lexists(path)]
    dangling = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
    if missing:
        raise NoSuchPath("no such path: " + ", ".join(path or "''" for path in missing))
    if dangling:
        raise NoSuchPath("a symbolic link without a target: " + ", ".join(dangling))
    search = _Search(excludes=_patterns(excludes) if excludes else None, jobs=jobs, advance=advance)
    # Files first: what is named is looked at, also where a folder that holds it would leave it out.
    for path in sorted(paths, key=os.path.isdir):
        if os.path.isdir(path):
            search.folder(path, shown_path(path))
        else:
            search.named_file(path, shown_path(path))
    return search.candidates()


def shown_path(path: str) -> str:
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
    """A folder to look into.

    Attributes:
        path: opens it.
        shown: how reports name it.
        real: where it really is.
        ignores: what is ignored in it.
        in_work_tree: whether it lies in a git work tree.
        left_alone: itself or a folder above, as reports name it, and why nothing in it is migrated; empty where all is.
    """

    path: str
    shown: str
    real: str
    ignores: _Ignores
    in_work_tree: bool
    left_alone: tuple[str, str] | tuple[()] = ()


@dataclass
class _Search:
    excludes: Any
    jobs: int
    advance: Callable[[int], None]
    roots: list[str] = field(default_factory=list)
    found: dict[str, Candidate] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)
    unread: list[tuple[str, str, _Folder]] = field(default_factory=list)
    unread_around: list[tuple[str, str, _Folder]] = field(default_factory=list)
    manifests: list[tuple[str, str, _Folder]] = field(default_factory=list)
    documents: list[tuple[str, str, _Folder]] = field(default_factory=list)
    around: dict[str, Candidate] = field(default_factory=dict)
    scanned_around: int = 0
    scanned: int = 0
    migrated: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def candidates(self) -> Candidates:
        if self.found or any(path.endswith(".ipynb") for path in self.around):
            self.unread_around = self.documents
            self._read_around()
            for path, name, folder in self.manifests:
                self._take_around(path, name, folder)
        return Candidates(
            files=tuple(self.found[path] for path in sorted(self.found)),
            scanned=self.scanned,
            migrated=self.migrated,
            skipped=tuple(sorted(self.skipped.items())),
            errors=tuple(sorted(self.errors.items())),
            around=tuple(self.around[path] for path in sorted(self.around)),
            scanned_around=self.scanned_around,
            is_partial=self.excludes is not None or bool(self.errors),
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
        kind = kind_of(os.path.basename(path))
        if kind is not None and kind.name == "notebook":
            source = self._source(path, shown)
            self.scanned_around += 1
            if source is not None and mentions_speechmatics(source):
                self.around[shown] = Candidate(shown, source, own_shim(path), os.path.realpath(path))
            return
        if os.path.splitext(path)[1] not in ("", *SUFFIXES) and not _has_python_shebang(path):
            self.skipped[shown] = "not Python: no .py or .pyw at its end and no Python in its first line"
            return
        real = os.path.realpath(path)
        if real in self.named:
            return
        self.named.add(real)
        source = self._source(path, shown)
        if source is not None:
            judgement = _judge(source)
            self.scanned += 1
            self.migrated += judgement == _ASSEMBLYAI
            if judgement == _SPEECHMATICS:
                self._take(shown, real, source)

    def folder(self, path: str, shown: str) -> None:
        real = os.path.realpath(path)
        self.roots.append(real)
        ignores, in_work_tree = _ignores_above(real)
        pending = [_Folder(path, shown, real, ignores, in_work_tree)]
        while pending:
            folder = pending.pop()
            if folder.real not in self.entered:
                self.entered.add(folder.real)
                pending.extend(self._look_into(folder, real))
            if len(self.unread) >= _AT_ONCE or not pending:
                self._read()
            if len(self.unread_around) >= _AT_ONCE or not pending:
                self._read_around()

    def _look_into(self, folder: _Folder, root: str) -> list[_Folder]:
        """Note the files of one folder; the folders in it that are to be looked into."""
        try:
            with os.scandir(folder.path) as iterator:
                entries = list(iterator)
        except OSError as error:
            self.errors[folder.shown or "."] = _cannot("be read", error)
            return []
        names = {entry.name for entry in entries}
        is_root = folder.real == root
        if not is_root and "pyvenv.cfg" in names:
            self._note_environment(folder)
            return []
        if ".git" in names:
            folder = replace(folder, ignores=_of_repository(folder.real))
            if folder.in_work_tree and not is_root:
                reason = "a git repository inside another; run migrate there"
                folder = replace(folder, left_alone=(folder.shown, reason))
            folder = replace(folder, in_work_tree=True)
        if ".gitignore" in names:
            file = os.path.join(folder.path, ".gitignore")
            folder = replace(folder, ignores=folder.ignores.with_file(folder.real, file))

        inner: list[_Folder] = []
        for entry in entries:
            is_python = entry.name.endswith(SUFFIXES)
            if entry.is_symlink():
                if is_python or os.path.isdir(entry.path):
                    self._note_link(entry.path, _join(folder.shown, entry.name), root)
                continue
            if entry.is_dir(follow_symlinks=False):
                inner.extend(self._entered(entry, folder))
                continue
            if not is_python or entry.name == "setup.py":
                self._note_around(entry, folder)
            if (
                is_python
                and entry.is_file(follow_symlinks=False)
                and not (self.excludes is not None and self._excluded(_join(folder.shown, entry.name)))
            ):
                self.unread.append((entry.path, entry.name, folder))
        return inner

    def _note_around(self, entry: os.DirEntry[str], folder: _Folder) -> None:
        kind = kind_of(entry.name, folder.shown.rpartition("/")[2])
        if (
            kind is not None
            and not folder.left_alone
            and entry.is_file(follow_symlinks=False)
            and not (self.excludes is not None and self._excluded(_join(folder.shown, entry.name)))
        ):
            files = self.documents if kind.follows_code else self.unread_around
            files.append((entry.path, entry.name, folder))

    def _entered(self, entry: os.DirEntry[str], folder: _Folder) -> Iterator[_Folder]:
        """The folder of an entry, if it is to be looked into."""
        name, shown, real = entry.name, _join(folder.shown, entry.name), os.path.join(folder.real, entry.name)
        if name in NEVER_ENTERED or name.endswith(".egg-info"):
            if os.path.lexists(os.path.join(entry.path, "pyvenv.cfg")):
                self._note_environment(replace(folder, path=entry.path, shown=shown))
            return
        if self._excluded(shown + "/") or folder.ignores.match(real + os.sep):
            return
        left_alone = folder.left_alone
        if not left_alone and name in BUILD_FOLDERS:
            left_alone = (shown, "a build folder; name it to look into it")
        elif not left_alone and name in VENDOR_FOLDERS:
            left_alone = (shown, "other people's sources; name it to look into it")
        yield _Folder(entry.path, shown, real, folder.ignores, folder.in_work_tree, left_alone)

    def _excluded(self, shown: str) -> bool:
        return self.excludes is not None and self.excludes.match_file(shown.lstrip("/"))

    def _note_link(self, path: str, shown: str, root: str) -> None:
        target = os.path.realpath(path)
        if not os.path.exists(target):
            self.skipped[shown] = "a symbolic link without a target"
        elif os.path.commonpath((root, target)) != root:
            self.skipped[shown] = "a symbolic link out of the tree; name it to follow it"

    def _note_environment(self, folder: _Folder) -> None:
        """Name a virtual environment in which a package of Speechmatics is installed."""
        if folder.left_alone:
            return
        import glob

        packages = set()
        for pattern in ("lib/python*/site-packages", "Lib/site-packages"):
            for found in glob.glob(
                os.path.join(glob.escape(folder.path), pattern, "speechmatics*.dist-info")
            ):
                packages.add(os.path.basename(found).partition("-")[0].replace("_", "-"))
        if packages:
            self.skipped[folder.shown] = f"a virtual environment with {', '.join(sorted(packages))}"

    def _read(self) -> None:
        """Search the files that were noted."""
        files, self.unread = self.unread, []
        if self.named:
            files = [file for file in files if os.path.join(file[2].real, file[1]) not in self.named]
        judgements = sieve.sift([path for path, _, _ in files], _judge, self.jobs)
        for (path, name, folder), judgement in zip(files, judgements, strict=True):
            if judgement in (_SPEECHMATICS, sieve.UNREADABLE):
                self._look_at(path, name, folder)
            elif not folder.left_alone:
                self.scanned += 1
                self.migrated += judgement == _ASSEMBLYAI
        self.advance(len(files))

    def _read_around(self) -> None:
        """Search the files around the code that were noted."""
        files, self.unread_around = self.unread_around, []
        judgements = sieve.sift([path for path, _, _ in files], _judge, self.jobs)
        self.scanned_around += len(files)
        for (path, name, folder), judgement in zip(files, judgements, strict=True):
            kind = kind_of(name, folder.shown.rpartition("/")[2])
            assert kind is not None
            if judgement in (_SPEECHMATICS, sieve.UNREADABLE):
                self._take_around(path, name, folder)
            elif kind.is_manifest:
                self.manifests.append((path, name, folder))

    def _take_around(self, path: str, name: str, folder: _Folder) -> None:
        shown, real = _join(folder.shown, name), os.path.join(folder.real, name)
        is_ignored = folder.ignores.match(real)
        source = self._source(path, "" if is_ignored else shown)
        if source is None:
            return
        kind = kind_of(name, folder.shown.rpartition("/")[2])
        # Every lock file is generated, and says to be made anew.
        if (kind is None or kind.name != "lock") and is_generated(name, source):
            if not is_ignored and mentions_speechmatics(source):
                self.skipped[shown] = "mentions Speechmatics, but is generated; change what it is made from"
        elif not is_ignored:
            self.around[shown] = Candidate(
                shown, source, own_shim(real) if name.endswith(".ipynb") else "", real
            )
        elif name.startswith(".env") and mentions_speechmatics(source):
            self.skipped[shown] = "names Speechmatics, but .gitignore names it; see to its variables yourself"

    def _look_at(self, path: str, name: str, folder: _Folder) -> None:
        """Decide what is to be done with a file that mentions Speechmatics, or that could not be read."""
        shown, real = _join(folder.shown, name), os.path.join(folder.real, name)
        # Asked only now: patterns cost more than the search for the marks.
        is_ignored = folder.ignores.match(real)
        source = self._source(path, "" if is_ignored or folder.left_alone else shown)
        if source is None:
            return
        if folder.left_alone:
            if not is_ignored:
                where, reason = folder.left_alone
                self.skipped[where] = reason
        elif is_ignored:
            self.skipped[shown] = "mentions Speechmatics, but .gitignore names it; name it to migrate it"
        elif is_generated(name, source):
            self.skipped[shown] = "mentions Speechmatics, but is generated; change what it is made from"
        else:
            self.scanned += 1
            self._take(shown, real, source)

    def _source(self, path: str, shown: str) -> bytes | None:
        """The bytes of a file; None if it cannot be read, which is an error of `shown` unless that is empty."""
        try:
            with open(path, "rb", buffering=0) as file:
                return file.readall()
        except OSError as error:
            if shown:
                self.errors[shown] = _cannot("be read", error)
            return None

    def _take(self, shown: str, real: str, source: bytes) -> None:
        searched = next((root for root in self.roots if real.startswith(os.path.join(root, ""))), "")
        root = _project_of(real, searched or os.path.dirname(real))
        self.found[shown] = Candidate(shown, source, own_shim(real), real, root)


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
