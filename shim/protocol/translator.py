"""One Speechmatics session, carried out by AssemblyAI: the state machine between the two.

Sans-I/O: the owner says what came and what time it is, and gets back what to do. Nothing here raises because of what a
peer sent: a program's mistake becomes the Error that Speechmatics gives, AssemblyAI's failure an Error from the table.

Two small machines run side by side, `State` for what the program sees and `Link` for the AssemblyAI connection. A
session ends with EndOfTranscript or with an Error; whatever text was in hand goes out before either. However it ends,
the AssemblyAI connection gets Terminate and is closed, because an open one costs money for three hours.

Connections are numbered, and every effect and event carries the number. There is one connection a session now: when it
is lost, so is the session. Continuing on another one fits here: where `_lose_upstream` gives up, a connection with the
next number is opened, audio that no final covers yet is queued again, a new `Turns` starts, and the times and speaker
numbers of its words are shifted by those of the connections before. Events of earlier connections are ignored already.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from shim.protocol import assemblyai, speechmatics
from shim.protocol.audio import Framer
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
from shim.protocol.files import FileAudio, Piece
from shim.protocol.mapping.errors import (
    SPEECHMATICS_CLOSE_REASONS,
    ErrorMapping,
    FailureKind,
    error,
    from_assemblyai,
    from_failure,
    quotable,
)
from shim.protocol.mapping.languages import language_pack_info
from shim.protocol.mapping.messages import seconds
from shim.protocol.mapping.parameters import update_fields
from shim.protocol.opening import Handshake, Opening, TranslatorOptions, read_start
from shim.protocol.pace import Outbox
from shim.protocol.speechmatics import InfoType, WarningType
from shim.protocol.timers import Timers
from shim.protocol.transcripts import Transcripts
from shim.protocol.turns import Step, Turns
from shim.protocol.wants import Wants
from shim.protocol.wire import NotJSON, dumps, loads_object

__all__ = ["Handshake", "Link", "State", "Translator", "TranslatorOptions"]

ORCHESTRATOR_VERSION = "assemblyai-streaming-v3"
"""What RecognitionStarted says in the place of Speechmatics' own version."""

START_SECONDS = 4.0
"""RecognitionStarted comes at the latest now, whether or not AssemblyAI is ready: speechmatics-rt gives up after 5 s."""

BEGIN_SECONDS = 15.0
"""AssemblyAI must have begun its session by then; 1.3 s is usual (observed live 2026-09)."""

FORMAT_SECONDS = 2.0
"""How long the text of a finished turn waits for its formatted version."""

TERMINATION_SECONDS = 5.0
"""How long Termination may take after Terminate; 1.3 s is usual (observed live 2026-09)."""

DRAIN_SECONDS = 1.5
"""How long a program that closes waits for its last words."""

FORCED_SECONDS = 0.9
"""EndOfUtterance comes at the latest now after ForceEndOfUtterance: speechmatics-voice waits 1 s."""

ENDPOINT_SECONDS = 0.27
"""How long AssemblyAI takes to answer ForceEndpoint (median, observed live 2026-09)."""

FIRST_WORDS_SECONDS = 1.2
"""How long after somebody begins to speak the first words come (observed live 2026-09)."""

CLIENT_CLOSE_SECONDS = 10.0
"""How long a client has to close its connection after EndOfTranscript."""

IDLE_SECONDS = 3600.0
"""Speechmatics ends a session that gets no audio for an hour."""

_TERMINATE = assemblyai.terminate()
_FORCE_ENDPOINT = assemblyai.force_endpoint()


class State(Enum):
    """What the program sees of its session."""

    WAITING = "waiting for StartRecognition"
    OPENING = "StartRecognition came, RecognitionStarted was not sent"
    RUNNING = "audio may come"
    ENDING = "EndOfStream came"
    ENDED = "EndOfTranscript or Error was sent, or the client is gone"


