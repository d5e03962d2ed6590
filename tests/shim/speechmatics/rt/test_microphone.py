"""The microphone of speechmatics-rt, on a PyAudio whose device the test makes up."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from shim.speechmatics.rt import AsyncClient, Microphone

STAND_IN = Path(__file__).parent / "stand_ins" / "pyaudio.py"


@pytest.fixture
def pyaudio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, samples: bytes) -> ModuleType:
    """A device that hears what is said."""
    specification = importlib.util.spec_from_file_location("pyaudio", STAND_IN)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "pyaudio", module)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech.raw").write_bytes(samples)
    return module


def test_it_records_what_is_said_in_the_pieces_that_are_asked_for(pyaudio, samples):
    microphone = Microphone(sample_rate=16000)
    assert microphone.is_available
    assert microphone.start()
    assert microphone.start()
    assert microphone.is_recording
    assert microphone.readable()

    async def main():
        return [await microphone.read(size) for size in (2000, 1, 3201)]

    pieces = asyncio.run(main())
    assert [len(piece) for piece in pieces] == [2000, 0, 3200]
    assert b"".join(pieces) == samples[:5200]
    microphone.stop()
    assert not microphone.is_recording
    microphone.stop()


def test_what_was_recorded_before_the_stop_can_still_be_read_and_then_it_does_not_record(pyaudio, samples):
    microphone = Microphone()
    assert microphone.start()
    microphone.stop()

    async def main():
        sound = b""
        try:
            while True:
                sound += await microphone.read(320)
        except RuntimeError as error:
            return sound, str(error)

    sound, error = asyncio.run(main())
    assert error == "Microphone not recording"
    assert sound
    assert samples.startswith(sound)
    assert microphone.start()
    microphone.stop()


def test_stopping_it_ends_a_transcription_without_losing_a_word(
    assemblyai, listen, pyaudio, raw, one_sentence
):
    assemblyai()
    microphone = Microphone()
    assert microphone.start()

    async def main():
        async with AsyncClient() as client:
            heard = listen(client)
            client.on(
                "AddPartialTranscript",
                lambda message: "help" in message["metadata"]["transcript"] and microphone.stop(),
            )
            client.on("AddTranscript", lambda message: microphone.stop())
            await client.transcribe(microphone, audio_format=raw)
            assert heard.text == one_sentence.text
            assert heard.kinds[-1] == "EndOfTranscript"

    asyncio.run(main())


def test_a_device_that_fails_is_an_operating_system_error(pyaudio, monkeypatch):
    def fail(self, frames, exception_on_overflow=True):
        raise OSError(-9999, "Unanticipated host error")

    monkeypatch.setattr(pyaudio.Stream, "read", fail)
    microphone = Microphone()
    assert microphone.start()
    with pytest.raises(OSError, match="stopped delivering sound"):
        asyncio.run(microphone.read(3200))
    microphone.stop()


def test_more_channels_than_the_device_has_cannot_be_recorded(pyaudio, monkeypatch, caplog):
    opened = []

    def refuse(self, **options):
        opened.append(options["channels"])
        raise OSError(-9998, "Invalid number of channels")

    monkeypatch.setattr(pyaudio.PyAudio, "open", refuse)
    microphone = Microphone(16000, 160)  # the chunk size in the place of the channels, as a README has it
    assert not microphone.start()
    assert set(opened) == {160}
    assert "Failed to start microphone: the microphone 'stand-in' cannot be opened" in caplog.text


def test_devices_are_listed(pyaudio):
    assert Microphone.list_devices() == [{"index": 0, "name": "stand-in", "channels": 1}]


def test_without_pyaudio_there_is_none_and_it_is_said_what_to_install(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "pyaudio", None)
    microphone = Microphone()
    assert not microphone.is_available
    assert not microphone.start()
    assert Microphone.list_devices() == []
    assert "pip install" in caplog.text


def test_reading_does_not_hold_up_the_event_loop(pyaudio):
    microphone = Microphone()
    assert microphone.start()
    threads = set()

    async def main():
        reading = asyncio.ensure_future(microphone.read(3200))
        while not reading.done():
            threads.add(threading.get_ident())
            await asyncio.sleep(0)
        return await reading

    assert len(asyncio.run(main())) == 3200
    assert threads
    microphone.stop()
