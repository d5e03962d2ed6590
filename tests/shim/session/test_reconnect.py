"""AssemblyAI's connection is lost, and the program hears every word once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from shim import upstream
from shim.emulator.scene import Scene

URL = "wss://eu2.rt.speechmatics.com/v2/en"
SPEED = 6.0
"""A service that is late twice is given up, and on a busy machine the emulator is late by itself."""
Fixture = Callable[..., Any]


@pytest.fixture
def scene(two_speakers: Scene) -> Scene:
    """Five turns, about 15 s."""
    return two_speakers


def words_of(heard: Any) -> list[tuple[str, float, float]]:
    """Words with the marks that follow them, and their times."""
    words: list[tuple[str, float, float]] = []
    for final in heard.named("AddTranscript"):
        for result in final["results"]:
            text = result["alternatives"][0]["content"]
            if result["type"] == "word":
                words.append((text, result["start_time"], result["end_time"]))
            else:
                words[-1] = (words[-1][0] + text, *words[-1][1:])
    return words


def check_scene(heard: Any, scene: Scene) -> None:
    assert heard.text == scene.text
    words = words_of(heard)
    assert [word[0] for word in words] == [word.text for word in scene.words]
    for (_, start, end), spoken in zip(words, scene.words, strict=True):
        assert start == pytest.approx(spoken.start, abs=0.3)
        assert end == pytest.approx(spoken.end, abs=0.3)
    assert heard.names.count("EndOfTranscript") == 1
    assert heard.names[-1] == "EndOfTranscript"
    assert heard.named("Error") == []
    starts = [final["metadata"]["start_time"] for final in heard.named("AddTranscript")]
    assert starts == sorted(starts)


@pytest.mark.parametrize("pace", [SPEED, None], ids=["live", "at once"])
@pytest.mark.parametrize(
    "fault",
    [
        "drop@5#1",
        "reset@7#1",
        "close:1011@2#1",
        "close:1012@11#1",
        "error:3005@9#1",
        "error:3008@6#1",
        "session-cap:6#1",
        "stall@8#1",
        "hang-after-terminate#1",
    ],
)
def test_the_text_comes_once_over_a_lost_connection(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    audio: bytes,
    scene: Scene,
    fault: str,
    pace: float | None,
) -> None:
    emulator = emulate(fault, speed=SPEED)
    one = client(serve(streaming_url=emulator.url, speed=SPEED).local_url(URL))
    one.start(enable_partials=True)
    one.speak(audio, speed=pace)
    heard = one.end()
    check_scene(heard, scene)
    acknowledged = [message["seq_no"] for message in heard.named("AudioAdded")]
    assert acknowledged == list(range(1, -(-len(audio) // 1472) + 1))
    assert len(emulator.journal.connections) >= (1 if fault.startswith("hang") else 2)


@pytest.mark.parametrize(
    "faults",
    [
        ("drop@4#1", "reset@3#2"),
        ("drop@5#1", "http:503#2", "refuse:too-many-sessions#3"),
        ("strict-pace:2", "drop@5#1", "http:503#2", "http:503#3"),
    ],
)
def test_several_losses_and_refusals_in_a_row_lose_nothing(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene, faults: tuple[str, ...]
) -> None:
    emulator = emulate(*faults, speed=SPEED)
    one = client(serve(streaming_url=emulator.url, speed=SPEED).local_url(URL))
    one.start()
    one.speak(audio, speed=SPEED)
    check_scene(one.end(), scene)


@pytest.mark.parametrize("odd", ["padded-times", "duplicate-final", "turn-order", "empty-final", "sliced"])
def test_a_service_that_is_odd_too_loses_and_doubles_nothing(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene, odd: str
) -> None:
    one = client(
        serve(streaming_url=emulate(odd, "drop@6#1", "reset@5#2", speed=SPEED).url, speed=SPEED).local_url(
            URL
        )
    )
    one.start(enable_partials=True)
    one.speak(audio, speed=SPEED)
    heard = one.end()
    assert (heard.text, heard.names[-1]) == (scene.text, "EndOfTranscript")


@pytest.mark.parametrize("model", ["universal-streaming-english", "universal-3-5-pro", "whisper-rt"])
@pytest.mark.parametrize("formatting", ["", "/v3/ws?format_turns=false"])
def test_every_kind_of_model_goes_on(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    audio: bytes,
    scene: Scene,
    model: str,
    formatting: str,
) -> None:
    address = emulate("drop@6#1", "close:1011@4#2", speed=SPEED).url + formatting
    one = client(serve(streaming_url=address, speech_model=model, speed=SPEED).local_url(URL))
    one.start(enable_partials=True)
    one.speak(audio, speed=SPEED)
    heard = one.end()
    spoken = re.sub(r"[^\w\s']", "", scene.text).lower().split()
    assert re.sub(r"[^\w\s']", "", heard.text).lower().split() == spoken
    assert heard.names[-1] == "EndOfTranscript"


def test_a_connection_that_says_nothing_any_more_is_left(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    audio: bytes,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(upstream, "PING_SECONDS", 0.1)
    monkeypatch.setattr(upstream, "PONG_SECONDS", 0.5)
    monkeypatch.setattr(upstream, "CLOSE_SECONDS", 0.1)
    speed = 4.0
    emulator = emulate("stall@5#1", speed=speed)
    one = client(serve(streaming_url=emulator.url, speed=speed).local_url(URL))
    one.start()
    one.speak(audio, speed=speed)
    assert len(emulator.journal.connections) >= 2
    check_scene(one.end(), scene)


def test_speakers_are_others_after_a_loss(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes, scene: Scene
) -> None:
    emulator = emulate("drop@9#1", speed=SPEED)
    one = client(serve(streaming_url=emulator.url, speed=SPEED).local_url(URL))
    one.start(diarization="speaker")
    one.speak(audio, speed=SPEED)
    heard = one.end()
    assert heard.text == scene.text
    assert any("new number" in warning["reason"] for warning in heard.named("Warning"))


def test_an_assemblyai_that_is_gone_is_an_error_in_time(
    emulate: Fixture, serve: Fixture, client: Fixture, audio: bytes
) -> None:
    emulator = emulate(
        "drop@5#1", "http:503#2", *(f"http:503#{number}" for number in range(3, 12)), speed=SPEED
    )
    one = client(serve(streaming_url=emulator.url, speed=SPEED).local_url(URL))
    one.start()
    one.speak(audio)
    heard = one.end()
    assert heard.names[-1] == "Error"
    assert heard.messages[-1]["type"] == "job_error"
    one.hear_all()
    assert heard.code == 4013
