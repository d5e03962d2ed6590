"""``setup.cfg``: ``install_requires`` and the extras."""

from __future__ import annotations

import re

from migrator.surroundings.manifests.declared import Declared
from migrator.surroundings.packages import name_of
from migrator.surroundings.text import Text

_LINE = re.compile(r"[^\n]*")


def declared(text: Text) -> list[Declared]:
    """The requirements that have a line for themselves."""
    found = []
    table = key = ""
    for match in _LINE.finditer(text.text):
        line = match.group().rstrip("\r").lstrip("\ufeff")
        body = line.strip()
        if not body or body.startswith(("#", ";")):
            continue
        if header := re.fullmatch(r"\[(.+)\]", body):
            table, key = header.group(1), ""
        elif not line[0].isspace():
            key = re.split(r"[=:]", line, maxsplit=1)[0].strip()
        elif (table, key) == ("options", "install_requires") or table == "options.extras_require":
            start = match.start() + match.group().index(body)
            if name := name_of(body):
                found.append(Declared(name, f"{table}.{key}", start, start + len(body)))
    return found
