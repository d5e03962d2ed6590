"""Small projects as people divide them, and what becomes of each file."""

from __future__ import annotations

from collections.abc import Mapping

from migrator.engine import migrate_project
from migrator.options import Options
from migrator.result import FileResult

SETTINGS = """\
import os

URL = "wss://eu2.rt.speechmatics.com/v2"
API_KEY = os.environ["SPEECHMATICS_API_KEY"]
LANGUAGE = "en"
SAMPLE_RATE = 16000
"""

CLIENT = """\
import json
import threading

import pyaudio
import websocket

from settings import API_KEY, LANGUAGE, SAMPLE_RATE, URL

done = threading.Event()


def on_open(ws):
    ws.send(json.dumps({
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": SAMPLE_RATE},
        "transcription_config": {"language": LANGUAGE, "enable_partials": True},
    }))


def on_message(ws, message):
    event = json.loads(message)
    kind = event.get("message")
    if kind == "RecognitionStarted":
        threading.Thread(target=send, args=(ws,), daemon=True).start()
    elif kind == "AddTranscript":
        print(event["metadata"]["transcript"])
    elif kind == "EndOfTranscript":
        done.set()
        ws.close()


def send(ws):
    stream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=SAMPLE_RATE, input=True)
    for _ in range(100):
        ws.send(stream.read(1600), websocket.ABNF.OPCODE_BINARY)
    ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 100}))


def main():
    websocket.WebSocketApp(
        URL,
        header={"Authorization": f"Bearer {API_KEY}"},
        on_open=on_open,
        on_message=on_message,
    ).run_forever()


if __name__ == "__main__":
    main()
"""


class Project:
    """The files before, and the results."""

    def __init__(self, files: Mapping[str, str], options: Options) -> None:
        self.files = dict(files)
        self.options = options
        self.results: dict[str, FileResult] = migrate_project(self._bytes(files), options)

    @staticmethod
    def _bytes(files: Mapping[str, str]) -> dict[str, bytes]:
        return {path: text.encode() for path, text in files.items()}

    def __getitem__(self, path: str) -> FileResult:
        return self.results[path]

    @property
    def after(self) -> dict[str, str]:
        """All files as they are afterwards."""
        written = {path: result.after.decode() for path, result in self.results.items()}
        return self.files | {path: text for path, text in written.items() if self.results[path].changed}

    @property
    def changed(self) -> list[str]:
        """The files that change, by path."""
        return sorted(path for path, result in self.results.items() if result.changed)

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each file that has a result."""
        return {path: result.status for path, result in sorted(self.results.items())}

    def reasons(self, rule: str = "not-rewritten") -> list[tuple[str, int, str]]:
        """File, line and message of the findings of one rule."""
        return [
            (path, finding.line, finding.message)
            for path, result in sorted(self.results.items())
            for finding in result.findings
            if finding.rule == rule
        ]

    def again(self) -> Project:
        """A second run over what the first one wrote."""
        return Project(self.after, self.options)
