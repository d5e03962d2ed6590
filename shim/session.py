"""One Speechmatics client: its translator, its AssemblyAI connections, and everything that goes between them."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from shim.clock import Clock
from shim.decoding import Decoder
from shim.protocol import assemblyai, speechmatics
from shim.protocol.effects import (
    CloseClient,
    CloseUpstream,
    Decode,
    Effect,
    EndDecoding,
    Log,
    OpenUpstream,
    SendClient,
    SendUpstream,
)
from shim.protocol.mapping.errors import SPEECHMATICS_CLOSE_REASONS, ErrorMapping, FailureKind, error
from shim.protocol.mapping.hosts import Region
from shim.protocol.translator import Handshake, State, Translator, TranslatorOptions
from shim.settings import Settings
from shim.spool import Spool
from shim.upstream import Upstream, send_at_once

logger = logging.getLogger("shim")

LEAVE_SECONDS = 10.0
"""Seconds that AssemblyAI has to confirm the end of a session whose client is gone, before its connection is cut."""

MESSAGE_BYTES = 16 * 2**20
"""The longest message that is taken from a client; a longer one closes its connection with code 1009."""

AUDIO_AHEAD_BYTES = 2**20
"""Audio that the translator and the decoder may hold before its time; what else comes early waits in a `Spool`."""

AUDIO_BACKLOG_BYTES = 2**30
"""What may wait in the spool, nine hours of 16 kHz 16-bit audio; more ends the session with an Error."""

CLIENT_BACKLOG_BYTES = 16 * 2**20
"""What may wait for a client that does not read; more cuts it off."""


@dataclass(frozen=True)
class Limits:
    """What a session server takes from its clients.

    Attributes:
        sessions: clients at a time; one more gets the Error ``quota_exceeded``. None: any number.
        message_bytes: the longest message; a longer one closes the connection with code 1009.
        idle_seconds: seconds without any message of a client until it gets the Error ``idle_timeout``, unless its audio
            waits for its time or its stream has ended. None: only the hour without audio counts that Speechmatics allows.
    """

    sessions: int | None = None
    message_bytes: int = MESSAGE_BYTES
    idle_seconds: float | None = None


class Session:
    """One Speechmatics client with its translator and its AssemblyAI connections. Lives in one event loop."""

    def __init__(
        self,
        number: int,
        connection: ServerConnection,
        handshake: Handshake,
        settings: Settings,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._name = f"session {number}"
        self._connection = connection
        self._api_key = api_key(settings)
        self._clock = clock
        self._limits = limits
        self._last_heard = clock.now()
        self._translator = Translator(handshake, _translator_options(settings))
        self._spool = Spool()
        self._decoders: dict[str | None, Decoder] = {}
        self._upstreams: dict[int, Upstream] = {}
        self._outbox: asyncio.Queue[SendClient | CloseClient] = asyncio.Queue()
        self._outbox_bytes = 0
        self._client_ended = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client is still served."""
        return not self._client_ended

    async def run(self) -> None:
        """Serve the client until it is gone, and AssemblyAI has confirmed the end or was given `LEAVE_SECONDS` to."""
        writer = asyncio.create_task(self._write())
        self._check_idle()
        try:
            await self._read()
            if not self._client_ended:
                self._client_ended = True
                self._step(self._translator.client_closed)
            await self._upstreams_closed()
        finally:
            self._client_ended = True
            self._drop_waiting()
            self._stop_decoding()
            writer.cancel()
            for timer in (self._timer, self._idle_timer):
                if timer is not None:
                    timer.cancel()
            await asyncio.gather(*(upstream.aclose(0.1) for upstream in self._upstreams.values()))

    def drain(self) -> None:
        """The program closes: end its stream if it forgot to, send it what is owed, then close its connection.

        The translator's ``DRAIN_SECONDS`` later the connection is closed in any case, and the log says so.
        """
        if self._client_ended:
            return
        if not self._translator.owes_anything:
            # As Speechmatics' own server would: the program closes before its session started.
            self._queue(CloseClient(1000, ""))
            self._step(self._translator.client_closed)
        else:
            # What waits behind so much audio cannot be heard any more before the connection closes.
            self._drop_waiting()
            self._step(self._translator.drain)

    async def refuse(self, failure: ErrorMapping) -> None:
        """Instead of `run`: tell the client why it is not served."""
        self._send_error(failure)
        await self._write()

    def abort(self) -> None:
        """Cut the client off without a close frame."""
        self._connection.transport.abort()

    # From the client

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                self._last_heard = self._clock.now()
                self._take(message)
        except ConnectionClosed as closed:
            if closed.sent is not None and closed.sent.code == CloseCode.MESSAGE_TOO_BIG:
                logger.error(
                    "%s: disconnected, because a message of the program was longer than %d bytes; send the audio in "
                    "smaller pieces",
                    self._name,
                    self._limits.message_bytes,
                )

    def _take(self, message: str | bytes) -> None:
        if self._client_ended:
            return
        if not self._spool and self._has_room:
            self._step(self._receiver(message), message)
            return
        problem = ""
        try:
            self._spool.put(message)
        except OSError as refused:
            problem = f"what waits could not be written to a temporary file ({refused.strerror})"
        if self._spool.bytes > AUDIO_BACKLOG_BYTES:
            problem = f"{AUDIO_BACKLOG_BYTES // 2**20} MiB wait"
        if problem:
            failure = error(
                "job_error",
                f"The program sends audio much faster than real time: {problem}. Wait for AudioAdded, or send the audio "
                "at the pace at which it was spoken.",
            )
            self._end_with(failure)

    def _receiver(self, message: str | bytes) -> Callable[..., list[Effect]]:
        return self._translator.client_message if isinstance(message, str) else self._translator.client_audio

    @property
    def _has_room(self) -> bool:
        """Whether more can be taken from the client before its time."""
        decoding = sum(decoder.pending_bytes for decoder in self._decoders.values())
        return self._translator.buffered_bytes + decoding < AUDIO_AHEAD_BYTES

    def _drop_waiting(self) -> None:
        if self._spool:
            logger.warning("%s: %d bytes from the program were not used", self._name, self._spool.bytes)
            self._spool.clear()

    def _stop_decoding(self) -> None:
        for decoder in self._decoders.values():
            decoder.close()
        self._decoders.clear()

    def _check_idle(self) -> None:
        seconds = self._limits.idle_seconds
        if seconds is None or self._client_ended:
            return
        # Who has sent all of a file, or has sent faster than real time, has nothing to say for a long time.
        waits = bool(self._spool) or self._translator.state is State.ENDING
        left = seconds if waits else self._last_heard + seconds - self._clock.now()
        if left <= 0:
            self._end_with(
                error(
                    "idle_timeout",
                    f"No message came for {seconds:g} s. Start a new session when there is audio again.",
                )
            )
            return
        self._idle_timer = asyncio.get_running_loop().call_later(self._clock.real(left), self._check_idle)

    def _end_with(self, failure: ErrorMapping) -> None:
        logger.error("%s: %s", self._name, failure.reason)
        self._send_error(failure)
        self._step(self._translator.client_closed)

    # From AssemblyAI

    def upstream_opened(self, connection: int) -> None:
        """An AssemblyAI connection is open."""
        self._step(self._opened, connection)

    def upstream_message(self, connection: int, data: str | bytes) -> None:
        """AssemblyAI sent a message."""
        self._step(self._translator.upstream_message, connection, data)

    def upstream_closed(self, connection: int, code: int, reason: str) -> None:
        """An AssemblyAI connection has closed."""
        self._upstreams.pop(connection, None)
        self._step(self._translator.upstream_closed, connection, code, reason)

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str) -> None:
        """An AssemblyAI connection did not open, or takes no more."""
        self._upstreams.pop(connection, None)
        self._step(self._translator.upstream_failed, connection, kind, detail)

    def _opened(self, connection: int, now: float) -> list[Effect]:
        return self._translator.upstream_opened(connection, now, time.time())

    # To both

    def _step(self, step: Callable[..., list[Effect]], *arguments: object) -> None:
        """Tell the translator what happened, then what waits and has room, and set the timer for its next deadline."""
        self._tell(step, *arguments)
        while self._spool and self._has_room and not self._client_ended:
            try:
                message = self._spool.get()
            except OSError as lost:
                self._spool.clear()
                self._end_with(
                    error("job_error", f"Audio in a temporary file could not be read ({lost.strerror}).")
                )
                return
            self._tell(self._receiver(message), message)
        if self._decoders and self._translator.buffered_bytes < AUDIO_AHEAD_BYTES:
            for decoder in self._decoders.values():
                decoder.resume()
        self._set_timer(self._translator.deadline())

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            # Deadlines move on with everything that comes. A tick that is too early sets the timer anew.
            if deadline is not None and self._timer_due <= deadline:
                return
            self._timer.cancel()
            self._timer = None
        if deadline is not None:
            self._timer_due = deadline
            wait = self._clock.real(deadline - self._clock.now())
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._step(self._translator.tick)

    def _tell(self, step: Callable[..., list[Effect]], *arguments: object) -> None:
        try:
            effects = step(*arguments, self._clock.now())
        except Exception as defect:
            # The translator takes whatever peers send. Should it not, the program must hear of it at once.
            logger.error(
                "%s: internal error (%s in %s), the session ends; please report it",
                self._name,
                type(defect).__name__,
                step.__name__,
            )
            self._send_error(
                error(
                    "unknown_error", "The drop-in met an internal error. Its log names it; please report it."
                )
            )
            effects = [SendUpstream(connection, assemblyai.terminate()) for connection in self._upstreams]
            effects += [CloseUpstream(connection) for connection in self._upstreams]
        self._carry_out(effects)
        if self._translator.state is State.ENDED:
            self._drop_waiting()
            self._stop_decoding()

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendClient() | CloseClient():
                    self._queue(effect)
                case OpenUpstream(connection, url):
                    # One that was given up before it opened reports nothing.
                    self._upstreams = {n: one for n, one in self._upstreams.items() if not one.task.done()}
                    self._upstreams[connection] = Upstream(connection, url, self._api_key, self)
                case SendUpstream(connection, data):
                    if connection in self._upstreams:
                        self._upstreams[connection].send(data)
                case CloseUpstream(connection):
                    if connection in self._upstreams:
                        self._upstreams[connection].close()
                case Decode(container, data, channel):
                    if channel not in self._decoders:
                        self._decoders[channel] = Decoder(
                            container,
                            functools.partial(self._step, self._translator.decoded, channel),
                            functools.partial(self._step, self._translator.decoding_ended, channel),
                        )
                    self._decoders[channel].feed(data)
                case EndDecoding(channel):
                    if channel in self._decoders:
                        self._decoders[channel].finish()
                case Log(level, text):
                    logger.log(level, "%s: %s", self._name, text)

    def _send_error(self, failure: ErrorMapping) -> None:
        message = speechmatics.error(failure.type, failure.reason)
        self._queue(SendClient(json.dumps(message)))
        self._queue(CloseClient(failure.close_code, SPEECHMATICS_CLOSE_REASONS[failure.close_code]))

    def _queue(self, effect: SendClient | CloseClient) -> None:
        if self._client_ended:
            return
        if isinstance(effect, CloseClient):
            self._client_ended = True
        elif self._outbox.empty() and send_at_once(self._connection, effect.text):
            return
        else:
            self._outbox_bytes += len(effect.text)
            if self._outbox_bytes > CLIENT_BACKLOG_BYTES:
                logger.error(
                    "%s: disconnected, because the program does not read: %d MiB of messages wait for it",
                    self._name,
                    CLIENT_BACKLOG_BYTES // 2**20,
                )
                self.abort()
                return
        self._outbox.put_nowait(effect)

    async def _write(self) -> None:
        try:
            while True:
                effect = await self._outbox.get()
                if isinstance(effect, CloseClient):
                    await self._connection.close(effect.code, effect.reason)
                    return
                await self._connection.send(effect.text)
                self._outbox_bytes -= len(effect.text)
        except ConnectionClosed:
            return  # whoever reads sees it too

    async def _upstreams_closed(self) -> None:
        deadline = self._clock.now() + LEAVE_SECONDS
        while tasks := [upstream.task for upstream in self._upstreams.values() if not upstream.task.done()]:
            seconds = deadline - self._clock.now()
            if seconds <= 0:
                logger.warning("%s: AssemblyAI did not confirm the end of the session", self._name)
                return
            await asyncio.wait(tasks, timeout=self._clock.real(seconds))


def api_key(settings: Settings) -> str:
    """The key as it is sent; empty without one. A line break that came along with it is no part of it."""
    return (settings.api_key or "").strip()


def _translator_options(settings: Settings) -> TranslatorOptions:
    return TranslatorOptions(
        streaming_url=settings.streaming_url,
        region=cast("Region | None", settings.region),
        speech_model=settings.speech_model,
        session_id=str(uuid.uuid4()),
        max_channels=settings.max_channels,
    )
