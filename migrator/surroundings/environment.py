"""The names of environment variables, wherever they are set or passed on: never their values.

A file whose variables hold real secrets gets findings and no edit: a diff shows the lines around a change, too. Nor does
a Speechmatics key ever get the name of AssemblyAI's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrator.edits import Change, Note
from migrator.surroundings.file import File, Proposal, Stays
from migrator.surroundings.outcome import Outcome
from shim.settings import API_KEY_VARIABLE

VARIABLE = re.compile(r"(?<![A-Za-z0-9_])(?:SPEECHMATICS(?:_[A-Z0-9_]+)?|SM_API_KEY)(?![A-Za-z0-9_-])")
_KEY = re.compile(r"SPEECHMATICS|.*_(?:KEY|TOKEN|SECRET|JWT)")
_SECRET = re.compile(
    r"(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|_DSN))[\"']?[ \t]*[:=][ \t]*"
    r"(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s#]*)",
    re.IGNORECASE,
)
_ASSIGNED = (
    r"{name}[\"']?[ \t]*(?:\?=|:=|[:=])[ \t]*(?P<value>\"[^\"\n]*\"|'[^'\n]*'|\$\{{\{{[^\n]*?\}}\}}|[^\s#]*)"
)
_SET_BY_SPACE = r"^[ \t]*(?:ENV|set(?:x|env)?|set -x)[ \t]+{name}[ \t]+(?P<value>[^\n]*)"
_DEFAULT = r"\$\{{{name}:?[-=+](?P<value>[^}}\n]*)\}}"
_LIST_OF_NAMES = r"name:[ \t]*[\"']?{name}"
_PLACEHOLDER = re.compile(
    r"your|xxx|<|>|change|replace|todo|placeholder|example|\.\.\.|…|dummy|fake|sample|test|insert|enter|here|secret|_key|-key"
    r"|_token|put|none|null",
    re.IGNORECASE,
)
_PLAIN_LINE = r"[ \t]*(?:-[ \t]+|export[ \t]+|ENV[ \t]+|ARG[ \t]+)?[\"']?{name}(?:[\"']?[ \t]*(?:\?=|:=|[:=])[^\n,{{]*(?:\$\{{[^\n]*\}}[\"']?)?)?[ \t]*"
_ADDRESS = re.compile(r"://[^/\s:@\"']+:[^/\s@\"'$]+@")


def is_placeholder(value: str) -> bool:
    """Whether a value is obviously no secret: empty, a reference to another variable, or a text that says so."""
    value = value.strip().strip("\"'").strip()
    return (
        not value
        or "$" in value
        or value.startswith(("%", "@", "{{"))
        or re.fullmatch(r"[xX*.\-_0]*", value) is not None
        or (len(value) < 48 and _PLACEHOLDER.search(value) is not None)
        or value.lower() in ("str", "string", "true", "false", "optional")
    )


def holds_secrets(text: str) -> bool:
    """Whether a text sets a variable that is named as a secret to what may be one, or has a password in an address."""
    return _ADDRESS.search(text) is not None or any(
        len(match["value"].strip("\"'")) >= 8
        and not is_placeholder(match["value"])
        and not _is_description(match["value"], text)
        for match in _SECRET.finditer(text)
    )


def _is_description(value: str, text: str) -> bool:
    """Whether what stands behind a variable says something about it: an error of a shell, a JSON object without a value."""
    return value.startswith("?") or (value.startswith("{") and '"value"' not in text)


def propose(file: File, outcome: Outcome) -> Iterator[Proposal]:
    """What becomes of each variable of Speechmatics that a file names."""
    text = file.text.text
    scope = outcome.below(file.folder)
    for name in dict.fromkeys(match.group() for match in VARIABLE.finditer(text)):
        spans = [match.span() for match in VARIABLE.finditer(text) if match.group() == name]
        lines = [file.text.line_of(start) for start, _ in spans]
        if not scope.modules:
            yield Note(lines[0], f"{name} is named here, and no Python file here reads it")
        elif scope.is_read(name):
            if not _KEY.fullmatch(name) or not scope.uses_drop_in:
                yield from map(Stays, lines)
            else:
                yield from _beside(file, name, spans, lines)
        elif not _KEY.fullmatch(name):
            yield Note(lines[0], f"no code here reads {name} any more; it can go")
        elif not scope.reads_new_key and not scope.uses_drop_in:
            yield Note(lines[0], f"no code here reads {name}; it can go if nothing else does")
        else:
            yield from _renamed(file, name, spans, lines)


def _renamed(file: File, name: str, spans: list[tuple[int, int]], lines: list[int]) -> Iterator[Proposal]:
    """The code reads AssemblyAI's variable instead of this one."""
    text = file.text.text
    has_new = re.search(rf"(?<!\w){API_KEY_VARIABLE}(?!\w)", text) is not None
    if file.kind.is_private or _has_real_value(text, name) or holds_secrets(text):
        set_it = "" if has_new else f"set {API_KEY_VARIABLE} to an AssemblyAI key; "
        yield Note(lines[0], f"{set_it}no code here reads {name} any more, so it can go")
    elif has_new:
        yield Note(
            lines[0], f"no code here reads {name} any more, and {API_KEY_VARIABLE} is here too; it can go"
        )
    elif re.search(_LIST_OF_NAMES.format(name=name), text):
        yield Note(
            lines[0],
            f"the code reads {API_KEY_VARIABLE} now; set that from a secret that holds an AssemblyAI key",
        )
    else:
        for start, end in spans:
            yield Change(start, end, API_KEY_VARIABLE, f"the code reads {API_KEY_VARIABLE} instead of {name}")
        yield from _new_secret(file, name)


