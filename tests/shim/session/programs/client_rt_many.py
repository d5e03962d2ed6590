"""Sessions with speechmatics-rt: for each address on standard input one line of JSON with what was heard and raised."""

import asyncio
import json
import sys

from speechmatics.rt import AsyncClient, AudioEncoding, AudioFormat, ServerMessageType, TranscriptionConfig

path, speed = sys.argv[1], float(sys.argv[2])


async def transcribe(url, heard):
    async with AsyncClient(api_key="legacy-key", url=url) as client:
        for name in ServerMessageType:
            client.on(name, heard.append)
        await client.start_session(
            transcription_config=TranscriptionConfig(language="en", enable_partials=True),
            audio_format=AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16000),
        )
        with open(path, "rb") as sound:
            sound.read(44)
            while piece := sound.read(1600):
                await client.send_audio(piece)
                await asyncio.sleep(0.05 / speed)
        await client.stop_session()


for line in sys.stdin:
    heard, raised = [], ""
    try:
        asyncio.run(asyncio.wait_for(transcribe(line.strip(), heard), 30))
    except Exception as error:
        raised = f"{type(error).__name__}: {error}"
    print(json.dumps([heard, raised]), flush=True)
