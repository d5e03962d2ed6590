"""Sample rates that AssemblyAI does not take, to one that it does."""

from __future__ import annotations

from typing import Any

from shim.protocol.audio import float32_to_int16


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
        # Of integers soxr would make others each time: it dithers.
        self._stream: Any = soxr.ResampleStream(given, wanted, 1, dtype="float32")

    def feed(self, samples: bytes) -> bytes:
        """Whole little-endian samples in; what can be said of them already out."""
        return self._chunk(samples, last=False)

    def finish(self) -> bytes:
        """The rest."""
        return self._chunk(b"", last=True)

    def _chunk(self, samples: bytes, last: bool) -> bytes:
        given = self._numpy.frombuffer(samples, "<i2").astype("f4") / 32768
        return float32_to_int16(self._stream.resample_chunk(given, last=last).astype("<f4").tobytes())
