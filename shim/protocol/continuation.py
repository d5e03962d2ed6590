"""The turns of one stream of audio, whose connections to AssemblyAI may change in the middle of it.

Every connection counts its time, its turns and its speakers from the beginning. Here they become those of the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from shim.protocol.assemblyai import Turn, Word
from shim.protocol.mapping.messages import later_label, speaker_number
from shim.protocol.records import replace
from shim.protocol.turns import Step, Turns


class ContinuedTurns:
    """`Turns` over several connections: every word comes once, in the time of the stream.

    When a connection ends early, the words in hand are heard again on the next one. Until they are, they stay in hand:
    the open words of a step are what was heard anew and, behind it, what was in hand before.

    Args:
        word_by_word: as for `Turns`.
        formatted: as for `Turns`.

    Attributes:
        earlier_speakers: how many speaker numbers the connections before the present one used up.
    """

    def __init__(self, word_by_word: bool, formatted: bool) -> None:
        self._new_turns = partial(Turns, word_by_word, formatted)
        self._turns = self._new_turns()
        self._in_hand: list[Word] = []
        self._offset = 0
        self._labels: set[str] = set()
        self.earlier_speakers = 0

    @property
    def waiting_for_format(self) -> bool:
        """A turn has ended and only its formatted text is missing."""
        return self._turns.waiting_for_format

    @property
    def open_words(self) -> Sequence[Word]:
        """All words that no step has given as final."""
        words = self._turns.open_words
        return [*words, *self._in_hand] if self._in_hand else words

    def turn(self, message: Turn) -> list[Step]:
        """What a Turn of the present connection brings."""
        if self._offset or self.earlier_speakers:
            message = self._in_stream(message)
        steps = self._turns.turn(message)
        if message.speaker:
            self._labels.add(message.speaker)
        for step in steps:
            self._note_speakers(step.final)
        return [self._with_words_in_hand(step) for step in steps] if self._in_hand else steps

    def rest(self) -> list[Step]:
        """All text in hand as final: nothing more will come of it, or not in time."""
        words = self.open_words
        self._turns.rest()
        self._in_hand = []
        self._note_speakers(words)
        return [Step(words, (), ends_turn=True)] if words else []

    def break_off(self, kept_from: int) -> list[Step]:
        """The connection is gone.

        Args:
            kept_from: milliseconds of the stream from which on it can be heard again.

        Returns:
            What is final now: a turn that only waited for its formatted text, and words that cannot be heard again.
        """
        steps = []
        if self._turns.waiting_for_format:
            # That turn is over: only what stood in hand behind it is still open.
            steps = [self._with_words_in_hand(step) for step in self._turns.rest()]
        words = self.open_words
        lost = next((i for i, word in enumerate(words) if word.start >= kept_from), len(words))
        self._in_hand = list(words[lost:])
        self._turns = self._new_turns()
        if lost:
            steps.append(Step(words[:lost], self._in_hand))
        for step in steps:
            self._note_speakers(step.final)
        self._note_speakers(self._in_hand)
        return steps

    def resume(self, offset: int, final_until: int) -> None:
        """The next connection.

        Args:
            offset: milliseconds of the stream at which its audio begins.
            final_until: milliseconds of the stream up to which words are final already; they are not given again.
        """
        self._offset = offset
        self.earlier_speakers = max(map(speaker_number, self._labels), default=0)
        self._turns = self._new_turns(final_until)

    def _in_stream(self, message: Turn) -> Turn:
        offset, earlier = self._offset, self.earlier_speakers
        words = tuple(
            replace(
                word,
                start=word.start + offset,
                end=word.end + offset,
                speaker=later_label(word.speaker, earlier),
            )
            for word in message.words
        )
        return replace(message, words=words, speaker=later_label(message.speaker, earlier))

    def _with_words_in_hand(self, step: Step) -> Step:
        """The words in hand that lie behind all that was heard again stay open; the others were heard again."""
        heard = [*step.final, *step.open]
        if heard:
            until = max(word.end for word in heard)
            self._in_hand = [word for word in self._in_hand if (word.start + word.end) / 2 > until]
        return Step(step.final, [*step.open, *self._in_hand], step.ends_turn)

    def _note_speakers(self, words: Sequence[Word]) -> None:
        if words:
            self._labels.update(word.speaker for word in words if word.speaker)
