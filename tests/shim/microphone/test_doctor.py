"""``shim doctor`` with real PyAudio."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from shim.emulator.virtual_microphone import VirtualMicrophone


@pytest.mark.microphone
def test_a_microphone_that_hears_is_told_from_one_that_is_muted(scenes):
    with VirtualMicrophone(44100) as microphone:

        def examine() -> str:
            command = [sys.executable, "-m", "shim", "doctor", "--json", "--no-session"]
            # Where nobody listens, so that nothing leaves this machine.
            nowhere = {"ASSEMBLYAI_STREAMING_URL": "ws://127.0.0.1:1"}
            done = subprocess.run(
                command,
                env={**os.environ, **microphone.environment, **nowhere},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.stderr == ""
            (found,) = (c for c in json.loads(done.stdout)["checks"] if c["name"] == "microphone")
            return found["status"]

        assert examine() == "failed"
        microphone.start_playing(scenes / "two-speakers.wav")
        # The player may take a moment to begin.
        assert "ok" in (examine() for _ in range(5))
