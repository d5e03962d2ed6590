"""``python sdk_streams.py PACKAGE SOUND STREAMS``: sends a WAV file as it was spoken, in that many sessions of speechmatics-rt.

Prints as JSON what that cost this process (``cpu``, seconds of CPU for each second of each stream), and for the first stream
when which partial was heard: ``heard``, pairs of the end of its last word, in seconds of sound, and `time.monotonic`.
"""

import asyncio
import importlib
import json
import sys
import time
import wave

FRAME_SECONDS = 0.05

rt = importlib.import_module(sys.argv[1])
with wave.open(sys.argv[2]) as sound:
    rate = sound.getframerate()
    samples = sound.readframes(sound.getnframes())
streams = int(sys.argv[3])
frame = int(rate * FRAME_SECONDS) * 2
heard: list[tuple[float, float]] = []


def note(message):
    if message["results"]:
        heard.append((message["results"][-1]["end_time"], time.monotonic()))


async def run(client, number):
    due = time.perf_counter() + FRAME_SECONDS * number / streams
    for position in range(0, len(samples), frame):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await client.send_audio(samples[position : position + frame])
        due += FRAME_SECONDS


async def main():
    clients = [rt.AsyncClient(api_key="key") for _ in range(streams)]
    clients[0].on(rt.ServerMessageType.ADD_PARTIAL_TRANSCRIPT, note)
    config = rt.TranscriptionConfig(language="en", enable_partials=True)
    form = rt.AudioFormat(encoding=rt.AudioEncoding.PCM_S16LE, sample_rate=rate)
    for client in clients:
        await client.start_session(transcription_config=config, audio_format=form)
    before = time.process_time()
    await asyncio.gather(*(run(client, number) for number, client in enumerate(clients)))
    cost = time.process_time() - before
    await asyncio.gather(*(client.stop_session() for client in clients))
    seconds = len(samples) / 2 / rate
    print(json.dumps({"cpu": cost / seconds / streams, "heard": heard}))


asyncio.run(main())
