"""`shim.framing`: every way in and out of it, and the shapes of programs that use it."""

from __future__ import annotations

import array
import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from urllib.parse import urlencode

import numpy
import pytest
import websocket
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from shim import framing
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.protocol.audio import SAMPLE_FORMATS
from shim.protocol.mapping.parameters import ENCODINGS

RATE = 16000
FRAME_SECONDS = 0.05
SPEED = 20.0


class HandClock(Clock):
    """Goes on only when somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


async def asynchronously(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def through_framer(chunks, **options):
    del options["clock"]
    framer = framing.Framer(**options)
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.flush()


def through_frames(chunks, **options):
    return list(framing.frames(chunks, **options))


def through_aframes(chunks, **options):
    async def run():
        return [frame async for frame in framing.aframes(asynchronously(chunks), **options)]

    return asyncio.run(run())


def through_aframes_of_an_ordinary_iterable(chunks, **options):
    async def run():
        return [frame async for frame in framing.aframes(iter(chunks), **options)]

    return asyncio.run(run())


def through_sender(chunks, **options):
    sent: list[bytes] = []
    sender = framing.Sender(sent.append, **options)
    for chunk in chunks:
        sender.send(chunk)
    sender.flush()
    return sent


def through_async_sender(chunks, **options):
    sent: list[bytes] = []

    async def send(frame):
        await asyncio.sleep(0)
        sent.append(frame)

    async def run():
        sender = framing.AsyncSender(send, **options)
        for chunk in chunks:
            await sender.send(chunk)
        await sender.flush()

    asyncio.run(run())
    return sent


WAYS = [
    through_framer,
    through_frames,
    through_aframes,
    through_aframes_of_an_ordinary_iterable,
    through_sender,
    through_async_sender,
]


@pytest.mark.parametrize("way", WAYS)
@given(
    encoding=st.sampled_from(sorted(ENCODINGS)),
    rate=st.sampled_from([8000, 11025, 16000, 44100]),
    chunks=st.lists(st.binary(max_size=5000), max_size=8),
)
def test_any_chunks_give_the_sound_once_in_order_in_frames_of_50_ms(way, encoding, rate, chunks):
    frames = way(chunks, encoding=encoding, sample_rate=rate, clock=HandClock())
    sample = SAMPLE_FORMATS[encoding]
    whole = b"".join(chunks)
    sound = sample.convert(whole[: len(whole) // sample.bytes_in * sample.bytes_in])
    sent = b"".join(frames)
    assert sent[: len(sound)] == sound
    assert set(sent[len(sound) :]) <= set(sample.silence)
    samples_of_a_frame = -(-rate // 20)
    assert {len(frame) for frame in frames} <= {samples_of_a_frame * sample.bytes_out}
    assert len(sent) - len(sound) < samples_of_a_frame * sample.bytes_out


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [bytearray, memoryview, lambda data: array.array("h", data), None])
def test_a_chunk_may_be_anything_with_a_buffer(way, kind):
    data = bytes(range(250)) * 8
    chunk = numpy.frombuffer(data, "<i2").reshape(-1, 1) if kind is None else kind(data)
    frames = way([chunk], encoding="pcm_s16le", sample_rate=RATE, clock=HandClock())
    assert b"".join(frames)[: len(data)] == data


def test_a_buffer_that_is_used_again_does_not_change_what_was_taken():
    framer = framing.Framer(encoding="pcm_s16le", sample_rate=RATE)
    buffer = bytearray(b"\x01" * 800)
    framer.feed(buffer)
    buffer[:] = b"\x02" * 800
    assert framer.feed(buffer) == [b"\x01" * 800 + b"\x02" * 800]


@pytest.mark.parametrize("text", ["audio", None, 7])
def test_what_is_no_audio_is_a_type_error(text):
    framer = framing.Framer(encoding="pcm_s16le", sample_rate=RATE)
    with pytest.raises(TypeError):
        framer.feed(text)
    assert framer.flush() == []


class TestQuery:
    @pytest.mark.parametrize(
        ("encoding", "sent"),
        [("pcm_f32le", "pcm_s16le"), ("pcm_s16le", "pcm_s16le"), ("mulaw", "pcm_mulaw")],
    )
    def test_it_names_what_leaves(self, encoding, sent):
        assert framing.query(encoding=encoding, sample_rate=8000) == {
            "encoding": sent,
            "sample_rate": "8000",
        }

    @pytest.mark.parametrize(
        "make",
        [
            framing.query,
            framing.Framer,
            lambda **o: framing.frames([], **o),
            lambda **o: framing.aframes([], **o),
            lambda **o: framing.Sender(print, **o),
            lambda **o: framing.AsyncSender(print, **o),
        ],
    )
    @pytest.mark.parametrize(
        ("encoding", "rate", "text"),
        [("pcm_s24le", 16000, "pcm_f32le"), ("pcm_s16le", 7999, "8000"), ("mulaw", 96001, "96000")],
    )
    def test_what_cannot_be_sent_is_refused_at_once_with_what_can(self, make, encoding, rate, text):
        with pytest.raises(ValueError, match=text):
            make(encoding=encoding, sample_rate=rate)


def departures(way, seconds: float, clock: HandClock, **options) -> list[float]:
    """When each frame of so much silence left, in seconds from the beginning."""
    began, left = clock.now(), []

    chunks = [bytes(6400)] * round(seconds / 0.2)
    if way == "frames":
        for _ in framing.frames(chunks, encoding="pcm_s16le", sample_rate=RATE, clock=clock, **options):
            left.append(clock.now() - began)
    elif way == "aframes":

        async def run():
            async for _ in framing.aframes(
                chunks, encoding="pcm_s16le", sample_rate=RATE, clock=clock, **options
            ):
                left.append(clock.now() - began)

        asyncio.run(run())
    elif way == "Sender":
        sender = framing.Sender(
            lambda frame: left.append(clock.now() - began),
            encoding="pcm_s16le",
            sample_rate=RATE,
            clock=clock,
            **options,
        )
        for chunk in chunks:
            sender.send(chunk)
    else:

        async def send(frame):
            left.append(clock.now() - began)

        async def run():
            sender = framing.AsyncSender(send, encoding="pcm_s16le", sample_rate=RATE, clock=clock, **options)
            for chunk in chunks:
                await sender.send(chunk)

        asyncio.run(run())
    return left


PACED = ["frames", "aframes", "Sender", "AsyncSender"]


class TestPace:
    @pytest.mark.parametrize("way", PACED)
    def test_a_file_leaves_in_real_time_after_the_burst(self, way):
        left = departures(way, 20.0, HandClock())
        assert len(left) == 400
        for number, second in enumerate(left):
            spoken = (number + 1) * FRAME_SECONDS
            assert second == pytest.approx(max(0.0, spoken - framing.BURST_SECONDS), abs=1e-6)

    @pytest.mark.parametrize("way", PACED)
    def test_it_can_be_left_out(self, way):
        assert set(departures(way, 20.0, HandClock(), paced=False)) == {0.0}

    def test_a_microphone_is_never_delayed(self):
        clock = HandClock()
        clock.wait = lambda seconds: pytest.fail("waited")  # type: ignore[method-assign]
        sender = framing.Sender(lambda frame: None, encoding="pcm_s16le", sample_rate=RATE, clock=clock)
        for _ in range(2000):
            clock.time += 0.02
            sender.send(bytes(640))

    def test_without_a_clock_it_is_real_time(self):
        chunks = [bytes(round((framing.BURST_SECONDS + 0.2) * RATE) * 2)]
        real = Clock()
        list(framing.frames(chunks, encoding="pcm_s16le", sample_rate=RATE))
        assert real.now() >= 0.19


class TestThreads:
    def test_chunks_of_several_threads_are_never_mixed_and_those_of_each_keep_their_order(self):
        sent: list[bytes] = []
        sender = framing.Sender(sent.append, encoding="pcm_s16le", sample_rate=RATE, paced=False)
        begin = threading.Barrier(4)

        def push(thread: int) -> None:
            begin.wait(30)
            for number in range(300):
                sender.send(bytes([thread, number % 256]) * 353)

        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            threads = [threading.Thread(target=push, args=(number,)) for number in range(1, 5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        finally:
            sys.setswitchinterval(before)
        sender.flush()
        sound = b"".join(sent)
        chunks = [sound[start : start + 706] for start in range(0, 4 * 300 * 706, 706)]
        assert all(chunk == chunk[:2] * 353 for chunk in chunks)
        for thread in range(1, 5):
            assert [chunk[1] for chunk in chunks if chunk[0] == thread] == [n % 256 for n in range(300)]

    @pytest.mark.parametrize(
        "second", [lambda sender: sender.flush(), lambda sender: sender.send(b"\x02" * 3200)]
    )
    def test_a_call_waits_for_another_thread_that_still_sends(self, second):
        sent: list[bytes] = []
        sending, go_on = threading.Event(), threading.Event()

        def send(frame: bytes) -> None:
            if not sending.is_set():
                sending.set()
                assert go_on.wait(30)
            sent.append(frame)

        sender = framing.Sender(send, encoding="pcm_s16le", sample_rate=RATE)
        first = threading.Thread(target=sender.send, args=(b"\x01" * 3300,))
        first.start()
        assert sending.wait(30)
        other = threading.Thread(target=second, args=(sender,))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        go_on.set()
        first.join(30)
        other.join(30)
        assert b"".join(sent).startswith(b"\x01" * 3300)
        assert len(sent) >= 3

    @pytest.mark.parametrize(
        "second", [lambda framer: framer.flush(), lambda framer: framer.feed(b"\x02" * 800)]
    )
    def test_a_framer_takes_one_chunk_after_the_other(self, second, monkeypatch):
        converting, go_on = threading.Event(), threading.Event()

        def convert(data: bytes) -> bytes:
            if not converting.is_set():
                converting.set()
                assert go_on.wait(30)
            return data

        usual = SAMPLE_FORMATS["pcm_s16le"]
        monkeypatch.setitem(SAMPLE_FORMATS, "pcm_s16le", replace(usual, convert=convert))
        framer = framing.Framer(encoding="pcm_s16le", sample_rate=RATE)
        first = threading.Thread(target=framer.feed, args=(b"\x01" * 800,))
        first.start()
        assert converting.wait(30)
        frames: list[bytes] = []
        other = threading.Thread(target=lambda: frames.extend(second(framer)))
        other.start()
        other.join(0.2)
        go_on.set()
        first.join(30)
        other.join(30)
        assert [frame[:800] for frame in frames] == [b"\x01" * 800]


class TestFailures:
    def test_an_error_of_send_comes_through_and_no_frame_is_sent_twice(self):
        sent: list[bytes] = []

        def send(frame: bytes) -> None:
            sent.append(frame[:1])
            if len(sent) == 2:
                raise ConnectionError("gone")

        sender = framing.Sender(send, encoding="pcm_s16le", sample_rate=RATE)
        with pytest.raises(ConnectionError, match="gone"):
            sender.send(b"".join(bytes([number]) * 1600 for number in range(1, 5)))
        sender.flush()
        assert sent == [b"\x01", b"\x02", b"\x03", b"\x04"]

    def test_a_cancelled_call_loses_nothing(self):
        sent: list[int] = []

        class EndlessSleep(HandClock):
            asleep = asyncio.Event()

            async def sleep(self, seconds: float) -> None:
                self.asleep.set()
                await asyncio.Event().wait()

        async def run() -> None:
            clock = EndlessSleep()

            async def send(frame: bytes) -> None:
                sent.append(frame[0])

            sender = framing.AsyncSender(send, encoding="pcm_s16le", sample_rate=RATE, clock=clock)
            call = asyncio.create_task(sender.send(b"".join(bytes([n]) * 1600 for n in range(40))))
            await clock.asleep.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            assert sent == list(range(30))
            clock.time += 60
            await sender.flush()

        asyncio.run(run())
        assert sent == list(range(40))

    def test_tasks_that_send_at_once_keep_the_order_of_their_calls(self):
        sent: list[int] = []

        async def send(frame: bytes) -> None:
            await asyncio.sleep(0)
            sent.append(frame[0])

        async def run() -> None:
            sender = framing.AsyncSender(send, encoding="pcm_s16le", sample_rate=RATE, clock=HandClock())
            await asyncio.gather(*(sender.send(bytes([number]) * 4800) for number in range(50)))

        asyncio.run(run())
        assert sent == [number for number in range(50) for _ in range(3)]

    def test_a_source_that_fails_has_sent_what_it_gave(self):
        def source() -> Iterator[bytes]:
            yield b"\x01" * 3200
            raise OSError("unplugged")

        frames = framing.frames(source(), encoding="pcm_s16le", sample_rate=RATE)
        assert [len(next(frames)), len(next(frames))] == [1600, 1600]
        with pytest.raises(OSError, match="unplugged"):
            next(frames)


def test_importing_it_loads_neither_asyncio_nor_numpy_and_the_synchronous_half_needs_none():
    program = (
        "import sys\n"
        "from shim import framing\n"
        "list(framing.frames([bytes(4000)], encoding='pcm_s16le', sample_rate=8000))\n"
        "framing.Sender(print, encoding='mulaw', sample_rate=8000).send(b'')\n"
        "print({'asyncio', 'numpy', 'websockets', 'websocket'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.fixture
def assemblyai(one_sentence: Scene) -> Iterator[AssemblyAIEmulator]:
    """Hears one sentence; ends sessions whose audio comes in short pieces or more than 2 s too early."""
    with AssemblyAIEmulator(one_sentence, speed=SPEED, faults=["strict-pace:2"]) as emulator:
        yield emulator


@pytest.fixture
def address(assemblyai: AssemblyAIEmulator) -> Callable[..., str]:
    """The address for audio of an encoding."""

    def make(encoding: str, sample_rate: int) -> str:
        parameters = {
            "speech_model": "universal-3-6-pro",
            **framing.query(encoding=encoding, sample_rate=sample_rate),
        }
        return f"{assemblyai.url}/v3/ws?{urlencode(parameters)}"

    return make


@pytest.fixture
def chunks_of_20_ms(one_sentence: Scene, encode_mulaw) -> Callable[[str], list[bytes]]:
    """The sentence in an encoding, in pieces that AssemblyAI would refuse."""

    def make(encoding: str) -> list[bytes]:
        samples = one_sentence.sound.read_bytes()[44:]
        data = {
            "pcm_s16le": samples,
            "pcm_f32le": (numpy.frombuffer(samples, "<i2") / 32768).astype("<f4").tobytes(),
            "mulaw": encode_mulaw(samples),
        }[encoding]
        size = len(data) // (len(samples) // 2) * 320
        return [data[start : start + size] for start in range(0, len(data), size)]

    return make


def finals(messages: list[dict]) -> str:
    return " ".join(m["transcript"] for m in messages if m["type"] == "Turn" and m["end_of_turn"])


@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
class TestProgramShapes:
    def test_websocket_client_with_a_reader_of_chunks(self, encoding, address, chunks_of_20_ms, one_sentence):
        messages: list[dict] = []
        reader = iter(chunks_of_20_ms(encoding))

        def on_open(ws):
            def stream():
                audio = framing.Sender(ws.send_bytes, encoding=encoding, sample_rate=RATE, clock=Clock(SPEED))
                while chunk := next(reader, b""):
                    audio.send(chunk)
                audio.flush()
                ws.send(json.dumps({"type": "Terminate"}))

            threading.Thread(target=stream).start()

        app = websocket.WebSocketApp(
            address(encoding, RATE),
            header={"Authorization": "key"},
            on_open=on_open,
            on_message=lambda ws, message: messages.append(json.loads(message)),
        )
        app.run_forever()
        assert messages[-1]["type"] == "Termination"
        assert finals(messages) == one_sentence.text

    def test_websockets_with_async_for(self, encoding, address, chunks_of_20_ms, one_sentence):
        async def run() -> list[dict]:
            audio = asynchronously(chunks_of_20_ms(encoding))
            headers = {"Authorization": "key"}
            async with connect(address(encoding, RATE), additional_headers=headers, proxy=None) as ws:
                async for frame in framing.aframes(
                    audio, encoding=encoding, sample_rate=RATE, clock=Clock(SPEED)
                ):
                    await ws.send(frame)
                await ws.send(json.dumps({"type": "Terminate"}))
                return [json.loads(message) async for message in ws]

        assert finals(asyncio.run(run())) == one_sentence.text

    def test_a_callback_of_another_thread_that_pushes(self, encoding, address, chunks_of_20_ms, one_sentence):
        socket = websocket.create_connection(address(encoding, RATE), header=["Authorization: key"])
        audio = framing.Sender(socket.send_bytes, encoding=encoding, sample_rate=RATE, clock=Clock(SPEED))

        def callback(indata, frame_count, time, status):
            audio.send(indata)

        def device():
            for chunk in chunks_of_20_ms(encoding):
                callback(memoryview(chunk), len(chunk), None, None)

        recording = threading.Thread(target=device)
        recording.start()
        recording.join(60)
        audio.flush()
        socket.send(json.dumps({"type": "Terminate"}))
        messages: list[dict] = []
        while not messages or messages[-1]["type"] != "Termination":
            messages.append(json.loads(socket.recv()))
        socket.close()
        assert finals(messages) == one_sentence.text
