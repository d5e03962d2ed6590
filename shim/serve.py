"""``shim serve``: the session server as a process of its own, for programs in any language, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from shim.protocol.mapping.hosts import REGIONS
from shim.settings import (
    API_KEY_VARIABLE,
    DEFAULT_CHANNELS,
    MAX_CHANNELS_VARIABLE,
    MOST_CHANNELS,
    REGION_VARIABLE,
    Settings,
    current,
    number_of_channels,
)

DEFAULT_ADDRESS = ("127.0.0.1", 9000)
DEFAULT_SESSIONS = 50
DEFAULT_IDLE_SECONDS = 3600.0
"""As long as Speechmatics lets a session live without audio."""

STOP_SECONDS = 5.0
"""Real seconds that open sessions have to end properly once the server is told to stop; then they are cut."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``shim serve``."""
    parser.add_argument(
        "--listen",
        type=_address,
        default=DEFAULT_ADDRESS,
        metavar="ADDRESS:PORT",
        help="a loopback address; port 0 picks a free one (default 127.0.0.1:9000)",
    )
    parser.add_argument("--port", type=_port, help="the port alone")
    parser.add_argument(
        "--region", choices=REGIONS, help="where AssemblyAI processes the audio (default: ASSEMBLYAI_REGION)"
    )
    parser.add_argument("--model", metavar="MODEL", help="AssemblyAI speech model, whatever the language")
    parser.add_argument(
        "--max-sessions",
        type=_positive,
        default=DEFAULT_SESSIONS,
        metavar="N",
        help="clients at a time; one more gets the Error quota_exceeded (default %(default)s)",
    )
    parser.add_argument(
        "--max-channels",
        type=_channels,
        metavar="N",
        help=f"channels of a session, each an AssemblyAI session of its own (default: {MAX_CHANNELS_VARIABLE}, or "
        f"{DEFAULT_CHANNELS} as with Speechmatics; at most {MOST_CHANNELS})",
    )
    parser.add_argument(
        "--max-message-bytes",
        type=_positive,
        metavar="N",
        help="the longest message that is taken (default 16 MiB)",
    )
    parser.add_argument(
        "--idle-timeout",
        type=_seconds,
        default=DEFAULT_IDLE_SECONDS,
        metavar="SECONDS",
        help="how long a client may be silent until it gets the Error idle_timeout (default %(default)g)",
    )
    parser.epilog = (
        f"Programs connect to ws://ADDRESS:PORT/v2 instead of Speechmatics; temporary keys are given out at /v1/api_keys, "
        f"and /health tells how the server is. On SIGTERM or Ctrl-C open sessions get {STOP_SECONDS:g} seconds to end."
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``shim serve``.

    Returns:
        The exit status: 0 once it was told to stop, 1 when it cannot listen, 2 for an address that is not loopback.
    """
    host, port = arguments.listen
    if arguments.port is not None:
        port = arguments.port
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # it would log the headers of requests: keys
    try:
        return _run_loop(_serve(arguments, host, port))
    except ValueError as mistake:
        return _fail(f"{mistake}; give --listen 127.0.0.1:PORT", 2)
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            return _fail(
                f"port {port} of {host} is in use; choose another with --listen {host}:PORT, or port 0 for a free one",
                1,
            )
        return _fail(f"cannot listen on {host} port {port}: {failure.strerror or failure}", 1)


def _run_loop(main: Coroutine[Any, Any, int]) -> int:
    """With uvloop, of the extra ``fast``, where it is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return int(uvloop.run(main))


def _fail(text: str, status: int) -> int:
    print(f"shim serve: {text}", file=sys.stderr)
    return status


async def _serve(arguments: argparse.Namespace, host: str, port: int) -> int:
    from shim.server import SessionServer
    from shim.session import MESSAGE_BYTES, Limits

    def settings() -> Settings:
        chosen = {
            "region": arguments.region,
            "speech_model": arguments.model,
            "max_channels": arguments.max_channels,
        }
        return replace(current(), **{name: value for name, value in chosen.items() if value is not None})

    limits = Limits(
        sessions=arguments.max_sessions,
        message_bytes=arguments.max_message_bytes or MESSAGE_BYTES,
        idle_seconds=arguments.idle_timeout,
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    server = SessionServer(settings, limits=limits)
    await server.start(host, port)
    _warn_of(settings())
    print(f"ws://{f'[{host}]' if ':' in host else host}:{server.port}/v2", flush=True)
    await stopped.wait()
    await server.stop(STOP_SECONDS)
    return 0


def _warn_of(settings: Settings) -> None:
    logger = logging.getLogger("shim")
    if not settings.api_key:
        logger.warning("no session can begin: set %s and start again", API_KEY_VARIABLE)
    if not (settings.region or settings.streaming_url):
        logger.warning(
            "nothing says where audio may be processed: give --region eu, us or global, or set %s",
            REGION_VARIABLE,
        )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or DEFAULT_ADDRESS[0]
    return DEFAULT_ADDRESS[0] if host == "localhost" else host, _port(port)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port; give a number from 0 to 65535")


def _positive(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")


def _channels(text: str) -> int:
    try:
        return number_of_channels(text)
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
