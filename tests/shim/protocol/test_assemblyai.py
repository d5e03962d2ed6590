from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol import assemblyai
from shim.protocol.assemblyai import Begin, Error, Malformed, Termination, Turn, Unknown, Word, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    "Begin",
    "Turn",
    "SpeechStarted",
    "SpeakerRevision",
    "Heartbeat",
    "Silence",
    "Warning",
    "Error",
    "Termination",
]
FIELDS = [
    "id", "expires_at", "configuration", "turn_order", "end_of_turn", "words", "transcript", "revisions",
    "language_confidence", "timestamp", "realtime_factor", "error_code", "error", "audio_duration_seconds", "start_ms",
]  # fmt: skip

TURN = {
    "turn_order": 2,
    "turn_is_formatted": True,
    "end_of_turn": True,
    "transcript": "Good day.",
    "end_of_turn_confidence": 1.0,
    "words": [
        {"start": 100, "end": 400, "text": "Good", "confidence": 0.9, "word_is_final": True, "speaker": "A"},
        {"start": 400, "end": 700, "text": "day.", "confidence": 1, "word_is_final": False},
    ],
    "utterance": "Good day.",
    "language_code": "en",
    "language_confidence": 0.75,
    "speaker_label": "A",
    "type": "Turn",
}

EXAMPLES: dict[str, Any] = {"string": "a", "integer": 7, "number": 0.5, "boolean": True}


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value with every property that a schema describes."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "const" in schema:
        return schema["const"]
    if schema["type"] == "object":
        return {name: example(inner, schemas) for name, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [example(schema["items"], schemas)]
    return EXAMPLES[schema["type"]]


def payloads(specification: dict[str, Any]) -> dict[str, Any]:
    """An example of every message of a specification, by its type."""
    schemas = specification["components"]["schemas"]
    made = [example(schema, schemas) for name, schema in schemas.items() if name.endswith("Payload")]
    return {payload["type"]: payload for payload in made}


def test_every_server_message_of_the_specifications_is_read_with_all_its_fields(
    assemblyai_specification: dict[str, Any],
) -> None:
    made = payloads(assemblyai_specification)
    assert parse(json.dumps(made["Begin"])) == Begin("a", 7, {})
    assert parse(json.dumps(made["Termination"])) == Termination(7, 7)
    assert parse(json.dumps(made["Turn"])) == Turn(
        7, True, True, "a", (Word("a", 7, 7, 0.5, True, None),), "a"
    )
    if "SpeechStarted" in made:
        assert parse(json.dumps(made["SpeechStarted"])) == assemblyai.SpeechStarted(7, 0.5)


def test_every_client_message_is_what_the_specifications_describe(
    assemblyai_specification: dict[str, Any],
) -> None:
    schemas = {"components": {"schemas": assemblyai_specification["components"]["schemas"]}}
    for text, name in (
        (assemblyai.terminate(), "SessionTerminationPayload"),
        (assemblyai.force_endpoint(), "ForceEndpointPayload"),
        (
            assemblyai.update_configuration({"min_turn_silence": 500, "keyterms_prompt": ["a"]}),
            "UpdateConfigurationPayload",
        ),
    ):
        jsonschema.validate(json.loads(text), {"$ref": f"#/components/schemas/{name}", **schemas})


def test_keep_alive_has_only_its_type() -> None:
    assert json.loads(assemblyai.keep_alive()) == {"type": "KeepAlive"}


def test_a_final_turn_as_observed_is_read() -> None:
    assert parse(json.dumps(TURN)) == Turn(
        order=2,
        end_of_turn=True,
        is_formatted=True,
        transcript="Good day.",
        words=(Word("Good", 100, 400, 0.9, True, "A"), Word("day.", 400, 700, 1.0, False, None)),
        speaker="A",
    )


def test_bytes_are_read_like_text() -> None:
    assert parse(json.dumps(TURN).encode()) == parse(json.dumps(TURN))


def test_a_turn_and_an_error_without_a_type_are_known_by_their_shape() -> None:
    turn = {key: value for key, value in TURN.items() if key != "type"}
    assert parse(json.dumps(turn)) == parse(json.dumps(TURN))
    assert parse('{"error": "no"}') == Error(0, "no")


def test_an_error_keeps_its_code_and_text() -> None:
    text = '{"type": "Error", "error_code": 3006, "error": "User Input Validation Error: Invalid Message"}'
    assert parse(text) == Error(3006, "User Input Validation Error: Invalid Message")


def test_a_speaker_revision_tells_turns_and_words() -> None:
    revision = {"turn_order": 1, "speaker_label": None, "words": TURN["words"]}
    read = parse(json.dumps({"type": "SpeakerRevision", "revisions": [revision, "nonsense"]}))
    assert isinstance(read, assemblyai.SpeakerRevision)
    (turn,) = read.revisions
    assert (turn.order, turn.speaker, [word.text for word in turn.words]) == (1, None, ["Good", "day."])


def test_heartbeat_silence_and_warning_are_read() -> None:
    heartbeat = {
        "type": "Heartbeat",
        "total_audio_received_ms": 5000,
        "total_duration_ms": 5100,
        "realtime_factor": 1.3,
        "max_speech_probability": 0.9,
    }
    assert parse(json.dumps(heartbeat)) == assemblyai.Heartbeat(5000, 5100, 1.3, 0.9)
    assert parse('{"type": "Silence", "start_ms": 1, "end_ms": 2}') == assemblyai.Silence(1, 2)
    assert parse('{"type": "Warning", "warning_code": 9, "warning": "w"}') == assemblyai.Warning(9, "w")


def test_an_unknown_type_is_named_and_nothing_more() -> None:
    assert parse('{"type": "Weather", "sun": true}') == Unknown("Weather")


def test_unknown_fields_are_passed_over() -> None:
    assert parse(json.dumps({**TURN, "mood": "good"})) == parse(json.dumps(TURN))


@pytest.mark.parametrize("garbage", ["", "{", "[]", "3", '"Begin"', "{}", '{"type": 3}', b"\xff\x00"])
def test_garbage_is_malformed_and_never_repeated(garbage: str | bytes) -> None:
    read = parse(garbage)
    assert isinstance(read, Malformed)
    assert "Begin" not in read.problem


@given(st.binary() | st.text())
def test_no_frame_makes_the_parser_raise(frame: str | bytes) -> None:
    parse(frame)


@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_value_of_a_field_makes_the_reader_raise(name: str, fields: dict[str, Any]) -> None:
    assert not isinstance(assemblyai.read({"type": name, **fields}), (Unknown, Malformed))


@given(JSON)
def test_no_json_value_makes_the_reader_raise(value: Any) -> None:
    assemblyai.read(value)


def test_a_word_never_ends_before_it_starts() -> None:
    turn = {
        **TURN,
        "words": [{"text": "a", "start": 500, "end": 100, "confidence": 7, "word_is_final": True}],
    }
    read = parse(json.dumps(turn))
    assert isinstance(read, Turn)
    assert read.words == (Word("a", 500, 500, 1.0, True, None),)


ODD = [None, True, "", "A", 0, 7, -1, 0.5, 1.0, 1.5, -0.5, 10**20, 1e300, [], {}, ["x"], 2**53, 2**53 + 1]


def nearly(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message with one key left out, or with one value that is perhaps wrong."""
    without = [{key: value for key, value in message.items() if key != missing} for missing in message]
    return without + [{**message, key: odd} for key in [*message, "mood"] for odd in ODD]


NEARLY_TURNS = [
    TURN,
    *nearly(TURN),
    *({**TURN, "words": [word, TURN["words"][1]]} for word in nearly(TURN["words"][0])),
]


def test_a_turn_is_the_same_by_either_way_of_reading() -> None:
    for message in NEARLY_TURNS:
        text = json.dumps(message)
        assert parse(text) == parse(text.encode()) == assemblyai.read(json.loads(text)), message
