"""An AssemblyAI that answers at once, and a crowd of Speechmatics clients: ``python streams.py`` runs the first one.

It hears nothing: every fifth frame of audio is answered with a Turn that ends in the number of frames.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from dataclasses import dataclass

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

FRAME = bytes(1600)
FRAME_SECONDS = 0.05
START = {
    "message": "StartRecognition",
    "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
    "transcription_config": {"language": "en", "enable_partials": True},
}
WORDS = ["so", "what", "we", "want", "to", "know", "is", "how", "long", "it", "takes"]


def turn(frames: int) -> str:
    """A Turn of eleven words."""
    words = [
        {"text": text, "start": 50 * i, "end": 50 * i + 40, "confidence": 0.9, "word_is_final": True}
        for i, text in enumerate([*WORDS, str(frames)])
    ]
    return json.dumps(
        {
            "type": "Turn",
            "turn_order": 0,
            "turn_is_formatted": True,
            "end_of_turn": False,
            "transcript": "",
            "end_of_turn_confidence": 0.1,
            "words": words,
            "utterance": "",
        }
    )


async def answer(connection: ServerConnection) -> None:
    await connection.send(json.dumps({"type": "Begin", "id": "0a1b", "expires_at": 0}))
    frames = 0
    async for message in connection:
        if isinstance(message, str):
            await connection.send(
                json.dumps(
                    {"type": "Termination", "audio_duration_seconds": 0, "session_duration_seconds": 0}
                )
            )
            return
        frames += 1
        if frames % 5 == 0:
            await connection.send(turn(frames))


def percentile(values: list[float], percent: float) -> float:
    """Of at least one value."""
    return statistics.quantiles(values, n=1000)[round(percent * 10) - 1] if len(values) > 1 else values[0]


@dataclass
class Load:
    """What so many streams at once cost. Times in seconds, CPU as a share of one core."""

    streams: int
    p50: float
    p99: float
    cpu: float


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(url: str, process: int, streams: int, seconds: float = 3.0) -> Load:
    """Let so many clients speak in real time; how long AudioAdded takes once all of them do."""
    begin = time.perf_counter() + 0.5 + streams / 150
    counted_from = begin + 0.5
    until = counted_from + seconds
    delays: list[float] = []

    async def client(number: int) -> None:
        async with connect(
            url, compression=None, proxy=None, ping_interval=None, open_timeout=30
        ) as connection:
            await connection.send(json.dumps(START))
            sent: dict[int, float] = {}

            async def hear() -> None:
                async for message in connection:
                    if '"AudioAdded"' in message:
                        at = sent.pop(json.loads(message)["seq_no"])
                        if at > counted_from:
                            delays.append(time.perf_counter() - at)
                    elif '"EndOfTranscript"' in message:
                        return

            hearing = asyncio.create_task(hear())
            due, count = begin + FRAME_SECONDS * number / streams, 0
            while due < until:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                count += 1
                sent[count] = time.perf_counter()
                await connection.send(FRAME)
                due += FRAME_SECONDS
            await connection.send(json.dumps({"message": "EndOfStream", "last_seq_no": count}))
            await asyncio.wait_for(hearing, 30)

    async def cpu() -> float:
        await asyncio.sleep(counted_from - time.perf_counter())
        before = cpu_seconds(process)
        await asyncio.sleep(until - time.perf_counter())
        return (cpu_seconds(process) - before) / seconds

    share, *_ = await asyncio.gather(cpu(), *(client(number) for number in range(streams)))
    return Load(streams, percentile(delays, 50), percentile(delays, 99), share)


async def main() -> None:
    async with serve(answer, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main())
