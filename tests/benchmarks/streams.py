"""An AssemblyAI that answers at once, and a crowd of Speechmatics clients: ``python streams.py [FRAMES]`` runs the first.

Both share one core with each other, so that the server under test has one to itself. Their own work must not show in
what is measured: they speak WebSocket by hand, with frames that are made once, and all clients live by one timer.

The AssemblyAI hears nothing: every so many frames of audio (5) are answered with a Turn that ends in their number.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

FRAME = bytes(1600)
FRAME_SECONDS = 0.05
START = {
    "message": "StartRecognition",
    "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
    "transcription_config": {"language": "en", "enable_partials": True},
}
WORDS = ["so", "what", "we", "want", "to", "know", "is", "how", "long", "it", "takes"]

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def turn(frames: int) -> str:
    """A Turn of twelve words."""
    words = [
        {"text": text, "start": 50 * i, "end": 50 * i + 40, "confidence": 0.9, "word_is_final": True}
        for i, text in enumerate([*WORDS, str(frames)])
    ]
    return json.dumps(
        {
            "type": "Turn",
            "turn_order": 0,
            "turn_is_formatted": True,
            "end_of_turn": False,
            "transcript": "",
            "end_of_turn_confidence": 0.1,
            "words": words,
            "utterance": "",
        }
    )


def frame(opcode: int, data: bytes, *, masked: bool) -> bytes:
    """A WebSocket frame; a mask of zeros leaves the data as it is (RFC 6455, 5.2 and 5.3)."""
    bit = 128 if masked else 0
    if len(data) < 126:
        head = bytes([128 | opcode, bit | len(data)])
    else:
        head = bytes([128 | opcode, bit | 126]) + len(data).to_bytes(2, "big")
    return head + (bytes(4) if masked else b"") + data


class Peer(asyncio.Protocol):
    """One end of a WebSocket connection whose other end behaves."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_open:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            self._is_open, self._received = True, rest
            self.opened(head)
        for opcode, payload in self._frames():
            self.heard(opcode, payload)

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        data, start = self._received, 0
        while len(data) - start >= 2:
            length, at = data[start + 1] & 127, start + 2
            if length == 126:
                length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
            mask = b""
            if data[start + 1] & 128:
                mask, at = data[at : at + 4], at + 4
            if len(data) < at + length:
                break
            payload = data[at : at + length]
            if mask and data[start] & 15 == PING:
                payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
            yield data[start] & 15, payload
            start = at + length
        self._received = data[start:]

    def opened(self, head: bytes) -> None:
        """The other end's half of the handshake has come."""

    def heard(self, opcode: int, payload: bytes) -> None:
        """A message has come; masked ones, but for pings, as they are."""


class AssemblyAI(Peer):
    """Its half of one connection."""

    def __init__(self, turns: list[bytes], answer_every: int) -> None:
        super().__init__()
        self._turns, self._answer_every = turns, answer_every
        self._count = 0

    def opened(self, head: bytes) -> None:
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        digest = hashlib.sha1(key.split(b":")[1].strip() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self._say(TEXT, json.dumps({"type": "Begin", "id": "0a1b", "expires_at": 0}).encode())

    def heard(self, opcode: int, payload: bytes) -> None:
        if opcode == BINARY:
            self._count += 1
            if self._count % self._answer_every == 0:
                self.transport.write(self._turns[self._count % len(self._turns)])
        elif opcode == PING:
            self._say(PONG, payload)
        elif opcode == TEXT:
            end = {"type": "Termination", "audio_duration_seconds": 0, "session_duration_seconds": 0}
            self._say(TEXT, json.dumps(end).encode())
            self._say(CLOSE, (1000).to_bytes(2, "big"))
        elif opcode == CLOSE:
            self.transport.close()

    def _say(self, opcode: int, data: bytes) -> None:
        self.transport.write(frame(opcode, data, masked=False))


class Client(Peer):
    """A Speechmatics client that sends audio when it is told to, and times its acknowledgements."""

    audio = frame(BINARY, FRAME, masked=True)
    start = frame(TEXT, json.dumps(START).encode(), masked=True)

    def __init__(self, url: str) -> None:
        super().__init__()
        self._address = urlsplit(url)
        self._sent: deque[float] = deque()
        self.count_from = float("inf")
        self.delays: list[float] = []
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        key = base64.b64encode(os.urandom(16)).decode()
        self.transport.write(
            f"GET {self._address.path} HTTP/1.1\r\nHost: {self._address.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def opened(self, head: bytes) -> None:
        self.transport.write(self.start)

    def speak(self, now: float) -> None:
        """Send a frame of audio."""
        self._sent.append(now)
        self.transport.write(self.audio)

    @property
    def is_owed(self) -> bool:
        """Whether audio has not been acknowledged."""
        return bool(self._sent)

    def end(self) -> None:
        """End the stream; `ended` tells when everything has come."""
        self.transport.write(frame(TEXT, b'{"message": "EndOfStream", "last_seq_no": 0}', masked=True))

    def heard(self, opcode: int, payload: bytes) -> None:
        if b'"AudioAdded"' in payload:
            at = self._sent.popleft()
            if at > self.count_from:
                self.delays.append(time.perf_counter() - at)
        elif opcode == PING:
            self.transport.write(frame(PONG, payload, masked=True))
        elif b'"RecognitionStarted"' in payload:
            self.started.set_result(None)
        elif b'"EndOfTranscript"' in payload or b'"Error"' in payload:
            self.transport.write(frame(CLOSE, (1000).to_bytes(2, "big"), masked=True))
            self.ended.set_result(None)


def percentile(values: list[float], percent: float) -> float:
    """Of at least one value."""
    return statistics.quantiles(values, n=1000)[round(percent * 10) - 1] if len(values) > 1 else values[0]


@dataclass
class Load:
    """What so many streams at once cost. Times in seconds, CPU as a share of one core."""

    streams: int
    p50: float
    p99: float
    cpu: float


def cpu_seconds(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(url: str, process: int, streams: int, seconds: float = 4.0) -> Load:
    """Let so many clients speak in real time; how long AudioAdded takes once all of them do."""
    loop = asyncio.get_running_loop()
    address = urlsplit(url)
    clients = []
    for _ in range(streams):
        _, client = await loop.create_connection(lambda: Client(url), address.hostname, address.port)
        await asyncio.wait_for(client.started, 30)
        clients.append(client)
    begin = time.perf_counter()
    count_from = begin + 0.5
    until = count_from + seconds
    before = 0.0
    for client in clients:
        client.count_from = count_from
    # The clients speak one after the other, evenly in every 50 ms.
    due = 0
    while (now := time.perf_counter()) < until:
        if not before and now >= count_from:
            before = cpu_seconds(process)
        while due < (now - begin) / FRAME_SECONDS * streams:
            clients[due % streams].speak(time.perf_counter())
            due += 1
        await asyncio.sleep(0.0005)
    # On a busy machine the server is late; what it did for this audio counts, whenever it did it.
    while any(client.is_owed for client in clients):
        await asyncio.sleep(0.005)
    share = (cpu_seconds(process) - before) / seconds
    for client in clients:
        client.end()
    await asyncio.wait_for(asyncio.gather(*(client.ended for client in clients)), 60)
    delays = [delay for client in clients for delay in client.delays]
    return Load(streams, percentile(delays, 50), percentile(delays, 99), share)


async def main(answer_every: int) -> None:
    turns = [frame(TEXT, turn(number).encode(), masked=False) for number in range(1000)]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: AssemblyAI(turns, answer_every), "127.0.0.1", 0, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else 5))
