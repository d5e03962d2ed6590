"""A file around the code, as the rules see it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property

from migrator.edits import Change, Note
from migrator.surroundings.kinds import Kind
from migrator.surroundings.text import Text


@dataclass(frozen=True)
class Stays:
    """A mention of Speechmatics that is right as it is: code that stays needs it. Its 1-based line."""

    line: int


Proposal = Change | Note | Stays


@dataclass(frozen=True, eq=False)
class File:
    """A file, its kind and its bytes."""

    path: str
    kind: Kind
    data: bytes

    @cached_property
    def text(self) -> Text:
        """What stands in it."""
        return Text(self.data)

    def is_comment(self, offset: int) -> bool:
        """Whether an offset stands in a comment: documents have none, other files say ``#``."""
        before = self.text.text[self.text.line_start(offset) : offset]
        return self.kind.name not in ("document", "notebook", "other language") and "#" in before

    @property
    def folder(self) -> str:
        """The folder whose code it is about: a folder ``requirements`` speaks for the one around it."""
        folder = posixpath.dirname(self.path)
        if posixpath.basename(folder).lower() in ("requirements", "reqs", "deps", ".github", ".circleci"):
            return posixpath.dirname(folder)
        return folder
