"""Which versions of a package a project installs, as far as its files say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from migrator.surroundings.kinds import kind_of
from migrator.surroundings.packages import normalised
from migrator.surroundings.text import Text

_ENVIRONMENTS = (".venv", "venv", "env")
"""Folders in which projects keep their virtual environment."""

_SITE_PACKAGES = ("lib/python*/site-packages", "Lib/site-packages")
_FOLDERS = ("", "requirements", "reqs")
_LOCKED = re.compile(r'^name\s*=\s*"(?P<name>[^"]+)"\s*\nversion\s*=\s*"(?P<version>[^"]+)"', re.MULTILINE)
_QUOTED = re.compile(r"[\"'](?P<text>[^\"']*)[\"']")
_VERSION = re.compile(r"version\s*=\s*[\"'](?P<text>[^\"']*)[\"']")
_BOUNDS = re.compile(
    r"(?:===?|~=|!=|<=|>=|<|>)\s*[^\s;,#\"'\\]+(?:\s*,\s*(?:===?|~=|!=|<=|>=|<|>)\s*[^\s;,#\"'\\]+)*"
)
_CARET = re.compile(r"(?P<sign>\^|~)\s*(?P<major>\d+)(?:\.(?P<minor>\d+))?[\d.]*")


@dataclass(frozen=True)
class Known:
    """What one file, or the environment of the project, says of a package.

    Attributes:
        where: the file, relative to the project, or the environment.
        bounds: the versions that it allows, as PEP 440 writes them.
    """

    where: str
    bounds: str

    def allowed(self, versions: Iterable[str]) -> list[str]:
        """Which of some versions it allows; all of them where it cannot be read."""
        # Only a program with a question about versions needs it.
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        versions = list(versions)
        try:
            return list(SpecifierSet(self.bounds).filter(versions, prereleases=False))
        except InvalidSpecifier:
            return versions


def known(package: str, place: str, root: str) -> list[Known]:
    """What is said of a package in the nearest folder that says anything: the installed version before the locked one,
    and that before what is declared.

    Args:
        package: the name of the distribution, normalised.
        place: the file that imports it; an absolute path, or else nothing is known.
        root: the folder of the project, where the search ends.
    """
    if not os.path.isabs(place) or not root:
        return []
    top = Path(root)
    for folder in Path(place).parents:
        for look in (_installed, _locked, _declared):
            found = sorted(set(look(package, folder, top)), key=lambda item: item.where)
            if found:
                return found
        if folder == top:
            break
    return []


def _installed(package: str, folder: Path, top: Path) -> Iterator[Known]:
    pattern = re.compile(
        rf"{re.escape(package).replace('-', '[-_.]')}-(?P<version>[^-]+)\.dist-info", re.IGNORECASE
    )
    for environment in _ENVIRONMENTS:
        for packages in _SITE_PACKAGES:
            for entry in (folder / environment).glob(f"{packages}/*.dist-info"):
                match = pattern.fullmatch(entry.name)
                if match:
                    yield Known(_shown(folder / environment, top), f"=={match['version']}")


def _locked(package: str, folder: Path, top: Path) -> Iterator[Known]:
    for file in _files(folder, "lock"):
        for match in _LOCKED.finditer(_text(file)):
            if normalised(match["name"]) == package:
                yield Known(_shown(file, top), f"=={match['version']}")


def _declared(package: str, folder: Path, top: Path) -> Iterator[Known]:
    # The readers cost time to import, and few programs ask for a version.
    from migrator.surroundings.dependencies import READERS

    for name in _FOLDERS:
        for kind, read in READERS.items():
            for file in _files(folder / name, kind):
                text = Text(file.read_bytes())
                for item in read(text):
                    bounds = _bounds(text.text[item.start : item.end]) if item.name == package else ""
                    if bounds:
                        yield Known(_shown(file, top), bounds)


def _files(folder: Path, kind: str) -> list[Path]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except OSError:
        return []
    found = [name for name in names if (its := kind_of(name, folder.name)) is not None and its.name == kind]
    return [folder / name for name in found if os.access(folder / name, os.R_OK)]


def _text(file: Path) -> str:
    return Text(file.read_bytes()).text.replace("\r\n", "\n")


def _shown(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix() if path.is_relative_to(top) else path.name


def _bounds(requirement: str) -> str:
    """The versions in a requirement as it stands in a file; empty where it names none."""
    requirement = requirement.partition(";")[0]
    version = _VERSION.search(requirement)
    if version is None and re.match(r"[\w.\"'-]+\s*=\s*[\"']", requirement):
        version = _QUOTED.search(requirement, requirement.index("="))
    text = version["text"] if version else requirement
    if match := _CARET.fullmatch(text.strip()):
        return _caret(match, text.strip())
    if version and re.fullmatch(r"\d[\w.*]*", text.strip()):
        return f"=={text.strip()}"
    bounds = _BOUNDS.search(text)
    return re.sub(r"\s+", "", bounds.group()) if bounds else ""


def _caret(match: re.Match[str], text: str) -> str:
    """Poetry's ``^12.1`` and ``~12.1``."""
    major, minor = int(match["major"]), match["minor"]
    upper = str(major + 1) if match["sign"] == "^" or minor is None else f"{major}.{int(minor) + 1}"
    return f">={text.lstrip('^~ ')},<{upper}"
