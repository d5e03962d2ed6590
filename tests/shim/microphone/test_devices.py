"""The microphone, on a PyAudio whose device the test makes up."""

from __future__ import annotations

import gc
import itertools
import logging
import signal
import struct
import sys
import threading
import types

import numpy
import pytest

from shim import microphone
from shim.microphone import LossMeter, Microphone, MicrophoneError

FORMATS = {"paInt16": 8, "paFloat32": 1, "paInt32": 2, "paInt24": 4, "paUInt8": 32}
ENCODERS = {
    "paInt16": lambda x: numpy.rint(x * 32767).astype("<i2").tobytes(),
    "paFloat32": lambda x: x.astype("<f4").tobytes(),
    "paInt32": lambda x: numpy.rint(x * (2**31 - 1)).astype("<i4").tobytes(),
    "paInt24": lambda x: b"".join(struct.pack("<i", int(v))[:3] for v in numpy.rint(x * (2**23 - 1)).ravel()),
    "paUInt8": lambda x: (numpy.rint(x * 127) + 128).astype("u1").tobytes(),
}


class Device:
    """One input device and the sound in front of it, as PyAudio shows them. It never makes anybody wait.

    Attributes:
        sound: float samples, one row a frame, one column a channel.
        before_read: called with the device before each read; may raise what PyAudio raises.
        threads: who called what.
    """

    def __init__(self, sound, rate=16000, formats=tuple(FORMATS), channels=None, most_channels=None):
        self.sound = numpy.asarray(sound, "float64").reshape(len(sound), -1)
        self.rate = rate
        self.formats = formats
        self.channels = channels or (self.sound.shape[1],)
        self.most_channels = most_channels or max(self.channels)
        self.before_read = lambda device: None
        self.position = 0
        self.backlog = 0
        self.threads = {}
        self.opened_as = None
        self.now = 1000.0

    def note(self, what):
        self.threads.setdefault(what, set()).add(threading.get_ident())

    def info(self):
        return {
            "index": 0,
            "name": "fake",
            "maxInputChannels": self.most_channels,
            "defaultSampleRate": float(self.rate),
        }


class Stream:
    def __init__(self, device, encode):
        self.device, self.encode = device, encode

    def read(self, frames, exception_on_overflow=True):
        assert not exception_on_overflow
        self.device.note("read")
        self.device.before_read(self.device)
        piece = self.device.sound[self.device.position : self.device.position + frames]
        self.device.position += frames
        self.device.now += frames / self.device.rate
        missing = numpy.zeros((frames - len(piece), self.device.sound.shape[1]))
        return self.encode(numpy.concatenate([piece, missing]))

    def get_read_available(self):
        return self.device.backlog

    def close(self):
        self.device.note("close")


def fake_pyaudio(device):
    class PyAudio:
        def __init__(self):
            device.note("initialise")

        def get_device_count(self):
            return 2

        def get_default_input_device_info(self):
            return device.info()

        def get_device_info_by_index(self, index):
            if index == 1:
                return {
                    "index": 1,
                    "name": "loudspeaker",
                    "maxInputChannels": 0,
                    "defaultSampleRate": 48000.0,
                }
            if index != 0:
                raise OSError(-9996, "Invalid device info")
            return device.info()

        def open(self, rate, channels, format, input, input_device_index, frames_per_buffer):
            device.note("open")
            name = next(name for name, number in FORMATS.items() if number == format)
            if rate != device.rate:
                raise OSError(-9997, "Invalid sample rate")
            if name not in device.formats:
                raise OSError(-9994, "Sample format not supported")
            if channels not in device.channels:
                raise OSError(-9998, "Invalid number of channels")
            device.opened_as = (name, channels)
            return Stream(device, ENCODERS[name])

        def terminate(self):
            device.note("terminate")

    return types.SimpleNamespace(PyAudio=PyAudio, **FORMATS)


