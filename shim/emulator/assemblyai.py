"""AssemblyAI Streaming v3 on this machine.

Built from AssemblyAI's docs and AsyncAPI documents (2026-03 and later) and from what was observed live in 2026-09,
which wins where they differ. What it cannot do is in `NOT_EMULATED`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shim.emulator.assemblyai_configuration import UNSERVED_MODELS, Configuration, Invalid
from shim.emulator.assemblyai_turns import Say, Turns
from shim.emulator.faults import ActiveFaults, Fault, UnknownFault
from shim.emulator.hearing import Heard, Hearing
from shim.emulator.scene import Scene
from shim.emulator.serving import Emulator, Request, Response, Session, Socket
from shim.protocol.mapping.hosts import STREAMING_PATH, TOKEN_PATH

NOT_EMULATED = (
    "Opus and AAC audio: accepted, never heard",
    "redaction and profanity filtering of the text (redact_pii does suppress partials)",
    "the effect of prompt, keyterms_prompt, domain, voice_focus and language_codes on what is transcribed",
    "webhooks, LLMGatewayResponse (as for an account without access)",
    "SpeakerRevision in the middle of a session; the loss of words at the ten-second cut of speaker labels",
    "partials that take words back, and parts of words",
    "non-speech tags of whisper-rt",
    "account limits other than the rate of new sessions",
)

BEGIN_SECONDS = 0.6
"""From the 101 to Begin."""
REJECTION_CLOSE_SECONDS = 0.2
"""From the Error of a rejected session to its close."""
BAD_MESSAGE_SECONDS = 0.95
"""From a message that is not valid to its Error."""
UNSERVED_SECONDS = 5.0
TERMINATION_SECONDS = 1.25
"""From Terminate to Termination, with a turn in flight."""
IDLE_TERMINATION_SECONDS = 0.6
REVISION_SECONDS = 0.4
HEARTBEAT_SECONDS = 5.0
SESSION_SECONDS = 10_800
SHORTEST_MS, LONGEST_MS = 50, 1000
SHORT_AUDIO_SECONDS = 0.975
"""So much audio in short frames is accepted: 49 frames of 20 ms."""
CATCH_UP = 1.25
"""How much faster than real time audio is processed that came too fast."""
BACKLOG_SECONDS = 300.0
"""So far ahead of real time may audio come."""
TOKEN_SECONDS = 0.8

CLOSE_REASON = "See Error message for details"
UNAUTHORIZED = "Unauthorized Connection: "
INVALID_INPUT = "User Input Validation Error: "

ERRORS: dict[str, tuple[int, str]] = {
    "3005": (3005, "Session Cancelled: An error occurred"),
    "3006": (3006, INVALID_INPUT + "Invalid Message"),
    "3007": (
        3007,
        "Input Duration Error: Input Duration Violation: 20.0 ms. Expected between 50 and 1000 ms",
    ),
    "3008": (3008, "Session Expired: Maximum session duration exceeded"),
    "3009": (3009, "Too many concurrent sessions"),
    "1008": (1008, UNAUTHORIZED + "Invalid API key"),
    "missing-key": (1008, UNAUTHORIZED + "Missing Authorization header"),
    "expired-token": (1008, UNAUTHORIZED + "Signature has expired"),
    "too-many-sessions": (1008, UNAUTHORIZED + "Too many concurrent sessions"),
    "balance": (1008, UNAUTHORIZED + "Insufficient account balance"),
    "pace": (3007, "Audio Transmission Rate Exceeded: Audio was sent faster than real time"),
    "opus": (3006, INVALID_INPUT + "Failed to decode Opus packet: [Errno 1094995529] Invalid data found"),
    "1011": (1011, "Internal error"),
}
"""Errors on demand, for the faults ``error``, ``error-without-close`` and ``refuse``."""

DEFAULT_ERROR = "3005"


class Rejected(Exception):
    """The session ends with an Error and a close of the same code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Token:
    """A temporary token.

    Attributes:
        expires: second of the clock until which it opens sessions.
        session_seconds: how long these may last.
    """

    expires: float
    session_seconds: int


@dataclass(frozen=True)
class Audio:
    """A binary message, and the second of the clock at which it came."""

    data: bytes
    arrived: float


