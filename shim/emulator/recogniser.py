"""What Speechmatics says of the words it hears, and when: finals, partials and ends of utterances, without I/O.

The service looks at the audio in steps. Their length, how far they lag behind the audio, what follows what and how
spans tile were observed in sessions captured in 2025-09.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shim.emulator.hearing import Heard
from shim.emulator.recognition_config import RecognitionConfig
from shim.emulator.scene import Scene

Message = dict[str, Any]

FORMAT = "2.9"
FIRST_STEP = 0.28
"""Seconds of audio in the first step."""
STEP = 0.36
"""Seconds of audio in every further step."""
LAG = 0.32
"""Seconds of audio that have come after a step before it is reported."""

TRANSCRIPT_FAULTS = (
    "duplicate-final",
    "empty-final",
    "lone-punctuation",
    "missing-confidence",
    "relabelled-speakers",
    "unpaired-finals",
)
"""Names of the faults that change transcripts."""

_PARTS = re.compile(r"([¿¡\"“„«(\[]*)(.*?)([.,!?;:…\"”»)\]。，？！、।]*)", re.DOTALL)
_SENTENCE_ENDS = frozenset(".?!…。？！।")


@dataclass(frozen=True)
class Token:
    """A word or a punctuation mark.

    Attributes:
        content: its text.
        start: seconds.
        end: seconds; equal to ``start`` for a mark.
        speaker: ``S1``, ``S2``, ...
        attaches_to: ``previous`` or ``next`` for a mark, None for a word.
    """

    content: str
    start: float
    end: float
    speaker: str
    attaches_to: str | None = None


class Recogniser:
    """Turns what was heard in one channel into the messages that Speechmatics sends.

    Args:
        scene: what may be said.
        config: what the session asked for; may be replaced while it lasts.
        faults: those of `TRANSCRIPT_FAULTS` that are on.
        channel: its label in a session of several.

    Attributes:
        speakers: labels given so far, by speaker of the scene.
    """

    def __init__(
        self, scene: Scene, config: RecognitionConfig, faults: Container[str] = (), channel: str | None = None
    ) -> None:
        self.config = config
        self.speakers: dict[str, str] = {}
        self._scene = scene
        self._faults = faults
        self._channel = channel
        self._waiting: list[tuple[Token, ...]] = []
        self._horizon = FIRST_STEP
        self._final_end = 0.0
        self._word_end = 0.0
        self._in_utterance = False
        self._seconds = 0.0
        self._spoken_until = 0.0
        self._speech_began = 0.0

    def advance(self, heard: Iterable[Heard], seconds: float, spoken_until: float) -> list[Message]:
        """Take what was heard and report the steps that are complete.

        Args:
            heard: words in order.
            seconds: of audio so far.
            spoken_until: the last moment at which somebody spoke, in seconds of audio.
        """
        self._take(heard)
        was_speaking, speaking = self._spoken_until >= self._seconds, spoken_until > self._seconds
        if speaking and not was_speaking:
            self._speech_began = self._seconds
        self._seconds, self._spoken_until = seconds, spoken_until
        messages: list[Message] = []
        while self._horizon + LAG <= seconds:
            messages += self._step(self._horizon)
            self._horizon += STEP
        return messages

    def force(self, until: float) -> list[Message]:
        """End the utterance at once, as ForceEndOfUtterance asks: what was said before ``until`` is final."""
        self._horizon = max(self._horizon, until + STEP)
        said = [word for word in self._waiting if word[0].start < until]
        messages = [*self._final(said, until, forced=True), *self._partial(until, until, ())]
        return [*messages, self._end_of_utterance(until, forced=True)]

    def finish(self, heard: Iterable[Heard], seconds: float) -> list[Message]:
        """Report what is left at the end of the audio."""
        self._take(heard)
        if not self._waiting and seconds <= self._final_end:
            return []
        return [*self._final(self._waiting, seconds), *self._partial(seconds, seconds, ())]

    def _take(self, heard: Iterable[Heard]) -> None:
        for one in heard:
            if tokens := tuple(self._tokens(one)):
                self._waiting.append(tokens)

    def _tokens(self, heard: Heard) -> Iterator[Token]:
        turn = self._scene.turns[heard.turn]
        speaker = self.speakers.setdefault(turn.speaker, f"S{len(self.speakers) + 1}")
        parts = _PARTS.fullmatch(turn.words[heard.word].text)
        assert parts is not None
        before, word, after = parts.groups()
        permitted = self.config.permitted_marks
        for mark in before:
            if permitted is None or mark in permitted:
                yield Token(mark, heard.start, heard.start, speaker, "next")
        if word:
            yield Token(word, heard.start, heard.end, speaker)
        for mark in after:
            if permitted is None or mark in permitted:
                yield Token(mark, heard.end, heard.end, speaker, "previous")

    def _step(self, horizon: float) -> list[Message]:
        begun = [word for word in self._waiting if word[0].start < horizon]
        visible = [word for word in begun if word[-1].end <= horizon]
        speech_end = begun[-1][-1].end if begun else self._word_end
        if self._speech_began < horizon:
            speech_end = max(speech_end, self._spoken_until)
        trigger = self.config.silence_trigger
        in_utterance = bool(trigger) and (self._in_utterance or bool(visible))
        if in_utterance and horizon - speech_end >= trigger:
            messages = [*self._final(visible, horizon), *self._partial(horizon, horizon, ())]
            return [*messages, self._end_of_utterance(horizon)]
        # Half a step early: finals come as often before max_delay is over as after it.
        latest = horizon + LAG - self.config.max_delay + STEP / 2
        due = [word for word in visible if word[-1].end <= latest]
        if due:
            final_end = due[-1][-1].end
            return [*self._final(due, final_end), *self._partial(final_end, horizon, visible[len(due) :])]
        if begun or speech_end > horizon or in_utterance:
            return self._partial(self._final_end, horizon, visible)
        return [*self._final((), horizon), *self._partial(horizon, horizon, ())]

    def _final(
        self, words: Sequence[tuple[Token, ...]], end: float, forced: bool = False
    ) -> Iterator[Message]:
        if words:
            self._waiting = self._waiting[len(words) :]
            self._word_end = words[-1][-1].end
            self._in_utterance = True
        start, self._final_end = self._final_end, end
        tokens = [token for word in words for token in word]
        pieces = [tokens]
        if "lone-punctuation" in self._faults and tokens and tokens[-1].attaches_to == "previous":
            pieces = [piece for piece in (tokens[:-1], tokens[-1:]) if piece]
        for piece in pieces:
            message = self._transcript("AddTranscript", start, end, piece, forced)
            yield message
            if "duplicate-final" in self._faults:
                yield message
            if "empty-final" in self._faults:
                yield self._transcript("AddTranscript", end, end, [], forced)

    def _partial(self, start: float, end: float, words: Sequence[tuple[Token, ...]]) -> list[Message]:
        if not self.config.partials or "unpaired-finals" in self._faults:
            return []
        tokens = [token for word in words for token in word]
        # What comes after the last word is not known yet, so neither is its punctuation.
        while tokens and tokens[-1].attaches_to == "previous":
            tokens.pop()
        return [self._transcript("AddPartialTranscript", start, end, tokens)]

    def _end_of_utterance(self, at: float, forced: bool = False) -> Message:
        self._in_utterance = False
        message: Message = {"message": "EndOfUtterance", "format": FORMAT}
        message["metadata"] = {"end_time": _time(at), "start_time": _time(at)}
        return self._marked(message, forced)

    def _transcript(
        self, name: str, start: float, end: float, tokens: Sequence[Token], forced: bool = False
    ) -> Message:
        final = name == "AddTranscript"
        text = join(tokens, self.config.delimiter)
        message: Message = {"message": name, "format": FORMAT}
        message["results"] = [self._result(token, final) for token in tokens]
        message["metadata"] = {
            "end_time": _time(end),
            "start_time": _time(min([start, *(token.start for token in tokens)])),
            "transcript": text + self.config.delimiter if final and text else text,
        }
        return self._marked(message, forced)

    def _marked(self, message: Message, forced: bool) -> Message:
        if self._channel is not None:
            message["channel"] = self._channel
        if forced:
            message["forced"] = True
        return message

    def _result(self, token: Token, final: bool) -> Message:
        alternative: Message = {"confidence": 1.0, "content": token.content, "language": self.config.language}
        if "missing-confidence" in self._faults:
            del alternative["confidence"]
        if self.config.speakers:
            relabelled = not final and "relabelled-speakers" in self._faults
            alternative["speaker"] = "UU" if relabelled else token.speaker
        result: Message = {"alternatives": [alternative]}
        if token.attaches_to is not None:
            result["attaches_to"] = token.attaches_to
        result["end_time"] = _time(token.end)
        if token.attaches_to is not None:
            result["is_eos"] = token.content in _SENTENCE_ENDS
        result["start_time"] = _time(token.start)
        result["type"] = "word" if token.attaches_to is None else "punctuation"
        return result


def join(tokens: Iterable[Token], delimiter: str) -> str:
    """The text of words and marks: marks stand close to what they attach to."""
    text = ""
    glue = ""
    for token in tokens:
        text += ("" if token.attaches_to == "previous" else glue) + token.content
        glue = "" if token.attaches_to == "next" else delimiter
    return text


def _time(seconds: float) -> float:
    return round(float(seconds), 2)
