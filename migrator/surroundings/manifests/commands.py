"""Command lines that install packages: in Dockerfiles, workflows, scripts, documents and notebooks."""

from __future__ import annotations

import re

from migrator.surroundings.manifests.declared import Declared
from migrator.surroundings.packages import name_of
from migrator.surroundings.text import Text

_COMMAND = re.compile(
    r"(?<![\w.-])(?:(?:uv[ \t]+)?pip[\d.]*[ \t]+install|(?:uv|poetry|pdm)[ \t]+add|pipenv[ \t]+install)(?=[ \t\\])"
)
_WORD = re.compile(r"(?:[ \t]|\\\r?\n)+(?P<word>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'`&|;<>()\\#]+)")
_WITH_VALUE = {
    "-r",
    "-c",
    "-e",
    "-i",
    "-f",
    "-t",
    "--requirement",
    "--constraint",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--target",
    "--editable",
    "--group",
    "-G",
    "--extra",
    "-E",
    "--python",
    "--source",
    "--prefix",
}


def declared(text: Text) -> list[Declared]:
    """The packages that are named; each command is a section of its own."""
    found = []
    for command in _COMMAND.finditer(text.text):
        position = command.end()
        words: list[tuple[int, int, int]] = []
        takes_value = False
        while match := _WORD.match(text.text, position):
            word = match["word"]
            if takes_value:
                takes_value = False
            elif word in _WITH_VALUE:
                takes_value = True
            elif not word.startswith("-") and name_of(word.strip("\"'")):
                words.append((position, match.start("word"), match.end()))
            position = match.end()
        for previous, start, end in words:
            name = name_of(text.text[start:end].strip("\"'"))
            found.append(
                Declared(
                    name,
                    f"command at {command.start()}",
                    start,
                    end,
                    form="{name}",
                    is_alone=False,
                    previous_end=previous,
                    can_go=len(words) > 1,
                )
            )
    return found
