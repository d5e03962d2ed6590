"""The address of the service."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.names import Names
from migrator.analysis.source import Source
from migrator.rules.code import rename_key, replace
from migrator.rules.rule import Need, Note, Obstacle, Plan, Proposal, Rule, Session
from shim.protocol.mapping.hosts import AGENT_PATH, Region, region_of, residency_warning, streaming_url

_ADDRESS = re.compile(r"wss?://(?P<host>[^/?:]+)(?::\d+)?(?P<path>/[^?]*)?(?:\?(?P<query>.*))?", re.DOTALL)


def _parts(names: Names, expression: ast.expr) -> list[str | ast.expr]:
    """An address as the texts and expressions that it is joined from."""
    value = names.value(expression)
    if isinstance(value, str) and not isinstance(expression, ast.BoolOp):
        return [value]
    match expression:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            resolved = names.origin(expression)
            return (
                [expression]
                if isinstance(resolved, ast.Name | ast.Attribute | ast.Subscript)
                else _known(names, expression, resolved)
            )
        case ast.JoinedStr(values=values):
            return [part for value in values for part in _parts(names, value)]
        case ast.FormattedValue(value=inner):
            return _parts(names, inner)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return [*_parts(names, left), *_parts(names, right)]
    return [expression]


def _known(names: Names, expression: ast.expr, resolved: ast.expr) -> list[str | ast.expr]:
    parts = _parts(names, resolved)
    return parts if any(isinstance(part, str) for part in parts) else [expression]


def address(session: Session) -> tuple[str, Region, ast.expr | None] | str:
    """Host, region and temporary key of the connection's address; a text says why they cannot be told."""
    assert session.connection is not None
    return address_of(session.source, session.names, session.connection.url)


def address_of(source: Source, names: Names, url: ast.expr) -> tuple[str, Region, ast.expr | None] | str:
    """As `address`, of any expression that is an address."""
    parts = _parts(names, url)
    key: ast.expr | None = None
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
        elif text.endswith(("?jwt=", "&jwt=")):
            key = part
            text += "KEY"
        elif _ADDRESS.match(text + "\0") and "/" in text.partition("://")[2] and "?" not in text:
            text += "PART"  # the language in the path says what StartRecognition says again
        else:
            return _unknown(source, names, url)
    match = _ADDRESS.fullmatch(text)
    if not match:
        return _unknown(source, names, url)
    region = region_of(match["host"])
    if region is None:
        return f"{match['host']} is no host of the Speechmatics cloud, so nobody chose where the audio may go"
    if (match["path"] or "").startswith(AGENT_PATH):
        return "the Voice Agent preview speaks another protocol"
    return match["host"], region, key


def _unknown(source: Source, names: Names, url: ast.expr) -> str:
    """Why an address is not known. Whoever chooses it chooses where the audio goes, so that no default counts."""
    assumed = names.assumed(url)
    chosen = f": {' and '.join(assumed.reasons)} may choose where the audio goes" if assumed else ""
    return f"the address {source.segment(url)[:60]} is only known at run time{chosen}"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The literal address, and the query behind it where the connection is opened."""
    connection, source, names = session.connection, session.source, session.names
    assert connection is not None
    found = address(session)
    if isinstance(found, str):
        yield Obstacle(connection.url.lineno, found)
        return
    host, region, _ = found
    target = streaming_url(plan.region(region))
    reason = f"AssemblyAI's streaming address in place of {host}; the configuration is its query"
    warning = residency_warning(host)
    if warning and plan.options.region == "auto":
        yield Note(connection.url.lineno, warning)
    query = "?{urlencode(" + plan.parameters_name + ")}"
    for url in (connection.url, *(other.url for other in connection.again)):
        quote = source.quote
        literal_node = names.origin(url)
        if literal_node is url or not isinstance(url, ast.Name | ast.Attribute | ast.Subscript):
            yield replace(source, url, f"f{quote}{target}{query}{quote}", reason)
            continue
        if isinstance(literal_node, ast.Name | ast.Attribute | ast.Subscript):
            yield Obstacle(url.lineno, f"the address {source.segment(url)} is given in more than one place")
            continue
        yield rename_key(source, literal_node, target, reason)
        held = source.segment(url)
        with_query = f"f{quote}{{{held}}}{query}{quote}"
        if quote in held:  # Python before 3.12 does not take it inside
            with_query = f"{held} + f{quote}{query}{quote}"
        yield replace(source, url, with_query, reason)
    yield Need("urllib.parse", "urlencode")


RULE = Rule(
    id="endpoint",
    title="Connect to AssemblyAI's address in the same region",
    why=(
        "EU hosts become the EU data zone and US hosts the US one, so that audio stays where it was promised to stay. "
        "`--region` chooses another. AssemblyAI has no start message: the configuration is the query of the address. A "
        "language in the path is dropped, because the configuration names it as well."
    ),
    before='websocket.WebSocketApp("wss://eu2.rt.speechmatics.com/v2", ...)',
    after='websocket.WebSocketApp(f"wss://streaming.eu.assemblyai.com/v3/ws?{urlencode(connection_params)}", ...)',
    propose=propose,
)
