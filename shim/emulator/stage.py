"""The stage: runs an unmodified program whose connections to named hosts end at servers of this machine.

    python -m shim.emulator.stage --host NAME=127.0.0.1:PORT [--record FILE] -- SCRIPT ARGUMENTS

The program runs as ``python SCRIPT ARGUMENTS`` would run it. Only the addresses that its connections lead to are
changed, so its client libraries and its TLS are the real ones. Every other host is refused: a rehearsal never
reaches the network. Not on the stage are processes that the program starts, and libraries that resolve names or
connect outside Python's `socket` module (uvloop, gRPC, cURL).

This module needs nothing that is not in the standard library and loads the one of ours that it needs by its path, so
that it also runs, by its own path, with the interpreter of an environment in which this project is not installed.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import inspect
import ipaddress
import json
import os
import runpy
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any
from urllib.parse import urlsplit

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "WEBSOCKET_CLIENT_CA_BUNDLE")
_PROXY_VARIABLES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy"})


@dataclass(frozen=True)
class Stage:
    """What a program on the stage reaches, as a command line and an environment.

    Attributes:
        hosts: host name -> the loopback address and port where connections to it end, whatever port they name.
        ca_file: PEM file of the authority that signed the certificates of these servers; None without TLS.
        record_file: gets a JSON line for each WebSocket text message of the program; see `Recorder`.
    """

    hosts: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    ca_file: Path | None = None
    record_file: Path | None = None

    def command(
        self, script: str | Path, arguments: Sequence[str] = (), python: str | Path = sys.executable
    ) -> list[str]:
        """The command that runs ``script`` on the stage.

        Args:
            script: the program.
            arguments: its arguments.
            python: the interpreter to run it with; this project need not be installed there.
        """
        command = [str(python), str(Path(__file__).resolve())]
        for name, (address, port) in self.hosts.items():
            command += ["--host", f"{name}={address}:{port}"]
        if self.record_file is not None:
            command += ["--record", str(self.record_file)]
        return [*command, "--", str(script), *arguments]

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """``base`` with our authority trusted and without proxies, which would hide where connections lead."""
        kept = {name: value for name, value in base.items() if name.lower() not in _PROXY_VARIABLES}
        if self.ca_file is None:
            return kept
        return kept | dict.fromkeys(_CA_VARIABLES, str(self.ca_file))


class Recorder:
    """Writes what happens on the stage to a file: one JSON object a line, each written at once.

    ``{"time", "direction": "sent" | "received", "host", "text"}`` is a WebSocket text message that the program
    gave to its library or got from it; ``{"time", "direction": "refused", "host"}`` is a connection that was
    refused. ``time`` is that of `time.monotonic`, which all processes of a machine share.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = (
            None
            if path is None
            else os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
        )

    def write(self, direction: str, host: str, text: str | None = None) -> None:
        """Add a line; without a file, nothing."""
        if self._file is None:
            return
        line: dict[str, object] = {"time": time.monotonic(), "direction": direction, "host": host}
        if text is not None:
            line["text"] = text
        # One write to a file opened for appending: whole lines, from any thread, also before a hard exit.
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Network:
    """The network as the program sees it: the named hosts and this machine.

    Args:
        hosts: lower-case host name -> address and port.
        recorder: learns of connections that are refused.
    """

    def __init__(self, hosts: Mapping[str, tuple[str, int]], recorder: Recorder) -> None:
        self._hosts = hosts
        self._recorder = recorder

    def install(self) -> None:
        """Replace name resolution, connecting and sending to an address in the `socket` module of this process."""
        resolve = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
            host, port = self._destination(host, port)
            return resolve(host, port, *arguments, **options)

        socket.getaddrinfo = getaddrinfo
        for name in ("gethostbyname", "gethostbyname_ex"):
            setattr(socket, name, self._looking_up(getattr(socket, name)))
        for name in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, name, self._addressing(getattr(socket.socket, name)))

    def _looking_up(self, original: Callable[[str], Any]) -> Callable[[str], Any]:
        @functools.wraps(original)
        def look_up(host: str) -> Any:
            return original(self._destination(host, None)[0])

        return look_up

    def _addressing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def with_address(sender: socket.socket, *arguments: Any) -> Any:
            *others, address = arguments
            if sender.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
                host, port = self._destination(*address[:2])
                address = (host, port, *address[2:])
            return original(sender, *others, address)

        return with_address

    def _destination(self, host: Any, port: Any) -> tuple[Any, Any]:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if not name:
            return host, port
        name = name.lower().rstrip(".")
        if name in self._hosts:
            return self._hosts[name]
        if _is_this_machine(name):
            return host, port
        self._recorder.write("refused", name)
        raise socket.gaierror(
            socket.EAI_FAIL,
            f"the stage refuses a connection to {name}: a rehearsal does not reach the network. "
            f"The hosts on this stage: {', '.join(self._hosts) or 'none'}",
        )