class AssemblyAISession(Session):
    """One client's session."""

    emulator: AssemblyAIEmulator

    def __init__(self, emulator: AssemblyAIEmulator, socket: Socket) -> None:
        super().__init__(emulator, socket)
        self.emulator = emulator
        self._arrived: asyncio.Queue[Audio | dict[str, Any]] = asyncio.Queue()
        self._last_message = self.clock.now()
        self._received = 0.0
        self._first_audio: float | None = None
        self._short_audio = 0.0
        self._begun_at = self.clock.now()
        self._spoken = False

    async def converse(self) -> None:
        """Accept or reject, begin, and serve until the end."""
        try:
            if refuse := self.faults.get("refuse"):
                raise Rejected(*error_named(refuse.argument))
            session_seconds = self.emulator.admit(self.socket.request, self.faults)
            self._configuration = Configuration.from_query(self.socket.request.query)
        except Invalid as error:
            return await self._reject(Rejected(3006, INVALID_INPUT + str(error)))
        except Rejected as rejected:
            return await self._reject(rejected)
        if code := self.faults.get("close-before-start"):
            return await self.socket.close(int(code.number), "")
        self.socket.bytes_per_second = self._configuration.bytes_per_second
        self._turns = Turns(self.scene, self._configuration, self.faults)
        self._hearing = (
            Hearing(self.scene, self._configuration.encoding, self._configuration.sample_rate)
            if self._configuration.bytes_per_second
            else None
        )
        self.spawn(self._serve(session_seconds))
        try:
            while True:
                await self._receive(await self.socket.receive())
        except Rejected as rejected:
            await self._end_with(rejected)
        return None

    async def send_error(self, kind: str, close: bool) -> None:
        """Send one of `ERRORS`."""
        rejected = Rejected(*error_named(kind))
        if close:
            await self._end_with(rejected)
        else:
            await self._send_error(rejected)

    async def happen(self, fault: Fault) -> None:
        """Carry out a timed fault."""
        if fault.name == "warning":
            self.say({"type": "Warning", "warning_code": int(fault.number), "warning": "Something is odd"})
        else:
            await super().happen(fault)

    async def _reject(self, rejected: Rejected) -> None:
        await self._send_error(rejected)
        await self.clock.sleep(REJECTION_CLOSE_SECONDS)
        await self.socket.close(rejected.code, CLOSE_REASON)

    async def _end_with(self, rejected: Rejected) -> None:
        await self._send_error(rejected)
        await self.socket.close(rejected.code, CLOSE_REASON)

    async def _send_error(self, rejected: Rejected) -> None:
        await self.socket.send({"type": "Error", "error_code": rejected.code, "error": str(rejected)})

    async def _receive(self, message: str | bytes) -> None:
        """Judge a message of the client as it arrives, and queue it."""
        self._last_message = self.clock.now()
        if isinstance(message, bytes):
            self._measure(message)
            self._arrived.put_nowait(Audio(message, self.clock.now()))
            return
        try:
            self._arrived.put_nowait(self._judge(message))
        except Invalid as error:
            await self.clock.sleep(BAD_MESSAGE_SECONDS)
            raise Rejected(3006, INVALID_INPUT + str(error)) from None

    def _judge(self, text: str) -> dict[str, Any]:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Invalid(f"Invalid JSON: {error}") from None
        if not isinstance(message, dict) or "type" not in message:
            raise Invalid(f"Invalid Message: {text[:100]}")
        if message["type"] not in ("Terminate", "ForceEndpoint", "KeepAlive", "UpdateConfiguration"):
            raise Invalid(f"Invalid Message Type: {message['type']}")
        if message["type"] == "UpdateConfiguration":
            self._configuration.update(message)
        return message

    def _measure(self, audio: bytes) -> None:
        """The rules for the length of a message and for the pace; only known of samples."""
        if not self._configuration.bytes_per_second:
            return
        seconds = len(audio) / self._configuration.bytes_per_second
        milliseconds = round(seconds * 1000, 3)
        too_short = milliseconds < SHORTEST_MS
        self._short_audio = self._short_audio + seconds if too_short else 0.0
        if milliseconds > LONGEST_MS or self._short_audio >= SHORT_AUDIO_SECONDS:
            raise Rejected(
                3007,
                f"Input Duration Error: Input Duration Violation: {milliseconds} ms. "
                f"Expected between {SHORTEST_MS} and {LONGEST_MS} ms",
            )
        if self._first_audio is None:
            self._first_audio = self.clock.now()
        self._received += seconds
        strict = self.faults.get("strict-pace")
        ahead = self._received - (self.clock.now() - self._first_audio)
        if ahead > (strict.number if strict else BACKLOG_SECONDS):
            raise Rejected(*ERRORS["pace"])

    async def _serve(self, session_seconds: int) -> None:
        """Begin, and work on what arrives in its order."""
        await self.clock.sleep(BEGIN_SECONDS)
        await self.may_start()
        self._begun_at = self.clock.now()
        self.say(
            {
                "type": "Begin",
                "id": str(uuid.uuid4()),
                "expires_at": int(time.time()) + session_seconds,
                "configuration": self._configuration.echo,
            }
        )
        await self.said()
        await self.audio_reached(0)
        self.spawn(self._watch(session_seconds))
        processed_until = processed = 0.0
        while True:
            item = await self._arrived.get()
            if isinstance(item, Audio):
                await self.clock.sleep(max(processed_until, item.arrived) - self.clock.now())
                seconds = len(item.data) / (self._configuration.bytes_per_second or float("inf"))
                processed_until = max(processed_until, item.arrived) + seconds / CATCH_UP
                processed += seconds
                self._process(item.data)
                await self.audio_reached(processed)
            elif item["type"] == "ForceEndpoint":
                self._say_all(self._turns.force())
            elif item["type"] == "Terminate":
                return await self._terminate()

    def _process(self, audio: bytes) -> None:
        if self._hearing is None:
            return
        second = int(self._hearing.silence)
        heard = self._hearing.feed(audio)
        self._spoken = self._spoken or bool(heard)
        silence = self._hearing.silence
        self._say_all(self._turns.advance(heard, self._hearing.seconds, silence))
        listens = self._configuration.on("acknowledge_silence") and self._configuration.mode
        if listens and int(silence) > second:
            end = round(self._hearing.seconds * 1000)
            self.say({"type": "Silence", "start_ms": end - 1000, "end_ms": end})

    def _say_all(self, says: Iterable[Say]) -> None:
        for one in says:
            if not self.muted:
                self.say(one.message, one.delay)

    async def _terminate(self) -> None:
        asked_at = self.clock.now()
        heard: list[Heard] = self._hearing.finish() if self._hearing else []
        in_flight = self._turns.open or bool(heard)
        self._say_all(self._turns.finish(heard))
        await self.said()
        if "hang-after-terminate" in self.faults:
            return
        delay = TERMINATION_SECONDS if in_flight else IDLE_TERMINATION_SECONDS
        if revision := self._turns.revision():
            self.say(revision)
            delay += REVISION_SECONDS
        if late := self.faults.get("late-termination"):
            delay += late.number
        if "no-termination" not in self.faults:
            await self.clock.sleep(asked_at + delay - self.clock.now())
            self.say(
                {
                    "type": "Termination",
                    "audio_duration_seconds": int(round(self._received, 3)),
                    "session_duration_seconds": int(self.clock.now() - self._begun_at),
                }
            )
        await self.said()
        await self.socket.close(1000, "Session Ended")

    async def _watch(self, session_seconds: int) -> None:
        """What ends or accompanies a session by the clock alone."""
        ends = self._begun_at + session_seconds
        next_heartbeat = self._begun_at + HEARTBEAT_SECONDS
        unserved = self._configuration.model in UNSERVED_MODELS
        fails = self._begun_at + UNSERVED_SECONDS if unserved else float("inf")
        idle = self._configuration.get("inactivity_timeout", float("inf"))
        try:
            while True:
                moments = (ends, next_heartbeat, fails, self._last_message + idle)
                await self.clock.sleep(min(moments) - self.clock.now())
                now = self.clock.now()
                if now >= ends:
                    raise Rejected(*ERRORS["3008"])
                if now >= fails:
                    raise Rejected(*ERRORS["3005"])
                if now >= self._last_message + idle:
                    raise Rejected(
                        3006,
                        f"{INVALID_INPUT}Session terminated due to inactivity: "
                        f"No messages received for {idle} seconds",
                    )
                if now >= next_heartbeat:
                    next_heartbeat += HEARTBEAT_SECONDS
                    self._heartbeat()
        except Rejected as rejected:
            await self._end_with(rejected)

    def _heartbeat(self) -> None:
        if not self._configuration.on("session_heartbeat"):
            return
        elapsed = self.clock.now() - self._begun_at
        self.say(
            {
                "type": "Heartbeat",
                "total_audio_received_ms": round(self._received * 1000),
                "total_duration_ms": round(elapsed * 1000),
                "realtime_factor": round(self._received / elapsed, 3),
                "max_speech_probability": 0.98 if self._spoken else 0.03,
            }
        )
        self._spoken = False


