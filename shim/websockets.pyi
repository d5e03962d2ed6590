from websockets import *  # noqa: F403
