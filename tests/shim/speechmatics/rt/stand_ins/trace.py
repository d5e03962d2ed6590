"""``python trace.py PACKAGE FILE PROGRAM``: runs a program and writes down every message that handlers are called with."""

import functools
import importlib
import json
import runpy
import sys

package, path, program = sys.argv[1:]
emitter = importlib.import_module(package).EventEmitter
emit = emitter.emit

with open(path, "w", encoding="utf-8") as file:

    @functools.wraps(emit)
    def traced(self, event, message):
        file.write(json.dumps(message) + "\n")
        file.flush()
        return emit(self, event, message)

    emitter.emit = traced
    sys.argv = [program]
    runpy.run_path(program, run_name="__main__")
