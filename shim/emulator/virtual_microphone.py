"""A microphone without hardware: a private PulseAudio daemon that programs record from and tests speak into."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

# The Debian package of each program that the microphone needs.
_PACKAGES = {"pulseaudio": "pulseaudio", "pactl": "pulseaudio-utils", "paplay": "pulseaudio-utils"}

_DAEMON_SWITCHES = (
    "-n",
    "--daemonize=no",
    "--fail=yes",
    "--use-pid-file=no",
    "--exit-idle-time=-1",
    "--disable-shm=yes",
    "--realtime=no",
    "--high-priority=no",
    "--log-level=error",
    "--log-target=stderr",
)

# norewinds=1: without it the first read takes two seconds and the first chunk of speech is lost.
_STARTUP = """\
load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1
load-module module-null-sink sink_name=speaker rate={rate} channels=1 channel_map=mono norewinds=1
load-module module-remap-source master=speaker.monitor source_name=mic rate={rate} channels=1 channel_map=mono remix=no
set-default-source mic
set-default-sink speaker
"""

_ALSA = """\
pcm.!default { type pulse }
pcm.pulse { type pulse }
ctl.!default { type pulse }
ctl.pulse { type pulse }
"""

# Its standard input ends when this process does, however that happens.
_GUARD = 'read -r _; kill "$1" 2>/dev/null; rm -rf "$2"'

# What the daemon sees of our environment, and what leads it into its own folder.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_PRIVATE = ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")

_POLL_SECONDS = 0.02


class VirtualMicrophoneError(RuntimeError):
    """The virtual microphone cannot start, or nobody listens to it; the text says what to do."""


class Playback:
    """Sound that is being played; see `VirtualMicrophone.start_playing`."""

    def __init__(self, process: subprocess.Popen[str], wav_path: Path) -> None:
        self._process = process
        self._wav_path = wav_path

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything was played.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            TimeoutError: it still plays.
            VirtualMicrophoneError: the file could not be played.
        """
        try:
            _, errors = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self._wav_path} still plays after {timeout} s") from None
        if self._process.returncode != 0:
            raise VirtualMicrophoneError(f"paplay could not play {self._wav_path}: {errors.strip()}")

    def stop(self) -> None:
        """Silence; harmless when it has ended."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()


class VirtualMicrophone:
    """A default microphone for programs that are started with `environment`.

    Use it as a context manager. Everything it writes lies in one temporary folder. The daemon ends and the
    folder goes when the context ends, and also when this process is killed.

    Args:
        sample_rate: in Hz; give the rate that the program records with, then samples arrive unchanged.
    """

    def __init__(self, sample_rate: int = 44100) -> None:
        self._sample_rate = sample_rate
        self._folder: Path | None = None
        self._daemon: subprocess.Popen[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._playbacks: list[Playback] = []

    def __enter__(self) -> VirtualMicrophone:
        """Start the daemon and wait until it answers.

        Raises:
            VirtualMicrophoneError: PulseAudio is not installed, or it did not start.
        """
        missing = [program for program in _PACKAGES if shutil.which(program) is None]
        if missing:
            packages = " ".join(sorted({_PACKAGES[program] for program in missing}))
            raise VirtualMicrophoneError(
                f"the virtual microphone needs {', '.join(missing)}; "
                f"on Debian and Ubuntu: apt-get install --no-install-recommends {packages}"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="microphone-"))
        try:
            self._start(self._folder)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def environment(self) -> dict[str, str]:
        """Variables to merge into the environment of the program that records."""
        folder = self._open_folder()
        return {
            "PULSE_SERVER": f"unix:{folder}/native",
            "PULSE_COOKIE": f"{folder}/cookie",
            "JACK_NO_START_SERVER": "1",
            "ALSA_CONFIG_PATH": f"{folder}/asound.conf",
        }

    def wait_for_recorder(self, timeout: float = 10.0) -> None:
        """Wait until a program records. Speak after that; sound played before is lost.

        Args:
            timeout: seconds.

        Raises:
            VirtualMicrophoneError: nobody recorded in time.
        """
        until = time.monotonic() + timeout
        while not self._recorders():
            if time.monotonic() > until:
                raise VirtualMicrophoneError(
                    f"no program recorded from the virtual microphone within {timeout} s; "
                    "was it started with the variables of .environment?"
                )
            time.sleep(_POLL_SECONDS)

    def play(self, wav_path: str | Path) -> None:
        """Speak a WAV file into the microphone, at real time; return when it is over.

        Raises:
            VirtualMicrophoneError: the file could not be played.
        """
        self.start_playing(wav_path).wait()

    def start_playing(self, wav_path: str | Path) -> Playback:
        """Speak a WAV file into the microphone and return at once."""
        wav_path = Path(wav_path)
        process = subprocess.Popen(
            ["paplay", "--device=speaker", str(wav_path)],
            env=self._daemon_environment(self._open_folder()) | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        playback = Playback(process, wav_path)
        self._playbacks.append(playback)
        return playback

    def _start(self, folder: Path) -> None:
        (folder / "startup.pa").write_text(_STARTUP.format(folder=folder, rate=self._sample_rate))
        (folder / "asound.conf").write_text(_ALSA)
        log = folder / "daemon.log"
        with log.open("w") as log_file:
            self._daemon = subprocess.Popen(
                ["pulseaudio", *_DAEMON_SWITCHES, "-F", str(folder / "startup.pa")],
                env=self._daemon_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                text=True,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._daemon.pid), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until = time.monotonic() + 20
        while not (folder / "native").exists():
            if self._daemon.poll() is not None or time.monotonic() > until:
                raise VirtualMicrophoneError(f"pulseaudio did not start: {log.read_text().strip()}")
            time.sleep(_POLL_SECONDS)
        # The socket appears before the last module is loaded; an answer comes only after it.
        self._tool("pactl", "info")

    def _stop(self) -> None:
        for playback in self._playbacks:
            playback.stop()
        if self._guard is not None:
            # First the guard: it must not kill a process that later gets the daemon's number.
            self._guard.kill()
            self._guard.communicate()
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._daemon.kill()
                self._daemon.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._playbacks, self._guard, self._daemon, self._folder = [], None, None, None

    def _recorders(self) -> list[str]:
        """The streams that record, without that of the microphone's own remap module, which has no client."""
        lines = self._tool("pactl", "list", "short", "source-outputs").splitlines()
        return [line for line in lines if line.split("\t")[2] != "-"]

    def _tool(self, *command: str) -> str:
        finished = subprocess.run(
            command,
            env=self._daemon_environment(self._open_folder()) | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if finished.returncode != 0:
            raise VirtualMicrophoneError(f"{' '.join(command)} failed: {finished.stderr.strip()}")
        return finished.stdout.strip()

    def _open_folder(self) -> Path:
        if self._folder is None:
            raise VirtualMicrophoneError("the virtual microphone is not open; use it in a with statement")
        return self._folder

    @staticmethod
    def _daemon_environment(folder: Path) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return inherited | {name: str(folder) for name in _PRIVATE}
