"""One stream of a program's audio on its way through AssemblyAI, and the transcripts that come back.

A session has one line, or one for each channel. A line follows its AssemblyAI connection through `Link`. When the
connection is lost although another one could help, the line continues on another one, and the program notices
nothing but a delay and new speaker numbers:

- Text that AssemblyAI may still change stays in hand and is heard again: all audio that no final covers is sent once
  more (`shim.protocol.replay`). What is older than can be kept becomes final as it is, and a Warning names the gap.
- Meanwhile the program's audio is taken and acknowledged at the usual pace, and waits.
- The first attempt is made at once, the next ones 1, 2, 4 and then every 8 s after the failure before them. When no
  connection has begun `REOPEN_SECONDS` after the loss, the session ends with the Error of the last failure. A
  connection that is lost again within `STABLE_SECONDS` counts as the same trouble, so that a program gets its Error at
  the latest ``REOPEN_SECONDS + STABLE_SECONDS`` after the first loss.
- AssemblyAI ends its sessions after three hours. Before that the line changes to another connection by itself, in a
  pause of speech if there is one.

Only a line that has begun once continues: a program whose session cannot start at all is told at once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from shim.protocol import assemblyai, speechmatics
from shim.protocol.audio import Framer
from shim.protocol.continuation import ContinuedTurns
from shim.protocol.effects import CloseUpstream, Decode, EndDecoding, SendUpstream
from shim.protocol.files import FileAudio, Piece
from shim.protocol.mapping.errors import (
    ErrorMapping,
    FailureKind,
    error,
    from_assemblyai,
    from_failure,
    quotable,
)
from shim.protocol.mapping.messages import milliseconds, seconds
from shim.protocol.opening import Opening
from shim.protocol.output import Output
from shim.protocol.pace import Outbox
from shim.protocol.replay import Replay
from shim.protocol.speechmatics import WarningType
from shim.protocol.timers import Timers
from shim.protocol.transcripts import Transcripts
from shim.protocol.turns import Step
from shim.protocol.wants import Wants
from shim.protocol.wording import wording

BEGIN_SECONDS = 15.0
"""AssemblyAI must have begun its session by then; 1.3 s is usual (observed live 2026-09)."""

FORMAT_SECONDS = 2.0
"""How long the text of a finished turn waits for its formatted version."""

TERMINATION_SECONDS = 5.0
"""How long Termination may take after Terminate, or after a Turn since; 1.3 s is usual (observed live 2026-09)."""

LATE_TURNS_SECONDS = 30.0
"""So much longer at most if Turns go on to come after Terminate, on this connection or on those that replace it when it
falls silent."""

WORD_TAIL_SECONDS = 0.5
"""So long after its end in the text a word may still sound."""

FORCED_SECONDS = 0.9
"""EndOfUtterance comes at the latest now after ForceEndOfUtterance: speechmatics-voice waits 1 s."""

ENDPOINT_SECONDS = 0.27
"""How long AssemblyAI takes to answer ForceEndpoint (median, observed live 2026-09)."""

FIRST_WORDS_SECONDS = 1.2
"""How long after somebody begins to speak the first words come (observed live 2026-09)."""

REOPEN_SECONDS = 30.0
"""How long after a loss another connection may take to begin, in all attempts together."""

LONGEST_BACKOFF_SECONDS = 8.0
"""The longest pause between two attempts."""

STABLE_SECONDS = 10.0
"""A connection that has stood so long ends the trouble of the one before it."""

CONNECTION_SECONDS = 10_800.0
"""AssemblyAI's longest session (AssemblyAI docs, limits)."""

SPARE_SECONDS = 300.0
"""So long before its end, or a tenth of it, a pause is looked for to change to another connection."""

PAUSE_SECONDS = 2.0
"""Silence that counts as a pause then; its words would have come by now."""

_TERMINATE = assemblyai.terminate()
_FORCE_ENDPOINT = assemblyai.force_endpoint()


