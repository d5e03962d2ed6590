"""Which files belong to which connection: the one that opens it, its settings and messages, its tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from migrator.analysis.joined import JoinedSource
from migrator.analysis.modules import Tree, is_test
from migrator.analysis.scan import TouchPoint, touch_points
from migrator.analysis.source import Source, SourceError
from migrator.dialects import others, plugins, raw, sdk
from migrator.dialects.others import Foreign
from migrator.dialects.plugins import PluginProgram
from migrator.dialects.sdk import SdkProgram
from migrator.project import Candidate, own_shim, shown_path
from migrator.result import Edit
from migrator.rules import drop_in, endpoint

STEPS = 4
"""How many imports may lead from a file to one of its settings or messages, or from a test to what it tests."""


@dataclass(eq=False)
class File:
    """One file and what can be told of it alone.

    Attributes:
        source: the file alone.
        points: where it mentions Speechmatics.
        program: what it has of an SDK.
        plugin: what it has of a framework's plugin.
        foreign: other ways to Speechmatics in it.
        opens: whether it may open a connection to Speechmatics through a WebSocket library.
        has_library: whether it imports such a library.
        original: the bytes that it really has, where `source` is what it was before it got the drop-in.
        taken_out: the edits between the two.
    """

    candidate: Candidate
    source: Source
    points: tuple[TouchPoint, ...]
    program: SdkProgram | None = None
    plugin: PluginProgram | None = None
    foreign: list[Foreign] = field(default_factory=list)
    opens: bool = False
    has_library: bool = False
    original: bytes | None = None
    taken_out: tuple[Edit, ...] = ()

    @property
    def is_client(self) -> bool:
        """Whether it has the client of an SDK or of a framework, and no connection of its own."""
        return (self.program is not None or self.plugin is not None) and not self.opens

    @property
    def path(self) -> str:
        """As reports name it."""
        return self.candidate.path

    @property
    def place(self) -> str:
        """Where it is in the project."""
        return self.candidate.real or self.candidate.path

    @classmethod
    def of_tree(cls, tree: Tree, place: str) -> File:
        """A file of the project that does not mention Speechmatics."""
        data = tree.read(place)
        on_disk = os.path.isabs(place)
        path = shown_path(place) if on_disk else place
        shim = own_shim(place) if on_disk else ""
        return cls(Candidate(path, data, shim, place, tree.root), Source(data), ())


@dataclass(eq=False)
class Unit:
    """The files that share a connection.

    Attributes:
        openers: those that open it; the first stands for the unit.
        members: the others that mention Speechmatics, by path.
        relatives: files that use an SDK, too, and import the first one or are imported by it.
    """

    openers: list[File]
    members: list[File] = field(default_factory=list)
    relatives: list[File] = field(default_factory=list)

    @property
    def files(self) -> list[File]:
        return [*self.openers, *self.members]


def looked_at(tree: Tree, candidate: Candidate) -> File:
    """What can be told of a file alone.

    Raises:
        SourceError: it cannot be read as Python.
    """
    source = Source(candidate.source)
    points = tuple(point for point in touch_points(source) if not _is_own_module(tree, candidate.real, point))
    if not points:
        return File(candidate, source, points)
    file = File(candidate, source, points, sdk.recognise(source), foreign=list(others.recognise(source)))
    file.has_library = any(library.imports(source.tree) for library in raw.LIBRARIES)
    is_raw = any(point.kind in ("host", "message") for point in points)
    file.opens = is_raw and file.has_library and raw.may_connect(source)
    if not file.program and not (is_raw and file.has_library):
        file.plugin = plugins.recognise(source)
    return file


def _is_own_module(tree: Tree, place: str, point: TouchPoint) -> bool:
    """Whether an import is one of a module of the project that has the name of the service."""
    names = (point.text, point.text.rpartition(".")[0]) if point.kind == "import" else ()
    return any(tree.module(place, 0, name) is not None for name in names)


def units(tree: Tree, files: Sequence[File], settled: Sequence[File]) -> tuple[list[Unit], list[File]]:
    """The units of some files, and the files that belong to none.

    A file belongs to a connection when the file that opens it imports it, or is imported by it, through others or not.

    Args:
        files: those that mention Speechmatics.
        settled: those whose connections need nothing any more; what belongs to them alone is in neither result.
    """
    settled = list(settled)
    files = [*files, *_openers_without_a_mention(tree, files, settled)]
    for file in files:
        if not file.opens and not file.is_client and not file.foreign:
            file.opens = _opens_by_its_imports(tree, file, files)
    reach = {file: tree.within_reach(file.place, STEPS) for file in (*files, *settled)}

    def related(one: File, other: File) -> bool:
        return one.place in reach[other] or other.place in reach[one]

    found: list[Unit] = []
    done: list[Unit] = []
    left = dict.fromkeys(files)

    def collect(first: File, units: list[Unit]) -> None:
        relatives = [
            other for other in files if other.program and other is not first and related(first, other)
        ]
        unit, pending = Unit([first], relatives=relatives), [first]
        left.pop(first, None)
        while pending:
            one = pending.pop()
            # An SDK's connection is opened where it is imported: its files are each decided alone.
            near = [
                other for other in left if related(one, other) and not (other.program and not other.opens)
            ]
            for other in near:
                (unit.openers if other.opens else unit.members).append(other)
                del left[other]
            pending += near
        units.append(unit)

    for file in files:
        if file in left and (file.opens or file.is_client):
            collect(file, found)
    for file in settled:
        collect(file, done)
    for file in files:
        # Only the exceptions of the library, or what opens the connection comes from out of sight.
        if file in left and file.has_library and any(p.kind in ("host", "message") for p in file.points):
            file.opens = True
            collect(file, found)
    for file in [file for file in left if not file.foreign]:
        unit = next((unit for unit in (*found, *done) if _is_brought_together(tree, file, unit)), None)
        if unit is not None:
            unit.members.append(file)
            del left[file]
    for unit in found:
        unit.members.sort(key=lambda file: file.path)
    return found, list(left)


def _is_brought_together(tree: Tree, file: File, unit: Unit) -> bool:
    """Whether another file imports this one and what opens the connection, and so may give the one to the other."""
    places = [opener.place for opener in unit.openers]
    for importer in tree.importers(file.place):
        reached = tree.within_reach(importer, STEPS)
        if any(place in reached for place in places):
            return True
    return False


def _openers_without_a_mention(tree: Tree, files: Sequence[File], settled: list[File]) -> Iterator[File]:
    """Files that open a connection, and whose address and messages stand in what they import.

    Args:
        settled: takes those that have the drop-in.
    """
    known = {file.place for file in (*files, *settled)}
    for file in files:
        if file.opens or file.foreign or file.is_client or is_test(file.place):
            continue
        for path in tree.importers(file.place):
            if path in known:
                continue
            known.add(path)
            data = tree.read(path)
            if not any(library.module.encode() in data for library in raw.LIBRARIES):
                continue
            try:
                maybe = File.of_tree(tree, path)
            except SourceError:
                continue
            if drop_in.is_used(maybe.source.tree):
                settled.append(maybe)
            elif _opens_by_its_imports(tree, maybe, files):
                maybe.opens = True
                yield maybe


def _opens_by_its_imports(tree: Tree, file: File, files: Sequence[File]) -> bool:
    """Whether a file opens a connection that certainly is Speechmatics', by what it imports of others."""
    if is_test(file.place) or not raw.may_connect(file.source):
        return False
    reach = tree.within_reach(file.place, STEPS)
    imported = [other for other in files if other.place in reach]
    if not imported:
        return False
    parts = [(part.place, part.candidate.source) for part in (file, *imported)]
    session = raw.connects(JoinedSource(tree, parts))
    if session is None or session.connection is None:
        return False
    if session.names.module(session.connection.call) is not session.source.tree:
        return False
    return bool(
        session.start is not None or session.reading.tests or not isinstance(endpoint.address(session), str)
    )
