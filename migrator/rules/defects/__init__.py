"""What is already broken in a legacy program: named with its line, what happens today and what to do, and never mended.

A detector looks at the same facts as the rules and reports what follows from them. What is only likely is not reported:
a false alarm costs more than it gives. To add one, write a function from `Facts` to `Defect`, describe it in a `Detector`
and put it into `DETECTORS`; its tests also show what must not be named.
"""

from __future__ import annotations

from collections.abc import Iterator

from migrator.rules.defects import awaiting, ending, events, opening, sound, starting
from migrator.rules.defects.defect import Defect, Detector, Facts
from migrator.rules.rule import Rule

DETECTORS: tuple[Detector, ...] = (
    opening.HEADER_KEYWORD,
    opening.ADDRESS,
    opening.AUTHORIZATION,
    starting.ORDER,
    starting.CONFIGURATION,
    sound.SOUND,
    sound.FRAME,
    awaiting.AWAIT,
    events.EVENT_NAME,
    ending.SEQUENCE_NUMBER,
)
"""All of them, in the order in which a session goes."""

RULES: tuple[Rule, ...] = tuple(detector.rule for detector in DETECTORS)


def found(facts: Facts) -> Iterator[tuple[Detector, Defect]]:
    """Every defect, once, with the detector that knows it."""
    for detector in DETECTORS:
        for defect in sorted(set(detector.find(facts))):
            yield detector, defect
