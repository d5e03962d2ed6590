"""Temporary keys: the management platform's POST becomes the token endpoint's GET."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import UNKNOWN
from migrator.rules import endpoint
from migrator.rules.authorization import header_value, without_bearer
from migrator.rules.code import item_removal, literal, rename_key, replace
from migrator.rules.rule import Change, Note, Obstacle, Plan, Proposal, Rule, Session
from shim.protocol.mapping.hosts import MANAGEMENT_HOST, token_url

LONGEST_SECONDS = 600
"""Of ``expires_in_seconds`` (AssemblyAI docs, temporary tokens)."""

_REASON = "AssemblyAI's token endpoint, in the region of the connection"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Every request to Speechmatics' management platform."""
    names = session.names
    requests = [
        node
        for node in ast.walk(session.source.tree)
        if isinstance(node, ast.Call) and node.args and MANAGEMENT_HOST in str(names.value(node.args[0]))
    ]
    mentions = [point for point in session.touch_points if MANAGEMENT_HOST in point.text]
    if mentions and not requests:
        yield Obstacle(mentions[0].line, "a temporary key is made in a way that is not understood")
    found = endpoint.address(session)
    if not requests and not isinstance(found, str) and found[2] is not None:
        yield Obstacle(found[2].lineno, "the temporary key in the address is made out of sight")
    for call in requests:
        yield from _request(session, plan, call)


def _request(session: Session, plan: Plan, call: ast.Call) -> Iterator[Proposal]:
    source, names = session.source, session.names
    found = endpoint.address(session)
    payload = next((keyword for keyword in call.keywords if keyword.arg == "json"), None)
    headers = next((keyword.value for keyword in call.keywords if keyword.arg == "headers"), None)
    body = names.resolve(payload.value) if payload else None
    if (
        isinstance(found, str)
        or not (isinstance(call.func, ast.Attribute) and call.func.attr == "post")
        or payload is None
        or not isinstance(body, ast.Dict)
        or headers is None
    ):
        yield Obstacle(call.lineno, "a temporary key is made in a way that is not understood")
        return
    url = names.resolve(call.args[0])
    yield replace(source, url, literal(source, token_url(plan.region(found[1]))), _REASON)
    end = source.end(call.func)
    yield Change(end - len("post"), end, "get", "a token is asked for with GET")
    start = source.offset(payload.lineno, payload.col_offset)
    yield Change(start, start + len("json"), "params", "a token is asked for with GET")
    yield from _lifetime(session, body)
    value = header_value(names, headers)
    if value is None:
        yield Obstacle(headers.lineno, "the Authorization header is built in a way that is not understood")
        return
    yield from without_bearer(session, value)
    yield from _answer(session, call)


def _lifetime(session: Session, body: ast.Dict) -> Iterator[Proposal]:
    source, names = session.source, session.names
    known = False
    for key, value in zip(body.keys, body.values, strict=True):
        name = names.value(key)
        if key is None or name not in ("ttl", "client_ref", "region"):
            yield Obstacle(body.lineno, f"{name} of a temporary key has no counterpart")
            return
        if name != "ttl":
            yield item_removal(source, source.start(key), source.end(value), "AssemblyAI has no such field")
            continue
        known = True
        yield rename_key(source, key, "expires_in_seconds", "how long the token can open a session")
        seconds = names.value(value) if names.given(value) is None else UNKNOWN
        if isinstance(seconds, int) and seconds <= LONGEST_SECONDS:
            continue
        text = (
            str(LONGEST_SECONDS)
            if isinstance(seconds, int)
            else f"min({source.segment(value)}, {LONGEST_SECONDS})"
        )
        yield replace(source, value, text, f"a token lives for {LONGEST_SECONDS} seconds at most")
        yield Note(
            value.lineno,
            f"a token can open sessions for {LONGEST_SECONDS} seconds at most; a session that is open goes on",
        )
    if not known:
        yield Obstacle(body.lineno, "the lifetime of the temporary key is not written out")


def _answer(session: Session, call: ast.Call) -> Iterator[Proposal]:
    """The field of the key and the status of success, in the function that asks."""
    source, names = session.source, session.names
    scope = names.function(call) or source.tree
    found = False
    for node in ast.walk(scope):
        match node:
            case ast.Constant(value="key_value"):
                found = True
                yield rename_key(source, node, "token", "the token's field")
            case ast.Compare(
                left=ast.Attribute(attr="status_code"), comparators=[ast.Constant(value=201) as status]
            ):
                yield replace(source, status, "200", "the token endpoint answers 200")
    if not found:
        yield Obstacle(call.lineno, "the temporary key is not read where it is asked for")


RULE = Rule(
    id="temporary-token",
    title="Ask AssemblyAI's token endpoint for temporary tokens",
    why=(
        "A temporary key is asked for with POST at Speechmatics' management platform; a token with GET at the streaming host "
        "of the same data zone. `ttl` is `expires_in_seconds`, at most 600, and the answer holds `token`. `?jwt=` is the "
        "parameter `token`."
    ),
    before='response = requests.post("https://mp.speechmatics.com/v1/api_keys?type=rt", json={"ttl": 60}, headers=headers)',
    after=(
        "response = requests.get(\n"
        '    "https://streaming.eu.assemblyai.com/v3/token", params={"expires_in_seconds": 60}, headers=headers\n'
        ")"
    ),
    propose=propose,
)
