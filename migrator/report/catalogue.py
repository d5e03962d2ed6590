"""The rules, told to people: the list, one explanation, and the page ``docs/rules.md``.

``python -m migrator.report.catalogue > docs/rules.md`` writes the page anew.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator

from migrator.rules import CATALOGUE

_HEAD = """\
# Rules

What `migrate` does to a program, rule by rule. Rules of the connection are applied all together or not at all; those
around the connection can be chosen with `--select` and `--ignore`. This page is made from the code:
`python -m migrator.report.catalogue > docs/rules.md`.
"""


def listing() -> str:
    """A line for each rule: id and title."""
    width = max(map(len, CATALOGUE), default=0)
    return "".join(f"{name:{width}}  {rule.title}\n" for name, rule in CATALOGUE.items())


def explanation(name: str) -> str:
    """What one rule does and why, as Markdown without its heading level."""
    rule = CATALOGUE[name]
    kind = (
        "around the connection: --select and --ignore take it"
        if rule.selectable
        else "part of the connection"
    )
    return f"{rule.id}: {rule.title}\n({kind})\n\n{rule.explanation.strip()}\n"


def page() -> str:
    """All of ``docs/rules.md``."""
    return _HEAD + "".join(_sections())


def _sections() -> Iterator[str]:
    for title, selectable in (("The connection", False), ("Around the connection", True)):
        chosen = [rule for rule in CATALOGUE.values() if rule.selectable is selectable]
        if chosen:
            yield f"\n## {title}\n"
        for rule in chosen:
            yield f"\n### {rule.id}\n\n{rule.title}\n\n{rule.explanation.strip()}\n"


def no_such_rule(name: str) -> str:
    """One line that helps whoever mistyped a rule id."""
    close = difflib.get_close_matches(name, CATALOGUE, n=1)
    return f"no rule {name!r}; " + (f"did you mean {close[0]}?" if close else "--list-rules names them")


if __name__ == "__main__":
    sys.stdout.write(page())
