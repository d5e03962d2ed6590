"""What the settings become on the wire, and that the names are those of the tables."""

from __future__ import annotations

import logging

import pytest

from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES
from shim.speechmatics.models import (
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    ConversationConfig,
    ServerMessageType,
    TranscriptionConfig,
)


@pytest.mark.parametrize(
    ("enumeration", "table"), [(ClientMessageType, CLIENT_MESSAGES), (ServerMessageType, SERVER_MESSAGES)]
)
def test_every_message_type_is_one_of_the_protocol(enumeration, table):
    assert {member.value for member in enumeration} <= set(table)
    assert all(member.value == member.name for member in enumeration)


def test_only_what_was_given_goes_on_the_wire():
    config = TranscriptionConfig("de", max_delay=2, conversation_config=ConversationConfig(None))
    assert config.as_config() == {"language": "de", "max_delay": 2, "conversation_config": {}}


def test_blocks_with_a_place_of_their_own_are_no_part_of_the_transcription_config():
    config = TranscriptionConfig(
        translation_config={"target_languages": ["de"]},
        audio_events_config={},
        enable_translation_partials=True,
    )
    assert config.as_config() == {"language": "en"}
    assert config.asdict()["translation_config"] == {"target_languages": ["de"]}


@pytest.mark.parametrize(("given", "sent"), [(True, {"enable_partials": True}), (False, {}), (None, {})])
def test_transcription_partials_are_partials(given, sent):
    assert TranscriptionConfig(enable_transcription_partials=given).as_config() == {"language": "en", **sent}


def test_an_unknown_option_is_not_sent_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING, "speechmatics.models"):
        config = TranscriptionConfig(model="enhanced")
    assert config.as_config() == {"language": "en"}
    assert "model" in caplog.text


def test_equal_configurations_are_equal():
    assert TranscriptionConfig("en", max_delay=1) == TranscriptionConfig(language="en", max_delay=1)
    assert TranscriptionConfig("en") != TranscriptionConfig("de")


def test_audio_without_an_encoding_is_a_file():
    assert AudioSettings(sample_rate=8000).asdict() == {"type": "file"}


def test_the_key_is_no_part_of_the_representation():
    assert "secret" not in repr(ConnectionSettings("wss://host/v2", auth_token="secret"))
