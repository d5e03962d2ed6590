"""An hour of audio takes no more memory than twenty minutes of it."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterator

import pytest

from shim.protocol.effects import OpenUpstream, SendClient, SendUpstream
from shim.protocol.translator import Handshake, Translator, TranslatorOptions

SECOND = bytes(32000)
HOUR = 3600
TURN_SECONDS = 6
WORDS = 12


def turn(order: int, count: int) -> str:
    """What is heard of a turn of some seconds."""
    words = [
        {
            "text": f"word{(order * WORDS + i) % 500}",
            "start": round(1000 * (order * TURN_SECONDS + i / 2)),
            "end": round(1000 * (order * TURN_SECONDS + i / 2)) + 200,
            "confidence": 0.9,
            "word_is_final": True,
            "speaker": "AB"[order % 2],
        }
        for i in range(count)
    ]
    text = " ".join(str(word["text"]) for word in words)
    return json.dumps(
        {
            "type": "Turn",
            "turn_order": order,
            "end_of_turn": count == WORDS,
            "turn_is_formatted": True,
            "transcript": text,
            "end_of_turn_confidence": 0.5,
            "utterance": "",
            "words": words,
            "speaker_label": "AB"[order % 2],
        }
    )


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start(1)
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
def test_an_hour_of_audio_takes_no_more_memory_than_twenty_minutes() -> None:
    options = TranslatorOptions(None, None, None, "5d2b9a3e-0c51-4a7c-9b0a-1f6f3a2f9b11")
    translator = Translator(Handshake("eu2.rt.speechmatics.com", "/v2", ""), options)
    start = {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", "enable_partials": True, "diarization": "speaker"},
    }
    (opening,) = [e for e in translator.client_message(json.dumps(start), 0.0) if isinstance(e, OpenUpstream)]
    connection = opening.connection
    translator.upstream_opened(connection, 0.1)
    translator.upstream_message(connection, json.dumps({"type": "Begin", "id": "0a1b", "expires_at": 0}), 0.2)
    held, finals, frames = [], 0, 0
    for second in range(HOUR):
        now = 1.0 + second
        effects = translator.client_audio(SECOND, now)
        order, heard = divmod(second, TURN_SECONDS)
        effects += translator.upstream_message(
            connection, turn(order, WORDS * (heard + 1) // TURN_SECONDS), now
        )
        while (due := translator.deadline()) is not None and due <= now:
            effects += translator.tick(now)
        frames += sum(isinstance(effect, SendUpstream) for effect in effects)
        finals += sum(isinstance(e, SendClient) and '"AddTranscript"' in e.text for e in effects)
        if second % 60 == 59:
            gc.collect()  # or what Python keeps of freed tuples for later would count
            held.append(tracemalloc.get_traced_memory()[0])
    assert frames == HOUR * 20
    assert finals == HOUR // TURN_SECONDS
    # Up to then caches fill that all sessions share.
    early, late = max(held[20:30]), max(held[-10:])
    assert late < 1.1 * early + 2**16
