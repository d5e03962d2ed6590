from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.emulator.assemblyai_configuration import Configuration
from shim.protocol import speechmatics
from shim.protocol.mapping.languages import MODELS
from shim.protocol.mapping.parameters import (
    CHECKS,
    MID_SESSION,
    OBJECTS,
    PARAMETERS,
    Notice,
    Treatment,
    query_parameters,
    update_fields,
)

MODEL = "universal-3-6-pro"
CONNECTION = {"speech_model", "sample_rate", "encoding"}

KEYS = {
    "audio_format.type",
    "audio_format.encoding",
    "audio_format.sample_rate",
    "transcription_config.language",
    "transcription_config.model",
    "transcription_config.operating_point",
    "transcription_config.domain",
    "transcription_config.output_locale",
    "transcription_config.additional_vocab",
    "transcription_config.additional_vocab[].content",
    "transcription_config.additional_vocab[].sounds_like",
    "transcription_config.diarization",
    "transcription_config.speaker_diarization_config.max_speakers",
    "transcription_config.speaker_diarization_config.speaker_sensitivity",
    "transcription_config.speaker_diarization_config.prefer_current_speaker",
    "transcription_config.speaker_diarization_config.get_speakers",
    "transcription_config.speaker_diarization_config.speakers",
    "transcription_config.speaker_diarization_config.speakers[].label",
    "transcription_config.speaker_diarization_config.speakers[].speaker_identifiers",
    "transcription_config.channel_diarization_labels",
    "transcription_config.max_delay",
    "transcription_config.max_delay_mode",
    "transcription_config.enable_partials",
    "transcription_config.enable_entities",
    "transcription_config.punctuation_overrides.permitted_marks",
    "transcription_config.punctuation_overrides.sensitivity",
    "transcription_config.conversation_config.end_of_utterance_silence_trigger",
    "transcription_config.audio_filtering_config",
    "transcription_config.audio_filtering_config.volume_threshold",
    "transcription_config.transcript_filtering_config.remove_disfluencies",
    "transcription_config.transcript_filtering_config.replacements",
    "transcription_config.transcript_filtering_config.replacements[].from",
    "transcription_config.transcript_filtering_config.replacements[].to",
    "transcription_config.language_hints",
    "transcription_config.language_hints_strict",
    "transcription_config.streaming_mode",
    "transcription_config.ctrl",
    "transcription_config.enable_transcription_partials",
    "transcription_config.enable_translation_partials",
    "translation_config.target_languages",
    "translation_config.enable_partials",
    "audio_events_config",
    "audio_events_config.types",
    "type",
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
LEAVES = sorted(path for path in PARAMETERS if "[]" not in path and path not in OBJECTS)


def start(audio: Any = None, /, **config: Any) -> dict[str, Any]:
    """A StartRecognition of 16 kHz PCM in English, with more in its transcription_config."""
    return {
        "message": "StartRecognition",
        "audio_format": audio or {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", **config},
    }


def put(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The message with a value at a path."""
    changed = copy.deepcopy(message)
    *parents, last = path.split(".")
    inner = changed
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return changed


def query(message: dict[str, Any], model: str = MODEL) -> dict[str, str]:
    """The query of a message that nothing is wrong with."""
    parameters, notices = query_parameters(message, model)
    assert [notice for notice in notices if notice.level == "error"] == []
    return parameters


def notices(message: Any, model: str = MODEL) -> list[Notice]:
    """What a message's sender has to be told."""
    return query_parameters(message, model)[1]


def properties(schema: dict[str, Any], schemas: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all properties that a schema of the specification describes."""
    if "$ref" in schema:
        yield from properties(schemas[schema["$ref"].rpartition("/")[2]], schemas, path)
    for choice in schema.get("oneOf", []):
        yield from properties(choice, schemas, path)
    for name, inner in schema.get("properties", {}).items():
        inner_path = f"{path}.{name}" if path else name
        yield inner_path
        yield from properties(inner, schemas, inner_path)
    if "items" in schema:
        yield from properties(schema["items"], schemas, path + "[]")


def test_the_table_has_every_key_that_programs_use() -> None:
    assert set(PARAMETERS) == KEYS


def test_the_table_has_every_key_of_the_specification(speechmatics_specification: dict[str, Any]) -> None:
    schemas = speechmatics_specification["components"]["schemas"]
    documented = set(properties(schemas["StartRecognition"], schemas)) - {"message"}
    assert documented <= set(PARAMETERS) | OBJECTS


def test_the_specifications_own_example_is_understood_whole(
    speechmatics_specification: dict[str, Any],
) -> None:
    example = speechmatics_specification["components"]["schemas"]["StartRecognition"]["example"]
    parameters, told = query_parameters(example, MODEL)
    assert parameters == {
        "speech_model": MODEL,
        "sample_rate": "16000",
        "encoding": "pcm_s16le",
        "language_codes": '["en"]',
        "keyterms_prompt": '["gnocchi","bucatini","bigoli"]',
        "speaker_labels": "true",
    }
    assert {notice.path for notice in told} == {
        "transcription_config.output_locale",
        "translation_config.target_languages",
        "audio_events_config",
    }


def test_keys_that_may_change_in_a_session_are_those_of_the_specification(
    speechmatics_specification: dict[str, Any],
) -> None:
    schemas = speechmatics_specification["components"]["schemas"]
    documented = set(properties(schemas["MidSessionTranscriptionConfig"], schemas, "transcription_config"))
    assert documented - OBJECTS == MID_SESSION


def test_every_lost_key_has_its_warning_and_every_warning_a_type_of_the_service() -> None:
    for row in PARAMETERS.values():
        assert row.note
        if row.treatment is Treatment.WARNED and not row.note.startswith("See "):
            assert row.warning
        speechmatics.warning(row.warning_type, row.warning)


def test_a_plain_session_needs_only_the_connection_and_the_language() -> None:
    assert query(start()) == {
        "speech_model": "universal-3-6-pro",
        "sample_rate": "16000",
        "encoding": "pcm_s16le",
        "language_codes": '["en"]',
        "include_partial_turns": "false",
    }
    assert notices(start()) == []


@pytest.mark.parametrize(
    ("encoding", "rate", "sent"),
    [("pcm_s16le", 8000, "pcm_s16le"), ("pcm_f32le", 44100, "pcm_s16le"), ("mulaw", 8000, "pcm_mulaw")],
)
def test_audio_is_sent_in_the_nearest_encoding_at_its_own_rate(encoding: str, rate: int, sent: str) -> None:
    parameters = query(start({"type": "raw", "encoding": encoding, "sample_rate": rate}))
    assert (parameters["encoding"], parameters["sample_rate"]) == (sent, str(rate))


@pytest.mark.parametrize("audio_format", [{"type": "file"}, None])
def test_a_file_is_sent_as_16_khz_pcm(audio_format: Any) -> None:
    parameters = query({**start(), "audio_format": audio_format})
    assert (parameters["encoding"], parameters["sample_rate"]) == ("pcm_s16le", "16000")


@pytest.mark.parametrize(
    ("audio_format", "path"),
    [
        ({"type": "raw", "sample_rate": 16000}, "audio_format.encoding"),
        ({"type": "raw", "encoding": "pcm_s16le"}, "audio_format.sample_rate"),
        ({"encoding": "pcm_s16le", "sample_rate": 16000}, "audio_format.type"),
        ({"type": "raw", "encoding": "pcm_s24le", "sample_rate": 16000}, "audio_format.encoding"),
        ({"type": "raw", "encoding": "pcm_s16le", "sample_rate": 4000}, "audio_format.sample_rate"),
        ({"type": "raw", "encoding": "pcm_s16le", "sample_rate": "16000"}, "audio_format.sample_rate"),
        ({"type": "microphone"}, "audio_format.type"),
    ],
)
def test_audio_that_cannot_be_sent_is_refused_by_key(audio_format: dict[str, Any], path: str) -> None:
    (notice,) = notices({**start(), "audio_format": audio_format})
    assert (notice.level, notice.type, notice.path) == ("error", "invalid_audio_type", path)
    assert path in notice.reason


def test_partials_come_only_when_the_program_asked() -> None:
    assert query(start())["include_partial_turns"] == "false"
    assert query(start(enable_partials=False))["include_partial_turns"] == "false"
    assert "include_partial_turns" not in query(start(enable_partials=True))
    assert "include_partial_turns" not in query(start(enable_transcription_partials=True))


def test_the_caller_can_have_partial_turns_for_itself() -> None:
    assert "include_partial_turns" not in query_parameters(start(), MODEL, partial_turns=True)[0]
    asked = start(enable_partials=True)
    assert query_parameters(asked, MODEL, partial_turns=False)[0]["include_partial_turns"] == "false"


def test_several_languages_are_one_json_array_and_are_reported_by_word() -> None:
    parameters = query(start(language="cmn_en"))
    assert json.loads(parameters["language_codes"]) == ["zh", "en"]
    assert parameters["language_detection"] == "true"
    assert "language_detection" not in query(start(language="cmn"))


def test_any_language_is_left_open_and_hints_steer_it() -> None:
    assert "language_codes" not in query(start(language="multi"))
    assert query(start(language="multi"))["language_detection"] == "true"
    assert query(start(language="multi", language_hints=["es", "cmn"]))["language_codes"] == '["es","zh"]'


def test_hints_that_the_model_lacks_are_named() -> None:
    (notice,) = notices(start(language="multi", language_hints=["es", "pl"]))
    assert "pl" in notice.reason
    assert "es" not in notice.reason.split(":")[1]


def test_whisper_gets_no_language_and_no_turn_or_speaker_settings() -> None:
    config = {
        "language": "pl",
        "diarization": "speaker",
        "conversation_config": {"end_of_utterance_silence_trigger": 0.5},
        "additional_vocab": ["Kraków"],
        "domain": "medical",
    }
    parameters, told = query_parameters(start(**config), "whisper-rt")
    assert parameters == {
        "speech_model": "whisper-rt",
        "sample_rate": "16000",
        "encoding": "pcm_s16le",
        "keyterms_prompt": '["Kraków"]',
        "format_turns": "true",
        "include_partial_turns": "false",
    }
    assert {notice.path.removeprefix("transcription_config.") for notice in told} == {
        "diarization",
        "conversation_config.end_of_utterance_silence_trigger",
        "domain",
    }


@pytest.mark.parametrize("model", MODELS)
def test_a_model_gets_nothing_that_it_does_not_take(model: str) -> None:
    everything = start(
        enable_partials=False,
        diarization="speaker",
        speaker_diarization_config={"max_speakers": 4},
        conversation_config={"end_of_utterance_silence_trigger": 1},
        additional_vocab=["a"],
        domain="medical",
    )
    assert set(query(everything, model)) - CONNECTION <= MODELS[model].parameters


@pytest.mark.parametrize(
    "model", ["universal-streaming-english", "universal-streaming-multilingual", "whisper-rt"]
)
def test_models_that_write_plain_text_are_asked_for_punctuation(model: str) -> None:
    assert query(start(), model)["format_turns"] == "true"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("language", ["en", "ar_en", "multi", "pl"])
def test_the_emulated_service_takes_what_is_sent(model: str, language: str) -> None:
    everything = start(
        language=language,
        diarization="speaker",
        speaker_diarization_config={"max_speakers": 10},
        conversation_config={"end_of_utterance_silence_trigger": 0.01},
        additional_vocab=["Zoë", *(f"{number} " + "x" * 46 for number in range(100))],
        domain="medical",
    )
    parameters = query(everything, model)
    Configuration.from_query({name: (value,) for name, value in parameters.items()})


def test_silence_in_seconds_alone_ends_the_turn_in_milliseconds() -> None:
    parameters = query(start(conversation_config={"end_of_utterance_silence_trigger": 0.75}))
    assert (parameters["min_turn_silence"], parameters["max_turn_silence"]) == ("750", "750")


def test_no_silence_trigger_leaves_the_models_own_turns() -> None:
    assert "max_turn_silence" not in query(start(conversation_config={"end_of_utterance_silence_trigger": 0}))


def test_vocabulary_becomes_one_json_array_of_terms() -> None:
    vocabulary = ["Zoë", {"content": "AssemblyAI"}, "Zoë"]
    assert query(start(additional_vocab=vocabulary))["keyterms_prompt"] == '["Zoë","AssemblyAI"]'
    assert notices(start(additional_vocab=vocabulary)) == []
    assert "keyterms_prompt" not in query(start(additional_vocab=[]))


def test_terms_that_do_not_fit_are_counted_in_a_warning() -> None:
    vocabulary = ["x" * 51, *(f"term {number}" for number in range(102)), "x" * 50]
    parameters, (notice,) = query_parameters(start(additional_vocab=vocabulary), MODEL)
    assert json.loads(parameters["keyterms_prompt"]) == [f"term {number}" for number in range(100)]
    assert notice.level == "warning"
    assert "4 of 104" in notice.reason


def test_a_term_of_fifty_characters_fits() -> None:
    assert json.loads(query(start(additional_vocab=["é" * 50]))["keyterms_prompt"]) == ["é" * 50]


def test_pronunciations_are_lost_with_a_warning_and_the_term_stays() -> None:
    vocabulary = [{"content": "gnocchi", "sounds_like": ["nyohki"]}]
    parameters, (notice,) = query_parameters(start(additional_vocab=vocabulary), MODEL)
    assert parameters["keyterms_prompt"] == '["gnocchi"]'
    assert notice.path == "transcription_config.additional_vocab[].sounds_like"


def test_speakers_are_told_apart_only_when_asked() -> None:
    assert query(start(diarization="speaker"))["speaker_labels"] == "true"
    assert "speaker_labels" not in query(start(diarization="none"))
    assert "speaker_labels" not in query(start())


def test_a_limit_of_speakers_is_sent_up_to_ten_and_warned_above() -> None:
    config = {"diarization": "speaker", "speaker_diarization_config": {"max_speakers": 10}}
    assert query(start(**config))["max_speakers"] == "10"
    config["speaker_diarization_config"] = {"max_speakers": 11}
    parameters, (notice,) = query_parameters(start(**config), MODEL)
    assert "max_speakers" not in parameters
    assert "11" in notice.reason


def test_what_asks_for_the_defaults_of_diarization_loses_nothing() -> None:
    config = {
        "speaker_sensitivity": 0.5,
        "prefer_current_speaker": False,
        "get_speakers": False,
        "speakers": [],
    }
    assert notices(start(diarization="speaker", speaker_diarization_config=config)) == []


def test_known_speakers_and_identifiers_are_lost_with_the_services_own_warning_type() -> None:
    config = {"get_speakers": True, "speakers": [{"label": "Ann", "speaker_identifiers": ["x"]}]}
    told = notices(start(diarization="speaker", speaker_diarization_config=config))
    assert [notice.type for notice in told] == ["speaker_id", "speaker_id"]


@pytest.mark.parametrize("diarization", ["channel", "channel_and_speaker"])
def test_several_channels_are_refused_rather_than_mixed(diarization: str) -> None:
    (notice,) = notices(start(diarization=diarization))
    assert (notice.level, notice.type) == ("error", "invalid_config")
    assert "one session per channel" in notice.reason


def test_the_medical_domain_is_sent_where_it_exists() -> None:
    assert query(start(domain="medical"))["domain"] == "medical-v1"
    parameters, (notice,) = query_parameters(start(language="sv", domain="medical"), MODEL)
    assert "domain" not in parameters
    assert "medical" in notice.reason


def test_bilingual_spanish_adds_english() -> None:
    assert query(start(language="es", domain="bilingual-en"))["language_codes"] == '["es","en"]'


LOST = [
    ("transcription_config.output_locale", "en-GB", "validation_warning"),
    ("transcription_config.domain", "finance", "validation_warning"),
    ("transcription_config.enable_entities", True, "validation_warning"),
    ("transcription_config.language_hints_strict", True, "validation_warning"),
    ("transcription_config.channel_diarization_labels", ["left"], "validation_warning"),
    ("transcription_config.punctuation_overrides.permitted_marks", [], "validation_warning"),
    ("transcription_config.punctuation_overrides.permitted_marks", [".", ","], "validation_warning"),
    ("transcription_config.punctuation_overrides.sensitivity", 0.9, "validation_warning"),
    ("transcription_config.audio_filtering_config", {"volume_threshold": 0}, "validation_warning"),
    ("transcription_config.audio_filtering_config", {}, "validation_warning"),
    ("transcription_config.transcript_filtering_config.remove_disfluencies", True, "validation_warning"),
    ("transcription_config.transcript_filtering_config.replacements", [{"from": "a", "to": "b"}], "validation_warning"),
    ("translation_config.target_languages", ["de"], "empty_translation_target_list"),
    ("audio_events_config", {}, "validation_warning"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "type"), LOST)
def test_what_is_lost_is_said_once_in_a_warning(path: str, value: Any, type: str) -> None:
    (notice,) = notices(put(start(), path, value))
    assert (notice.level, notice.path, notice.type) == ("warning", path, type)
    assert "{" not in notice.reason


ABOUT_TEXT = [
    ("transcription_config.punctuation_overrides.permitted_marks", [".", ","]),
    ("transcription_config.transcript_filtering_config.remove_disfluencies", True),
    ("transcription_config.transcript_filtering_config.replacements", [{"from": "a", "to": "b"}]),
]


@pytest.mark.parametrize(("path", "value"), ABOUT_TEXT)
def test_what_the_caller_does_to_the_text_is_not_lost(path: str, value: Any) -> None:
    assert query_parameters(put(start(), path, value), MODEL, text=True)[1] == []


NOTHING_LOST = [
    ("transcription_config.model", "enhanced"),
    ("transcription_config.operating_point", "standard"),
    ("transcription_config.max_delay", 10),
    ("transcription_config.max_delay_mode", "fixed"),
    ("transcription_config.enable_entities", False),
    ("transcription_config.punctuation_overrides.permitted_marks", ["all"]),
    ("transcription_config.punctuation_overrides.sensitivity", 0.5),
    ("transcription_config.transcript_filtering_config.remove_disfluencies", False),
    ("transcription_config.transcript_filtering_config.replacements", []),
    ("transcription_config.ctrl", {"anything": 1}),
    ("transcription_config.diarization", None),
    ("audio_events_config", None),
    ("type", "transcription"),
]


@pytest.mark.parametrize(("path", "value"), NOTHING_LOST)
def test_what_loses_nothing_gives_no_notice(path: str, value: Any) -> None:
    assert notices(put(start(), path, value)) == []


def test_keys_that_nobody_knows_are_named_in_one_warning() -> None:
    message = {
        **start(colour="red"),
        "mood": 1,
        "translation_config": {"target_languages": ["de"], "tone": 1},
    }
    unknown = [notice for notice in notices(message) if "Not known" in notice.reason]
    assert len(unknown) == 1
    assert unknown[0].level == "warning"
    for path in ("transcription_config.colour", "mood", "translation_config.tone"):
        assert path in unknown[0].reason


@pytest.mark.parametrize("key", ["transcription_config.language", "", "additional_vocab[].content"])
def test_a_key_that_looks_like_a_path_is_an_unknown_key(key: str) -> None:
    nested = {"language": "de", "transcription_config": {"language": "de"}}
    (notice,) = notices({**start(), key: nested})
    assert "Not known" in notice.reason
    assert query_parameters({**start(), key: nested}, MODEL)[0] == query(start())


def test_very_many_unknown_keys_make_a_short_warning() -> None:
    (notice,) = notices(start(**{f"key_{number}": 1 for number in range(10000)}))
    assert len(notice.reason) < 2000
    assert "9980 more" in notice.reason


WRONG = [
    ("transcription_config.language", 3),
    ("transcription_config.language", ""),
    ("transcription_config.additional_vocab", "gnocchi"),
    ("transcription_config.additional_vocab", ["a", ""]),
    ("transcription_config.additional_vocab", [{"sounds_like": ["b"]}]),
    ("transcription_config.additional_vocab", [{"content": "a", "sounds_like": "b"}]),
    ("transcription_config.diarization", "speaker_change"),
    ("transcription_config.speaker_diarization_config.max_speakers", 1),
    ("transcription_config.speaker_diarization_config.max_speakers", 2.5),
    ("transcription_config.speaker_diarization_config.max_speakers", True),
    ("transcription_config.speaker_diarization_config.speaker_sensitivity", 1.5),
    ("transcription_config.max_delay", -1),
    ("transcription_config.max_delay", "1"),
    ("transcription_config.max_delay", 10**400),
    ("transcription_config.max_delay_mode", "strict"),
    ("transcription_config.enable_partials", "yes"),
    ("transcription_config.enable_partials", 1),
    ("transcription_config.conversation_config.end_of_utterance_silence_trigger", 2.5),
    ("transcription_config.audio_filtering_config.volume_threshold", 101),
    ("transcription_config.transcript_filtering_config.replacements", [{"from": "a"}]),
    ("transcription_config.transcript_filtering_config.replacements", [{"from": "/(/", "to": "b"}]),
    ("translation_config.target_languages", "de"),
    ("audio_events_config.types", ["laughter", 3]),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_value_that_is_wrong_is_an_error_that_says_where_and_what_is_right(path: str, value: Any) -> None:
    errors = [notice for notice in notices(put(start(), path, value)) if notice.level == "error"]
    assert [(notice.path, notice.type) for notice in errors] == [(path, "invalid_config")]
    assert errors[0].reason.startswith(f"{path} has to be ")


@pytest.mark.parametrize("path", sorted(OBJECTS - {"audio_events_config"}))
def test_a_value_in_the_place_of_an_object_is_an_invalid_message(path: str) -> None:
    errors = [notice for notice in notices(put(start(), path, 3)) if notice.level == "error"]
    assert (errors[0].path, errors[0].type) == (path, "invalid_message")


def test_a_missing_language_is_an_error() -> None:
    for message in ({}, {"transcription_config": {}}, {"transcription_config": {"language": None}}):
        (notice,) = notices(message)
        assert (notice.level, notice.path) == ("error", "transcription_config.language")


def test_every_check_belongs_to_a_key() -> None:
    assert set(CHECKS) <= set(PARAMETERS)


@given(JSON, st.sampled_from([*MODELS, "something-else", ""]))
def test_no_start_message_makes_the_translation_raise(message: Any, model: str) -> None:
    parameters, told = query_parameters(message, model)
    assert all(isinstance(value, str) for value in parameters.values())
    for notice in told:
        build = speechmatics.warning if notice.level == "warning" else speechmatics.error
        build(notice.type, notice.reason)


@given(st.dictionaries(st.sampled_from(LEAVES), JSON), st.sampled_from(sorted(MODELS)))
def test_no_value_of_a_known_key_makes_the_translation_raise(values: dict[str, Any], model: str) -> None:
    message = start()
    for path, value in values.items():
        message = put(message, path, value)
    query_parameters(message, model)
    update_fields(message["transcription_config"], model, start()["transcription_config"])


@given(JSON, JSON)
def test_no_update_makes_the_translation_raise(config: Any, initial: Any) -> None:
    fields, _ = update_fields(config, MODEL, initial)
    json.dumps(fields)


def test_a_new_silence_trigger_is_an_update_with_whole_numbers() -> None:
    config = {"language": "en", "conversation_config": {"end_of_utterance_silence_trigger": 0.7}}
    assert update_fields(config, MODEL) == ({"min_turn_silence": 700, "max_turn_silence": 700}, [])


def test_what_is_as_it_was_updates_nothing() -> None:
    config = start(
        diarization="speaker",
        output_locale="en-GB",
        conversation_config={"end_of_utterance_silence_trigger": 0.7},
        audio_filtering_config={"volume_threshold": 3},
    )["transcription_config"]
    assert update_fields(config, MODEL, copy.deepcopy(config)) == ({}, [])


def test_delay_and_partials_are_left_to_the_caller() -> None:
    assert update_fields({"max_delay": 1, "max_delay_mode": "fixed", "enable_partials": True}, MODEL) == (
        {},
        [],
    )


def test_another_language_in_a_session_is_an_error() -> None:
    _, (notice,) = update_fields({"language": "de"}, MODEL, {"language": "en"})
    assert (notice.level, notice.path) == ("error", "transcription_config.language")


def test_a_key_that_cannot_change_in_a_session_is_named() -> None:
    fields, (notice,) = update_fields({"diarization": "speaker"}, MODEL, {"language": "en"})
    assert fields == {}
    assert (notice.level, notice.path) == ("warning", "transcription_config.diarization")


def test_whisper_says_that_it_has_no_silence_settings() -> None:
    config = {"conversation_config": {"end_of_utterance_silence_trigger": 0.7}}
    fields, (notice,) = update_fields(config, "whisper-rt")
    assert fields == {}
    assert "whisper-rt" in notice.reason
