"""Names of messages: ``message`` becomes ``type``, and Turn stands for partial and final transcripts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.dialects.messages import KindTest
from migrator.rules.code import literal, rename_key
from migrator.rules.rule import Change, Obstacle, Plan, Proposal, Rule, Session
from shim.protocol.mapping.messages import SERVER_MESSAGES

FINAL, PARTIAL = "AddTranscript", "AddPartialTranscript"
TRANSCRIPTS = frozenset({FINAL, PARTIAL})
COUNTERPARTS = {name: row.counterpart for name, row in SERVER_MESSAGES.items()}
_REASON = "the name of a message is its type; a Turn is partial or final by end_of_turn"


def is_dead(test: KindTest) -> bool:
    """Whether a test asks only for messages that AssemblyAI does not send in that form."""
    return test.is_positive and all(not COUNTERPARTS[name] or name == "EndOfUtterance" for name in test.names)


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The key of the name, and every comparison with it."""
    source = session.source
    settled = {id(test.kind) for test in session.reading.tests if is_settled(session, test)}
    for leaf in session.reading.leaves:
        if leaf.field == "message" and leaf.holder.shape == "message" and id(leaf.node) not in settled:
            yield rename_key(source, leaf.key, "type", "the name of a message is its type")
    for test in session.reading.tests:
        if not plan.is_removed(test.node) and not is_dead(test):
            yield from _comparison(session, test)
            yield from _refusal(session, test)


def _refusal(session: Session, test: KindTest) -> Iterator[Proposal]:
    """An ``else`` that gives up on unknown messages would give up on SpeechStarted."""
    branch = session.names.parents[test.node]
    if not isinstance(branch, ast.If) or not test.is_positive:
        return
    rest = branch.orelse
    if len(rest) == 1 and isinstance(rest[0], ast.If):
        return
    if any(isinstance(node, ast.Raise | ast.Assert) for statement in rest for node in ast.walk(statement)):
        yield Obstacle(
            rest[0].lineno,
            "the program fails on messages that it does not know, and AssemblyAI sends more kinds",
        )


def _comparison(session: Session, test: KindTest) -> Iterator[Proposal]:
    source = session.source
    names = {name for name in test.names if COUNTERPARTS[name] and name != "EndOfUtterance"}
    transcripts = names & TRANSCRIPTS
    others = sorted(COUNTERPARTS[name] for name in names - TRANSCRIPTS)
    if "EndOfUtterance" in test.names and transcripts != TRANSCRIPTS:
        yield Obstacle(test.node.lineno, "EndOfUtterance is told apart from the final transcript")
        return
    if len(transcripts) == 1 and others:
        yield Obstacle(test.node.lineno, "one comparison asks for transcripts and other messages")
        return
    kinds = [*(["Turn"] if transcripts else []), *others]
    if not kinds:
        yield Obstacle(test.node.lineno, f"{', '.join(sorted(test.names))} has no counterpart")
        return
    finality = ""
    if len(transcripts) == 1:
        if not test.message.isidentifier() and not test.message.replace(".", "").isidentifier():
            yield Obstacle(test.node.lineno, "the message has no name where its kind is compared")
            return
        is_final = FINAL in transcripts
        flag = f"{test.message}[{source.quote}end_of_turn{source.quote}]"
        finality = flag if is_final == test.is_positive else f"not {flag}"
        if is_settled(session, test):
            start, end = source.start(test.node), source.end(test.node)
            text = (
                f"({finality})"
                if finality.startswith("not ") and _needs_parentheses(session, test)
                else finality
            )
            yield Change(start, end, text, _REASON)
            return
    yield from _rewritten(session, test, kinds, finality)


def _rewritten(session: Session, test: KindTest, kinds: list[str], finality: str) -> Iterator[Proposal]:
    source = session.source
    if len(kinds) == 1:
        operator, other = ("==" if test.is_positive else "!="), literal(source, kinds[0])
    else:
        operator = "in" if test.is_positive else "not in"
        other = "(" + ", ".join(literal(source, kind) for kind in kinds) + ")"
    joiner = " and " if test.is_positive else " or "
    suffix = joiner + finality if finality else ""
    opening, closing = ("(", ")") if suffix and _needs_parentheses(session, test) else ("", "")
    start, end = source.start(test.node), source.end(test.node)
    if opening:
        yield Change(start, start, opening, _REASON)
    if test.is_reversed:
        position = source.text.rindex("=", start, source.start(test.kind)) + 1
        yield Change(start, position, f"{other} {operator}", _REASON)
        yield Change(end, end, suffix + closing, _REASON)
    else:
        position = source.end(test.kind)
        while source.text[position] == ")":  # (kind := event.get("message")) == ...
            position += 1
        yield Change(position, end, f" {operator} {other}{suffix}{closing}", _REASON)


def _needs_parentheses(session: Session, test: KindTest) -> bool:
    parent = session.names.parents[test.node]
    if isinstance(parent, ast.BoolOp):
        return isinstance(parent.op, ast.And) and not test.is_positive
    return isinstance(parent, ast.UnaryOp | ast.BinOp | ast.Compare | ast.Attribute | ast.Await)


def is_settled(session: Session, test: KindTest) -> bool:
    """Whether a test only tells partial from final, because it is certain that the message is a Turn."""
    return len(test.names & TRANSCRIPTS) == len(test.names) == 1 and is_within_turns(session, test)


def is_within_turns(session: Session, test: KindTest) -> bool:
    """Whether only transcripts get as far as a test: an ``if`` around it, or one above it that left the function."""
    names = session.names
    node: ast.AST = test.node
    for parent in names.ancestors(test.node):
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return _guarded(session, node, parent)
        if isinstance(parent, ast.If) and node in parent.body:
            around = session.reading.test_of(parent.test)
            if (
                around
                and around.is_positive
                and around.names <= TRANSCRIPTS
                and around.message == test.message
            ):
                return True
        if isinstance(parent, ast.For | ast.While) and _guarded(session, node, parent):
            return True
        node = parent
    return False


def _guarded(session: Session, node: ast.AST, owner: ast.AST) -> bool:
    body = getattr(owner, "body", [])
    if not isinstance(body, list) or node not in body:
        return False
    for statement in body[: body.index(node)]:
        if isinstance(statement, ast.If) and isinstance(
            statement.body[-1], ast.Return | ast.Continue | ast.Raise
        ):
            test = session.reading.test_of(statement.test)
            if test and not test.is_positive and test.names <= TRANSCRIPTS:
                return True
    return False


RULE = Rule(
    id="messages",
    title="Read Begin, Turn and Termination",
    why=(
        "AssemblyAI names its messages in `type`. `RecognitionStarted` is `Begin`, `EndOfTranscript` is `Termination`, and "
        "one message, `Turn`, stands for partial and final transcripts: `end_of_turn` tells which. A final is a whole turn, "
        "where Speechmatics sends it in pieces of a word or two."
    ),
    before='kind = event["message"]\nif kind == "AddTranscript":\n    ...',
    after='kind = event["type"]\nif kind == "Turn" and event["end_of_turn"]:\n    ...',
    propose=propose,
)
