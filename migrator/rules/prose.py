"""Comments, docstrings and messages to people that the rewrite makes untrue."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.source import Source, Token
from migrator.rules import authorization
from migrator.rules.authorization import KEY_VARIABLE
from migrator.rules.code import is_text
from migrator.rules.rule import Change, Plan, Proposal, Rule, Session
from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES

_TRUE_NOW = {
    "authorization": (re.compile(r"\bBearer\b", re.IGNORECASE), "# AssemblyAI wants the key alone"),
    "audio-format": (
        re.compile(r"Speechmatics|float|32.bit", re.IGNORECASE),
        "# AssemblyAI takes 16-bit samples",
    ),
}
"""By rule: comments beside its changes that it makes untrue, and what is true instead."""

_ASKS_FOR_KEY = re.compile(
    r"\b(?:add|change|copy|enter|fill|insert|paste|put|replace|set|substitute|your)\b.*\b(?:key|token)\b",
    re.IGNORECASE,
)
SHOWING = frozenset(
    {
        "print",
        "debug",
        "info",
        "warning",
        "error",
        "exception",
        "critical",
        "log",
        "echo",
        "write",
        "exit",
        "fail",
    }
)
"""Functions that show a text to a person."""

_WORDS = {
    "Speechmatics": "AssemblyAI",
    "StartRecognition": "the connection parameters",
    "AddTranscript": "final Turn",
    "AddPartialTranscript": "partial Turn",
    **{
        name: row.counterpart
        for name, row in {**CLIENT_MESSAGES, **SERVER_MESSAGES}.items()
        if row.counterpart and row.counterpart not in (name, "Turn", "audio")
    },
}
_PATTERN = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted(_WORDS))})(?!\w|[.-]\w)")


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """A comment beside a change says what is true now; elsewhere the names of service and messages change."""
    source = session.source
    replaced: set[Token] = set()
    for rule, change in [(rule, p) for rule, p in plan.proposals if isinstance(p, Change)]:
        line = source.line_of(max(change.start, change.end - 1))
        outdated, text = _TRUE_NOW.get(rule, (None, ""))
        for comment in (source.comment_on(line), _comment_above(source, line)) if outdated else ():
            if comment and outdated and comment not in replaced and outdated.search(comment.text):
                replaced.add(comment)
                yield Change(comment.start, comment.end, text, "the comment was about Speechmatics", "likely")
        if KEY_VARIABLE in change.text and rule == authorization.RULE.id:
            asking = [source.comment_on(line), _comment_above(source, line)]
            for token in asking:
                if token and token not in replaced and _ASKS_FOR_KEY.search(token.text):
                    replaced.add(token)
                    yield _without(source, token)
    spans = shown(session)
    changed = {source.module_at(change.start) for change in plan.changes}
    for token in source.tokens:
        if source.module_at(token.start) not in changed:
            continue
        # A text without a space may be a word of somebody's protocol, also where it is printed.
        is_prose = token.is_comment or (re.search(r"\s", token.text) and is_inside(token, spans))
        if is_prose and token not in replaced:
            yield from _words(plan, token)


def _comment_above(source: Source, line: int) -> Token | None:
    comment = source.comment_on(line - 1) if line > 1 else None
    return comment if comment and source.line_text(line - 1).lstrip().startswith("#") else None


def _without(source: Source, comment: Token) -> Change:
    """A line without its comment; the whole line where it has nothing else."""
    line = source.line_of(comment.start)
    code = source.text[source.line_start(line) : comment.start]
    start = source.line_start(line) + len(code.rstrip())
    end = comment.end if code.strip() else source.line_start(line + 1)
    start = start if code.strip() else source.line_start(line)
    return Change(start, end, "", "the key comes from the environment", "likely")


def shown(session: Session) -> list[tuple[int, int]]:
    """Spans of the texts that are written for people: docstrings, and what is printed, logged, raised or a help text.

    Any other text may be a key, a file name or a part of a protocol.
    """
    source = session.source
    nodes: list[ast.expr | ast.stmt] = []
    for node in ast.walk(source.tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                nodes += [statement for statement in node.body[:1] if is_text(statement)]
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=keywords
            ):
                if name in SHOWING:
                    nodes += [
                        argument
                        for argument in arguments
                        if isinstance(argument, ast.Constant | ast.JoinedStr)
                    ]
                    nodes += [
                        a
                        for a in arguments
                        if isinstance(a, ast.BinOp) and isinstance(a.op, ast.Mod | ast.Add)
                    ]
                nodes += [
                    keyword.value for keyword in keywords if keyword.arg in ("help", "description", "epilog")
                ]
            case ast.Raise(exc=ast.Call(args=arguments)):
                nodes += arguments
    return [(source.start(node), source.end(node)) for node in nodes]


def is_inside(token: Token, spans: list[tuple[int, int]]) -> bool:
    """Whether a string stands in one of the spans."""
    return any(start <= token.start and token.end <= end for start, end in spans)


def _words(plan: Plan, token: Token) -> Iterator[Proposal]:
    for match in _PATTERN.finditer(token.text):
        start = token.start + match.start()
        is_changed = any(change.start <= start < change.end for change in plan.changes)
        if is_changed or start in plan.session.source.variables:
            continue  # code in an f-string
        reason = "the text names what the program uses now"
        yield Change(start, start + len(match.group()), _WORDS[match.group()], reason, "likely")


RULE = Rule(
    id="prose",
    title="Keep comments and messages true",
    why=(
        "Comments beside a change that speak of Bearer, Speechmatics or 32-bit floats would be wrong afterwards. Elsewhere in "
        "a rewritten file the names of the service and of its messages are replaced in comments, docstrings and texts that "
        "are printed, logged or raised. Any other text may be a key or a file name and stays. Names in code, such as `class SpeechmaticsClient`, stay, because other files may use them."
    ),
    before="# Speechmatics wants a Bearer token",
    after="# AssemblyAI wants the key alone",
    propose=propose,
)
