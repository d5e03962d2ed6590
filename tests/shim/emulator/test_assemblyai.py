"""The AssemblyAI emulator, row by row of what the service was seen to do."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
import uuid
import wave
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from shim.emulator.assemblyai import ERRORS, AssemblyAIEmulator
from shim.emulator.assemblyai_configuration import MODELS
from shim.emulator.faults import UnknownFault
from shim.emulator.scene import Scene

SPEED = 40.0
TERMINATE = '{"type":"Terminate"}'
UNIVERSAL_3 = {"speech_model": "universal-3-6-pro"}
STREAMING = {"speech_model": "universal-streaming-english"}
BEGIN_KEYS = {
    "model",
    "mode",
    "api_version",
    "speaker_labels",
    "redact_pii",
    "filter_profanity",
    "domain",
    "voice_focus",
}


@dataclass
class Talk:
    """What the emulator said in one session, and how it ended."""

    messages: list[dict[str, Any]]
    code: int | None = None
    reason: str = ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("type") == kind]

    @property
    def kinds(self) -> list[str]:
        return [message["type"] for message in self.messages]

    @property
    def finals(self) -> list[dict[str, Any]]:
        return [turn for turn in self.of("Turn") if turn["end_of_turn"]]

    @property
    def partials(self) -> list[dict[str, Any]]:
        return [turn for turn in self.of("Turn") if not turn["end_of_turn"]]

    @property
    def text(self) -> str:
        return " ".join(turn["transcript"] for turn in self.finals if turn["transcript"])

    @property
    def error(self) -> str:
        (error,) = self.of("Error")
        return str(error["error"])


def frames(scene: Scene, until: float | None = None, milliseconds: int = 100) -> list[bytes]:
    """The scene's sound in pieces, the last of them whole."""
    with wave.open(str(scene.sound)) as file:
        sound = file.readframes(file.getnframes())
    size = milliseconds * 32
    sound = sound if until is None else sound[: round(until * 16000) * 2]
    return [sound[start : start + size].ljust(size, b"\0") for start in range(0, len(sound), size)]


def open_session(
    emulator: AssemblyAIEmulator,
    query: Any = UNIVERSAL_3,
    key: str | None = "key",
    **options: Any,
) -> ClientConnection:
    headers = {} if key is None else {"Authorization": key}
    address = f"{emulator.url}/v3/ws?{urlencode(query, doseq=True)}"
    return connect(address, additional_headers=headers, close_timeout=5, **options)


def listen(connection: ClientConnection, talk: Talk) -> Talk:
    """Read until the end."""
    try:
        while True:
            data = connection.recv(timeout=30)
            talk.messages.append(json.loads(data))
    except ConnectionClosed as closed:
        if closed.rcvd:
            talk.code, talk.reason = closed.rcvd.code, closed.rcvd.reason
    return talk


def converse(
    emulator: AssemblyAIEmulator, sends: Iterable[str | bytes], query: Any = UNIVERSAL_3, **options: Any
) -> Talk:
    """Open a session, send everything at once, read until the end."""
    with open_session(emulator, query, **options) as connection:
        try:
            for item in sends:
                connection.send(item)
        except ConnectionClosed:
            pass  # what was said before is still to be read
        return listen(connection, Talk([]))


def speak(scene: Scene, query: Any = UNIVERSAL_3, faults: Iterable[str] = (), speed: float = SPEED) -> Talk:
    """One session that sends the whole scene and ends in order."""
    with AssemblyAIEmulator(scene, speed=speed, faults=faults) as emulator:
        return converse(emulator, [*frames(scene), TERMINATE], query)


@pytest.fixture
def emulator(one_sentence: Scene) -> Iterator[AssemblyAIEmulator]:
    with AssemblyAIEmulator(one_sentence, speed=SPEED, keys={"key"}) as running:
        yield running


class Http:
    """Just enough of an HTTP client."""

    def __init__(self, emulator: AssemblyAIEmulator) -> None:
        self._base = emulator.http_url

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        request = urllib.request.Request(self._base + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


# --- The scene comes out ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["universal-3-6-pro", "universal-3-5-pro", "u3-rt-pro", "universal-3-6"])
def test_the_universal_3_family_transcribes_the_scene_in_its_turns(two_speakers: Scene, model: str) -> None:
    talk = speak(two_speakers, {"speech_model": model})
    assert [turn["transcript"] for turn in talk.finals] == [turn.text for turn in two_speakers.turns]
    assert [turn["turn_order"] for turn in talk.finals] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["one-sentence", "two-speakers", "pause"])
@pytest.mark.parametrize(
    "model", ["universal-streaming-english", "universal-streaming-multilingual", "whisper-rt"]
)
def test_the_word_by_word_models_transcribe_any_scene(scenes: Path, name: str, model: str) -> None:
    scene = Scene.load(scenes / f"{name}.json")
    talk = speak(scene, {"speech_model": model, "format_turns": "true"})
    assert " ".join(turn["transcript"] for turn in talk.finals if turn["turn_is_formatted"]) == scene.text


def test_word_times_are_integer_milliseconds_from_the_first_byte(two_speakers: Scene) -> None:
    talk = speak(two_speakers)
    words = [word for turn in talk.finals for word in turn["words"]]
    for word, spoken in zip(words, two_speakers.words, strict=True):
        assert type(word["start"]) is int
        assert word["start"] == pytest.approx(spoken.start * 1000, abs=5)
        assert word["end"] == pytest.approx(spoken.end * 1000, abs=5)