class AssemblyAIEmulator(Emulator):
    """AssemblyAI Streaming v3 on this machine: ``/v3/ws`` and ``/v3/token``.

    Args:
        scene: what may be said, or the path of its file.
        options: speed, faults, keys, tls, host, port and journal, as `Emulator` takes them.

    Raises:
        UnknownFault: a fault is not known, or names an error that is none of `ERRORS`.
    """

    service: ClassVar[str] = "assemblyai"
    max_message_bytes: ClassVar[int] = 128 * 1024

    def __init__(self, scene: Scene | str | Path, **options: Any) -> None:
        super().__init__(scene, **options)
        for fault in self.faults:
            if fault.name in ("error", "error-without-close", "refuse"):
                error_named(fault.argument)
        self._tokens: dict[str, Token] = {}
        self._session_starts: deque[float] = deque()

    def session(self, socket: Socket) -> Session:
        """The session that an accepted connection gets."""
        return AssemblyAISession(self, socket)

    def accepts(self, request: Request) -> bool:
        """Whether this is the streaming path."""
        return request.path == STREAMING_PATH

    def issue_token(self, expires_in_seconds: float, session_seconds: int = SESSION_SECONDS) -> str:
        """A temporary token, as ``/v3/token`` gives it; ``expires_in_seconds`` of the clock."""
        token = "AQI" + secrets.token_urlsafe(1948)
        self._tokens[token] = Token(self.clock.now() + expires_in_seconds, session_seconds)
        return token

    def admit(self, request: Request, faults: ActiveFaults) -> int:
        """How many seconds the session may last that asks to begin.

        Raises:
            Rejected: it may not begin.
        """
        credential = request.headers.get("authorization")
        token = self._tokens.get(credential or request.parameter("token") or "")
        if token is None and not credential and not request.parameter("token"):
            raise Rejected(*ERRORS["missing-key"])
        if token is None and not self._is_key(credential):
            raise Rejected(*ERRORS["1008"])
        if token is not None and token.expires < self.clock.now():
            raise Rejected(*ERRORS["expired-token"])
        self._limit_rate(faults.get("session-rate"))
        if cap := faults.get("session-cap"):
            return int(cap.number)
        return token.session_seconds if token else SESSION_SECONDS

    async def answer(self, request: Request) -> Response:
        """Answer ``GET /v3/token``."""
        if request.path == STREAMING_PATH:
            return Response(426, {"detail": "Upgrade Required"})
        if request.path != TOKEN_PATH:
            return await super().answer(request)
        if request.method != "GET":
            return Response(405, {"detail": "Method Not Allowed"})
        problems = [
            *_missing_header(request),
            *_out_of_range(request, "expires_in_seconds", 1, 600, required=True),
            *_out_of_range(request, "max_session_duration_seconds", 60, SESSION_SECONDS, required=False),
        ]
        if problems:
            return Response(422, {"detail": problems})
        await self.clock.sleep(TOKEN_SECONDS)
        credential = request.headers["authorization"]
        if not self._is_key(credential.removeprefix("Bearer ")):
            return Response(401, {"error": "Unauthorized: Invalid API key"})
        seconds = int(request.parameter("expires_in_seconds") or 0)
        longest = int(request.parameter("max_session_duration_seconds") or SESSION_SECONDS)
        return Response(200, {"token": self.issue_token(seconds, longest), "expires_in_seconds": seconds})

    def _is_key(self, credential: str | None) -> bool:
        """A key comes alone: ``Bearer`` before it makes it another, unknown one."""
        if not credential or " " in credential:
            return False
        return self.keys is None or credential in self.keys

    def _limit_rate(self, limit: Fault | None) -> None:
        now = self.clock.now()
        while self._session_starts and self._session_starts[0] <= now - 60:
            self._session_starts.popleft()
        if limit and len(self._session_starts) >= limit.number:
            raise Rejected(*ERRORS["too-many-sessions"])
        self._session_starts.append(now)


