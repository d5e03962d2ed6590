"""Compressed audio files to samples, by FFmpeg's decoders (the package ``av``), in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import IO, Any, Protocol, cast

from shim.protocol.containers import Container
from shim.protocol.files import INSTALL, UNDETERMINED
from shim.protocol.mapping.parameters import DEFAULT_SAMPLE_RATE

logger = logging.getLogger("shim")

BLOCKS_AHEAD = 8
"""Blocks of samples that the thread may be ahead of whoever takes them; a block is one frame of the codec, 20 to 100 ms."""

WHOLE_FILE_BYTES = 2**30
"""The longest file that is taken whole, because its index stands at its end; it lies on the disk meanwhile."""

# Who has so many damaged parts gives nothing more that is worth the wait.
_MOST_DAMAGED = 1000
# Shorter by more than this than its header says: it was cut off. Encoders round, and leave out their delay.
_SHORTER_SECONDS = 1.0


class _Pipe:
    """What the thread reads: the pieces, in order, one after the other. Not seekable, as a stream is."""

    def __init__(self, starved: Callable[[int], None]) -> None:
        self._starved = starved
        self._changed = threading.Condition()
        self._pieces: deque[memoryview] = deque()
        self._used = 0
        self._ended = False
        self.closed = False
        self.pending_bytes = 0

    def put(self, data: bytes) -> None:
        with self._changed:
            self._pieces.append(memoryview(data))
            self.pending_bytes += len(data)
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify()

    def take_used(self) -> int:
        """How many pieces were used up since the last call."""
        with self._changed:
            used, self._used = self._used, 0
            return used

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, as soon as there are any; none at the end."""
        while True:
            with self._changed:
                while self._pieces and not self.closed:
                    piece = self._pieces.popleft()
                    data, rest = bytes(piece[:size]), piece[size:]
                    self.pending_bytes -= len(data)
                    if rest:
                        self._pieces.appendleft(rest)
                    else:
                        self._used += 1
                    if data:
                        return data
                if self._ended or self.closed:
                    return b""
                if not self._used:
                    self._changed.wait()
                    continue
            # Whoever waits for acknowledgements before it sends more must get those of what is used up.
            self._starved(self.take_used())


class Decoder:
    """Decodes one file that arrives in pieces. All methods and both callbacks belong to one event loop.

    Args:
        container: what kind of file it is.
        decoded: gets 16-bit mono samples at 16 kHz, and how many pieces were used up for them since the last call.
        ended: called once, after everything else, with what could not be decoded (empty: nothing).
    """

    def __init__(
        self,
        container: Container,
        decoded: Callable[[bytes, int], None],
        ended: Callable[[str], None],
    ) -> None:
        self._container = container
        self._decoded = decoded
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._pipe = _Pipe(lambda used: self._post(self._deliver, b"", used))
        self._room = threading.Semaphore(BLOCKS_AHEAD)
        self._waiting = 0
        threading.Thread(target=self._run, name="shim decoder", daemon=True).start()

    @property
    def pending_bytes(self) -> int:
        """What was fed and not read yet."""
        return self._pipe.pending_bytes

    def feed(self, data: bytes) -> None:
        """Take the next piece of the file. Does not wait."""
        self._pipe.put(data)

    def finish(self) -> None:
        """There are no more pieces."""
        self._pipe.end()

    def resume(self) -> None:
        """There is room for more samples; nothing more is decoded than there is room for."""
        waiting, self._waiting = self._waiting, 0
        if waiting:
            self._room.release(waiting)

    def close(self) -> None:
        """Stop. Nothing is called afterwards."""
        self._pipe.close()
        self._room.release()

    # In the event loop

    def _deliver(self, samples: bytes, used: int) -> None:
        if not self._pipe.closed:
            self._waiting += bool(samples)
            self._decoded(samples, used)

    def _deliver_end(self, problem: str) -> None:
        if not self._pipe.closed:
            self._ended(problem)

    # In the thread

    def _post(self, function: Callable[..., None], *arguments: object) -> None:
        # The loop may be closed already, when the process ends.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            problem = self._decode()
        except Exception as defect:
            logger.error("decoding failed with %s; please report it", type(defect).__name__)
            problem = "The audio file could not be decoded."
        self._post(self._deliver_end, problem)

    def _decode(self) -> str:
        blocks = decode(self._pipe, self._container)
        while not self._pipe.closed:
            try:
                self._emit(next(blocks))
            except StopIteration as end:
                return str(end.value)
        return ""

    def _emit(self, samples: bytes) -> None:
        if samples and not self._pipe.closed:
            self._room.acquire()
            self._post(self._deliver, samples, self._pipe.take_used())


