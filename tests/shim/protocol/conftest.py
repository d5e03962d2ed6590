"""A session without network or clock: what a program and AssemblyAI say goes in, what the translator does comes out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from shim.protocol.effects import (
    CloseClient,
    CloseUpstream,
    Effect,
    Log,
    OpenUpstream,
    SendClient,
    SendUpstream,
)
from shim.protocol.translator import Handshake, State, Translator, TranslatorOptions

# How long one example takes says nothing on a busy machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SESSION_ID = "5d2b9a3e-0c51-4a7c-9b0a-1f6f3a2f9b11"
SPECIFICATION = "speechmatics-realtime.asyncapi.yml"


def word(
    text: str, start: int, end: int, final: bool = True, speaker: str | None = None, confidence: float = 0.9
):
    made = {"start": start, "end": end, "text": text, "confidence": confidence, "word_is_final": final}
    return made if speaker is None else {**made, "speaker": speaker}


def words_of(text: str, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Words of 300 ms, one after the other."""
    return [word(part, start + 300 * i, start + 300 * i + 300, **more) for i, part in enumerate(text.split())]


def turn(
    order: int,
    words: str | Iterable[dict[str, Any]],
    end: bool = False,
    formatted: bool = True,
    start: int = 0,
):
    """A Turn message; words as text last 300 ms each."""
    listed = words_of(words, start, final=end) if isinstance(words, str) else list(words)
    return {
        "turn_order": order,
        "turn_is_formatted": formatted,
        "end_of_turn": end,
        "transcript": " ".join(item["text"] for item in listed),
        "end_of_turn_confidence": 1.0 if end else 0.0,
        "words": listed,
        "utterance": "",
        "type": "Turn",
    }


