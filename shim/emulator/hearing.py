"""Decides which words of a scene have really arrived, by comparing the audio with the scene's sound.

Three questions, each a normalised cross-correlation:

- Where in the scene are we? The newest half second is looked up in the whole sound. Only asked while unknown.
- Did this word arrive? The word's sound is looked for around the place where the word before it puts it. It
  must be alike (`ALIKE`), within `TOLERANCE_SECONDS` of that place, and not clearly more alike anywhere near.
- Was it lost? Then the rest of its turn is lost too: hearing resumes at the beginning of a turn, wherever that
  is found. So a dropped or doubled frame always costs at least a word, also when it falls into a pause.
"""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from shim.emulator.scene import Scene

RATE = 16000
"""Samples a second of the scene's sound, and of everything in here."""
ALIKE = 0.8
TOLERANCE_SECONDS = 0.005
NEIGHBOURHOOD_SECONDS = 0.08
"""How far around its place a word is looked for, to tell a jump of a frame from a match by chance."""
CLEARLY = 0.03
"""A match elsewhere that is better by this much is where the word really is."""
SHORTEST_SECONDS = 0.2
"""Shorter words are compared together with the sound before them."""
PROBE_SECONDS = 0.5
PROBE_STEP_SECONDS = 0.2
ONSET_SECONDS = 0.75
"""After a loss, hearing resumes if a probe lies within this much of the beginning of a turn."""
MEMORY_SECONDS = 6.0
INAUDIBLE = 1e-4
"""Sound below this root mean square (1.0 is full scale) is silence."""

ENCODINGS = ("pcm_s16le", "pcm_mulaw", "pcm_f32le")

Samples = NDArray[np.float32]


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


@dataclass(frozen=True)
class _Place:
    """Where a word lies in the scene's sound, in samples."""

    turn: int
    word: int
    start: int
    end: int


def as_samples(values: NDArray[Any]) -> Samples:
    """Numbers from -1 to 1 in the type that everything in here works with; what is no number is silence."""
    samples: Samples = np.nan_to_num(values).astype(np.float32)
    return samples


def _mulaw_table() -> Samples:
    """The value of each byte (ITU-T G.711)."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(np.int32) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return as_samples(np.where(code & 0x80, -magnitude, magnitude) / 32768)


_MULAW = _mulaw_table()
_DECODERS: dict[str, tuple[int, Callable[[bytes], Samples]]] = {
    "pcm_s16le": (2, lambda data: as_samples(np.frombuffer(data, "<i2") / 32768)),
    "pcm_mulaw": (1, lambda data: _MULAW[np.frombuffer(data, np.uint8)]),
    "pcm_f32le": (4, lambda data: as_samples(np.frombuffer(data, "<f4"))),
}


def sample_width(encoding: str) -> int:
    """Bytes of one sample."""
    return _DECODERS[encoding][0]


class _Sound:
    """A scene's sound, prepared for looking probes up in it. Padded with silence at both ends."""

    def __init__(self, samples: Samples) -> None:
        length = self.padding = round(PROBE_SECONDS * RATE)
        self.samples: Samples = np.pad(samples, self.padding)
        self._places = len(self.samples) - length + 1
        self._size = 1 << (len(self.samples) - 1).bit_length()
        self._spectrum = np.fft.rfft(self.samples, self._size)
        energy = _energy_of_windows(self.samples, length)
        audible = energy > INAUDIBLE**2 * length
        self._scale = as_samples(np.where(audible, 1 / np.sqrt(np.where(audible, energy, 1.0)), 0.0))

    def find(self, probe: Samples) -> tuple[float, Samples]:
        """How alike an audible probe is to the sound at best, and how alike it is at every place."""
        products = np.fft.irfft(self._spectrum * np.conj(np.fft.rfft(probe, self._size)), self._size)
        alike = as_samples(products[: self._places] * self._scale / np.sqrt(np.dot(probe, probe)))
        return float(alike.max()), alike

    def part(self, start: int, end: int) -> Samples:
        """The sound between two samples of the scene."""
        return self.samples[max(0, start + self.padding) : end + self.padding]


def _energy_of_windows(sound: Samples, length: int) -> NDArray[np.float64]:
    """The energy of every window of so many samples."""
    sums = np.concatenate(([0.0], np.cumsum(np.square(sound, dtype=np.float64))))
    energy: NDArray[np.float64] = sums[length:] - sums[:-length]
    return energy


