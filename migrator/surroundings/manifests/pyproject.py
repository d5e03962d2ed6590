"""``pyproject.toml``: PEP 621, PEP 735, and the tables of poetry, uv, pdm, hatch and pixi."""

from __future__ import annotations

import re

from migrator.surroundings.manifests import toml
from migrator.surroundings.manifests.declared import Declared, is_alone
from migrator.surroundings.packages import name_of, normalised
from migrator.surroundings.text import Text

_LISTS = re.compile(
    r"project\.(?:dependencies|optional-dependencies\.[^.]+)|dependency-groups\.[^.]+"
    r"|tool\.uv\.(?:dev|constraint|override)-dependencies|tool\.pdm\.dev-dependencies\.[^.]+"
    r"|tool\.hatch\.envs\..+\.(?:extra-)?dependencies"
)
_TABLES = re.compile(
    r"tool\.poetry\.(?:(?:dev-)?dependencies|group\.[^.]+\.dependencies)|tool\.pixi\.(?:.+\.)?pypi-dependencies"
    r"|(?:dev-)?packages"
)


def declared(text: Text) -> list[Declared]:
    """The requirements in lists of strings, and those that are entries of a table."""
    found = []
    for entry in toml.entries(text):
        table, _, key = entry.path.rpartition(".")
        if _LISTS.fullmatch(entry.path):
            for start, end in entry.strings:
                quote = text.text[start]
                name = name_of(text.text[start + 1 : end - 1])
                alone = is_alone(text, start, end)
                form = f"{quote}{{name}}{{bound}}{quote}"
                if name:
                    found.append(Declared(name, entry.path, start, end, ",", form, alone))
        elif _TABLES.fullmatch(table):
            found.append(Declared(normalised(key), table, entry.start, entry.end, form='{name} = "{bound}"'))
    return found


def problem(before: bytes, after: bytes) -> str:
    """Why an edit cannot be made; empty where a file that was TOML still is."""
    # Only a file that is to be edited needs it.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        tomlkit.parse(before)
    except (ValueError, TOMLKitError) as error:
        return f"this file is no TOML ({error})"
    try:
        tomlkit.parse(after)
    except (ValueError, TOMLKitError):
        return "its place is not understood"
    return ""
