"""Programs that hear a scene through real PyAudio, in real time."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from shim.emulator.virtual_microphone import VirtualMicrophone


@dataclass(frozen=True)
class Outcome:
    """What a program wrote, and how it ended."""

    output: bytes
    errors: str
    status: int


@dataclass
class Program:
    """A program that records from a virtual microphone."""

    process: subprocess.Popen[bytes]
    terminal: int | None

    def finish(self) -> Outcome:
        """Wait for its end."""
        output = bytearray()
        reader = threading.Thread(target=self._read_terminal, args=(output,))
        reader.start()
        written, errors = self.process.communicate(timeout=60)
        reader.join(60)
        return Outcome(bytes(output) or written or b"", errors.decode(), self.process.returncode)

    def _read_terminal(self, output: bytearray) -> None:
        if self.terminal is None:
            return
        try:
            while data := os.read(self.terminal, 65536):
                output += data
        except OSError:
            return  # how Linux says that nobody has the terminal open any more


@pytest.fixture
def hears(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts ``python ARGUMENTS`` with a virtual microphone and speaks a WAV file into it."""
    with_microphones: list[VirtualMicrophone] = []
    programs: list[Program] = []

    def start(
        sound: Path, arguments: Sequence[str], rate: int = 44100, terminal: bool = False, **environment: str
    ) -> Program:
        microphone = VirtualMicrophone(rate)
        microphone.__enter__()
        with_microphones.append(microphone)
        ours, theirs = pty.openpty() if terminal else (None, None)
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if theirs is None else theirs,
            stderr=subprocess.PIPE,
            env={**os.environ, **microphone.environment, **environment},
        )
        if theirs is not None:
            os.close(theirs)
        programs.append(Program(process, ours))
        microphone.wait_for_recorder(timeout=30)
        microphone.play(sound)
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.wait()
        if program.terminal is not None:
            os.close(program.terminal)
    for microphone in with_microphones:
        microphone.__exit__(None, None, None)