class Link(Enum):
    """How it stands with the AssemblyAI connection of a line."""

    NONE = "not asked for"
    OPENING = "asked for"
    OPEN = "open, without Begin"
    READY = "begun"
    TERMINATING = "Terminate was sent"
    LOST = "closed; the next one will be asked for"
    GONE = "closed, or told to close, for good"


class Line:
    """See the module. Times are seconds of the owner's clock.

    Args:
        opening: what StartRecognition asked for.
        wants: what the configuration asks of the translation; changed by the owner.
        output: takes the effects.
        channel: name of the channel; None in a session of one.

    Attributes:
        link: how it stands with the connection.
        connection: its number; 0 before the first.
        has_begun: AssemblyAI has begun a session.
        audio_ended: no more audio of the program is taken.
        ended: the audio has ended, and everything that was said is delivered.
        failure: why the session has to end with an Error; everything that was said until then is delivered.
    """

    def __init__(self, opening: Opening, wants: Wants, output: Output, channel: str | None = None) -> None:
        self._opening = opening
        self._wants = wants
        self._out = output
        self._channel = channel
        self._timers = Timers()
        self._file = FileAudio() if opening.file else None
        self._undecoded = 0
        self._outbox = Outbox()
        self._turns = ContinuedTurns(opening.family == "universal-streaming", opening.formatted)
        pieces_of = wording(opening.config, opening.language)
        self._transcripts = Transcripts(opening.language, opening.speakers, channel, pieces_of)
        # These two exist as soon as the link is anything but NONE.
        self._framer: Framer
        self._replay: Replay
        self._acknowledged = 0
        self._forced_by_program = False
        self._forced_by_delay = False
        self._warned_of_late_audio = False
        self._abandoned = False
        self._heard_since_terminate = False
        self._termination_expected = 0.0
        self._stalled_at: float | None = None
        self._end_by = float("inf")
        self._updates: dict[str, Any] = {}
        self._trouble_since: float | None = None
        self._attempts = 0
        self._last_failure: ErrorMapping
        self._opened_at = 0.0
        self._opened_at_unix_time: float | None = None
        self._change_by = 0.0
        self._told_until = 0.0
        self.link = Link.NONE
        self.connection = 0
        self.has_begun = False
        self.audio_ended = False
        self.ended = False
        self.failure: ErrorMapping | None = None

    # ---- What the owner asks

    @property
    def closed(self) -> bool:
        """No AssemblyAI connection is left, and none will be opened."""
        return self.link in (Link.NONE, Link.GONE)

    @property
    def buffered_bytes(self) -> int:
        """Audio that came and could not leave yet."""
        if self.link is Link.NONE:
            return 0
        return self._outbox.buffered_bytes + self._replay.waiting_bytes + self._framer.buffered_bytes

    @property
    def held_seconds(self) -> float:
        """Audio that is held in case the connection is lost, or because it is."""
        return 0.0 if self.link is Link.NONE else self._replay.kept_seconds

    def holds(self, connection: int) -> bool:
        """Whether this is its present connection, in any state but closed."""
        return connection == self.connection and self.link not in (Link.NONE, Link.LOST, Link.GONE)

    def deadline(self) -> float | None:
        """When to call `tick` next."""
        times = [self._timers.next()]
        if self.has_begun and not self._abandoned:
            times.append(self._outbox.next_release())
            if self.link is Link.READY:
                times.append(self._replay.next_take())
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """The time of `deadline` has come."""
        while name := self._timers.pop_due(now):
            _TIMERS[name](self, now)

    # ---- From the program

    def open(self, now: float) -> None:
        """Open the first connection, unless the sample rate, which is part of the address, is still in the file."""
        if self._file is None:
            self._open(now)

    def add_audio(self, data: bytes, now: float) -> None:
        """An audio message came."""
        if self._file is None:
            self._add_samples(data, 1, now)
        else:
            self._add_piece(self._file.feed(data), 1, now)

    def add_late_audio(self, now: float) -> None:
        """An audio message came after the end: it is acknowledged, and the program is told once."""
        self._add_samples(b"", 1, now)
        if not self._warned_of_late_audio:
            self._warned_of_late_audio = True
            name = "EndOfStream" if self._channel is None else "EndOfChannel"
            reason = f"Audio came after {name}. It is ignored."
            self._out.warn(WarningType.ADD_AUDIO_AFTER_EOS, reason)

    def decoded(self, samples: bytes, pieces: int, now: float) -> None:
        """The decoder of a file has made 16-bit mono samples at 16 kHz, and has used up so many `Decode` effects."""
        # The last piece of a file that is shorter than any other came with EndOfStream, not with audio.
        messages = min(pieces, self._undecoded)
        self._undecoded -= messages
        self._add_samples(samples, messages, now)

    def decoding_ended(self, problem: str, now: float) -> None:
        """The decoder gives nothing more. ``problem`` says what it could not make samples of, for the program."""
        if self._file is None:
            return
        if problem and self.link is Link.NONE:
            self.failure = error("invalid_audio_type", problem)
            return
        if problem:
            self._out.warn(WarningType.VALIDATION_WARNING, problem)
        self._file.ignore_rest()
        messages, self._undecoded = self._undecoded, 0
        self._add_samples(b"", messages, now)
        if self.audio_ended:
            self._end_samples()

    def end_audio(self, now: float) -> None:
        """No more audio comes: send what there is and ask for the rest of the text."""
        if self.audio_ended:
            return
        self.audio_ended = True
        if self._file is not None:
            self._add_piece(self._file.finish(), 0, now)
            if self._file.needs_decoder:
                self._out.add(EndDecoding(self._channel))
                return
        if self.failure is None:
            self._end_samples()

    def force_endpoint(self) -> None:
        """End the utterance behind the audio that has come.

        The rest that fills no frame yet stays for the next one: padding in the middle of the stream would shift the
        times of everything after it.
        """
        if self.link is not Link.NONE:
            self._outbox.add_message(_FORCE_ENDPOINT)

    def update(self, fields: Mapping[str, Any]) -> None:
        """Change settings; they hold for later connections too."""
        self._updates.update(fields)
        if fields and self.link is not Link.NONE:
            self._outbox.add_message(assemblyai.update_configuration(fields))

    def follow_wants(self) -> None:
        """The wants have changed."""
        self._transcripts.partials = self._wants.partials
        self._transcripts.utterances = self._wants.silence is not None

    def release(self, now: float) -> bool:
        """Send what may leave at ``now``; whether audio was among it."""
        if self._abandoned or not self.has_begun:
            return False
        some_audio = False
        for item in self._outbox.release(now):
            if isinstance(item, bytes):
                some_audio = True
                self._replay.add(item)
            elif isinstance(item, str):
                self._replay.add(item)
            else:
                self._acknowledge()
        if self.link is Link.READY:
            for waiting in self._replay.take(now):
                self._out.add(SendUpstream(self.connection, waiting))
                if isinstance(waiting, str):
                    self._sent(waiting, now)
        return some_audio

    def deliver_rest(self, now: float) -> None:
        """Give all text in hand as final."""
        self._timers.clear("format")
        for step in self._turns.rest():
            self._deliver(step, now)

    def abandon(self, now: float) -> None:
        """Nobody listens any more: end AssemblyAI's session."""
        self._abandoned = True
        self._timers.keep("termination")
        if self.link in (Link.OPEN, Link.READY):
            if self._outbox.buffered_bytes or self._replay.waiting_bytes:
                unheard = self._outbox.buffered_bytes + self._replay.waiting_bytes
                self._out.log(f"{unheard} bytes of audio were not transcribed")
            self._out.add(SendUpstream(self.connection, _TERMINATE))
            self._sent(_TERMINATE, now)
        elif self.link is Link.OPENING:
            self._close(Link.GONE)
        elif self.link is Link.LOST:
            self.link = Link.GONE

    # ---- Audio

    def _add_piece(self, piece: Piece, messages: int, now: float) -> None:
        """Take what some messages brought of a file."""
        if piece.refused:
            self.failure = error("invalid_audio_type", piece.refused)
        elif piece.encoded is not None and self._file is not None and self._file.container is not None:
            self._undecoded += messages
            self._out.add(Decode(self._file.container, piece.encoded, self._channel))
        else:
            self._add_samples(piece.samples, messages, now)
        if piece.lost:
            self._out.warn(WarningType.VALIDATION_WARNING, piece.lost)

    def _add_samples(self, samples: bytes, messages: int, now: float) -> None:
        """Queue samples, and the acknowledgements of the messages that they are the last of."""
        if samples and self.link is Link.NONE and self._file is not None:
            self._opening = self._opening.at_rate(self._file.sample_rate)
            self._open(now)
        if self.link is Link.NONE:
            for _ in range(messages):
                self._acknowledge()
        else:
            self._outbox.add_audio(self._framer.feed(samples), now, messages)

    def _end_samples(self) -> None:
        if self.link is Link.NONE:  # a file without a sound
            self.ended = True
            return
        self._outbox.add_frames(self._framer.flush())
        self._outbox.add_message(_TERMINATE)

    def _acknowledge(self) -> None:
        self._acknowledged += 1
        self._out.send(speechmatics.audio_added(self._acknowledged, self._channel))

    # ---- From AssemblyAI

    def opened(self, now: float, unix_time: float | None) -> None:
        """The connection is open; ``unix_time`` is now as the rest of the world counts, where it is known."""
        self._opened_at, self._opened_at_unix_time = now, unix_time
        if self.link is Link.OPENING:
            self.link = Link.OPEN

    def message(self, data: str | bytes, now: float) -> None:
        """AssemblyAI sent a message."""
        message = assemblyai.parse(data)
        self._heard_since_terminate = self.link is Link.TERMINATING
        if self.link is Link.TERMINATING and isinstance(message, assemblyai.Turn) and not self._abandoned:
            # Whoever still transcribes is late, not silent.
            latest = min(now + TERMINATION_SECONDS, self._termination_expected + LATE_TURNS_SECONDS)
            self._timers.set("termination", max(self._termination_expected, latest))
        handler = _SERVER_MESSAGES.get(type(message))
        if handler is not None and not (self._abandoned and isinstance(message, assemblyai.Turn)):
            handler(self, message, now)

    def connection_closed(self, code: int, reason: str, now: float) -> None:
        """AssemblyAI closed the connection, or the network did (1006)."""
        if self.link is Link.TERMINATING and code == 1000:
            self._out.log("AssemblyAI closed the connection without Termination")
            self._finish(now)
        else:
            self.lose(from_assemblyai(code, reason), now)

    def lose(self, failure: ErrorMapping, now: float) -> None:
        """The connection is of no use any more, and nobody asked for that."""
        link = self.link
        self._close(Link.LOST)
        if self._abandoned:
            self.link = Link.GONE
            return
        if not failure.retry or not self.has_begun:
            self._give_up(failure, now)
            return
        if self._trouble_since is None:
            self._trouble_since, self._attempts = now, 0
        if failure.slower:
            self._replay.slow_down()
        if link in (Link.READY, Link.TERMINATING):
            self._out.log(
                f"a connection to AssemblyAI was lost, another one takes over; the cause: {failure.reason}"
            )
            self._rewind(now, [_TERMINATE] if link is Link.TERMINATING else [])
            self._warn_of_gap()
        if link is Link.TERMINATING and not self.buffered_bytes:
            self._finish(now)  # nothing was left to hear
            return
        self._last_failure = failure
        self._try_again(now)

    # ---- AssemblyAI's messages

    def _begin(self, message: assemblyai.Begin, now: float) -> None:
        if self.link not in (Link.OPENING, Link.OPEN):
            return
        self.link = Link.READY
        self.has_begun = True
        self._timers.clear("begin")
        self._timers.clear("give_up")
        self._timers.set("stable", now + STABLE_SECONDS)
        self._plan_change(message, now)
        name = _session_name(message.id)
        self._out.log(f"AssemblyAI session {name} began, {self._opening.model}", logging.INFO)

    def _turn(self, message: assemblyai.Turn, now: float) -> None:
        if self.link in (Link.OPENING, Link.OPEN):
            self._out.log("AssemblyAI sent a Turn before Begin, and so before any audio: ignored")
            return
        for step in self._turns.turn(message):
            self._deliver(step, now)
        if not self._turns.waiting_for_format:
            self._timers.clear("format")
        elif not self._timers.is_set("format"):
            self._timers.set("format", now + FORMAT_SECONDS)
        self._watch_delay(now)

    def _termination(self, message: assemblyai.Termination, now: float) -> None:
        if self.link is Link.TERMINATING:
            self._finish(now)
        else:
            self.lose(from_failure(FailureKind.CLOSED), now)

    def _error(self, message: assemblyai.Error, now: float) -> None:
        self.lose(from_assemblyai(message.code, message.text), now)

    def _warning(self, message: assemblyai.Warning, now: float) -> None:
        said = quotable(message.text)
        self._out.log(f"AssemblyAI warns ({message.code}): {said}")
        reason = f"AssemblyAI said: {said!r} ({message.code})."
        self._out.warn(WarningType.VALIDATION_WARNING, reason)

    def _malformed(self, message: assemblyai.Malformed, now: float) -> None:
        self._out.log(f"what came from AssemblyAI is no message ({message.problem})")
        if self.link in (Link.OPENING, Link.OPEN):
            self.lose(from_failure(FailureKind.MALFORMED), now)

    # ---- Time

    def _begin_due(self, now: float) -> None:
        self.lose(from_failure(FailureKind.NO_BEGIN), now)

    def _format_due(self, now: float) -> None:
        self.deliver_rest(now)

    def _delay_due(self, now: float) -> None:
        if self.link is Link.READY and not self._forced_by_delay:
            self._forced_by_delay = True
            self._out.add(SendUpstream(self.connection, _FORCE_ENDPOINT))

    def _forced_due(self, now: float) -> None:
        self._forced_by_program = False
        self._out.send(self._transcripts.utterance_end(forced=True))

    def _utterance_due(self, now: float) -> None:
        self._out.send(self._transcripts.utterance_end(forced=False))

    def _termination_due(self, now: float) -> None:
        failure = from_failure(FailureKind.NO_TERMINATION)
        self._out.log(failure.reason)
        if self._abandoned or not self._may_be_unheard() or not self._may_hear_again(now):
            self._finish(now)
        else:
            self._stalled_at = self._transcripts.end
            self.lose(from_failure(FailureKind.STALLED), now)

    def _may_be_unheard(self) -> bool:
        """After a silence behind Terminate: whether there may be more in what was sent than AssemblyAI told."""
        if not self._replay.sent_seconds:
            return False
        if not self._heard_since_terminate or self._turns.open_words:
            return True  # not a word, or a turn that was not ended, which Terminate does
        sound = self._replay.kept_after(self._transcripts.end + WORD_TAIL_SECONDS)
        return not all(map(self._framer.is_quiet, sound))

    def _may_hear_again(self, now: float) -> bool:
        """Once in any case; again while every silence comes later in the text, and there is time."""
        if self._stalled_at is None:
            return True
        return self._transcripts.end > self._stalled_at and now < self._end_by

    def _reopen_due(self, now: float) -> None:
        self._open_upstream(now)

    def _give_up_due(self, now: float) -> None:
        self._close(Link.LOST)
        self._give_up(self._last_failure, now)

    def _stable_due(self, now: float) -> None:
        self._trouble_since = None

    def _change_due(self, now: float) -> None:
        silent = self._replay.sent_seconds - self._transcripts.end
        pause = silent >= PAUSE_SECONDS and not self._turns.open_words
        if self.link is not Link.READY or self.audio_ended:
            return
        if not pause and now < self._change_by:
            self._timers.set("change", min(now + 1, self._change_by))
            return
        self._out.log(
            "AssemblyAI's session reaches its longest duration; another one takes over", logging.INFO
        )
        self._out.add(SendUpstream(self.connection, _TERMINATE))
        self._close(Link.LOST)
        self._rewind(now, [], self._replay.sent_seconds - PAUSE_SECONDS if pause else 0.0)
        if pause:
            self._told_until = self._replay.offset  # nobody spoke
        else:
            self._warn_of_gap()
        self._trouble_since, self._attempts = now, 0
        self._last_failure = from_failure(FailureKind.NO_BEGIN)
        self._try_again(now)

    # ---- Transcripts

    def _deliver(self, step: Step, now: float) -> None:
        cut = step.ends_turn and self._forced_by_delay
        forced = step.ends_turn and self._forced_by_program
        words = step.final or step.open
        if words and self._timers.is_set("utterance"):
            self._end_cut_utterance(words[0])
        for message in self._transcripts.messages(step, forced, utterance_ends=not cut):
            self._out.send(message)
        if step.final and self.link is not Link.NONE:
            self._replay.cover(self._transcripts.end)
        if step.final or not step.open:
            self._timers.clear("delay")
        if step.ends_turn or not step.open:
            self._forced_by_delay = False
        if forced:
            self._forced_by_program = False
            self._timers.clear("forced")
        elif cut and self._wants.silence is not None:
            # AssemblyAI tells of a silence only by ending a turn, and this turn has ended already.
            silent = self._replay.sent_seconds - self._transcripts.end
            wait = max(0.0, self._wants.silence - silent) + FIRST_WORDS_SECONDS
            self._timers.set("utterance", now + wait)

    def _end_cut_utterance(self, next_word: assemblyai.Word) -> None:
        """Somebody speaks again after a turn that was cut: whether it is another utterance is in the times."""
        self._timers.clear("utterance")
        pause = seconds(next_word.start) - self._transcripts.end
        if self._wants.silence is not None and pause >= self._wants.silence:
            self._out.send(self._transcripts.utterance_end(forced=False))

    def _watch_delay(self, now: float) -> None:
        if not self._wants.fixed or self._wants.max_delay is None or self._timers.is_set("delay"):
            return
        waiting = self._turns.open_words
        if waiting and not self._forced_by_delay:
            waited = self._replay.sent_seconds - seconds(waiting[0].end)
            self._timers.set("delay", now + max(0.0, self._wants.max_delay - ENDPOINT_SECONDS - waited))

    # ---- The connection

    def _open(self, now: float) -> None:
        self._framer = Framer(self._opening.encoding, self._opening.sample_rate)
        self._outbox.use_frames_of(self._framer.frame_seconds)
        self._replay = Replay(self._framer.frame_seconds)
        self._open_upstream(now)

    def _open_upstream(self, now: float) -> None:
        self.link = Link.OPENING
        self._opened_at, self._opened_at_unix_time = now, None
        self._timers.set("begin", now + BEGIN_SECONDS)
        self.connection = self._out.open_upstream(self._opening.url_with(self._updates))

    def _sent(self, message: str, now: float) -> None:
        if message == _TERMINATE:
            self.link = Link.TERMINATING
            self._heard_since_terminate = False
            self._timers.clear("change")
            # What was sent faster than real time may be heard in real time only.
            lead = 0.0 if self._abandoned else self._replay.lead(now)
            self._termination_expected = now + TERMINATION_SECONDS + lead
            self._timers.set("termination", self._termination_expected)
            self._end_by = min(self._end_by, self._termination_expected + LATE_TURNS_SECONDS)
        elif message == _FORCE_ENDPOINT:
            self._forced_by_program = True
            self._timers.set("forced", now + FORCED_SECONDS)

    def _finish(self, now: float) -> None:
        """AssemblyAI has said all it will say, as it was asked to."""
        if not self._abandoned:
            self.deliver_rest(now)
        self._close(Link.GONE)
        self._timers.clear("give_up")
        self.ended = True

    def _close(self, link: Link) -> None:
        if self.link is not Link.LOST:
            self._out.add(CloseUpstream(self.connection))
        self.link = link
        for name in ("termination", "begin", "stable", "change"):
            self._timers.clear(name)

    def _give_up(self, failure: ErrorMapping, now: float) -> None:
        self.deliver_rest(now)
        self.link = Link.GONE
        self._timers.clear("give_up")
        self._timers.clear("reopen")
        self._out.log(failure.reason, logging.ERROR)
        self.failure = failure

    # ---- Another connection

    def _rewind(self, now: float, again: list[str], earliest: float = 0.0) -> None:
        """Whatever no final covers is to be heard again, from ``earliest`` on, and then these messages."""
        self._timers.clear("format")
        self._timers.clear("delay")
        self._forced_by_delay = False
        for step in self._turns.break_off(milliseconds(self._replay.kept_from)):
            self._deliver(step, now)
        if self._forced_by_program:
            again = [_FORCE_ENDPOINT, *again]
        self._replay.rewind(earliest, again)
        self._turns.resume(milliseconds(self._replay.offset), milliseconds(self._transcripts.end))
        if self._turns.earlier_speakers:
            self._out.warn(
                WarningType.VALIDATION_WARNING,
                "The session continues on another connection to AssemblyAI, which does not know the speakers. Whoever "
                f"speaks gets a new number, from S{self._turns.earlier_speakers + 1} on.",
            )

    def _warn_of_gap(self) -> None:
        begin, end = max(self._transcripts.end, self._told_until), self._replay.offset
        if milliseconds(end) > milliseconds(begin):
            self._told_until = end
            self._out.warn(
                WarningType.VALIDATION_WARNING,
                "The connection to AssemblyAI was lost, and the session continues on another one. The audio from "
                f"{begin:.2f} s to {end:.2f} s has no final transcript and is too old to be heard again: words in it may "
                "be missing.",
            )

    def _try_again(self, now: float) -> None:
        """Open another connection, at once or after a pause, while there is time."""
        assert self._trouble_since is not None
        pause = min(LONGEST_BACKOFF_SECONDS, 2.0 ** (self._attempts - 1)) if self._attempts else 0.0
        self._attempts += 1
        give_up = self._trouble_since + REOPEN_SECONDS
        if now + pause >= give_up:
            self._give_up(self._last_failure, now)
            return
        self._timers.set("give_up", give_up)
        if pause:
            self._timers.set("reopen", now + pause)
        else:
            self._open_upstream(now)

    def _plan_change(self, begin: assemblyai.Begin, now: float) -> None:
        """Change to another connection before AssemblyAI ends this one."""
        lasts = CONNECTION_SECONDS
        if begin.expires_at and self._opened_at_unix_time is not None:
            told = begin.expires_at - self._opened_at_unix_time
            # Clocks may disagree: a session that ends before it begins, or lasts longer than any, does not.
            if 0 < told < CONNECTION_SECONDS:
                lasts = told
        spare = min(SPARE_SECONDS, lasts / 10)
        ends = self._opened_at + lasts
        self._change_by = ends - spare / 10
        self._timers.set("change", ends - spare)


def _session_name(id: str) -> str:
    # AssemblyAI's support asks for it. `quotable` would take a UUID for a key.
    try:
        return str(uuid.UUID(id))
    except ValueError:
        return quotable(id)


_SERVER_MESSAGES: dict[type, Callable[[Line, Any, float], None]] = {
    assemblyai.Begin: Line._begin,
    assemblyai.Turn: Line._turn,
    assemblyai.Termination: Line._termination,
    assemblyai.Error: Line._error,
    assemblyai.Warning: Line._warning,
    assemblyai.Malformed: Line._malformed,
}
"""What of AssemblyAI's messages means something here. A final is never revised, so SpeakerRevision does not."""

_TIMERS: dict[str, Callable[[Line, float], None]] = {
    "begin": Line._begin_due,
    "format": Line._format_due,
    "delay": Line._delay_due,
    "forced": Line._forced_due,
    "utterance": Line._utterance_due,
    "termination": Line._termination_due,
    "reopen": Line._reopen_due,
    "give_up": Line._give_up_due,
    "stable": Line._stable_due,
    "change": Line._change_due,
}
