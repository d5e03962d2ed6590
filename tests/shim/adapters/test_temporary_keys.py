"""Requests for temporary Speechmatics keys: answered in this process, whichever library makes them."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from shim import redirect, settings

HOST = "https://mp.speechmatics.com"
PARAMS = {"type": "rt", "sm-sdk": "python-5.0.0"}
BODY = {"ttl": 60, "region": "eu"}
HEADERS = {"Authorization": "Bearer legacy-speechmatics-secret"}

Answer = tuple[int, dict[str, Any]]
Ask = Callable[[str], Answer]


def with_requests(url: str) -> Answer:
    response = requests.post(url, params=PARAMS, json=BODY, headers=HEADERS, timeout=20)
    assert response.url.startswith(url)
    return response.status_code, response.json()


def with_httpx(url: str) -> Answer:
    response = httpx.post(url, params=PARAMS, json=BODY, headers=HEADERS, timeout=20)
    assert str(response.url).startswith(url)
    return response.status_code, response.json()


def with_an_asynchronous_httpx(url: str) -> Answer:
    async def ask() -> Answer:
        async with httpx.AsyncClient(headers=HEADERS, timeout=20) as client:
            response = await client.post(url, params=PARAMS, json=BODY)
            return response.status_code, response.json()

    return asyncio.run(ask())


def with_aiohttp(url: str) -> Answer:
    async def ask() -> Answer:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.post(url, params=PARAMS, json=BODY, headers=HEADERS) as response,
        ):
            return response.status, await response.json()

    return asyncio.run(ask())


def with_urllib(url: str) -> Answer:
    request = urllib.request.Request(
        f"{url}?{urllib.parse.urlencode(PARAMS)}", json.dumps(BODY).encode(), HEADERS, method="POST"
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        assert response.url.startswith(url)
        return response.status, json.load(response)


LIBRARIES = [with_requests, with_httpx, with_an_asynchronous_httpx, with_aiohttp, with_urllib]


@pytest.fixture(params=LIBRARIES, ids=lambda ask: ask.__name__)
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.mark.parametrize("path", ["/v1/api_keys", "/v1/api-keys"])
def test_a_key_is_given_out_here_and_no_proxy_sees_the_request(
    assemblyai: Callable[..., Any], ask: Ask, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = assemblyai()
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    status, answer = ask(HOST + path)
    assert (status, answer["apikey_id"]) == (201, None)
    assert "legacy-speechmatics-secret" not in answer["key_value"]
    assert emulator.journal.connections == []


def test_a_platform_of_ones_own_is_asked_once_it_is_configured(
    assemblyai: Callable[..., Any], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assemblyai()
    monkeypatch.setattr(settings, "_configured", {})
    settings.configure(speechmatics_hosts={"keys.hospital.example"})
    assert ask("https://keys.hospital.example/v1/api_keys")[0] == 201


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{HOST}/v1/api_keys"),
        ("POST", f"{HOST}/v1/usage"),
        ("DELETE", f"{HOST}/v1/api_keys/1"),
        ("POST", "https://mp.example/v1/api_keys"),
        ("POST", "https://asr.api.speechmatics.com/v1/api_keys"),
        ("POST", "not an address"),
    ],
)
def test_any_other_request_goes_where_it_went(method: str, url: str) -> None:
    assert redirect.key_destination(method, url) is None


def test_a_test_double_in_the_place_of_the_network_is_left_alone() -> None:
    redirect.install("httpx")
    transport = httpx.MockTransport(lambda request: httpx.Response(418))
    with httpx.Client(transport=transport) as client:
        assert client.post(f"{HOST}/v1/api_keys").status_code == 418


def test_other_hosts_are_reached_as_before(other_server: str) -> None:
    redirect.install("httpx", "requests", "urllib")
    url = f"http://{other_server}/v1/api_keys"
    assert httpx.get(url).text == requests.get(url, timeout=20).text == "/v1/api_keys"
    # The opener of the module remembers the proxies of its first use.
    with urllib.request.build_opener().open(url, timeout=20) as response:
        assert response.read() == b"/v1/api_keys"
