"""Sample rates that AssemblyAI does not take, to one that it does."""

from __future__ import annotations

from typing import Any


class Resampler:
    """Changes the sample rate of 16-bit mono audio that comes in pieces, without aliasing. Needs soxr and numpy.

    Args:
        given: hertz of what comes.
        wanted: hertz of what is made of it.

    Raises:
        ImportError: soxr or numpy is not installed.
    """

    def __init__(self, given: int, wanted: int) -> None:
        import numpy
        import soxr

        self._numpy = numpy
        self._stream: Any = soxr.ResampleStream(given, wanted, 1, dtype="int16")

    def feed(self, samples: bytes) -> bytes:
        """Whole little-endian samples in; what can be said of them already out."""
        return self._chunk(samples, last=False)

    def finish(self) -> bytes:
        """The rest."""
        return self._chunk(b"", last=True)

    def _chunk(self, samples: bytes, last: bool) -> bytes:
        given = self._numpy.frombuffer(samples, "<i2").astype("i2")
        made: bytes = self._stream.resample_chunk(given, last=last).astype("<i2").tobytes()
        return made
