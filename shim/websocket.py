"""Drop-in for websocket-client: ``from shim import websocket`` gives the real module, redirected.

Connections to Speechmatics hosts go through a session server in this process to AssemblyAI. Connections to any other
host are untouched.
"""

from __future__ import annotations

import sys

from shim import redirect

try:
    import websocket
except ImportError:
    websocket = None
if not hasattr(websocket, "WebSocketApp"):  # the name is shared by a package that is something else
    raise ImportError(
        "shim.websocket needs websocket-client. Install it: python -m pip install websocket-client"
    )

redirect.install("websocket")

# The program must get the real module and its real submodules, so that exceptions are the ones that it catches.
for _name, _module in list(sys.modules.items()):
    if _name.partition(".")[0] == "websocket":
        sys.modules[f"shim.{_name}"] = _module
