"""How a client says who it is: to another host than Speechmatics' own, that is. AssemblyAI is never told."""

from __future__ import annotations

import abc
import os
import secrets
from typing import Literal

from shim.protocol.mapping.hosts import MANAGEMENT_HOST, MANAGEMENT_PATHS
from shim.redirect import is_key_request
from shim.speechmatics.rt._exceptions import AuthenticationError
from shim.speechmatics.rt.constants import REQUEST_ID_HEADER

_KEY_VARIABLE = "SPEECHMATICS_API_KEY"
_CREATED = 201
_ANSWER_SECONDS = 10


class AuthBase(abc.ABC):
    """Gives the headers of a connection. Subclass it for credentials of another kind.

    Attributes:
        BASE_URL: address of the service that gives out temporary keys.
    """

    BASE_URL = f"https://{MANAGEMENT_HOST}"

    @abc.abstractmethod
    async def get_auth_headers(self) -> dict[str, str]:
        """The headers; asked for each connection."""
        raise NotImplementedError


class StaticKeyAuth(AuthBase):
    """A Speechmatics key that lasts.

    Args:
        api_key: the key; None for the one in ``SPEECHMATICS_API_KEY``. It need not exist.
    """

    def __init__(self, api_key: str | None = None) -> None:
        self._api_key = api_key or os.environ.get(_KEY_VARIABLE)

    async def get_auth_headers(self) -> dict[str, str]:
        """``Authorization`` with the key."""
        return {"Authorization": f"Bearer {self._api_key}"}


class JWTAuth(AuthBase):
    """Temporary Speechmatics keys, a new one for each connection.

    Speechmatics itself is not asked for one: the connection goes to AssemblyAI, so that any key will do.

    Args:
        api_key: the Speechmatics key; None for the one in ``SPEECHMATICS_API_KEY``.
        ttl: seconds for which a temporary key is valid.
        region: for which it is valid.
        client_ref: of the user of the program.
        mp_url: address of another service that gives out keys; None for the one in ``SM_MANAGEMENT_PLATFORM_URL``, or
            Speechmatics' own.
        request_id: number to send along.

    Raises:
        ValueError: there is no key, or ``ttl`` is not between 60 and 86400.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        ttl: int = 60,
        region: Literal["eu", "usa"] = "eu",
        client_ref: str | None = None,
        mp_url: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self._api_key = api_key or os.environ.get(_KEY_VARIABLE)
        self._mp_url = mp_url or os.environ.get("SM_MANAGEMENT_PLATFORM_URL", self.BASE_URL)
        self._content: dict[str, int | str] = {"ttl": ttl, "region": region}
        if client_ref:
            self._content["client_ref"] = client_ref
        self._request_id = request_id
        if not self._api_key:
            raise ValueError(
                f"API key required: please provide api_key or set {_KEY_VARIABLE} environment variable"
            )
        if not 60 <= ttl <= 86_400:
            raise ValueError("ttl must be between 60 and 86400 seconds")

    async def get_auth_headers(self) -> dict[str, str]:
        """``Authorization`` with a new temporary key.

        Raises:
            AuthenticationError: another service than Speechmatics' gave none.
            ImportError: aiohttp is missing, with which another service is asked.
        """
        address = f"{self._mp_url}{MANAGEMENT_PATHS[0]}"
        if is_key_request("POST", address):
            return {"Authorization": f"Bearer {secrets.token_urlsafe(32)}"}
        return {"Authorization": f"Bearer {await self._request_key(address)}"}

    async def _request_key(self, address: str) -> str:
        try:
            import aiohttp
        except ImportError as error:
            raise ImportError(
                "a temporary key of another service needs aiohttp: pip install aiohttp"
            ) from error
        headers = {"Authorization": f"Bearer {self._api_key}"}
        if self._request_id:
            headers[REQUEST_ID_HEADER] = self._request_id
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)) as session,
                session.post(address, params={"type": "rt"}, json=self._content, headers=headers) as response,
            ):
                if response.status != _CREATED:
                    text = await response.text()
                    raise AuthenticationError(f"Failed to generate JWT: HTTP {response.status}: {text}")
                return str((await response.json())["key_value"])
        except aiohttp.ClientError as error:
            raise AuthenticationError(f"Network error generating JWT: {error}") from error
        except AuthenticationError:
            raise
        except Exception as error:
            raise AuthenticationError(f"Unexpected error generating JWT: {error}") from error
