"""Reading a program's audio: in one thread, which is gone when the program closes its device."""

from __future__ import annotations

import asyncio
import threading

import pytest

from shim.speechmatics import _reading
from shim.speechmatics._reading import Reader


class Device:
    """Its read waits for sound."""

    def __init__(self) -> None:
        self.entered, self.sound = threading.Event(), threading.Event()
        self.threads: list[threading.Thread] = []

    def read(self, size: int) -> bytes:
        self.threads.append(threading.current_thread())
        self.entered.set()
        self.sound.wait()
        return bytes(size)


def test_all_reads_are_made_by_one_thread_and_not_by_the_event_loop() -> None:
    device = Device()
    device.sound.set()

    async def read_twice() -> None:
        reader = Reader(device)
        assert [await reader.read(2), await reader.read(3)] == [bytes(2), bytes(3)]
        await reader.close()

    asyncio.run(read_twice())
    assert len(set(device.threads)) == 1
    assert device.threads[0] is not threading.main_thread()
    assert not device.threads[0].is_alive()


def test_the_end_waits_for_a_read_that_has_not_returned() -> None:
    device = Device()

    async def close_while_reading() -> None:
        reader = Reader(device)
        reading = asyncio.create_task(reader.read(2))
        await asyncio.to_thread(device.entered.wait)
        reading.cancel()
        closing = asyncio.create_task(reader.close())
        await asyncio.sleep(0)
        assert not closing.done()
        device.sound.set()
        await closing

    asyncio.run(close_while_reading())
    assert not device.threads[0].is_alive()


def test_a_read_that_never_returns_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reading, "CLOSE_SECONDS", 0.01)
    device = Device()

    async def close_while_reading() -> None:
        reader = Reader(device)
        reading = asyncio.create_task(reader.read(2))
        await asyncio.to_thread(device.entered.wait)
        reading.cancel()
        await reader.close()

    asyncio.run(close_while_reading())
    assert device.threads[0].is_alive()
    assert device.threads[0].daemon
    device.sound.set()


def test_what_a_read_raises_comes_out() -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise OSError("unplugged")

    async def read() -> None:
        reader = Reader(Broken())
        try:
            await reader.read(2)
        finally:
            await reader.close()

    with pytest.raises(OSError, match="unplugged"):
        asyncio.run(read())
