"""One Speechmatics session, carried out by AssemblyAI: the state machine between the two.

Sans-I/O: the owner says what came and what time it is, and gets back what to do. Nothing here raises because of what a
peer sent: a program's mistake becomes the Error that Speechmatics gives, AssemblyAI's failure an Error from the table.

What the program sees of its session is a `State`. Its audio goes over a line (`shim.protocol.line`), or over one for
each channel. A session ends with EndOfTranscript, when all its lines have ended, or with an Error; whatever text was in
hand goes out before either. However it ends, every AssemblyAI connection gets Terminate and is closed, because an open
one costs money for three hours.

Connections are numbered, and every effect and event carries the number; events of connections that a line has left are
ignored.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from shim.protocol import speechmatics
from shim.protocol.effects import CloseUpstream, Effect
from shim.protocol.line import Line
from shim.protocol.mapping.errors import (
    SPEECHMATICS_CLOSE_REASONS,
    ErrorMapping,
    FailureKind,
    error,
    from_failure,
    quotable,
)
from shim.protocol.mapping.languages import language_pack_info
from shim.protocol.mapping.parameters import update_fields
from shim.protocol.opening import Handshake, Opening, TranslatorOptions, read_start
from shim.protocol.output import Output
from shim.protocol.speechmatics import InfoType, WarningType
from shim.protocol.timers import Countdown, Timers
from shim.protocol.wants import Wants
from shim.protocol.wire import NotJSON, loads_object

__all__ = ["Handshake", "State", "Translator", "TranslatorOptions"]

ORCHESTRATOR_VERSION = "assemblyai-streaming-v3"
"""What RecognitionStarted says in the place of Speechmatics' own version."""

START_SECONDS = 4.0
"""RecognitionStarted comes at the latest now, whether or not AssemblyAI is ready: speechmatics-rt gives up after 5 s."""

DRAIN_SECONDS = 1.5
"""How long a program that closes waits for its last words."""

CLIENT_CLOSE_SECONDS = 10.0
"""How long a client has to close its connection after EndOfTranscript."""

IDLE_SECONDS = 3600.0
"""Speechmatics ends a session that gets no audio for an hour (Speechmatics docs, limits)."""

SESSION_SECONDS = 48 * 3600.0
"""And any session after two days, although AssemblyAI's connections would go on and on."""

_IDLE_WARNINGS = (15 * 60.0, 10 * 60.0, 5 * 60.0)
_SESSION_WARNINGS = (45 * 60.0, 30 * 60.0, 15 * 60.0)

BROADCAST_HERTZ = 12_000
"""From this sample rate on Speechmatics takes its model for broadcasts, below the one for telephones."""


class State(Enum):
    """What the program sees of its session."""

    WAITING = "waiting for StartRecognition"
    OPENING = "StartRecognition came, RecognitionStarted was not sent"
    RUNNING = "audio may come"
    ENDING = "EndOfStream came"
    ENDED = "EndOfTranscript or Error was sent, or the client is gone"


