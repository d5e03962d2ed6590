"""Audio on its way to AssemblyAI: sample formats that Speechmatics takes and it does not, and frames of the right length.

AssemblyAI wants mono audio, `pcm_s16le` or `pcm_mulaw`, in messages of 50 to 1000 ms (AssemblyAI docs; shorter ones
end the session with error 3007 after about a second, observed live 2026-09). Speechmatics takes any length, and 32-bit
floats too. Nothing here mixes channels or changes the sample rate.
"""

from __future__ import annotations

import functools
import math
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

FRAME_MILLISECONDS = 50

_LOUDEST = 32767.0
_FULL_SCALE = 32768.0


def from_little_endian(type_code: str, data: bytes) -> array[Any]:
    """Samples as numbers; ``type_code`` is one of the ``array`` module, ``data`` holds whole samples."""
    samples = array(type_code)
    samples.frombytes(data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def as_little_endian(samples: array[Any]) -> bytes:
    """Numbers as samples. May change ``samples``."""
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()


def float32_to_int16_with_array(data: bytes) -> bytes:
    """`float32_to_int16` with the standard library alone (about 0.1 ms for 50 ms at 16 kHz)."""
    return as_little_endian(
        array(
            "h",
            [
                round(min(max(sample * _FULL_SCALE, -_FULL_SCALE), _LOUDEST)) if sample == sample else 0
                for sample in from_little_endian("f", data)
            ],
        )
    )


def float32_to_int16_with_numpy(data: bytes) -> bytes:
    """`float32_to_int16` with numpy, some thirty times faster.

    Raises:
        ImportError: numpy is not installed.
    """
    import numpy

    with numpy.errstate(all="ignore"):
        scaled = numpy.frombuffer(data, "<f4") * numpy.float32(_FULL_SCALE)
        # NaN survives clipping and becomes any integer at all: it must be silence instead. The product shows in one
        # pass whether there may be one.
        if not math.isfinite(scaled.dot(scaled)):
            scaled[numpy.isnan(scaled)] = 0
        numpy.rint(scaled, out=scaled)
        # numpy.clip takes twice as long for so few samples.
        numpy.minimum(scaled, numpy.float32(_LOUDEST), out=scaled)
        numpy.maximum(scaled, numpy.float32(-_FULL_SCALE), out=scaled)
        samples: bytes = scaled.astype("<i2").tobytes()
        return samples


@functools.lru_cache(maxsize=1)
def _float_converter() -> Callable[[bytes], bytes]:
    # On the first audio rather than at import: numpy takes 100 ms, and most programs send 16-bit audio.
    try:
        import numpy  # noqa: F401
    except ImportError:
        return float32_to_int16_with_array
    return float32_to_int16_with_numpy


def float32_to_int16(data: bytes) -> bytes:
    """Little-endian 32-bit floats (full scale ±1.0) as little-endian 16-bit integers.

    Louder than full scale is clipped, as are infinities; NaN is silence. ``data`` holds whole samples.
    """
    return _float_converter()(data)


def int32_to_int16(data: bytes) -> bytes:
    """Little-endian 32-bit integers as 16-bit ones: the upper half of each. ``data`` holds whole samples."""
    return array("h", data)[1::2].tobytes()


def _unchanged(data: bytes) -> bytes:
    return data


_QUIET = 128
"""Of full scale 32768: below it, at -48 dB, nobody speaks."""
_QUIET_MULAW = bytes(code for code in range(256) if code & 0x70 == 0x70)
"""G.711's lowest segment: up to about 120 of full scale 32768."""


def _is_quiet_int16(data: bytes) -> bool:
    samples = from_little_endian("h", data)
    return not samples or (max(samples) < _QUIET and min(samples) > -_QUIET)


def _is_quiet_mulaw(data: bytes) -> bool:
    return not data.translate(None, _QUIET_MULAW)


@dataclass(frozen=True)
class SampleFormat:
    """How one kind of sample is sent on.

    Attributes:
        bytes_in: size of a sample as the legacy program sends it.
        bytes_out: its size as AssemblyAI gets it.
        silence: one silent sample as AssemblyAI gets it.
        convert: whole samples in, whole samples out.
        is_quiet: whether nobody can be heard in samples as AssemblyAI gets them.
    """

    bytes_in: int
    bytes_out: int
    silence: bytes
    convert: Callable[[bytes], bytes]
    is_quiet: Callable[[bytes], bool] = _is_quiet_int16


SAMPLE_FORMATS: dict[str, SampleFormat] = {
    "pcm_f32le": SampleFormat(4, 2, b"\x00\x00", float32_to_int16),
    "pcm_s32le": SampleFormat(4, 2, b"\x00\x00", int32_to_int16),
    "pcm_s16le": SampleFormat(2, 2, b"\x00\x00", _unchanged),
    # G.711: all bits set is the quietest sample.
    "mulaw": SampleFormat(1, 1, b"\xff", _unchanged, _is_quiet_mulaw),
}
"""By the name of the encoding: Speechmatics' three, and 32-bit integers as sound cards record them."""


class Framer:
    """Cuts audio that comes in pieces of any length into frames of 50 ms, converted for AssemblyAI.

    Where 50 ms is no whole number of samples the frame is one sample longer, never shorter.

    Args:
        encoding: a key of `SAMPLE_FORMATS`.
        sample_rate: samples per second, above 0.

    Attributes:
        frame_bytes: size of every frame.
        frame_seconds: duration of every frame.

    Raises:
        KeyError: the encoding is unknown.
    """

    def __init__(self, encoding: str, sample_rate: int) -> None:
        self._format = SAMPLE_FORMATS[encoding]
        samples = -(-sample_rate * FRAME_MILLISECONDS // 1000)
        self.frame_bytes = samples * self._format.bytes_out
        self.frame_seconds = samples / sample_rate
        self._split_sample = b""
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes, in order. What is left waits for more, or for `flush`."""
        if self._split_sample:
            data = self._split_sample + data
        split = len(data) % self._format.bytes_in
        if split:
            data, self._split_sample = data[:-split], data[-split:]
        else:
            self._split_sample = b""
        converted = self._format.convert(data)
        if self._tail:
            converted = self._tail + converted
        whole = len(converted) - len(converted) % self.frame_bytes
        self._tail = converted[whole:]
        if whole == self.frame_bytes == len(converted):
            return [converted]
        return list(self._cut(converted, whole))

    def flush(self) -> list[bytes]:
        """The rest as one frame, filled up with silence; nothing when there is no rest.

        Part of a sample at the very end is no sound and is dropped.
        """
        tail, self._tail, self._split_sample = self._tail, b"", b""
        if not tail:
            return []
        missing = (self.frame_bytes - len(tail)) // self._format.bytes_out
        return [tail + self._format.silence * missing]

    def is_quiet(self, frame: bytes) -> bool:
        """Whether nobody can be heard in a frame."""
        return self._format.is_quiet(frame)

    @property
    def buffered_bytes(self) -> int:
        """How much waits for more audio; always less than a frame and a sample."""
        return len(self._tail) + len(self._split_sample)

    def _cut(self, audio: bytes, end: int) -> Iterator[bytes]:
        for start in range(0, end, self.frame_bytes):
            yield audio[start : start + self.frame_bytes]