def _correlate(template: Samples, sound: Samples) -> NDArray[np.float64]:
    """How alike ``template`` is to ``sound`` at every place where it fits into it; silence is like nothing."""
    size = 1 << (len(sound) - 1).bit_length()
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(template, size)), size)
    energy = _energy_of_windows(sound, len(template))
    floor = INAUDIBLE**2 * len(template)
    template_energy = max(float(np.dot(template, template)), floor)
    alike: NDArray[np.float64] = products[: len(energy)] / np.sqrt(
        np.maximum(energy, floor) * template_energy
    )
    return np.where(energy > floor, alike, 0.0)


def _is_telling(probe: Samples) -> bool:
    """Whether half of the probe is sound: a mere onset is alike to too many others."""
    blocks = probe[: len(probe) // 50 * 50].reshape(50, -1)
    loudness = np.sqrt(np.mean(np.square(blocks), axis=1))
    return bool(np.count_nonzero(loudness > max(INAUDIBLE, 0.05 * float(loudness.max()))) >= 25)


@lru_cache(maxsize=16)
def _load(path: Path, changed: float) -> _Sound:
    with wave.open(str(path), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, RATE):
            raise ValueError(f"{path} must be a mono 16-bit WAV file at {RATE} Hz")
        return _Sound(_DECODERS["pcm_s16le"][1](file.readframes(file.getnframes())))


class Hearing:
    """Hears the words of one scene in one stream of audio.

    A session may begin anywhere in the scene, after any amount of silence or noise, and the scene may be played
    again.

    Args:
        scene: what may be said.
        encoding: one of `ENCODINGS`; mono.
        sample_rate: of the audio that is fed, in Hz.

    Raises:
        ValueError: the scene's sound is no mono 16-bit WAV file at 16 kHz.
        KeyError: the encoding is not one of those.

    """

    def __init__(self, scene: Scene, encoding: str, sample_rate: int) -> None:
        self._samples_fed = 0
        self._sample_rate = sample_rate
        self._width, self._decode = _DECODERS[encoding]
        self._partial_sample = b""
        self._resampler = (
            None if sample_rate == RATE else soxr.ResampleStream(sample_rate, RATE, 1, dtype="float32")
        )
        self._sound = _load(scene.sound, scene.sound.stat().st_mtime)
        self._places = [
            _Place(turn, number, round(word.start * RATE), round(word.end * RATE))
            for turn, spoken in enumerate(scene.turns)
            for number, word in enumerate(spoken.words)
        ]
        self._turn_starts = [index for index, place in enumerate(self._places) if place.word == 0]
        self._memory: Samples = np.zeros(0, np.float32)
        self._memory_start = 0
        self._offset: float | None = None
        """Sample of the stream at which the scene's sound begins, while it is known."""
        self._proven = False
        """Whether a word was heard at this offset."""
        self._next = 0
        """The word that is expected, while the offset is known."""
        self._judged = 0.0
        """Sample of the stream up to which words were judged."""
        self._lost_at: float | None = None
        """Sample of the stream at which a word was lost last; None before the first loss."""
        self._lost_word = 0
        self._next_probe = round(PROBE_SECONDS * RATE)
        self._last_end: float | None = None

    @property
    def seconds(self) -> float:
        """How much audio was fed."""
        return self._samples_fed / self._sample_rate

    @property
    def silence(self) -> float:
        """Seconds of audio since a known word was last being spoken; since the beginning before the first one."""
        if self._last_end is None:
            return self.seconds
        return 0.0 if self.speaking else max(0.0, self.seconds - self._last_end)

    @property
    def speaking(self) -> bool:
        """Whether, as far as is known, a word is being spoken at this moment of the audio."""
        if self._offset is None or not self._proven or self._next >= len(self._places):
            return False
        return self._places[self._next].start + self._offset < self._end

    def feed(self, audio: bytes) -> list[Heard]:
        """Take the next audio (any number of bytes) and return the words that it completed."""
        audio = self._partial_sample + audio
        whole = len(audio) - len(audio) % self._width
        self._partial_sample = audio[whole:]
        self._samples_fed += whole // self._width
        return self._take(self._decode(audio[:whole]), last=False)

    def finish(self) -> list[Heard]:
        """The words that the end of the stream completes: no more audio will come."""
        heard = self._take(np.zeros(0, np.float32), last=True)
        # The neighbourhood of the last word may reach beyond the end of the stream.
        return heard + self._take(
            np.zeros(round(NEIGHBOURHOOD_SECONDS * RATE) + 1, np.float32), resample=False
        )

    @property
    def _end(self) -> int:
        """The sample of the stream after the last one that is known."""
        return self._memory_start + len(self._memory)

    def _take(self, samples: Samples, *, last: bool = False, resample: bool = True) -> list[Heard]:
        if self._resampler is not None and resample:
            samples = self._resampler.resample_chunk(samples, last=last)
        self._memory = np.concatenate((self._memory, samples))
        heard: list[Heard] = []
        while True:
            if self._offset is None and not self._locate():
                break
            if not self._follow(heard):
                break
        surplus = len(self._memory) - round(MEMORY_SECONDS * RATE)
        if surplus > 0:
            self._memory = self._memory[surplus:].copy()
            self._memory_start += surplus
        return heard

    def _recall(self, start: int, end: int) -> Samples:
        """The stream between two samples, with silence where it is not known."""
        known = self._memory[max(0, start - self._memory_start) : max(0, end - self._memory_start)]
        before = min(max(0, self._memory_start - start), end - start)
        return np.pad(known, (before, end - start - before - len(known)))

    def _locate(self) -> bool:
        """Look the newest sound up in the scene, where it is time to; whether the offset is known now."""
        length = round(PROBE_SECONDS * RATE)
        while self._next_probe <= self._end:
            end = self._next_probe
            self._next_probe += round(PROBE_STEP_SECONDS * RATE)
            if end - length < self._memory_start:
                continue
            probe = self._recall(end - length, end)
            if not _is_telling(probe):
                continue
            best, alike = self._sound.find(probe)
            if best < ALIKE:
                continue
            # espeak-ng says the same word in the same way: of equal places the first after what was heard.
            for place in np.flatnonzero(alike >= best - 1e-3):
                offset = float(end - length - (int(place) - self._sound.padding))
                if (index := self._resume_at(offset, end)) is not None:
                    self._offset, self._next, self._proven = offset, index, False
                    return True
        return False

    def _resume_at(self, offset: float, probe_end: int) -> int | None:
        """The word to expect next if the scene began at ``offset``; None if hearing cannot resume there."""
        if self._lost_at is None:
            earliest = max(self._memory_start, self._judged) - offset
            return next((index for index, place in enumerate(self._places) if place.start >= earliest), None)
        tolerance = TOLERANCE_SECONDS * RATE
        for index in self._turn_starts:
            begin = self._places[index].start + offset
            # The lost word itself, a little late, is what a doubled frame looks like; much later, it was said again.
            grace = ONSET_SECONDS * RATE if index == self._lost_word else -tolerance
            if begin < self._lost_at + grace:
                continue
            return index if begin <= probe_end <= begin + ONSET_SECONDS * RATE else None
        return None

    def _follow(self, heard: list[Heard]) -> bool:
        """Judge the expected word if its sound has come; whether there may be more to do now."""
        assert self._offset is not None
        if self._next >= len(self._places):
            self._lose(self._judged)
            return True
        place = self._places[self._next]
        margin = round(NEIGHBOURHOOD_SECONDS * RATE)
        start = round(min(place.start, place.end - SHORTEST_SECONDS * RATE))
        expected = round(start + self._offset)
        if round(place.end + self._offset) + margin > self._end:
            return False
        template = self._sound.part(start, place.end)
        alike = _correlate(template, self._recall(expected - margin, expected + len(template) + margin))
        self._judged = place.end + self._offset
        tolerance = round(TOLERANCE_SECONDS * RATE)
        near = alike[margin - tolerance : margin + tolerance + 1]
        if near.max() < ALIKE or alike.max() > near.max() + CLEARLY:
            self._lose(place.start + self._offset)
            return True
        self._offset += int(near.argmax()) - tolerance
        self._proven = True
        self._next += 1
        begin, end = ((sample + self._offset) / RATE for sample in (place.start, place.end))
        self._last_end = end
        heard.append(Heard(place.turn, place.word, max(0.0, begin), end))
        return True

    def _lose(self, at: float) -> None:
        """Forget where we are. What was only a guess was no loss."""
        if self._proven:
            self._lost_at, self._lost_word = at, self._next
            self._next_probe = max(self._next_probe, round(at))
        self._offset, self._proven = None, False
