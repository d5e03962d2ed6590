"""Sound from a microphone through PyAudio, as the 16-bit audio that speech services take, mono unless asked otherwise.

PyAudio, numpy and soxr come with ``pip install "speechmatics-to-assemblyai[microphone]"`` and are imported when a
microphone is opened, not with this module.

PortAudio may write ALSA and JACK lines to stderr while it looks for devices. They are harmless. They are left
alone, because hiding them would mean redirecting file descriptor 2 of the whole process, and with it what other
threads write meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

INSTALL = 'pip install "speechmatics-to-assemblyai[microphone]"'

_logger = logging.getLogger(__name__)

_BYTES_PER_SAMPLE = 2
_CLOSE_SECONDS = 5.0
# PortAudio is not thread-safe, except for reading from different streams.
_portaudio = threading.Lock()


class MicrophoneError(Exception):
    """There is no sound to be had from the microphone; the text says what to check or to install."""


@dataclass(frozen=True)
class InputDevice:
    """A device that can record.

    Attributes:
        index: what `Microphone` takes as ``device``.
        name: as the operating system calls it.
        channels: how many it has at most.
        sample_rate: its own rate in Hz.
        is_default: whether `Microphone` takes it when no device is named.
    """

    index: int
    name: str
    channels: int
    sample_rate: int
    is_default: bool


def devices() -> list[InputDevice]:
    """The devices that can record, in PortAudio's order; empty when there is none.

    Raises:
        MicrophoneError: PyAudio is not installed.
    """
    with _audio_system() as audio:
        try:
            default = audio.get_default_input_device_info()["index"]
        except OSError:
            default = None
        found = (audio.get_device_info_by_index(index) for index in range(audio.get_device_count()))
        return [
            InputDevice(
                index=info["index"],
                name=str(info["name"]),
                channels=info["maxInputChannels"],
                sample_rate=round(info["defaultSampleRate"]),
                is_default=info["index"] == default,
            )
            for info in found
            if info["maxInputChannels"] > 0
        ]


def is_installed() -> bool:
    """Whether everything is installed that a microphone needs."""
    try:
        import numpy  # noqa: F401
        import pyaudio  # noqa: F401
        import soxr  # noqa: F401
    except ImportError:
        return False
    return True


class Microphone:
    """A running microphone: 16-bit little-endian samples, at the rate you ask for.

    Recording starts with the object, so that what is said while a connection is being made is kept. The device is
    opened at its own rate, in a sample format that it accepts; its channels are mixed to one unless you ask for more,
    and the sound is resampled without seams. What nobody has read yet is kept in memory (32 kB a second at 16 kHz).

    A PortAudio stream must be read and closed by one thread: closing it while another thread reads crashes the
    process. That thread is the microphone's own, not the reader's, because readers change. Clients of the
    Speechmatics SDK, for one, call ``read`` from a new thread each time, and ``stop`` from yet another.

    A microphone that is dropped without `close` stops recording; so does one that is still open when Python ends.

    Args:
        device: an index of `devices`; None for the system's default input.
        sample_rate: of the samples that come out, in Hz.
        frame_ms: length of the frames that `frames` and iteration give. AssemblyAI takes 50 to 1000 ms.
        channels: how many come out. More than one: those of the device as they are, a sample of each in turn.

    Attributes:
        overflows: how often the device delivered less sound than time went by: the machine was too busy, or the
            device stalled. Each is also logged as a warning.
        lost_seconds: how much sound these overflows cost, in seconds, about.

    Raises:
        MicrophoneError: no such device, it cannot be opened, or PyAudio, numpy or soxr is missing.
        ValueError: the sample rate, the frame length or the number of channels is not above 0.
    """

    def __init__(
        self, device: int | None = None, sample_rate: int = 16_000, frame_ms: int = 50, channels: int = 1
    ) -> None:
        if sample_rate <= 0 or frame_ms <= 0 or channels <= 0:
            raise ValueError(
                "a microphone needs a sample rate, a frame length and a number of channels above 0, "
                f"not {sample_rate} Hz, {frame_ms} ms and {channels}"
            )
        self.sample_rate = sample_rate
        self._frame_bytes = sample_rate * frame_ms // 1000 * _BYTES_PER_SAMPLE * channels
        self._held = bytearray()
        self._ended = False
        self._reading = threading.Lock()
        self._capture = _Capture(device, sample_rate, frame_ms / 1000, channels)
        self._finalizer = weakref.finalize(self, self._capture.finish)
        self._capture.start()
        self._capture.opened.wait()
        if self._capture.failure and not self._capture.recorded:
            raise self._capture.failure

    @property
    def overflows(self) -> int:
        return self._capture.losses.count

    @property
    def lost_seconds(self) -> float:
        return self._capture.losses.seconds

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, as soon as they were recorded; after `stop`, what is left, then ``b""``.

        Safe to call from any thread.

        Raises:
            MicrophoneError: the device failed (unplugged, sound server gone) and all that it delivered was read.
            ValueError: ``size`` is negative.
        """
        if size < 0:
            raise ValueError("a microphone has no end to read to: say how many bytes")
        with self._reading:
            while len(self._held) < size and not self._ended:
                sound = self._capture.sound.get()
                if sound is None:
                    self._ended = True
                else:
                    self._held += sound
            if self._capture.failure and self._ended and not self._held:
                raise self._capture.failure
            taken = bytes(self._held[:size])
            del self._held[:size]
            return taken

    def frames(self) -> Iterator[bytes]:
        """Frames of ``frame_ms`` until `stop`; silence fills up the last one, since services refuse short frames.

        Raises:
            MicrophoneError: as `read`.
        """
        while frame := self.read(self._frame_bytes):
            yield frame.ljust(self._frame_bytes, b"\0")

    def __iter__(self) -> Iterator[bytes]:
        return self.frames()

    def stop(self) -> None:
        """End the recording; what was recorded until now can still be read. Returns at once.

        May be called from any thread, from a signal handler, and more than once.
        """
        self._capture.stopping = True

    def close(self) -> None:
        """`stop`, and wait until the device is free. What was recorded can still be read."""
        self._finalizer()

    def __enter__(self) -> Microphone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Capture(threading.Thread):
    """The thread that opens, reads and closes the device.

    It shares only what is safe to share without a lock: ``stopping`` is a plain attribute and ``sound`` a
    `SimpleQueue`, so that a signal handler may interrupt a reader and stop the recording.

    Attributes:
        sound: converted audio, then one None.
        opened: set when the device records, or failed to.
        recorded: whether the device could be opened.
        failure: why the recording ended, unless it was stopped.
    """

    def __init__(self, device: int | None, sample_rate: int, frame_seconds: float, channels: int) -> None:
        super().__init__(name="microphone", daemon=True)
        self._device = device
        self._channels = channels
        self._sample_rate = sample_rate
        self._frame_seconds = frame_seconds
        self.sound: SimpleQueue[bytes | None] = SimpleQueue()
        self.opened = threading.Event()
        self.stopping = False
        self.recorded = False
        self.failure: Exception | None = None
        self.losses = LossMeter(frame_seconds)

    def run(self) -> None:
        try:
            with _audio_system() as audio:
                self._record(audio)
        except Exception as error:
            self.failure = error
        finally:
            self.sound.put(None)
            self.opened.set()

    def finish(self) -> None:
        self.stopping = True
        # The garbage collector may drop a microphone, and so call this, in any thread.
        if self.is_alive() and threading.current_thread() is not self:
            self.join(_CLOSE_SECONDS)

    def _record(self, audio: Any) -> None:
        info = _device_info(audio, self._device)
        rate = round(info["defaultSampleRate"])
        frame = max(1, round(rate * self._frame_seconds))
        stream, sample_format, channels = _open(audio, info, frame, self._channels)
        try:
            convert = _Converter(sample_format, channels, rate, self._sample_rate, self._channels)
            self.recorded = True
            self.opened.set()
            try:
                while not self.stopping:
                    data = stream.read(frame, exception_on_overflow=False)
                    backlog = max(0, stream.get_read_available())
                    self.sound.put(convert(data))
                    lost = self.losses.observe(time.monotonic(), frame / rate, backlog / rate)
                    if lost:
                        _logger.warning(
                            "The microphone %r lost about %.2f s of sound: this machine is too busy, or the device stalled.",
                            info["name"],
                            lost,
                        )
                backlog = max(0, stream.get_read_available())
                data = stream.read(backlog, exception_on_overflow=False) if backlog else b""
            except OSError as error:
                self.sound.put(convert(b"", last=True))
                raise MicrophoneError(
                    f"the microphone {info['name']!r} stopped delivering sound ({error}); "
                    "check that it is still connected and that the sound server runs"
                ) from error
            self.sound.put(convert(data, last=True))
        finally:
            with _portaudio:
                stream.close()


