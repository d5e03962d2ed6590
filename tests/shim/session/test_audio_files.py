"""Programs that send files: WAV, and what has to be decoded, by a client of ours and by the vendor's own libraries."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import shim.server as server_module
import shim.session as session_module
import shim.spool as spool_module
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.session import Limits

Fixture = Callable[..., Any]
URL = "wss://eu2.rt.speechmatics.com/v2/en"

# Container and codec as FFmpeg names them, and the sample rate to write.
KINDS: dict[str, tuple[str, str, int]] = {
    "mp3": ("mp3", "libmp3lame", 44100),
    "mp2": ("mp2", "mp2", 48000),
    "ogg": ("ogg", "libopus", 48000),
    "webm": ("webm", "libopus", 48000),
    "flac": ("flac", "flac", 16000),
    "aac": ("adts", "aac", 44100),
    "m4a": ("mp4", "aac", 16000),
    "mpeg": ("mpeg", "mp2", 44100),
    "mpegts": ("mpegts", "aac", 48000),
    "adpcm": ("wav", "adpcm_ms", 16000),
    "aiff": ("aiff", "pcm_s16be", 16000),
}


@pytest.fixture
def emulate_two_speakers(two_speakers: Scene) -> Iterator[AssemblyAIEmulator]:
    with AssemblyAIEmulator(two_speakers, speed=10.0) as emulator:
        yield emulator


@pytest.fixture
def encode(write_audio: Fixture, tmp_path: Path) -> Callable[..., bytes]:
    """The sound file as one of `KINDS`."""

    def encode(sound: Path, kind: str, **options: str) -> bytes:
        path = tmp_path / kind
        write_audio(sound, path, *KINDS[kind], **options)
        return path.read_bytes()

    return encode


class Pipe(io.RawIOBase):
    """A place to write to where nothing can be written later."""

    written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written += bytes(data)
        return len(data)


@pytest.fixture
def wav(write_audio: Fixture) -> Callable[..., bytes]:
    """The sound file as WAV of another kind, with a header that knows no length."""

    def wav(sound: Path, codec: str = "pcm_s16le", rate: int = 16000, layout: str = "mono") -> bytes:
        pipe = Pipe()
        write_audio(sound, pipe, "wav", codec, rate, layout)
        return pipe.written

    return wav


def start_file(client: Any, **config: Any) -> dict[str, Any]:
    client.send(
        {
            "message": "StartRecognition",
            "audio_format": {"type": "file"},
            "transcription_config": {"language": "en", **config},
        }
    )
    return client.hear_until("RecognitionStarted", "Error")


def connection_query(emulator: Any) -> dict[str, tuple[str, ...]]:
    (connection,) = emulator.journal.connections
    query: dict[str, tuple[str, ...]] = connection.query
    return query


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_any_kind_is_transcribed_and_every_message_acknowledged_once(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, kind: str, encode: Fixture
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    file = encode(scene.sound, kind)
    one.speak(file, chunk=4096)
    heard = one.end()
    assert heard.names[-1] == "EndOfTranscript"
    assert heard.text == scene.text
    assert [m["seq_no"] for m in heard.named("AudioAdded")] == list(range(1, -(-len(file) // 4096) + 1))
    assert heard.named("Warning") == []
    assert connection_query(emulator)["sample_rate"] == ("16000",)


@pytest.mark.parametrize(
    ("codec", "rate", "layout"),
    [
        ("pcm_u8", 8000, "mono"),
        ("pcm_s16le", 44100, "stereo"),
        ("pcm_s24le", 48000, "mono"),
        ("pcm_s32le", 22050, "5.1"),
        ("pcm_f32le", 11025, "stereo"),
        ("pcm_f64le", 96000, "mono"),
        ("pcm_mulaw", 8000, "mono"),
        ("pcm_alaw", 8000, "stereo"),
    ],
)
def test_a_wav_file_goes_on_at_its_own_sample_rate(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    scene: Scene,
    codec: str,
    rate: int,
    layout: str,
    wav: Fixture,
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    one.speak(wav(scene.sound, codec, rate, layout), chunk=4096)
    heard = one.end()
    assert heard.text == scene.text
    assert connection_query(emulator)["sample_rate"] == (str(rate),)
    assert connection_query(emulator)["encoding"] == ("pcm_s16le",)


def test_a_sample_rate_that_assemblyai_does_not_take_is_resampled(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, wav: Fixture
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    one.speak(wav(scene.sound, "pcm_s16le", 192_000), chunk=4096)
    assert one.end().text == scene.text
    assert connection_query(emulator)["sample_rate"] == ("16000",)


@pytest.mark.parametrize("flags", ["+disable_chpl", "+faststart", "+frag_keyframe+empty_moov"])
def test_an_mp4_may_have_its_index_anywhere(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, flags: str, encode: Fixture
) -> None:
    one = client(serve(streaming_url=emulate().url).local_url(URL))
    start_file(one)
    one.speak(encode(scene.sound, "m4a", movflags=flags), chunk=4096)
    heard = one.end()
    assert heard.text == scene.text
    assert heard.named("Warning") == []


@pytest.mark.parametrize("kind", ["wav", "mp3", "webm"])
def test_words_come_while_the_file_is_still_arriving(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, kind: str, encode: Fixture
) -> None:
    one = client(serve(streaming_url=emulate().url).local_url(URL))
    start_file(one, enable_partials=True)
    file = scene.sound.read_bytes() if kind == "wav" else encode(scene.sound, kind)
    most = len(file) * 3 // 4
    one.speak(file[:most], chunk=4096)
    while not one.hear_until("AddPartialTranscript")["metadata"]["transcript"]:
        pass
    one.speak(file[most:], chunk=4096)
    assert one.end().text == scene.text


@pytest.mark.parametrize("size", [5, 3000, 2**17])
def test_what_is_no_audio_is_refused_as_speechmatics_does_and_opens_nothing(
    emulate: Fixture, serve: Fixture, client: Fixture, size: int
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    assert start_file(one)["message"] == "RecognitionStarted"
    one.speak((b"this is no audio " * size)[:size], chunk=2048)
    if size < 2**16:
        one.send({"message": "EndOfStream", "last_seq_no": 0})
    heard = one.hear_all()
    assert heard.messages[-1]["type"] == "invalid_audio_type"
    assert heard.messages[-1]["reason"] == "Invalid audio type: Could not determine type of stream."
    assert heard.code == 1003
    assert emulator.journal.connections == []


def test_without_the_decoder_the_error_names_the_line_that_installs_it(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    encode: Fixture,
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    one.send(encode(scene.sound, "flac"))
    heard = one.hear_all()
    assert heard.messages[-1]["type"] == "invalid_audio_type"
    assert 'pip install "speechmatics-to-assemblyai[audio]"' in heard.messages[-1]["reason"]
    assert emulator.journal.connections == []


@pytest.mark.parametrize("kind", ["wav", "flac", "m4a"])
def test_of_a_file_that_is_cut_off_everything_is_heard_then_a_warning_told(
    emulate_two_speakers: AssemblyAIEmulator,
    serve: Fixture,
    client: Fixture,
    two_speakers: Scene,
    kind: str,
    encode: Fixture,
) -> None:
    file = (
        two_speakers.sound.read_bytes()
        if kind == "wav"
        else encode(two_speakers.sound, kind, **({"movflags": "+faststart"} if kind == "m4a" else {}))
    )
    emulator = emulate_two_speakers
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    one.speak(file[: len(file) * 6 // 10], chunk=4096)
    heard = one.end()
    assert heard.names[-1] == "EndOfTranscript"
    (warning,) = heard.named("Warning")
    assert "ends" in warning["reason"]
    assert "header" in warning["reason"]
    assert emulator.journal.audio_seconds() > 8


def test_a_file_with_nothing_in_it_ends_at_once(emulate: Fixture, serve: Fixture, client: Fixture) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    heard = one.end()
    assert heard.names == ["RecognitionStarted", "EndOfTranscript"]
    assert emulator.journal.connections == []


@pytest.mark.parametrize("kind", ["wav", "aiff"])
def test_what_comes_too_early_waits_on_the_disk_and_nothing_is_lost(
    emulate: Fixture,
    serve: Fixture,
    client: Fixture,
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    encode: Fixture,
) -> None:
    monkeypatch.setattr(session_module, "AUDIO_AHEAD_BYTES", 10_000)
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 5_000)
    written = []
    make = spool_module.tempfile.TemporaryFile
    monkeypatch.setattr(spool_module.tempfile, "TemporaryFile", lambda: written.append(make()) or written[-1])
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    file = scene.sound.read_bytes() if kind == "wav" else encode(scene.sound, kind)
    one.speak(file, chunk=1472)
    heard = one.end()
    assert heard.text == scene.text
    assert len(written) > 5
    assert all(file.closed for file in written)
    assert [m["seq_no"] for m in heard.named("AudioAdded")] == list(range(1, -(-len(file) // 1472) + 1))


def test_who_has_sent_a_whole_file_is_not_idle_while_it_is_heard(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "Limits", lambda: Limits(idle_seconds=2.0))
    one = client(serve(streaming_url=emulate(speed=1).url, speed=1).local_url(URL))
    start_file(one)
    one.speak(scene.sound.read_bytes(), chunk=4096)
    heard = one.end()  # some 4 s later
    assert heard.names[-1] == "EndOfTranscript"
    assert heard.text == scene.text


def test_each_channel_may_have_a_file_of_its_own_kind(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, encode: Fixture, wav: Fixture
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one, diarization="channel", channel_diarization_labels=["left", "right"])
    files = {"left": wav(scene.sound, rate=8000), "right": encode(scene.sound, "mp3")}
    for channel, file in files.items():
        for at in range(0, len(file), 4096):
            data = base64.b64encode(file[at : at + 4096]).decode()
            one.send({"message": "AddChannelAudio", "channel": channel, "data": data})
        one.send({"message": "EndOfChannel", "channel": channel, "last_seq_no": 0})
    one.hear_until("EndOfTranscript", "Error")
    for channel, file in files.items():
        finals = [m for m in one.heard.named("AddTranscript") if m["channel"] == channel]
        assert "".join(m["metadata"]["transcript"] for m in finals).strip() == scene.text
        acknowledged = [m for m in one.heard.named("ChannelAudioAdded") if m["channel"] == channel]
        assert len(acknowledged) == -(-len(file) // 4096)
    rates = {connection.query["sample_rate"] for connection in emulator.journal.connections}
    assert rates == {("8000",), ("16000",)}


def test_the_decoder_stops_when_the_program_leaves(
    emulate: Fixture, serve: Fixture, client: Fixture, scene: Scene, encode: Fixture
) -> None:
    emulator = emulate()
    one = client(serve(streaming_url=emulator.url).local_url(URL))
    start_file(one)
    one.speak(encode(scene.sound, "mp3"), chunk=4096)
    one.hear_until("AudioAdded")
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "shim decoder")
    one.close()
    thread.join(30)
    assert not thread.is_alive()


LEGACY = """
import json, sys
from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, TranscriptionConfig
heard = []
client = WebsocketClient(ConnectionSettings(url=sys.argv[1], auth_token="key", ssl_context=None))
client.add_event_handler("all", heard.append)
with open(sys.argv[2], "rb") as file:
    client.run_synchronously(file, TranscriptionConfig(language="en"), AudioSettings())