BEGIN = {
    "type": "Begin",
    "id": "0a1b",
    "expires_at": 1_800_000_000,
    "configuration": {"model": "universal-3-6-pro"},
}
TERMINATION = {"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 2}


class Validator:
    """Judges Speechmatics messages by the vendor's own specification."""

    def __init__(self, specification: Path) -> None:
        components = yaml.safe_load(specification.read_text())["components"]
        # In the custom-dictionary documentation, and missing from the specification's list.
        components["schemas"]["WarningTypeEnum"]["enum"].append("validation_warning")
        self._components = components

    def __call__(self, message: dict[str, Any]) -> None:
        name = message["message"]
        assert name in self._components["messages"], f"no such message: {name}"
        schema = {"$ref": f"#/components/schemas/{name}", "components": self._components}
        Draft202012Validator(schema).validate(message)


class Session:
    """Drives one translator. ``now`` is the clock; tests set it."""

    def __init__(self, translator: Translator, validate: Callable[[dict[str, Any]], None] | None) -> None:
        self.translator = translator
        self.now = 100.0
        self.effects: list[Effect] = []
        self._validate = validate
        self._read = 0

    def _take(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        for effect in effects:
            if isinstance(effect, SendClient) and self._validate:
                self._validate(json.loads(effect.text))
        return effects

    def say(self, message: Any) -> list[Effect]:
        """The program sends a text frame."""
        text = message if isinstance(message, str) else json.dumps(message)
        return self._take(self.translator.client_message(text, self.now))

    def audio(self, data: bytes) -> list[Effect]:
        return self._take(self.translator.client_audio(data, self.now))

    def hear(self, message: Any, connection: int | None = None) -> list[Effect]:
        """AssemblyAI sends a frame, on its newest connection if nothing else is said."""
        data = message if isinstance(message, str | bytes) else json.dumps(message)
        number = self.connection if connection is None else connection
        return self._take(self.translator.upstream_message(number, data, self.now))

    def opened(self, connection: int | None = None, unix_time: float | None = None) -> list[Effect]:
        number = self.connection if connection is None else connection
        return self._take(self.translator.upstream_opened(number, self.now, unix_time))

    def closed(self, code: int = 1006, reason: str = "", connection: int | None = None) -> list[Effect]:
        number = self.connection if connection is None else connection
        return self._take(self.translator.upstream_closed(number, code, reason, self.now))

    def failed(self, kind: Any, detail: str = "", connection: int | None = None) -> list[Effect]:
        number = self.connection if connection is None else connection
        return self._take(self.translator.upstream_failed(number, kind, detail, self.now))

    def happens_to_every_connection(self, event: Callable[[], object]) -> None:
        """The same event for the newest connection and for each that follows, until the session has ended."""
        for _ in range(100):
            before = self.connection
            event()
            for _ in range(600):
                if self.connection != before or self.translator.state is State.ENDED:
                    break
                self.wait(0.1)
            if self.translator.state is State.ENDED:
                return
        raise AssertionError("the session never ends")

    def drain(self) -> list[Effect]:
        return self._take(self.translator.drain(self.now))

    def leave(self) -> list[Effect]:
        return self._take(self.translator.client_closed(self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick at every deadline on the way."""
        until = self.now + seconds
        for _ in range(100_000):
            deadline = self.translator.deadline()
            if deadline is None or deadline > until:
                self.now = until
                return
            self.now = max(self.now, deadline)
            self._take(self.translator.tick(self.now))
        raise AssertionError("the translator never comes to rest")

    def run(self, **config: Any) -> Session:
        """Up to RecognitionStarted. Keyword arguments go into ``transcription_config``."""
        self.start(**config)
        self.opened()
        self.hear(BEGIN)
        self.messages()
        return self

    def start(self, audio_format: Any = None, **config: Any) -> list[Effect]:
        raw = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
        return self.say(
            {
                "message": "StartRecognition",
                "audio_format": audio_format or raw,
                "transcription_config": {"language": "en", **config},
            }
        )

    def messages(self) -> list[dict[str, Any]]:
        """What the program got since the last call."""
        new, self._read = self.effects[self._read :], len(self.effects)
        return [json.loads(effect.text) for effect in new if isinstance(effect, SendClient)]

    def all_messages(self) -> list[dict[str, Any]]:
        return [json.loads(effect.text) for effect in self.effects if isinstance(effect, SendClient)]

    def named(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.all_messages() if message["message"] == name]

    def names(self) -> list[str]:
        """Names of the messages since the last call of `messages`."""
        return [message["message"] for message in self.messages()]

    @property
    def text(self) -> str:
        """All finals, joined as programs do."""
        return "".join(message["metadata"]["transcript"] for message in self.named("AddTranscript"))

    @property
    def urls(self) -> list[str]:
        """Addresses of the connections, in order."""
        return [effect.url for effect in self.effects if isinstance(effect, OpenUpstream)]

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def connection(self) -> int:
        """Number of the newest connection."""
        return max((e.connection for e in self.effects if isinstance(e, OpenUpstream)), default=0)

    def sent_on(self, connection: int) -> list[str | bytes]:
        """What AssemblyAI got on a connection."""
        return [e.data for e in self.effects if isinstance(e, SendUpstream) and e.connection == connection]

    @property
    def frames(self) -> list[bytes]:
        return [e.data for e in self.effects if isinstance(e, SendUpstream) and isinstance(e.data, bytes)]

    @property
    def commands(self) -> list[str]:
        """Types of the JSON messages that AssemblyAI got."""
        sent = [e.data for e in self.effects if isinstance(e, SendUpstream) and isinstance(e.data, str)]
        return [json.loads(text)["type"] for text in sent]

    @property
    def client_close(self) -> CloseClient | None:
        closes = [effect for effect in self.effects if isinstance(effect, CloseClient)]
        assert len(closes) < 2, "a connection closes once"
        return closes[0] if closes else None

    @property
    def upstream_closed(self) -> bool:
        return any(isinstance(effect, CloseUpstream) for effect in self.effects)

    @property
    def logs(self) -> list[Log]:
        return [effect for effect in self.effects if isinstance(effect, Log)]


@pytest.fixture(scope="session")
def schema_validator() -> Validator | None:
    """The vendor's specification as a judge; None when the environment variable ORACLES does not lead to it."""
    folder = os.environ.get("ORACLES")
    path = Path(folder or ".") / SPECIFICATION
    return Validator(path) if folder and path.exists() else None


@pytest.fixture(scope="session")
def make_session(schema_validator: Validator | None) -> Callable[..., Session]:
    """Makes a `Session`; keywords replace those of `TranslatorOptions`, ``host`` and ``path`` those of the handshake."""

    def make(host: str = "eu2.rt.speechmatics.com", path: str = "/v2", **options: Any) -> Session:
        chosen = {
            "streaming_url": None,
            "region": None,
            "speech_model": None,
            "session_id": SESSION_ID,
            **options,
        }
        return Session(Translator(Handshake(host, path, ""), TranslatorOptions(**chosen)), schema_validator)

    return make


@pytest.fixture
def session(make_session: Callable[..., Session]) -> Session:
    """A client that has connected to an EU host and said nothing yet."""
    return make_session()


@pytest.fixture(scope="session")
def make_turn() -> Callable[..., dict[str, Any]]:
    return turn


@pytest.fixture(scope="session")
def make_word() -> Callable[..., dict[str, Any]]:
    return word


@pytest.fixture(scope="session")
def begin() -> dict[str, Any]:
    return BEGIN


@pytest.fixture(scope="session")
def termination() -> dict[str, Any]:
    return TERMINATION
