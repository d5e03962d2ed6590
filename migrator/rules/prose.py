"""Comments, docstrings and messages to people that the rewrite makes untrue."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrator.analysis.source import Token
from migrator.rules.rule import Change, Plan, Proposal, Rule, Session
from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES

_TRUE_NOW = {
    "authorization": "# AssemblyAI wants the key alone",
    "audio-format": "# AssemblyAI takes 16-bit samples",
}
_OUTDATED = re.compile(r"Speechmatics|\bBearer\b|float|32.bit|\breplace\b.*\bkey\b", re.IGNORECASE)
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
        comment = source.comment_on(source.line_of(max(change.start, change.end - 1)))
        text = _TRUE_NOW.get(rule)
        if comment and text and comment not in replaced and _OUTDATED.search(comment.text):
            replaced.add(comment)
            yield Change(comment.start, comment.end, text, "the comment was about Speechmatics", "likely")
    for token in source.tokens:
        if token not in replaced and (token.is_comment or re.search(r"\s", token.text)):
            yield from _words(token)


def _words(token: Token) -> Iterator[Proposal]:
    for match in _PATTERN.finditer(token.text):
        start = token.start + match.start()
        reason = "the text names what the program uses now"
        yield Change(start, start + len(match.group()), _WORDS[match.group()], reason, "likely")


RULE = Rule(
    id="prose",
    title="Keep comments and messages true",
    why=(
        "Comments beside a change that speak of Bearer, Speechmatics or 32-bit floats would be wrong afterwards. Elsewhere in "
        "a rewritten file the names of the service and of its messages are replaced in comments, docstrings and texts of "
        "several words. Names in code, such as `class SpeechmaticsClient`, stay, because other files may use them."
    ),
    before="# Speechmatics wants a Bearer token",
    after="# AssemblyAI wants the key alone",
    propose=propose,
)
