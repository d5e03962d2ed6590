"""Small functions of the Speechmatics SDK that programs import (module ``speechmatics.helpers``)."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, NoReturn, ParamSpec

from shim.speechmatics._reading import Reader

__all__ = [
    "asyncio",
    "check_tasks_exceptions",
    "del_none",
    "get_version",
    "inspect",
    "json",
    "json_utf8",
    "read_in_chunks",
    "sys",
]

P = ParamSpec("P")

MIRRORED_VERSION = "5.0.0.post1"
"""The version of speechmatics-python whose names and behaviour these modules have."""


def get_version() -> str:
    """The version of speechmatics-python that is mirrored."""
    return MIRRORED_VERSION


def del_none(dictionary: dict[Any, Any]) -> dict[Any, Any]:
    """Delete the keys whose value is None, also in dicts inside; the dict itself is changed, and given back."""
    for key in [key for key, value in dictionary.items() if value is None]:
        del dictionary[key]
    for value in dictionary.values():
        if isinstance(value, dict):
            del_none(value)
    return dictionary


def json_utf8(func: Callable[P, Any]) -> Callable[P, str]:
    """Decorator: the function gives its result as JSON."""

    @functools.wraps(func)
    def as_json(*args: P.args, **kwargs: P.kwargs) -> str:
        return json.dumps(func(*args, **kwargs))

    return as_json


async def read_in_chunks(stream: Any, chunk_size: int) -> AsyncIterator[Any]:
    """What ``stream.read(chunk_size)`` gives, a function or a coroutine function, until it gives nothing.

    A function is called in a thread of its own, so that the event loop goes on while it waits for sound.
    """
    reader = Reader(stream)
    try:
        while chunk := await reader.read(chunk_size):
            yield chunk
    finally:
        await reader.close()


def check_tasks_exceptions(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Raise what one of the tasks raised, if any did, and cancel the others."""
    tasks = list(tasks)
    for task in tasks:
        if not task.done() or task.cancelled():
            continue
        failure = task.exception()
        if failure is not None:
            for other in tasks:
                if other is not task:
                    other.cancel()
            raise failure


def _process_status_errors(error: Any) -> NoReturn:
    """End the program with a sentence about an HTTP error (``httpx.HTTPStatusError``)."""
    status = error.response.status_code
    what = f"{error.request.method} request to {error.request.url} returned {status}"
    if status == 401:
        sys.exit(
            f"Unauthorized: {what}. Put your AssemblyAI key into the environment variable ASSEMBLYAI_API_KEY."
        )
    if status == 404:
        sys.exit(f"NotFound: {what}. Check the address.")
    if status == 429:
        sys.exit(f"TooManyRequests: {what}. Wait, and make fewer requests.")
    if status in (400, 422):
        sys.exit(
            f"BadOrUnprocessableRequest: {what}.\n\nresponse: {error.response.text}\nCheck the configuration."
        )
    sys.exit(f"httpx.HTTPStatusError: {error}")
