"""What AssemblyAI says of the words it hears, and when: Turns, SpeechStarted and SpeakerRevision, without I/O.

Order, fields, texts and latencies per model family: AssemblyAI docs (message sequence, turn detection, speaker
labels) and sessions observed live in 2026-09.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shim.emulator.assemblyai_configuration import Configuration
from shim.emulator.faults import ActiveFaults
from shim.emulator.hearing import Heard
from shim.emulator.scene import Scene

Message = dict[str, Any]

STREAMING_PARTIAL_DELAY = 0.3
WHISPER_DELAY = 3.0
FINAL_DELAY = 0.29
"""From the moment at which a turn is over. With 128 ms of silence, finals follow the last word by 0.42 s."""
FORCED_DELAY = 0.267
FORMATTING_DELAY = 0.2
"""Between the unformatted and the formatted final; not established."""
FIRST_PARTIAL = 0.62
"""From the onset of speech to the first partial of the Universal-3 family, beside its interruption_delay."""
PARTIAL_INTERVAL = 1.0
SLOW_PARTIAL_INTERVAL = 3.0
SHORTEST_SPEECH = 0.08
COMPLETE_SCORE = 0.75
INCOMPLETE_SCORE = 0.2
EARLY_PADDING = 0.99
LATE_PADDING = 0.24
SPEAKER_CONFIDENCE = 0.94
LANGUAGE_CONFIDENCE = 0.98

_SENTENCE_END = re.compile(r"[.?!。？！][\"”’)]*$")
_MARKS = re.compile(r"[^\w'’-]+")


@dataclass(frozen=True)
class Say:
    """A message, and how many seconds after this moment it goes out."""

    message: Message
    delay: float = 0.0


@dataclass(frozen=True)
class SpokenWord:
    """A word as it was heard: its formatted text, seconds of audio, and the true label of its speaker."""

    text: str
    start: float
    end: float
    speaker: str

    @property
    def plain(self) -> str:
        """Without capitals and punctuation."""
        return _MARKS.sub("", self.text.lower())


def ends_sentence(words: Sequence[SpokenWord]) -> bool:
    """Whether the last word has a mark that ends a sentence."""
    return bool(words) and _SENTENCE_END.search(words[-1].text) is not None


def milliseconds(seconds: float) -> int:
    """As the service writes times."""
    return round(max(0.0, seconds) * 1000)


class Turns:
    """Makes the Turns of one session.

    Args:
        scene: what may be said.
        configuration: what the session was told; may be updated while it lasts.
        faults: those that change Turns.
    """

    def __init__(self, scene: Scene, configuration: Configuration, faults: ActiveFaults) -> None:
        self._scene = scene
        self._configuration = configuration
        self._faults = faults
        self._order = 0
        self._words: list[SpokenWord] = []
        self._uttered = 0
        """How many words of the open turn an ``utterance`` has covered."""
        self._started = False
        """Whether the open turn has had its SpeechStarted."""
        self._next_partial: float | None = None
        self._shown = 0
        """How many words of the open turn its last partial showed."""
        self._labels: dict[str, str] = {}
        self._revised: dict[int, Message] = {}

    @property
    def open(self) -> bool:
        """Whether a turn has words and no final yet."""
        return bool(self._words)

    def advance(self, heard: Iterable[Heard], seconds: float, silence: float) -> list[Say]:
        """Take what was heard.

        Args:
            heard: words in order.
            seconds: of audio so far.
            silence: seconds of audio since somebody spoke.
        """
        says: list[Say] = []
        for one in heard:
            says += self._end_before(one)
            self._take(one)
            if self._configuration.family != "universal-3":
                says += self._growing_partial()
        if not self._words:
            return says
        if self._configuration.family == "universal-3":
            says += self._snapshot(seconds)
        if self._is_over(silence):
            says += self._final(self._final_delay)
        elif self._configuration.family != "universal-3":
            says += self._utterance(silence)
        return says

    def force(self) -> list[Say]:
        """ForceEndpoint: the open turn ends; without one nothing happens."""
        return self._final(FORCED_DELAY) if self._words else []

    def finish(self, heard: Iterable[Heard]) -> list[Say]:
        """Terminate: the open turn ends; Universal-Streaming adds an empty final."""
        for one in heard:
            self._take(one)
        says = self._final(FORCED_DELAY) if self._words else []
        if self._configuration.family != "universal-3" and "no-empty-final" not in self._faults:
            says.append(self._empty_final())
        return says

    def revision(self) -> Message | None:
        """The turns whose labels were not right, with the right ones; None if all were."""
        if not self._revised:
            return None
        return {"type": "SpeakerRevision", "revisions": list(self._revised.values())}

    def _take(self, heard: Heard) -> None:
        turn = self._scene.turns[heard.turn]
        label = self._labels.setdefault(turn.speaker, chr(ord("A") + len(self._labels)))
        self._words.append(SpokenWord(turn.words[heard.word].text, heard.start, heard.end, label))

    def _end_before(self, heard: Heard) -> list[Say]:
        """The final that was due in the pause before a word, when one chunk of audio held them both."""
        if self._words and self._is_over(heard.start - self._words[-1].end):
            return self._final(self._final_delay)
        return []

    @property
    def _final_delay(self) -> float:
        return WHISPER_DELAY if self._configuration.family == "whisper" else FINAL_DELAY

    @property
    def _score(self) -> float:
        return COMPLETE_SCORE if ends_sentence(self._words) else INCOMPLETE_SCORE

    def _is_over(self, silence: float) -> bool:
        timing, family = self._configuration.timing, self._configuration.family
        spoken = self._words[-1].end - self._words[0].start
        if spoken >= self._configuration.longest_turn:
            return True
        if spoken < SHORTEST_SPEECH:
            return False
        if family == "universal-3":
            complete = ends_sentence(self._words)
        else:
            complete = self._score > self._configuration.get("end_of_turn_confidence_threshold", 0.4)
        return silence * 1000 >= (timing.min_turn_silence if complete else timing.max_turn_silence)

    def _growing_partial(self) -> list[Say]:
        if not self._configuration.partials:
            return []
        delay = WHISPER_DELAY if self._configuration.family == "whisper" else STREAMING_PARTIAL_DELAY
        shown = self._words[:-1] if "final-words-only" in self._faults else self._words
        return [Say(self._turn(False, self._fmt_streaming, shown, final_words=len(self._words) - 1), delay)]

    def _utterance(self, silence: float) -> list[Say]:
        """Universal-Streaming shows the text of a pause that does not end the turn, once."""
        pause = self._configuration.timing.min_turn_silence / 1000
        if silence < pause or self._uttered == len(self._words) or not self._configuration.partials:
            return []
        utterance = self._text(self._words[self._uttered :], self._fmt_streaming)
        self._uttered = len(self._words)
        message = self._turn(
            False, self._fmt_streaming, self._words, final_words=self._uttered, utterance=utterance
        )
        return [Say(message, STREAMING_PARTIAL_DELAY)]

    def _snapshot(self, seconds: float) -> list[Say]:
        if self._next_partial is None:
            delay = self._configuration.timing.interruption_delay / 1000
            self._next_partial = self._words[0].start + FIRST_PARTIAL + delay
        if seconds < self._next_partial or not self._configuration.partials:
            return []
        fast = self._configuration.get("continuous_partials", not self._configuration.labels)
        self._next_partial = seconds + (PARTIAL_INTERVAL if fast else SLOW_PARTIAL_INTERVAL)
        if self._shown == len(self._words):
            return []
        self._shown = len(self._words)
        formatted = "unformatted-partials" not in self._faults
        partial = self._turn(False, formatted, self._words, final_words=0)
        return [*self._speech_started(), Say(partial)]

    def _speech_started(self, delay: float = 0.0) -> list[Say]:
        if self._started:
            return []
        self._started = True
        start = self._padded(self._words)[0].start
        return [Say({"type": "SpeechStarted", "timestamp": milliseconds(start), "confidence": 0.98}, delay)]

    @property
    def _fmt_streaming(self) -> bool:
        return "formatted-streaming" in self._faults

    def _final(self, delay: float) -> list[Say]:
        says: list[Say] = []
        if self._configuration.family == "universal-3":
            says += self._speech_started(delay)
            says.append(Say(self._final_turn(True), delay))
        elif self._fmt_streaming or not self._configuration.formats:
            says.append(Say(self._final_turn(self._fmt_streaming), delay))
        else:
            if "single-final" not in self._faults:
                says.append(Say(self._final_turn(False), delay))
            if "unformatted-only" not in self._faults:
                says.append(Say(self._final_turn(True), delay + FORMATTING_DELAY))
        if "duplicate-final" in self._faults:
            says.append(says[-1])
        self._close_turn()
        if "empty-final" in self._faults:
            says.append(self._empty_final())
        return says

    def _final_turn(self, formatted: bool) -> Message:
        utterance = self._text(self._words, formatted)
        if self._configuration.family != "universal-3":
            utterance = self._text(self._words[self._uttered :], formatted)
        message = self._turn(True, formatted, self._words, final_words=len(self._words), utterance=utterance)
        self._note_revision(message)
        return message

    def _empty_final(self) -> Say:
        message = self._turn(True, self._configuration.family == "universal-3", [], final_words=0)
        self._close_turn()
        return Say(message, FORCED_DELAY)

    def _close_turn(self) -> None:
        self._order += 1
        self._words = []
        self._uttered = self._shown = 0
        self._started = False
        self._next_partial = None

    def _text(self, words: Sequence[SpokenWord], formatted: bool) -> str:
        return " ".join(word.text if formatted else word.plain for word in words)

    def _padded(self, words: Sequence[SpokenWord]) -> list[SpokenWord]:
        """With the fault ``padded-times``, the edges of a turn as the service gives them."""
        result = list(words)
        if result and "padded-times" in self._faults:
            first, final = result[0], result[-1]
            result[0] = SpokenWord(
                first.text, max(0.0, first.start - EARLY_PADDING), first.end, first.speaker
            )
            final = result[-1]
            result[-1] = SpokenWord(final.text, final.start, final.end + LATE_PADDING, final.speaker)
        return result

    def _turn(
        self,
        end_of_turn: bool,
        formatted: bool,
        words: Sequence[SpokenWord],
        final_words: int,
        utterance: str = "",
    ) -> Message:
        """A Turn message.

        Args:
            end_of_turn: whether it is a final.
            formatted: whether it has capitals and punctuation, and says so.
            words: those that ``transcript`` holds.
            final_words: how many of the turn's words are final.
            utterance: as the message says it.
        """
        snapshot = self._configuration.family == "universal-3"
        # A partial of the Universal-3 family is punctuated, whatever it says of itself.
        punctuated = formatted or snapshot
        message: Message = {
            "turn_order": self._order - (self._order % 2 if "turn-order" in self._faults else 0),
            "turn_is_formatted": formatted,
            "end_of_turn": end_of_turn,
            "transcript": self._text(words, punctuated),
            "end_of_turn_confidence": float(end_of_turn) if snapshot else self._score,
            "words": [
                self._word(word, punctuated, end_of_turn, is_final=index < final_words)
                for index, word in enumerate(self._padded(self._words))
            ],
            "utterance": utterance,
        }
        message.update(self._language(end_of_turn, bool(utterance), bool(words)))
        if self._configuration.labels and words and (end_of_turn or not snapshot):
            message.update(self._turn_speaker(words))
            if end_of_turn and "pending-words" in self._faults:
                message["words"][0].update(speaker="PENDING", speaker_confidence=0.0)
        if "empty-words" in self._faults:
            message["words"] = []
        if "no-type" not in self._faults:
            message["type"] = "Turn"
        return message

    def _word(self, word: SpokenWord, punctuated: bool, end_of_turn: bool, *, is_final: bool) -> Message:
        result: Message = {
            "start": milliseconds(word.start),
            "end": milliseconds(word.end),
            "text": word.text if punctuated else word.plain,
            "confidence": 0.97 if is_final else 0.84,
            "word_is_final": is_final,
        }
        if self._configuration.labels and end_of_turn:
            result.update(speaker=self._live_label(word.speaker), speaker_confidence=SPEAKER_CONFIDENCE)
        return result

    def _language(self, end_of_turn: bool, has_utterance: bool, has_words: bool) -> Message:
        family, model = self._configuration.family, self._configuration.model
        told = self._configuration.on("language_detection") and (
            end_of_turn or (family == "universal-streaming" and has_utterance)
        )
        if family != "whisper" and (not told or model == "universal-streaming-english"):
            return {}
        if not has_words:
            return {"language_code": None, "language_confidence": 0.0}
        return {"language_code": self._scene.language, "language_confidence": LANGUAGE_CONFIDENCE}

    def _live_label(self, true_label: str) -> str:
        if unknown := self._faults.get("unknown-speaker"):
            return unknown.argument
        if "wrong-speakers" in self._faults:
            return {"A": "B", "B": "A"}.get(true_label, true_label)
        return true_label

    def _turn_speaker(self, words: Sequence[SpokenWord]) -> Message:
        label = Counter(word.speaker for word in words).most_common(1)[0][0]
        return {"speaker_label": self._live_label(label), "speaker_confidence": SPEAKER_CONFIDENCE}

    def _note_revision(self, message: Message) -> None:
        """Remember the right labels of a final that has wrong ones."""
        if not self._configuration.labels:
            return
        true_labels = [word.speaker for word in self._words]
        if true_labels == [word["speaker"] for word in message["words"] if "speaker" in word]:
            return
        words = []
        for word, label in zip(message["words"], true_labels, strict=False):
            kept = {key: value for key, value in word.items() if key != "speaker_confidence"}
            words.append({**kept, "confidence": 0.98, "speaker": label})
        self._revised[self._order] = {
            "turn_order": message["turn_order"],
            "speaker_label": Counter(true_labels).most_common(1)[0][0],
            "words": words,
        }
