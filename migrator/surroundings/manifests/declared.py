"""One requirement in the text of a file, and how it is replaced, followed by another, or removed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrator.edits import Change
from migrator.surroundings.packages import LOWER_BOUNDS
from migrator.surroundings.text import Text


@dataclass(frozen=True)
class Declared:
    """A requirement as it stands in a file.

    Attributes:
        name: normalised.
        section: requirements of one section are installed together; the first section of a file is the main one.
        start, end: offsets of what stands for it, with quotes, version and options.
        separator: what must stand between two of them beside white space: a comma, or nothing.
        form: how another one is written, with ``{name}`` and ``{bound}``.
        is_alone: it has its line for itself.
        is_locked: it has hashes or comes from a tool: a person cannot write another one.
        previous_end: where the word before it ends, in a command line; -1 elsewhere, and where no word before it may stay.
        can_go: whether something is left without it.
    """

    name: str
    section: str
    start: int
    end: int
    separator: str = ""
    form: str = "{name}{bound}"
    is_alone: bool = True
    is_locked: bool = False
    previous_end: int = -1
    can_go: bool = True

    def spelled(self, name: str) -> str:
        """Another requirement, in the form of this one."""
        return self.form.format(name=name, bound=LOWER_BOUNDS.get(name, ""))


def replaced(text: Text, item: Declared, names: Sequence[str], reason: str) -> Iterator[Change]:
    """One or more other requirements in the place of one."""
    yield Change(item.start, item.end, item.spelled(names[0]), reason)
    yield from followed(text, item, names[1:], reason)


def followed(text: Text, item: Declared, names: Sequence[str], reason: str) -> Iterator[Change]:
    """More requirements behind one."""
    if not names:
        return
    if not item.is_alone:
        rest = "".join(f"{item.separator} {item.spelled(name)}" for name in names)
        yield Change(item.end, item.end, rest, reason)
        return
    indentation = text.text[text.line_start(item.start) : item.start].lstrip("\ufeff")
    has_separator = bool(item.separator) and text.text[item.end :].lstrip().startswith(item.separator)
    if item.separator and not has_separator:
        yield Change(item.end, item.end, item.separator, reason)
    lines = [indentation + item.spelled(name) + item.separator for name in names]
    if item.separator and not has_separator:
        lines[-1] = lines[-1].removesuffix(item.separator)
    end = text.line_end(item.end)
    yield Change(end, end, "".join(f"\n{line}" for line in lines), reason)


def removed(text: Text, item: Declared, reason: str) -> Change:
    """One requirement less."""
    source = text.text
    if item.is_alone:
        start = text.line_start(item.start)
        return Change(start + source.startswith("\ufeff", start), text.next_line(item.end), "", reason)
    if not item.separator:
        return Change(item.previous_end, item.end, "", reason)
    behind = re.compile(r"[ \t]*" + re.escape(item.separator) + r"[ \t]*").match(source, item.end)
    if behind:
        return Change(item.start, behind.end(), "", reason)
    before = source[: item.start].rstrip()
    start = len(before) - 1 if before.endswith(item.separator) else item.start
    return Change(start, item.end, "", reason)


def is_alone(text: Text, start: int, end: int, separator: str = ",") -> bool:
    """Whether a span shares its line with nothing but a separator and a comment."""
    before = text.text[text.line_start(start) : start].lstrip("\ufeff")
    behind = text.text[end : text.line_end(end)].strip()
    behind = behind.removeprefix(separator).strip() if separator else behind
    return not before.strip() and (not behind or behind.startswith("#"))
