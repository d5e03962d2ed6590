"""Text, words, times and speakers of a transcript."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.names import Names
from migrator.dialects.messages import COLLAPSED, Leaf, Shaped
from migrator.rules.code import accessor, keep_branch, remove_branch, rename_key, uses
from migrator.rules.rule import Change, Note, Obstacle, Plan, Proposal, Removal, Rule, Session

_SECONDS = {"start_time": "start", "end_time": "end"}
_REASON = "text and words stand in the Turn itself"
_SAME_WORD = frozenset({"lower", "upper", "casefold", "title", "capitalize"})
_LABEL = re.compile(r"S\d+|UU")


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """Every read of a transcript, a word or an alternative."""
    for statement in session.reading.derived:
        if not plan.is_removed(statement):
            yield Removal(statement, _REASON)
    for shaped in session.reading.shaped:
        yield from _collapsed(session, plan, shaped)
    for leaf in session.reading.leaves:
        if not plan.is_removed(leaf.node):
            yield from _leaf(session, leaf)


def _collapsed(session: Session, plan: Plan, shaped: Shaped) -> Iterator[Proposal]:
    """``metadata``, ``alternatives`` and ``alternatives[0]`` become the message or word that owns them, where a field
    is read of them or they are tested; what only leads to a deeper part changes with that part."""
    if shaped.shape not in COLLAPSED:
        return
    source, names = session.source, session.names
    parent = names.parents[shaped.node]
    if any(other.node is parent for other in session.reading.shaped) or plan.is_removed(shaped.node):
        return
    statement = names.statement(shaped.node)
    if statement in session.reading.derived:
        return
    grand = names.parents[parent]
    if isinstance(parent, ast.Attribute) and any(other.node is grand for other in session.reading.shaped):
        return
    owner = source.segment(shaped.owner)
    if not _is_name(shaped.owner):
        yield Obstacle(shaped.node.lineno, "part of a message is read without a variable for the message")
        return
    if names.function(shaped.owner) is not names.function(shaped.node):
        yield Obstacle(shaped.node.lineno, "part of a message is read in another function than the message")
        return
    if isinstance(parent, ast.Attribute | ast.Subscript):
        yield Change(source.start(parent), accessor(source, shaped.node), owner, _REASON)
    else:
        yield Change(source.start(shaped.node), source.end(shaped.node), owner, _REASON)


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and _is_name(node.value))


def _leaf(session: Session, leaf: Leaf) -> Iterator[Proposal]:
    source, shape = session.source, leaf.holder.shape
    match shape, leaf.field:
        case ("metadata", "transcript") | ("alternative", "confidence"):
            pass
        case ("message", "results"):
            yield rename_key(source, leaf.key, "words", _REASON)
        case ("alternative", "content"):
            yield rename_key(source, leaf.key, "text", "a word with its punctuation")
            yield from compared_words(session, leaf)
        case ("word", "start_time" | "end_time" as field):
            yield rename_key(source, leaf.key, _SECONDS[field], "times are milliseconds")
            yield from divided(session, leaf)
        case ("alternative", "speaker"):
            yield from labels(session, leaf)
            yield Note(
                leaf.node.lineno,
                "speakers are called A, B, C instead of S1, S2, S3, and only finals name them",
            )
            if not leaf.is_get:
                quote = source.quote
                start = accessor(source, leaf.holder.node)
                text = f".get({source.segment(leaf.key)}, {quote}UNKNOWN{quote})"
                yield Change(start, source.end(leaf.node), text, "partial Turns name no speaker")
        case ("word", "type" | "attaches_to"):
            yield from word_test(session, leaf)
        case ("metadata" | "word" | "alternative", field):
            yield Obstacle(leaf.node.lineno, f"{field} of a transcript has no counterpart")


def compared_words(session: Session, leaf: Leaf) -> Iterator[Proposal]:
    """A word that is looked for would be missed where a mark follows it."""
    names = session.names
    yield Note(leaf.node.lineno, "a word carries its punctuation mark now, which was an item of its own")
    for use in uses(names, leaf.node):
        parent = names.parents[use]
        while isinstance(parent, ast.Attribute) and parent.attr in _SAME_WORD:
            use = _called(names, parent) or parent
            parent = names.parents[use]
        is_looked_up = (
            isinstance(parent, ast.Compare)
            and not all(
                _is_punctuation(names.value(operand))
                for operand in (parent.left, *parent.comparators)
                if operand is not use
            )
        ) or (isinstance(parent, ast.Subscript) and parent.slice is use)
        if is_looked_up:
            yield Obstacle(use.lineno, "a word is compared, and it carries its punctuation mark now")


def _called(names: Names, attribute: ast.Attribute) -> ast.Call | None:
    parent = names.parents[attribute]
    return parent if isinstance(parent, ast.Call) and parent.func is attribute else None


def _is_punctuation(value: object) -> bool:
    texts = value if isinstance(value, list) else [value]
    return all(isinstance(text, str) and not any(c.isalnum() for c in text) for text in texts)


def labels(session: Session, leaf: Leaf) -> Iterator[Proposal]:
    """A program that knows the labels S1 and S2, or takes them apart, would not know A and B."""
    names = session.names
    given = leaf.node.args if leaf.is_get and isinstance(leaf.node, ast.Call) else []
    for node in ast.walk(session.source.tree):
        match node:
            case ast.Constant(value=str(label)) if _LABEL.fullmatch(label) and node not in given:
                yield Obstacle(
                    node.lineno, f"the program knows the speaker {label}; AssemblyAI's are A, B, C"
                )
                return
    for use in uses(names, leaf.node):
        parent = names.parents[use]
        if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Subscript) and parent.value is use):
            yield Obstacle(
                use.lineno, "the program takes the label of a speaker apart; AssemblyAI's are A, B, C"
            )
            return


def divided(session: Session, leaf: Leaf) -> Iterator[Proposal]:
    """Milliseconds as the seconds that they were."""
    source = session.source
    parent = session.names.parents[leaf.node]
    start, end = source.start(leaf.node), source.end(leaf.node)
    is_tight = isinstance(parent, ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript | ast.Await)
    reason = "seconds, as before"
    if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub):
        is_tight = False
    if is_tight:
        yield Change(start, start, "(", reason)
    yield Change(end, end, " / 1000)" if is_tight else " / 1000", reason)


def word_test(session: Session, leaf: Leaf) -> Iterator[Proposal]:
    """``type == "punctuation"`` and the like: every item is a word now, so the answer is known."""
    source, names = session.source, session.names
    compare = names.parents[leaf.node]
    value = (
        names.value(compare.comparators[0])
        if isinstance(compare, ast.Compare) and len(compare.ops) == 1
        else None
    )
    if not isinstance(compare, ast.Compare) or compare.left is not leaf.node or value is None:
        yield Obstacle(leaf.node.lineno, f"{leaf.field} of a result is read, and every item is a word now")
        return
    values = value if isinstance(value, list) else [value]
    answer = (leaf.field == "type" and "word" in values) == isinstance(compare.ops[0], ast.Eq | ast.In)
    reason = "every item is a word with its punctuation"
    parent = names.parents[compare]
    match parent:
        case ast.If(test=test) if test is compare:
            yield from (
                keep_branch(session, parent, reason) if answer else remove_branch(session, parent, reason)
            )
        case ast.comprehension(ifs=[only]) if only is compare and answer:
            start = source.text.rindex("if", 0, source.start(compare))
            while source.text[start - 1] in " \t\r\n":
                start -= 1
            yield Change(start, source.end(compare), "", reason)
        case ast.IfExp(test=test, body=body, orelse=orelse) if test is compare:
            live = body if answer else orelse
            yield Change(source.start(parent), source.start(live), "", reason)
            yield Change(source.end(live), source.end(parent), "", reason)
        case _:
            yield Obstacle(
                compare.lineno,
                "the type of a result is part of a larger condition, and every item is a word now",
            )


RULE = Rule(
    id="transcripts",
    title="Read text, words and times from the Turn",
    why=(
        "The text of a Turn is `transcript`, its words are `words`, with `text`, `start`, `end`, `confidence` and "
        "`speaker`. Punctuation is part of a word, so code that handled it apart goes. Times are milliseconds and are "
        "divided by 1000 where seconds were read. Speakers are letters."
    ),
    before='text = event["metadata"]["transcript"]\nfor result in event["results"]:\n    at = result["start_time"]',
    after='text = event["transcript"]\nfor result in event["words"]:\n    at = result["start"] / 1000',
    propose=propose,
)
