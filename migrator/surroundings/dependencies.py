"""What a project installs follows what its code imports after the rewrite."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from migrator.edits import Change, Note
from migrator.surroundings.file import File, Proposal, Stays
from migrator.surroundings.manifests import commands, conda, pyproject, requirements, setup_cfg, setup_py
from migrator.surroundings.manifests.declared import Declared, followed, removed, replaced
from migrator.surroundings.outcome import Outcome
from migrator.surroundings.packages import BROUGHT, DROP_IN, FOLLOWED, LEAST, MENTION, is_too_old
from migrator.surroundings.text import Text

READERS: Mapping[str, Callable[[Text], list[Declared]]] = {
    "pyproject": pyproject.declared,
    "requirements": requirements.declared,
    "setup.cfg": setup_cfg.declared,
    "setup.py": setup_py.declared,
    "pipfile": pyproject.declared,
    "conda": conda.declared,
}
"""By kind of file, those first that get a requirement for which no better place is seen."""

RELOCK = {
    "poetry.lock": "poetry lock",
    "uv.lock": "uv lock",
    "pdm.lock": "pdm lock",
    "pixi.lock": "pixi lock",
    "pipfile.lock": "pipenv lock",
    "conda-lock.yml": "conda-lock",
    "pylock.toml": "pip lock or uv export",
}

_NEIGHBOURS = frozenset({*FOLLOWED, "websockets", "websocket-client"})
"""Beside one of these stands what takes the place of Speechmatics."""

_OLD_PYTHON = re.compile(
    r"(?:requires-python|python_requires|^python)\s*=\s*[\"']?\s*(?:>=|\^|~=?|>)\s*3\.[0-9](?!\d)",
    re.MULTILINE,
)


def plan(files: Sequence[File], outcome: Outcome) -> dict[str, list[Proposal]]:
    """What is to be done in the files that declare requirements, and in lock files, by path."""
    items = {file.path: READERS[file.kind.name](file.text) for file in files if file.kind.name in READERS}
    needs = _needs([file for file in files if file.path in items], items, outcome)
    plans: dict[str, list[Proposal]] = {}
    for file in files:
        if file.path in items:
            scope = outcome.below(file.folder)
            plans[file.path] = [
                *_edited(file, items[file.path], needs.get(file.path, ()), scope),
                *_too_old(file, items[file.path], scope),
                *_not_understood(file, items[file.path], scope),
            ]
    for file in files:
        if file.kind.name == "lock":
            plans[file.path] = list(_relocked(file, files, plans, outcome))
    return plans


def in_commands(file: File, outcome: Outcome) -> Iterator[Proposal]:
    """What is to be done in the command lines of a file that install packages."""
    scope = outcome.below(file.folder)
    items = commands.declared(file.text)
    yield from _edited(file, items, sorted(scope.needs), scope)
    yield from _too_old(file, items, scope)


def _needs(
    files: Sequence[File], items: Mapping[str, list[Declared]], outcome: Outcome
) -> dict[str, list[str]]:
    """What each file has to declare: a module's needs go to the nearest folder that declares any."""
    homes: dict[str, list[File]] = {}
    for file in files:
        is_place = bool(items[file.path]) or file.kind.name == "requirements"
        if is_place and not _is_constraint(file):
            homes.setdefault(file.folder, []).append(file)
    needs: dict[str, set[str]] = {}
    for module in outcome.modules:
        if module.needs:
            home = _nearest(module.path, homes)
            for folder in homes if home is None else [home]:
                needs.setdefault(folder, set()).update(module.needs)
    result: dict[str, list[str]] = {}
    for folder, names in needs.items():
        there = homes[folder]
        beside = [file for file in there if any(item.name in _NEIGHBOURS for item in items[file.path])]
        declared = {item.name for file in there for item in items[file.path]}
        if not beside and not names <= declared and _nearest_is_certain(folder, outcome):
            beside = sorted(there, key=_preference)[:1]
        for file in beside:
            result[file.path] = sorted(names)
    return result


def _nearest(path: str, homes: Mapping[str, object]) -> str | None:
    folder = posixpath.dirname(path)
    while folder not in homes:
        parent = posixpath.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _nearest_is_certain(folder: str, outcome: Outcome) -> bool:
    prefix = f"{folder}/" if folder else ""
    return any(module.path.startswith(prefix) and module.needs for module in outcome.modules)


def _preference(file: File) -> tuple[bool, int, str]:
    name = posixpath.basename(file.path).lower()
    is_for_development = re.search(r"dev|test|doc|lint|build", name) is not None
    return (is_for_development, list(READERS).index(file.kind.name), name)


def _is_constraint(file: File) -> bool:
    return "constraint" in posixpath.basename(file.path).lower()


