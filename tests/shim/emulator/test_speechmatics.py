"""The Speechmatics emulator, spoken to by a bare WebSocket client."""

from __future__ import annotations

import base64
import json
import threading
import time
import wave
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import yaml
from jsonschema import Draft202012Validator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from shim.emulator import speechmatics
from shim.emulator.faults import CONNECTION_FAULTS, FAULTS
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import NOT_EMULATED, SpeechmaticsEmulator
from shim.emulator.tls import CertificateAuthority

SPEED = 20.0
RAW = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
CHUNK = 3200
TRIGGER = {"end_of_utterance_silence_trigger": 0.2}
FULL = {"enable_partials": True, "max_delay": 0.7, "diarization": "speaker", "conversation_config": TRIGGER}

Message = dict[str, Any]


def sound(scene: Scene) -> bytes:
    with wave.open(str(scene.sound)) as file:
        return file.readframes(file.getnframes())


def start(audio_format: Any = RAW, **settings: Any) -> Message:
    return {
        "message": "StartRecognition",
        "audio_format": audio_format,
        "transcription_config": {"language": "en", **settings},
    }


@dataclass
class Session:
    """What a client got, and how its connection ended."""

    messages: list[Message] = field(default_factory=list)
    raw: list[str | bytes] = field(default_factory=list)
    code: int | None = None

    def named(self, *names: str) -> list[Message]:
        return [m for m in self.messages if m["message"] in names]

    @property
    def text(self) -> str:
        return "".join(m["metadata"]["transcript"] for m in self.named("AddTranscript")).strip()


