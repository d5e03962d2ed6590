"""Which files around the code are looked at, by their names alone: this is asked of every file of a project."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Files of one kind.

    Attributes:
        name: what it is called in reports.
        pattern: the whole name of the file, in lower case.
        is_manifest: it may need an edit although it does not mention Speechmatics yet.
        follows_code: it says nothing to anybody while there is no code to migrate.
        is_private: it holds real secrets, so no diff of it may be shown: it gets findings.
    """

    name: str
    pattern: str
    is_manifest: bool = False
    follows_code: bool = False
    is_private: bool = False


KINDS = (
    Kind("requirements", r".*(?:requirements|constraints).*\.(?:txt|in)", is_manifest=True),
    Kind("pyproject", r"pyproject\.toml", is_manifest=True),
    Kind("setup.cfg", r"setup\.cfg", is_manifest=True),
    Kind("setup.py", r"setup\.py", is_manifest=True),
    Kind("pipfile", r"pipfile", is_manifest=True),
    Kind("conda", r"(?:conda[-_.]?)?env(?:ironment)?s?(?:[-_.].*)?\.ya?ml", is_manifest=True),
    Kind("lock", r"(?:poetry|uv|pdm|pixi|pipfile)\.lock|(?:.*\.)?conda-lock\.ya?ml|pylock(?:\..*)?\.toml"),
    Kind(
        "environment",
        r"\.env[-_.](?:.*[-_.])?(?:example|sample|template|tmpl|dist|defaults?|tpl)|\.?(?:example|sample|template)\.env"
        r"|.+\.env[-_.](?:example|sample|template|tmpl|dist|tpl)|env[-_.](?:example|sample|template)",
    ),
    Kind("secrets", r"\.env(?:[-_.].+)?|.+\.env|\.envrc", is_private=True),
    Kind(
        "script",
        r"(?:.*[-_.])?(?:dockerfile|containerfile)(?:[-_.].*)?|(?:gnu)?makefile|.*\.mk|procfile(?:\..*)?|justfile"
        r"|.*\.(?:sh|bash|zsh|fish|ps1|bat)|tox\.ini",
    ),
    Kind("yaml", r".*\.ya?ml"),
    Kind("settings", r"(?:app|launch|devcontainer|vercel|now|config.*)\.json|.*\.(?:ini|conf|tfvars)"),
    Kind("notebook", r".*\.ipynb"),
    Kind(
        "document",
        r"(?!changelog|changes|history|news).*\.(?:md|mdx|rst|adoc)|(?:readme|install|usage)(?:\.txt)?",
        follows_code=True,
    ),
    Kind(
        "other language",
        r"package\.json|(?!.*\.(?:min|bundle)\.).*\.(?:[cm]?[jt]s|[jt]sx|vue|svelte|html?|go|java|kts?|scala|cs|fs|vb"
        r"|rb|php|rs|swift|m|mm|c|cc|cpp|h|hpp|dart|exs?|lua|pl|r|jl|clj|groovy)",
    ),
)

_REQUIREMENTS_FOLDERS = ("requirements", "reqs")


@functools.cache
def _any() -> re.Pattern[str]:
    # Made when a file needs it: that takes a tenth of the time of starting.
    return re.compile("|".join(f"(?P<k{number}>{kind.pattern})" for number, kind in enumerate(KINDS)))


def kind_of(name: str, folder: str = "") -> Kind | None:
    """The kind of a file; None for one that is not looked at.

    Args:
        name: of the file.
        folder: the name of the folder that it lies in.
    """
    match = _any().fullmatch(name.lower())
    if match is not None:
        assert match.lastgroup is not None
        return KINDS[int(match.lastgroup[1:])]
    if folder.lower() in _REQUIREMENTS_FOLDERS and name.lower().endswith((".txt", ".in")):
        return KINDS[0]
    return None
