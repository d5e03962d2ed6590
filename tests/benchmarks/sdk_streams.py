"""``python sdk_streams.py PACKAGE SOUND STREAMS``: sends a WAV file as it was spoken, in that many sessions of an SDK.

Prints as JSON what that cost this process (``cpu``, seconds of CPU for each second of each stream), and for the first stream
when which partial was heard: ``heard``, pairs of the end of its last word, in seconds of sound, and `time.monotonic`.
"""

import asyncio
import importlib
import json
import os
import sys
import time
import wave
from typing import ClassVar

FRAME_SECONDS = 0.05

sdk = importlib.import_module(sys.argv[1])
with wave.open(sys.argv[2]) as sound:
    rate = sound.getframerate()
    samples = sound.readframes(sound.getnframes())
streams = int(sys.argv[3])
frame = int(rate * FRAME_SECONDS) * 2
heard: list[tuple[float, float]] = []


def note(message):
    if message["results"]:
        heard.append((message["results"][-1]["end_time"], time.monotonic()))


async def of_speechmatics_rt():
    """CPU seconds of all streams of speechmatics-rt."""
    clients = [sdk.AsyncClient(api_key="key") for _ in range(streams)]
    clients[0].on(sdk.ServerMessageType.ADD_PARTIAL_TRANSCRIPT, note)
    config = sdk.TranscriptionConfig(language="en", enable_partials=True)
    form = sdk.AudioFormat(encoding=sdk.AudioEncoding.PCM_S16LE, sample_rate=rate)

    async def run(client, number):
        due = time.perf_counter() + FRAME_SECONDS * number / streams
        for position in range(0, len(samples), frame):
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await client.send_audio(samples[position : position + frame])
            due += FRAME_SECONDS

    for client in clients:
        await client.start_session(transcription_config=config, audio_format=form)
    before = time.process_time()
    await asyncio.gather(*(run(client, number) for number, client in enumerate(clients)))
    cost = time.process_time() - before
    await asyncio.gather(*(client.stop_session() for client in clients))
    return cost


class Spoken:
    """The stream of a client of speechmatics-python: gives the sound in its time, once every client wants it."""

    everybody = asyncio.Event()
    waiting = 0
    marks: ClassVar[list[float]] = []

    def __init__(self, number):
        self.number, self.position, self.due = number, 0, None

    async def read(self, size):
        if self.due is None:
            Spoken.waiting += 1
            if Spoken.waiting == streams:
                self.marks.append(time.process_time())
                self.everybody.set()
            await self.everybody.wait()
            self.due = time.perf_counter() + FRAME_SECONDS * self.number / streams
        await asyncio.sleep(max(0.0, self.due - time.perf_counter()))
        self.due += FRAME_SECONDS
        piece = samples[self.position : self.position + size]
        self.position += size
        if not piece:
            self.marks.append(time.process_time())
        return piece


async def of_speechmatics_python():
    """The same of speechmatics-python."""
    url = os.environ.get("SPEECHMATICS_RT_URL")
    where = {"url": url, "ssl_context": None} if url else {"url": "wss://eu2.rt.speechmatics.com/v2"}
    clients = [
        sdk.client.WebsocketClient(sdk.models.ConnectionSettings(**where, auth_token="key"))
        for _ in range(streams)
    ]
    clients[0].add_event_handler("AddPartialTranscript", note)
    config = sdk.models.TranscriptionConfig(language="en", enable_partials=True)
    form = sdk.models.AudioSettings("pcm_s16le", rate, frame)
    await asyncio.gather(*(client.run(Spoken(number), config, form) for number, client in enumerate(clients)))
    return Spoken.marks[-1] - Spoken.marks[0]


async def main():
    cost = await (of_speechmatics_rt() if hasattr(sdk, "AsyncClient") else of_speechmatics_python())
    seconds = len(samples) / 2 / rate
    print(json.dumps({"cpu": cost / seconds / streams, "heard": heard}))


asyncio.run(main())
