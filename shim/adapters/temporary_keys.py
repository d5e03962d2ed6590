"""Redirects requests for temporary Speechmatics keys that are made with httpx, requests or urllib.

The seam is where each library hands one finished request to the network: everything above it (sessions, headers, the
response's own checks) is the program's, test doubles stand in its place, and a proxy is below it.
"""

from __future__ import annotations

import http.client
from collections.abc import Awaitable, Callable
from typing import Any

from shim.redirect import key_destination, replace_method


def patch_httpx(library: Any) -> None:
    """Redirect ``httpx``, synchronous and asynchronous."""

    def local(request: Any) -> Any | None:
        address = key_destination(request.method, str(request.url))
        if address is None:
            return None
        url = library.URL(address)
        headers = {**request.headers, "host": url.netloc.decode()}
        return library.Request(
            request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
        )

    def handle_request(original: Callable[..., Any]) -> Callable[..., Any]:
        def handle_request(self: Any, request: Any) -> Any:
            found = local(request)
            # With a transport of its own, because that of the program may lead to a proxy. No TLS on loopback.
            return (
                original(self, request)
                if found is None
                else original(library.HTTPTransport(verify=False), found)
            )

        return handle_request

    def handle_async_request(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def handle_async_request(self: Any, request: Any) -> Any:
            found = local(request)
            if found is None:
                return await original(self, request)
            return await original(library.AsyncHTTPTransport(verify=False), found)

        return handle_async_request

    replace_method(library.HTTPTransport, "handle_request", handle_request)
    replace_method(library.AsyncHTTPTransport, "handle_async_request", handle_async_request)


def patch_urllib(library: Any) -> None:
    """Redirect ``urllib.request``."""

    def do_open(original: Callable[..., Any]) -> Callable[..., Any]:
        def do_open(self: Any, connection_class: Any, request: Any, **options: Any) -> Any:
            # By now a proxy may stand where the request is sent, but its address is still the program's.
            url = key_destination(request.get_method(), request.full_url)
            if url is None:
                return original(self, connection_class, request, **options)
            headers = {**request.headers, **request.unredirected_hdrs}
            del headers["Host"]
            local = library.Request(url, request.data, headers, method=request.get_method())
            local.add_unredirected_header("Host", local.host)
            local.timeout = request.timeout
            response = original(self, http.client.HTTPConnection, local)
            response.url = request.full_url
            return response

        return do_open

    replace_method(library.AbstractHTTPHandler, "do_open", do_open)


def patch_requests(library: Any) -> None:
    """Redirect ``requests``."""

    def send(original: Callable[..., Any]) -> Callable[..., Any]:
        def send(self: Any, request: Any, *arguments: Any, **options: Any) -> Any:
            url = key_destination(request.method or "", request.url or "")
            if url is None:
                return original(self, request, *arguments, **options)
            local = request.copy()
            local.url = url
            response = original(self, local, timeout=options.get("timeout"))
            response.request, response.url = request, request.url
            return response

        return send

    replace_method(library.adapters.HTTPAdapter, "send", send)
