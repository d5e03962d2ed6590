"""``environment.yml``: the requirements under ``pip:``; conda packages are another namespace."""

from __future__ import annotations

import re

from migrator.surroundings.manifests.declared import Declared
from migrator.surroundings.packages import name_of
from migrator.surroundings.text import Text

_LINE = re.compile(r"(?P<indent>[ \t]*)(?P<dash>-[ \t]+)?(?P<body>[^\n]*)")


def declared(text: Text) -> list[Declared]:
    """The items of the list that ``- pip:`` begins."""
    found = []
    pip_indent = -1
    for match in _LINE.finditer(text.text):
        body = re.sub(r"(?:^|\s)#.*", "", match["body"]).rstrip()
        if not body:
            continue
        indent = len(match["indent"])
        if match["dash"] and re.fullmatch(r"pip\s*:", body):
            pip_indent = indent
        elif indent <= pip_indent:
            pip_indent = -1
        elif pip_indent >= 0 and match["dash"] and (name := name_of(body.strip("\"'"))):
            start = match.start("body")
            quote = body[0] if body[0] in "\"'" else ""
            form = f"{quote}{{name}}{{bound}}{quote}"
            found.append(Declared(name, "pip", start, start + len(body), form=form))
    return found
