"""One run of a program between the two emulators: its microphone hears the scene, its messages are written down."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from migrator.rehearsal.transcript import Message, Transcript, from_messages
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.journal import Direction, Frame
from shim.emulator.scene import Scene
from shim.emulator.speechmatics import SpeechmaticsEmulator
from shim.emulator.stage import Stage
from shim.emulator.tls import CertificateAuthority
from shim.emulator.virtual_microphone import VirtualMicrophone
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, MANAGEMENT_HOST, SPEECHMATICS_HOSTS
from shim.settings import API_KEY_VARIABLE

START_SECONDS = 30.0
"""How long a program may take until its audio arrives; a slow machine starts PortAudio in several seconds."""

END_SECONDS = 20.0
"""How long a program may take to end after Ctrl-C."""

PAUSE_SECONDS = 0.3
"""Between the end of the sound and Ctrl-C: nobody reaches for the keyboard in the middle of a word."""

HEARD_SECONDS = 20.0
"""How long after that an emulator may take to speak of the last word; a slow machine is late with the sound."""


class RehearsalError(Exception):
    """A program could not be performed at all; the text says why and what it printed."""


@dataclass(frozen=True)
class Performance:
    """What one run of a program gave.

    Attributes:
        exit_status: of the process; negative is a signal; None if it had to be killed.
        output: what it printed, standard error included.
        messages: every JSON message that its WebSocket library delivered to it, in order.
        seconds_to_end: real seconds from Ctrl-C to its exit.
    """

    exit_status: int | None
    output: str
    messages: tuple[Message, ...]
    seconds_to_end: float

    @property
    def transcript(self) -> Transcript:
        """What it was told."""
        return from_messages(self.messages)


class Rehearsal:
    """Both vendors on this machine, speaking one scene, reached under their real names with real TLS.

    Use as a context manager.

    Args:
        scene: what is spoken.
        sample_rate: of the virtual microphone, in Hz; make it the rate that the programs open.
    """

    assemblyai_key = "rehearsal-key-of-assemblyai"

    def __init__(self, scene: Scene, sample_rate: int = 44100) -> None:
        self.scene = scene
        self._sample_rate = sample_rate
        self._resources = ExitStack()

    def __enter__(self) -> Rehearsal:
        with ExitStack() as resources:
            self._folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="rehearsal-")))
            old_hosts = [*SPEECHMATICS_HOSTS, MANAGEMENT_HOST]
            new_hosts = [host.name for host in ASSEMBLYAI_HOSTS.values()]
            authority = CertificateAuthority.create(self._folder / "tls")
            self.speechmatics = resources.enter_context(
                SpeechmaticsEmulator(self.scene, tls=authority.certificate(old_hosts))
            )
            self.assemblyai = resources.enter_context(
                AssemblyAIEmulator(
                    self.scene, keys={self.assemblyai_key}, tls=authority.certificate(new_hosts)
                )
            )
            self._hosts = dict.fromkeys(old_hosts, ("127.0.0.1", self.speechmatics.port))
            self._hosts |= dict.fromkeys(new_hosts, ("127.0.0.1", self.assemblyai.port))
            self._ca_file = authority.ca_file
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    def perform(
        self,
        script: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Performance:
        """Run a program that listens to the microphone; press Ctrl-C when the scene is over.

        Args:
            script: the program.
            arguments: of the program.
            environment: more variables for it, beside the key of the AssemblyAI emulator.

        Raises:
            RehearsalError: no audio of the program arrived at either emulator.
        """
        with ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(dir=self._folder)))
            microphone = resources.enter_context(VirtualMicrophone(self._sample_rate))
            stage = Stage(self._hosts, ca_file=self._ca_file, record_file=folder / "messages.jsonl")
            variables = {
                **os.environ,
                **microphone.environment,
                API_KEY_VARIABLE: self.assemblyai_key,
                "PYTHONUNBUFFERED": "1",
                **(environment or {}),
            }
            output = resources.enter_context((folder / "output").open("w+b"))
            process = subprocess.Popen(
                stage.command(script, arguments),
                env=stage.environment(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            resources.callback(_kill, process)
            seconds = self._speak_and_stop(process, microphone, folder / "output")
            return Performance(
                exit_status=process.poll(),
                output=_text(folder / "output"),
                messages=tuple(_delivered(folder / "messages.jsonl")),
                seconds_to_end=seconds,
            )

    def _speak_and_stop(
        self, process: subprocess.Popen[bytes], microphone: VirtualMicrophone, output: Path
    ) -> float:
        deadline = time.monotonic() + START_SECONDS
        before = self._audio_frames()
        while self._audio_frames() == before:
            if process.poll() is not None or time.monotonic() > deadline:
                state = (
                    "ended" if process.poll() is not None else f"sent no audio within {START_SECONDS:.0f} s"
                )
                raise RehearsalError(f"the program {state}; it printed:\n{_text(output)}")
            time.sleep(0.02)
        microphone.play(self.scene.sound)
        time.sleep(PAUSE_SECONDS)
        self._wait_for_the_last_words()
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return END_SECONDS
        return time.monotonic() - stopped

    def _wait_for_the_last_words(self) -> None:
        """A program that does not get so far is stopped all the same; what it was told is judged later."""
        last = _letters(" ".join(word.text for word in self.scene.words[-3:]))
        deadline = time.monotonic() + HEARD_SECONDS
        while time.monotonic() < deadline:
            if any(last in _letters(frame.text or "") for frame in self._frames("sent")):
                return
            time.sleep(0.05)

    def _audio_frames(self) -> int:
        return sum(frame.audio_bytes > 0 for frame in self._frames("received"))

    def _frames(self, direction: Direction) -> list[Frame]:
        emulators = (self.speechmatics, self.assemblyai)
        return [frame for emulator in emulators for frame in emulator.journal.frames(direction)]


def _letters(text: str) -> str:
    """Words alone, whatever is between them."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _text(output: Path) -> str:
    # Not read_text: it would take a carriage return, which moves a terminal's cursor, for the end of a line.
    return output.read_bytes().decode("utf-8", "replace")


def _delivered(record: Path) -> list[Message]:
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    frames = [frame for line in lines if (frame := json.loads(line))["direction"] == "received"]
    # A drop-in's process also holds the connection behind it; the program is told what comes over loopback.
    local = [frame for frame in frames if frame["host"] == "127.0.0.1"]
    return [json.loads(frame["text"]) for frame in local or frames]
