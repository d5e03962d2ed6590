"""Decides which words of a scene have really arrived, by comparing the audio with the scene's sound."""

from __future__ import annotations

from dataclasses import dataclass

from shim.emulator.scene import Scene


@dataclass(frozen=True)
class Heard:
    """A word of the scene whose sound has arrived.

    Attributes:
        turn: index of its turn in the scene.
        word: index of the word in its turn.
        start: seconds from the first byte fed.
        end: seconds from the first byte fed.
    """

    turn: int
    word: int
    start: float
    end: float


class Hearing:
    """Hears the words of one scene in one stream of audio.

    Args:
        scene: what may be said.
        encoding: ``pcm_s16le``, ``pcm_mulaw`` or ``pcm_f32le``; mono.
        sample_rate: of the audio that is fed, in Hz.

    Attributes:
        seconds: how much audio was fed.
        silence: seconds of audio since the last moment at which a known word was being spoken (since the
            beginning, before the first word).
    """

    seconds: float
    silence: float

    def __init__(self, scene: Scene, encoding: str, sample_rate: int) -> None:
        raise NotImplementedError

    def feed(self, audio: bytes) -> list[Heard]:
        """Take the next audio (any number of bytes) and return the words that it completed."""
        raise NotImplementedError

    def finish(self) -> list[Heard]:
        """The words that the end of the stream completes: no more audio will come."""
        raise NotImplementedError