def error_named(kind: str) -> tuple[int, str]:
    """Code and text of one of `ERRORS`; an empty name means `DEFAULT_ERROR`.

    Raises:
        UnknownFault: there is none of that name.
    """
    try:
        return ERRORS[kind or DEFAULT_ERROR]
    except KeyError:
        raise UnknownFault(
            f"{kind!r} is no error of the assemblyai emulator; there are: {', '.join(ERRORS)}"
        ) from None


def _missing_header(request: Request) -> list[dict[str, Any]]:
    if request.headers.get("authorization"):
        return []
    return [{"type": "missing", "loc": ["header", "Authorization"], "msg": "Field required", "input": None}]


def _out_of_range(
    request: Request, name: str, low: int, high: int, *, required: bool
) -> list[dict[str, Any]]:
    """What FastAPI says of an integer in the query."""
    value = request.parameter(name)
    where = {"loc": ["query", name], "input": value}
    if value is None:
        return [{"type": "missing", **where, "msg": "Field required"}] if required else []
    try:
        number = int(value)
    except ValueError:
        problem = "Input should be a valid integer, unable to parse string as an integer"
        return [{"type": "int_parsing", **where, "msg": problem}]
    if number < low:
        problem = f"Input should be greater than or equal to {low}"
        return [{"type": "greater_than_equal", **where, "msg": problem, "ctx": {"ge": low}}]
    if number > high:
        problem = f"Input should be less than or equal to {high}"
        return [{"type": "less_than_equal", **where, "msg": problem, "ctx": {"le": high}}]
    return []
