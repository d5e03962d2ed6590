"""The decoder alone: whatever the pieces, the same samples; and it never runs ahead of whoever takes them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shim.decoding import BLOCKS_AHEAD, Decoder
from shim.emulator.scene import Scene
from shim.protocol.containers import Container, detect

KINDS = {
    "MP3": ("mp3", "libmp3lame", 44100),
    "Ogg": ("ogg", "libopus", 48000),
    "WebM": ("webm", "libopus", 48000),
    "FLAC": ("flac", "flac", 16000),
    "AAC": ("adts", "aac", 44100),
    "MP4": ("mp4", "aac", 16000),
    "AMR": ("amr", "libopencore_amrnb", 8000),
}


@pytest.fixture(scope="module")
def files(
    one_sentence: Scene, write_audio: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("files")
    for name, kind in KINDS.items():
        write_audio(one_sentence.sound, folder / name, *kind, bit_rate=12200 if name == "AMR" else None)
    return {name: (folder / name).read_bytes() for name in KINDS}


def decode(container: Container, pieces: Sequence[bytes]) -> tuple[bytes, int, str]:
    """Samples, pieces used up, problem."""

    async def run() -> tuple[bytes, int, str]:
        samples: list[bytes] = []
        used: list[int] = []
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def decoded(block: bytes, count: int) -> None:
            samples.append(block)
            used.append(count)
            decoder.resume()

        decoder = Decoder(container, decoded, ended.set_result)
        for piece in pieces:
            decoder.feed(piece)
        decoder.finish()
        problem = await asyncio.wait_for(ended, 60)
        return b"".join(samples), sum(used), problem

    return asyncio.run(run())


def container_of(data: bytes) -> Container:
    found = detect(data, complete=True)
    assert found is not None
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_out_is_what_was_put_in(files: dict[str, bytes], one_sentence: Scene, kind: str) -> None:
    data = files[kind]
    assert container_of(data).name == kind
    samples, _, problem = decode(container_of(data), cut(data, 4096))
    assert problem == ""
    heard = np.frombuffer(samples, "<i2").astype(float)
    meant = np.frombuffer(one_sentence.sound.read_bytes()[44:], "<i2").astype(float)
    # Every codec is late by a little, and always by the same.
    window = slice(8000, 40000)
    alike = [np.dot(meant[window], heard[8000 + late : 40000 + late]) for late in range(1500)]
    late = int(np.argmax(alike))
    part = heard[8000 + late : 40000 + late]
    assert np.corrcoef(meant[window], part)[0, 1] > (0.7 if kind == "AMR" else 0.9)
    assert abs(len(heard) - len(meant)) < 2000


@pytest.mark.parametrize("kind", KINDS)
def test_any_pieces_give_the_same_samples_and_are_used_up_once(files: dict[str, bytes], kind: str) -> None:
    data = files[kind]
    whole, _, _ = decode(container_of(data), [data])
    chance = random.Random(kind)
    pieces, at = [], 0
    while at < len(data):
        size = chance.choice([0, 1, 7, 100, 4096, 50_000])
        pieces.append(data[at : at + size])
        at += size
    samples, used, _ = decode(container_of(data), pieces)
    assert samples == whole
    # What the file has behind its audio may never be read.
    assert len(pieces) * 0.5 <= used <= len(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_until_each_piece_is_used_gets_to_the_end(files: dict[str, bytes], kind: str) -> None:
    async def run() -> int:
        used = 0
        changed = asyncio.Event()
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def decoded(_: bytes, count: int) -> None:
            nonlocal used
            used += count
            changed.set()
            decoder.resume()

        def end(problem: str) -> None:
            ended.set_result(problem)
            changed.set()

        decoder = Decoder(container_of(files[kind]), decoded, end)
        for number, piece in enumerate(cut(files[kind], 3000), 1):
            decoder.feed(piece)
            while used < number and not ended.done():
                await asyncio.wait_for(changed.wait(), 30)
                changed.clear()
        decoder.finish()
        await asyncio.wait_for(ended, 30)
        return used

    assert asyncio.run(run()) == len(cut(files[kind], 3000))


def test_a_sample_rate_may_change_within_a_file(
    files: dict[str, bytes], one_sentence: Scene, write_audio: Callable[..., None], tmp_path: Path
) -> None:
    write_audio(one_sentence.sound, tmp_path / "slow", "mp3", "libmp3lame", 22050)
    both = files["MP3"] + (tmp_path / "slow").read_bytes()
    samples, _, _ = decode(container_of(both), cut(both, 4096))
    assert abs(len(samples) // 2 - 2 * 61509) < 4000


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_damaged_files_end_with_a_problem_or_with_sound_and_never_hang(
    files: dict[str, bytes], kind: str, data: st.DataObject
) -> None:
    file = bytearray(files[kind][: data.draw(st.integers(64, len(files[kind])))])
    for at in data.draw(st.lists(st.integers(32, len(file) - 1), max_size=30)):
        file[at] ^= data.draw(st.integers(1, 255))
    samples, _, problem = decode(container_of(files[kind]), cut(bytes(file), 5000))
    assert samples or problem
    assert len(samples) % 2 == 0


def test_a_file_without_audio_says_so(tmp_path: Path) -> None:
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))
    data = path.read_bytes()
    assert decode(container_of(data), [data]) == (b"", 0, "There is no audio in the MP4 file.")


def test_it_stays_a_few_blocks_ahead_and_goes_on_when_there_is_room(files: dict[str, bytes]) -> None:
    async def run() -> tuple[int, int]:
        blocks: list[bytes] = []
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        decoder = Decoder(
            container_of(files["FLAC"]), lambda block, _: blocks.append(block), ended.set_result
        )
        decoder.feed(files["FLAC"])
        decoder.finish()
        while sum(map(bool, blocks)) < BLOCKS_AHEAD:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # time in which one that is not held back would decode everything
        held = sum(map(bool, blocks))
        while not ended.done():
            decoder.resume()
            await asyncio.sleep(0.001)
        return held, len(b"".join(blocks)) // 2

    held, samples = asyncio.run(run())
    assert held == BLOCKS_AHEAD
    assert abs(samples - 61509) < 100


@pytest.mark.parametrize("when", ["waiting for bytes", "waiting for room"])
def test_one_that_is_closed_ends_its_thread_and_calls_nobody(files: dict[str, bytes], when: str) -> None:
    async def run() -> tuple[threading.Thread, list[Any]]:
        calls: list[Any] = []
        data = files["MP3"]
        before = set(threading.enumerate())
        decoder = Decoder(container_of(data), lambda *call: calls.append(call), calls.append)
        (thread,) = set(threading.enumerate()) - before
        decoder.feed(data if when == "waiting for room" else data[:20_000])
        while not calls:
            await asyncio.sleep(0.01)
        decoder.close()
        calls.clear()
        await asyncio.to_thread(thread.join, 30)
        await asyncio.sleep(0)
        return thread, calls

    thread, calls = asyncio.run(run())
    assert not thread.is_alive()
    assert calls == []


def test_a_loop_that_is_gone_is_no_failure(
    files: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    threads: list[threading.Thread] = []

    async def run() -> None:
        before = set(threading.enumerate())
        decoder = Decoder(container_of(files["MP3"]), lambda *_: None, lambda _: None)
        threads.extend(set(threading.enumerate()) - before)
        decoder.feed(files["MP3"])
        make_end.append(decoder.finish)
        make_end.append(decoder.close)

    make_end: list[Callable[[], None]] = []
    asyncio.run(run())
    for end in make_end:
        end()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert "Traceback" not in capfd.readouterr().err
