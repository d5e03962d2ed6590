"""What a defect is: something that is already broken in the legacy program, and that `migrate` names and does not mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from migrator.analysis.names import Names
from migrator.analysis.source import Source
from migrator.dialects.sdk import SdkProgram
from migrator.dialects.session import Session
from migrator.rules import endpoint
from migrator.rules.rule import Rule
from migrator.surroundings.versions import Known


def _nothing_known(package: str) -> list[Known]:
    return []


@dataclass(frozen=True)
class Facts:
    """What the detectors look at.

    Attributes:
        session: what is known of a connection for raw messages; None where there is none.
        program: what is known of the use of an SDK; None where there is none.
        versions: what the project says of the versions of a package, by its name.
    """

    source: Source
    names: Names
    session: Session | None = None
    program: SdkProgram | None = None
    versions: Callable[[str], list[Known]] = field(default=_nothing_known)

    @property
    def is_speechmatics(self) -> bool:
        """Whether the connection for raw messages certainly goes to a host of the Speechmatics cloud."""
        session = self.session
        return (
            session is not None
            and session.connection is not None
            and not isinstance(endpoint.address(session), str)
        )


@dataclass(frozen=True, order=True)
class Defect:
    """One thing that is broken today.

    Attributes:
        line: 1-based.
        message: what happens today because of it, and what to do; ``{other}`` stands for the other line.
        other: a second line that belongs to it.
    """

    line: int
    message: str
    other: int = 0


@dataclass(frozen=True)
class Detector:
    """One way in which programs are broken.

    Attributes:
        rule: tells people about it. A detector has nothing to propose.
        find: facts in, defects out. It reports what follows from the source, and nothing that is only likely.
        goes_with_rewrite: the rewrite leaves nothing of it, because AssemblyAI has no such thing: it is only said where the
            program keeps its messages. A unit with any other defect is not rewritten: nobody can tell what the program
            was meant to do, and a rewrite would either carry the defect over or mend it without a word.
    """

    rule: Rule
    find: Callable[[Facts], Iterator[Defect]]
    goes_with_rewrite: bool = False
