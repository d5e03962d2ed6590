"""An audio file as raw samples: for programs that left it to the service to find out what kind of file they send.

Speechmatics takes whole files, header and all. AssemblyAI takes raw samples of a rate that is known beforehand
(AssemblyAI docs). `Recording` reads as far as it takes to know, and then gives the samples::

    with open("speech.wav", "rb") as file:
        recording = Recording(file)
        for frame in framing.frames(recording, encoding=recording.encoding, sample_rate=recording.sample_rate):
            ws.send(frame)

WAV needs nothing but Python. Anything else that FFmpeg can read takes its decoder,
``pip install "speechmatics-to-assemblyai[audio]"``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain
from typing import Protocol

from shim.protocol.files import FileAudio, Piece

__all__ = ["AudioFileError", "Recording"]

_CHUNK_BYTES = 4096

_logger = logging.getLogger("shim")


class AudioFileError(ValueError):
    """A file that is no audio, or that cannot be decoded; the text says why, and what to install."""


class _File(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Recording:
    """The samples of an audio file, as chunks of any length, to be iterated over once.

    Of a file that is cut off or damaged everything that can be heard is given, and the rest is logged as a warning.

    Args:
        file: whatever ``read`` returns bytes of, and none at the end; it need not be seekable. It is read as it is
            iterated over, and stays open.
        chunk_size: how many bytes are read at once.

    Attributes:
        encoding: of the samples, as Speechmatics names it; always 16-bit mono.
        sample_rate: of the samples, in hertz: that of a WAV file, 16000 for what is decoded.

    Raises:
        AudioFileError: it is no audio, or there is no decoder for it.
    """

    encoding = "pcm_s16le"

    def __init__(self, file: _File, chunk_size: int = _CHUNK_BYTES) -> None:
        self._file = file
        self._chunk_size = chunk_size
        self._audio = FileAudio()
        samples = self._samples()
        # The rate is right as soon as there are any samples.
        first = next(samples, b"")
        self._chunks = chain([first] if first else [], samples)
        self.sample_rate = self._audio.sample_rate

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def _samples(self) -> Iterator[bytes]:
        while data := self._file.read(self._chunk_size):
            piece = self._audio.feed(data)
            yield from self._of_piece(piece)
            if self._audio.needs_decoder:
                return
        yield from self._of_piece(self._audio.finish())

    def _of_piece(self, piece: Piece) -> Iterator[bytes]:
        if piece.refused:
            raise AudioFileError(piece.refused)
        if piece.encoded is not None:
            yield from self._decoded(piece.encoded)
        elif piece.samples:
            yield piece.samples
        if piece.lost:
            _logger.warning("%s", piece.lost)

    def _decoded(self, head: bytes) -> Iterator[bytes]:
        """What the decoder makes of the file, of which ``head`` was read already."""
        from shim.decoding import decode

        container = self._audio.container
        assert container is not None
        blocks = decode(_WithHead(head, self._file), container)
        heard = False
        while True:
            try:
                block = next(blocks)
            except StopIteration as end:
                if end.value and not heard:
                    raise AudioFileError(end.value) from None
                if end.value:
                    _logger.warning("%s", end.value)
                return
            if block:
                heard = True
                yield block


class _WithHead:
    """A file whose first bytes were read already."""

    def __init__(self, head: bytes, file: _File) -> None:
        self._head = head
        self._file = file

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._file.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data
