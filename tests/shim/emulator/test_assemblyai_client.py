"""The vendor's own Python package cannot tell the emulator from the service."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.sync.client import connect

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.emulator.tls import CertificateAuthority
from shim.protocol.mapping.messages import ASSEMBLYAI_SERVER_MESSAGES

pytestmark = pytest.mark.environment

KEY = "key-of-the-test"
SPEED = 20.0

CLIENT = """
import json, logging, sys, time, wave
from assemblyai.streaming.v3 import *
request = json.loads(sys.argv[1])
said = {"begin": 0, "partials": 0, "finals": [], "speakers": [], "termination": None, "errors": [], "log": []}

class Collector(logging.Handler):
    def emit(self, record):
        said["log"].append(record.getMessage())

logging.getLogger().addHandler(Collector(logging.WARNING))
client = StreamingClient(
    StreamingClientOptions(api_key=request["key"], api_host=request["host"], connect_timeout=20)
)

def turn(client, event):
    if event.end_of_turn:
        said["finals"].append(event.transcript)
        said["speakers"].append(event.speaker_label)
    else:
        said["partials"] += 1

client.on(StreamingEvents.Begin, lambda client, event: said.update(begin=said["begin"] + 1))
client.on(StreamingEvents.Turn, turn)
client.on(
    StreamingEvents.Termination,
    lambda client, event: said.update(termination=event.audio_duration_seconds),
)
client.on(StreamingEvents.Error, lambda client, error: said["errors"].append([error.code, str(error)]))
if request["token"]:
    token = client.create_temporary_token(expires_in_seconds=600)
    client = None
    print(json.dumps({"token": token}))
    sys.exit()
client.connect(StreamingParameters(**request["parameters"]))
with wave.open(request["sound"]) as sound:
    while chunk := sound.readframes(800):
        client.stream(chunk)
        if request["force_after"] and sound.tell() == request["force_after"]:
            client.force_endpoint()
            client.set_params(StreamingSessionParameters(max_turn_silence=1000))
