"""A session with speechmatics-python, as its options (JSON) say; prints every message, and what was raised."""

import asyncio
import json
import sys
import threading
import time

from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, TranscriptionConfig

options = json.loads(sys.argv[1])
client = WebsocketClient(
    ConnectionSettings(url=options["url"], auth_token="legacy-key", ssl_context=options["tls"] or None)
)


FORCE_SECONDS = 1.5  # in the middle of the first turn; the rest of the sound follows what is sent then
forced = threading.Event()
forcing = None


class Paced:
    """Sound at so many times the pace at which it was spoken."""

    def __init__(self, file, speed):
        self.file, self.speed = file, speed

    def read(self, size):
        time.sleep(size / 32000 / self.speed)
        if options["force"] and self.file.tell() >= FORCE_SECONDS * 32000 and not forced.wait(60):
            raise TimeoutError("nothing was heard of the sound until then")
        return self.file.read(size)


async def force():
    await client.send_message("ForceEndOfUtterance")
    forced.set()


def hear(message):
    global forcing
    print(json.dumps(message), flush=True)
    if options["force"] and forcing is None and message.get("results"):
        forcing = asyncio.get_running_loop().create_task(force())


client.add_event_handler("all", hear)
raw = AudioSettings(encoding="pcm_s16le", sample_rate=16000, chunk_size=1600)
settings = raw if options["raw"] else AudioSettings()
config = TranscriptionConfig(**options["config"])
try:
    with open(options["sound"], "rb") as file:
        sound = Paced(file, options["speed"]) if options["speed"] else file
        channels = dict.fromkeys(options["channels"], options["sound"])
        client.run_synchronously(channels or sound, config, settings)
except Exception as error:
    print(json.dumps({"message": "raised", "error": f"{type(error).__name__}: {error}"}))
