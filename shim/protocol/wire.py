"""JSON as both services speak it: `orjson` where it is installed (the ``fast`` extra), the standard library otherwise.

Both ways refuse the same things: what is not JSON in UTF-8, NaN and Infinity, numbers that no float can hold, and half
surrogate pairs, which are no text and could not be sent on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any


class NotJSON(ValueError):
    """The text is not the JSON that was expected. The message never repeats the text."""


_LONGEST_INTEGER = 19  # digits; about what fits into 64 bits


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("the number is too large")
    return value


def _whole(number: str) -> int | float:
    return int(number) if len(number.lstrip("-")) <= _LONGEST_INTEGER else _finite(number)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def standard_loads(text: str | bytes) -> Any:
    """`loads` with the standard library alone; raises ValueError or RecursionError."""
    if isinstance(text, bytes):
        text = text.decode()  # the library would take other encodings too
    value = json.loads(text, parse_float=_finite, parse_int=_whole, parse_constant=_refuse)
    if "\\ud" in text or "\\uD" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


standard_dumps: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":")).encode


def _fastest() -> tuple[Callable[[str | bytes], Any], Callable[[Any], str]]:
    try:
        import orjson
    except ImportError:
        return standard_loads, standard_dumps
    return orjson.loads, lambda value: orjson.dumps(value).decode()


_loads, _dumps = _fastest()


def loads(text: str | bytes) -> Any:
    """The value that ``text`` (UTF-8 where it is bytes) stands for.

    Raises:
        NotJSON: it stands for none.
    """
    try:
        return _loads(text)
    except (ValueError, RecursionError) as error:
        raise NotJSON(f"not JSON ({type(error).__name__})") from None


def dumps(value: Any) -> str:
    """``value`` (dicts, lists, strings, finite numbers, booleans, None) as compact JSON text."""
    try:
        return _dumps(value)
    except TypeError:
        # orjson refuses strings that are not valid Unicode; the standard library escapes them.
        return standard_dumps(value)


def loads_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object in ``text``; one that was encoded twice (a string that holds an object) is unwrapped.

    The multichannel client of speechmatics-python 5 encodes SetRecognitionConfig twice (observed).

    Raises:
        NotJSON: the text is not JSON, or is JSON but no object.
    """
    value = loads(text)
    if isinstance(value, str):
        value = loads(value)
    if not isinstance(value, dict):
        raise NotJSON("not a JSON object")
    return value