def test_garbled_audio_yields_a_session_without_words(one_sentence: Scene) -> None:
    swapped = [
        bytes(byte for pair in zip(f[1::2], f[::2], strict=True) for byte in pair)
        for f in frames(one_sentence)
    ]
    with AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator:
        talk = converse(emulator, [*swapped, TERMINATE])
    assert talk.kinds == ["Begin", "Termination"]
    assert talk.code == 1000


def test_telephone_audio_is_transcribed(one_sentence: Scene, encode_mulaw: Callable[[bytes], bytes]) -> None:
    query = {**UNIVERSAL_3, "encoding": "pcm_mulaw"}
    with AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator:
        talk = converse(emulator, [*map(encode_mulaw, frames(one_sentence)), TERMINATE], query)
    assert talk.text == one_sentence.text


# --- Handshake and credentials ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("wrong", "Invalid API key"),
        ("Bearer key", "Invalid API key"),
        ("token key", "Invalid API key"),
        (None, "Missing Authorization header"),
    ],
)
def test_a_bad_credential_gets_the_101_then_an_error_then_the_close(
    emulator: AssemblyAIEmulator, key: str | None, reason: str
) -> None:
    talk = converse(emulator, [], key=key)
    assert talk.messages == [
        {"type": "Error", "error_code": 1008, "error": f"Unauthorized Connection: {reason}"}
    ]
    assert (talk.code, talk.reason) == (1008, "See Error message for details")


def test_a_token_opens_a_session_in_the_header_and_in_the_query_again_and_again(
    emulator: AssemblyAIEmulator,
) -> None:
    token = emulator.issue_token(600)
    assert converse(emulator, [TERMINATE], key=token).code == 1000
    assert converse(emulator, [TERMINATE], {**UNIVERSAL_3, "token": token}, key=None).code == 1000


def test_an_account_key_is_no_token(emulator: AssemblyAIEmulator) -> None:
    assert converse(emulator, [], {"token": "key"}, key=None).error.endswith("Invalid API key")


def test_an_expired_token_is_told_so(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [], key=emulator.issue_token(-1))
    assert talk.error == "Unauthorized Connection: Signature has expired"
    assert talk.code == 1008


