"""Whether a program heard the scene: every word once, in order, from the right speaker, at the right time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from difflib import SequenceMatcher

from migrator.rehearsal.transcript import Message, SpokenWord, Transcript, plain
from shim.emulator.scene import Scene

TIME_TOLERANCE = 0.3
"""Seconds by which the two vendors' times of one word may differ."""


def with_scene(transcript: Transcript, scene: Scene, *, speakers: bool = False) -> list[str]:
    """What is wrong with a transcript of a scene; empty when it is the scene's text, exactly once.

    The times are compared after taking out one common delay: a microphone is open before anybody speaks.

    Args:
        transcript: what the program was told.
        scene: what was spoken.
        speakers: whether the program asked who speaks.
    """
    problems = [f"the service reported an error: {error}" for error in transcript.errors]
    said = [plain(word.text) for word in scene.words]
    heard = [word.text for word in transcript.words]
    problems += _differences(said, heard)
    if not problems:
        problems += _differences(said, [word for piece in transcript.text.split() if (word := plain(piece))])
    if not problems:
        problems += _wrong_times(transcript.words, scene)
    if not problems and speakers:
        problems += _wrong_speakers(transcript.words, scene)
    if not transcript.ended:
        problems.append("the program never learned that the transcript is complete")
    return problems


def between(old: Transcript, new: Transcript) -> list[str]:
    """How two transcripts of the same sound differ for a reader; empty when they say the same."""
    return _differences([word.text for word in old.words], [word.text for word in new.words])


def speechmatics_order(messages: Sequence[Message]) -> list[str]:
    """Which ordering rules of the Speechmatics protocol a sequence of server messages breaks."""
    problems = []
    kinds = [str(message.get("message")) for message in messages]
    before_start = kinds[: kinds.index("RecognitionStarted")] if "RecognitionStarted" in kinds else kinds
    if early := sorted(set(before_start) - {"Info", "Warning", "Error"}):
        problems.append(f"{', '.join(early)} came before RecognitionStarted")
    if "EndOfTranscript" in kinds and kinds[-1] != "EndOfTranscript":
        problems.append(f"{kinds[-1]} came after EndOfTranscript")
    acknowledged = [message["seq_no"] for message in messages if message.get("message") == "AudioAdded"]
    if acknowledged != list(range(1, len(acknowledged) + 1)):
        problems.append("AudioAdded does not count 1, 2, 3, ...")
    partials_on = "AddPartialTranscript" in kinds
    spoken = [message for message in messages if message.get("message") != "AudioAdded"]
    for message, following in zip(spoken, [*spoken[1:], {}], strict=True):
        text = message.get("metadata", {}).get("transcript", "")
        if message.get("message") == "AddPartialTranscript" and text != text.strip():
            problems.append(f"the partial {text!r} begins or ends with white space")
        if message.get("message") != "AddTranscript":
            continue
        if text and not text.endswith(" "):
            problems.append(f"the final {text!r} does not end with the word delimiter")
        if partials_on and following.get("message") != "AddPartialTranscript":
            problems.append(f"no partial follows the final {text!r}")
    return problems


def _differences(said: Sequence[str], heard: Sequence[str]) -> list[str]:
    problems = []
    matcher = SequenceMatcher(a=said, b=heard, autojunk=False)
    for operation, said_from, said_to, heard_from, heard_to in matcher.get_opcodes():
        expected, got = " ".join(said[said_from:said_to]), " ".join(heard[heard_from:heard_to])
        if operation == "delete":
            problems.append(f"missing: {expected!r}")
        elif operation == "insert":
            problems.append(f"not spoken, or twice: {got!r}")
        elif operation == "replace":
            problems.append(f"{got!r} instead of {expected!r}")
    return problems


def _wrong_times(heard: Sequence[SpokenWord], scene: Scene) -> list[str]:
    pairs = list(zip(heard, scene.words, strict=True))
    delay = statistics.median(word.start - spoken.start for word, spoken in pairs)
    return [
        f"{word.text!r} at {word.start - delay:.2f}-{word.end - delay:.2f} s "
        f"instead of {spoken.start:.2f}-{spoken.end:.2f} s"
        for word, spoken in pairs
        if max(abs(word.start - delay - spoken.start), abs(word.end - delay - spoken.end)) > TIME_TOLERANCE
    ]


def _wrong_speakers(heard: Sequence[SpokenWord], scene: Scene) -> list[str]:
    order = list(dict.fromkeys(turn.speaker for turn in scene.turns))
    spoken = [order.index(turn.speaker) for turn in scene.turns for _ in turn.words]
    return [
        f"{word.text!r} from speaker {word.speaker} instead of {speaker}"
        for word, speaker in zip(heard, spoken, strict=True)
        if word.speaker != speaker
    ]
