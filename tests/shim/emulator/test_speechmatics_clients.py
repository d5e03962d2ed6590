"""The Speechmatics emulator with the vendor's own client libraries, each in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority

SPEED = 20.0
HOST = "eu2.rt.speechmatics.com"
CONFIG = {"language": "en", "enable_partials": True, "max_delay": 1.0, "diarization": "speaker"}

RT = """
import asyncio, json, sys
from speechmatics.rt import AsyncClient, AudioEncoding, AudioFormat, ServerMessageType, TranscriptionConfig
url, path, config, encoding = sys.argv[1:]
heard = []
async def main():
    async with AsyncClient(api_key="key", url=url) as client:
        for name in ServerMessageType:
            client.on(name, heard.append)
        form = AudioFormat(encoding=AudioEncoding(encoding), sample_rate=16000) if encoding else None
        with open(path, "rb") as file:
            options = {"audio_format": form} if form else {}
            await client.transcribe(
                file, transcription_config=TranscriptionConfig(**json.loads(config)), **options
            )
try:
    asyncio.run(main())
except Exception as error:
    heard.append({"message": "raised", "error": f"{type(error).__name__}: {error}"})
print(json.dumps(heard))
"""

LEGACY = """
import json, ssl, sys
from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, TranscriptionConfig
url, path, config, encoding, *temporary = sys.argv[1:]
context = ssl.create_default_context() if url.startswith("wss") else None
heard = []
client = WebsocketClient(ConnectionSettings(
    url=url, auth_token="key", ssl_context=context, generate_temp_token=bool(temporary)))
client.add_event_handler("all", heard.append)
settings = AudioSettings(encoding=encoding, sample_rate=16000) if encoding else AudioSettings()
try:
    with open(path, "rb") as file:
        client.run_synchronously(file, TranscriptionConfig(**json.loads(config)), settings)
except Exception as error:
    heard.append({"message": "raised", "error": f"{type(error).__name__}: {error}"})
print(json.dumps(heard))
"""

PROGRAMS = {"speechmatics-python": LEGACY, "speechmatics-rt-1.1.0": RT, "speechmatics-rt-newest": RT}

pytestmark = pytest.mark.environment

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def run(environment_python: Callable[[str], Path], tmp_path: Path) -> Run:
    """Run the program of a client library; returns the messages that it delivered, and what it raised."""

    def run(
        name: str,
        scene: Scene,
        url: str,
        *arguments: str,
        encoding: str = "",
        stage: Stage | None = None,
        **variables: str,
    ) -> list[dict[str, Any]]:
        python = environment_python(name)
        script = tmp_path / "program.py"
        script.write_text(PROGRAMS[name])
        sound = scene.sound
        if encoding:
            sound = tmp_path / "sound.raw"
            sound.write_bytes(scene.sound.read_bytes()[44:])
        words = [url, str(sound), json.dumps(CONFIG), encoding, *arguments]
        finished = subprocess.run(
            stage.command(script, words, python) if stage else [str(python), str(script), *words],
            env=(stage.environment(os.environ) if stage else dict(os.environ)) | variables,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert finished.returncode == 0, finished.stderr
        heard: list[dict[str, Any]] = json.loads(finished.stdout)
        return heard

    return run


def text(heard: list[dict[str, Any]]) -> str:
    finals = [message for message in heard if message["message"] == "AddTranscript"]
    return "".join(final["metadata"]["transcript"] for final in finals).strip()


def test_the_scenes_are_plain_wav_files(two_speakers: Scene) -> None:
    assert two_speakers.sound.read_bytes()[36:40] == b"data"


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("encoding", ["", "pcm_s16le"], ids=["file", "raw"])
def test_the_real_client_transcribes_the_scene(
    run: Run, two_speakers: Scene, name: str, encoding: str
) -> None:
    with SpeechmaticsEmulator(two_speakers, speed=SPEED, keys={"key"}) as emulator:
        heard = run(name, two_speakers, emulator.url + "/v2", encoding=encoding)
        assert text(heard) == two_speakers.text
        assert [message["message"] for message in heard][-1] == "EndOfTranscript"
        (close,) = emulator.journal.wait_for(lambda journal: journal.closes())
        assert (close.by, close.code) == ("client", 1000)
        assert emulator.journal.connections[0].path == ("/v2/en" if PROGRAMS[name] is LEGACY else "/v2")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_real_client_meets_the_emulator_under_the_vendors_name(
    run: Run, one_sentence: Scene, tmp_path: Path, name: str
) -> None:
    authority = CertificateAuthority.create(tmp_path)
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, tls=authority.certificate([HOST])) as emulator:
        stage = Stage({HOST: ("127.0.0.1", emulator.port)}, authority.ca_file, tmp_path / "record.jsonl")
        heard = run(name, one_sentence, f"wss://{HOST}/v2", stage=stage)
    assert text(heard) == one_sentence.text
    lines = [json.loads(line) for line in (tmp_path / "record.jsonl").read_text().splitlines()]
    assert {line["host"] for line in lines} == {HOST}
    assert [json.loads(line["text"]) for line in lines if line["direction"] == "received"] == heard


def test_the_legacy_client_gets_its_temporary_key_here(run: Run, one_sentence: Scene) -> None:
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, keys={"key"}) as emulator:
        management = {"SM_MANAGEMENT_PLATFORM_URL": emulator.http_url}
        heard = run("speechmatics-python", one_sentence, emulator.url + "/v2", "temporary", **management)
        assert text(heard) == one_sentence.text
        request, upgrade = emulator.journal.connections
    assert (request.method, request.path, request.query["type"]) == ("POST", "/v1/api_keys", ("rt",))
    assert upgrade.headers["authorization"] not in ("Bearer key", "")


@pytest.mark.parametrize(
    ("name", "fault", "raised"),
    [
        ("speechmatics-python", "surplus-acks", "ValueError: BoundedSemaphore released too many times"),
        ("speechmatics-python", "error:job_error@1", "TranscriptionError: the emulator was told to fail"),
        ("speechmatics-python", "http:401", "HTTP 401"),
        (
            "speechmatics-rt-newest",
            "refuse:quota_exceeded",
            "TranscriptionError: the emulator was told to refuse",
        ),
        ("speechmatics-rt-1.1.0", "no-start", "TimeoutError"),
    ],
)
def test_faults_make_the_real_client_fail_as_it_does(
    run: Run, one_sentence: Scene, name: str, fault: str, raised: str
) -> None:
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, faults=[fault]) as emulator:
        heard = run(name, one_sentence, emulator.url + "/v2")
    assert raised in heard[-1].get("error", "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_service_that_is_only_odd_does_not_stop_the_real_client(
    run: Run, one_sentence: Scene, name: str
) -> None:
    odd = ["json-in-binary", "early-warning", "unknown-message@1", "extra-fields", "delayed-acks:1"]
    with SpeechmaticsEmulator(one_sentence, speed=SPEED, faults=odd) as emulator:
        assert text(run(name, one_sentence, emulator.url + "/v2")) == one_sentence.text
