"""From Turns, which repeat a whole turn, to pieces that come once: what is final now, and what is still open.

One `Turns` follows the Turns of one AssemblyAI connection. It knows neither time nor Speechmatics' messages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shim.protocol.assemblyai import Turn, Word
from shim.protocol.records import replace
from shim.protocol.results import take_apart


class Step(NamedTuple):
    """What a message changes.

    Attributes:
        final: words that were never given before and never change; perhaps none.
        open: all words after the last final one. They replace those of the step before; none: nothing is open.
        ends_turn: the speaker has come to an end.
    """

    final: Sequence[Word]
    open: Sequence[Word]
    ends_turn: bool = False


@dataclass
class _Turn:
    order: int
    words: Sequence[Word] = ()
    given: list[str] = field(default_factory=list)
    given_until: int = 0
    ended: bool = False


class Turns:
    """Follows the turns of one connection.

    Order, repetition and gaps are AssemblyAI's promise, but nothing here relies on it: Turns that repeat a finished
    turn are ignored, an order that is used again for later words is another turn, and a turn whose final never comes is
    given when the next one starts, or by `rest`.

    Args:
        word_by_word: give words as soon as they are final rather than at the end of the turn. Only where the model
            never changes a final word (Universal-Streaming without formatting).
        formatted: the model heeds ``format_turns``, and it was asked for: the final of a turn comes twice, and the
            second, formatted one counts.
        final_until: milliseconds; words that lie before are final already, from another connection, and not given again.
    """

    def __init__(self, word_by_word: bool, formatted: bool, final_until: int = 0) -> None:
        self._word_by_word = word_by_word and not formatted
        self._formatted = formatted
        self._current: _Turn | None = None
        self._previous: _Turn | None = None
        self._final_until = self._given_until = final_until

    @property
    def waiting_for_format(self) -> bool:
        """A turn has ended and only its formatted text is missing; `rest` gives it unformatted."""
        turn = self._current
        return turn is not None and turn.ended and bool(turn.words)

    @property
    def open_words(self) -> Sequence[Word]:
        """What no step has given as final."""
        return self._remaining(self._current) if self._current else ()

    def turn(self, message: Turn) -> list[Step]:
        """What a Turn brings."""
        words = self._words(message)
        ends = message.end_of_turn
        steps: list[Step] = []
        turn = self._current
        if turn is None or message.order > turn.order:
            steps = self.rest()
            self._previous = turn if turn and not turn.ended else None
            turn = self._current = _Turn(message.order, given_until=self._given_until)
        elif turn.ended and not self.waiting_for_format:
            if not self._is_new(words):
                return self._late_final(message) if ends else []
            turn = self._current = _Turn(message.order, given_until=self._given_until)
        elif message.order < turn.order:
            return self._late_final(message) if ends else []
        elif turn.ended and not ends:
            return []
        if ends and not message.words:
            # An empty formatted final must not take back the text that waits for it.
            words = turn.words if turn.ended else _words_of_text(message.transcript, turn)
        turn.words = words
        if ends:
            return [*steps, self._end(turn, message.is_formatted)]
        return [*steps, self._progress(turn)]

    def rest(self) -> list[Step]:
        """The text in hand as final: nothing more will come of it, or not in time."""
        words = self.open_words
        if not words or self._current is None:
            return []
        self._give(self._current, words)
        return [Step(words, (), ends_turn=True)]

    def _words(self, message: Turn) -> Sequence[Word]:
        words = _with_speaker(message)
        if not self._final_until:
            return words
        return [word for word in words if (word.start + word.end) / 2 >= self._final_until]

    def _is_new(self, words: Sequence[Word]) -> bool:
        # Should an order ever be used again, it is the times that tell another turn from a repetition.
        return bool(words) and all((word.start + word.end) / 2 > self._given_until for word in words)

    def _progress(self, turn: _Turn) -> Step:
        tail = self._remaining(turn)
        if not self._word_by_word:
            return Step((), tail)
        count = next((i for i, word in enumerate(tail) if not word.is_final), len(tail))
        self._give(turn, tail[:count], keep=turn.words)
        return Step(tail[:count], tail[count:])

    def _end(self, turn: _Turn, is_formatted: bool) -> Step:
        turn.ended = True
        words = self._remaining(turn)
        if self._formatted and not is_formatted:
            return Step((), words)
        spoken = bool(words or turn.given)
        self._give(turn, words)
        return Step(words, (), ends_turn=spoken)

    def _late_final(self, message: Turn) -> list[Step]:
        turn = self._previous
        if turn is None or turn.order != message.order:
            return []
        self._previous = None
        turn.words = self._words(message)
        late = self._remaining(turn)
        return [Step(late, self.open_words)] if late else []

    def _give(self, turn: _Turn, words: Sequence[Word], keep: Sequence[Word] = ()) -> None:
        if words:
            turn.given += [word.text for word in words]
            turn.given_until = words[-1].end
            self._given_until = max(self._given_until, turn.given_until)
        turn.words = keep

    def _remaining(self, turn: _Turn) -> Sequence[Word]:
        words, given = turn.words, turn.given
        if not given:
            return words
        count = len(given)
        texts = [word.text for word in words[:count]]
        if texts == given:
            return words[count:]
        if [_spoken(text) for text in texts] == [_spoken(text) for text in given]:
            return [*_new_marks(given[-1], words[count - 1]), *words[count:]]
        # Another number of words now stands for what was given: the times tell which are new.
        return [word for word in words if (word.start + word.end) / 2 > turn.given_until]


_NOT_SPOKEN = re.compile(r"\W")


def _spoken(text: str) -> str:
    return _NOT_SPOKEN.sub("", text).casefold()


def _new_marks(given: str, word: Word) -> list[Word]:
    marks = "".join(mark for mark, _ in take_apart(word.text).after)
    if not marks or take_apart(given).after:
        return []
    return [replace(word, text=marks, start=word.end)]


def _with_speaker(message: Turn) -> Sequence[Word]:
    # Words that say nothing of their speaker have that of their turn, which is otherwise the majority's.
    if message.speaker is None or all(word.speaker for word in message.words):
        return message.words
    return [word if word.speaker else replace(word, speaker=message.speaker) for word in message.words]


def _words_of_text(text: str, turn: _Turn) -> list[Word]:
    # No server should send text without words; when one does, the text counts more than its times.
    time = turn.words[-1].end if turn.words else turn.given_until
    return [Word(part, time, time, 0.0, True, None) for part in text.split()]
