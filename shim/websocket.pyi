from websocket import *  # noqa: F403
