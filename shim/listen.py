"""``shim listen``: what the microphone hears, transcribed live, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import signal
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from shim.microphone import Microphone, MicrophoneError

_SAMPLE_RATE = 16_000
_FRAME_MS = 50
_CLEAR_LINE = "\r\x1b[K"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``shim listen``."""
    parser.add_argument("--language", default="en", help="language code as Speechmatics has it (default: en)")
    parser.add_argument("--device", type=int, metavar="N", help="number of the input device")
    parser.add_argument("--list-devices", action="store_true", help="show the input devices and exit")
    parser.add_argument("--model", help="AssemblyAI speech model (default: the best for the language)")
    parser.add_argument(
        "--region",
        choices=("eu", "us"),
        help="where the audio is processed (default: ASSEMBLYAI_REGION, or eu)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print Speechmatics messages, one JSON object a line"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``shim listen``.

    Returns:
        The exit status: 0, or 1 when there is no microphone, key or connection, which was told on standard error.
    """
    import asyncio

    from websockets.exceptions import InvalidStatus, WebSocketException

    from shim.microphone import MicrophoneError
    from shim.speechmatics import TranscriptionError

    try:
        if arguments.list_devices:
            _list_devices()
        else:
            _listen(arguments)
    except BrokenPipeError:
        raise
    except InvalidStatus as refusal:
        return _fail((refusal.response.body or b"").decode(errors="replace").strip())
    except (MicrophoneError, TranscriptionError) as failure:
        return _fail(str(failure))
    except (WebSocketException, OSError, asyncio.TimeoutError) as failure:
        return _fail(f"the connection failed: {failure}")
    return 0


def _fail(what: str) -> int:
    print(f"shim listen: {what}", file=sys.stderr)
    return 1


def _list_devices() -> None:
    from shim.microphone import MicrophoneError, devices

    found = devices()
    if not found:
        raise MicrophoneError("there is no input device; check that a microphone is connected")
    for device in found:
        default = "  (default)" if device.is_default else ""
        print(
            f"{device.index:3}  {device.name}, {device.channels} channels, {device.sample_rate} Hz{default}"
        )


def _listen(arguments: argparse.Namespace) -> None:
    from shim.microphone import Microphone, MicrophoneError
    from shim.protocol.mapping.errors import FailureKind, from_failure
    from shim.protocol.mapping.hosts import DEFAULT_SPEECHMATICS_URL
    from shim.settings import configure, current
    from shim.speechmatics import (
        AudioSettings,
        ConnectionSettings,
        ServerMessageType,
        TranscriptionConfig,
        TranscriptionError,
        WebsocketClient,
    )

    configure(region=arguments.region, speech_model=arguments.model)
    if not current().api_key:
        raise TranscriptionError(from_failure(FailureKind.NO_KEY).reason)
    screen = Screen(sys.stdout)
    client = WebsocketClient(ConnectionSettings(DEFAULT_SPEECHMATICS_URL))
    client.add_event_handler(ServerMessageType.Warning, lambda message: screen.note(message["reason"]))
    if sys.stderr.isatty():
        client.add_event_handler(
            ServerMessageType.RecognitionStarted, lambda message: screen.note("listening; Ctrl-C ends")
        )
    if arguments.json:
        transcripts = dict.fromkeys(
            (ServerMessageType.AddPartialTranscript, ServerMessageType.AddTranscript), _as_json(screen)
        )
    else:
        transcripts = {
            ServerMessageType.AddPartialTranscript: _as_text(screen.partial),
            ServerMessageType.AddTranscript: _as_text(screen.final),
        }
    for kind, show in transcripts.items():
        client.add_event_handler(kind, show)
    with _log_on(screen), Microphone(arguments.device, _SAMPLE_RATE, _FRAME_MS) as microphone:
        stream = _Stream(microphone)
        try:
            with _stopped_by_signals(microphone):
                client.run_synchronously(
                    stream,
                    TranscriptionConfig(arguments.language, enable_partials=True),
                    AudioSettings("pcm_s16le", _SAMPLE_RATE, _SAMPLE_RATE * 2 * _FRAME_MS // 1000),
                )
        finally:
            screen.clear()
        if isinstance(stream.failure, MicrophoneError):
            raise stream.failure


def _as_text(show: Callable[[str], None]) -> Callable[[dict[str, Any]], None]:
    return lambda message: show(message["metadata"]["transcript"])


def _as_json(screen: Screen) -> Callable[[dict[str, Any]], None]:
    return lambda message: screen.final(json.dumps(message, ensure_ascii=False))


class Screen:
    """Finals as lines, below them the partial that is still changing, where the output is a terminal.

    Args:
        output: where the transcript goes.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._rewrites = output.isatty() and os.environ.get("TERM") != "dumb"
        self._partial = False

    def partial(self, text: str) -> None:
        """Show a partial in the place of the one before; its end, where it is wider than the terminal."""
        if self._rewrites:
            # Room for the ^C that a terminal shows, and a last column free: writing there may begin a new line.
            width = shutil.get_terminal_size().columns - 3
            self._write(_CLEAR_LINE + fitted(printable(text), width))
            self._partial = True

    def final(self, text: str) -> None:
        """Print a final as a line of its own; nothing for an empty one."""
        self.clear()
        if text := printable(text):
            self._write(text + "\n")

    def note(self, text: str) -> None:
        """Tell the user something, on standard error."""
        self.clear()
        print(f"shim listen: {printable(text)}", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the partial away."""
        if self._partial:
            self._write(_CLEAR_LINE)
            self._partial = False

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()


def printable(text: str) -> str:
    """The text without white space around it and without what a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def fitted(text: str, width: int) -> str:
    """The end of a text, as much as fits into so many columns of a terminal; an ellipsis stands for the rest."""
    if sum(map(_columns, text)) <= width:
        return text
    room = width - 1
    start = len(text)
    while start > 0 and _columns(text[start - 1]) <= room:
        start -= 1
        room -= _columns(text[start])
    return "…" + text[start:]


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


class _Stream:
    """A microphone whose failure ends the stream, not the session, so that the last words still come.

    Attributes:
        failure: what the microphone raised.
    """

    def __init__(self, microphone: Microphone) -> None:
        self._microphone = microphone
        self.failure: MicrophoneError | None = None

    def read(self, size: int) -> bytes:
        from shim.microphone import MicrophoneError

        try:
            return self._microphone.read(size)
        except MicrophoneError as failure:
            self.failure = failure
            return b""


@contextmanager
def _stopped_by_signals(microphone: Microphone) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) ends the recording and lets the rest come; a second one ends the program."""

    def stop(number: int, frame: FrameType | None) -> None:
        microphone.stop()
        signal.signal(number, usual[number])

    usual: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in usual:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


@contextmanager
def _log_on(screen: Screen) -> Iterator[None]:
    """Show what the microphone logs. What the session logs comes as messages too; once is enough."""

    class ToScreen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "shim.microphone":
                screen.note(record.getMessage())

    handler, logger = ToScreen(), logging.getLogger("shim")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
