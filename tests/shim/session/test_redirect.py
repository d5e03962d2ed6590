from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from websockets.sync.server import ServerConnection, serve

from shim import redirect, settings


@pytest.fixture(autouse=True)
def _installed() -> None:
    redirect.install("websocket")


@pytest.fixture
def other_server() -> Iterator[str]:
    """A WebSocket server that is not Speechmatics: sends what it was asked for, then echoes."""

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        connection.send(json.dumps([connection.request.path, connection.request.headers["Authorization"]]))
        for message in connection:
            connection.send(message)

    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "wss://eu2.rt.speechmatics.com/v2/en",
        "wss://EU.RT.Speechmatics.com:443/v2?jwt=abc",
        "wss://us.rt.speechmatics.com",
        "ws://global.rt.speechmatics.com/v2",
    ],
)
def test_speechmatics_hosts_are_redirected(url: str) -> None:
    assert redirect.is_redirected(url)


@pytest.mark.parametrize(
    "url",
    [
        "wss://api.deepgram.com/v1/listen",
        "ws://127.0.0.1:9000/v2",
        "wss://speech.hospital.example:9004/v2/en",
        "wss://eu2.rt.speechmatics.com.evil.example/v2",
        "wss://evil.example/eu2.rt.speechmatics.com",
        "not an address",
        "wss://[broken",
        "",
    ],
)
def test_other_hosts_are_not(url: str) -> None:
    assert not redirect.is_redirected(url)
    assert redirect.destination(url) is None


def test_a_host_on_premises_is_redirected_once_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_configured", {})
    settings.configure(speechmatics_hosts={"Speech.Hospital.example"})
    assert redirect.is_redirected("wss://speech.hospital.example:9004/v2/en")


def test_the_destination_is_loopback_and_keeps_host_path_and_query() -> None:
    first = redirect.destination("wss://eu2.rt.speechmatics.com/v2/en?sm-app=desk&x=1")
    assert first is not None
    parts = urlsplit(first)
    assert (parts.scheme, parts.hostname, parts.query) == ("ws", "127.0.0.1", "sm-app=desk&x=1")
    assert parts.path.endswith("/eu2.rt.speechmatics.com/v2/en")
    assert redirect.destination("wss://eu2.rt.speechmatics.com/v2/en") != first


def test_installing_again_from_many_threads_changes_nothing() -> None:
    before = dict(vars(websocket.WebSocket)), dict(vars(websocket.WebSocketApp))
    threads = [threading.Thread(target=redirect.install) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (dict(vars(websocket.WebSocket)), dict(vars(websocket.WebSocketApp))) == before


def test_an_unknown_library_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        redirect.install("carrier_pigeon")


def test_another_host_gets_the_connection_as_the_program_made_it(other_server: str) -> None:
    connection = websocket.create_connection(
        f"{other_server}/listen?a=1", header={"Authorization": "Token other"}
    )
    assert json.loads(connection.recv()) == ["/listen?a=1", "Token other"]
    connection.send("text")
    assert connection.recv() == "text"
    connection.send_bytes(b"bytes")
    assert next(connection) == b"bytes"
    connection.close()
    assert not connection.connected


def test_an_application_for_another_host_behaves_as_without_the_redirect(other_server: str) -> None:
    heard: list[Any] = []

    def on_message(app: Any, message: str) -> None:
        heard.append(message)
        app.close()

    app = websocket.WebSocketApp(
        other_server,
        header=["Authorization: Token other"],
        on_message=on_message,
        on_close=lambda *_: heard.append("closed"),
    )
    app.run_forever()
    assert len(heard) == 2
    assert heard[1] == "closed"


def test_a_test_double_in_the_place_of_connect_is_called_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        websocket.WebSocket, "connect", lambda self, url, **options: calls.append((url, options))
    )
    url = "wss://eu2.rt.speechmatics.com/v2/en"
    websocket.create_connection(url, header=["Authorization: Bearer x"], http_proxy_host="proxy.example")
    redirect.install("websocket")
    websocket.WebSocket().connect(url)
    options = {"header": ["Authorization: Bearer x"], "http_proxy_host": "proxy.example"}
    assert calls == [(url, options), (url, {})]
