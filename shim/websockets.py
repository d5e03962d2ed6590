"""Drop-in for websockets: ``from shim import websockets`` gives the real package, redirected.

So do ``from shim.websockets.sync.client import connect`` and every other submodule. Connections to Speechmatics hosts
go through a session server in this process to AssemblyAI. Connections to any other host are untouched.
"""

from __future__ import annotations

import sys

import websockets

from shim import redirect
from shim.import_hook import Alias

redirect.install("websockets")
Alias(__name__, "websockets").install()

# The program must get the real package, so that the exceptions are the ones that it catches.
sys.modules[__name__] = websockets
