"""Connections that cannot be opened: a wrong keyword for the headers, a wrong address, no key."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.names import Names
from migrator.analysis.outside import environment_variable
from migrator.dialects.session import Session
from migrator.rules import authorization, endpoint
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule
from shim.protocol.mapping.hosts import SPEECHMATICS_HOSTS, region_of

NEW, OLD = "additional_headers", "extra_headers"
"""The keyword of the headers in the asyncio client of websockets 14 and newer, and in the one before it."""

_KEYWORDS = {
    "websockets.asyncio.client.connect": NEW,
    "websockets.sync.client.connect": NEW,
    "websockets.client.connect": OLD,
    "websockets.legacy.client.connect": OLD,
}
"""Which keyword a client takes in every version that has it (measured with 15.0.1 and newer)."""

_BY_VERSION = "websockets.connect"
"""Is the one client or the other, by the version."""

_BEFORE_14 = ("8.1", "9.1", "10.4", "11.0.3", "12.0", "13.0", "13.0.1", "13.1")
_SINCE_14 = ("14.0", "14.1", "14.2", "15.0", "15.0.1", "16.0", "17.0", "17.4", "18.0", "19.0", "20.0")
"""Versions of websockets that stand for all of them."""

_DOMAIN = "speechmatics.com"
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(rf"(?P<host>[\w.-]*\b{re.escape(_DOMAIN)})(?=[:/?]|$)", re.IGNORECASE)
_BEARER = re.compile(r"(?:authorization:)?\s*bearer\s", re.IGNORECASE)


def _header_keyword(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    connection = session.connection if session is not None else None
    if connection is None or connection.again or connection.header_keyword not in (NEW, OLD):
        return
    if len(connection.opened_by) != 1:
        return  # imported from another place where the first one is missing
    [path] = connection.opened_by
    used, line = connection.header_keyword, connection.call.lineno
    wanted = _KEYWORDS.get(path)
    if wanted not in (None, used):
        yield Defect(line, f"{path} takes no {used}, so connecting fails with a TypeError: call it {wanted}")
    elif path == _BY_VERSION:
        yield from _by_version(facts, used, line)


def _by_version(facts: Facts, used: str, line: int) -> Iterator[Defect]:
    said = facts.versions("websockets")
    versions = [*_BEFORE_14, *_SINCE_14, *(bound for known in said for bound in _numbers(known.bounds))]
    allowed = {version for known in said for version in known.allowed(versions)}
    if not said or not allowed or any(_is_new(version) is (used == NEW) for version in allowed):
        return
    advice = f"install websockets 14 or newer, or call it {OLD}" if used == NEW else f"call it {NEW}"
    known = said[0]
    yield Defect(
        line,
        f"{known.where} has websockets{known.bounds}, whose connect() takes no {used}, so connecting fails with a "
        f"TypeError: {advice}",
    )


def _numbers(bounds: str) -> list[str]:
    return re.findall(r"(?<=[=])\d+(?:\.\d+)*(?![\d.*])", bounds)


def _is_new(version: str) -> bool:
    return int(version.split(".")[0]) >= 14


HEADER_KEYWORD = Detector(
    Rule(
        id="broken-header-keyword",
        title="The headers are given by a keyword that this version of websockets does not have",
        why=(
            "`websockets.connect` takes its headers as `extra_headers` before version 14, and as `additional_headers` since "
            "then. `websockets.legacy.client` and `websockets.client` keep the old keyword in every version, "
            "`websockets.asyncio.client` and `websockets.sync.client` have the new one. With the other one, connecting fails "
            "with a `TypeError` before anything is sent. The version is the one that is installed in the project's virtual "
            "environment, else the one that is locked, else what the project declares; nothing is said where both keywords "
            "are possible, or where the program tries both."
        ),
    ),
    _header_keyword,
)


def _address(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    if session is None or session.connection is None:
        return
    url = session.connection.url
    text = _beginning(facts.names, url)
    match = _SCHEME.match(text)
    host = _HOST.match(match["rest"] if match else text)
    if host is None:
        return
    name = host["host"].lower()
    if match is None:
        yield Defect(
            url.lineno, f"the address has no scheme, so connecting fails: it has to begin with wss://{name}"
        )
    elif match["scheme"].lower() not in ("ws", "wss"):
        yield Defect(
            url.lineno,
            f"{session.library.name} opens no address with the scheme {match['scheme']}, so connecting fails: it has to "
            f"begin with wss://{name}",
        )
    elif region_of(name) is None:
        yield Defect(
            url.lineno,
            f"{name} is none of Speechmatics' hosts for real-time transcription ({', '.join(SPEECHMATICS_HOSTS)}), so "
            "there is nobody to connect to, unless the host is yours alone",
        )


def _beginning(names: Names, url: ast.expr) -> str:
    """An address as far as it is known from its first character on."""
    value = names.value(url)
    if isinstance(value, str):
        return value
    resolved = names.resolve(url)
    match resolved:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.BinOp(op=ast.Add(), left=left) if left is not url:
            return _beginning(names, left)
    return ""


ADDRESS = Detector(
    Rule(
        id="broken-address",
        title="The address leads nowhere",
        why=(
            "An address of a WebSocket begins with `wss://` or `ws://`; both libraries refuse any other before they connect. "
            "Real-time transcription has a few hosts only, and others below `speechmatics.com` are for batch "
            "transcription, for keys, or do not exist. Which region the audio may be sent to cannot be told from "
            "them, so nothing is led anywhere."
        ),
    ),
    _address,
)


def _authorization(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    connection = session.connection if session is not None else None
    if session is None or connection is None or connection.again or not facts.is_speechmatics:
        return
    found = endpoint.address(session)
    value = facts.names.value(connection.url)
    if isinstance(found, str) or found[2] is not None or (isinstance(value, str) and "jwt=" in value):
        return
    refused = "so Speechmatics refuses the connection with HTTP status 401"
    if connection.header is None:
        yield Defect(
            connection.call.lineno,
            f"no key is sent, {refused}: the header Authorization has to be Bearer and the key",
        )
        return
    problem = _without_bearer(session, connection.header)
    if problem is not None:
        at, what = problem
        yield Defect(at.lineno, f"{what}, {refused}: it has to be Bearer, a space, and the key")


def _without_bearer(session: Session, header: ast.expr) -> tuple[ast.expr, str] | None:
    """What is wrong with the headers, where that is certain."""
    names = session.names
    binding = names.binding(header)
    loads = binding.loads if binding is not None else []
    if binding is not None and names.mutated(binding):
        return None
    if any(names.escapes(load) for load in loads if load is not header):
        return None
    value = authorization.header_value(names, header)
    if value is None:
        display = names.resolve(header)
        keys = [names.value(key) for key in display.keys] if isinstance(display, ast.Dict) else []
        if keys and all(isinstance(key, str) for key in keys):
            return header, f"there is no header Authorization, only {', '.join(map(str, keys))}"
        return None
    resolved = names.resolve(value)
    text = authorization.leading_text(resolved)
    if text:
        return (
            None if _BEARER.match(text) else (value, f"the header Authorization begins with {_word(text)!r}")
        )
    variable = environment_variable(resolved)
    named = names.value(variable) if variable is not None else None
    if isinstance(named, str) and "API_KEY" in named:
        return value, f"the header Authorization is {named} alone"
    return None


def _word(text: str) -> str:
    """The first word of a header, without what may be a key."""
    word = text.partition(":")[2].strip() if text.lower().startswith("authorization:") else text.strip()
    first = word.split()[0] if word.split() else ""
    return first if first.isalpha() and len(first) <= len("Authorization") else "something else than Bearer"


AUTHORIZATION = Detector(
    Rule(
        id="broken-authorization",
        title="No key that Speechmatics accepts",
        why=(
            "Speechmatics takes its key in the header `Authorization: Bearer KEY`, or a temporary one as `?jwt=` in the "
            "address. Without the word, or with another one, it answers with HTTP status 401."
        ),
    ),
    _authorization,
)
