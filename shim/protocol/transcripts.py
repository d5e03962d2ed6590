"""Speechmatics' transcript messages, made from the steps of the turns, in the order in which its server sends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from shim.protocol.assemblyai import Word
from shim.protocol.mapping.languages import language_pack_info
from shim.protocol.mapping.messages import seconds, speaker_label
from shim.protocol.results import Pieces, compose, take_apart
from shim.protocol.speechmatics import ServerMessage, end_of_utterance, transcript
from shim.protocol.turns import Step


class Transcripts:
    """Writes AddTranscript, AddPartialTranscript and EndOfUtterance of one session.

    Args:
        language: ``transcription_config.language``.
        speakers: speaker diarization was asked for.
        channel: name of the channel, which every message repeats; None in a session of one channel.
        pieces_of: takes a word apart, and makes of it what the program asked for.

    Attributes:
        partials: whether partial transcripts are wanted now.
        utterances: whether EndOfUtterance is wanted now.
        end: where the last final ended, in seconds of the session.
    """

    def __init__(
        self,
        language: str,
        speakers: bool,
        channel: str | None = None,
        pieces_of: Callable[[str], Pieces] = take_apart,
    ) -> None:
        self._language = language
        self._delimiter = language_pack_info(language)["word_delimiter"]
        self._label = speaker_label if speakers else None
        self._channel = channel
        self._pieces_of = pieces_of
        self._partial_shown = False
        self.partials = False
        self.utterances = False
        self.end = 0.0

    def messages(self, step: Step, forced: bool = False, utterance_ends: bool = True) -> list[ServerMessage]:
        """The final of a step, then the partial that replaces the one before it, then the end of the utterance.

        Args:
            step: what a Turn changed.
            forced: the program asked for this end with ForceEndOfUtterance: it is told that, and that the utterance
                has ended, whether or not it wanted that in general.
            utterance_ends: False when the turn was only cut so that its words do not wait longer.
        """
        messages: list[ServerMessage] = []
        final = self._final(step.final, forced) if step.final else None
        if final:
            messages.append(final)
        if self.partials and (final or step.open or self._partial_shown):
            messages.append(self._partial(step.open))
        if step.ends_turn and utterance_ends and (self.utterances or forced):
            messages.append(self.utterance_end(forced))
        return messages

    def utterance_end(self, forced: bool) -> ServerMessage:
        """EndOfUtterance by itself, where the last final ended."""
        return end_of_utterance(self.end, forced, self._channel)

    def _final(self, words: Sequence[Word], forced: bool) -> ServerMessage | None:
        results, text = compose(words, self._language, self._delimiter, self._label, self._pieces_of)
        if not results:
            return None
        self.end = max(self.end, seconds(words[-1].end))
        start, end = seconds(words[0].start), seconds(words[-1].end)
        return transcript(True, text + self._delimiter, results, start, end, forced, self._channel)

    def _partial(self, words: Sequence[Word]) -> ServerMessage:
        results, text = compose(words, self._language, self._delimiter, self._label, self._pieces_of)
        self._partial_shown = bool(results)
        if not results:
            return transcript(False, "", results, self.end, self.end, channel=self._channel)
        start, end = seconds(words[0].start), seconds(words[-1].end)
        return transcript(False, text, results, start, end, channel=self._channel)
