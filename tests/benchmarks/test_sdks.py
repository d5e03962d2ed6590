"""What the drop-ins of Speechmatics' SDKs cost beside the originals, each with the emulator of its service."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.emulator.serving import Socket
from shim.emulator.speechmatics import SpeechmaticsEmulator

ROOT = Path(__file__).parents[2]
KEY = "key"
STREAMS = 10

Sent = dict[float, float]
"""The end of the last word of a partial, in seconds of sound, to `time.monotonic`."""


@dataclass(frozen=True)
class Cost:
    """What a client cost.

    Attributes:
        cpu: seconds of CPU for each second of each stream.
        delays: real seconds from the moment when the service sent a partial until a handler was called with it.
    """

    cpu: float
    delays: list[float]


def measure(
    python: Path,
    package: str,
    emulator: SpeechmaticsEmulator | AssemblyAIEmulator,
    scene: Scene,
    streams: int,
    sent: Sent,
) -> Cost:
    done = subprocess.run(
        [
            str(python),
            str(Path(__file__).with_name("sdk_streams.py")),
            package,
            str(scene.sound),
            str(streams),
        ],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SPEECHMATICS_RT_URL": f"{emulator.url}/v2" if isinstance(emulator, SpeechmaticsEmulator) else "",
            "ASSEMBLYAI_API_KEY": KEY,
            "ASSEMBLYAI_STREAMING_URL": emulator.url,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    told = json.loads(done.stdout)
    first_heard = {round(end, 3): heard for end, heard in reversed(told["heard"])}
    delays = [heard - sent[end] for end, heard in first_heard.items() if end in sent]
    sent.clear()
    return Cost(told["cpu"], delays)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Notes when an emulator begins to send a partial in its first session."""
    sent: Sent = {}
    send_text = Socket.send_text

    async def timed(self: Socket, text: str) -> None:
        message = json.loads(text)
        if self.number == 1 and message.get("message") == "AddPartialTranscript" and message["results"]:
            sent.setdefault(round(message["results"][-1]["end_time"], 3), time.monotonic())
        elif self.number == 1 and message.get("type") == "Turn" and message["words"]:
            sent.setdefault(round(message["words"][-1]["end"] / 1000, 3), time.monotonic())
        await send_text(self, text)

    monkeypatch.setattr(Socket, "send_text", timed)
    return sent


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene.load(ROOT / "fixtures" / "scenes" / "two-speakers.json")


ENVIRONMENTS = {"speechmatics": "speechmatics-python", "speechmatics.rt": "speechmatics-rt-newest"}


@pytest.mark.parametrize("package", ENVIRONMENTS)
def test_what_a_stream_costs_with_an_sdk_and_with_ours(
    scene: Scene, package: str, sent: Sent, capsys: pytest.CaptureFixture[str]
) -> None:
    original = ROOT / ".environments" / ENVIRONMENTS[package] / "bin" / "python"
    if not original.exists():
        pytest.skip(f"the environment {ENVIRONMENTS[package]} is missing; run scripts/test --install")
    ours = f"shim.{package}"
    costs: dict[tuple[str, int], Cost] = {}
    for streams in (1, STREAMS):
        with SpeechmaticsEmulator(scene, keys={KEY}, quota=2 * STREAMS) as emulator:
            costs[package, streams] = measure(original, package, emulator, scene, streams, sent)
        with AssemblyAIEmulator(scene, keys={KEY}) as emulator:
            costs[ours, streams] = measure(Path(sys.executable), ours, emulator, scene, streams, sent)
    with capsys.disabled():
        print(
            f"\n\n{ENVIRONMENTS[package]} and its drop-in: CPU a stream and second; from the service's partial to its handler"
        )
        for (name, streams), cost in costs.items():
            beside = costs[package, streams]
            delay = statistics.median(cost.delays)
            print(
                f"  {name:22} {streams:3} streams   {cost.cpu * 1e3:6.2f} ms {cost.cpu / beside.cpu:5.2f} x   "
                f"median {delay * 1e3:6.2f} ms, {(delay - statistics.median(beside.delays)) * 1e3:+.2f} ms   "
                f"({len(cost.delays)} partials)"
            )
    for streams in (1, STREAMS):
        old, new = costs[package, streams], costs[ours, streams]
        assert len(new.delays) > 5
        # The drop-in is the client, the session server and the client of AssemblyAI in one.
        assert new.cpu < 3 * old.cpu
