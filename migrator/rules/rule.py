"""What a rule is, and what it may ask of the rewrite that it takes part in."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from migrator.dialects.session import Session
from migrator.edits import Change, Need, Note, Obstacle, Proposal, Removal
from migrator.options import Options
from shim.protocol.mapping.hosts import Region


@dataclass(eq=False)
class Plan:
    """What the rules of one rewrite share.

    Attributes:
        options: what the user asked for.
        proposals: what was proposed so far, with the id of the rule, in order.
    """

    session: Session
    options: Options
    proposals: list[tuple[str, Proposal]] = field(default_factory=list)

    def region(self, found: Region) -> Region:
        """The region of the new endpoint, where the Speechmatics host promised ``found``."""
        return found if self.options.region == "auto" else self.options.region

    def fresh(self, *candidates: str) -> str:
        """The first of some names that the source does not use yet."""
        used = {binding.name for binding in self.session.names.bindings()}
        return next((name for name in candidates if name not in used), candidates[-1] + "_")

    @property
    def parameters_name(self) -> str:
        """The variable that holds the query of the connection."""
        return self.fresh("connection_params", "assemblyai_params")

    @property
    def changes(self) -> list[Change]:
        """The changes that were proposed so far."""
        return [proposal for _, proposal in self.proposals if isinstance(proposal, Change)]

    @property
    def removed(self) -> list[ast.stmt]:
        """The statements that are to go, as far as is known now."""
        return [proposal.statement for _, proposal in self.proposals if isinstance(proposal, Removal)]

    @property
    def needs(self) -> list[Need]:
        """The imports that the new code needs, as far as is known now."""
        return [proposal for _, proposal in self.proposals if isinstance(proposal, Need)]

    def is_removed(self, node: ast.AST) -> bool:
        """Whether a node stands in what is to go or is replaced, as far as is known now."""
        removed = {id(statement) for statement in self.removed}
        names, source = self.session.names, self.session.source
        if id(node) in removed or any(id(parent) in removed for parent in names.ancestors(node)):
            return True
        if not isinstance(node, ast.expr | ast.stmt):
            return False
        start, end = source.start(node), source.end(node)
        return any(change.start <= start and end <= change.end for change in self.changes)


Propose = Callable[[Session, Plan], Iterator[Proposal]]


@dataclass(frozen=True)
class Rule:
    """One rewrite.

    Attributes:
        id: stable, in lower case with hyphens; an anchor of ``docs/rules.md``.
        title: one line.
        why: Markdown: what is different and what follows from it.
        before: an example of the legacy code; empty for a rule without edits.
        after: what becomes of it.
        propose: facts in, proposals out; it changes nothing itself.
        language: of the example, as Markdown names it.
        selectable: whether it can be chosen on its own; false for what belongs to the connection.
    """

    id: str
    title: str
    why: str
    before: str = ""
    after: str = ""
    propose: Propose | None = None
    selectable: bool = False
    language: str = "python"

    @property
    def explanation(self) -> str:
        """Why, and an example, as Markdown."""
        if not self.before:
            return self.why
        return f"{self.why}\n\n```{self.language}\n# before\n{self.before.strip()}\n\n# after\n{self.after.strip()}\n```"


__all__ = ["Change", "Need", "Note", "Obstacle", "Plan", "Proposal", "Removal", "Rule", "Session"]
