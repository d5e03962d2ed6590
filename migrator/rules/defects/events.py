"""Messages that nobody sends."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from migrator.analysis.names import Names
from migrator.dialects.sdk import SdkProgram, is_realtime
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule
from shim.protocol.mapping.messages import SERVER_MESSAGES

_ALIKE = 0.88
"""From this on two names are so alike that one is a mistake for the other: AddTranscripts and AddTranscript are."""

_ALL = "all"
"""What speechmatics-python takes for the handler of every message."""

_BY_WORDS = {name.casefold(): name for name in SERVER_MESSAGES}


def _event_name(facts: Facts) -> Iterator[Defect]:
    if facts.session is not None and facts.is_speechmatics:
        for shaped in facts.session.reading.shaped:
            parent = facts.names.parents[shaped.node]
            if shaped.shape == "kind" and isinstance(parent, ast.Compare):
                for line, name in _compared(facts.names, parent):
                    if meant := mistaken(name):
                        yield Defect(
                            line,
                            f"Speechmatics sends no message {name}, so this never is true: it is called {meant}",
                        )
    if facts.program is not None:
        yield from _of_the_sdk(facts.program)


def _compared(names: Names, comparison: ast.Compare) -> Iterator[tuple[int, str]]:
    """The texts of a comparison and their lines, also those of a tuple, list or set."""
    for side in (comparison.left, *comparison.comparators):
        resolved = names.resolve(side)
        for item in resolved.elts if isinstance(resolved, ast.Tuple | ast.List | ast.Set) else [resolved]:
            value = names.value(item)
            if isinstance(value, str):
                yield item.lineno, value


def mistaken(name: str) -> str:
    """The message that is meant by a name that none has; empty where the name is right, or means something else."""
    if name in SERVER_MESSAGES:
        return ""
    spelled = name.replace("_", "").replace(" ", "").casefold()
    if spelled in _BY_WORDS:
        return _BY_WORDS[spelled]
    close = difflib.get_close_matches(spelled, _BY_WORDS, n=1, cutoff=_ALIKE)
    return _BY_WORDS[close[0]] if close else ""


def _of_the_sdk(program: SdkProgram) -> Iterator[Defect]:
    for node in ast.walk(program.source.tree):
        path = program.path(node) if isinstance(node, ast.Attribute) else ""
        enum, _, member = path.rpartition(".")
        if isinstance(node, ast.Attribute) and enum.endswith(".ServerMessageType") and is_realtime(enum):
            wanted = _member(member, is_rt=".rt." in path)
            if wanted != member:
                yield Defect(
                    node.lineno,
                    f"ServerMessageType has no {member}, which fails with an AttributeError: it is called {wanted}",
                )
    for call in program.client_calls("on", "once", "add_event_handler"):
        assert isinstance(call.func, ast.Attribute)
        event = next(iter(call.args), None)
        name = program.names.value(event) if event is not None and not program.path(event) else None
        if not isinstance(name, str) or name in SERVER_MESSAGES:
            continue
        meant = mistaken(name)
        if call.func.attr == "add_event_handler" and name != _ALL:
            advice = f": it is called {meant}" if meant else ""
            yield Defect(call.lineno, f"there is no message {name}, which fails with a ValueError{advice}")
        elif call.func.attr != "add_event_handler" and meant:
            yield Defect(
                call.lineno,
                f"Speechmatics sends no message {name}, so this handler is never called: it is called {meant}",
            )


def _member(member: str, is_rt: bool) -> str:
    """The member of the enum that is meant; the given one where that is right or not known here."""
    meant = member if member in SERVER_MESSAGES else mistaken(member)
    if not meant or member.startswith("_"):
        return member
    return _with_underscores(meant) if is_rt else meant


def _with_underscores(name: str) -> str:
    """``AddTranscript`` as ``ADD_TRANSCRIPT``."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in name).lstrip("_").upper()


EVENT_NAME = Detector(
    Rule(
        id="broken-event-name",
        title="A message that Speechmatics never sends",
        why=(
            "A comparison with a misspelled name is never true, and its branch never runs: transcripts get lost without "
            "an error. `ServerMessageType` of speechmatics-python has `AddTranscript`, that of speechmatics-rt "
            "`ADD_TRANSCRIPT`. Only names that are nearly, but not quite, those of a message are reported: others may be "
            "those of another service or of a newer version."
        ),
    ),
    _event_name,
)