class Link(Enum):
    """How it stands with the AssemblyAI connection."""

    NONE = "not asked for"
    OPENING = "asked for"
    OPEN = "open, without Begin"
    READY = "begun"
    TERMINATING = "Terminate was sent"
    GONE = "closed, or told to close"


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
        self._link = Link.NONE
        self._connection = 0
        self._effects: list[Effect] = []
        self._timers = Timers()
        self._client_closed = False
        # These four exist from StartRecognition on, the framer as soon as the link is anything but NONE.
        self._opening: Opening
        self._outbox: Outbox
        self._turns: Turns
        self._transcripts: Transcripts
        self._framer: Framer
        self._file: FileAudio | None = None
        self._undecoded = 0
        self._config: Mapping[str, Any] = {}
        self._wants = Wants()
        self._acknowledged = 0
        self._audio_after_end = False
        self._end_when_started = False
        self._forced_by_program = False
        self._forced_by_delay = False
        self._said_flexible = False
        self._draining = False

    # ---- What the owner asks

    @property
    def finished(self) -> bool:
        """Nothing more will come of this session."""
        return self._state is State.ENDED and self._client_closed and self._link in (Link.NONE, Link.GONE)

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
        if self._link is Link.NONE:
            return 0
        return self._outbox.buffered_bytes + self._framer.buffered_bytes

    def deadline(self) -> float | None:
        """When to call `tick` next, on the owner's clock; None: not before something else happens."""
        times = [self._timers.next()]
        if self._link is Link.READY:
            times.append(self._outbox.next_release())
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
        if self._state is State.ENDING or (self._state is State.OPENING and self._end_when_started):
            self._add_audio(b"", 1, now)
            if not self._audio_after_end:
                self._audio_after_end = True
                reason = "Audio came after EndOfStream. It is ignored."
                self._warn(WarningType.ADD_AUDIO_AFTER_EOS, reason)
        elif self._state in (State.OPENING, State.RUNNING):
            self._timers.set("idle", now + IDLE_SECONDS)
            if self._file is None:
                self._add_audio(data, 1, now)
            else:
                self._add_piece(self._file.feed(data), 1, now)
        elif self._state is State.WAITING:
            self._refuse(error("protocol_error", "Audio came before StartRecognition."), now)
        return self._done(now)

    def decoded(self, samples: bytes, pieces: int, now: float) -> list[Effect]:
        """The decoder of a file has made 16-bit mono samples at 16 kHz, and has used up so many `Decode` effects."""
        if self._state in (State.RUNNING, State.ENDING):
            # The last piece of a file that is shorter than any other came with EndOfStream, not with audio.
            messages = min(pieces, self._undecoded)
            self._undecoded -= messages
            self._add_audio(samples, messages, now)
        return self._done(now)

    def decoding_ended(self, problem: str, now: float) -> list[Effect]:
        """The decoder gives nothing more. ``problem`` says what it could not make samples of, for the program."""
        if self._state in (State.RUNNING, State.ENDING) and self._file is not None:
            if problem and self._link is Link.NONE:
                self._refuse(error("invalid_audio_type", problem), now)
                return self._done(now)
            if problem:
                self._warn(WarningType.VALIDATION_WARNING, problem)
            self._file.ignore_rest()
            messages, self._undecoded = self._undecoded, 0
            self._add_audio(b"", messages, now)
            if self._state is State.ENDING:
                self._end_audio(now)
        return self._done(now)

    def client_closed(self, now: float) -> list[Effect]:
        """The client is gone: end the AssemblyAI session, tell the client nothing more."""
        self._client_closed = True
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

    def upstream_opened(self, connection: int, now: float) -> list[Effect]:
        """An AssemblyAI connection is open."""
        if connection != self._connection or self._link is Link.GONE:
            # Given up before it opened: it must not stay open unnoticed.
            return [CloseUpstream(connection)]
        if self._link is Link.OPENING:
            self._link = Link.OPEN
        return self._done(now)

    def upstream_message(self, connection: int, data: str | bytes, now: float) -> list[Effect]:
        """AssemblyAI sent a message."""
        if connection != self._connection or self._link in (Link.NONE, Link.GONE):
            return []
        message = assemblyai.parse(data)
        handler = _SERVER_MESSAGES.get(type(message))
        if handler is not None:
            handler(self, message, now)
        return self._done(now)

    def upstream_closed(self, connection: int, code: int, reason: str, now: float) -> list[Effect]:
        """AssemblyAI closed a connection, or the network did (1006)."""
        if connection != self._connection or self._link in (Link.NONE, Link.GONE):
            return []
        if self._link is Link.TERMINATING and code == 1000:
            self._log(logging.WARNING, "AssemblyAI closed the connection without Termination")
            self._finish_upstream(now)
        else:
            self._lose_upstream(from_assemblyai(code, reason), now)
        return self._done(now)

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str, now: float) -> list[Effect]:
        """An AssemblyAI connection could not be opened, or takes no more.

        ``detail`` is one line for the operator, without a secret.
        """
        if connection != self._connection or self._link in (Link.NONE, Link.GONE):
            return []
        self._log(logging.ERROR, f"the connection to AssemblyAI failed ({kind.value}): {detail}")
        self._lose_upstream(from_failure(kind), now)
        return self._done(now)

    def tick(self, now: float) -> list[Effect]:
        """The time of `deadline` has come."""
        while name := self._timers.pop_due(now):
            _TIMERS[name](self, now)
        return self._done(now)

    def _done(self, now: float) -> list[Effect]:
        if self._link in (Link.READY, Link.TERMINATING) and self._state is not State.ENDED:
            self._release(now)
        effects, self._effects = self._effects, []
        return effects

    # ---- The program's messages

    def _start(self, message: Mapping[str, Any], now: float) -> None:
        opening = read_start(message, self._handshake, self._options)
        if isinstance(opening, ErrorMapping):
            self._refuse(opening, now)
            return
        self._opening = opening
        self._config = opening.config
        self._outbox = Outbox()
        self._turns = Turns(opening.family == "universal-streaming", opening.formatted)
        self._transcripts = Transcripts(opening.language, opening.config.get("diarization") == "speaker")
        self._state = State.OPENING
        for warning in opening.warnings:
            self._send(warning)
        self._follow_wants(opening.config)
        if opening.file:
            # The sample rate is part of the address, and only the file knows it.
            self._file = FileAudio()
            self._recognition_started(now)
        else:
            self._timers.set("start", now + START_SECONDS)
            self._open(now)

    def _open(self, now: float) -> None:
        opening = self._opening
        self._framer = Framer(opening.encoding, opening.sample_rate)
        self._outbox.use_frames_of(self._framer.frame_seconds)
        self._link = Link.OPENING
        self._connection += 1
        self._timers.set("begin", now + BEGIN_SECONDS)
        self._effects.append(OpenUpstream(self._connection, opening.url))

    def _follow_wants(self, config: Mapping[str, Any]) -> None:
        self._wants.read(config)
        self._transcripts.partials = self._wants.partials
        self._transcripts.utterances = self._wants.silence is not None
        if self._wants.max_delay is not None and not self._wants.fixed and not self._said_flexible:
            self._said_flexible = True
            self._send(
                speechmatics.info(
                    InfoType.RECOGNITION_QUALITY,
                    "max_delay with max_delay_mode flexible waits for the end of the speaker's turn, which may take "
                    "longer than max_delay. Use max_delay_mode fixed for finals within max_delay.",
                )
            )

    def _end_of_stream_before_start(self, message: Mapping[str, Any], now: float) -> None:
        self._end_when_started = True

    def _end_of_stream(self, message: Mapping[str, Any], now: float) -> None:
        self._state = State.ENDING
        self._timers.clear("idle")
        if self._file is not None:
            self._add_piece(self._file.finish(), 0, now)
            if self._file.needs_decoder:
                self._effects.append(EndDecoding())
                return
        if self._state is State.ENDING:
            self._end_audio(now)

    def _end_audio(self, now: float) -> None:
        if self._link is Link.NONE:  # a file without a sound
            self._end_of_transcript(now)
            return
        self._outbox.add_frames(self._framer.flush())
        self._outbox.add_message(_TERMINATE)

    def _add_piece(self, piece: Piece, messages: int, now: float) -> None:
        """Take what some messages brought of a file."""
        if piece.refused:
            self._refuse(error("invalid_audio_type", piece.refused), now)
        elif piece.encoded is not None and self._file is not None and self._file.container is not None:
            self._undecoded += messages
            self._effects.append(Decode(self._file.container, piece.encoded))
        else:
            self._add_audio(piece.samples, messages, now)
        if piece.lost:
            self._warn(WarningType.VALIDATION_WARNING, piece.lost)

    def _add_audio(self, samples: bytes, messages: int, now: float) -> None:
        """Queue samples, and the acknowledgements of the messages that they are the last of."""
        if samples and self._link is Link.NONE and self._file is not None:
            self._opening = self._opening.at_rate(self._file.sample_rate)
            self._open(now)
        if self._link is Link.NONE:
            for _ in range(messages):
                self._acknowledge()
        else:
            self._outbox.add_audio(self._framer.feed(samples), now, messages)

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
            self._warn(WarningType(notice.type), notice.reason)
        if fields:
            self._outbox.add_message(assemblyai.update_configuration(fields))
        self._config = {**self._config, **config}
        self._follow_wants(config)

    def _force_end_of_utterance(self, message: Mapping[str, Any], now: float) -> None:
        # Behind the audio that is queued. The rest that fills no frame yet stays for the next one: padding in the
        # middle of the stream would shift the times of everything after it.
        self._outbox.add_message(_FORCE_ENDPOINT)

    def _get_speakers(self, message: Mapping[str, Any], now: float) -> None:
        reason = "AssemblyAI has no speaker identifiers. SpeakersResult is empty."
        self._warn(WarningType.SPEAKER_ID, reason)
        if message.get("final") is True:
            self._wants.speakers_result = True
        else:
            self._send(speechmatics.speakers_result())

    def _refuse_channels(self, message: Mapping[str, Any], now: float) -> None:
        reason = "Audio of several channels in one session is not supported. Open one session per channel."
        self._refuse(error("not_allowed", reason), now)

    def _too_late(self, message: Mapping[str, Any], now: float) -> None:
        self._warn(WarningType.VALIDATION_WARNING, f"{message['message']} after EndOfStream has no effect.")

    def _repeated_end(self, message: Mapping[str, Any], now: float) -> None:
        self._log(logging.DEBUG, "EndOfStream came again; the session is ending already")

    # ---- AssemblyAI's messages

    def _begin(self, message: assemblyai.Begin, now: float) -> None:
        if self._link not in (Link.OPENING, Link.OPEN):
            return
        self._link = Link.READY
        self._timers.clear("begin")
        self._log(
            logging.INFO, f"AssemblyAI session {_session_name(message.id)} began, {self._opening.model}"
        )
        if self._state is State.OPENING:
            self._recognition_started(now)

    def _turn(self, message: assemblyai.Turn, now: float) -> None:
        for step in self._turns.turn(message):
            self._deliver(step, now)
        if not self._turns.waiting_for_format:
            self._timers.clear("format")
        elif not self._timers.is_set("format"):
            self._timers.set("format", now + FORMAT_SECONDS)
        self._watch_delay(now)

    def _termination(self, message: assemblyai.Termination, now: float) -> None:
        if self._link is Link.TERMINATING:
            self._finish_upstream(now)
        else:
            self._lose_upstream(from_failure(FailureKind.CLOSED), now)

    def _upstream_error(self, message: assemblyai.Error, now: float) -> None:
        self._lose_upstream(from_assemblyai(message.code, message.text), now)

    def _upstream_warning(self, message: assemblyai.Warning, now: float) -> None:
        said = quotable(message.text)
        self._log(logging.WARNING, f"AssemblyAI warns ({message.code}): {said}")
        self._warn(WarningType.VALIDATION_WARNING, f"AssemblyAI said: {said!r} ({message.code}).")

    def _malformed(self, message: assemblyai.Malformed, now: float) -> None:
        self._log(logging.WARNING, f"what came from AssemblyAI is no message ({message.problem})")
        if self._link in (Link.OPENING, Link.OPEN):
            self._lose_upstream(from_failure(FailureKind.MALFORMED), now)

    # ---- Time

    def _start_due(self, now: float) -> None:
        self._recognition_started(now)

    def _begin_due(self, now: float) -> None:
        self._lose_upstream(from_failure(FailureKind.NO_BEGIN), now)

    def _idle_due(self, now: float) -> None:
        reason = "No audio came for an hour. Start a new session when there is audio again."
        self._refuse(error("idle_timeout", reason), now)

    def _format_due(self, now: float) -> None:
        self._deliver_rest(now)

    def _delay_due(self, now: float) -> None:
        if self._link is Link.READY and not self._forced_by_delay:
            self._forced_by_delay = True
            self._effects.append(SendUpstream(self._connection, _FORCE_ENDPOINT))

    def _forced_due(self, now: float) -> None:
        self._forced_by_program = False
        self._send(self._transcripts.utterance_end(forced=True))

    def _utterance_due(self, now: float) -> None:
        self._send(self._transcripts.utterance_end(forced=False))

    def _termination_due(self, now: float) -> None:
        self._log(logging.WARNING, from_failure(FailureKind.NO_TERMINATION).reason)
        self._finish_upstream(now)

    def _drain_due(self, now: float) -> None:
        self._log(
            logging.WARNING,
            f"the program closed its connection, and AssemblyAI did not send the rest within {DRAIN_SECONDS} s. The "
            "last words may be missing; wait for EndOfTranscript before closing",
        )
        self._deliver_rest(now)
        self._end_of_transcript(now)
        self._end(now)

    def _client_close_due(self, now: float) -> None:
        self._close_client(1000, "")

    # ---- Transcripts

    def _deliver(self, step: Step, now: float) -> None:
        cut = step.ends_turn and self._forced_by_delay
        forced = step.ends_turn and self._forced_by_program
        words = step.final or step.open
        if words and self._timers.is_set("utterance"):
            self._end_cut_utterance(words[0])
        for message in self._transcripts.messages(step, forced, utterance_ends=not cut):
            self._send(message)
        if step.final or not step.open:
            self._timers.clear("delay")
        if step.ends_turn or not step.open:
            self._forced_by_delay = False
        if forced:
            self._forced_by_program = False
            self._timers.clear("forced")
        elif cut and self._wants.silence is not None:
            # AssemblyAI tells of a silence only by ending a turn, and this turn has ended already.
            silent = self._outbox.sent_seconds - self._transcripts.end
            wait = max(0.0, self._wants.silence - silent) + FIRST_WORDS_SECONDS
            self._timers.set("utterance", now + wait)

    def _end_cut_utterance(self, next_word: assemblyai.Word) -> None:
        """Somebody speaks again after a turn that was cut: whether it is another utterance is in the times."""
        self._timers.clear("utterance")
        pause = seconds(next_word.start) - self._transcripts.end
        if self._wants.silence is not None and pause >= self._wants.silence:
            self._send(self._transcripts.utterance_end(forced=False))

    def _deliver_rest(self, now: float) -> None:
        self._timers.clear("format")
        if self._link is not Link.NONE:
            for step in self._turns.rest():
                self._deliver(step, now)

    def _watch_delay(self, now: float) -> None:
        if not self._wants.fixed or self._wants.max_delay is None or self._timers.is_set("delay"):
            return
        waiting = self._turns.open_words
        if waiting and not self._forced_by_delay:
            waited = self._outbox.sent_seconds - seconds(waiting[0].end)
            self._timers.set("delay", now + max(0.0, self._wants.max_delay - ENDPOINT_SECONDS - waited))

    def _recognition_started(self, now: float) -> None:
        self._state = State.RUNNING
        self._timers.clear("start")
        self._timers.set("idle", now + IDLE_SECONDS)
        self._send(
            speechmatics.recognition_started(
                self._options.session_id, language_pack_info(self._opening.language), ORCHESTRATOR_VERSION
            )
        )
        if self._end_when_started:
            self._end_of_stream({}, now)

    def _release(self, now: float) -> None:
        for item in self._outbox.release(now):
            if isinstance(item, bytes):
                if self._state is State.RUNNING:
                    self._timers.set("idle", now + IDLE_SECONDS)
                self._effects.append(SendUpstream(self._connection, item))
            elif isinstance(item, str):
                self._effects.append(SendUpstream(self._connection, item))
                self._sent(item, now)
            else:
                self._acknowledge()

    def _sent(self, message: str, now: float) -> None:
        if message == _TERMINATE:
            self._link = Link.TERMINATING
            self._timers.set("termination", now + TERMINATION_SECONDS)
        elif message == _FORCE_ENDPOINT:
            self._forced_by_program = True
            self._timers.set("forced", now + FORCED_SECONDS)

    def _acknowledge(self) -> None:
        self._acknowledged += 1
        self._send(speechmatics.audio_added(self._acknowledged))

    # ---- Ends

    def _finish_upstream(self, now: float) -> None:
        """AssemblyAI has said all it will say, as it was asked to."""
        self._deliver_rest(now)
        self._close_upstream()
        if self._state is State.ENDING:
            self._end_of_transcript(now)

    def _lose_upstream(self, mapping: ErrorMapping, now: float) -> None:
        """The connection is of no use any more, and nobody asked for that."""
        self._deliver_rest(now)
        self._close_upstream()
        if self._state is not State.ENDED:
            self._log(logging.ERROR, mapping.reason)
            self._send_error(mapping)
            self._end(now)

    def _refuse(self, mapping: ErrorMapping, now: float) -> None:
        """The program did something that ends its session."""
        self._deliver_rest(now)
        self._send_error(mapping)
        self._end(now)

    def _send_error(self, mapping: ErrorMapping) -> None:
        self._send(speechmatics.error(mapping.type, mapping.reason))
        self._close_client(mapping.close_code, SPEECHMATICS_CLOSE_REASONS[mapping.close_code])

    def _end_of_transcript(self, now: float) -> None:
        if self._wants.speakers_result:
            self._send(speechmatics.speakers_result())
        self._send(speechmatics.end_of_transcript())
        self._state = State.ENDED
        self._timers.keep("termination")
        if self._draining:
            self._close_client(1000, "")
        else:
            self._timers.set("client_close", now + CLIENT_CLOSE_SECONDS)

    def _close_client(self, code: int, reason: str) -> None:
        if not self._client_closed:
            self._client_closed = True
            self._timers.clear("client_close")
            self._effects.append(CloseClient(code, reason))

    def _end(self, now: float) -> None:
        """The program is not told anything more; AssemblyAI's session is ended."""
        self._state = State.ENDED
        self._timers.keep("termination")
        if self._link in (Link.OPEN, Link.READY):
            if self._outbox.buffered_bytes:
                self._log(
                    logging.WARNING, f"{self._outbox.buffered_bytes} bytes of audio were not transcribed"
                )
            self._effects.append(SendUpstream(self._connection, _TERMINATE))
            self._sent(_TERMINATE, now)
        elif self._link is Link.OPENING:
            self._close_upstream()

    def _close_upstream(self) -> None:
        self._effects.append(CloseUpstream(self._connection))
        self._link = Link.GONE
        self._timers.clear("termination")
        self._timers.clear("begin")

    # ---- Out

    def _send(self, message: speechmatics.ServerMessage) -> None:
        if not self._client_closed:
            self._effects.append(SendClient(dumps(message)))

    def _warn(self, type: WarningType, reason: str) -> None:
        self._send(speechmatics.warning(type, reason))

    def _log(self, level: int, text: str) -> None:
        self._effects.append(Log(level, text))