class LossMeter:
    """Notices that sound was lost, from the pace at which it arrives.

    PyAudio cannot say so: a blocking read either hides an overflow or throws the frame away with it. But lost sound
    never arrives, so that the sound stays behind the clock from then on, where a delay is made up for. A device
    whose own clock differs from ours falls behind much more slowly than what is counted here.

    Args:
        tolerance: seconds of sound that count as lost at the least.

    Attributes:
        count: how often sound was lost.
        seconds: how much, in all.
    """

    _WINDOW = 2.0

    def __init__(self, tolerance: float) -> None:
        self.count = 0
        self.seconds = 0.0
        self._tolerance = tolerance
        self._delivered = 0.0
        self._window_end: float | None = None
        self._least = float("inf")
        self._usual: float | None = None

    def observe(self, now: float, delivered: float, backlog: float) -> float:
        """Count one read.

        Args:
            now: seconds of a steady clock.
            delivered: seconds of sound in this read.
            backlog: seconds of sound that the device still holds.

        Returns:
            seconds of sound found to be lost, 0.0 nearly always. The answer comes up to two seconds later.
        """
        self._delivered += delivered
        self._least = min(self._least, now - self._delivered - backlog)
        if self._window_end is None:
            self._window_end = now + self._WINDOW
        if now < self._window_end:
            return 0.0
        lost = 0.0 if self._usual is None else self._least - self._usual
        self._usual, self._least, self._window_end = self._least, float("inf"), now + self._WINDOW
        if lost <= self._tolerance:
            return 0.0
        self.count += 1
        self.seconds += lost
        return lost


