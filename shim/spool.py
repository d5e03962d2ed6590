"""A queue of messages that may grow longer than memory should: what does not fit lies in temporary files."""

from __future__ import annotations

import struct
import tempfile
from collections import deque
from typing import IO

SEGMENT_BYTES = 8 * 2**20
"""So much of the queue's front, and of its end, is in memory; each temporary file holds as much of what is between."""

_RECORD = struct.Struct("<?I")


class Spool:
    """First in, first out, of text and bytes. The files have no name, so that they are gone whenever the process is."""

    def __init__(self) -> None:
        self.bytes = 0
        self._front: deque[str | bytes] = deque()
        self._segments: deque[IO[bytes]] = deque()
        self._end: deque[str | bytes] = deque()
        self._end_bytes = 0

    def __len__(self) -> int:
        # A segment on disk holds at least one message.
        return len(self._front) + len(self._segments) + len(self._end)

    def put(self, message: str | bytes) -> None:
        """Add a message at the end.

        Raises:
            OSError: it could not be written (no room on the disk). The queue is as it was before.
        """
        if self._end_bytes + len(message) > SEGMENT_BYTES and self._end:
            self._segments.append(_written(self._end))
            self._end, self._end_bytes = deque(), 0
        self._end.append(message)
        self._end_bytes += len(message)
        self.bytes += len(message)

    def get(self) -> str | bytes:
        """Take the first message.

        Raises:
            IndexError: there is none.
            OSError: it could not be read.
        """
        if not self._front:
            if self._segments:
                with self._segments.popleft() as segment:
                    self._front = _read(segment)
            else:
                self._front, self._end, self._end_bytes = self._end, deque(), 0
        message = self._front.popleft()
        self.bytes -= len(message)
        return message

    def clear(self) -> None:
        """Forget everything."""
        for segment in self._segments:
            segment.close()
        for queue in (self._front, self._segments, self._end):
            queue.clear()
        self.bytes = self._end_bytes = 0


def _written(messages: deque[str | bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115, whoever reads it closes it
    try:
        for message in messages:
            data = message.encode() if isinstance(message, str) else message
            file.write(_RECORD.pack(isinstance(message, str), len(data)) + data)
        file.seek(0)
    except OSError:
        file.close()
        raise
    return file


def _read(file: IO[bytes]) -> deque[str | bytes]:
    messages: deque[str | bytes] = deque()
    while header := file.read(_RECORD.size):
        is_text, size = _RECORD.unpack(header)
        data = file.read(size)
        messages.append(data.decode() if is_text else data)
    return messages