@pytest.fixture
def plug_in(monkeypatch):
    def install(device):
        monkeypatch.setitem(sys.modules, "pyaudio", fake_pyaudio(device))
        monkeypatch.setattr(microphone.time, "monotonic", lambda: device.now)
        return device

    return install


def tone(seconds, rate, hertz=440.0, level=0.5):
    return level * numpy.sin(2 * numpy.pi * hertz * numpy.arange(round(seconds * rate)) / rate)


def stop_after(device, reads, **options):
    """A microphone that is stopped from inside its device, during that read."""
    made = threading.Event()
    count = itertools.count(1)
    usual = device.before_read

    def before_read(device):
        made.wait(30)
        usual(device)
        if next(count) == reads:
            source.stop()

    device.before_read = before_read
    source = Microphone(**options)
    made.set()
    return source


def record(device, reads, **options):
    """All that a microphone gives of the first frames of a device, as samples between -1 and 1."""
    with stop_after(device, reads, **options) as source:
        return numpy.frombuffer(source.read(10**9), "<i2") / 32768


@pytest.mark.parametrize("name", FORMATS)
def test_each_sample_format_of_a_device_becomes_the_same_sound(plug_in, name):
    sound = tone(0.5, 16000)
    device = plug_in(Device(sound, formats=(name,)))
    heard = record(device, 10)
    assert device.opened_as == (name, 1)
    assert len(heard) == len(sound)
    assert numpy.abs(heard - sound).max() < (0.01 if name == "paUInt8" else 0.0001)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
def test_a_device_at_any_rate_sounds_the_same_at_16_khz(plug_in, rate):
    heard = record(plug_in(Device(tone(1.0, rate), rate=rate)), 20)
    assert len(heard) == pytest.approx(20 * round(rate * 0.05) * 16000 / rate, abs=2)
    ideal = tone(1.0, 16000)[: len(heard)]
    middle = slice(800, -800)
    assert numpy.abs(heard[: len(ideal)][middle] - ideal[middle]).max() < 0.001


def test_channels_are_mixed_to_one(plug_in):
    left, right = tone(0.1, 16000, 440), tone(0.1, 16000, 660)
    heard = record(plug_in(Device(numpy.stack([left, right], axis=1))), 2)
    assert numpy.abs(heard - (left + right) / 2).max() < 0.0001


@pytest.mark.parametrize("rate", [16000, 44100])
def test_channels_that_are_asked_for_stay_apart(plug_in, rate):
    sides = [440, 660]
    sound = numpy.stack([tone(1.0, rate, hertz) for hertz in sides], axis=1)
    device = plug_in(Device(sound, rate, channels=(1, 2)))
    heard = record(device, 20, channels=2).reshape(-1, 2)
    assert device.opened_as[1] == 2
    assert len(heard) == pytest.approx(16000, abs=20)
    middle = slice(800, -800)
    for side, hertz in enumerate(sides):
        ideal = tone(1.0, 16000, hertz)[: len(heard)]
        assert numpy.abs(heard[: len(ideal), side][middle] - ideal[middle]).max() < 0.001


def test_more_channels_than_a_device_has_are_not_made_up(plug_in):
    plug_in(Device(numpy.zeros(800)))
    with pytest.raises(MicrophoneError, match="cannot be opened"):
        Microphone(channels=2)


@pytest.mark.parametrize(
    ("accepted", "most", "chosen"),
    [((1, 2), 32, 2), ((1,), 1, 1), ((1,), 2, 1), ((8,), 8, 8)],
)
def test_the_number_of_channels_is_one_that_the_device_accepts(plug_in, accepted, most, chosen):
    device = plug_in(Device(numpy.zeros((800, chosen)), channels=accepted, most_channels=most))
    record(device, 1)
    assert device.opened_as[1] == chosen


