"""Audio of any chunk length as AssemblyAI takes it: for programs that know length, format or pace only when they run.

AssemblyAI wants 16-bit or mu-law samples in messages of 50 to 1000 ms, at about the pace at which they were spoken
(AssemblyAI docs). Here chunks of any length in one of Speechmatics' encodings come out as frames of 50 ms:

- `frames` and `aframes` around whatever gives the chunks;
- `Sender` and `AsyncSender` around whatever sends them, where the program pushes;
- `Framer` for the frames alone, without waiting;
- `query` for what the address of the connection has to say about the audio.

In all of them no byte is lost, doubled or moved, and a chunk may end within a sample. The last frame is filled up with
silence; part of a sample at the very end is no sound and is dropped. Chunks are bytes or anything else that has a
buffer (bytearray, memoryview, a numpy array of the encoding's sample type), mono.

**Pace.** Unless ``paced=False``, frames leave no earlier than they were spoken, counted from the first chunk, plus a
burst of `BURST_SECONDS`. A microphone is never delayed; a file takes as long as it lasts. After a stall up to
`CATCH_UP_SECONDS` of what was missed may leave at once.

**Encodings**: ``pcm_f32le``, ``pcm_s16le`` and ``mulaw``, 8000 to 96000 Hz. Anything else is a `ValueError` at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator

from shim.clock import Clock
from shim.protocol import audio
from shim.protocol.mapping.parameters import ENCODINGS, MAXIMUM_SAMPLE_RATE, MINIMUM_SAMPLE_RATE
from shim.protocol.pace import BURST_SECONDS, CATCH_UP_SECONDS, Pace

__all__ = [
    "BURST_SECONDS",
    "CATCH_UP_SECONDS",
    "AsyncSender",
    "Chunk",
    "Framer",
    "Sender",
    "aframes",
    "frames",
    "query",
]

Chunk = bytes | bytearray | memoryview


def query(*, encoding: str, sample_rate: int) -> dict[str, str]:
    """What the query of the connection has to say about the audio, as it leaves here.

    Args:
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz. It stays as it is.

    Returns:
        AssemblyAI's ``encoding`` and ``sample_rate``, to be merged with the other parameters before ``urlencode``.

    Raises:
        ValueError: the encoding is not known, or AssemblyAI does not take the sample rate.
    """
    if encoding not in ENCODINGS:
        raise ValueError(f"{encoding!r} is no encoding of raw audio; there are {', '.join(ENCODINGS)}")
    if not MINIMUM_SAMPLE_RATE <= sample_rate <= MAXIMUM_SAMPLE_RATE:
        raise ValueError(
            f"AssemblyAI takes {MINIMUM_SAMPLE_RATE} to {MAXIMUM_SAMPLE_RATE} samples a second, not {sample_rate}"
        )
    return {"encoding": ENCODINGS[encoding], "sample_rate": str(sample_rate)}


class Framer:
    """Chunks in, frames of 50 ms out; never waits. Every method may be called from any thread.

    Args:
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz.

    Attributes:
        frame_seconds: duration of every frame.

    Raises:
        ValueError: as `query`.
    """

    def __init__(self, *, encoding: str, sample_rate: int) -> None:
        query(encoding=encoding, sample_rate=sample_rate)
        self._framer = audio.Framer(encoding, sample_rate)
        self._lock = threading.Lock()
        self.frame_seconds = self._framer.frame_seconds

    def feed(self, chunk: Chunk) -> list[bytes]:
        """The frames that are complete with this chunk, in order; perhaps none."""
        data = chunk if isinstance(chunk, bytes) else memoryview(chunk).tobytes()
        with self._lock:
            return self._framer.feed(data)

    def flush(self) -> list[bytes]:
        """The rest as one frame, filled up with silence; none when there is no rest. Call it before Terminate."""
        with self._lock:
            return self._framer.flush()


class _Departures:
    """Frames that wait until they may leave. One at a time may take them; a frame is taken once."""

    def __init__(self, encoding: str, sample_rate: int, paced: bool, clock: Clock | None) -> None:
        self._framer = Framer(encoding=encoding, sample_rate=sample_rate)
        self._pace = Pace(self._framer.frame_seconds) if paced else None
        self._clock = clock or Clock()
        self._waiting: deque[bytes] = deque()

    def add(self, chunk: Chunk) -> None:
        if self._pace:
            self._pace.start(self._clock.now())
        self._waiting.extend(self._framer.feed(chunk))

    def add_rest(self) -> None:
        self._waiting.extend(self._framer.flush())

    def take(self) -> Iterator[bytes]:
        """Every frame that waits, at its time. One whose wait is interrupted is not taken."""
        while self._waiting:
            delay = self._delay()
            if delay > 0:
                self._clock.wait(delay)
            yield self._next()

    async def take_async(self) -> AsyncIterator[bytes]:
        """As `take`."""
        while self._waiting:
            delay = self._delay()
            if delay > 0:
                await self._clock.sleep(delay)
            yield self._next()

    def _delay(self) -> float:
        return self._pace.earliest() - self._clock.now() if self._pace else 0.0

    def _next(self) -> bytes:
        if self._pace:
            self._pace.sent(self._clock.now())
        return self._waiting.popleft()


def frames(
    chunks: Iterable[Chunk],
    *,
    encoding: str,
    sample_rate: int,
    paced: bool = True,
    clock: Clock | None = None,
) -> Iterator[bytes]:
    """The chunks as frames of 50 ms, each at its time, the padded rest included.

    Args:
        chunks: a file, a generator, a microphone, ``iter(read, b"")``.
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz.
        paced: wait (``time.sleep``) for the pace at which the audio was spoken.
        clock: for tests.

    Raises:
        ValueError: as `query`, at the call rather than at the first frame.
    """
    return _frames(chunks, _Departures(encoding, sample_rate, paced, clock))


def _frames(chunks: Iterable[Chunk], departures: _Departures) -> Iterator[bytes]:
    for chunk in chunks:
        departures.add(chunk)
        yield from departures.take()
    departures.add_rest()
    yield from departures.take()


def aframes(
    chunks: AsyncIterable[Chunk] | Iterable[Chunk],
    *,
    encoding: str,
    sample_rate: int,
    paced: bool = True,
    clock: Clock | None = None,
) -> AsyncIterator[bytes]:
    """As `frames`, for ``async for``: waits without blocking the event loop.

    Args:
        chunks: asynchronous, or an ordinary iterable such as a file.
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz.
        paced: wait (``asyncio.sleep``) for the pace at which the audio was spoken.
        clock: for tests.

    Raises:
        ValueError: as `query`, at the call rather than at the first frame.
    """
    return _aframes(chunks, _Departures(encoding, sample_rate, paced, clock))


async def _aframes(
    chunks: AsyncIterable[Chunk] | Iterable[Chunk], departures: _Departures
) -> AsyncIterator[bytes]:
    async for chunk in chunks if isinstance(chunks, AsyncIterable) else _one_by_one(chunks):
        departures.add(chunk)
        async for frame in departures.take_async():
            yield frame
    departures.add_rest()
    async for frame in departures.take_async():
        yield frame


async def _one_by_one(chunks: Iterable[Chunk]) -> AsyncIterator[Chunk]:
    for chunk in chunks:
        yield chunk


class Sender:
    """Takes chunks and calls ``send`` with frames of 50 ms: for loops and callbacks that push audio.

    Every method may be called from any thread. Chunks are never mixed: a thread whose call comes while another one
    still sends waits for it. Do not call it from a signal handler, nor from ``send`` itself: both would wait for ever.

    ``send`` gets every frame once. When it raises, the error goes to whoever called; frames behind the one that failed
    wait for the next call.

    Args:
        send: sends one binary message: ``ws.send_bytes`` of websocket-client, ``ws.send`` of websockets.
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz.
        paced: wait (``time.sleep``, in the calling thread) for the pace at which the audio was spoken.
        clock: for tests.

    Raises:
        ValueError: as `query`.
    """

    def __init__(
        self,
        send: Callable[[bytes], object],
        *,
        encoding: str,
        sample_rate: int,
        paced: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._send = send
        self._departures = _Departures(encoding, sample_rate, paced, clock)
        self._lock = threading.Lock()

    def send(self, chunk: Chunk) -> None:
        """Send the frames that are complete with this chunk."""
        with self._lock:
            self._departures.add(chunk)
            self._send_waiting()

    def flush(self) -> None:
        """Send the rest, filled up with silence. Call it before Terminate. More audio may follow."""
        with self._lock:
            self._departures.add_rest()
            self._send_waiting()

    def _send_waiting(self) -> None:
        for frame in self._departures.take():
            self._send(frame)


class AsyncSender:
    """As `Sender`, with ``await``: waits without blocking the event loop. It belongs to the loop in which it is used.

    Several tasks may call it; their chunks leave in the order of their calls. A call that is cancelled loses nothing:
    what has not left yet leaves with the next call.

    Args:
        send: sends one binary message, to be awaited: ``ws.send`` of websockets, ``ws.send_bytes`` of aiohttp.
        encoding: of the chunks, as Speechmatics names it.
        sample_rate: in hertz.
        paced: wait (``asyncio.sleep``) for the pace at which the audio was spoken.
        clock: for tests.

    Raises:
        ValueError: as `query`.
    """

    def __init__(
        self,
        send: Callable[[bytes], Awaitable[object]],
        *,
        encoding: str,
        sample_rate: int,
        paced: bool = True,
        clock: Clock | None = None,
    ) -> None:
        import asyncio

        self._send = send
        self._departures = _Departures(encoding, sample_rate, paced, clock)
        self._lock = asyncio.Lock()

    async def send(self, chunk: Chunk) -> None:
        """Send the frames that are complete with this chunk."""
        self._departures.add(chunk)
        await self._send_waiting()

    async def flush(self) -> None:
        """Send the rest, filled up with silence. Call it before Terminate. More audio may follow."""
        self._departures.add_rest()
        await self._send_waiting()

    async def _send_waiting(self) -> None:
        async with self._lock:
            async for frame in self._departures.take_async():
                await self._send(frame)