@dataclass(frozen=True)
class _SampleFormat:
    """How a device writes a sample: PyAudio's name, bytes, what numpy reads it as, its zero and its full scale."""

    name: str
    width: int
    number: str
    zero: float
    full_scale: float


# In order of preference.
_SAMPLE_FORMATS = (
    _SampleFormat("paInt16", 2, "<i2", 0, 2**15),
    _SampleFormat("paFloat32", 4, "<f4", 0, 1),
    _SampleFormat("paInt32", 4, "<i4", 0, 2**31),
    _SampleFormat("paInt24", 3, "<i4", 0, 2**31),
    _SampleFormat("paUInt8", 1, "u1", 2**7, 2**7),
)


class _Converter:
    """Turns what a device delivers into 16-bit samples at another rate, of one channel or of all; one object a stream."""

    def __init__(
        self, sample_format: _SampleFormat, channels: int, rate: int, wanted_rate: int, wanted_channels: int
    ) -> None:
        import soxr

        self._format = sample_format
        self._channels = channels
        self._is_mixed = wanted_channels == 1
        self._resampler = (
            soxr.ResampleStream(rate, wanted_rate, wanted_channels, "float32")
            if rate != wanted_rate
            else None
        )

    def __call__(self, data: bytes, last: bool = False) -> bytes:
        """The samples that are complete; with ``last``, also those that the resampler held back."""
        import numpy

        sound = self._decode(data).reshape(-1, self._channels)
        if self._is_mixed:
            sound = sound.mean(axis=1, dtype="float32")
        if self._resampler is not None:
            sound = self._resampler.resample_chunk(sound, last=last)
        samples: NDArray[numpy.int16] = numpy.rint(sound * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2")
        return samples.tobytes()

    def _decode(self, data: bytes) -> NDArray[numpy.float32]:
        import numpy

        if self._format.width == 3:
            # The three bytes become the upper ones of four.
            wide = numpy.zeros((len(data) // 3, 4), "u1")
            wide[:, 1:] = numpy.frombuffer(data, "u1").reshape(-1, 3)
            data = wide.tobytes()
        samples = numpy.frombuffer(data, self._format.number).astype(numpy.float32)
        samples -= self._format.zero
        samples /= self._format.full_scale
        return samples


@contextmanager
def _audio_system() -> Iterator[Any]:
    try:
        import numpy  # noqa: F401
        import pyaudio
        import soxr  # noqa: F401
    except ImportError as error:
        raise MicrophoneError(
            f"a microphone needs PyAudio, numpy and soxr ({error}); install them with `{INSTALL}`, "
            "on Debian and Ubuntu after `apt-get install portaudio19-dev`"
        ) from error
    with _portaudio:
        audio = pyaudio.PyAudio()
    try:
        yield audio
    finally:
        with _portaudio:
            audio.terminate()


def _device_info(audio: Any, device: int | None) -> Any:
    try:
        if device is None:
            info = audio.get_default_input_device_info()
        else:
            info = audio.get_device_info_by_index(device)
    except OSError as error:
        what = "there is no default microphone" if device is None else f"there is no audio device {device}"
        raise MicrophoneError(
            f"{what} ({error}); check that one is connected, that this user may record, and that the sound server "
            "runs; `shim listen --list-devices` shows what can be used"
        ) from error
    if info["maxInputChannels"] < 1:
        raise MicrophoneError(
            f"the audio device {device} ({info['name']!r}) cannot record; `shim listen --list-devices` shows those that can"
        )
    return info


def _open(audio: Any, info: Any, frame: int, wanted_channels: int) -> tuple[Any, _SampleFormat, int]:
    """Open a device in the first sample format and number of channels that it accepts and that will do."""
    import pyaudio

    most = info["maxInputChannels"]
    # Two channels reach a microphone on either side of a stereo input; virtual devices offer dozens, all the same.
    channel_counts = dict.fromkeys((min(most, 2), 1, most) if wanted_channels == 1 else (wanted_channels,))
    for sample_format in _SAMPLE_FORMATS:
        for channels in channel_counts:
            try:
                with _portaudio:
                    stream = audio.open(
                        rate=round(info["defaultSampleRate"]),
                        channels=channels,
                        format=getattr(pyaudio, sample_format.name),
                        input=True,
                        input_device_index=info["index"],
                        frames_per_buffer=frame,
                    )
            except (OSError, ValueError) as error:
                refusal = error
            else:
                return stream, sample_format, channels
    raise MicrophoneError(
        f"the microphone {info['name']!r} cannot be opened ({refusal}); "
        "check that no other program holds it and that this user may record"
    )
