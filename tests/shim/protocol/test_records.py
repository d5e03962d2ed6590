"""Values of one shape, with and without msgspec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[3]

SESSION = """
import sys
for name in sys.argv[1:]:
    sys.modules[name] = None
import json
from shim.protocol.effects import SendClient
from shim.protocol.translator import Handshake, Translator, TranslatorOptions

session = Translator(Handshake("eu2.rt.speechmatics.com", "/v2", ""), TranslatorOptions(None, None, None, "an-id"))
audio = {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000}
config = {"language": "en", "enable_partials": True, "diarization": "speaker"}
start = {"message": "StartRecognition", "audio_format": audio, "transcription_config": config}
effects = session.client_message(json.dumps(start), 0.0)
effects += session.upstream_opened(1, 0.1)
effects += session.upstream_message(1, '{"type": "Begin", "id": "x", "expires_at": 0}', 0.2)
texts = ["Good", "day,", "f(x)", "U.S."]
words = [
    {"text": text, "start": 300 * i, "end": 300 * i + 299, "confidence": 0.25 * i, "word_is_final": False, "speaker": "A"}
    for i, text in enumerate(texts)
]
odd = [{**words[0], "end": None}, {**words[1], "confidence": 7}, {"text": "bare"}, 5]
for number, said in enumerate([words, words[:1], odd, []]):
    for end in (False, True):
        turn = {"type": "Turn", "turn_order": number, "turn_is_formatted": True, "end_of_turn": end, "transcript": "x"}
        effects += session.upstream_message(1, json.dumps({**turn, "words": said, "utterance": ""}), 1.0)
print("msgspec" in sys.modules and sys.modules["msgspec"] is not None, file=sys.stderr)
for effect in effects:
    print(json.dumps(json.loads(effect.text)) if isinstance(effect, SendClient) else repr(effect))
"""


def run_session(*missing: str) -> tuple[str, str]:
    """What a session says, and whether it had msgspec; in an interpreter that lacks some packages."""
    done = subprocess.run(
        [sys.executable, "-c", SESSION, *missing], cwd=PACKAGES, capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.strip()


@pytest.mark.parametrize("missing", [("msgspec",), ("orjson",), ("msgspec", "orjson")])
def test_a_session_says_the_same_without_the_fast_extra(missing: tuple[str, ...]) -> None:
    pytest.importorskip("msgspec")
    with_all, had = run_session()
    without, lacked = run_session(*missing)
    assert had == "True"
    assert lacked == str("msgspec" not in missing)
    assert "AddTranscript" in with_all
    assert without == with_all