def _beside(file: File, name: str, spans: list[tuple[int, int]], lines: list[int]) -> Iterator[Proposal]:
    """The program still reads this one, and its drop-in reads AssemblyAI's."""
    text = file.text.text
    if re.search(rf"(?<!\w){API_KEY_VARIABLE}(?!\w)", text):
        yield from map(Stays, lines)
        return
    plain = re.compile(_PLAIN_LINE.format(name=name))
    whole = [
        start
        for start in {file.text.line_of(start): start for start, _ in spans}.values()
        if plain.fullmatch(text[file.text.line_start(start) : file.text.line_end(start)].lstrip("\ufeff"))
    ]
    is_safe = not file.kind.is_private and not _has_real_value(text, name) and not holds_secrets(text)
    is_settable = file.kind.name in ("environment", "script", "yaml")
    if not is_safe or not whole or not is_settable or re.search(_LIST_OF_NAMES.format(name=name), text):
        yield Note(
            lines[0], f"the drop-in needs {API_KEY_VARIABLE} beside {name}, which the program still reads"
        )
        yield from map(Stays, lines[1:])
        return
    reason = f"the drop-in reads {API_KEY_VARIABLE}; the program still reads {name}"
    yield from map(Stays, lines)
    for start in whole:
        line_start, end = file.text.line_start(start), file.text.line_end(start)
        if text[line_start : line_start + 1] == "\ufeff":
            line_start += 1
        copy = re.sub(rf"(?<!\w){name}(?!\w)", API_KEY_VARIABLE, text[line_start:end])
        copy = re.sub(r"speechmatics", "assemblyai", copy)
        yield Change(end, end, f"\n{copy}", reason)
    yield from _new_secret(file, name)


def _has_real_value(text: str, name: str) -> bool:
    """Whether a variable is set to what may be a key of Speechmatics: a value, or a variable of another name."""
    for pattern in (_ASSIGNED, _SET_BY_SPACE, _DEFAULT):
        for match in re.finditer(pattern.format(name=name), text, re.MULTILINE):
            value = match["value"]
            is_other = "$" in value and re.search(rf"(?<!\w){name}(?!\w)", value) is None
            if is_other or not (_is_description(value, text) or is_placeholder(value)):
                return True
    return False


def _new_secret(file: File, name: str) -> Iterator[Note]:
    match = re.search(rf"secrets\.{name}(?!\w)", file.text.text)
    if match:
        line = file.text.line_of(match.start())
        yield Note(line, f"create the secret {API_KEY_VARIABLE} where the secret {name} was created")
