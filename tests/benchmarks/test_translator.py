"""What the drop-in's translator costs for each Turn and for each 50 ms of audio."""

import json
import math
import struct

import pytest

from shim.protocol.effects import OpenUpstream, SendClient, SendUpstream
from shim.protocol.translator import Handshake, Translator, TranslatorOptions

TEXT = "so what we want to know is how long it takes until all of these words have come back as text again"
SPEECH = TEXT.split()
SESSION_ID = "5d2b9a3e-0c51-4a7c-9b0a-1f6f3a2f9b11"


def turn(order, count):
    """A Turn of the first words of the speech; the whole speech ends it."""
    words = [
        {
            "start": 300 * i,
            "end": 300 * i + 280,
            "text": text,
            "confidence": 0.98,
            "word_is_final": i < count - 2,
        }
        for i, text in enumerate(SPEECH[:count])
    ]
    return json.dumps(
        {
            "type": "Turn",
            "turn_order": order,
            "turn_is_formatted": count == len(SPEECH),
            "end_of_turn": count == len(SPEECH),
            "transcript": " ".join(SPEECH[:count]),
            "end_of_turn_confidence": 0.5,
            "words": words,
            "utterance": "",
        }
    )


def running_session(encoding, sample_rate):
    """A translator whose session has begun."""
    translator = Translator(
        Handshake("eu2.rt.speechmatics.com", "/v2", ""), TranslatorOptions(None, None, None, SESSION_ID)
    )
    start = {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": encoding, "sample_rate": sample_rate},
        "transcription_config": {"language": "en", "enable_partials": True},
    }
    (opening,) = [e for e in translator.client_message(json.dumps(start), 0.0) if isinstance(e, OpenUpstream)]
    translator.upstream_opened(opening.connection, 0.1)
    begin = {"type": "Begin", "id": "0a1b", "expires_at": 1_800_000_000, "configuration": {}}
    translator.upstream_message(opening.connection, json.dumps(begin), 0.2)
    return translator, opening.connection


def test_a_turn_costs_a_few_times_its_json(best_of, table):
    turns = [turn(order, count) for order in range(20) for count in range(1, len(SPEECH) + 1)]

    def parse():
        for text in turns:
            json.loads(text)

    def translate():
        translator, connection = running_session("pcm_s16le", 16000)
        sent = 0
        for number, text in enumerate(turns):
            effects = translator.upstream_message(connection, text, 1.0 + number / 4)
            sent += sum(isinstance(effect, SendClient) for effect in effects)
        assert sent >= len(turns)

    parsing, translating = (best_of(work, 7) / len(turns) for work in (parse, translate))
    table("One Turn, 10 words on average", [("json.loads", parsing), ("translator", translating)])
    assert translating < 40 * parsing


@pytest.mark.parametrize(("encoding", "sample_rate"), [("pcm_s16le", 16000), ("pcm_f32le", 44100)])
def test_a_frame_of_audio_costs_about_as_much_as_a_turns_json(best_of, table, encoding, sample_rate):
    samples = [math.sin(i / 20) / 2 for i in range(sample_rate // 20)]
    if encoding == "pcm_f32le":
        frame = struct.pack(f"<{len(samples)}f", *samples)
    else:
        frame = struct.pack(f"<{len(samples)}h", *(int(sample * 32767) for sample in samples))
    text = turn(0, len(SPEECH))
    frames = 400

    def parse():
        for _ in range(frames):
            json.loads(text)

    def translate():
        translator, _ = running_session(encoding, sample_rate)
        sent = 0
        for number in range(frames):
            effects = translator.client_audio(frame, 1.0 + number / 20)
            sent += sum(isinstance(effect, SendUpstream) for effect in effects)
        assert sent >= frames - 2

    parsing, translating = (best_of(work, 5) / frames for work in (parse, translate))
    table(
        f"50 ms of {encoding} at {sample_rate} Hz",
        [("json.loads of a Turn", parsing), ("translator", translating)],
    )
    assert translating < 40 * parsing
