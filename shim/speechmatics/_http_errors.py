"""The error that the SDK gives a program when a key is refused: ``httpx.HTTPStatusError``, also where httpx is missing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Request:
    """What was asked; the part of ``httpx.Request`` that programs print."""

    method: str
    url: str


@dataclass(frozen=True)
class Response:
    """What was answered; the part of ``httpx.Response`` that programs look at."""

    status_code: int
    text: str = field(repr=False)


class HTTPStatusError(Exception):
    """Stands for the exception of that name where httpx is not installed. A program that names httpx has it installed.

    Attributes:
        request: what was asked.
        response: what was answered; ``response.status_code`` is 401 for a refused key.
    """

    def __init__(self, message: str, *, request: Request, response: Response) -> None:
        super().__init__(message)
        self.request = request
        self.response = response


def status_error(method: str, url: str, status: int, text: str) -> Exception:
    """``httpx.HTTPStatusError``, or ours without httpx.

    Args:
        method: of the request.
        url: that it was made to, without a secret.
        status: of the answer, 400 or higher.
        text: of the answer; says what to do.
    """
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    message = f"{status} {phrase} for url '{url}': {text}"
    try:
        import httpx
    except ImportError:
        return HTTPStatusError(message, request=Request(method, url), response=Response(status, text))
    request = httpx.Request(method, url)
    return httpx.HTTPStatusError(
        message, request=request, response=httpx.Response(status, text=text, request=request)
    )


def status_errors() -> tuple[type[Exception], ...]:
    """What to catch: every exception that `status_error` may have made so far."""
    httpx = sys.modules.get("httpx")
    return (HTTPStatusError,) if httpx is None else (HTTPStatusError, httpx.HTTPStatusError)
