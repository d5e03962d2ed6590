"""Speechmatics' transcript messages, made from the steps of the turns, in the order in which its server sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shim.protocol.assemblyai import Word
from shim.protocol.mapping.languages import language_pack_info
from shim.protocol.mapping.messages import seconds, speaker_label
from shim.protocol.results import compose
from shim.protocol.speechmatics import ServerMessage, end_of_utterance, transcript
from shim.protocol.turns import Step


class Transcripts:
    """Writes AddTranscript, AddPartialTranscript and EndOfUtterance of one session.

    Args:
        language: ``transcription_config.language``.
        speakers: speaker diarization was asked for.

    Attributes:
        partials: whether partial transcripts are wanted now.
        utterances: whether EndOfUtterance is wanted now.
        end: where the last final ended, in seconds of the session.
    """

    def __init__(self, language: str, speakers: bool) -> None:
        self._language = language
        self._delimiter = language_pack_info(language)["word_delimiter"]
        self._label = speaker_label if speakers else None
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
        final = self._final(step.final, forced)
        if final:
            messages.append(final)
        if self.partials and (final or step.open or self._partial_shown):
            messages.append(self._partial(step.open))
        if step.ends_turn and utterance_ends and (self.utterances or forced):
            messages.append(end_of_utterance(self.end, forced))
        return messages

    def forced_end(self) -> ServerMessage:
        """EndOfUtterance for a program that forced one although nobody had spoken."""
        return end_of_utterance(self.end, forced=True)

    def _final(self, words: Sequence[Word], forced: bool) -> ServerMessage | None:
        results, text = compose(words, self._language, self._delimiter, self._label)
        if not results:
            return None
        self.end = max(self.end, seconds(words[-1].end))
        return transcript(
            True, text + self._delimiter, results, seconds(words[0].start), seconds(words[-1].end), forced
        )

    def _partial(self, words: Sequence[Word]) -> ServerMessage:
        results, text = compose(words, self._language, self._delimiter, self._label)
        self._partial_shown = bool(results)
        if not results:
            return transcript(False, "", results, self.end, self.end)
        return transcript(False, text, results, seconds(words[0].start), seconds(words[-1].end))


class Wants:
    """What of ``transcription_config`` the translation itself follows; it may change in the middle of a session.

    Attributes:
        partials: ``enable_partials``, or the name that speechmatics-python has for it.
        utterances: EndOfUtterance is wanted (a silence trigger above 0).
        max_delay: seconds that a word may wait to become final, when the program said so.
        fixed: ``max_delay_mode`` is ``fixed``: `max_delay` counts even in the middle of a sentence.
        speakers_result: a SpeakersResult is wanted at the end.
    """

    def __init__(self) -> None:
        self.partials = False
        self.utterances = False
        self.max_delay: float | None = None
        self.fixed = False
        self.speakers_result = False

    def read(self, config: Mapping[str, Any]) -> None:
        """Take over the keys that ``config`` has; the others stay as they are."""
        for key in ("enable_partials", "enable_transcription_partials"):
            if key in config:
                self.partials = config[key] is True
        if "max_delay" in config:
            self.max_delay = _positive(config["max_delay"])
        if "max_delay_mode" in config:
            self.fixed = config["max_delay_mode"] == "fixed"
        diarization = config.get("speaker_diarization_config")
        if isinstance(diarization, Mapping) and diarization.get("get_speakers") is True:
            self.speakers_result = True
        conversation = config.get("conversation_config")
        if isinstance(conversation, Mapping) and "end_of_utterance_silence_trigger" in conversation:
            self.utterances = _positive(conversation["end_of_utterance_silence_trigger"]) is not None


def _positive(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value > 0 else None  # type: ignore[operator, arg-type]