class Client:
    """A bare client of the emulator."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.session = Session()

    def send(self, message: Message) -> None:
        self.connection.send(json.dumps(message))

    def speak(self, audio: bytes) -> None:
        for at in range(0, len(audio), CHUNK):
            self.connection.send(audio[at : at + CHUNK])

    def receive(self, timeout: float = 30) -> Message | None:
        """The next message, None when the connection has ended."""
        try:
            raw = self.connection.recv(timeout)
        except ConnectionClosed as closed:
            self.session.code = closed.rcvd.code if closed.rcvd else 1006
            return None
        self.session.raw.append(raw)
        try:
            message = json.loads(raw)
        except ValueError:
            return {}
        self.session.messages.append(message)
        return message

    def receive_until(self, *names: str) -> Message | None:
        while (message := self.receive()) is not None and message.get("message") not in names:
            pass
        return message


@contextmanager
def client_of(
    emulator: SpeechmaticsEmulator, path: str = "/v2", key: str | None = "key", **options: Any
) -> Iterator[Client]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with connect(emulator.url + path, additional_headers=headers, max_size=None, **options) as connection:
        yield Client(connection)


def hold(
    emulator: SpeechmaticsEmulator,
    audio: bytes,
    first: Message | None = None,
    wait_for: str = "EndOfTranscript",
) -> Session:
    """A whole session: start, speak, end, and whatever comes."""
    with client_of(emulator) as client:
        try:
            client.send(first or start(**FULL))
            if client.receive_until("RecognitionStarted", "Error") is None:
                return client.session
            client.speak(audio)
            client.send({"message": "EndOfStream", "last_seq_no": 0})
        except ConnectionClosed:
            pass
        client.receive_until(wait_for)
        if (
            wait_for == "EndOfTranscript"
            and client.session.code is None
            and not client.session.named(wait_for)
        ):
            client.receive_until(wait_for)
        return client.session


def pairs(session: Session) -> Iterator[tuple[Message, Message | None]]:
    """Each final with what follows it, acknowledgements left out."""
    messages = [m for m in session.messages if m["message"] != "AudioAdded"]
    for at, message in enumerate(messages):
        if message["message"] == "AddTranscript":
            yield message, messages[at + 1] if at + 1 < len(messages) else None


@pytest.fixture(scope="module")
def emulator(two_speakers: Scene) -> Iterator[SpeechmaticsEmulator]:
    with SpeechmaticsEmulator(two_speakers, speed=SPEED) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def full(emulator: SpeechmaticsEmulator) -> Session:
    """A session with everything turned on."""
    return hold(emulator, sound(emulator.scene))


# What a session says.


def test_the_joined_finals_are_the_scene(full: Session, two_speakers: Scene) -> None:
    assert full.text == two_speakers.text


def test_the_order_is_info_start_transcripts_end(full: Session) -> None:
    names = [m["message"] for m in full.messages]
    assert names[:2] == ["Info", "RecognitionStarted"]
    assert names[-1] == "EndOfTranscript"
    assert names.count("EndOfTranscript") == 1


def test_recognition_started_describes_the_language_with_five_keys(full: Session) -> None:
    (started,) = full.named("RecognitionStarted")
    assert list(started) == ["message", "orchestrator_version", "id", "language_pack_info"]
    assert started["language_pack_info"] == {
        "adapted": False,
        "itn": True,
        "language_description": "English",
        "word_delimiter": " ",
        "writing_direction": "left-to-right",
    }


def test_every_audio_message_is_acknowledged_once_in_order(full: Session, two_speakers: Scene) -> None:
    chunks = -(-len(sound(two_speakers)) // CHUNK)
    assert [m["seq_no"] for m in full.named("AudioAdded")] == list(range(1, chunks + 1))


def test_every_final_is_followed_by_a_partial_and_ends_with_the_delimiter(full: Session) -> None:
    for final, following in pairs(full):
        assert following is not None
        assert following["message"] == "AddPartialTranscript"
        text = final["metadata"]["transcript"]
        assert text == "" or (text.endswith(" ") and not text.endswith("  "))
        assert not following["metadata"]["transcript"].endswith(" ")


def test_finals_are_pieces_of_one_or_two_words(full: Session) -> None:
    counts = [
        sum(result["type"] == "word" for result in final["results"])
        for final in full.named("AddTranscript")
        if final["results"]
    ]
    assert max(counts) <= 3
    assert sum(counts) / len(counts) < 2


def test_speakers_follow_the_scene(full: Session, two_speakers: Scene) -> None:
    heard = [
        result["alternatives"][0]["speaker"]
        for final in full.named("AddTranscript")
        for result in final["results"]
        if result["type"] == "word"
    ]
    label = {"A": "S1", "B": "S2"}
    assert heard == [label[turn.speaker] for turn in two_speakers.turns for _ in turn.words]


def test_times_follow_the_scene(full: Session, two_speakers: Scene) -> None:
    words = [
        (result["start_time"], result["end_time"])
        for final in full.named("AddTranscript")
        for result in final["results"]
        if result["type"] == "word"
    ]
    expected = [(word.start, word.end) for word in two_speakers.words]
    assert np.allclose(words, expected, atol=0.03)


def test_each_turn_ends_an_utterance(full: Session, two_speakers: Scene) -> None:
    ends = [m["metadata"]["start_time"] for m in full.named("EndOfUtterance")]
    for turn, following in zip(two_speakers.turns, two_speakers.turns[1:], strict=False):
        assert any(turn.words[-1].end < end < following.words[0].start for end in ends)


def test_latencies_are_those_of_the_captures_at_real_time(one_sentence: Scene) -> None:
    audio = sound(one_sentence)
    arrived: list[tuple[float, Message]] = []
    with SpeechmaticsEmulator(one_sentence) as emulator, client_of(emulator) as client:
        asked = time.monotonic()
        client.send(start(**FULL))
        client.receive_until("RecognitionStarted")
        assert 0.13 <= time.monotonic() - asked < 3
        began = time.monotonic()

        def listen() -> None:
            while (message := client.receive()) is not None and message["message"] != "EndOfTranscript":
                arrived.append((time.monotonic() - began, message))

        listener = threading.Thread(target=listen)
        listener.start()
        for at in range(0, len(audio), CHUNK):
            time.sleep(max(0.0, began + (at + CHUNK) / 32000 - time.monotonic()))
            client.connection.send(audio[at : at + CHUNK])
        client.send({"message": "EndOfStream", "last_seq_no": 0})
        listener.join(30)
    latencies = [
        moment - result["end_time"]
        for moment, message in arrived
        if message["message"] == "AddTranscript"
        for result in message["results"]
        if result["type"] == "word"
    ]
    assert len(latencies) == len(one_sentence.words)
    # Captured with max_delay 0.7: 0.57 to 1.38 s, 0.77 on average. A busy machine adds to it.
    assert min(latencies) > 0.5
    assert sum(latencies) / len(latencies) < 2.5


# The vendor's own words.


@pytest.fixture(scope="module")
def schema(oracles: Path) -> Callable[[str], Draft202012Validator]:
    document = yaml.safe_load((oracles / "speechmatics-realtime.asyncapi.yml").read_text())

    def validator(name: str) -> Draft202012Validator:
        return Draft202012Validator(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )

    return validator


def shape(value: Any) -> Any:
    """What an object is made of: its keys in order, and the types of their values."""
    if isinstance(value, dict):
        return tuple((key, shape(item)) for key, item in value.items())
    if isinstance(value, list):
        return frozenset(map(shape, value))
    return type(value).__name__


def parts(messages: Iterable[Message]) -> dict[str, set[Any]]:
    """The shapes of messages and of the results in them, by name."""
    found: dict[str, set[Any]] = {}
    for message in messages:
        name = message["message"]
        found.setdefault(name, set()).add(shape({k: v for k, v in message.items() if k != "results"}))
        found.setdefault(f"{name} order", set()).add(tuple(message))
        for result in message.get("results", ()):
            found.setdefault(f"{name} {result['type']}", set()).add(shape(result))
    return found


@pytest.fixture(scope="module")
def captured(oracles: Path) -> list[Message]:
    lines = (oracles / "speechmatics-captured-session-1.jsonl").read_text().splitlines()
    return [json.loads(line)["payload"] for line in lines]


def test_shapes_and_key_order_are_those_of_a_captured_session(full: Session, captured: list[Message]) -> None:
    theirs = parts(captured)
    ours = parts(m for m in full.messages if m["message"] not in ("AudioAdded", "EndOfTranscript"))
    assert {name: shapes - theirs.get(name, set()) for name, shapes in ours.items()} == {
        name: set() for name in ours
    }


def test_spans_tile_as_in_a_captured_session(full: Session) -> None:
    previous = 0.0
    for final in full.named("AddTranscript"):
        metadata = final["metadata"]
        assert previous - 0.1 <= metadata["start_time"] <= previous + 0.1
        assert metadata["end_time"] >= metadata["start_time"]
        previous = metadata["end_time"]


@pytest.mark.parametrize(
    "fault",
    ["", *(f for f in FAULTS["speechmatics"] if f in ("lone-punctuation", "empty-final", "duplicate-final"))],
)
def test_every_message_is_valid_for_the_vendors_schema(
    fault: str, two_speakers: Scene, schema: Callable[[str], Draft202012Validator]
) -> None:
    with (
        SpeechmaticsEmulator(two_speakers, speed=SPEED, faults=[fault] if fault else []) as emulator,
        client_of(emulator) as client,
    ):
        client.send(start(**FULL))
        client.receive_until("RecognitionStarted")
        client.send({"message": "GetSpeakers", "final": True})
        client.speak(sound(two_speakers))
        client.send({"message": "GetSpeakers"})
        client.send({"message": "ForceEndOfUtterance"})
        client.send({"message": "EndOfStream", "last_seq_no": 1})
        client.connection.send(b"late")
        client.receive_until("EndOfTranscript")
        session = client.session
    names = {m["message"] for m in session.messages}
    assert {"Warning", "SpeakersResult", "EndOfUtterance", "AudioAdded"} <= names
    for message in session.messages:
        schema(message["message"]).validate(message)


# What does not come out.


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("32-bit floats as 16-bit integers", lambda s: (s / 32768).astype("<f4").tobytes()),
        ("swapped bytes", lambda s: s.byteswap().tobytes()),
        ("silence", lambda s: np.zeros_like(s).tobytes()),
        ("twice the rate", lambda s: s[::2].tobytes()),
    ],
)
def test_garbled_sound_does_not_transcribe(
    one_sentence: Scene, name: str, change: Callable[[Any], bytes]
) -> None:
    samples = np.frombuffer(sound(one_sentence), "<i2")
    with SpeechmaticsEmulator(one_sentence, speed=SPEED) as emulator:
        session = hold(emulator, change(samples))
    assert session.named("EndOfTranscript")
    assert session.text == ""


def test_a_dropped_frame_costs_words(emulator: SpeechmaticsEmulator) -> None:
    audio = sound(emulator.scene)
    session = hold(emulator, audio[:64000] + audio[65600:])
    assert 0 < len(session.text) < len(emulator.scene.text)


def test_another_language_is_not_understood(emulator: SpeechmaticsEmulator) -> None:
    assert hold(emulator, sound(emulator.scene), start(language="fr")).text == ""


# Audio formats.


def mulaw(samples: Any) -> bytes:
    """G.711 mu-law of 16-bit samples."""
    magnitude = np.minimum(np.abs(samples.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return (~((samples < 0) * 128 | exponent << 4 | mantissa) & 255).astype(np.uint8).tobytes()


@pytest.mark.parametrize(
    ("audio_format", "change"),
    [
        ({**RAW, "encoding": "pcm_f32le"}, lambda s: (s / 32768).astype("<f4").tobytes()),
        ({**RAW, "encoding": "mulaw"}, mulaw),
        (
            {**RAW, "sample_rate": 8000},
            lambda s: s.astype("<f8").reshape(-1, 2).mean(1).astype("<i2").tobytes(),
        ),
    ],
    ids=["float", "mu-law", "8 kHz"],
)
def test_every_raw_format_transcribes(
    one_sentence: Scene, audio_format: Message, change: Callable[[Any], bytes]
) -> None:
    samples = np.frombuffer(sound(one_sentence), "<i2")
    audio = change(samples[: len(samples) // 2 * 2])
    with SpeechmaticsEmulator(one_sentence, speed=SPEED) as emulator:
        assert hold(emulator, audio, start(audio_format)).text == one_sentence.text


@pytest.mark.parametrize("first", [start({"type": "file"}), {**start(), "audio_format": {"type": "file"}}])
def test_a_wav_file_transcribes(emulator: SpeechmaticsEmulator, first: Message) -> None:
    assert hold(emulator, emulator.scene.sound.read_bytes(), first).text == emulator.scene.text


@pytest.mark.parametrize("data", [b"not audio at all", b"RI"])
def test_a_file_that_is_no_audio_is_an_error(emulator: SpeechmaticsEmulator, data: bytes) -> None:
    session = hold(emulator, data, start({"type": "file"}))
    (error,) = session.named("Error")
    assert (error["type"], session.code) == ("invalid_audio_type", 1003)


# Messages in a session.


@contextmanager
def running(emulator: SpeechmaticsEmulator, **settings: Any) -> Iterator[Client]:
    with client_of(emulator) as client:
        client.send(start(**settings))
        client.receive_until("RecognitionStarted")
        yield client


def test_a_forced_end_of_utterance_brings_what_was_said(emulator: SpeechmaticsEmulator) -> None:
    first = emulator.scene.turns[0]
    with running(emulator, max_delay=4) as client:
        client.speak(sound(emulator.scene)[: int((first.words[-1].end + 0.3) * 16000) * 2])
        client.send({"message": "ForceEndOfUtterance"})
        end = client.receive_until("EndOfUtterance")
        assert end is not None
        assert end["forced"] is True
        assert client.session.text == first.text
        assert client.session.named("AddTranscript")[-1]["forced"] is True


def test_a_forced_end_of_utterance_waits_for_its_moment(emulator: SpeechmaticsEmulator) -> None:
    first = emulator.scene.turns[0]
    moment = round(first.words[-1].end + 0.3, 1)
    with running(emulator, max_delay=4) as client:
        client.send({"message": "ForceEndOfUtterance", "timestamp": moment})
        client.speak(sound(emulator.scene)[: int((moment + 0.3) * 16000) * 2])
        end = client.receive_until("EndOfUtterance")
        assert end is not None
        assert end["metadata"] == {"end_time": moment, "start_time": moment}
        assert client.session.text == first.text


@pytest.mark.parametrize("encode", [json.dumps, lambda m: json.dumps(json.dumps(m))], ids=["once", "twice"])
def test_the_configuration_can_change(emulator: SpeechmaticsEmulator, encode: Callable[[Any], str]) -> None:
    with running(emulator, max_delay=2) as client:
        change = {"language": "en", "max_delay": 1, "enable_partials": True}
        client.connection.send(encode({"message": "SetRecognitionConfig", "transcription_config": change}))
        client.speak(sound(emulator.scene)[:64000])
        assert client.receive_until("AddPartialTranscript", "Error")["message"] == "AddPartialTranscript"


def test_speakers_are_known_by_label_and_identifier(emulator: SpeechmaticsEmulator) -> None:
    session = hold(
        emulator,
        sound(emulator.scene),
        start(diarization="speaker", speaker_diarization_config={"get_speakers": True}),
    )
    assert session.messages[-1]["message"] == "EndOfTranscript"
    result = session.messages[-2]
    assert [speaker["label"] for speaker in result["speakers"]] == ["S1", "S2"]
    assert all(len(speaker["speaker_identifiers"]) == 1 for speaker in result["speakers"])


def test_audio_after_the_end_is_ignored_with_a_warning(emulator: SpeechmaticsEmulator) -> None:
    with running(emulator) as client:
        client.send({"message": "EndOfStream", "last_seq_no": 99})
        client.speak(b"\0" * CHUNK)
        client.receive_until("EndOfTranscript")
        client.speak(b"\0" * CHUNK)
        assert client.receive() is None
        assert [m["type"] for m in client.session.named("Warning")] == ["add_audio_after_eos"]
        assert client.session.named("AudioAdded") == []
        assert client.session.messages[-1]["message"] == "EndOfTranscript"


def test_the_server_closes_in_the_end_when_the_client_does_not(emulator: SpeechmaticsEmulator) -> None:
    with running(emulator) as client:
        client.send({"message": "EndOfStream", "last_seq_no": 0})
        client.receive_until("EndOfTranscript")
        assert client.receive() is None
        assert client.session.code == 1000


def test_channels_are_transcribed_apart(emulator: SpeechmaticsEmulator) -> None:
    audio = sound(emulator.scene)
    with running(emulator, diarization="channel", channel_diarization_labels=["agent", "caller"]) as client:
        assert client.session.messages[-1]["channel_ids"] == ["agent", "caller"]
        for at in range(0, len(audio), CHUNK):
            for name, data in (("agent", audio[at : at + CHUNK]), ("caller", bytes(CHUNK))):
                text = base64.b64encode(data).decode()
                client.send({"message": "AddChannelAudio", "channel": name, "data": text})
        for name in ("agent", "caller"):
            client.send({"message": "EndOfChannel", "channel": name, "last_seq_no": 0})
        client.receive_until("EndOfTranscript", "Error")
        said = {
            name: "".join(
                m["metadata"]["transcript"]
                for m in client.session.named("AddTranscript")
                if m["channel"] == name
            ).strip()
            for name in ("agent", "caller")
        }
        assert said == {"agent": emulator.scene.text, "caller": ""}
        added = [(m["channel"], m["seq_no"]) for m in client.session.named("ChannelAudioAdded")]
        assert added[:4] == [("agent", 1), ("caller", 1), ("agent", 2), ("caller", 2)]


@pytest.mark.parametrize(
    ("sent", "type"),
    [
        ('{"message": "Nonsense"}', "invalid_message"),
        ("not json", "invalid_message"),
        ('{"message": ["AddAudio"]}', "invalid_message"),
        ('{"message": "ForceEndOfUtterance", "timestamp": NaN}', "invalid_message"),
        ('{"message": "SetRecognitionConfig"}', "invalid_message"),
        ("[1]", "invalid_message"),
        (json.dumps(start()), "protocol_error"),
        ('{"message": "AddChannelAudio", "channel": "a", "data": ""}', "protocol_error"),
        ('{"message": "ForceEndOfUtterance", "timestamp": -1}', "invalid_message"),
        (
            '{"message": "SetRecognitionConfig", "transcription_config": {"diarization": "speaker"}}',
            "invalid_config",
        ),
    ],
)
def test_what_is_not_allowed_is_an_error_and_the_end(
    emulator: SpeechmaticsEmulator, sent: str, type: str
) -> None:
    with running(emulator) as client:
        client.connection.send(sent)
        assert client.receive_until("Error")["type"] == type
        assert client.receive() is None
        assert client.session.code == 1003


@pytest.mark.parametrize(
    ("path", "first", "type", "code"),
    [
        ("/v2", b"audio", "protocol_error", 1003),
        ("/v2", json.dumps({"message": "EndOfStream"}), "protocol_error", 1003),
        ("/v2", json.dumps(start(language="xx")), "invalid_language", 1003),
        ("/v2/de", json.dumps(start()), "invalid_config", 1003),
        ("/v2", json.dumps(start(model="huge")), "invalid_model", 4004),
    ],
)
def test_a_session_that_cannot_start_is_an_error(
    emulator: SpeechmaticsEmulator, path: str, first: str | bytes, type: str, code: int
) -> None:
    with client_of(emulator, path) as client:
        client.connection.send(first)
        error = client.receive_until("RecognitionStarted", "Error")
        assert error is not None
        assert (error["message"], error["type"]) == ("Error", type)
        assert client.receive() is None
        assert client.session.code == code


# Connections, keys and limits.


@pytest.mark.parametrize(
    "path", ["/", "/v2", "/v2/", "/v2/en", "/en", "/some/where?sm-sdk=python-1&jwt=other"]
)
def test_any_path_and_any_query_are_taken(emulator: SpeechmaticsEmulator, path: str) -> None:
    with client_of(emulator, path) as client:
        client.send(start())
        assert client.receive_until("RecognitionStarted", "Error")["message"] == "RecognitionStarted"


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v2", "wrong", 401),
        ("/v2", None, 401),
        ("/v2?jwt=wrong", None, 401),
        ("/v2/agent/smart", "right", 404),
    ],
)
def test_connections_are_refused(two_speakers: Scene, path: str, key: str | None, status: int) -> None:
    with (
        SpeechmaticsEmulator(two_speakers, keys={"right"}) as emulator,
        pytest.raises(InvalidStatus) as refused,
        client_of(emulator, path, key),
    ):
        pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("path", ["/v1/api_keys", "/v1/api-keys"])
def test_a_temporary_key_opens_sessions(two_speakers: Scene, path: str) -> None:
    with SpeechmaticsEmulator(two_speakers, keys={"right"}, speed=SPEED) as emulator:
        made = requests.post(
            f"{emulator.http_url}{path}?type=rt",
            json={"ttl": 60, "region": "eu"},
            headers={"Authorization": "Bearer right"},
            timeout=30,
        )
        assert (made.status_code, made.json()["apikey_id"]) == (201, None)
        with client_of(emulator, f"/v2?jwt={made.json()['key_value']}", None) as client:
            client.send(start())
            assert client.receive_until("RecognitionStarted", "Error")["message"] == "RecognitionStarted"


def test_a_temporary_key_of_another_kind_is_refused_in_the_session(two_speakers: Scene) -> None:
    with SpeechmaticsEmulator(two_speakers, speed=SPEED) as emulator:
        headers = {"Authorization": "Bearer any"}
        made = requests.post(
            f"{emulator.http_url}/v1/api_keys", json={"ttl": 60}, headers=headers, timeout=30
        )
        with client_of(emulator, key=made.json()["key_value"]) as client:
            client.send(start())
            assert client.receive_until("Error")["type"] == "not_authorised"
            assert client.receive() is None
            assert client.session.code == 4001


def test_a_temporary_key_expires(two_speakers: Scene) -> None:
    with SpeechmaticsEmulator(two_speakers, keys={"right"}, speed=2000) as emulator:
        headers = {"Authorization": "Bearer right"}
        made = requests.post(
            f"{emulator.http_url}/v1/api_keys?type=rt", json={"ttl": 60}, headers=headers, timeout=30
        )
        until = emulator.clock.now() + 61
        while emulator.clock.now() < until:
            threading.Event().wait(0.01)
        with pytest.raises(InvalidStatus), client_of(emulator, key=made.json()["key_value"]):
            pass


@pytest.mark.parametrize(
    ("method", "key", "body", "status"),
    [
        ("POST", "wrong", "{}", 401),
        ("POST", "right", '{"ttl": 5}', 400),
        ("POST", "right", "[]", 400),
        ("POST", "right", "no", 400),
        ("GET", "right", None, 405),
    ],
)
def test_temporary_keys_are_refused(
    two_speakers: Scene, method: str, key: str, body: str | None, status: int
) -> None:
    with SpeechmaticsEmulator(two_speakers, keys={"right"}) as emulator:
        answer = requests.request(
            method,
            f"{emulator.http_url}/v1/api_keys",
            data=body,
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
    assert answer.status_code == status
    assert {"code", "error"} <= answer.json().keys()


def test_sessions_above_the_quota_are_refused_until_one_ends(two_speakers: Scene) -> None:
    with SpeechmaticsEmulator(two_speakers, speed=SPEED, quota=1) as emulator, running(emulator) as client:
        info = client.session.messages[0]
        assert (info["type"], info["usage"], info["quota"]) == ("concurrent_session_usage", 1, 1)
        with client_of(emulator) as second:
            second.send(start())
            assert second.receive_until("Error")["type"] == "quota_exceeded"
            assert second.receive() is None
            assert second.session.code == 4005
        client.send({"message": "EndOfStream", "last_seq_no": 0})
        client.receive_until("EndOfTranscript")
        # The first connection is still open, but its session is over.
        with running(emulator) as third:
            assert third.session.named("Error") == []


@pytest.mark.parametrize(("type", "left"), [("idle_timeout", [15, 10, 5]), ("session_timeout", [45, 30, 15])])
def test_a_session_ends_at_its_limits_after_three_warnings(
    two_speakers: Scene, monkeypatch: pytest.MonkeyPatch, type: str, left: list[int]
) -> None:
    assert speechmatics.DURATION.seconds == 48 * 3600
    if type == "session_timeout":
        # Shorter than the hour without audio, so that the test need not send any for two days.
        monkeypatch.setattr(speechmatics, "DURATION", replace(speechmatics.DURATION, seconds=3000))
    with SpeechmaticsEmulator(two_speakers, speed=7200) as emulator, running(emulator) as client:
        error = client.receive_until("Error")
        client.receive_until()
    assert error is not None
    warnings = [m for m in client.session.named("Warning") if m["type"] == type]
    assert [int(m["reason"].split("in ")[1].split("m")[0]) for m in warnings] == left
    assert (error["type"], client.session.code) == (type, 1008)


def test_vocabulary_that_is_too_long_is_warned_of_before_the_start(emulator: SpeechmaticsEmulator) -> None:
    with running(emulator, additional_vocab=["a b c d e f g"]) as client:
        assert [m["message"] for m in client.session.messages] == ["Info", "Warning", "RecognitionStarted"]
        assert client.session.messages[1]["type"] == "validation_warning"


def test_sessions_over_tls(one_sentence: Scene, tmp_path: Path) -> None:
    authority = CertificateAuthority.create(tmp_path)
    host = "eu2.rt.speechmatics.com"
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, tls=authority.certificate([host])) as emulator:
        assert emulator.url.startswith("wss://")
        with client_of(emulator, ssl=authority.client_context(), server_hostname=host) as client:
            client.send(start())
            assert client.receive_until("RecognitionStarted") is not None


def test_audio_faster_than_real_time_is_taken_at_twice_its_pace(one_sentence: Scene) -> None:
    with SpeechmaticsEmulator(one_sentence, speed=SPEED) as emulator:
        hold(emulator, sound(one_sentence))
        received = [f.time for f in emulator.journal.frames("received") if f.audio_bytes]
        acknowledged = [
            f.time for f in emulator.journal.frames("sent") if f.json.get("message") == "AudioAdded"
        ]
    assert acknowledged[-1] - received[0] >= len(sound(one_sentence)) / 32000 / 2


# Faults.

Check = Callable[[Session, SpeechmaticsEmulator], object]


def _texts(session: Session) -> list[str]:
    return [m["metadata"]["transcript"] for m in session.named("AddTranscript")]


def _gap(session: Session, emulator: SpeechmaticsEmulator, first: str, then: str) -> float:
    """Seconds between two messages; "audio" is the first one of audio."""

    def moment(name: str) -> float:
        return next(
            frame.time
            for frame in emulator.journal.frames()
            if frame.json.get("message") == name or (name == "audio" and frame.audio_bytes)
        )

    return moment(then) - moment(first)


FAULTY: dict[str, Check] = {
    "refuse:job_error": lambda s, e: (
        (s.messages[-1]["type"], s.code) == ("job_error", 4013) and not s.named("RecognitionStarted")
    ),
    "refuse:not_authorised": lambda s, e: (s.messages[-1]["type"], s.code) == ("not_authorised", 4001),
    "close-before-start:1008": lambda s, e: (s.messages, s.code) == ([], 1008),
    "early-warning": lambda s, e: (
        [m["message"] for m in s.messages[:3]] == ["Info", "Warning", "RecognitionStarted"]
    ),
    "slow-start:6": lambda s, e: _gap(s, e, "Info", "RecognitionStarted") >= 6,
    "delayed-acks:4": lambda s, e: (
        len(s.named("AudioAdded")) > 20
        and _gap(s, e, "audio", "AudioAdded") >= 4
        and _gap(s, e, "audio", "AddTranscript") < 4
        and s.messages[-1]["message"] == "EndOfTranscript"
    ),
    "missing-acks": lambda s, e: not s.named("AudioAdded") and s.text == e.scene.text,
    "surplus-acks": lambda s, e: [m["seq_no"] for m in s.named("AudioAdded")][:4] == [1, 1, 2, 2],
    "unpaired-finals": lambda s, e: not s.named("AddPartialTranscript") and s.text == e.scene.text,
    "lone-punctuation": lambda s, e: {". ", ", "} & set(_texts(s)),
    "relabelled-speakers": lambda s, e: (
        {r["alternatives"][0]["speaker"] for m in s.named("AddPartialTranscript") for r in m["results"]}
        == {"UU"}
        and {r["alternatives"][0]["speaker"] for m in s.named("AddTranscript") for r in m["results"]}
        == {"S1"}
    ),
    "missing-confidence": lambda s, e: all(
        "confidence" not in r["alternatives"][0] for m in s.named("AddTranscript") for r in m["results"]
    ),
    "json-in-binary": lambda s, e: all(isinstance(raw, bytes) for raw in s.raw) and s.text == e.scene.text,
    "close-after-end:1000": lambda s, e: s.code == 1000 and not s.named("EndOfTranscript"),
    "late-end:12": lambda s, e: _gap(s, e, "EndOfStream", "EndOfTranscript") >= 12,
    "warning:duration_limit_exceeded@1": lambda s, e: (
        s.named("Warning")[0]["type"] == "duration_limit_exceeded" and s.text == e.scene.text
    ),
    "info@1": lambda s, e: (
        [m["type"] for m in s.named("Info")] == ["concurrent_session_usage", "recognition_quality"]
    ),
    "large-message@1": lambda s, e: max(map(len, s.raw)) > 1 << 20 and s.text == e.scene.text,
    "error:timelimit_exceeded@1": lambda s, e: (
        (s.messages[-1]["type"], s.code) == ("timelimit_exceeded", 4006)
    ),
    "error": lambda s, e: (s.messages[-1]["type"], s.code) == ("unknown_error", 1011),
    "error-without-close:job_error@1": lambda s, e: s.named("Error") and s.named("EndOfTranscript"),
    "close:4005@1": lambda s, e: s.code == 4005 and not s.named("Error"),
    "close:1000": lambda s, e: s.code == 1000 and s.named("RecognitionStarted"),
    "reset@1": lambda s, e: s.code == 1006,
    "drop@1": lambda s, e: s.code == 1006,
    "drop-before-start": lambda s, e: (s.code, s.messages) == (1006, []),
    "mute@1": lambda s, e: s.named("EndOfTranscript") and s.text != e.scene.text,
    "unknown-message@1": lambda s, e: s.named("SomethingNew") and s.text == e.scene.text,
    "broken-json@1": lambda s, e: len(s.raw) > len(s.messages) and s.text == e.scene.text,
    "binary-message@1": lambda s, e: any(isinstance(raw, bytes) for raw in s.raw) and s.text == e.scene.text,
    "extra-fields": lambda s, e: all("x_undocumented" in m for m in s.messages),
    "sliced": lambda s, e: s.text == e.scene.text,
    "duplicate-final": lambda s, e: [t for t in _texts(s) if t][:1] == [t for t in _texts(s) if t][1:2],
    "empty-final": lambda s, e: all(not t for t in _texts(s)[1::2]) and s.text == e.scene.text,
    "slow-reader:100000": lambda s, e: s.text == e.scene.text,
}

# These never let a session end: what they withhold is looked for for a while.
ENDLESS = {"hang-after-end": "AddPartialTranscript", "no-start": "Info", "stall": "RecognitionStarted"}
BEFORE_SESSIONS = {"http:404": 404, "http:401": 401}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_does_what_it_says(fault: str, one_sentence: Scene) -> None:
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, faults=[fault]) as emulator:
        session = hold(emulator, sound(one_sentence))
        assert FAULTY[fault](session, emulator)


@pytest.mark.parametrize("fault", ENDLESS)
def test_a_fault_that_withholds_leaves_the_connection_open(fault: str, one_sentence: Scene) -> None:
    with (
        SpeechmaticsEmulator(one_sentence, speed=100, faults=[fault]) as emulator,
        client_of(emulator, close_timeout=0.1) as client,
    ):
        client.send(start(**FULL))
        if fault == "hang-after-end":
            client.receive_until("RecognitionStarted")
            client.speak(sound(one_sentence))
            client.send({"message": "EndOfStream", "last_seq_no": 0})

        def receive_on() -> None:
            while client.receive(timeout=1.5) is not None:
                pass

        with pytest.raises(TimeoutError):
            receive_on()
        assert client.session.messages[-1]["message"] == ENDLESS[fault]
        assert emulator.journal.closes() == []


@pytest.mark.parametrize("fault", BEFORE_SESSIONS)
def test_a_connection_can_be_refused(fault: str, one_sentence: Scene) -> None:
    with (
        SpeechmaticsEmulator(one_sentence, faults=[fault]) as emulator,
        pytest.raises(InvalidStatus) as refused,
        client_of(emulator),
    ):
        pass
    assert refused.value.response.status_code == BEFORE_SESSIONS[fault]


def test_every_fault_of_this_service_has_a_test() -> None:
    tested = {text.partition(":")[0].partition("@")[0] for text in (*FAULTY, *ENDLESS, *BEFORE_SESSIONS)}
    shared_and_tested_with_the_server = {"no-answer", "reset-on-connect"}
    assert set(FAULTS["speechmatics"]) - tested == shared_and_tested_with_the_server
    assert shared_and_tested_with_the_server < set(CONNECTION_FAULTS)


def test_what_is_not_emulated_is_listed() -> None:
    assert any("translation" in line for line in NOT_EMULATED)
