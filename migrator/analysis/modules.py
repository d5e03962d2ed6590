"""The Python files of a project: which file an import means, and which files import a file. Nothing is executed."""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import re
import sys
import textwrap
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from migrator.analysis import outside

_STATEMENT = re.compile(
    r"^[ \t]*(?:from|import)\b(?:[^\n(#\\]|\\\r?\n)*(?:\([^)]*\)(?:[^\n#\\]|\\\r?\n)*)?", re.MULTILINE
)
# Begins with what is searched for fastest: every file of a project goes through it.
_IMPORTS = re.compile(rb"\n[ \t]*(?:from|import)\b(?:[^\n(#]*\([^)]*\)|[^\n#]*)")
_WORDS = re.compile(rb"\w+")
_ATTRIBUTES = re.compile(rb"\.\s*(\w+)")
_LARGEST_DATA = 1_000_000
"""Bytes of a file with settings; a larger one holds something else."""
_PACKAGE = "__init__.py"
_SHARED_BY_TESTS = "conftest.py"
_NEVER_OURS = frozenset({"aiohttp", "shim", "speechmatics", "websocket", "websockets"})
"""Packages that an absolute import inside a package means even where that package has a module of the name."""


@dataclass(frozen=True)
class Import:
    """One name that a file imports.

    Attributes:
        level: the number of leading dots.
        module: what stands before ``import``, or the whole name of ``import a.b``; may be empty behind dots.
        name: what is imported of the module; empty for ``import a.b``.
        bound: what it is called afterwards.
    """

    level: int
    module: str
    name: str
    bound: str


