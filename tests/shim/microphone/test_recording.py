"""Real PyAudio on a virtual microphone: what was played is what is heard, by the service too."""

from __future__ import annotations

import json
import signal
import wave

import numpy
import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator

pytestmark = pytest.mark.microphone

API_KEY = "assemblyai-key-of-the-tests"

# Records until its standard input ends.
RECORD = """
import sys, threading
from shim.microphone import Microphone

with Microphone() as microphone:
    threading.Thread(target=lambda: (sys.stdin.read(), microphone.stop())).start()
    for frame in microphone:
        sys.stdout.buffer.write(frame)
    print(microphone.overflows, "overflows", file=sys.stderr)
"""

TRANSCRIBE = """
import json, sys, threading
from shim.microphone import Microphone
from shim.speechmatics import AudioSettings, TranscriptionConfig, WebsocketClient

microphone = Microphone()
threading.Thread(target=lambda: (sys.stdin.read(), microphone.stop())).start()
client = WebsocketClient("speechmatics-key")
client.add_event_handler("AddTranscript", lambda message: print(json.dumps(message), flush=True))
client.run_synchronously(microphone, TranscriptionConfig("en"), AudioSettings("pcm_s16le", 16000))
"""


@pytest.fixture
def assemblyai(one_sentence):
    with AssemblyAIEmulator(one_sentence, keys=[API_KEY]) as emulator:
        yield emulator


@pytest.fixture
def keys(assemblyai):
    return {"ASSEMBLYAI_API_KEY": API_KEY, "ASSEMBLYAI_STREAMING_URL": assemblyai.url}


def samples(path):
    with wave.open(str(path)) as file:
        return numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def likeness(heard, played):
    """The correlation of a sound with the place in a longer one where it fits best."""
    size = len(heard) + len(played)
    fits = numpy.fft.irfft(numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(played, size)), size)
    place = heard[int(fits.argmax()) :][: len(played)]
    return numpy.corrcoef(place, played[: len(place)])[0, 1], len(place)


@pytest.mark.parametrize("rate", [44100, 48000])
def test_what_was_played_is_what_is_heard(hears, one_sentence, rate):
    program = hears(one_sentence.sound, ["-c", RECORD], rate=rate)
    outcome = program.finish()
    assert outcome.status == 0, outcome.errors
    assert "0 overflows" in outcome.errors
    assert len(outcome.output) % 1600 == 0
    played = samples(one_sentence.sound)
    # The last tenths of a second of the scene are silence, and may still be on their way when it stops.
    correlation, length = likeness(numpy.frombuffer(outcome.output, "<i2").astype(float), played)
    assert correlation > 0.98
    assert length > len(played) - 16000 * 0.3


def test_a_few_lines_with_the_old_callbacks_transcribe_the_microphone(hears, one_sentence, keys):
    outcome = hears(one_sentence.sound, ["-c", TRANSCRIBE], **keys).finish()
    assert outcome.status == 0, outcome.errors
    finals = [json.loads(line)["metadata"]["transcript"] for line in outcome.output.splitlines()]
    assert "".join(finals).strip() == one_sentence.text


def test_listen_prints_finals_and_nothing_else_and_ends_cleanly_on_ctrl_c(
    hears, one_sentence, keys, assemblyai
):
    program = hears(one_sentence.sound, ["-m", "shim", "listen"], **keys)
    program.process.send_signal(signal.SIGINT)
    outcome = program.finish()
    assert outcome.status == 0, outcome.errors
    assert " ".join(outcome.output.decode().split()) == one_sentence.text
    assert b"\x1b" not in outcome.output
    assert assemblyai.journal.messages("received")[-1] == {"type": "Terminate"}
    assert assemblyai.journal.wait_for(lambda journal: journal.closes())[0].code == 1000


def test_listen_shows_partials_on_a_terminal_and_takes_them_away(hears, one_sentence, keys):
    program = hears(one_sentence.sound, ["-m", "shim", "listen"], terminal=True, **keys, COLUMNS="30")
    program.process.send_signal(signal.SIGTERM)
    outcome = program.finish()
    assert outcome.status == 0, outcome.errors
    pieces = outcome.output.decode().split("\r\x1b[K")
    partials = [piece for piece in pieces if piece and not piece.endswith("\n")]
    assert partials
    assert max(map(len, partials)) <= 27
    assert " ".join("".join(piece for piece in pieces if piece.endswith("\n")).split()) == one_sentence.text


def test_listen_gives_json_one_message_a_line(hears, one_sentence, keys):
    program = hears(one_sentence.sound, ["-m", "shim", "listen", "--json"], **keys)
    program.process.send_signal(signal.SIGINT)
    outcome = program.finish()
    messages = [json.loads(line) for line in outcome.output.splitlines()]
    assert {message["message"] for message in messages} == {"AddPartialTranscript", "AddTranscript"}
    finals = [m["metadata"]["transcript"] for m in messages if m["message"] == "AddTranscript"]
    assert "".join(finals).strip() == one_sentence.text
