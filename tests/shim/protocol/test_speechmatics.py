from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shim.protocol import speechmatics
from shim.protocol.mapping.errors import SPEECHMATICS_CLOSE_CODES
from shim.protocol.mapping.languages import LANGUAGES, language_pack_info

GOOD = speechmatics.word("Good", 0.98, "en", 1.5, 1.9, "S1")
STOP = speechmatics.punctuation(".", "en", 1.9, "previous", True, "S1")

MESSAGES = [
    speechmatics.recognition_started("an-id", language_pack_info("en"), "1.0"),
    speechmatics.audio_added(1),
    speechmatics.transcript(True, "Good. ", [GOOD, STOP], 1.4, 2.2),
    speechmatics.transcript(False, "Good", [GOOD], 1.4, 2.2),
    speechmatics.transcript(True, "", [], 0.0, 0.0, forced=True),
    speechmatics.end_of_utterance(2.3),
    speechmatics.end_of_utterance(2.3, forced=True),
    speechmatics.end_of_transcript(),
    speechmatics.speakers_result(),
    speechmatics.speakers_result([{"label": "S1", "speaker_identifiers": ["x"]}]),
    *(speechmatics.info(type, "a reason") for type in speechmatics.InfoType),
    *(speechmatics.warning(type, "a reason") for type in speechmatics.WarningType),
    *(speechmatics.error(type, "a reason", seq_no=3) for type in speechmatics.ErrorType),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["message"])
def test_every_built_message_is_what_the_specification_describes(
    message: dict[str, Any], matches_speechmatics: Callable[[Any], None]
) -> None:
    matches_speechmatics(json.loads(json.dumps(message)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_pack_has_exactly_the_documented_keys(
    language: str, speechmatics_specification: dict[str, Any]
) -> None:
    documented = speechmatics_specification["components"]["schemas"]["LanguagePackInfo"]["properties"]
    assert set(language_pack_info(language)) == set(documented)


def test_every_type_of_the_specification_can_be_built(speechmatics_specification: dict[str, Any]) -> None:
    schemas = speechmatics_specification["components"]["schemas"]
    for ours, theirs in (
        (speechmatics.InfoType, "InfoTypeEnum"),
        (speechmatics.WarningType, "WarningTypeEnum"),
        (speechmatics.ErrorType, "ErrorTypeEnum"),
    ):
        assert {member.value for member in ours} == set(schemas[theirs]["enum"])


def test_every_error_type_has_a_close_code() -> None:
    assert set(SPEECHMATICS_CLOSE_CODES) == {member.value for member in speechmatics.ErrorType}


def test_messages_have_the_keys_of_captured_ones_in_their_order(oracles: Path) -> None:
    captured: dict[str, dict[str, Any]] = {}
    for line in (oracles / "speechmatics-captured-session-1.jsonl").read_text("utf-8").splitlines():
        payload = json.loads(line)["payload"]
        captured[payload["message"]] = payload
    built = {message["message"]: message for message in MESSAGES[:6] if "forced" not in message}
    for name in ("RecognitionStarted", "AddTranscript", "AddPartialTranscript", "EndOfUtterance"):
        assert list(built[name]) == list(captured[name])
        if "metadata" in built[name]:
            assert list(built[name]["metadata"]) == list(captured[name]["metadata"])


def test_a_speaker_is_left_out_rather_than_null_without_diarization() -> None:
    for result in (
        speechmatics.word("Good", 0.98, "en", 1.5, 1.9),
        speechmatics.punctuation(".", "en", 1.9, "previous", True),
    ):
        assert "speaker" not in result["alternatives"][0]


def test_forced_is_only_there_when_true() -> None:
    assert "forced" not in speechmatics.transcript(True, "", [], 0.0, 0.0)
    assert speechmatics.end_of_utterance(1.0, forced=True)["forced"] is True


def test_a_type_that_the_service_does_not_have_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="no_such_error"):
        speechmatics.error("no_such_error", "a reason")