class Translator:
    """One session. See the module.

    Args:
        handshake: how the client connected.
        options: what the user chose about AssemblyAI.
    """

    def __init__(self, handshake: Handshake, options: TranslatorOptions) -> None:
        self._handshake = handshake
        self._options = options
        self._state = State.WAITING
        self._out = Output()
        self._timers = Timers()
        self._idle = Countdown(IDLE_SECONDS, _IDLE_WARNINGS)
        self._duration = Countdown(SESSION_SECONDS, _SESSION_WARNINGS)
        # By channel; the only one of a session without channels is that of None.
        self._lines: dict[str | None, Line] = {}
        self._opening: Opening  # exists as soon as there are lines
        self._config: Mapping[str, Any] = {}
        self._wants = Wants()
        self._end_when_started = False
        self._said_flexible = False
        self._draining = False

    # ---- What the owner asks

    @property
    def finished(self) -> bool:
        """Nothing more will come of this session."""
        return (
            self._state is State.ENDED
            and self._out.client_closed
            and all(line.closed for line in self._lines.values())
        )

    @property
    def state(self) -> State:
        """What the program sees of its session now."""
        return self._state

    @property
    def owes_anything(self) -> bool:
        """Whether the session has started, or audio waits for its start."""
        return self._state is not State.WAITING and (
            self._state is not State.OPENING or self.buffered_bytes > 0
        )

    @property
    def buffered_bytes(self) -> int:
        """Audio that came and could not leave yet."""
        return sum(line.buffered_bytes for line in self._lines.values())

    @property
    def held_seconds(self) -> float:
        """Audio that is held in case a connection is lost, or because it is."""
        return sum(line.held_seconds for line in self._lines.values())

    def deadline(self) -> float | None:
        """When to call `tick` next, on the owner's clock; None: not before something else happens."""
        times = [self._timers.next(), *(line.deadline() for line in self._lines.values())]
        return min((time for time in times if time is not None), default=None)

    # ---- What comes

    def client_message(self, text: str, now: float) -> list[Effect]:
        """The program sent a text frame."""
        if self._state is State.ENDED:
            return []
        try:
            message = loads_object(text)
        except NotJSON:
            self._refuse(error("invalid_message", "The message is not a JSON object."), now)
            return self._done(now)
        name = message.get("message")
        handlers = _CLIENT_MESSAGES.get(name) if isinstance(name, str) else None
        if handlers is None:
            known = ", ".join(_CLIENT_MESSAGES)
            said = (
                f"{quotable(name)!r} is not a message" if isinstance(name, str) else "The message has no name"
            )
            self._refuse(error("invalid_message", f"{said}; there are {known}."), now)
        elif self._state in handlers:
            handlers[self._state](self, message, now)
        else:
            reason = f"{name} is out of order: {self._state.value}."
            self._refuse(error("protocol_error", reason), now)
        return self._done(now)

    def client_audio(self, data: bytes, now: float) -> list[Effect]:
        """The program sent a binary frame: AddAudio.

        Half of the programs that speak the protocol themselves do not wait for RecognitionStarted. Their audio waits.
        """
        if self._state is State.WAITING:
            self._refuse(error("protocol_error", "Audio came before StartRecognition."), now)
        elif self._state is not State.ENDED:
            self._add_audio(None, data, now)
        return self._done(now)

    def decoded(self, channel: str | None, samples: bytes, pieces: int, now: float) -> list[Effect]:
        """A channel's decoder has made 16-bit mono samples at 16 kHz, and has used up so many `Decode` effects."""
        if self._state in (State.RUNNING, State.ENDING):
            self._lines[channel].decoded(samples, pieces, now)
        return self._done(now)

    def decoding_ended(self, channel: str | None, problem: str, now: float) -> list[Effect]:
        """A channel's decoder gives nothing more. ``problem`` says, for the program, what it made no samples of."""
        if self._state in (State.RUNNING, State.ENDING):
            self._lines[channel].decoding_ended(problem, now)
        return self._done(now)

    def client_closed(self, now: float) -> list[Effect]:
        """The client is gone: end AssemblyAI's sessions, tell the client nothing more."""
        self._out.client_closed = True
        self._end(now)
        return self._done(now)

    def drain(self, now: float) -> list[Effect]:
        """The program closes its connection: end the stream if it forgot to, send what still comes, then CloseClient."""
        if not self.owes_anything:
            self._refuse(error("job_error", "The connection was closed before the session started."), now)
        elif self._state is State.ENDED:
            self._close_client(1000, "")
        elif not self._draining:
            self._draining = True
            self._timers.set("drain", now + DRAIN_SECONDS)
            if self._state is State.RUNNING:
                self._end_of_stream({}, now)
            else:
                self._end_when_started = True
        return self._done(now)

    def upstream_opened(self, connection: int, now: float, unix_time: float | None = None) -> list[Effect]:
        """An AssemblyAI connection is open.

        ``unix_time`` is the same moment in seconds since 1970: the end of AssemblyAI's session is told in them.
        """
        line = self._line_of(connection)
        if line is None:
            # Given up before it opened: it must not stay open unnoticed.
            return [CloseUpstream(connection)]
        line.opened(now, unix_time)
        return self._done(now)

    def upstream_message(self, connection: int, data: str | bytes, now: float) -> list[Effect]:
        """AssemblyAI sent a message."""
        line = self._line_of(connection)
        if line is not None:
            line.message(data, now)
        return self._done(now)

    def upstream_closed(self, connection: int, code: int, reason: str, now: float) -> list[Effect]:
        """AssemblyAI closed a connection, or the network did (1006)."""
        line = self._line_of(connection)
        if line is not None:
            line.connection_closed(code, reason, now)
        return self._done(now)

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str, now: float) -> list[Effect]:
        """An AssemblyAI connection could not be opened, or takes no more.

        ``detail`` is one line for the operator, without a secret.
        """
        line = self._line_of(connection)
        if line is not None:
            self._out.log(f"the connection to AssemblyAI failed ({kind.value}): {detail}")
            line.lose(from_failure(kind), now)
        return self._done(now)

    def tick(self, now: float) -> list[Effect]:
        """The time of `deadline` has come."""
        for line in self._lines.values():
            line.tick(now)
        while name := self._timers.pop_due(now):
            _TIMERS[name](self, now)
        return self._done(now)

    def _line_of(self, connection: int) -> Line | None:
        """Whose present connection this is."""
        for line in self._lines.values():
            if line.holds(connection):
                return line
        return None

    def _done(self, now: float) -> list[Effect]:
        """Draw the conclusions from what happened to the lines."""
        if self._state is not State.ENDED:
            for line in self._lines.values():
                if line.failure is not None:
                    self._refuse(line.failure, now)
                    break
        if self._state is State.OPENING and all(line.has_begun for line in self._lines.values()):
            self._recognition_started(now)
        if self._state in (State.RUNNING, State.ENDING):
            for line in self._lines.values():
                if line.release(now) and self._state is State.RUNNING:
                    self._timers.set("idle", now + self._idle.restart())
        if self._state is State.ENDING and all(line.ended for line in self._lines.values()):
            self._end_of_transcript(now)
        return self._out.take()

    # ---- The program's messages

    def _start(self, message: Mapping[str, Any], now: float) -> None:
        opening = read_start(message, self._handshake, self._options)
        if isinstance(opening, ErrorMapping):
            self._refuse(opening, now)
            return
        self._opening = opening
        self._config = opening.config
        self._state = State.OPENING
        for channel in opening.channels or (None,):
            self._lines[channel] = Line(opening, self._wants, self._out, channel)
        for warning in opening.warnings:
            self._out.send(warning)
        self._follow_wants(opening.config)
        for line in self._lines.values():
            line.open(now)
        if opening.file:
            self._recognition_started(now)
        else:
            self._timers.set("start", now + START_SECONDS)

    def _follow_wants(self, config: Mapping[str, Any]) -> None:
        self._wants.read(config)
        for line in self._lines.values():
            line.follow_wants()
        if self._wants.max_delay is not None and not self._wants.fixed and not self._said_flexible:
            self._said_flexible = True
            self._out.send(
                speechmatics.info(
                    InfoType.RECOGNITION_QUALITY,
                    "max_delay with max_delay_mode flexible waits for the end of the speaker's turn, which may take "
                    "longer than max_delay. Use max_delay_mode fixed for finals within max_delay.",
                    quality="broadcast" if self._opening.sample_rate >= BROADCAST_HERTZ else "telephony",
                )
            )

    def _add_audio(self, channel: str | None, data: bytes, now: float) -> None:
        line = self._lines.get(channel)
        if line is None:
            self._refuse(error("protocol_error", self._no_channel(channel)), now)
            return
        if self._end_when_started or line.audio_ended:
            line.add_late_audio(now)
            return
        if self._state is State.RUNNING:
            self._timers.set("idle", now + self._idle.restart())
        line.add_audio(data, now)

    def _no_channel(self, channel: object) -> str:
        if None in self._lines:
            return "The session has no channels. Start it with diarization channel or channel_and_speaker."
        names = ", ".join(repr(quotable(name)) for name in self._lines if name is not None)
        said = "AddAudio names no channel" if channel is None else f"{quotable(str(channel))!r} is no channel"
        return f"{said}; the session has {names}."

    def _add_channel_audio(self, message: Mapping[str, Any], now: float) -> None:
        channel, data = message.get("channel"), message.get("data")
        try:
            audio = base64.b64decode(data, validate=True) if isinstance(data, str) else None
        except ValueError:
            audio = None
        if not isinstance(channel, str) or audio is None:
            reason = "AddChannelAudio needs a channel and its audio as data, in base64."
            self._refuse(error("invalid_message", reason), now)
        else:
            self._add_audio(channel, audio, now)

    def _end_of_channel(self, message: Mapping[str, Any], now: float) -> None:
        channel = message.get("channel")
        line = self._lines.get(channel) if isinstance(channel, str) else None
        if line is None:
            self._refuse(error("protocol_error", self._no_channel(channel)), now)
            return
        line.end_audio(now)
        if self._state is State.RUNNING and all(line.audio_ended for line in self._lines.values()):
            self._end_of_stream({}, now)

    def _end_of_stream_before_start(self, message: Mapping[str, Any], now: float) -> None:
        self._end_when_started = True

    def _end_of_stream(self, message: Mapping[str, Any], now: float) -> None:
        self._state = State.ENDING
        self._timers.clear("idle")
        for line in self._lines.values():
            line.end_audio(now)

    def _set_recognition_config(self, message: Mapping[str, Any], now: float) -> None:
        config = message.get("transcription_config")
        if not isinstance(config, Mapping):
            self._refuse(error("invalid_config", "SetRecognitionConfig needs a transcription_config."), now)
            return
        fields, notices = update_fields(config, self._opening.model, self._config)
        for notice in notices:
            if notice.level == "error":
                self._refuse(error(notice.type, notice.reason), now)
                return
            self._out.warn(WarningType(notice.type), notice.reason)
        for line in self._lines.values():
            line.update(fields)
        self._config = {**self._config, **config}
        self._follow_wants(config)

    def _force_end_of_utterance(self, message: Mapping[str, Any], now: float) -> None:
        channel = message.get("channel")
        if channel is None or None in self._lines:
            for line in self._lines.values():
                line.force_endpoint()
        elif isinstance(channel, str) and channel in self._lines:
            self._lines[channel].force_endpoint()
        else:
            self._refuse(error("protocol_error", self._no_channel(channel)), now)

    def _get_speakers(self, message: Mapping[str, Any], now: float) -> None:
        reason = "AssemblyAI has no speaker identifiers. SpeakersResult is empty."
        self._out.warn(WarningType.SPEAKER_ID, reason)
        if message.get("final") is True:
            self._wants.speakers_result = True
        else:
            self._out.send(speechmatics.speakers_result())

    def _too_late(self, message: Mapping[str, Any], now: float) -> None:
        reason = f"{message['message']} after EndOfStream has no effect."
        self._out.warn(WarningType.VALIDATION_WARNING, reason)

    def _repeated_end(self, message: Mapping[str, Any], now: float) -> None:
        self._out.log(f"{message['message']} came again; the session is ending already", logging.DEBUG)

    # ---- Time

    def _start_due(self, now: float) -> None:
        self._recognition_started(now)

    def _idle_due(self, now: float) -> None:
        left, wait = self._idle.step()
        if left:
            minutes = round(left / 60)
            silent = round((IDLE_SECONDS - left) / 60)
            self._out.warn(
                WarningType.IDLE_TIMEOUT,
                f"Session will timeout in {minutes}m due to inactivity, no audio sent within the last {silent}m",
            )
            self._timers.set("idle", now + wait)
        else:
            reason = "No audio came for an hour. Start a new session when there is audio again."
            self._refuse(error("idle_timeout", reason), now)

    def _session_due(self, now: float) -> None:
        left, wait = self._duration.step()
        if left:
            minutes = round(left / 60)
            active = round((SESSION_SECONDS - left) / 60)
            self._out.warn(
                WarningType.SESSION_TIMEOUT,
                f"Session will timeout in {minutes}m due to max duration, session has been active for {active}m",
            )
            self._timers.set("session", now + wait)
        else:
            reason = "The session has lasted 48 hours, the longest that there is. Start a new session."
            self._refuse(error("session_timeout", reason), now)

    def _drain_due(self, now: float) -> None:
        self._out.log(
            f"the program closed its connection, and AssemblyAI did not send the rest within {DRAIN_SECONDS} s. The "
            "last words may be missing; wait for EndOfTranscript before closing",
        )
        for line in self._lines.values():
            line.deliver_rest(now)
        self._end_of_transcript(now)
        self._end(now)

    def _client_close_due(self, now: float) -> None:
        self._close_client(1000, "")

    # ---- Starts and ends

    def _recognition_started(self, now: float) -> None:
        self._state = State.RUNNING
        self._timers.clear("start")
        self._timers.set("idle", now + self._idle.restart())
        self._timers.set("session", now + self._duration.restart())
        self._out.send(
            speechmatics.recognition_started(
                self._options.session_id,
                language_pack_info(self._opening.language),
                ORCHESTRATOR_VERSION,
                self._opening.channels,
            )
        )
        if self._end_when_started or all(line.audio_ended for line in self._lines.values()):
            self._end_of_stream({}, now)

    def _refuse(self, mapping: ErrorMapping, now: float) -> None:
        """The session ends with an Error, after what is in hand."""
        for line in self._lines.values():
            line.deliver_rest(now)
        self._out.send(speechmatics.error(mapping.type, mapping.reason))
        self._close_client(mapping.close_code, SPEECHMATICS_CLOSE_REASONS[mapping.close_code])
        self._end(now)

    def _end_of_transcript(self, now: float) -> None:
        if self._wants.speakers_result:
            self._out.send(speechmatics.speakers_result())
        self._out.send(speechmatics.end_of_transcript())
        self._state = State.ENDED
        self._timers.clear_all()
        if self._draining:
            self._close_client(1000, "")
        else:
            self._timers.set("client_close", now + CLIENT_CLOSE_SECONDS)

    def _close_client(self, code: int, reason: str) -> None:
        self._timers.clear("client_close")
        self._out.close_client(code, reason)

    def _end(self, now: float) -> None:
        """The program is not told anything more; AssemblyAI's sessions are ended."""
        self._state = State.ENDED
        self._timers.clear_all()
        for line in self._lines.values():
            line.abandon(now)


