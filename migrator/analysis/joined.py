"""Several files of one unit as one source, so that facts and rules need not know how a program is divided."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from migrator.analysis.modules import Tree
from migrator.analysis.source import Source, Token

_BETWEEN = "\n\n"
"""Between two files: a line behind a last line without an end, and one that belongs to nobody."""


@dataclass(frozen=True)
class Part:
    """One file of a joined source.

    Attributes:
        path: its place in the tree.
        source: the file alone, whose tree has the positions of the joined source.
        offset: of its first character.
        line: number of its first line, from 1.
    """

    path: str
    source: Source
    offset: int
    line: int

    @property
    def end(self) -> int:
        """Offset after its last character."""
        return self.offset + len(self.source.text)


class JoinedSource(Source):
    """The files of a unit, one after the other.

    The tree is that of the first file given; the modules of the others are nodes at the end of its body. In the text the
    files stand in the order in which their modules run: what a file imports stands before it. Line 1 belongs to no file.

    Args:
        tree: the project.
        files: path and bytes of each file; the first is the one that opens the connection.

    Raises:
        SourceError: as for one file.
    """

    def __init__(self, tree: Tree, files: Sequence[tuple[str, bytes]]) -> None:
        self.project = tree
        sources = {path: Source(data) for path, data in files}
        self.main = files[0][0]
        self.parts: list[Part] = []
        pieces = ["\n"]
        offset, line = 1, 2
        for path in _in_order(tree, list(sources)):
            source = sources[path]
            self.parts.append(Part(path, source, offset, line))
            pieces += [source.text, _BETWEEN]
            offset += len(source.text) + len(_BETWEEN)
            ast.increment_lineno(source.tree, line - 1)
            line += len(source.line_starts) - 1 + len(_BETWEEN)
        first = sources[self.main]
        self.mark, self.encoding = first.mark, first.encoding
        self.text = "".join(pieces)
        self.tree = first.tree
        self.tree.body += [part.source.tree for part in self.parts if part.path != self.main]  # type: ignore[misc]
        self.unplaced = [node for part in self.parts for node in part.source.unplaced]

    @cached_property
    def newline(self) -> str:
        """The line end of the first file."""
        return self.part(self.main).source.newline

    def _tokens(self) -> Iterator[Token]:
        for part in self.parts:
            for token in part.source.tokens:
                yield token._replace(start=token.start + part.offset, end=token.end + part.offset)

    # What its names need to know of the project

    def module(self, within: ast.Module, level: int, name: str) -> ast.Module | str | None:
        """What a module imports: the tree of a part, the path of another file of the project, or none of it."""
        path = self.project.module(self._paths[within], level, name)
        return self._trees.get(path, path) if path is not None else None

    def path_of(self, module: ast.Module) -> str:
        """The file that a part is."""
        return self._paths[module]

    def binds(self, module: ast.Module, name: str) -> bool:
        """Whether a part has a name of its own, which comes before a file of that name beside it."""
        return name in self._bound[module]

    def uses_elsewhere(self, module: ast.Module, name: str, is_method: bool) -> list[str]:
        """The files which are no parts and may use a function of a part, or a method of one of its classes."""
        if is_method:
            return self.uses_of_attribute(name)
        path = self._paths[module]
        importers = [
            other
            for other in self.project.importers(path)
            if other not in self._trees or self.project.makes_up_names(other, path)
        ]
        return [other for other in importers if name in self.project.used_names(path, (other,))]

    def uses_of_attribute(self, name: str) -> list[str]:
        """The files which are no parts and may read an attribute of an object of a part's class."""
        importers = {other for path in self._trees for other in self.project.importers(path)}
        return self.project.files_with_attribute(name, importers, self._trees)

    @cached_property
    def _trees(self) -> dict[str, ast.Module]:
        return {part.path: part.source.tree for part in self.parts}

    @cached_property
    def _paths(self) -> dict[ast.Module, str]:
        return {part.source.tree: part.path for part in self.parts}

    @cached_property
    def _bound(self) -> dict[ast.Module, set[str]]:
        return {tree: _bound(tree) for tree in self._paths}

    def part(self, path: str) -> Part:
        """The part that a file is."""
        return next(part for part in self.parts if part.path == path)

    def part_at(self, offset: int) -> Part:
        """The part in which an offset stands, or behind whose last character."""
        return self.parts[max(bisect_right([part.offset for part in self.parts], offset) - 1, 0)]

    def module_at(self, offset: int) -> ast.Module:
        """The module of the part in which an offset stands."""
        return self.part_at(offset).source.tree

    def place(self, line: int) -> tuple[str, int]:
        """File and line in it of a line; a line that belongs to no file is the first one of the first file given."""
        part = self.parts[max(bisect_right([part.line for part in self.parts], line) - 1, 0)]
        if line < part.line:
            return self.main, 1
        return part.path, line - part.line + 1


def _in_order(tree: Tree, paths: list[str]) -> list[str]:
    """Files in the order in which Python would run them, if the last one that nobody imports were started."""
    ordered: dict[str, None] = {}
    entered: set[str] = set()

    def enter(path: str) -> None:
        if path in entered:
            return
        entered.add(path)
        for other in tree.imported(path):
            if other in paths:
                enter(other)
        ordered[path] = None

    for path in paths:
        enter(path)
    return list(ordered)


def _bound(module: ast.Module) -> set[str]:
    """The names that the statements of a module bind."""
    names: set[str] = set()
    pending: list[ast.AST] = [node for node in module.body if not isinstance(node, ast.Module)]
    while pending:
        node = pending.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue
            case ast.Lambda():
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names.update(alias.asname or alias.name.split(".")[0] for alias in aliases)
        pending += ast.iter_child_nodes(node)
    return names
