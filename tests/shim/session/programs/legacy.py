"""A legacy program in the dialect of websocket-client, for tests: every callback prints one line of JSON."""

import json
import os
import threading
import time

from shim import background, redirect, websocket
from shim.clock import Clock

SPEED = float(os.environ.get("TEST_SPEED", "1"))
redirect.background = background.BackgroundServer(clock=Clock(SPEED))

URL = "wss://eu2.rt.speechmatics.com/v2/en"
LEGACY_KEY = "legacy-speechmatics-secret"
AUDIO = b""
if "TEST_AUDIO" in os.environ:
    with open(os.environ["TEST_AUDIO"], "rb") as file:
        AUDIO = file.read()[44:]

START = json.dumps(
    {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en", "enable_partials": True},
    }
)
END = json.dumps({"message": "EndOfStream", "last_seq_no": 0})

_printing = threading.Lock()


def say(event, **more):
    with _printing:
        print(json.dumps({"event": event, "at": time.monotonic(), **more}), flush=True)


def send_in_pace(audio, send):
    clock = Clock(SPEED)
    for start in range(0, len(audio), 1472):
        send(audio[start : start + 1472])
        time.sleep(clock.real(start / 32000 - clock.now()))


class Program:
    """A ``WebSocketApp`` in a thread; everything that its callbacks hear is printed."""

    def __init__(self, url=URL, on_message=None, on_open=None, **options):
        self.started = threading.Event()
        self.ended = threading.Event()
        self.also_on_message = on_message
        self.also_on_open = on_open
        options.setdefault("header", {"Authorization": f"Bearer {LEGACY_KEY}"})
        self.app = websocket.WebSocketApp(
            url,
            on_open=self.on_open,
            on_message=self.on_message,
            on_error=lambda app, error: say("error", type=type(error).__name__, text=str(error)),
            on_close=lambda app, code, reason: say("close", code=code, reason=reason),
            **options,
        )

    def on_open(self, app):
        say("open")
        app.send(START)
        if self.also_on_open:
            self.also_on_open(app)

    def on_message(self, app, text):
        message = json.loads(text)
        say("message", message=message)
        if message["message"] == "RecognitionStarted":
            self.started.set()
        if message["message"] in ("EndOfTranscript", "Error"):
            self.ended.set()
        if self.also_on_message:
            self.also_on_message(app, message)

    def run(self, **options):
        say("returned", value=self.app.run_forever(**options))

    def start(self, daemon=True, **options):
        self.thread = threading.Thread(target=self.run, kwargs=options, daemon=daemon)
        self.thread.start()
        return self

    def send_audio(self, audio=AUDIO):
        """In pieces of 46 ms, at the pace at which it was spoken."""
        if not self.started.wait(20):
            say("not started")
        send_in_pace(audio, lambda piece: self.app.send(piece, websocket.ABNF.OPCODE_BINARY))

    def close(self):
        say("closing")
        self.app.close()
        say("closed")
