"""What a person is told about a program that got the drop-in of its SDK."""

from __future__ import annotations

import pytest

from migrator.engine import migrate_source
from migrator.options import Options

PROGRAM = """\
import os
from speechmatics.client import WebsocketClient
from speechmatics.models import {models}

settings = ConnectionSettings(url={url}, auth_token={key})
client = WebsocketClient(settings)
client.add_event_handler(ServerMessageType.AddTranscript, print)
config = TranscriptionConfig({config})
client.run_synchronously({source}, config, AudioSettings({audio}))
"""
DEFAULTS = {
    "url": '"wss://eu2.rt.speechmatics.com/v2"',
    "key": 'os.environ["SPEECHMATICS_API_KEY"]',
    "config": 'language="en"',
    "source": "microphone",
    "audio": 'encoding="pcm_s16le", sample_rate=16000',
}
MODELS = (
    *("AudioEventsConfig", "AudioSettings", "ConnectionSettings", "RTTranslationConfig", "ServerMessageType"),
    "TranscriptionConfig",
)
KEY = (5, "authorization", "the key comes from the environment variable ASSEMBLYAI_API_KEY")
FINALS = (7, "finals-are-turns", "a final comes when its turn has ended")


def found(**places: str) -> list[tuple[int, str, str]]:
    values = DEFAULTS | places
    models = [name for name in MODELS if name in PROGRAM + values["config"]]
    source = PROGRAM.format(models=", ".join(models), **values)
    result = migrate_source("app.py", source.encode(), Options(to="shim"))
    assert result.status == "shim"
    assert all(finding.docs == f"rules.md#{finding.rule}" for finding in result.findings)
    return [(finding.line, finding.rule, finding.message) for finding in result.findings]


def other(**places: str) -> list[tuple[int, str]]:
    """Lines and messages that a program without losses does not get."""
    return [(line, message) for line, rule, message in found(**places) if rule == "drop-in"]


def test_every_program_is_told_of_its_key_and_of_later_finals() -> None:
    findings = found()
    assert [(line, rule) for line, rule, _ in findings] == [KEY[:2], FINALS[:2]]
    assert [
        message.startswith(words) for (*_, message), (*_, words) in zip(findings, (KEY, FINALS), strict=True)
    ] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ('os.environ["SPEECHMATICS_API_KEY"]', "but the program still reads SPEECHMATICS_API_KEY"),
        ('os.getenv("AUTH_TOKEN", "")', "but the program still reads AUTH_TOKEN"),
        ('"0123456789abcdef"', "withdraw it, it stands in the source"),
        ("settings.key", "is not used any more"),
    ],
)
def test_the_finding_about_the_key_says_where_the_old_one_comes_from(key: str, words: str) -> None:
    message = next(message for _, rule, message in found(key=key) if rule == "authorization")
    assert words in message
    assert "0123456789abcdef" not in message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('language="cs"', "whisper-rt is used"),
        ('"cs"', "whisper-rt is used"),
        ('language="xx"', "no AssemblyAI model has the language 'xx'"),
        pytest.param(
            'language="en", translation_config=RTTranslationConfig(target_languages=["de"])',
            "translat",
        ),
        pytest.param(
            'language="en", audio_events_config=AudioEventsConfig(types=["music"])',
            "audio events",
        ),
        (
            'language="en", additional_vocab=[{"content": "gnocchi", "sounds_like": ["nyohki"]}]',
            "sounds_like",
        ),
        (
            'language="en", diarization="speaker", speaker_diarization_config={"speaker_sensitivity": 0.6}',
            "speaker_sensitivity",
        ),
        ('language="en", output_locale="en-GB"', "output locale"),
    ],
)
def test_what_assemblyai_has_nothing_for_is_named_at_its_line(config: str, words: str) -> None:
    messages = other(config=config)
    assert [(line, words.lower() in message.lower()) for line, message in messages] == [(8, True)], messages


@pytest.mark.parametrize(
    "config",
    [
        'language="en", enable_partials=True, max_delay=2, operating_point="enhanced"',
        'language="en", diarization="speaker"',
        "language=chosen",
        "**options",
        'language="en", model="enhanced"',  # speechmatics-python never sends it
    ],
)
def test_what_is_not_lost_or_not_known_is_not_named(config: str) -> None:
    assert other(config=config) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ('"wss://asr.hospital.example/v2"', "asr.hospital.example is no host of the Speechmatics cloud"),
        ('os.environ["URL"]', "only known at run time"),
        ('"wss://global.rt.speechmatics.com/v2"', "promises no data residency"),
        ('f"wss://us.rt.speechmatics.com/v2/{language}"', ""),
    ],
)
def test_an_address_where_the_audio_would_not_go_to_assemblyai_is_named(url: str, words: str) -> None:
    assert [words in message for _, message in other(url=url)] == ([True] if words else [])


@pytest.mark.parametrize(
    ("source", "is_file"),
    [
        ('open("call.wav", "rb")', True),
        ("io.BytesIO(data)", True),
        ("microphone", False),
        ("process.stdout", False),
    ],
)
def test_files_take_their_playing_time_now(source: str, is_file: bool) -> None:
    messages = other(source=source)
    assert [(line, "playing time" in message) for line, message in messages] == (
        [(9, True)] if is_file else []
    )
