"""Which sessions the Speechmatics emulator refuses, and with what."""

from __future__ import annotations

from typing import Any

import pytest

from shim.emulator.recognition_config import AudioFormat, Refused, read_change, read_start

RAW = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}


def start(audio_format: Any = RAW, **settings: Any) -> dict[str, Any]:
    return {
        "message": "StartRecognition",
        "audio_format": audio_format,
        "transcription_config": {"language": "en", **settings},
    }


def test_the_defaults_are_speechmatics() -> None:
    config = read_start(start(), None)
    assert (config.max_delay, config.partials, config.silence_trigger, config.speakers) == (
        4.0,
        False,
        0.0,
        False,
    )
    assert config.audio == AudioFormat("pcm_s16le", 16000)
    assert config.audio.bytes_per_second == 32000


def test_a_missing_audio_format_is_a_file() -> None:
    message = start()
    del message["audio_format"]
    assert read_start(message, None).audio == AudioFormat()


@pytest.mark.parametrize(
    ("message", "type"),
    [
        ({"message": "StartRecognition", "audio_format": RAW}, "invalid_config"),
        ({**start(), "transcription_config": {}}, "invalid_config"),
        (start(language="xx"), "invalid_language"),
        (start(language=["en"]), "invalid_config"),
        (start(langauge="en"), "invalid_config"),
        (start(model="huge"), "invalid_model"),
        (start(operating_point="huge"), "invalid_model"),
        (start(model="standard", operating_point="standard"), "invalid_config"),
        (start(max_delay="1"), "invalid_config"),
        (start(max_delay=-1), "invalid_config"),
        (start(enable_partials="true"), "invalid_config"),
        (start(diarization="speaker_change"), "invalid_config"),
        (start(diarization="channel"), "invalid_config"),
        (start(conversation_config={"end_of_utterance_silence_trigger": 3}), "invalid_config"),
        (start(conversation_config={"silence": 1}), "invalid_config"),
        (start(additional_vocab=["a"] * 1001), "invalid_config"),
        (start(additional_vocab=[{"sounds_like": ["a"]}]), "invalid_config"),
        (start({"type": "raw", "encoding": "pcm_s32le", "sample_rate": 16000}), "invalid_audio_type"),
        (start({"type": "raw", "encoding": ["pcm_s16le"], "sample_rate": 16000}), "invalid_audio_type"),
        (start({"type": "raw", "encoding": "pcm_s16le"}), "invalid_audio_type"),
        (start({"type": "raw", "encoding": "pcm_s16le", "sample_rate": "16000"}), "invalid_audio_type"),
        (start({"type": "stream"}), "invalid_audio_type"),
        (start("raw"), "invalid_audio_type"),
        ({**start(), "translation_config": {"target_languages": ["de"] * 6}}, "invalid_config"),
        ({**start(), "translation_config": {}}, "invalid_config"),
    ],
)
def test_what_cannot_be_recognised_is_refused(message: dict[str, Any], type: str) -> None:
    with pytest.raises(Refused) as refused:
        read_start(message, None)
    assert refused.value.type == type


def test_the_language_in_the_path_must_agree() -> None:
    assert read_start(start(), "en").language == "en"
    with pytest.raises(Refused, match="does not match 'de'"):
        read_start(start(), "de")


def test_the_settings_that_may_change_change() -> None:
    config = read_start(start(max_delay=2), None)
    message = {"transcription_config": {"language": "en", "max_delay": 1, "enable_partials": True}}
    changed = read_change(message, config)
    assert (changed.max_delay, changed.partials) == (1.0, True)


def test_a_whole_configuration_may_be_repeated_but_not_altered() -> None:
    config = read_start(start(diarization="speaker"), None)
    assert (
        read_change({"transcription_config": {"language": "en", "diarization": "speaker"}}, config) == config
    )
    with pytest.raises(Refused, match="diarization cannot be changed"):
        read_change({"transcription_config": {"diarization": "none"}}, config)
    with pytest.raises(Refused, match="language cannot be changed"):
        read_change({"transcription_config": {"language": "de"}}, config)


def test_long_vocabulary_entries_are_found() -> None:
    config = read_start(start(additional_vocab=["a b c d e f g", {"content": "gnocchi"}]), None)
    assert config.dropped_vocabulary == ["a b c d e f g"]