def _edited(
    file: File, items: Sequence[Declared], needs: Sequence[str], scope: Outcome
) -> Iterator[Proposal]:
    """Requirements that nothing needs go, and what the code needs takes their place."""
    text = file.text
    is_constraint = _is_constraint(file)
    declared = {item.name for item in items}
    found_place = False
    for section in dict.fromkeys(item.section for item in items):
        there = [item for item in items if item.section == section]
        gone = []
        for item in there:
            if item.name not in FOLLOWED:
                continue
            line = text.line_of(item.start)
            reason = "" if item.name not in scope.imported else "imported"
            if reason or is_constraint:
                yield Stays(line)
            elif not scope.modules:
                yield Note(line, f"no Python file here uses {item.name}; it can go if nothing else does")
            elif scope.unclear:
                yield Note(line, f"{item.name} can go if nothing needs it any more: {scope.unclear}")
            elif item.is_locked:
                yield Note(line, f"{item.name} goes when this file is compiled or hashed anew")
            else:
                gone.append(item)
        new = [name for name in needs if name not in {item.name for item in there}]
        new += [name for name in _lost(gone, declared, scope) if name not in new]
        beside = [item for item in there if item.name in _NEIGHBOURS]
        if (gone or beside) and not is_constraint:
            found_place = True
            yield from _exchanged(text, gone, beside, new)
    if needs and not found_place and not is_constraint and file.kind.name in READERS:
        yield from _appended(text, items, [name for name in needs if name not in declared])


def _lost(gone: Iterable[Declared], declared: set[str], scope: Outcome) -> Iterator[str]:
    """What the code imports, and nothing would bring any more."""
    brought = {name for item in gone for name in BROUGHT.get(item.name, ())}
    return (name for name in sorted(brought) if name in scope.imported and name not in declared)


def _too_old(file: File, items: Sequence[Declared], scope: Outcome) -> Iterator[Note]:
    """Requirements with which the drop-in cannot be installed."""
    for item in items if DROP_IN in scope.needs else ():
        if is_too_old(item.name, file.text.text[item.start : item.end]):
            least = ".".join(map(str, LEAST[item.name]))
            message = f"{DROP_IN} needs {item.name} {least} or newer, which is not taken here: raise it"
            yield Note(file.text.line_of(item.start), message)


def _exchanged(
    text: Text, gone: Sequence[Declared], beside: Sequence[Declared], new: Sequence[str]
) -> Iterator[Proposal]:
    why_gone = "nothing imports it any more"
    if gone and new:
        yield from replaced(text, gone[0], new, f"{why_gone}; the code needs {' and '.join(new)} now")
        gone = gone[1:]
    elif new and beside[0].is_locked:
        yield Note(
            text.line_of(beside[0].start),
            f"the code needs {' and '.join(new)}: compile or hash this file anew",
        )
    elif new:
        yield from followed(text, beside[0], new, f"the code needs {' and '.join(new)} now")
    for item in gone:
        if item.can_go:
            yield removed(text, item, why_gone)
        else:
            yield Note(
                text.line_of(item.start), f"nothing imports {item.name} any more, so this command can go"
            )
    if DROP_IN in new and (match := _OLD_PYTHON.search(text.text)):
        yield Note(text.line_of(match.start()), f"{DROP_IN} needs Python 3.10 or newer")


def _appended(text: Text, items: Sequence[Declared], new: Sequence[str]) -> Iterator[Proposal]:
    if not new:
        return
    reason = f"the code needs {' and '.join(new)} now"
    main = [item for item in items if item.section == items[0].section]
    if main and main[-1].is_locked:
        yield Note(1, f"{reason}: compile or hash this file anew")
    elif main:
        yield from followed(text, main[-1], new, reason)
    else:
        yield Note(1, f"{reason}: declare it here")


def _not_understood(file: File, items: Sequence[Declared], scope: Outcome) -> Iterator[Proposal]:
    """Mentions that are no requirement in a known place."""
    text = file.text
    for match in MENTION.finditer(text.text):
        is_known = any(item.start <= match.start() < item.end and item.name in FOLLOWED for item in items)
        if match.group().startswith("[") and scope.uses_plugin:
            yield Stays(text.line_of(match.start()))
        elif not file.is_comment(match.start()) and not is_known:
            message = f"{match.group()} is named in a way that is not understood; see whether the code still needs it"
            yield Note(text.line_of(match.start()), message)


def _relocked(
    file: File, files: Sequence[File], plans: Mapping[str, list[Proposal]], outcome: Outcome
) -> Iterator[Proposal]:
    name = posixpath.basename(file.path)
    command = RELOCK.get(name.lower(), "the command that made it")
    sources = [
        other.path
        for other in files
        if other.folder == file.folder and any(isinstance(p, Change) for p in plans.get(other.path, ()))
    ]
    mention = MENTION.search(file.text.text)
    line = file.text.line_of(mention.start()) if mention else 1
    if sources:
        yield Note(line, f"lock again, because {' and '.join(sources)} changed: {command}")
    elif mention:
        kept = outcome.below(file.folder).imported & FOLLOWED
        if kept:
            yield Stays(line)
        else:
            yield Note(line, f"it still locks Speechmatics: see what asks for it, then {command}")