_Handler = Callable[[Translator, Mapping[str, Any], float], None]

_CLIENT_MESSAGES: dict[str, dict[State, _Handler]] = {
    "StartRecognition": {State.WAITING: Translator._start},
    "EndOfStream": {
        State.OPENING: Translator._end_of_stream_before_start,
        State.RUNNING: Translator._end_of_stream,
        State.ENDING: Translator._repeated_end,
    },
    "SetRecognitionConfig": {
        State.RUNNING: Translator._set_recognition_config,
        State.ENDING: Translator._too_late,
    },
    "ForceEndOfUtterance": {
        State.RUNNING: Translator._force_end_of_utterance,
        State.ENDING: Translator._too_late,
    },
    "GetSpeakers": {State.RUNNING: Translator._get_speakers, State.ENDING: Translator._get_speakers},
    "AddChannelAudio": {
        State.OPENING: Translator._add_channel_audio,
        State.RUNNING: Translator._add_channel_audio,
        State.ENDING: Translator._add_channel_audio,
    },
    "EndOfChannel": {
        State.OPENING: Translator._end_of_channel,
        State.RUNNING: Translator._end_of_channel,
        State.ENDING: Translator._repeated_end,
    },
}
"""What a client may send and in which states; anything else is a protocol_error."""

_TIMERS: dict[str, Callable[[Translator, float], None]] = {
    "start": Translator._start_due,
    "idle": Translator._idle_due,
    "session": Translator._session_due,
    "drain": Translator._drain_due,
    "client_close": Translator._client_close_due,
}
