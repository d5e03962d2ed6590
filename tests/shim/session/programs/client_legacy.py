"""A session with speechmatics-python, as its options (JSON) say; prints every message, and what was raised."""

import asyncio
import json
import sys
import time

from speechmatics.client import WebsocketClient
from speechmatics.models import AudioSettings, ConnectionSettings, TranscriptionConfig

options = json.loads(sys.argv[1])
client = WebsocketClient(
    ConnectionSettings(url=options["url"], auth_token="legacy-key", ssl_context=options["tls"] or None)
)


class Paced:
    """Sound at so many times the pace at which it was spoken."""

    def __init__(self, file, speed):
        self.file, self.speed = file, speed

    def read(self, size):
        time.sleep(size / 32000 / self.speed)
        return self.file.read(size)


forced = False


def hear(message):
    global forced
    print(json.dumps(message), flush=True)
    if options["force"] and not forced and message.get("results"):
        forced = True
        asyncio.get_running_loop().create_task(client.send_message("ForceEndOfUtterance"))


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
