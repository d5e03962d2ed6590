"""The way from a client to the AssemblyAI emulator, all in this process and faster than real time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from shim import redirect
from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.settings import Settings

SPEED = 20.0
API_KEY = "assemblyai-key-of-the-tests"


@pytest.fixture
def assemblyai(
    one_sentence: Scene, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AssemblyAIEmulator]]:
    """Starts an AssemblyAI that hears one sentence, and leads what goes to Speechmatics there."""
    with ExitStack() as stack:

        def start(
            *faults: str, api_key: str | None = API_KEY, scene: Scene = one_sentence
        ) -> AssemblyAIEmulator:
            emulator = stack.enter_context(
                AssemblyAIEmulator(scene, speed=SPEED, faults=faults, keys=[API_KEY])
            )
            server = BackgroundServer(
                lambda: Settings(api_key=api_key, streaming_url=emulator.url), Clock(SPEED)
            )
            stack.callback(server.stop)
            monkeypatch.setattr(redirect, "background", server)
            return emulator

        yield start