client.disconnect(terminate=True)
print(json.dumps(said))
"""

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(environment_python: Callable[[str], Path]) -> Run:
    """Run the client against an emulator and return what it was told."""
    python = environment_python("assemblyai")

    def run(
        emulator: AssemblyAIEmulator,
        scene: Scene,
        parameters: dict[str, Any] | None = None,
        *,
        key: str = KEY,
        ca_file: Path | None = None,
        token: bool = False,
        force_after: int = 0,
    ) -> dict[str, Any]:
        request = {
            "key": key,
            # Without a scheme the client speaks TLS.
            "host": emulator.url.removeprefix("wss://"),
            "parameters": {"sample_rate": 16000, "speech_model": "universal-3-6-pro", **(parameters or {})},
            "sound": str(scene.sound),
            "token": token,
            "force_after": force_after,
        }
        environment = {**os.environ, **({"SSL_CERT_FILE": str(ca_file)} if ca_file else {})}
        process = subprocess.run(
            [python, "-c", CLIENT, json.dumps(request)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert process.returncode == 0, process.stderr
        said: dict[str, Any] = json.loads(process.stdout)
        return said

    return run


@pytest.mark.parametrize(
    "parameters",
    [
        {"speech_model": "universal-3-6-pro"},
        {"speech_model": "u3-rt-pro", "keyterms_prompt": ["Martha Green"], "language_detection": True},
        {"speech_model": "universal-streaming-english", "format_turns": True, "vad_threshold": 0.3},
    ],
    ids=lambda parameters: parameters["speech_model"],
)
def test_it_transcribes_a_scene_exactly(run: Run, two_speakers: Scene, parameters: dict[str, Any]) -> None:
    with AssemblyAIEmulator(two_speakers, speed=SPEED, keys={KEY}) as emulator:
        said = run(emulator, two_speakers, parameters)
    spoken = [turn.text for turn in two_speakers.turns]
    formatted = [text for text in said["finals"] if text and text[0].isupper()]
    assert formatted == spoken
    assert said["begin"] == 1
    assert said["partials"] >= len(spoken)
    assert said["termination"] == 14
    assert said["errors"] == said["log"] == []


def test_it_gets_the_speakers(run: Run, two_speakers: Scene) -> None:
    with AssemblyAIEmulator(two_speakers, speed=SPEED) as emulator:
        said = run(emulator, two_speakers, {"speaker_labels": True})
    assert said["speakers"] == ["A", "B", "A", "B", "A"]


def test_it_forces_an_endpoint_and_updates_the_session(run: Run, one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator:
        said = run(emulator, one_sentence, force_after=800 * 35)
        updates = [m for m in emulator.journal.messages("received") if m["type"] == "UpdateConfiguration"]
    assert len(said["finals"]) == 2
    assert " ".join(said["finals"]) == one_sentence.text
    assert updates == [{"max_turn_silence": 1000, "type": "UpdateConfiguration"}]


def test_it_is_told_of_a_bad_key(run: Run, one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=SPEED, keys={KEY}) as emulator:
        said = run(emulator, one_sentence, key="wrong")
    assert said["errors"] == [[1008, "Unauthorized Connection: Invalid API key"]]
    assert said["finals"] == []


def test_it_is_told_of_an_error_in_the_middle(run: Run, two_speakers: Scene) -> None:
    with AssemblyAIEmulator(two_speakers, speed=SPEED, faults=["error:3005@5"]) as emulator:
        said = run(emulator, two_speakers)
    assert said["errors"] == [[3005, "Session Cancelled: An error occurred"]]
    assert said["finals"] == [two_speakers.turns[0].text]


def test_it_gets_in_over_tls_and_makes_a_token(run: Run, one_sentence: Scene, tmp_path: Path) -> None:
    authority = CertificateAuthority.create(tmp_path)
    options = {"speed": SPEED, "keys": {KEY}, "tls": authority.certificate(["streaming.assemblyai.com"])}
    with AssemblyAIEmulator(one_sentence, **options) as emulator:
        token = run(emulator, one_sentence, token=True, ca_file=authority.ca_file)["token"]
        said = run(emulator, one_sentence, key=token, ca_file=authority.ca_file)
    assert said["finals"] == [one_sentence.text]


JUDGE = """
import json, sys
from assemblyai.streaming.v3._base import _BaseStreamingClient

for line in sys.stdin:
    message = json.loads(line)
    event = _BaseStreamingClient._parse_message(message)
    print(type(event).__name__)
"""


def test_it_reads_every_kind_of_message_as_its_own(
    environment_python: Callable[[str], Path], two_speakers: Scene
) -> None:
    """What no AsyncAPI document describes is described by the vendor's models."""
    query = {
        "speech_model": "universal-3-6-pro",
        "speaker_labels": "true",
        "session_heartbeat": "true",
        "acknowledge_silence": "true",
    }
    faults = ["wrong-speakers", "warning@1", "error-without-close@2"]
    with AssemblyAIEmulator(two_speakers, speed=SPEED, faults=faults) as emulator:
        with connect(
            f"{emulator.url}/v3/ws?{urlencode(query)}",
            additional_headers={"Authorization": KEY},
            proxy=None,
        ) as connection:
            sound = two_speakers.sound.read_bytes()[44:]
            for start in range(0, len(sound), 3200):
                connection.send(sound[start : start + 3200].ljust(3200, b"\0"))
            connection.send('{"type":"Terminate"}')
            for _ in connection:
                pass  # the journal has it
        messages = emulator.journal.messages("sent")
    assert {message["type"] for message in messages} == {*ASSEMBLYAI_SERVER_MESSAGES} - {"LLMGatewayResponse"}
    judged = subprocess.run(
        [environment_python("assemblyai"), "-c", JUDGE],
        input="\n".join(map(json.dumps, messages)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout.split() == [f"{message['type']}Event" for message in messages]