def _is_this_machine(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name in ("localhost", socket.gethostname().lower()) or name.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


# A websocket-client connection does not keep its URL; this attribute does.
_HOST = "_host_on_the_stage"


def _observe_websocket_client(module: ModuleType, recorder: Recorder) -> None:
    """Record in ``websocket._core``, whose frames carry both `WebSocketApp` and `create_connection`."""
    connection = module.WebSocket
    connect, receive, send = connection.connect, connection.recv_data_frame, connection.send_frame
    text = module.ABNF.OPCODE_TEXT

    @functools.wraps(connect)
    def recorded_connect(self: Any, url: str, **options: Any) -> Any:
        setattr(self, _HOST, urlsplit(url).hostname or "")
        return connect(self, url, **options)

    @functools.wraps(receive)
    def recorded_receive(self: Any, *arguments: Any, **options: Any) -> Any:
        opcode, frame = receive(self, *arguments, **options)
        if opcode == text:
            recorder.write("received", getattr(self, _HOST, ""), _decoded(frame.data))
        return opcode, frame

    @functools.wraps(send)
    def recorded_send(self: Any, frame: Any) -> Any:
        if frame.opcode == text:
            recorder.write("sent", getattr(self, _HOST, ""), _decoded(frame.data))
        return send(self, frame)

    connection.connect = recorded_connect
    connection.recv_data_frame = recorded_receive
    connection.send_frame = recorded_send


def _observe_websockets(
    module: ModuleType, recorder: Recorder, connection_class: str, host_of: Callable[[Any], str]
) -> None:
    """Record in a client of ``websockets``, asynchronous or not; the servers of that package are left alone."""
    connection = getattr(module, connection_class)
    receive, send = connection.recv, connection.send

    def note(direction: str, self: Any, message: Any) -> None:
        if isinstance(message, str):
            recorder.write(direction, host_of(self), message)

    async def receive_later(self: Any, *arguments: Any, **options: Any) -> Any:
        message = await receive(self, *arguments, **options)
        note("received", self, message)
        return message

    def receive_now(self: Any, *arguments: Any, **options: Any) -> Any:
        message = receive(self, *arguments, **options)
        note("received", self, message)
        return message

    def recorded_send(self: Any, message: Any, *arguments: Any, **options: Any) -> Any:
        # Of an asynchronous client this is a coroutine, which the program awaits.
        note("sent", self, message)
        return send(self, message, *arguments, **options)

    asynchronous = inspect.iscoroutinefunction(receive)
    connection.recv = functools.wraps(receive)(receive_later if asynchronous else receive_now)
    connection.send = functools.wraps(send)(recorded_send)


def _host_of_uri(connection: Any) -> str:
    return str(connection.protocol.uri.host)


def _trust_our_authority(module: ModuleType, recorder: Recorder) -> None:
    """Lead programs that name the file of ``certifi`` to the authority that the environment names."""
    authority = os.environ.get("SSL_CERT_FILE")
    if authority is not None:
        module.where = lambda: authority  # type: ignore[attr-defined]


def _decoded(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode("utf-8", "replace")


# Module -> what to do once it was imported. A client library more is an entry more.
ADAPTERS: dict[str, Callable[[ModuleType, Recorder], None]] = {
    "certifi.core": _trust_our_authority,
    "websocket._core": _observe_websocket_client,
    "websockets.asyncio.client": functools.partial(
        _observe_websockets, connection_class="ClientConnection", host_of=_host_of_uri
    ),
    "websockets.sync.client": functools.partial(
        _observe_websockets, connection_class="ClientConnection", host_of=_host_of_uri
    ),
    "websockets.legacy.client": functools.partial(
        _observe_websockets,
        connection_class="WebSocketClientProtocol",
        host_of=lambda connection: connection.host or "",
    ),
}


def _import_hook() -> ModuleType:
    """`shim.import_hook`, by its path, so that no module named ``shim`` comes between the program and its own."""
    path = Path(__file__).parents[1] / "import_hook.py"
    spec = importlib.util.spec_from_file_location("_import_hook_of_the_stage", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _report_without_the_stage(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an uncaught exception as a plain run does: from the first line of the program."""
    ours = (__file__, "<frozen runpy>", runpy.__file__)
    while trace is not None and trace.tb_frame.f_code.co_filename in ours:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def _host(argument: str) -> tuple[str, tuple[str, int]]:
    name, _, destination = argument.partition("=")
    address, _, port = destination.rpartition(":")
    with contextlib.suppress(ValueError):
        if name and ipaddress.ip_address(address.strip("[]")).is_loopback:
            return name.lower(), (address.strip("[]"), int(port))
    raise argparse.ArgumentTypeError(f"{argument!r} is not NAME=127.0.0.1:PORT")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a script on the stage; its exit status and its signals are those of a plain run."""
    parser = argparse.ArgumentParser(
        prog="python -m shim.emulator.stage",
        usage="%(prog)s [--host NAME=127.0.0.1:PORT]... [--record FILE] -- SCRIPT [ARGUMENTS]",
        description="Run a Python program whose connections to the named hosts end on this machine.",
    )
    parser.add_argument(
        "--host",
        type=_host,
        action="append",
        default=[],
        metavar="NAME=127.0.0.1:PORT",
        help="where connections to the host NAME end; may be repeated",
    )
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="write the program's WebSocket messages here, as JSON lines",
    )
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Split here, not by argparse: the program's own arguments may hold another "--".
    separator = words.index("--") if "--" in words else len(words)
    options = parser.parse_args(words[:separator])
    program = words[separator + 1 :]
    if not program:
        parser.error("the program to run is missing; it comes after --")
    if not Path(program[0]).is_file():
        parser.error(f"there is no program {program[0]}")

    recorder = Recorder(options.record)
    Network(dict(options.host), recorder).install()
    _import_hook().AfterImport(
        dict.fromkeys(ADAPTERS, lambda module: ADAPTERS[module.__name__](module, recorder))
    ).install()
    sys.argv = program
    if not getattr(sys.flags, "safe_path", False):
        # The first entry led to this module, as it leads to the script in a plain run.
        sys.path[0] = str(Path(program[0]).resolve().parent)
    sys.excepthook = _report_without_the_stage
    runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