def test_too_loud_float_samples_are_clipped_and_do_not_wrap(plug_in):
    heard = record(plug_in(Device([1.5, -1.5] * 400, formats=("paFloat32",))), 1)
    assert heard.max() > 0.99
    assert heard.min() == -1.0
    assert (heard[::2] > 0).all()


def test_read_gives_exactly_what_was_asked_then_the_rest_then_nothing(plug_in):
    with stop_after(plug_in(Device(tone(0.1, 16000))), 2) as source:
        assert [len(source.read(1001)) for _ in range(5)] == [1001, 1001, 1001, 197, 0]
        assert source.read(1001) == b""


def test_what_the_device_still_held_at_the_stop_is_read(plug_in):
    device = plug_in(Device(tone(0.1, 16000)))
    device.backlog = 123
    assert len(record(device, 1)) == 800 + 123


def test_frames_have_one_length_and_silence_fills_up_the_last(plug_in):
    device = plug_in(Device(numpy.full(2000, 0.5)))
    device.backlog = 10
    frames = list(stop_after(device, 2))
    assert [len(frame) for frame in frames] == [1600, 1600, 1600]
    last = numpy.frombuffer(frames[-1], "<i2")
    assert (last[:10] > 0).all()
    assert (last[10:] == 0).all()


def test_one_thread_owns_the_stream_whoever_reads_and_stops(plug_in):
    device = plug_in(Device(tone(0.2, 44100), rate=44100))
    source = stop_after(device, 4)
    readers = [threading.Thread(target=source.read, args=(10**9,)), threading.Thread(target=source.close)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)
    assert set(device.threads) == {"initialise", "open", "read", "close", "terminate"}
    assert len(set.union(*device.threads.values())) == 1
    assert threading.get_ident() not in device.threads["read"]


def test_a_signal_handler_may_stop_a_reader_that_waits(plug_in):
    device = plug_in(Device(tone(0.1, 16000)))
    main = threading.get_ident()
    reads = []

    def press_the_key(device):
        reads.append(1)
        if len(reads) == 2:
            listening.wait(30)  # without the handler the signal would end this process
            signal.pthread_kill(main, signal.SIGUSR1)
        if len(reads) > 2:
            pressed.wait(30)

    listening, pressed = threading.Event(), threading.Event()
    device.before_read = press_the_key
    source = Microphone()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: (source.stop(), pressed.set()))
    listening.set()
    try:
        frames = list(source)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert 1 <= len(frames) <= 4


def test_close_may_be_called_twice_and_keeps_what_was_recorded(plug_in):
    device = plug_in(Device(tone(0.1, 16000)))
    source = stop_after(device, 2)
    source.close()
    source.close()
    assert len(source.read(10**6)) == 2 * device.position > 0


def test_a_microphone_that_is_dropped_stops_recording(plug_in):
    device = plug_in(Device(tone(0.1, 16000)))
    ticks = threading.Semaphore(0)
    device.before_read = lambda device: ticks.acquire(timeout=0.01)
    source = Microphone()
    capture = source._capture
    del source
    gc.collect()
    capture.join(30)
    assert not capture.is_alive()
    assert "close" in device.threads


def test_a_device_that_fails_gives_what_it_recorded_and_then_the_error(plug_in):
    device = plug_in(Device(tone(0.1, 44100), rate=44100))

    def unplug(device):
        if device.position >= 4410:
            raise OSError(-9999, "Unanticipated host error")

    device.before_read = unplug
    with Microphone() as source:
        assert abs(len(source.read(10**6)) - 3200) <= 4
        for _ in range(2):
            with pytest.raises(MicrophoneError, match=r"'fake' stopped delivering sound .*Unanticipated"):
                source.read(100)
    assert "close" in device.threads


