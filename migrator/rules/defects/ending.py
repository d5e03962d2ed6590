"""The end of the stream."""

from __future__ import annotations

from collections.abc import Iterator

from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule

_FIELD = "last_seq_no"


def _sequence_number(facts: Facts) -> Iterator[Defect]:
    session = facts.session
    for end in session.ends if session is not None else ():
        number = end.fields.get(_FIELD)
        if number is None and not any(path.endswith("*") for path in end.fields):
            yield Defect(
                end.call.lineno,
                f"EndOfStream has no {_FIELD}, which Speechmatics' schema wants: the number of audio messages that were "
                "sent. The drop-in does not need it",
            )
        elif number is not None and facts.names.value(number) == 0 and session is not None and session.audio:
            yield Defect(
                number.lineno,
                f"{_FIELD} is always 0, also when audio was sent; Speechmatics takes the number as a hint, and the drop-in "
                "does not need it",
            )


SEQUENCE_NUMBER = Detector(
    Rule(
        id="broken-sequence-number",
        title="EndOfStream does not say how many audio messages were sent",
        why=(
            "`last_seq_no` is the number of the last audio message. Speechmatics' schema wants it; its servers use it as a "
            "hint, so that programs that always send 0 work. AssemblyAI's `Terminate` has no such number: a rewrite leaves "
            "nothing of it, and the drop-in ignores it."
        ),
    ),
    _sequence_number,
    goes_with_rewrite=True,
)
