"""Audio that comes as a file (``audio_format`` of type ``file``): what is it, and what of it is sound?

WAV is read here. Anything else takes a decoder, which is the owner's: it gets the bytes and gives samples back.
"""

from __future__ import annotations

from dataclasses import dataclass

from shim.protocol.containers import COMPRESSED_WAV, DETECTION_BYTES, UNKNOWN, WAV, Container, detect
from shim.protocol.mapping.parameters import DEFAULT_SAMPLE_RATE, MAXIMUM_SAMPLE_RATE, MINIMUM_SAMPLE_RATE
from shim.protocol.resampling import Resampler
from shim.protocol.wav import CompressedWav, NotWav, WavReader

INSTALL = 'pip install "speechmatics-to-assemblyai[audio]"'
"""What a user types to get the decoder and the resampler."""

UNDETERMINED = "Invalid audio type: Could not determine type of stream."
"""What Speechmatics says of audio that it cannot make anything of."""

# What did not show yet what it is, is looked at again when it has grown by this part of itself: not at every byte.
_GROWTH = 8


@dataclass(frozen=True)
class Piece:
    """What a piece of a file comes to.

    Attributes:
        samples: 16-bit mono at the `FileAudio.sample_rate`.
        encoded: bytes for the decoder; None where it gets nothing.
        refused: why the file cannot be used at all; for the program.
        lost: what of it could not be used; for the program.
    """

    samples: bytes = b""
    encoded: bytes | None = None
    refused: str = ""
    lost: str = ""


class FileAudio:
    """One audio file that comes in pieces of any length. Nothing here raises because of what is in it.

    Attributes:
        container: what it is; None until that is known.
        sample_rate: of the samples that come out, hertz; right as soon as there are any.
    """

    def __init__(self) -> None:
        self.container: Container | None = None
        self.sample_rate = DEFAULT_SAMPLE_RATE
        self._head = b""
        self._next_look = 0
        self._wav = WavReader()
        self._resampler: Resampler | None = None
        self._ignored = False

    @property
    def needs_decoder(self) -> bool:
        """Whether its bytes go to the decoder."""
        return self.container not in (None, WAV) and not self._ignored

    def ignore_rest(self) -> None:
        """What still comes of it means nothing: the decoder has come to its end."""
        self._ignored = True

    def feed(self, data: bytes) -> Piece:
        """Take the next bytes of the file."""
        if self._ignored:
            return Piece()
        if self.needs_decoder:
            return Piece(encoded=data)
        if self.container is WAV and self._wav.format is not None:
            return self._feed_wav(data)
        # Until the format is known everything is kept: a decoder would need it from the first byte.
        self._head += data
        if self.container is None:
            if len(self._head) < self._next_look:
                return Piece()
            return self._look(complete=False)
        return self._feed_wav(data)

    def finish(self) -> Piece:
        """The file is over. Its last samples, and whether it was cut off."""
        if self._ignored or self.needs_decoder:
            return Piece()
        piece = Piece()
        if self.container is None:
            if not self._head:
                return Piece()
            piece = self._look(complete=True)
        if self.container is not WAV or piece.refused:
            return piece
        if not self._wav.reached_samples:
            return Piece(refused=UNDETERMINED)
        rest = self._resampler.finish() if self._resampler else b""
        missing = self._wav.missing_bytes
        lost = f"The WAV file ends {missing} bytes before the end that its header names." if missing else ""
        return Piece(samples=piece.samples + rest, lost=lost)

    def _look(self, complete: bool) -> Piece:
        found = detect(self._head, complete)
        if found is None:
            self._next_look = len(self._head) + len(self._head) // _GROWTH
            return Piece()
        if found is UNKNOWN:
            return self._refused(UNDETERMINED)
        self.container = found
        return self._feed_wav(self._head) if found is WAV else self._for_decoder()

    def _for_decoder(self) -> Piece:
        head, self._head = self._head, b""
        return Piece(encoded=head)

    def _refused(self, reason: str) -> Piece:
        self._head, self._ignored = b"", True
        return Piece(refused=reason)

    def _feed_wav(self, data: bytes) -> Piece:
        known = self._wav.format is not None
        try:
            samples = self._wav.feed(data)
        except CompressedWav:
            self.container = COMPRESSED_WAV
            return self._for_decoder()
        except NotWav as problem:
            return self._refused(f"{UNDETERMINED} It begins as a WAV file, but {problem}.")
        if self._wav.format is None:
            return self._refused(UNDETERMINED) if len(self._head) > DETECTION_BYTES else Piece()
        if not known:
            self._head = b""
            rate = self._wav.format.sample_rate
            if MINIMUM_SAMPLE_RATE <= rate <= MAXIMUM_SAMPLE_RATE:
                self.sample_rate = rate
            else:
                try:
                    self._resampler = Resampler(rate, self.sample_rate)
                except ImportError:
                    return self._refused(
                        f"AssemblyAI takes no audio at {rate} Hz. For the file to be resampled, run: {INSTALL}"
                    )
        if self._resampler is not None:
            samples = self._resampler.feed(samples)
        return Piece(samples=samples)
