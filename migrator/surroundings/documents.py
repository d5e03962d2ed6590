"""Documents that speak of Speechmatics: they are named, and people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrator.edits import Note
from migrator.surroundings.file import File
from migrator.surroundings.outcome import Outcome

MENTION = re.compile(
    r"(?:(?<![A-Za-z0-9_])[Ss]peechmatics|(?<!\w)SPEECHMATICS(?![A-Z0-9_]))(?!-to-assemblyai)"
)


def propose(file: File, outcome: Outcome, taken: set[int]) -> Iterator[Note]:
    """One note for all lines that no other rule takes.

    Args:
        taken: the lines that other rules take.
    """
    if not outcome.modules:
        return
    text = file.text
    offsets = [match.start() for match in MENTION.finditer(text.text) if not file.is_comment(match.start())]
    left = [line for line in dict.fromkeys(map(text.line_of, offsets)) if line not in taken]
    if left:
        numbers = ", ".join(map(str, left[:20])) + (", ..." if len(left) > 20 else "")
        where = f"line {numbers} speaks" if len(left) == 1 else f"lines {numbers} speak"
        yield Note(left[0], f"{where} of Speechmatics; say what is true now")
