"""A WAV file that arrives in pieces: its header says how the samples behind it are to be read."""

from __future__ import annotations

import struct

# Format tag and bits of a sample -> the name that Speechmatics has for the encoding.
_ENCODINGS = {(1, 16): "pcm_s16le", (3, 32): "pcm_f32le", (7, 8): "mulaw"}
_EXTENSIBLE = 0xFFFE
_HEADER_LIMIT = 1 << 16


class NotWav(ValueError):
    """This is no WAV file, or none that is understood."""


class WavStream:
    """Takes the bytes of a WAV file and gives its samples.

    Attributes:
        encoding: ``pcm_s16le``, ``pcm_f32le`` or ``mulaw``; None until the header has come.
        sample_rate: in Hz; 0 until the header has come.
        channels: samples of one moment; they lie side by side.
    """

    def __init__(self) -> None:
        self.encoding: str | None = None
        self.sample_rate = 0
        self.channels = 1
        self._header = b""
        self._remaining: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the file and return the samples among them.

        Raises:
            NotWav: the bytes so far cannot become a WAV file that is understood.
        """
        if self._remaining is None:
            self._header += data
            data = self._read_header()
            if self._remaining is None:
                return b""
        samples = data[: self._remaining]
        self._remaining -= len(samples)
        return samples

    def _read_header(self) -> bytes:
        """Read the chunks before the samples; returns what lies behind them, once it has come."""
        head = self._header
        if not (b"RIFF".startswith(head[:4]) and b"WAVE".startswith(head[8:12])):
            raise NotWav("it does not begin as a WAV file")
        at = 12
        while len(head) >= at + 8:
            name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
            body = head[at + 8 : at + 8 + size]
            if name == b"data":
                if self.encoding is None:
                    raise NotWav("its samples come before their format")
                # A size of 0 or of all ones is what programs write that stream: the end is not known.
                self._remaining = size if size not in (0, 0xFFFFFFFF) else 1 << 62
                return head[at + 8 :]
            if len(body) < size:
                break
            if name == b"fmt ":
                self._read_format(body)
            at += 8 + size + size % 2
        if len(head) > _HEADER_LIMIT:
            raise NotWav("its header does not end")
        return b""

    def _read_format(self, body: bytes) -> None:
        try:
            tag, channels, sample_rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if tag == _EXTENSIBLE:
                (tag,) = struct.unpack("<H", body[24:26])
        except struct.error as error:
            raise NotWav("its format is cut short") from error
        encoding = _ENCODINGS.get((tag, bits))
        if encoding is None or not channels or not sample_rate:
            raise NotWav("its format is not understood")
        self.encoding, self.channels, self.sample_rate = encoding, channels, sample_rate