class Source(Protocol):
    """What an audio file is read from, one piece after the other."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""


def decode(source: Source, container: Container) -> Generator[bytes, None, str]:
    """The samples of an audio file, 16-bit mono at 16 kHz, block by block; returns what of it was lost (empty: nothing).

    Args:
        source: need not be seekable.
        container: what kind of file it is.
    """
    try:
        import av
    except ImportError:
        return (
            f"{container.name} audio takes a decoder, which is not installed. Run: {INSTALL}  "
            "Or send WAV or raw audio."
        )
    with contextlib.ExitStack() as stack:
        whole: Any = source
        if container.whole:
            whole = stack.enter_context(tempfile.TemporaryFile())
            if not _collect(source, cast("IO[bytes]", whole)):
                return (
                    f"A {container.name} file whose index is at its end is taken up to "
                    f"{WHOLE_FILE_BYTES // 2**20} MiB. Write it with the index first (faststart)."
                )
        try:
            file = stack.enter_context(av.open(whole, format=container.demuxer))
            return (yield from _decode_stream(av, file, container.name))
        except av.FFmpegError:
            return UNDETERMINED


def _collect(source: Source, file: IO[bytes]) -> bool:
    """Put the whole file into ``file``; False when it is too long."""
    while data := source.read(2**16):
        if file.tell() + len(data) > WHOLE_FILE_BYTES:
            return False
        file.write(data)
    file.seek(0)
    return True


def _decode_stream(av: Any, file: Any, name: str) -> Generator[bytes, None, str]:
    if not file.streams.audio:
        return f"There is no audio in the {name} file."
    stream = file.streams.audio[0]
    damaged = 0
    seconds = 0.0
    convert = _Converter(av)

    def frames() -> Iterator[Any]:
        nonlocal damaged
        packets = file.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except av.FFmpegError:
                damaged += 1
                if damaged > _MOST_DAMAGED:
                    return

    for frame in frames():
        seconds += frame.samples / frame.sample_rate
        yield convert.feed(frame)
    yield convert.finish()
    if not seconds:
        return UNDETERMINED
    promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if promised - seconds > _SHORTER_SECONDS:
        return f"The {name} file ends after {seconds:.1f} of the {promised:.1f} s that its header names."
    return f"Damaged parts of the {name} file were left out ({damaged})." if damaged else ""


class _Converter:
    """Frames of any sample format, rate and number of channels to 16-bit mono at 16 kHz."""

    def __init__(self, av: Any) -> None:
        self._av = av
        self._resampler: Any = None
        self._given: Any = None

    def feed(self, frame: Any) -> bytes:
        given = (frame.format.name, frame.layout.name, frame.sample_rate)
        rest = b""
        if given != self._given:
            rest = self.finish()
            self._given = given
            self._resampler = self._av.AudioResampler("s16", "mono", DEFAULT_SAMPLE_RATE)
        # Its time says nothing that the samples do not.
        frame.pts = None
        return rest + self._samples(frame)

    def finish(self) -> bytes:
        return self._samples(None) if self._resampler else b""

    def _samples(self, frame: Any) -> bytes:
        return b"".join(bytes(made.planes[0])[: made.samples * 2] for made in self._resampler.resample(frame))