def _session_name(id: str) -> str:
    # AssemblyAI's support asks for it. `quotable` would take a UUID for a key.
    try:
        return str(uuid.UUID(id))
    except ValueError:
        return quotable(id)


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
    "AddChannelAudio": {State.RUNNING: Translator._refuse_channels},
    "EndOfChannel": {State.RUNNING: Translator._refuse_channels},
}
"""What a client may send and in which states; anything else is a protocol_error."""

_SERVER_MESSAGES: dict[type, Callable[[Translator, Any, float], None]] = {
    assemblyai.Begin: Translator._begin,
    assemblyai.Turn: Translator._turn,
    assemblyai.Termination: Translator._termination,
    assemblyai.Error: Translator._upstream_error,
    assemblyai.Warning: Translator._upstream_warning,
    assemblyai.Malformed: Translator._malformed,
}
"""What of AssemblyAI's messages means something here. A final is never revised, so SpeakerRevision does not."""

_TIMERS: dict[str, Callable[[Translator, float], None]] = {
    "start": Translator._start_due,
    "begin": Translator._begin_due,
    "idle": Translator._idle_due,
    "format": Translator._format_due,
    "delay": Translator._delay_due,
    "forced": Translator._forced_due,
    "utterance": Translator._utterance_due,
    "termination": Translator._termination_due,
    "drain": Translator._drain_due,
    "client_close": Translator._client_close_due,
}
