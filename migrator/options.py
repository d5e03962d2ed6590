"""What the user asked of one run, free of how it was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Target = Literal["auto", "native", "shim"]
Region = Literal["auto", "eu", "us"]


@dataclass(frozen=True)
class Options:
    """Choices that change what a rewrite looks like.

    Attributes:
        to: ``auto`` rewrites a unit that was understood whole and gives the others the drop-in; ``native`` leaves
            units that it cannot finish unchanged; ``shim`` uses the drop-in everywhere.
        partial: with ``native``: rewrite what can be rewritten, mark the rest in place.
        region: data zone of the new endpoint; ``auto`` keeps the one of the Speechmatics host.
        speech_model: the AssemblyAI model to pin; None lets the language decide.
        select: rule ids to apply among those around the connection; None means all of them.
        ignore: rule ids to leave out among those around the connection.
        shadowed_by: the module of the project's own that ``import shim`` would find in place of the drop-in, as a path;
            empty where there is none.
    """

    to: Target = "auto"
    partial: bool = False
    region: Region = "auto"
    speech_model: str | None = None
    select: frozenset[str] | None = None
    ignore: frozenset[str] = frozenset()
    shadowed_by: str = ""
