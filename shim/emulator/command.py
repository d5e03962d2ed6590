"""``shim emulate``: one of the vendors' servers on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import importlib
import signal
import ssl
import sys
import threading
from types import FrameType, ModuleType
from typing import TYPE_CHECKING

from shim.emulator.faults import FAULTS, UnknownFault, describe, parse_all
from shim.emulator.journal import Answer, Close, Connection, Entry, Journal
from shim.emulator.scene import Scene
from shim.protocol.mapping.hosts import ASSEMBLYAI_HOSTS, MANAGEMENT_HOST, SPEECHMATICS_HOSTS

if TYPE_CHECKING:
    from shim.emulator.serving import Emulator

CLASSES = {
    "assemblyai": ("shim.emulator.assemblyai", "AssemblyAIEmulator"),
    "speechmatics": ("shim.emulator.speechmatics", "SpeechmaticsEmulator"),
}
DEFAULT_PORT = 8765
JOURNAL_LIMIT = 10_000
"""Entries that are kept, so that an emulator may run for days."""
INSTALL = 'pip install "speechmatics-to-assemblyai[emulator]"'
VENDOR_HOSTS = (*(host.name for host in ASSEMBLYAI_HOSTS.values()), *SPEECHMATICS_HOSTS, MANAGEMENT_HOST)


class Mistake(Exception):
    """Something that the user can put right; ``str()`` says what."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``shim emulate``."""
    parser.add_argument("service", choices=sorted(FAULTS), help="whose server to be")
    parser.add_argument("--scene", help="JSON file that says what may be spoken; its sound lies beside it")
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help="0 picks a free one (default %(default)s)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:ARGUMENT][@SECONDS][#CONNECTION]",
        help="something to do wrong, for example close:1011@2.5; may be repeated; see --list-faults",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="live so many times as fast as real time"
    )
    parser.add_argument(
        "--key", action="append", metavar="KEY", help="accept this key; may be repeated; any without it"
    )
    parser.add_argument(
        "--tls", metavar="FOLDER", help="speak wss, also under the vendors' names; the CA goes into FOLDER"
    )
    parser.add_argument(
        "--list-faults", action="store_true", help="list the faults and what is not emulated, and end"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry out ``shim emulate``.

    Returns:
        The exit status: 0, or 2 for a mistake of the user, which was told on standard error in one line.
    """
    try:
        if arguments.list_faults:
            _list_faults(arguments.service)
        else:
            _serve(_emulator(arguments), arguments.service)
    except Mistake as mistake:
        print(f"shim emulate: {mistake}", file=sys.stderr)
        return 2
    return 0


def _list_faults(service: str) -> None:
    module, _ = _load(service)
    print(f"Faults of the {service} emulator:\n{describe(service)}\nNot emulated:")
    print("\n".join(f"  {line}" for line in module.NOT_EMULATED))


def _load(service: str) -> tuple[ModuleType, type[Emulator]]:
    module_name, class_name = CLASSES[service]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise Mistake(f"the emulators need the package {error.name}; install it with: {INSTALL}") from None
    return module, getattr(module, class_name)


def _emulator(arguments: argparse.Namespace) -> Emulator:
    _, emulator_class = _load(arguments.service)
    if not arguments.speed > 0:
        raise Mistake(f"--speed must be above 0, not {arguments.speed:g}")
    if not arguments.scene:
        raise Mistake("--scene is missing: name the JSON file of a scene, for example one of fixtures/scenes")
    try:
        faults = parse_all(arguments.fault, arguments.service)
        scene = Scene.load(arguments.scene)
        return emulator_class(
            scene,
            speed=arguments.speed,
            faults=faults,
            keys=arguments.key,
            tls=_certificate(arguments.tls) if arguments.tls else None,
            host=arguments.host,
            port=arguments.port,
            journal=Journal(limit=JOURNAL_LIMIT, keep_audio=False),
        )
    except UnknownFault as error:
        raise Mistake(str(error)) from None
    except (OSError, ValueError) as error:
        raise Mistake(f"the scene cannot be used: {error}") from None


def _certificate(folder: str) -> ssl.SSLContext:
    from shim.emulator.tls import CertificateAuthority

    try:
        authority = CertificateAuthority.create(folder)
    except OSError as error:
        raise Mistake(f"the certificate cannot be written: {error}; give --tls a folder of yours") from None
    print(f"clients must trust {authority.ca_file}: SSL_CERT_FILE={authority.ca_file}", file=sys.stderr)
    return authority.certificate(VENDOR_HOSTS)


def _serve(emulator: Emulator, service: str) -> None:
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    emulator.journal.listen(_Reporter(emulator.journal).report)
    try:
        with emulator:
            print(f"{service} emulator with the scene {emulator.scene.name}: {emulator.url}", flush=True)
            stopped.wait()
    except (OSError, OverflowError) as error:
        raise Mistake(
            f"cannot listen on port {emulator.port} of {emulator.host}: {error}; choose another --port, or 0"
        ) from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Reporter:
    """Prints a line when a connection comes and one when it ends."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def report(self, entry: Entry) -> None:
        """Print what is worth a line. Neither queries nor headers: they hold keys."""
        if isinstance(entry, Connection):
            print(f"connection {entry.number}: {entry.method} {entry.path}", flush=True)
        elif isinstance(entry, Answer):
            print(f"connection {entry.connection}: answered {entry.status}", flush=True)
        elif isinstance(entry, Close):
            seconds = self._journal.audio_seconds(entry.connection)
            print(
                f"connection {entry.connection}: closed by the {entry.by} with {entry.code} "
                f"after {seconds:.1f} s of audio",
                flush=True,
            )