def test_without_keys_any_key_but_no_bearer_is_accepted(one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator:
        assert converse(emulator, [TERMINATE], key="anything").code == 1000
        assert converse(emulator, [], key="Bearer anything").code == 1008


def test_another_path_is_not_found(emulator: AssemblyAIEmulator) -> None:
    assert Http(emulator).get("/v2/realtime/token")[0] == 404


# --- Parameters ------------------------------------------------------------------------------------------------

MODEL_LIST = ", ".join(f"'{model}'" for model in [*MODELS][:-1]) + f" or '{[*MODELS][-1]}'"


@pytest.mark.parametrize(
    ("query", "remainder"),
    [
        ({"speech_model": "u3-pro"}, f"Invalid 'speech_model': Input should be {MODEL_LIST}"),
        ({"sample_rate": 7000}, "Invalid 'sample_rate': Value error, sample_rate must be at least 8,000 Hz"),
        ({"sample_rate": 96001}, "Invalid 'sample_rate': Value error, sample_rate must be at most 96,000 Hz"),
        ({"sample_rate": "fast"}, "Invalid 'sample_rate': Input should be a valid integer"),
        ({"encoding": "flac"}, "'flac' is not a valid Encoding"),
        ({"encoding": "pcm_f32le"}, "'pcm_f32le' is not a valid Encoding"),
        (
            {"keyterms_prompt": json.dumps(["x"] * 101)},
            "Invalid 'keyterms_prompt': Value error, Max 100 items",
        ),
        ({"keyterms_prompt": "Anna"}, "Invalid keyterms_prompt: Invalid JSON array"),
        ({"keyterms_prompt": ['["a"]', '["b"]']}, "Invalid keyterms_prompt: Invalid JSON array"),
        (
            {"prompt": "x" * 1800},
            "Invalid 'prompt': Value error, prompt exceeds maximum length of 1750 characters (got 1800)",
        ),
        (
            {"agent_context": "x" * 1800},
            "Invalid 'agent_context': Value error, agent_context exceeds maximum length of 1750 characters "
            "(got 1800)",
        ),
        ({"language_codes": "xx"}, "Invalid 'language_codes.0': Input should be 'en', 'es', 'de'"),
        ({"language_codes": "en,es"}, "Invalid 'language_codes.0': Input should be 'en', 'es', 'de'"),
        ({"language_codes": '["en","xx"]'}, "Invalid 'language_codes.1': Input should be"),
        ({"language_codes": ["multi", "en"]}, "Invalid 'language_codes': Value error"),
        ({"language_codes": ["en"] * 11}, "Invalid 'language_codes': Value error, Max 10 items"),
        (
            {**STREAMING, "prompt": "A clinic."},
            "prompt is only supported with the 'u3-rt-pro' speech_model. "
            "Current speech_model: universal-streaming-english",
        ),
        ({"format_turns": "maybe"}, "Invalid 'format_turns': Input should be a valid boolean"),
        (
            {"inactivity_timeout": 4},
            "Invalid 'inactivity_timeout': Input should be greater than or equal to 5",
        ),
        (
            {"inactivity_timeout": 3601},
            "Invalid 'inactivity_timeout': Input should be less than or equal to 3600",
        ),
        (
            {"end_of_turn_confidence_threshold": 1.5},
            "Invalid 'end_of_turn_confidence_threshold': Input should",
        ),
        ({"vad_threshold": "nan"}, "Invalid 'vad_threshold': Input should be"),
        ({"mode": "fast"}, "Invalid 'mode': Input should be 'min_latency', 'balanced' or 'max_accuracy'"),
        (
            {"interruption_delay": 1001},
            "Invalid 'interruption_delay': Input should be less than or equal to 1000",
        ),
        ({"max_speakers": 11}, "Invalid 'max_speakers': Input should be less than or equal to 10"),
        ({"max_speakers": 0}, "Invalid 'max_speakers': Input should be greater than or equal to 1"),
        ({"voice_focus": "loud"}, "Invalid 'voice_focus': Input should be 'near-field' or 'far-field'"),
        ({"voice_focus_threshold": 0.5}, "Invalid 'voice_focus_threshold': Value error"),
        ({"redact_pii_sub": "stars"}, "Invalid 'redact_pii_sub': Input should be 'hash' or 'entity_name'"),
        ({"redact_pii_policies": "date"}, "Invalid redact_pii_policies: Invalid JSON array"),
        ({"domain": "law"}, "Invalid 'domain': Input should be 'medical-v1'"),
        ({"llm_gateway": "x"}, "Invalid llm_gateway: Invalid JSON object"),
        ({"previous_context_n_turns": 101}, "Invalid 'previous_context_n_turns': Input should be less than"),
        (
            {"speaker_labels_revision_interval_ms": 86_400_001},
            "Invalid 'speaker_labels_revision_interval_ms': Input should be less than or equal to 86400000",
        ),
        ({"min_turn_silence": "soon"}, "Invalid 'min_turn_silence': Input should be a valid integer"),
        ({"min_end_of_turn_silence_when_confident": "x"}, "Invalid 'min_turn_silence': Input should be"),
        ({"language_code": "en-US"}, "Invalid 'language_code': Input should be 'en', 'es', 'de'"),
        ({"keyterms_prompt": "[" * 2000}, "Invalid keyterms_prompt: Invalid JSON array"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_bad_parameter_is_an_error_3006_before_begin(
    emulator: AssemblyAIEmulator, query: dict[str, Any], remainder: str
) -> None:
    talk = converse(emulator, [], query)
    assert talk.kinds == ["Error"]
    assert talk.error.startswith(f"User Input Validation Error: {remainder}")
    assert talk.messages[0]["error_code"] == talk.code == 3006


@pytest.mark.parametrize(
    "query",
    [
        {"speechModel": "nonsense", "sampleRate": "x", "keyterms": "bare"},
        {"format_turns": "True", "speaker_labels": "FALSE", "language_detection": "true"},
        {"keyterms_prompt": '["Anna", "Dr. Green"]', "redact_pii_policies": '["date"]'},
        {"language_codes": '["en", "es"]'},
        {"language_codes": ["en", "es"]},
        {"language_codes": "multi"},
        {"keyterms_prompt": "[]", "agent_context": ""},
        {"keyterms_prompt": json.dumps(["x" * 60])},
        {"keyterms_prompt": json.dumps(["слово" * 10] * 100, ensure_ascii=False)},
        {"prompt": "x" * 1750, "voice_focus": "far-field", "voice_focus_threshold": "0.5"},
        {"llm_gateway": '{"model": "m"}', "_customer_support_audio_capture": "true"},
        {"sample_rate": 96000, "encoding": "pcm_mulaw"},
        {"encoding": "ogg_opus"},
        {},
    ],
    ids=lambda query: "-".join(query) or "none",
)
def test_what_the_service_accepts_or_ignores_begins(
    emulator: AssemblyAIEmulator, query: dict[str, Any]
) -> None:
    assert converse(emulator, [TERMINATE], query).kinds[0] == "Begin"


def test_begin_echoes_eight_settings(emulator: AssemblyAIEmulator) -> None:
    query = {**UNIVERSAL_3, "speaker_labels": "True", "mode": "min_latency", "voice_focus": "near-field"}
    begin = converse(emulator, [TERMINATE], query).messages[0]
    assert list(begin) == ["type", "id", "expires_at", "configuration"]
    assert str(uuid.UUID(begin["id"])) == begin["id"]
    assert type(begin["expires_at"]) is int
    assert begin["configuration"].keys() == BEGIN_KEYS
    assert begin["configuration"] == {
        "model": "universal-3-6-pro",
        "mode": "min_latency",
        "api_version": "2025-05-12",
        "speaker_labels": True,
        "redact_pii": False,
        "filter_profanity": False,
        "domain": None,
        "voice_focus": "near-field",
    }


@pytest.mark.parametrize(("model", "mode"), [("universal-3-5-pro", "balanced"), ("whisper-rt", None)])
def test_only_the_universal_3_family_has_a_mode(
    emulator: AssemblyAIEmulator, model: str, mode: str | None
) -> None:
    begin = converse(emulator, [TERMINATE], {"speech_model": model}).messages[0]
    assert begin["configuration"]["mode"] == mode


# --- Turns per family ------------------------------------------------------------------------------------------

TURN_KEYS = [
    "turn_order",
    "turn_is_formatted",
    "end_of_turn",
    "transcript",
    "end_of_turn_confidence",
    "words",
    "utterance",
    "type",
]


@pytest.mark.parametrize("query", [UNIVERSAL_3, STREAMING], ids=["universal-3", "streaming"])
def test_every_turn_has_every_field_and_its_type_last(one_sentence: Scene, query: dict[str, str]) -> None:
    talk = speak(one_sentence, query)
    assert talk.of("Turn")
    for turn in talk.of("Turn"):
        assert list(turn) == TURN_KEYS
        for word in turn["words"]:
            assert list(word) == ["start", "end", "text", "confidence", "word_is_final"]


def test_universal_3_partials_are_snapshots_without_a_final_word(two_speakers: Scene) -> None:
    talk = speak(two_speakers)
    assert len(talk.partials) >= 5
    for turn in talk.partials:
        assert turn["turn_is_formatted"] is True
        assert turn["end_of_turn_confidence"] == 0
        assert turn["utterance"] == ""
        assert not any(word["word_is_final"] for word in turn["words"])
        assert turn["transcript"] == " ".join(word["text"] for word in turn["words"])
        assert two_speakers.turns[turn["turn_order"]].text.startswith(turn["transcript"])
    for turn in talk.finals:
        assert turn["turn_is_formatted"] is True
        assert turn["end_of_turn_confidence"] == 1
        assert turn["utterance"] == turn["transcript"]
        assert all(word["word_is_final"] for word in turn["words"])


def test_universal_3_says_that_speech_started_once_before_the_first_turn(two_speakers: Scene) -> None:
    talk = speak(two_speakers)
    assert talk.kinds.count("SpeechStarted") == len(two_speakers.turns)
    for index, kind in enumerate(talk.kinds):
        if kind == "SpeechStarted":
            turn = talk.messages[index + 1]
            assert turn["type"] == "Turn"
            assert talk.messages[index]["timestamp"] == turn["words"][0]["start"]


def test_streaming_partials_grow_word_by_word_with_one_word_open(one_sentence: Scene) -> None:
    talk = speak(one_sentence, STREAMING)
    assert len(talk.partials) == len(one_sentence.words)
    for count, turn in enumerate(talk.partials, 1):
        assert [word["word_is_final"] for word in turn["words"]] == [True] * (count - 1) + [False]
        assert turn["turn_is_formatted"] is False
        assert turn["transcript"] == turn["transcript"].lower()
    assert "SpeechStarted" not in talk.kinds


def test_streaming_text_is_bare_and_an_empty_final_follows_terminate(one_sentence: Scene) -> None:
    talk = speak(one_sentence, STREAMING)
    first, empty = talk.finals
    assert first["transcript"] == "good morning this is the front desk may i help"
    assert (empty["transcript"], empty["words"], empty["turn_order"]) == ("", [], first["turn_order"] + 1)
    assert talk.kinds[-2:] == ["Turn", "Termination"]


def test_streaming_with_format_turns_gives_two_finals_of_one_order(one_sentence: Scene) -> None:
    talk = speak(one_sentence, {**STREAMING, "format_turns": "True"})
    bare, formatted, _ = talk.finals
    assert bare["turn_order"] == formatted["turn_order"] == 0
    assert (bare["turn_is_formatted"], formatted["turn_is_formatted"]) == (False, True)
    assert formatted["transcript"] == one_sentence.text


def test_streaming_shows_the_utterance_at_a_pause_within_a_turn(scenes: Path) -> None:
    talk = speak(Scene.load(scenes / "pause.json"), STREAMING)
    uttered = [turn for turn in talk.of("Turn") if turn["utterance"]]
    assert uttered[0]["end_of_turn"] is False
    assert uttered[0]["utterance"] == "the first patient arrives at eight"
    assert uttered[1]["end_of_turn"] is True
    assert uttered[1]["utterance"].startswith("and the second")


def test_a_threshold_of_one_waits_for_the_longest_silence(two_speakers: Scene) -> None:
    query = {**STREAMING, "end_of_turn_confidence_threshold": 1, "max_turn_silence": 5000}
    talk = speak(two_speakers, query)
    assert len([turn for turn in talk.finals if turn["transcript"]]) == 1


def test_a_short_silence_without_the_end_of_a_sentence_ends_a_turn_when_it_is_the_longest(
    scenes: Path,
) -> None:
    query = {**UNIVERSAL_3, "max_turn_silence": 400}
    talk = speak(Scene.load(scenes / "pause.json"), query)
    assert talk.finals[0]["transcript"] == "The first patient arrives at eight,"


def test_partials_can_be_turned_off(one_sentence: Scene) -> None:
    for query in ({"include_partial_turns": "false"}, {"redact_pii": "true"}):
        talk = speak(one_sentence, {**UNIVERSAL_3, **query})
        assert talk.kinds == ["Begin", "SpeechStarted", "Turn", "Termination"]


def test_detected_languages_are_on_finals_and_null_on_the_empty_one(one_sentence: Scene) -> None:
    asked = {"language_detection": "true"}
    talk = speak(one_sentence, {**UNIVERSAL_3, **asked})
    assert [turn.get("language_code") for turn in talk.finals] == ["en"]
    assert not any("language_code" in turn for turn in talk.partials)
    talk = speak(one_sentence, {"speech_model": "universal-streaming-multilingual", **asked})
    assert [turn["language_code"] for turn in talk.finals] == ["en", None]


def test_whisper_gives_the_language_unasked(one_sentence: Scene) -> None:
    talk = speak(one_sentence, {"speech_model": "whisper-rt"})
    assert {turn["language_code"] for turn in talk.of("Turn") if turn["words"]} == {"en"}


def test_speakers_are_labelled_on_finals(two_speakers: Scene) -> None:
    talk = speak(two_speakers, {**UNIVERSAL_3, "speaker_labels": "true"})
    assert [turn["speaker_label"] for turn in talk.finals] == ["A", "B", "A", "B", "A"]
    assert {word["speaker"] for word in talk.finals[1]["words"]} == {"B"}
    assert not any("speaker_label" in turn or "speaker" in turn["words"][0] for turn in talk.partials)
    assert "SpeakerRevision" not in talk.kinds


def test_wrong_labels_are_revised_just_before_termination(two_speakers: Scene) -> None:
    talk = speak(two_speakers, {**UNIVERSAL_3, "speaker_labels": "true"}, ["wrong-speakers"])
    assert [turn["speaker_label"] for turn in talk.finals] == ["B", "A", "B", "A", "B"]
    assert talk.kinds[-2:] == ["SpeakerRevision", "Termination"]
    revisions = talk.messages[-2]["revisions"]
    assert [item["speaker_label"] for item in revisions] == ["A", "B", "A", "B", "A"]
    assert [item["turn_order"] for item in revisions] == [0, 1, 2, 3, 4]
    for item, turn in zip(revisions, talk.finals, strict=True):
        assert [word["text"] for word in item["words"]] == [word["text"] for word in turn["words"]]
        assert {"confidence", "word_is_final"} <= item["words"][0].keys()


# --- Client messages -------------------------------------------------------------------------------------------


def receive_until(connection: ClientConnection, talk: Talk, done: Callable[[Talk], Any]) -> Any:
    while not (value := done(talk)):
        talk.messages.append(json.loads(connection.recv(timeout=30)))
    return value


def test_without_audio_a_turn_stays_open_until_an_endpoint_is_forced(two_speakers: Scene) -> None:
    last = two_speakers.turns[0].words[-1]
    with (
        AssemblyAIEmulator(two_speakers, speed=SPEED) as emulator,
        open_session(emulator, {**UNIVERSAL_3, "session_heartbeat": "true"}) as connection,
    ):
        for frame in frames(two_speakers, until=last.end + 0.1):
            connection.send(frame)
        talk = Talk([])
        receive_until(connection, talk, lambda talk: len(talk.of("Heartbeat")) >= 3)
        assert talk.partials
        assert not talk.finals
        connection.send('{"type":"ForceEndpoint"}')
        receive_until(connection, talk, lambda talk: talk.finals)
        assert talk.text == two_speakers.turns[0].text
        connection.send(TERMINATE)
        assert listen(connection, talk).code == 1000
        assert len(talk.finals) == 1


def test_a_forced_endpoint_without_a_turn_and_keep_alive_say_nothing(emulator: AssemblyAIEmulator) -> None:
    sends = ['{"type":"ForceEndpoint"}', '{"type":"KeepAlive"}', TERMINATE]
    assert converse(emulator, sends).kinds == ["Begin", "Termination"]


def test_update_configuration_changes_the_session_in_silence(scenes: Path) -> None:
    scene = Scene.load(scenes / "pause.json")
    update = '{"max_turn_silence":400,"keyterms_prompt":["ten"],"unknown":1,"type":"UpdateConfiguration"}'
    with AssemblyAIEmulator(scene, speed=SPEED) as emulator:
        talk = converse(emulator, [update, *frames(scene), TERMINATE])
    assert talk.finals[0]["transcript"] == "The first patient arrives at eight,"
    assert talk.code == 1000


@pytest.mark.parametrize(
    ("message", "remainder"),
    [
        (
            "{not json",
            "Invalid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ('{"type":"Bogus"}', "Invalid Message Type: Bogus"),
        ("[]", "Invalid Message"),
        ('{"terminate_session":true}', "Invalid Message"),
        (
            '{"type":"UpdateConfiguration","agent_context":"' + "x" * 1800 + '"}',
            "Invalid 'agent_context': Value error, agent_context exceeds maximum length of 1750 characters (got 1800)",
        ),
        (
            '{"type":"UpdateConfiguration","keyterms_prompt":"word"}',
            "Invalid keyterms_prompt: Invalid JSON array",
        ),
        ('{"type":"UpdateConfiguration","min_turn_silence":"soon"}', "Invalid 'min_turn_silence'"),
        ('{"type":"UpdateConfiguration","min_turn_silence":5.5}', "Invalid 'min_turn_silence'"),
        ('{"type":"UpdateConfiguration","max_turn_silence":Infinity}', "Invalid 'max_turn_silence'"),
        ('{"type":"UpdateConfiguration","vad_threshold":NaN}', "Invalid 'vad_threshold'"),
        ('{"type":["Terminate"]}', "Invalid Message Type: ['Terminate']"),
        ("[" * 50_000, "Invalid JSON: "),
    ],
    ids=lambda value: value[:50],
)
def test_a_bad_message_ends_the_session_with_3006(
    emulator: AssemblyAIEmulator, message: str, remainder: str
) -> None:
    with open_session(emulator) as connection:
        talk = Talk([json.loads(connection.recv(timeout=30))])
        connection.send(message)
        listen(connection, talk)
        received = emulator.journal.frames("received")[0].time
    assert talk.kinds == ["Begin", "Error"]
    # The service takes about a second over it.
    assert emulator.journal.frames("sent")[1].time - received >= 0.94
    assert talk.error.startswith(f"User Input Validation Error: {remainder}")
    assert talk.code == 3006


def test_frames_of_20_ms_are_an_error_after_a_second_of_them(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [bytes(640)] * 60)
    assert talk.error == (
        "Input Duration Error: Input Duration Violation: 20.0 ms. Expected between 50 and 1000 ms"
    )
    assert talk.code == 3007
    assert not talk.of("Termination")


def test_48_frames_of_20_ms_and_a_short_tail_are_accepted(emulator: AssemblyAIEmulator) -> None:
    assert converse(emulator, [*[bytes(640)] * 48, bytes(1600), bytes(640), TERMINATE]).code == 1000


def test_a_frame_of_more_than_a_second_is_an_error_at_once(emulator: AssemblyAIEmulator) -> None:
    assert converse(emulator, [bytes(32000), TERMINATE]).code == 1000
    talk = converse(emulator, [bytes(32002)])
    assert talk.code == 3007
    assert "1000.063 ms" in talk.error


def test_telephone_frames_are_measured_in_their_own_bytes(emulator: AssemblyAIEmulator) -> None:
    query = {"encoding": "pcm_mulaw", "sample_rate": 8000}
    assert converse(emulator, [bytes(400)] * 40 + [TERMINATE], query).code == 1000
    assert converse(emulator, [bytes(160)] * 60, query).code == 3007


def test_a_message_of_more_than_128_kb_is_closed_with_1009(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [bytes(128 * 1024 + 2)], {"sample_rate": 96000})
    assert talk.code == 1009
    assert not talk.of("Error")


def test_silence_of_the_client_ends_the_session_where_it_asked_for_that(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [], {"inactivity_timeout": 5})
    assert talk.kinds == ["Begin", "Error"]
    assert talk.error == (
        "User Input Validation Error: Session terminated due to inactivity: No messages received for 5 seconds"
    )
    assert talk.code == 3006


def test_keep_alive_resets_the_inactivity_timeout(one_sentence: Scene) -> None:
    query = {"inactivity_timeout": 80, "session_heartbeat": "true"}
    with (
        AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator,
        open_session(emulator, query) as connection,
    ):
        talk = Talk([])
        for count in range(1, 18):
            connection.send('{"type":"KeepAlive"}')
            receive_until(connection, talk, lambda talk, count=count: len(talk.of("Heartbeat")) >= count)
        assert not talk.of("Error")
        connection.send(TERMINATE)
        assert listen(connection, talk).code == 1000


def test_heartbeats_tell_what_was_received(one_sentence: Scene) -> None:
    query = {**UNIVERSAL_3, "session_heartbeat": "true"}
    with (
        AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator,
        open_session(emulator, query) as connection,
    ):
        sent = frames(one_sentence)
        for frame in sent:
            connection.send(frame)
        talk = Talk([])
        receive_until(connection, talk, lambda talk: talk.of("Heartbeat"))
        heartbeat = talk.of("Heartbeat")[0]
        assert heartbeat.keys() == {
            "type",
            "total_audio_received_ms",
            "total_duration_ms",
            "realtime_factor",
            "max_speech_probability",
        }
        assert heartbeat["total_audio_received_ms"] == len(sent) * 100
        assert heartbeat["total_duration_ms"] >= 5000


def test_silence_is_acknowledged_where_asked_for(one_sentence: Scene) -> None:
    query = {**UNIVERSAL_3, "acknowledge_silence": "true"}
    with AssemblyAIEmulator(one_sentence, speed=SPEED) as emulator:
        talk = converse(emulator, [*[bytes(3200)] * 35, TERMINATE], query)
    assert [(item["start_ms"], item["end_ms"]) for item in talk.of("Silence")] == [
        (0, 1000),
        (1000, 2000),
        (2000, 3000),
    ]


# --- The end ---------------------------------------------------------------------------------------------------


def test_terminate_gives_whole_seconds_and_a_clean_close(two_speakers: Scene) -> None:
    talk = speak(two_speakers)
    assert talk.kinds[0] == "Begin"
    assert talk.kinds[-1] == "Termination"
    termination = talk.messages[-1]
    assert list(termination) == ["type", "audio_duration_seconds", "session_duration_seconds"]
    assert type(termination["audio_duration_seconds"]) is type(termination["session_duration_seconds"]) is int
    assert termination["audio_duration_seconds"] == 15
    assert (talk.code, talk.reason) == (1000, "Session Ended")


def test_terminate_in_the_middle_of_a_turn_takes_the_time_that_the_service_takes(one_sentence: Scene) -> None:
    with (
        AssemblyAIEmulator(one_sentence, speed=1) as emulator,
        open_session(emulator) as connection,
    ):
        for frame in frames(one_sentence, until=1.5):
            connection.send(frame)
        talk = Talk([])
        receive_until(connection, talk, lambda talk: talk.partials)
        connection.send(TERMINATE)
        listen(connection, talk)
        terminated = emulator.journal.frames("received")[-1].time
        said = {frame.json["type"]: frame.time - terminated for frame in emulator.journal.frames("sent")}
    assert talk.text == "Good morning, this is"
    assert 0.26 <= said["Turn"] < 5
    assert 1.24 <= said["Termination"] < 6


def test_terminate_right_after_begin_ends_at_once(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [TERMINATE])
    assert talk.messages[-1]["audio_duration_seconds"] == 0
    assert talk.code == 1000


def test_a_session_that_reaches_its_longest_ends_with_3008(one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=SPEED, faults=["session-cap:5"]) as emulator:
        talk = converse(emulator, [])
    assert talk.error == "Session Expired: Maximum session duration exceeded"
    assert talk.code == 3008
    assert not talk.of("Termination")


def test_too_many_new_sessions_a_minute_are_refused(one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=1, faults=["session-rate:2"]) as emulator:
        codes = []
        for _ in range(3):
            with open_session(emulator) as connection:
                codes.append(json.loads(connection.recv(timeout=30))["type"])
    assert codes == ["Begin", "Begin", "Error"]


# --- Tokens ----------------------------------------------------------------------------------------------------


def test_a_token_has_its_form_and_its_session_cap_shows_in_begin(emulator: AssemblyAIEmulator) -> None:
    path = "/v3/token?expires_in_seconds=60&max_session_duration_seconds=300"
    status, body = Http(emulator).get(path, Authorization="key")
    assert status == 200
    assert body.keys() == {"token", "expires_in_seconds"}
    assert body["token"].startswith("AQI")
    assert body["expires_in_seconds"] == 60
    capped = converse(emulator, [TERMINATE], key=body["token"]).messages[0]["expires_at"]
    full = converse(emulator, [TERMINATE]).messages[0]["expires_at"]
    assert 10_400 < full - capped < 10_600


def test_the_token_endpoint_takes_bearer_too(emulator: AssemblyAIEmulator) -> None:
    assert Http(emulator).get("/v3/token?expires_in_seconds=60", Authorization="Bearer key")[0] == 200


def test_a_wrong_key_gets_no_token(emulator: AssemblyAIEmulator) -> None:
    status, body = Http(emulator).get("/v3/token?expires_in_seconds=60", Authorization="wrong")
    assert status == 401
    assert "error" in body


@pytest.mark.parametrize(
    ("query", "headers", "kind", "where"),
    [
        ("expires_in_seconds=0", {"Authorization": "key"}, "greater_than_equal", "expires_in_seconds"),
        ("expires_in_seconds=601", {"Authorization": "key"}, "less_than_equal", "expires_in_seconds"),
        ("expires_in_seconds=x", {"Authorization": "key"}, "int_parsing", "expires_in_seconds"),
        ("", {"Authorization": "key"}, "missing", "expires_in_seconds"),
        ("expires_in_seconds=60", {}, "missing", "Authorization"),
        (
            "expires_in_seconds=60&max_session_duration_seconds=59",
            {"Authorization": "key"},
            "greater_than_equal",
            "max_session_duration_seconds",
        ),
    ],
)
def test_the_token_endpoint_complains_as_fastapi_does(
    emulator: AssemblyAIEmulator, query: str, headers: dict[str, str], kind: str, where: str
) -> None:
    status, body = Http(emulator).get(f"/v3/token?{query}", **headers)
    assert status == 422
    (problem,) = body["detail"]
    assert problem["type"] == kind
    assert problem["loc"][-1] == where


# --- Faults ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_comes_on_demand_with_its_own_close_code(one_sentence: Scene, kind: str) -> None:
    code, text = ERRORS[kind]
    for fault, before in ((f"error:{kind}@0.5", ["Begin"]), (f"refuse:{kind}", [])):
        with AssemblyAIEmulator(one_sentence, speed=SPEED, faults=[fault]) as emulator:
            talk = converse(emulator, frames(one_sentence, until=0.6))
        assert talk.kinds == [*before, "Error"]
        assert (talk.error, talk.code) == (text, code)


def test_an_error_that_does_not_exist_is_refused(one_sentence: Scene) -> None:
    with pytest.raises(UnknownFault, match="too-many-sessions"):
        AssemblyAIEmulator(one_sentence, faults=["error:4711"])


def test_an_error_without_close_leaves_the_session_open(one_sentence: Scene) -> None:
    talk = speak(one_sentence, faults=["error-without-close@0.5"])
    assert talk.of("Error")
    assert talk.text == one_sentence.text
    assert talk.code == 1000


@pytest.mark.parametrize(
    ("faults", "query", "finals"),
    [
        (["duplicate-final"], UNIVERSAL_3, ["whole", "whole"]),
        (["empty-final"], UNIVERSAL_3, ["whole", ""]),
        (["single-final", "no-empty-final"], {**STREAMING, "format_turns": "true"}, ["whole"]),
        (["unformatted-only", "no-empty-final"], {**STREAMING, "format_turns": "true"}, ["bare"]),
        (["formatted-streaming"], STREAMING, ["whole", ""]),
        (["mute"], UNIVERSAL_3, []),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_finals_can_be_doubled_emptied_or_left_out(
    one_sentence: Scene, faults: list[str], query: dict[str, str], finals: list[str]
) -> None:
    texts = {"whole": one_sentence.text, "bare": "good morning this is the front desk may i help", "": ""}
    talk = speak(one_sentence, query, faults)
    assert [turn["transcript"] for turn in talk.finals] == [texts[final] for final in finals]
    assert talk.code == 1000


def test_turn_order_can_go_wrong(two_speakers: Scene) -> None:
    talk = speak(two_speakers, faults=["turn-order"])
    assert [turn["turn_order"] for turn in talk.finals] == [0, 0, 2, 2, 4]


def test_turns_can_lack_their_words_or_their_type(one_sentence: Scene) -> None:
    assert all(turn["words"] == [] for turn in speak(one_sentence, faults=["empty-words"]).of("Turn"))
    talk = speak(one_sentence, faults=["no-type"])
    assert not talk.of("Turn")
    assert any("turn_order" in message for message in talk.messages)


@pytest.mark.parametrize(
    ("fault", "label", "first_word"),
    [
        ("unknown-speaker", "UNKNOWN", "UNKNOWN"),
        ("unknown-speaker:PENDING", "PENDING", "PENDING"),
        ("pending-words", "A", "PENDING"),
    ],
)
def test_speakers_can_be_unknown(one_sentence: Scene, fault: str, label: str, first_word: str) -> None:
    talk = speak(one_sentence, {**UNIVERSAL_3, "speaker_labels": "true"}, [fault])
    assert talk.finals[0]["speaker_label"] == label
    assert talk.finals[0]["words"][0]["speaker"] == first_word
    assert talk.of("SpeakerRevision")[0]["revisions"][0]["words"][0]["speaker"] == "A"


def test_times_can_be_padded_as_the_service_pads_them(two_speakers: Scene) -> None:
    turn = speak(two_speakers, faults=["padded-times"]).finals[1]
    assert turn["words"][0]["start"] == pytest.approx(
        two_speakers.turns[1].words[0].start * 1000 - 990, abs=5
    )
    assert turn["words"][-1]["end"] == pytest.approx(two_speakers.turns[1].words[-1].end * 1000 + 240, abs=5)


def test_partials_can_be_as_they_were_in_march(one_sentence: Scene) -> None:
    talk = speak(one_sentence, faults=["unformatted-partials"])
    assert {turn["turn_is_formatted"] for turn in talk.partials} == {False}
    partial = speak(one_sentence, STREAMING, ["final-words-only"]).partials[0]
    assert partial["transcript"] == ""
    assert len(partial["words"]) == 1


def test_termination_can_be_missing_late_or_never_followed_by_a_close(one_sentence: Scene) -> None:
    assert not speak(one_sentence, faults=["no-termination"]).of("Termination")
    assert speak(one_sentence, faults=["late-termination:4"]).messages[-1]["session_duration_seconds"] >= 6
    with (
        AssemblyAIEmulator(one_sentence, speed=SPEED, faults=["hang-after-terminate"]) as emulator,
        open_session(emulator) as connection,
    ):
        for item in [*frames(one_sentence), TERMINATE]:
            connection.send(item)
        talk = Talk([])
        receive_until(connection, talk, lambda talk: talk.finals)
        with pytest.raises(TimeoutError):
            connection.recv(timeout=0.3)


def test_audio_faster_than_real_time_is_an_error_where_the_pace_is_strict(one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=1, faults=["strict-pace:1"]) as emulator:
        talk = converse(emulator, frames(one_sentence))
    assert talk.code == 3007
    assert talk.error.startswith("Audio Transmission Rate Exceeded")


def test_a_warning_comes_on_demand(one_sentence: Scene) -> None:
    (warning,) = speak(one_sentence, faults=["warning:42@1"]).of("Warning")
    assert warning["warning_code"] == 42


def test_a_model_that_is_not_served_fails_after_begin(emulator: AssemblyAIEmulator) -> None:
    talk = converse(emulator, [], {"speech_model": "u3-rt-agent"})
    assert talk.kinds == ["Begin", "Error"]
    assert talk.code == 3005


def test_a_fault_can_be_the_first_connections_alone(one_sentence: Scene) -> None:
    with AssemblyAIEmulator(one_sentence, speed=SPEED, faults=["close:1011@0.5#1"]) as emulator:
        sends = [*frames(one_sentence), TERMINATE]
        assert converse(emulator, sends).code == 1011
        assert converse(emulator, sends).code == 1000


def test_two_sessions_at_a_time_do_not_disturb_each_other(two_speakers: Scene) -> None:
    talks: list[Talk] = []
    with AssemblyAIEmulator(two_speakers, speed=SPEED) as emulator:
        sends = [*frames(two_speakers), TERMINATE]
        threads = [threading.Thread(target=lambda: talks.append(converse(emulator, sends))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [talk.text for talk in talks] == [two_speakers.text] * 3


# --- The vendor's own words ------------------------------------------------------------------------------------

PAYLOADS = {
    "Begin": "SessionBeginsPayload",
    "SpeechStarted": "SpeechStartedPayload",
    "Turn": "TurnPayload",
    "Termination": "TerminationPayload",
}


def nullable_languages(schema: dict[str, Any]) -> dict[str, Any]:
    """The document is older than the null language of an empty final, which was observed."""
    for name in ("language_code",):
        field = schema["components"]["schemas"]["TurnPayload"]["properties"].get(name)
        if field:
            field["type"] = [field["type"], "null"]
    return schema


@pytest.mark.parametrize(
    ("document", "query"),
    [
        ("assemblyai-universal-3", {**UNIVERSAL_3, "speaker_labels": "true", "language_detection": "true"}),
        ("assemblyai-universal-streaming", {**STREAMING, "format_turns": "true", "speaker_labels": "true"}),
        (
            "assemblyai-universal-streaming",
            {"speech_model": "universal-streaming-multilingual", "language_detection": "true"},
        ),
        ("assemblyai-universal-streaming", {"speech_model": "whisper-rt"}),
    ],
    ids=lambda value: value if isinstance(value, str) else value["speech_model"],
)
def test_every_message_is_as_the_vendors_document_says(
    oracles: Path, two_speakers: Scene, document: str, query: dict[str, str]
) -> None:
    schema = nullable_languages(yaml.safe_load((oracles / f"{document}.asyncapi.yml").read_text()))
    talk = speak(two_speakers, query)
    described = set(PAYLOADS) if document == "assemblyai-universal-3" else set(PAYLOADS) - {"SpeechStarted"}
    assert set(talk.kinds) == described
    for message in talk.messages:
        reference = {"$ref": f"#/components/schemas/{PAYLOADS[message['type']]}"}
        jsonschema.Draft202012Validator({**schema, **reference}).validate(message)


# --- The vendor's own client -----------------------------------------------------------------------------------


def test_a_tls_client_that_trusts_the_authority_is_served(one_sentence: Scene, tmp_path: Path) -> None:
    from shim.emulator.tls import CertificateAuthority

    authority = CertificateAuthority.create(tmp_path)
    with AssemblyAIEmulator(one_sentence, speed=SPEED, tls=authority.certificate()) as emulator:
        assert emulator.url.startswith("wss://")
        sends = [*frames(one_sentence), TERMINATE]
        talk = converse(emulator, sends, ssl=authority.client_context())
        assert talk.text == one_sentence.text
        assert talk.code == 1000
        with pytest.raises(ssl.SSLCertVerificationError):
            open_session(emulator)
