"""Sessions of several channels, over the network."""

from __future__ import annotations

import base64
import json
import subprocess
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shim.emulator.scene import Scene

URL = "wss://eu2.rt.speechmatics.com/v2"
Fixture = Callable[..., Any]

LEGACY = """
    import json, sys
    from speechmatics.client import WebsocketClient
    from speechmatics.models import AudioSettings, ConnectionSettings, ServerMessageType, TranscriptionConfig

    url, left, right = sys.argv[1:]
    client = WebsocketClient(ConnectionSettings(url=url, auth_token="speechmatics-key", ssl_context=None))
    for kind in ServerMessageType:
        client.add_event_handler(kind, lambda message: print(json.dumps(message)))
    config = TranscriptionConfig(
        language="en", diarization="channel", channel_diarization_labels=["left", "right"], enable_partials=True
    )
    client.run_synchronously({"left": left, "right": right}, config, AudioSettings())
"""


def text_of(messages: list[dict[str, Any]], channel: str) -> str:
    finals = [m for m in messages if m["message"] == "AddTranscript" and m["channel"] == channel]
    return " ".join("".join(final["metadata"]["transcript"] for final in finals).split())


def send(client: Any, channel: str, audio: bytes) -> None:
    client.send({"message": "AddChannelAudio", "channel": channel, "data": base64.b64encode(audio).decode()})


@pytest.mark.parametrize("faults", [(), ("drop@2#1",), ("drop@1#1", "reset@2#2")])
def test_every_channel_gets_its_text_and_its_acknowledgements(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene, faults: tuple[str, ...]
) -> None:
    emulator = emulate(*faults)
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    started = one.start(diarization="channel", channel_diarization_labels=["left", "right"])
    assert started["channel_ids"] == ["left", "right"]
    silence = bytes(16000)
    for start in range(0, len(audio), 3200):
        send(one, "left", audio[start : start + 3200])
    send(one, "right", silence)
    for start in range(0, len(audio), 6400):
        send(one, "right", audio[start : start + 6400])
    for channel in ("left", "right"):
        one.send({"message": "EndOfChannel", "channel": channel, "last_seq_no": 0})
    one.hear_until("EndOfTranscript", "Error")
    heard = one.heard
    assert heard.names[-1] == "EndOfTranscript"
    assert [text_of(heard.messages, channel) for channel in ("left", "right")] == [scene.text, scene.text]
    words = {
        channel: [
            result["start_time"]
            for final in heard.named("AddTranscript")
            if final["channel"] == channel
            for result in final["results"]
            if result["type"] == "word"
        ]
        for channel in ("left", "right")
    }
    assert words["left"] == pytest.approx([word.start for word in scene.words], abs=0.3)
    assert words["right"] == pytest.approx([word.start + 0.5 for word in scene.words], abs=0.3)
    numbers = {"left": [], "right": []}
    for message in heard.named("ChannelAudioAdded"):
        numbers[message["channel"]].append(message["seq_no"])
    assert numbers["left"] == list(range(1, -(-len(audio) // 3200) + 1))
    assert numbers["right"] == list(range(1, -(-len(audio) // 6400) + 2))
    assert len(emulator.journal.connections) == 2 + len(faults)


def test_speechmatics_own_client_with_two_files(
    emulate: Fixture, serve: Fixture, environment_python: Callable[[str], Path], scene: Scene
) -> None:
    url = serve(streaming_url=emulate().url).local_url(URL)
    done = subprocess.run(
        [
            environment_python("speechmatics-python"),
            "-c",
            textwrap.dedent(LEGACY),
            url,
            scene.sound,
            scene.sound,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert [text_of(messages, channel) for channel in ("left", "right")] == [scene.text, scene.text]
    assert messages[-1]["message"] == "EndOfTranscript"
    assert not any(message["message"] == "Error" for message in messages)
