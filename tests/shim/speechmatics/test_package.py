"""shim.speechmatics as a program imports it: by any way, typed, with models that can be pickled and replaced."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import shim.speechmatics as speechmatics
from shim.speechmatics import models
from shim.speechmatics.batch_client import BatchClient

ROOT = Path(__file__).parents[3]

USER = """
import shim.speechmatics as speechmatics
from shim.speechmatics import WebsocketClient
from shim.speechmatics.cli import Transcripts, add_printing_handlers
from shim.speechmatics.client import ServerMessageType
from shim.speechmatics.exceptions import ForceEndSession, TranscriptionError
from shim.speechmatics.models import AudioSettings, ConnectionSettings, RTSpeakerDiarizationConfig, TranscriptionConfig
from functools import partial
from typing import Any


class Audio:
    async def read(self, size: int) -> bytes:
        return b""


def on_final(prefix: str, message: dict[str, Any]) -> None:
    if message["results"]:
        raise ForceEndSession
    print(prefix)


client = speechmatics.client.WebsocketClient(
    speechmatics.models.ConnectionSettings(url="wss://eu2.rt.speechmatics.com/v2", auth_token="k", ssl_context=None)
)
other: WebsocketClient = client
client.add_event_handler(ServerMessageType.AddTranscript, partial(on_final, "said"))
client.add_event_handler("all", lambda message: print(message["message"]))
client.add_middleware(speechmatics.models.ClientMessageType.AddAudio, lambda message, is_binary: None)
transcripts = Transcripts(text="", json=[])
add_printing_handlers(client, transcripts, enable_partials=True)
config = TranscriptionConfig(
    language="en", max_delay=2, speaker_diarization_config=RTSpeakerDiarizationConfig(max_speakers=2)
)
try:
    client.run_synchronously(Audio(), config, AudioSettings(encoding="pcm_s16le"), timeout=3.0)
except TranscriptionError as error:
    print(error.args)
client.stop()
delay: float | None = config.max_delay
print(config.as_config()["language"].upper(), delay)
"""


def test_a_users_program_passes_the_strict_type_checker(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path / "cache"),
         "--follow-imports", "silent", "user.py"],
        cwd=tmp_path,
        env={"PATH": "", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("Success: no issues found in 1 source file\n", 0)


@pytest.mark.parametrize(
    "statements",
    [
        "import shim.speechmatics as speechmatics; speechmatics.client.WebsocketClient; speechmatics.models.AudioSettings; "
        "speechmatics.helpers.del_none; speechmatics.config.CONFIG_PATH; speechmatics.constants.RT_SELF_SERVICE_URL",
        "from shim.speechmatics import *; WebsocketClient, TranscriptionError, AudioSettings, asyncio.run, json.dumps, models",
        "from shim.speechmatics.models import *; ServerMessageType.AddTranscript, Optional, dataclass, ssl.SSLContext",
        "from shim.speechmatics.client import *; WebsocketClient, ServerMessageType, websockets.exceptions, connect",
        "import shim.speechmatics.cli, shim.speechmatics.adapters, shim.speechmatics.cli_parser",
    ],
)
def test_it_is_imported_in_every_way_without_a_warning(statements: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", statements], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    "model",
    [
        models.AudioSettings("mulaw", 8000),
        models.TranscriptionConfig("de", max_delay=2, conversation_config=models.ConversationConfig(0.5)),
        models.BatchTranscriptionConfig("en", srt_overrides=models.SRTOverrides()),
        models.RTTranslationConfig(["de"], enable_partials=True),
        models.ConnectionSettings("wss://host", ssl_context=None, auth_token="key"),
        models.ServerMessageType.AddTranscript,
    ],
)
def test_models_can_be_pickled_and_copied(model: object) -> None:
    assert pickle.loads(pickle.dumps(model)) == copy.deepcopy(model) == model


def test_fields_of_models_can_be_replaced() -> None:
    settings = models.ConnectionSettings("wss://one", ssl_context=None)
    assert dataclasses.replace(settings, url="wss://two") == models.ConnectionSettings(
        "wss://two", ssl_context=None
    )
    config = dataclasses.replace(models.TranscriptionConfig("en", max_delay=1), max_delay=3)
    assert config == models.TranscriptionConfig("en", max_delay=3)
    assert isinstance(models.RTTranslationConfig(), models.TranslationConfig)


def test_message_types_are_texts() -> None:
    kinds = {models.ServerMessageType.Error: 1}
    assert kinds["Error"] == 1  # type: ignore[index]
    assert str(models.ServerMessageType.Error) == "ServerMessageType.Error"


def test_recorded_files_are_refused_where_they_begin() -> None:
    with pytest.raises(NotImplementedError, match=r"speechmatics-python.*assemblyai\.Transcriber"):
        BatchClient("key")


@pytest.mark.parametrize(
    ("text", "profile", "found"),
    [
        (None, "default", None),
        ('[default]\nauth_token = "one"\n', "default", {"auth_token": "one"}),
        ('[work]\nrealtime_url = "ws://here"\n', "work", {"realtime_url": "ws://here"}),
        ("[work]\n", "default", {}),
    ],
)
def test_the_configuration_file_is_read(
    config_file: Callable[[str | None], Path], text: str | None, profile: str, found: object
) -> None:
    config_file(text)
    assert speechmatics.read_config_from_home(profile) == found


def test_a_profile_that_is_not_there_ends_the_program(config_file: Callable[[str | None], Path]) -> None:
    config_file("[default]\n")
    with pytest.raises(SystemExit, match="no profile 'work'"):
        speechmatics.read_config_from_home("work")


def test_missing_settings_come_from_the_configuration_file(
    config_file: Callable[[str | None], Path],
) -> None:
    config_file('[default]\nauth_token = "one"\nrealtime_url = "ws://here"\ngenerate_temp_token = false\n')
    client = speechmatics.WebsocketClient()
    assert (client.connection_settings.url, client.connection_settings.auth_token) == ("ws://here", "one")
    assert client.connection_settings.generate_temp_token is False
    client = speechmatics.WebsocketClient(speechmatics.ConnectionSettings(url=""))
    assert (client.connection_settings.url, client.connection_settings.auth_token) == ("ws://here", "one")


def test_without_an_address_the_error_names_the_configuration_file(
    config_file: Callable[[str | None], Path],
) -> None:
    config_file(None)
    with pytest.raises(ValueError, match="No URL provided or set in"):
        speechmatics.WebsocketClient(speechmatics.ConnectionSettings(url=""))


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], Path]:
    """Puts a configuration file in its place, or takes it away."""
    path = tmp_path / "config"
    monkeypatch.setattr("shim.speechmatics.config.CONFIG_PATH", path)

    def write(text: str | None) -> Path:
        if text is not None:
            path.write_text(text)
        return path

    return write
