"""A session with speechmatics-rt, as its options (JSON) say; prints every message, and what was raised."""

import asyncio
import json
import sys

from speechmatics.rt import (
    AsyncClient,
    AsyncMultiChannelClient,
    AudioEncoding,
    AudioFormat,
    ServerMessageType,
    TranscriptionConfig,
)

FORCE_SECONDS = 1.5  # in the middle of the first turn; the rest of the sound follows what is sent then
options = json.loads(sys.argv[1])


async def main():
    ended = asyncio.Event()
    spoken = asyncio.Event()

    def hear(message):
        print(json.dumps(message), flush=True)
        if message["message"] in ("EndOfTranscript", "Error"):
            ended.set()
        if message.get("results"):
            spoken.set()

    config = TranscriptionConfig(**options["config"])
    raw = AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16000)
    form = raw if options["raw"] else AudioFormat()
    kind = AsyncMultiChannelClient if options["channels"] else AsyncClient
    async with kind(api_key="legacy-key", url=options["url"]) as client:
        for name in ServerMessageType:
            client.on(name, hear)
        with open(options["sound"], "rb") as sound:
            if options["channels"]:
                with open(options["sound"], "rb") as other:
                    sources = dict(zip(options["channels"], (sound, other), strict=True))
                    await client.transcribe(sources, transcription_config=config, audio_format=form)
                await asyncio.wait_for(ended.wait(), 30)  # this client does not wait itself
            elif options["speed"]:
                await client.start_session(transcription_config=config, audio_format=form)
                while piece := sound.read(1600):
                    await client.send_audio(piece)
                    await asyncio.sleep(0.05 / options["speed"])
                    if options["force"] and sound.tell() >= FORCE_SECONDS * 32000:
                        options["force"] = False
                        await asyncio.wait_for(spoken.wait(), 60)
                        await client.force_end_of_utterance()
                await client.stop_session()
            else:
                await client.transcribe(sound, transcription_config=config, audio_format=form)


try:
    asyncio.run(main())
except Exception as error:
    print(json.dumps({"message": "raised", "error": f"{type(error).__name__}: {error}"}))
