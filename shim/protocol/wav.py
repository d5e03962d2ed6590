"""WAV files that arrive in pieces, to 16-bit mono samples.

Everything that a WAV file can hold uncompressed is read here: integers of 8 to 32 bits, floats, mu-law and A-law, any
number of channels, headers of files that were longer than 4 GiB or of unknown length. The layout is that of Microsoft's
"Multimedia Programming Interface and Data Specifications" and of EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from shim.protocol.audio import as_little_endian, float32_to_int16, from_little_endian, int32_to_int16

_RIFF = (b"RIFF", b"RF64", b"BW64")
_EXTENSIBLE = 0xFFFE
# The rest of a sub-format that only repeats a format tag.
_TAG_GUID = bytes.fromhex("000000001000800000aa00389b71")
# What programs write as the length when they do not know it.
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
# Writers that stream into a pipe put a length near the greatest signed number: coming to less is no loss.
_PLACEHOLDER_SIZE = 0x7FFF0000
_FORMAT_BYTES = 4096
# Nobody records speech outside of these; a header that says so is damaged.
_SAMPLE_RATES = (1000, 768_000)


class NotWav(ValueError):
    """This is no WAV file that can be read."""


class CompressedWav(ValueError):
    """A WAV file whose samples are compressed; it takes a decoder."""


def _upper_bytes(data: bytes, width: int) -> bytes:
    """The two highest bytes of each little-endian integer of ``width`` bytes."""
    samples = bytearray(len(data) // width * 2)
    samples[0::2] = data[width - 2 :: width]
    samples[1::2] = data[width - 1 :: width]
    return bytes(samples)


def _unsigned_8(data: bytes) -> bytes:
    samples = bytearray(len(data) * 2)
    samples[1::2] = data.translate(_FLIPPED)
    return bytes(samples)


def _float_64(data: bytes) -> bytes:
    return float32_to_int16(as_little_endian(array("f", from_little_endian("d", data))))


def _mulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 132 << (code >> 4 & 7)) - 132
    return -magnitude if code & 0x80 else magnitude


def _alaw(code: int) -> int:
    code ^= 0x55
    exponent, magnitude = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = magnitude + 8 if exponent == 0 else magnitude + 264 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


def _companded(expand: Callable[[int], int]) -> Callable[[bytes], bytes]:
    """G.711 by two tables, one for each byte of the sample that comes out."""
    values = [expand(code) & 0xFFFF for code in range(256)]
    low, high = bytes(value & 0xFF for value in values), bytes(value >> 8 for value in values)

    def convert(data: bytes) -> bytes:
        samples = bytearray(len(data) * 2)
        samples[0::2] = data.translate(low)
        samples[1::2] = data.translate(high)
        return bytes(samples)

    return convert


_FLIPPED = bytes(code ^ 0x80 for code in range(256))

_CONVERTERS: dict[tuple[int, int], Callable[[bytes], bytes]] = {
    (1, 1): _unsigned_8,
    (1, 2): lambda data: data,
    (1, 3): lambda data: _upper_bytes(data, 3),
    (1, 4): int32_to_int16,
    (3, 4): float32_to_int16,
    (3, 8): _float_64,
    (6, 1): _companded(_alaw),
    (7, 1): _companded(_mulaw),
}
"""Format tag and bytes of a sample -> whole samples to 16-bit integers."""


def mix_with_array(samples: bytes, channels: int) -> bytes:
    """`mix` with the standard library alone."""
    side_by_side = from_little_endian("h", samples)
    moments = zip(*(side_by_side[channel::channels] for channel in range(channels)), strict=True)
    return as_little_endian(array("h", [sum(moment) // channels for moment in moments]))


def mix_with_numpy(samples: bytes, channels: int) -> bytes:
    """`mix` with numpy, some thirty times faster.

    Raises:
        ImportError: numpy is not installed.
    """
    import numpy

    moments = numpy.frombuffer(samples, "<i2").reshape(-1, channels)
    mixed: bytes = (moments.sum(axis=1, dtype="<i8") // channels).astype("<i2").tobytes()
    return mixed


@functools.lru_cache(maxsize=1)
def _mixer() -> Callable[[bytes, int], bytes]:
    try:
        import numpy  # noqa: F401
    except ImportError:
        return mix_with_array
    return mix_with_numpy


def mix(samples: bytes, channels: int) -> bytes:
    """16-bit samples of several channels, side by side, to their average. ``samples`` holds whole moments."""
    return samples if channels == 1 else _mixer()(samples, channels)


@dataclass(frozen=True)
class WavFormat:
    """What the header of a WAV file says.

    Attributes:
        tag: number of the encoding: 1 integers, 3 floats, 6 A-law, 7 mu-law.
        sample_bytes: size of one sample of one channel.
        channels: samples of one moment, which lie side by side.
        sample_rate: in hertz.
    """

    tag: int
    sample_bytes: int
    channels: int
    sample_rate: int

    def to_mono(self, data: bytes) -> bytes:
        """Whole moments as 16-bit mono samples."""
        return mix(_CONVERTERS[self.tag, self.sample_bytes](data), self.channels)


def _read_format(body: bytes) -> WavFormat:
    try:
        tag, channels, sample_rate, _, block, bits = struct.unpack_from("<HHIIHH", body)
    except struct.error as cut:
        raise NotWav("its format is cut short") from cut
    if tag == _EXTENSIBLE:
        if len(body) < 40 or body[26:40] != _TAG_GUID:
            raise CompressedWav("its samples are of a private format")
        (tag,) = struct.unpack_from("<H", body, 24)
    if not channels or not _SAMPLE_RATES[0] <= sample_rate <= _SAMPLE_RATES[1]:
        raise NotWav(f"its format has {channels} channels at {sample_rate} Hz")
    if not any(tag == known for known, _ in _CONVERTERS):
        raise CompressedWav(f"its samples are of format {tag}")
    # 20 bits lie in 3 bytes, and some recorders put 24 bits into 4: the block says what the bits do not.
    width = block // channels if block and block % channels == 0 else -(-bits // 8)
    if (tag, width) not in _CONVERTERS:
        width = -(-bits // 8)
    if (tag, width) not in _CONVERTERS:
        raise NotWav(f"its samples of format {tag} have {bits} bits")
    return WavFormat(tag, width, channels, sample_rate)


class WavReader:
    """Takes the bytes of a WAV file in pieces of any length and gives its samples.

    Attributes:
        format: what the header says; None until it came.
    """

    def __init__(self) -> None:
        self.format: WavFormat | None = None
        self._header = b""
        self._began = False
        self._skip = 0
        self._long_size: int | None = None
        self._size: int | None = None
        self._taken = 0
        self._in_data = False
        self._split = b""

    @property
    def missing_bytes(self) -> int:
        """How many bytes of samples the header promised that have not come; 0 where it promised nothing."""
        if not self._in_data or self._size is None or self._size >= _PLACEHOLDER_SIZE:
            return 0
        return self._size - self._taken

    @property
    def reached_samples(self) -> bool:
        """The header is over."""
        return self._in_data

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the file; returns the samples among them, 16-bit mono.

        What lies behind the samples is ignored, and so is a moment that is cut off at the end.

        Raises:
            NotWav: the bytes so far cannot become a WAV file that can be read.
            CompressedWav: it takes a decoder. Only before the first sample.
        """
        if not self._in_data:
            self._header += data
            self._read_header()
            if not self._in_data:
                return b""
            data, self._header = self._header, b""
        assert self.format is not None
        if self._size is not None:
            data = data[: self._size - self._taken]
        self._taken += len(data)
        if self._split:
            data = self._split + data
        cut = len(data) % (self.format.sample_bytes * self.format.channels)
        data, self._split = (data[:-cut], data[-cut:]) if cut else (data, b"")
        return self.format.to_mono(data)

    def _read_header(self) -> None:
        """Go through the chunks that have come; what is left of ``_header`` is what could not be judged yet."""
        if not self._began:
            head = self._header[:12]
            if not any(riff.startswith(head[:4]) for riff in _RIFF) or not b"WAVE".startswith(head[8:]):
                raise NotWav("it does not begin as a WAV file")
            if len(head) < 12:
                return
            self._began, self._skip = True, 12
        while self._skipped() and len(self._header) >= 8:
            name, size = self._header[:4], int.from_bytes(self._header[4:8], "little")
            if name == b"data":
                if self.format is None:
                    raise NotWav("its samples come before their format")
                if size == 0xFFFFFFFF and self._long_size is not None:
                    size = self._long_size
                self._size = None if size in _UNKNOWN_SIZES else size
                self._header = self._header[8:]
                self._in_data = True
                return
            if name in (b"fmt ", b"ds64"):
                if len(self._header) < 8 + min(size, _FORMAT_BYTES):
                    return
                self._read_chunk(name, self._header[8 : 8 + min(size, _FORMAT_BYTES)])
            self._skip = 8 + size + size % 2

    def _skipped(self) -> bool:
        """Drop what is to be skipped; False when more of it has to come."""
        gone = min(self._skip, len(self._header))
        self._header = self._header[gone:]
        self._skip -= gone
        return self._skip == 0

    def _read_chunk(self, name: bytes, body: bytes) -> None:
        if name == b"fmt ":
            self.format = _read_format(body)
        elif len(body) >= 16:
            (self._long_size,) = struct.unpack_from("<Q", body, 8)
