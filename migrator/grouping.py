"""Which candidates may have something to do with each other: those are decided together, in one process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from migrator.analysis.modules import Tree
from migrator.project import Candidate, is_never_entered


@dataclass(frozen=True)
class Group:
    """Candidates of one project that import each other, or that share a file they import or are imported by.

    Attributes:
        files: the candidates, by path.
        tree: the files of the project; an empty one for a candidate that neither imports any nor is imported.
        neighbours: for each candidate, by its place in the tree, and for each file between them: the files that it
            imports or that import it.
    """

    files: tuple[Candidate, ...]
    tree: Tree = field(default_factory=lambda: Tree.of({}))
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def grouped(candidates: Sequence[Candidate]) -> list[Group]:
    """All candidates, each in one group; groups in the order of their first candidate."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.root, []).append(candidate)
    trees = {root: Tree.below(root, is_never_entered) for root in groups if root}
    found = [
        group
        for root, members in groups.items()
        for group in (grouped_in(trees[root], members) if root else [Group((member,)) for member in members])
    ]
    order = {id(candidate): number for number, candidate in enumerate(candidates)}
    return sorted(found, key=lambda group: order[id(group.files[0])])


def grouped_in(tree: Tree, candidates: Sequence[Candidate]) -> list[Group]:
    """The candidates of one project."""
    neighbours = {candidate.real: tuple(tree.neighbours(candidate.real)) for candidate in candidates}
    leader: dict[str, str] = {}

    def find(path: str) -> str:
        while leader.setdefault(path, path) != path:
            leader[path] = leader[leader[path]]
            path = leader[path]
        return path

    for path, others in neighbours.items():
        for other in others:
            leader[find(other)] = find(path)
    members: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        members.setdefault(find(candidate.real), []).append(candidate)
    return [
        Group(
            tuple(files),
            tree if any(neighbours[file.real] for file in files) else Tree.alone(tree.root),
            {file.real: neighbours[file.real] for file in files},
        )
        for files in members.values()
    ]
