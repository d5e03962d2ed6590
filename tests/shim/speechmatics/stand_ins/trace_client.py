"""``python trace_client.py PACKAGE FILE PROGRAM``: runs a program and writes down every message that a WebsocketClient is told."""

import functools
import importlib
import json
import runpy
import sys

package, path, program = sys.argv[1:]
client = importlib.import_module(f"{package}.client").WebsocketClient
initialise = client.__init__

with open(path, "w", encoding="utf-8") as file:

    def trace(message):
        file.write(json.dumps(message) + "\n")
        file.flush()

    @functools.wraps(initialise)
    def traced(self, *arguments, **options):
        initialise(self, *arguments, **options)
        self.add_event_handler("all", trace)

    client.__init__ = traced
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")
