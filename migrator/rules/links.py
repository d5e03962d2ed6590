"""Web pages that a program names to people."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrator.rules.prose import is_inside, shown
from migrator.rules.rule import Change, Plan, Proposal, Rule, Session
from shim.protocol.mapping.hosts import WEB_PAGES

_PAGE = re.compile(
    rf"(?:https?://)?(?P<host>{'|'.join(map(re.escape, WEB_PAGES))})(?:/(?:[\w/.#?=&%-]*[\w/])?)?"
)


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The page of AssemblyAI with the same purpose, in comments and in texts that are written for people."""
    spans = shown(session)
    for token in session.source.tokens:
        if token.is_comment or is_inside(token, spans):
            for match in _PAGE.finditer(token.text):
                start = token.start + match.start()
                page = WEB_PAGES[match["host"]]
                yield Change(start, start + len(match.group()), page, "the page is AssemblyAI's", "likely")


RULE = Rule(
    id="links",
    title="Name AssemblyAI's pages to people",
    why="A program that says where to get a key, or where to read more, would send its users to the wrong service.",
    before='print("Get a key at https://portal.speechmatics.com/")',
    after='print("Get a key at https://www.assemblyai.com/dashboard")',
    propose=propose,
)
