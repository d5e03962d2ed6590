"""``from shim import websockets`` in every spelling: the real package, redirected."""

from __future__ import annotations

import subprocess
import sys

import pytest


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("dropped", "real"),
    [
        ("from shim import websockets as found", "import websockets as found"),
        ("import shim.websockets as found", "import websockets as found"),
        ("from shim.websockets import connect as found", "from websockets import connect as found"),
        (
            "from shim.websockets.asyncio.client import connect as found",
            "from websockets.asyncio.client import connect as found",
        ),
        (
            "from shim.websockets.sync.client import connect as found",
            "from websockets.sync.client import connect as found",
        ),
        (
            "from shim.websockets.legacy.client import WebSocketClientProtocol as found",
            "from websockets.legacy.client import WebSocketClientProtocol as found",
        ),
        (
            "from shim.websockets.exceptions import ConnectionClosed as found",
            "from websockets.exceptions import ConnectionClosed as found",
        ),
        ("import shim.websockets.frames; found = shim.websockets.frames", "import websockets.frames as found"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", ["dropped", "real"])
def test_every_import_gives_the_library_s_own_object(dropped: str, real: str, first: str) -> None:
    lines = [f"{dropped}; a = found", f"{real}; b = found"]
    done = python("\n".join(lines if first == "dropped" else lines[::-1]) + "\nassert a is b, (a, b)")
    assert (done.returncode, done.stderr.replace("DeprecationWarning", "")) == (0, "")


def test_all_three_clients_are_redirected_whenever_they_are_imported() -> None:
    done = python(
        "import websockets.sync.client as before\n"
        "from shim import websockets\n"
        "import websockets.asyncio.client as later, websockets.legacy.client as old\n"
        "for method in (before.ClientConnection.close, later.connect.__init__, old.Connect.__init__):\n"
        "    print(method.__code__.co_filename.endswith('adapters/websockets.py'))\n"
    )
    assert done.stdout.split() == ["True"] * 3


def test_importing_the_drop_in_starts_nothing() -> None:
    done = python("from shim import websockets; import threading; print(threading.active_count())")
    assert done.stdout.strip() == "1"


def test_a_name_that_the_package_has_not_is_its_own_error() -> None:
    assert (
        "cannot import name 'nothing' from 'websockets'"
        in python("from shim.websockets import nothing").stderr
    )
    assert "No module named 'shim.websockets.nothing'" in python("import shim.websockets.nothing").stderr
