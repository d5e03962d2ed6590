"""The SDK's command, and the functions of it that programs use."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shim.emulator.scene import Scene
from shim.speechmatics import cli, models
from shim.speechmatics.cli_parser import parse_args
from shim.speechmatics.client import WebsocketClient


def arguments(*given: str) -> dict[str, Any]:
    return vars(parse_args(["rt", "transcribe", *given, "file.wav"]))


@pytest.mark.parametrize(
    ("given", "config"),
    [
        ([], {"language": "en", "max_delay_mode": "flexible"}),
        (
            ["--lang", "de", "--operating-point", "enhanced", "--max-delay", "3"],
            {"language": "de", "operating_point": "enhanced", "max_delay": 3, "max_delay_mode": "flexible"},
        ),
        (
            ["--enable-transcription-partials"],
            {"language": "en", "max_delay_mode": "flexible", "enable_partials": True},
        ),
        (
            ["--diarization", "speaker", "--speaker-diarization-max-speakers", "3"],
            {
                "language": "en",
                "diarization": "speaker",
                "max_delay_mode": "flexible",
                "speaker_diarization_config": {"max_speakers": 3},
            },
        ),
        (
            [
                "--additional-vocab",
                "gnocchi:nokey,nochi",
                "AssemblyAI",
                "--punctuation-permitted-marks",
                ". ?",
            ],
            {
                "language": "en",
                "max_delay_mode": "flexible",
                "additional_vocab": [{"content": "gnocchi", "sounds_like": ["nokey", "nochi"]}, "AssemblyAI"],
                "punctuation_overrides": {"permitted_marks": [".", "?"]},
            },
        ),
        (
            [
                "--end-of-utterance-silence-trigger",
                "0.5",
                "--replacement-words",
                "a:b",
                "--remove-disfluencies",
            ],
            {
                "language": "en",
                "max_delay_mode": "flexible",
                "conversation_config": {"end_of_utterance_silence_trigger": 0.5},
                "transcript_filtering_config": {
                    "remove_disfluencies": True,
                    "replacements": [{"from": "a", "to": "b"}],
                },
            },
        ),
    ],
)
def test_arguments_become_a_configuration(given: list[str], config: dict[str, Any]) -> None:
    assert cli.get_transcription_config(arguments(*given)).as_config() == config


def test_arguments_win_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps({"transcription_config": {"language": "fr", "max_delay": 2}, "audio_events_config": {}})
    )
    config = cli.get_transcription_config(arguments("--config-file", str(path), "--lang", "de"))
    assert (config.language, config.max_delay) == ("de", 2)
    assert config.audio_events_config == models.AudioEventsConfig(None)


def test_translations_are_asked_for_with_their_partials() -> None:
    config = cli.get_transcription_config(arguments("--translation-langs", "de,es", "--enable-partials"))
    assert config.translation_config == models.RTTranslationConfig(["de", "es"], enable_partials=True)


@pytest.mark.parametrize("url", ["ws://here:9000/v2", "wss://here/v2"])
def test_the_mode_of_encryption_must_fit_the_address(url: str) -> None:
    mode = "regular" if url.startswith("ws:") else "none"
    with pytest.raises(SystemExit, match="is incompatible with"):
        cli.rt_main(arguments("--url", url, "--ssl-mode", mode))


def test_a_bare_transcribe_is_live() -> None:
    parsed = parse_args(["transcribe", "--raw", "pcm_s16le", "--sample-rate", "16000", "-"])
    assert (parsed.mode, parsed.command, parsed.files) == ("rt", "transcribe", ["-"])
    assert cli.get_audio_settings(vars(parsed)) == models.AudioSettings("pcm_s16le", 16000, 4096)


def test_batch_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"NotImplementedError.*assemblyai\.Transcriber"):
        cli.main(vars(parse_args(["batch", "transcribe", "--lang", "en", "file.wav"])))


def test_the_command_prints_what_a_file_says(
    assemblyai: Callable[..., Any], one_sentence: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assemblyai()
    cli.main(vars(parse_args(["rt", "transcribe", "--enable-partials", str(one_sentence.sound)])))
    output = capsys.readouterr()
    assert " ".join(output.out.split()) == one_sentence.text
    assert "\r" in output.err


def test_the_command_prints_messages_as_json(
    assemblyai: Callable[..., Any], one_sentence: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assemblyai()
    cli.main(vars(parse_args(["rt", "transcribe", "--print-json", str(one_sentence.sound)])))
    messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {message["message"] for message in messages} == {"AddTranscript"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["no-such-file.wav"], "FileNotFoundError: No such file or directory: 'no-such-file.wav'"),
        (["--url", "ws://127.0.0.1:9/v2", "--ssl-mode", "none", "-"], "Connect call failed"),
    ],
)
def test_what_fails_ends_the_command_with_a_sentence(given: list[str], said: str) -> None:
    with pytest.raises((SystemExit, ConnectionRefusedError), match=said.replace("(", r"\(")):
        cli.main(vars(parse_args(["rt", "transcribe", *given])))


def test_handlers_print_partials_finals_and_ends_of_utterances(capsys: pytest.CaptureFixture[str]) -> None:
    client = WebsocketClient(models.ConnectionSettings("wss://host", ssl_context=None, auth_token="k"))
    client.transcription_config = models.TranscriptionConfig("en")
    transcripts = cli.Transcripts(text="", json=[])
    cli.add_printing_handlers(client, transcripts, enable_partials=True, debug_handlers_too=True)

    def tell(kind: str, *words: str) -> None:
        results = [{"type": "word", "alternatives": [{"content": word, "speaker": "S1"}]} for word in words]
        message = {"message": kind, "results": results}
        for handler in client.event_handlers[models.ServerMessageType(kind)]:
            handler(message)

    tell("AddPartialTranscript", "good")
    tell("AddTranscript", "good", "morning")
    tell("AddTranscript")
    tell("EndOfUtterance")
    tell("EndOfTranscript")
    output = capsys.readouterr()
    assert output.out == "SPEAKER: S1\ngood morning\n[EndOfUtterance]\n"
    assert output.err == ".SPEAKER: S1\ngood\r||\n\n"
    assert transcripts.text == "SPEAKER: S1\ngood morning[EndOfUtterance]"
    assert len(transcripts.json) == 2


def test_values_are_kept_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".speechmatics" / "config"
    cli.main(vars(parse_args(["config", "set", "--auth-token", "one", "--rt-url", "ws://here"])))
    cli.main(vars(parse_args(["config", "set", "--auth-token", "two", "--profile", "work"])))
    assert " ".join(path.read_text().split()) == (
        '[default] auth_token = "one" realtime_url = "ws://here" [work] auth_token = "two"'
    )
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    cli.main(vars(parse_args(["config", "unset", "--auth-token"])))
    assert 'auth_token = "one"' not in path.read_text()
    assert 'auth_token = "two"' in path.read_text()
    with pytest.raises(SystemExit, match="Profile does not exist"):
        cli.main(vars(parse_args(["config", "unset", "--profile", "nobody", "--auth-token"])))
