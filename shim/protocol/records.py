"""Values that JSON objects of one shape become, without a dict in between: with `msgspec` where it is installed (the
``fast`` extra). Without it they are dataclasses, and whoever reads them has to go the longer way over dicts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

__all__ = ["Label", "Record", "Share", "Whole", "exact_reader", "replace"]

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform

    msgspec: Any

    @dataclass_transform(frozen_default=True)
    class Record:
        """Base of values that are made by the thousand, never change, and hold nothing that leads back to them.

        A subclass lists its attributes as a dataclass does. ``tag`` is what ``type`` says in JSON, if it says anything;
        ``rename`` has the names in JSON of those attributes that have others.
        """

        def __init_subclass__(cls, *, tag: str = "", rename: Mapping[str, str] | None = None) -> None: ...

    Whole = int
    """A whole number, not negative, that a float can hold exactly."""
    Share = float
    """0 to 1."""
    Label = str
    """Not empty."""

else:
    try:
        import msgspec
    except ImportError:
        msgspec = None

        class Record:
            def __init_subclass__(cls, **_: Any) -> None:
                # Frozen for the type checker alone: checking it at run time would treble the time that an object takes.
                dataclasses.dataclass(cls)

        Whole, Share, Label = int, float, str
    else:

        class Record(msgspec.Struct, frozen=True, gc=False, tag_field="type"):
            pass

        Whole = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
        Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
        Label = Annotated[str, msgspec.Meta(min_length=1)]


R = TypeVar("R", bound=Record)


def replace(record: R, **changes: Any) -> R:
    """The same with other values for some attributes."""
    changed: R = (dataclasses if msgspec is None else msgspec.structs).replace(record, **changes)
    return changed


def exact_reader(kind: type[R]) -> Callable[[str | bytes], R | None]:
    """Reads JSON objects that have all attributes of ``kind`` without a default, and no value beyond its type.

    What it does not know it passes over, well-formed or not. Returns None for anything else, and always without
    `msgspec`: then it is for the caller to make sense of the JSON.
    """
    if msgspec is None:
        return lambda data: None
    decode: Callable[[str | bytes], R] = msgspec.json.Decoder(kind).decode

    def read(data: str | bytes) -> R | None:
        try:
            return decode(data)
        except (ValueError, RecursionError):
            return None

    return read
