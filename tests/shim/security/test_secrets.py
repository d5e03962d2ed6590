"""Keys, credentials and what somebody said: in no log record, error, exception, repr, thread name or printed journal."""

from __future__ import annotations

import gc
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.settings import Settings

KEY = "6f1c0ffee0decade0123456789abcdef"
WRONG_KEY = "bad0c0de" * 4
LEGACY_KEY = "legacySpeechmaticsKey0123456789AB"
SPEED = 20.0

# The program's own library may log what it likes; here it is silent, so that all that is logged is ours.
SILENT = logging.Logger("client", logging.CRITICAL + 1)


class Everything(logging.Handler):
    """Keeps each record as every formatter could print it: message, arguments and traceback."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{self.format(record)} {record.__dict__}")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whatever any logger logs at any level; asyncio in its debug mode says more still."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    handler = Everything()
    root = logging.getLogger()
    loggers = [root, *(log for log in root.manager.loggerDict.values() if isinstance(log, logging.Logger))]
    levels = [(log, log.level, log.disabled) for log in loggers]
    for log in loggers:
        log.setLevel(logging.DEBUG)
        log.disabled = False
    root.addHandler(handler)
    yield handler.texts
    root.removeHandler(handler)
    for log, level, disabled in levels:
        log.setLevel(level)
        log.disabled = disabled


def ours() -> Iterator[object]:
    """Every living object of a class of the shim. The words of a scene are the tests' own."""
    for thing in gc.get_objects():
        module = str(type(thing).__module__)
        if module.startswith("shim.") and not module.startswith("shim.emulator.scene"):
            yield thing


def converse(url: str, audio: bytes, told: list[str]) -> list[dict[str, Any]]:
    """A session; what its client hears, and what its exceptions say."""
    heard: list[dict[str, Any]] = []
    try:
        with connect(
            url, additional_headers={"Authorization": f"Bearer {LEGACY_KEY}"}, logger=SILENT
        ) as client:
            start = {
                "message": "StartRecognition",
                "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
                "transcription_config": {"language": "en", "enable_partials": True, "diarization": "speaker"},
            }
            client.send(json.dumps(start))
            heard.append(json.loads(client.recv(timeout=30)))
            for begin in range(0, len(audio), 16000):
                client.send(audio[begin : begin + 16000])
            client.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))
            while heard[-1]["message"] != "EndOfTranscript":
                heard.append(json.loads(client.recv(timeout=30)))
                if heard[-1]["message"] != "AudioAdded":
                    told += map(repr, ours())
    except WebSocketException as error:
        told.append(f"{error} {error!r} {getattr(error, 'response', '')}")
    return heard


@pytest.mark.parametrize(
    ("faults", "key", "ends"),
    [
        ((), KEY, "EndOfTranscript"),
        ((), WRONG_KEY, "Error"),
        ((), f"{KEY} {KEY}", "refused"),
        (("close:1011@1#1",), KEY, "EndOfTranscript"),
        (("close:1011@1",), KEY, "Error"),
        (("broken-json@1",), KEY, "EndOfTranscript"),
        (("error:3006@1",), KEY, "Error"),
        (("unreachable",), KEY, "Error"),
    ],
    ids=str,
)
def test_no_secret_comes_out(
    logged: list[str],
    one_sentence: Scene,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    faults: tuple[str, ...],
    key: str,
    ends: str,
) -> None:
    audio = one_sentence.sound.read_bytes()[44:]
    told: list[str] = []
    with AssemblyAIEmulator(
        one_sentence, keys=[KEY], speed=SPEED, faults=[fault for fault in faults if fault != "unreachable"]
    ) as emulator:
        url = "ws://127.0.0.1:9" if "unreachable" in faults else emulator.url
        server = BackgroundServer(lambda: Settings(api_key=key, streaming_url=url), Clock(SPEED))
        try:
            address = server.local_url(f"wss://eu2.rt.speechmatics.com/v2/en?jwt={LEGACY_KEY}")
            heard = converse(address, audio, told)
        finally:
            server.stop()
        told += [repr(emulator), repr(emulator.journal), *map(repr, emulator.journal.entries)]
        told += [thread.name for thread in threading.enumerate()]
    assert (heard[-1]["message"] if heard else "refused") == ends
    assert logged
    told += [message["reason"] for message in heard if "reason" in message]
    told += [*logged, caplog.text, *capfd.readouterr()]
    words = [text for text in (one_sentence.text, one_sentence.text[5:25]) if text]
    for secret in (KEY, WRONG_KEY, LEGACY_KEY, *words):
        assert [text[:300] for text in told if secret in text][:3] == [], secret[:3]