class Tree:
    """The Python files of one project.

    Files are read when a question needs them. A file that cannot be read or parsed imports nothing.

    Args:
        root: the folder of the project, ``""`` for files that are only in memory; every path lies below it.
        paths: its Python files, with the separator of the system.
        read: gives the bytes of one of them; may raise ``OSError``.
    """

    def __init__(self, root: str, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        self.root = root
        self._paths = dict.fromkeys(paths)
        self._read = read
        self._imports: dict[str, tuple[Import, ...]] = {}
        self._again: tuple[str, Callable[[str], bool]] | None = None

    @classmethod
    def of(cls, sources: Mapping[str, bytes]) -> Tree:
        """A project that is only in memory: paths relative to it, and their bytes."""
        return cls("", sources, sources.__getitem__)

    @classmethod
    def below(cls, root: str, skips: Callable[[str], bool]) -> Tree:
        """The files below a folder.

        Args:
            skips: whether a folder of this name is left out.
        """
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(name for name in folders if not skips(name))
            found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".py")]
        tree = cls(root, found, _read)
        tree._again = (root, skips)
        return tree

    @classmethod
    def alone(cls, root: str) -> Tree:
        """What a file sees that imports nothing of its project, and that nothing imports: the files that are no code."""
        return cls(root, (), _read)

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process walks the folder itself, once for all that it is given: the paths may be many.
        if not self._paths:
            return Tree.alone, (self.root,)
        return (
            (_below, self._again)
            if self._again
            else (Tree.of, ({path: self.read(path) for path in self._paths},))
        )

    @property
    def paths(self) -> Iterable[str]:
        """All its files."""
        return self._paths

    def read(self, path: str) -> bytes:
        """The bytes of a file; empty where it cannot be read, or is none of the project's."""
        if path not in self._paths:
            return b""
        try:
            return self._read(path)
        except OSError:
            return b""

    def data_file(self, program: str, path: str) -> str | None:
        """The file of the project that a program reads; None where there is none, or more than one.

        Args:
            program: the source that reads it.
            path: as `outside.path_of` gives it. A relative one is taken from the folders from which the program may be
                started: its own, and those above as far as the project's.
        """
        if path.startswith(outside.FILE):
            places = [os.path.normpath(program + path.removeprefix(outside.FILE))]
        elif os.path.isabs(path):
            return None
        else:
            places = [os.path.normpath(os.path.join(each, path)) for each in self._folders_above(program)]
        found = [place for place in dict.fromkeys(places) if self.read_data(place)]
        return found[0] if len(found) == 1 else None

    def read_data(self, path: str) -> bytes:
        """The bytes of a file beside the code; empty for one that is too large, cannot be read or is not the project's."""
        inside = os.path.join(os.path.realpath(self.root), "")
        if not self.root or not os.path.realpath(path).startswith(inside):
            return b""
        try:
            return _read(path) if os.path.getsize(path) <= _LARGEST_DATA else b""
        except OSError:
            return b""

    def module(self, importer: str, level: int, name: str) -> str | None:
        """The file of a module, as another file names it; None where it is none of the project's, or not certain.

        An absolute name is looked for from the folder above the importer's package upwards, as Python does for a
        project that is installed or run from there, then beside the importer, as for a script, and then in the folders
        that lie beside those, such as ``src``.
        """
        parts = name.split(".") if name else []
        folder = os.path.dirname(importer)
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._file(folder, parts)
        if not parts or parts[0] in sys.stdlib_module_names:
            return None
        above = self._folders_above(importer)
        outside = [f for f in above if not self._is_package(f)]
        inside = [] if parts[0] in _NEVER_OURS else [f for f in above if self._is_package(f)]
        for place in (*outside, *inside):
            found = self._file(place, parts)
            if found is not None:
                return found
        for place in outside:
            beside = [hit for child in self._children.get(place, ()) if (hit := self._file(child, parts))]
            if beside:
                return beside[0] if len(beside) == 1 else None
        return None

    def imports(self, path: str) -> tuple[Import, ...]:
        """What a file imports, wherever the statement stands."""
        if path not in self._imports:
            self._imports[path] = tuple(_imports(self.read(path)))
        return self._imports[path]

    def within_reach(self, path: str, steps: int) -> dict[str, None]:
        """The files that run when a file is imported, as far as so many imports lead."""
        reached, edge = {path: None}, [path]
        for _ in range(steps):
            edge = [other for one in edge for other in self.imported(one) if other not in reached]
            reached.update(dict.fromkeys(edge))
        del reached[path]
        return reached

    def imported(self, path: str) -> dict[str, None]:
        """The files of the project that a file imports, in order; a package counts where a name of it is imported.

        pytest gives every test the ``conftest.py`` of its folder and of those above.
        """
        found = dict.fromkeys(target for item in self.imports(path) for target in self._meant(path, item))
        if is_test(path):
            shared = (os.path.join(folder, _SHARED_BY_TESTS) for folder in self._folders_above(path))
            found.update(dict.fromkeys(file for file in shared if file in self._paths and file != path))
        return found

    def importers(self, path: str) -> list[str]:
        """The files of the project that import a file."""
        folder, name = os.path.split(path)
        if name == _SHARED_BY_TESTS:
            inside = os.path.join(folder, "")
            maybe = dict.fromkeys(
                other for other in self._paths if other.startswith(inside) and is_test(other)
            )
        elif name == _PACKAGE:
            inside = folder + os.sep
            maybe = dict.fromkeys(
                [
                    *self._importing.get(os.path.basename(folder), ()),
                    *(p for p in self._paths if p.startswith(inside)),
                ]
            )
        else:
            maybe = dict.fromkeys(self._importing.get(name.removesuffix(".py"), ()))
        return [other for other in maybe if other != path and path in self.imported(other)]

    def used_names(self, path: str, importers: Sequence[str]) -> frozenset[str]:
        """The names of a module that some files which import it may use.

        A file that imports the module itself may use whatever attribute is named anywhere in it, also in a text; where it
        may also make up names, all of the module's own count.
        """
        names: set[str] = set()
        for importer in importers:
            plain = [item.name for item in self.imports(importer) if self._is_name_of(importer, item, path)]
            if len(plain) == sum(path in self._meant(importer, item) for item in self.imports(importer)):
                names.update(plain)
                continue
            has_star = any(item.name == "*" for item in self.imports(importer))
            words = (_WORDS if has_star else _ATTRIBUTES).findall(self.read(importer))
            if self.makes_up_names(importer, path):
                words += _WORDS.findall(self.read(path))
            names.update(word.decode("utf-8", "replace") for word in words)
        return frozenset(names)

    def makes_up_names(self, importer: str, path: str) -> bool:
        """Whether a file may read names of a module that do not stand in it: ``getattr(module, name)``."""
        for item in self.imports(importer):
            if path in self._meant(importer, item) and not self._is_name_of(importer, item, path):
                module = re.escape(item.bound.encode())
                made_up = rb"\b(?:getattr|setattr|hasattr|vars|dir)\(\s*%s\s*[,)]|\b%s\.__dict__" % (
                    module,
                    module,
                )
                if re.search(made_up, self.read(importer)):
                    return True
        return False

    def _is_name_of(self, importer: str, item: Import, path: str) -> bool:
        """Whether an import takes one name out of a module, and not the module itself."""
        if not item.name or item.name == "*" or self.module(importer, item.level, item.module) != path:
            return False
        whole = f"{item.module}.{item.name}" if item.module else item.name
        return self.module(importer, item.level, whole) is None

    def _meant(self, importer: str, item: Import) -> list[str]:
        """The files that one import may mean: the module, and the module that its name may be."""
        names = (
            item.module,
            ".".join(part for part in (item.module, item.name) if part != "" and part != "*"),
        )
        targets = [self.module(importer, item.level, name) for name in dict.fromkeys(names)]
        return [target for target in targets if target is not None and target != importer]

    def files_with_attribute(
        self, name: str, importers: Container[str], without: Container[str]
    ) -> list[str]:
        """The files that may read an attribute of an object whose class they need not import.

        What a file reads of its own ``self`` counts only where it imports the class.

        Args:
            importers: the files that import it.
            without: files that are not asked.
        """
        anything = re.compile(rb"\b%s\b" % name.encode())
        of_others = re.compile(rb"(?<!\bself)(?<!\bcls)\.%s\b" % name.encode())
        return [
            path
            for path in self._paths
            if path not in without and (anything if path in importers else of_others).search(self.read(path))
        ]

    def neighbours(self, path: str) -> list[str]:
        """The files that a file imports or that import it."""
        return list(dict.fromkeys([*self.imported(path), *self.importers(path)]))

    def _file(self, folder: str, parts: list[str]) -> str | None:
        whole = os.path.join(folder, *parts)
        package = os.path.join(whole, _PACKAGE)
        if package in self._paths:
            return package
        return f"{whole}.py" if parts and f"{whole}.py" in self._paths else None

    def _is_package(self, folder: str) -> bool:
        return os.path.join(folder, _PACKAGE) in self._paths

    def _folders_above(self, path: str) -> list[str]:
        """The folder of a file and those above up to the project's, the nearest first."""
        above = [os.path.dirname(path)]
        while above[-1] != self.root and os.path.dirname(above[-1]) != above[-1]:
            above.append(os.path.dirname(above[-1]))
        return above

    @functools.cached_property
    def _children(self) -> dict[str, dict[str, None]]:
        """The folders in each folder that have Python files somewhere below."""
        children: dict[str, dict[str, None]] = {}
        for path in self._paths:
            for child, parent in pairwise(self._folders_above(path)):
                children.setdefault(parent, {})[child] = None
        return children

    @functools.cached_property
    def _importing(self) -> dict[str, list[str]]:
        """Every word in the import statements of the project, with the files where it stands."""
        found: dict[str, list[str]] = {}
        for path in self._paths:
            imports = b"".join(_IMPORTS.findall(b"\n" + self.read(path)))
            for word in set(_WORDS.findall(imports)):
                found.setdefault(word.decode("utf-8", "replace"), []).append(path)
        return found


_below = functools.lru_cache(maxsize=4)(Tree.below)


def is_test(path: str) -> bool:
    """Whether a file is a test, or what tests share, by its name and those of its folders."""
    *folders, name = path.replace(os.sep, "/").split("/")
    return (
        name.startswith("test_")
        or name.endswith("_test.py")
        or name == _SHARED_BY_TESTS
        or "tests" in folders
    )


def _read(path: str) -> bytes:
    if not os.path.isfile(path):  # a named pipe would wait for a writer
        return b""
    with open(path, "rb") as file:
        return file.read()


def _imports(source: bytes) -> Iterator[Import]:
    text = source.decode("utf-8", "replace")
    for statement in _STATEMENT.findall(text):
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for node in ast.parse(textwrap.dedent(statement)).body:
                yield from _of_statement(node)


def _of_statement(node: ast.stmt) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name, "", alias.asname or alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield Import(node.level, node.module or "", alias.name, alias.asname or alias.name)
