"""Fields of messages that handlers of an SDK read, as attributes of the events of the assemblyai package."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.dialects.messages import COLLAPSED, LOG_METHODS, Leaf, Shaped
from migrator.dialects.sdk_session import SdkSession
from migrator.rules.code import called, replace
from migrator.rules.errors import kinds_at
from migrator.rules.rule import Note, Obstacle, Plan, Proposal, Removal, Rule, Session
from migrator.rules.transcripts import compared_words, divided, labels, word_test

_REASON = "the fields of an event are attributes"
_TIMES = {"start_time": "start", "end_time": "end"}
_OF_EVENT = {
    ("RecognitionStarted", "id"): "id",
    ("Error", "type"): "code",
    ("Warning", "reason"): "warning",
    ("Warning", "type"): "warning_code",
}


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Every read of a message, a word or an alternative."""
    assert isinstance(session, SdkSession)
    for statement in session.reading.derived:
        yield Removal(statement, "text, times and speaker stand in the word itself")
    for shaped in session.reading.shaped:
        yield from _between(session, shaped)
    for test in session.reading.tests:
        yield Obstacle(test.node.lineno, "a handler asks which message it got")
    for leaf in session.reading.leaves:
        yield from _leaf(session, leaf)
    for node in session.reading.printed:
        yield Note(node.lineno, "the whole message is shown here; it has another form now")


def _between(session: SdkSession, shaped: Shaped) -> Iterator[Proposal]:
    """What only leads to a field goes with the field; asked for itself, it has no counterpart."""
    names = session.names
    if shaped.shape not in COLLAPSED or names.statement(shaped.node) in session.reading.derived:
        return
    deeper = {id(other.node) for other in session.reading.shaped} | {
        id(leaf.node) for leaf in session.reading.leaves
    }
    parent = names.parents[shaped.node]
    grand = names.parents[parent]
    if id(parent) not in deeper and id(grand) not in deeper:
        yield Obstacle(shaped.node.lineno, "a part of a message is asked for that has no counterpart")


def _leaf(session: SdkSession, leaf: Leaf) -> Iterator[Proposal]:
    owner = owner_text(session, leaf.owner)
    if not owner:
        yield Obstacle(leaf.node.lineno, "part of a message is read without a variable for the message")
        return
    if session.names.function(leaf.owner) is not session.names.function(leaf.node):
        yield Obstacle(leaf.node.lineno, "part of a message is read in another function than the message")
        return
    attribute = ""
    match leaf.holder.shape, leaf.field:
        case ("metadata", "transcript"):
            attribute = "transcript"
        case ("message", "results"):
            attribute = "words"
        case ("alternative", "content"):
            attribute = "text"
            yield from compared_words(session, leaf)
        case ("alternative", "confidence"):
            attribute = "confidence"
        case ("alternative", "speaker"):
            attribute = "speaker"
            yield from _speaker(session, leaf)
        case ("word", "start_time" | "end_time" as field):
            attribute = _TIMES[field]
            yield from divided(session, leaf)
        case ("word", "type" | "attaches_to"):
            yield from word_test(session, leaf)
            return
        case ("message", field):
            yield from _of_event(session, leaf, owner)
            return
    if not attribute:
        yield Obstacle(leaf.node.lineno, f"{leaf.field} of a transcript has no counterpart")
        return
    yield replace(session.source, leaf.node, f"{owner}.{attribute}", _REASON)


def _of_event(session: SdkSession, leaf: Leaf, owner: str) -> Iterator[Proposal]:
    kinds = kinds_at(session, leaf.node) or set()
    if kinds == {"Error"} and leaf.field == "reason":
        parent = session.names.parents[leaf.node]
        is_shown = isinstance(parent, ast.FormattedValue) or (
            isinstance(parent, ast.Call) and called(parent) in ("print", *LOG_METHODS)
        )
        yield replace(session.source, leaf.node, owner if is_shown else f"str({owner})", _REASON)
        return
    if leaf.field == "is_final" and kinds <= {"AddTranscript", "AddPartialTranscript"}:
        yield replace(session.source, leaf.node, f"{owner}.end_of_turn", _REASON)
        return
    attributes = {_OF_EVENT.get((kind, leaf.field)) for kind in kinds}
    attribute = attributes.pop() if len(attributes) == 1 else None
    if attribute is None:
        yield Obstacle(leaf.node.lineno, f"{leaf.field} of this message has no counterpart")
        return
    if attribute in ("code", "warning_code"):
        yield Note(leaf.node.lineno, "AssemblyAI names errors and warnings by numbers of its own")
    yield replace(session.source, leaf.node, f"{owner}.{attribute}", _REASON)


def _speaker(session: SdkSession, leaf: Leaf) -> Iterator[Proposal]:
    yield from labels(session, leaf)
    if "AddPartialTranscript" in (kinds_at(session, leaf.node) or ()):
        yield Obstacle(leaf.node.lineno, "partial Turns name no speaker")
    yield Note(leaf.node.lineno, "speakers are called A, B, C instead of S1, S2, S3")


def owner_text(session: SdkSession, owner: ast.expr) -> str:
    """The name of a message or word; empty where it has none."""
    client = session.client
    assert client is not None
    for handler in client.handlers:
        if owner in handler.results and isinstance(owner, ast.Call) and len(owner.args) == 1:
            return session.source.segment(owner.args[0])
    return owner.id if isinstance(owner, ast.Name) else ""


RULE = Rule(
    id="sdk-transcripts",
    title="Read the attributes of a Turn",
    why=(
        "Handlers of Speechmatics' SDKs get the messages of the protocol. Those of the `assemblyai` package get objects: the "
        "text of a Turn is `transcript`, its words are `words`, with `text`, `start`, `end`, `confidence` and `speaker`. Times "
        "are milliseconds and are divided by 1000 where seconds were read."
    ),
    before='print(message["metadata"]["transcript"])',
    after="print(message.transcript)",
    propose=propose,
)