def test_lost_sound_is_counted_and_logged(plug_in, caplog):
    device = plug_in(Device([0.0] * 800))

    def stall(device):
        if device.position == 16000 * 3:
            device.now += 0.7

    device.before_read = stall
    reads = round(10 / 0.05)
    with caplog.at_level(logging.WARNING, "shim.microphone"):
        source = stop_after(device, reads)
        source.read(10**9)
    assert source.overflows == 1
    assert source.lost_seconds == pytest.approx(0.7, abs=0.01)
    assert ["0.70 s" in record.getMessage() for record in caplog.records] == [True]


class TestLossMeter:
    @staticmethod
    def feed(arrivals):
        meter = LossMeter(0.05)
        for now, delivered, backlog in arrivals:
            meter.observe(now, delivered, backlog)
        return meter.count, round(meter.seconds, 2)

    def test_sound_that_comes_late_is_not_lost(self):
        late = [(max(i * 0.05, 5.0) if 60 <= i < 100 else i * 0.05, 0.05, 0.0) for i in range(400)]
        assert self.feed(late) == (0, 0.0)

    def test_a_backlog_is_not_lost(self):
        assert self.feed((i * 0.05 + 3 * (i > 100), 0.05, 3.0 * (i > 100)) for i in range(400)) == (0, 0.0)

    def test_a_device_whose_clock_is_slow_loses_nothing(self):
        assert self.feed((i * 0.05 * 1.001, 0.05, 0.0) for i in range(2000)) == (0, 0.0)

    def test_two_gaps_are_two_losses(self):
        assert self.feed((i * 0.05 + 0.3 * (i > 100) + 0.2 * (i > 300), 0.05, 0.0) for i in range(500)) == (
            2,
            0.5,
        )


def test_without_a_default_device_the_error_says_what_to_check(plug_in, monkeypatch):
    module = fake_pyaudio(plug_in(Device([0.0])))

    def none(self):
        raise OSError("No Default Input Device Available")

    monkeypatch.setattr(module.PyAudio, "get_default_input_device_info", none)
    monkeypatch.setitem(sys.modules, "pyaudio", module)
    with pytest.raises(MicrophoneError, match=r"no default microphone.*check.*shim listen --list-devices"):
        Microphone()


@pytest.mark.parametrize(
    ("device", "text"), [(7, "no audio device 7"), (1, "1 .'loudspeaker'. cannot record")]
)
def test_a_device_that_cannot_record_is_named(plug_in, device, text):
    plug_in(Device([0.0]))
    with pytest.raises(MicrophoneError, match=text):
        Microphone(device)


def test_a_device_that_refuses_everything_is_named_with_its_last_words(plug_in):
    device = plug_in(Device([0.0], formats=()))
    with pytest.raises(MicrophoneError, match=r"'fake' cannot be opened .*Sample format not supported"):
        Microphone()
    assert "terminate" in device.threads


@pytest.mark.parametrize("module", ["pyaudio", "numpy", "soxr"])
def test_without_a_library_the_error_gives_the_install_line(plug_in, monkeypatch, module):
    plug_in(Device([0.0]))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MicrophoneError) as raised:
        Microphone()
    assert module in str(raised.value)
    assert 'pip install "speechmatics-to-assemblyai[microphone]"' in str(raised.value)
    assert "apt-get install portaudio19-dev" in str(raised.value)


def test_importing_the_microphone_needs_none_of_its_libraries(monkeypatch):
    for module in ("pyaudio", "numpy", "soxr"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "shim.microphone")
    __import__("shim.microphone")


def test_devices_lists_those_that_record_and_marks_the_default(plug_in):
    plug_in(Device([0.0], rate=44100, channels=(2,)))
    assert microphone.devices() == [microphone.InputDevice(0, "fake", 2, 44100, True)]


@pytest.mark.parametrize("arguments", [{"sample_rate": 0}, {"frame_ms": -5}])
def test_a_rate_or_length_that_makes_no_sense_is_refused(plug_in, arguments):
    plug_in(Device([0.0]))
    with pytest.raises(ValueError, match="above 0"):
        Microphone(**arguments)
