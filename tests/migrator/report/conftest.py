"""Results as the engine makes them, without the engine."""

import pytest

from migrator.result import Edit, FileResult, Finding, Result

LIVE = FileResult(
    "app/live.py",
    "native",
    b"import websocket\nHOST = 'eu2.rt.speechmatics.com'\nKEY = 'YOUR-KEY'\n",
    b"import websocket\nHOST = 'streaming.eu.assemblyai.com'\nKEY = 'YOUR-KEY'\n",
    edits=(
        Edit(2, "endpoint", "the host becomes AssemblyAI's in the same region"),
        Edit(5, "messages", "a final is a Turn with end_of_turn"),
        Edit(9, "messages", "a final is a Turn with end_of_turn"),
        Edit(9, "messages", "the word list moves", "likely"),
    ),
    findings=(Finding(3, "key", "put the new key into the environment", "rules.md#key"),),
    touch_points=4,
    touch_points_left=1,
)
OLD = FileResult(
    "app/old.py",
    "shim",
    b"import websocket\n",
    b"from shim import websocket\n",
    edits=(Edit(1, "drop-in", "line 7 could not be followed"),),
    touch_points=2,
)
HELPER = FileResult(
    "helper.py", "manual", b"x = 1\n", b"x = 1\n", findings=(Finding(1, "url", "the address is built elsewhere"),),
    touch_points=1, touch_points_left=1,
)  # fmt: skip
BROKEN = FileResult("broken.py", "error", error="line 3, column 7: invalid syntax")


@pytest.fixture
def result():
    """One file of each kind that needs saying."""
    return Result((LIVE, OLD, BROKEN, HELPER), scanned=40, skipped=(("build", "a build folder; name it"),))
