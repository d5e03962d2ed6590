"""A voice agent with speechmatics-voice, as its options (JSON) say; prints segments, turns and what was raised."""

import asyncio
import json
import sys

from speechmatics.voice import (
    AgentServerMessageType,
    VoiceAgentClient,
    VoiceAgentConfigPreset,
)

options = json.loads(sys.argv[1])


async def main():
    client = VoiceAgentClient(
        api_key="legacy-key", url=options["url"], config=VoiceAgentConfigPreset.load(options["preset"])
    )
    started = asyncio.Event()
    segments = asyncio.Event()
    for name in AgentServerMessageType:
        client.on(name, lambda message: print(json.dumps(message, default=str), flush=True))
    client.on(AgentServerMessageType.RECOGNITION_STARTED, lambda message: started.set())
    client.on(AgentServerMessageType.ADD_SEGMENT, lambda message: segments.set())

    await client.connect()
    await asyncio.wait_for(started.wait(), 10)
    with open(options["sound"], "rb") as sound:
        sound.read(44)
        while piece := sound.read(320):
            await client.send_audio(piece)
            await asyncio.sleep(0.01 / options["speed"])
        # An agent's own voice detector would go on to send what it hears.
        for _ in range(100):
            await client.send_audio(bytes(320))
            await asyncio.sleep(0.01 / options["speed"])
    client.finalize(end_of_turn=True)
    await asyncio.wait_for(segments.wait(), 20)
    await client.disconnect()


try:
    asyncio.run(main())
except Exception as error:
    print(json.dumps({"message": "raised", "error": f"{type(error).__name__}: {error}"}))