print(json.dumps(heard))
"""

RT = """
import asyncio, json, sys
from speechmatics.rt import AsyncClient, ServerMessageType, TranscriptionConfig
heard = []
async def main():
    async with AsyncClient(api_key="key", url=sys.argv[1]) as client:
        for name in ServerMessageType:
            client.on(name, heard.append)
        with open(sys.argv[2], "rb") as file:
            await client.transcribe(file, transcription_config=TranscriptionConfig(language="en"))
asyncio.run(main())
print(json.dumps(heard))
"""

PROGRAMS = {"speechmatics-python": LEGACY, "speechmatics-rt-1.1.0": RT, "speechmatics-rt-newest": RT}


@pytest.mark.environment
@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "flac"])
@pytest.mark.parametrize("library", PROGRAMS)
def test_the_vendors_libraries_transcribe_files_by_default(
    emulate_two_speakers: AssemblyAIEmulator,
    serve: Fixture,
    two_speakers: Scene,
    environment_python: Callable[[str], Path],
    tmp_path: Path,
    library: str,
    kind: str,
    encode: Fixture,
) -> None:
    emulator = emulate_two_speakers
    path = tmp_path / "audio"
    path.write_bytes(two_speakers.sound.read_bytes() if kind == "wav" else encode(two_speakers.sound, kind))
    script = tmp_path / "program.py"
    script.write_text(PROGRAMS[library])
    url = serve(streaming_url=emulator.url).local_url("wss://eu2.rt.speechmatics.com/v2")
    done = subprocess.run(
        [environment_python(library), script, url, path], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    heard = json.loads(done.stdout)
    finals = [message["metadata"]["transcript"] for message in heard if message["message"] == "AddTranscript"]
    assert "".join(finals).strip() == two_speakers.text
    assert heard[-1]["message"] == "EndOfTranscript"
    assert sum(message["message"] == "AudioAdded" for message in heard) == -(-path.stat().st_size // 4096)
