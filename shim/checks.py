"""What has to be right on a machine before a program there can be transcribed by AssemblyAI: `CHECKS`, for ``shim doctor``.

Every check is a function from a `Context` to an `Outcome`; it shows no key. What is needed only for
some checks is imported by them: ``shim doctor`` has to work where something is missing.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import http.client
import importlib
import importlib.metadata
import math
import os
import queue
import re
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import SplitResult, urlsplit

from shim import framing
from shim.clock import Clock
from shim.protocol import assemblyai
from shim.protocol.line import BEGIN_SECONDS, TERMINATION_SECONDS
from shim.protocol.mapping.errors import ErrorMapping, FailureKind, from_assemblyai, from_failure, quotable
from shim.protocol.mapping.hosts import DEFAULT_SPEECHMATICS_URL, REGIONS, Region
from shim.protocol.opening import Handshake, TranslatorOptions, read_start
from shim.settings import API_KEY_VARIABLE, REGION_VARIABLE, STREAMING_URL_VARIABLE, Settings

MINIMUM_PYTHON = (3, 10)
SOUND_SECONDS = 0.5
"""How long the microphone is listened to."""
DEVICE_SECONDS = 5.0
"""How long it may take to deliver that."""
CLOCK_SECONDS = 60.0
"""How far the clock may be off."""
SESSION_SECONDS = 1.0
"""How much silence the session gets."""
SLOW_SECONDS = 4.0
"""A session that takes longer to begin begins too late for some programs."""

_ENCODING, _SAMPLE_RATE = "pcm_s16le", 16000


@dataclass(frozen=True)
class Context:
    """What the checks are about.

    Attributes:
        settings: the user's choices.
        session: whether a session may be opened, which is billed.
        microphone: whether the microphone may be opened.
        clock: drives the time limits of the session.
    """

    settings: Settings
    session: bool = True
    microphone: bool = True
    clock: Clock = field(default_factory=Clock)

    @functools.cached_property
    def url(self) -> str | ErrorMapping:
        """Where a program with the SDKs' default host would be led to; or why nowhere."""
        start = {
            "audio_format": {"type": "raw", "encoding": _ENCODING, "sample_rate": _SAMPLE_RATE},
            "transcription_config": {"language": "en"},
        }
        options = TranslatorOptions(
            self.settings.streaming_url,
            cast("Region | None", self.settings.region),
            self.settings.speech_model,
            str(uuid.uuid4()),
        )
        meant = urlsplit(DEFAULT_SPEECHMATICS_URL)
        opening = read_start(start, Handshake(meant.netloc, meant.path, ""), options)
        return opening if isinstance(opening, ErrorMapping) else opening.url

    @property
    def address(self) -> SplitResult:
        """The parts of `url`. Only for checks that need the check ``address``."""
        assert isinstance(self.url, str)
        return urlsplit(self.url)

    @property
    def is_encrypted(self) -> bool:
        """Whether the address is a ``wss`` one."""
        return self.address.scheme == "wss"

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port."""
        return self.address.hostname or "", self.address.port or (443 if self.is_encrypted else 80)


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        status: ``skipped`` says nothing for or against.
        detail: what was found.
        advice: what to do about it; empty where nothing is to do.
    """

    status: Literal["ok", "failed", "skipped"]
    detail: str
    advice: str = ""


@dataclass(frozen=True)
class Check:
    """One row of `CHECKS`.

    Attributes:
        name: what it is about.
        run: finds out.
        after: names of checks without whose success this one makes no sense.
        needed: whether no program can do without.
    """

    name: str
    run: Callable[[Context], Outcome]
    after: tuple[str, ...] = ()
    needed: bool = True


def _failure(reason: str, addition: str = "") -> Outcome:
    """A failure in the words of the tables, whose first sentence says what happened and the rest what to do."""
    what, _, advice = reason.partition(". ")
    return Outcome("failed", what.removesuffix(".") + (f" ({addition})" if addition else ""), advice)


def _network_failure(error: Exception) -> Outcome:
    from shim.upstream import failure_of

    return _failure(from_failure(failure_of(error)).reason, quotable(str(error)))


def python(context: Context) -> Outcome:
    """Python is new enough."""
    version = sys.version.split()[0]
    if sys.version_info >= MINIMUM_PYTHON:
        return Outcome("ok", version)
    wanted = ".".join(map(str, MINIMUM_PYTHON))
    return Outcome("failed", f"{version} is too old", f"Use Python {wanted} or newer.")


@dataclass(frozen=True)
class Package:
    """A package of others that we use.

    Attributes:
        name: of the distribution.
        minimum: oldest version that will do.
        extra: the extra that installs it; empty for one that nothing works without.
        purpose: what it is for.
    """

    name: str
    minimum: str
    extra: str = ""
    purpose: str = ""


PACKAGES = (
    Package("websockets", "15"),
    Package("websocket-client", "1.6"),
    Package("pyaudio", "0.2.14", "microphone", "recording from a microphone"),
    Package("numpy", "1.24", "audio", "microphones, and fast conversion of 32-bit floats"),
    Package("soxr", "0.4", "audio", "microphones, and other changes of the sample rate"),
    Package("orjson", "3.9", "fast", "reading messages faster"),
)


def package(wanted: Package, context: Context) -> Outcome:
    """A package is installed, and new enough."""
    extra = f"[{wanted.extra}]" if wanted.extra else ""
    install = f'pip install --upgrade "speechmatics-to-assemblyai{extra}"'
    try:
        version = importlib.metadata.version(wanted.name)
    except importlib.metadata.PackageNotFoundError:
        if wanted.extra:
            return Outcome("skipped", "not installed", f"Only needed for {wanted.purpose}: {install}")
        return Outcome("failed", "not installed", install)
    if _numbers(version) < _numbers(wanted.minimum):
        return Outcome("failed", f"{version} is older than {wanted.minimum}", install)
    return Outcome("ok", version)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


_KEY_PROBLEMS = (
    (r"(?i)bearer\b.*", "begins with Bearer", "Leave that word out: AssemblyAI wants the key alone."),
    (r".*[^!-~].*", "holds characters that no key has", "Copy the key again."),
)
_CLOUD_KEY_PROBLEMS = (
    (
        r"""["'<{$].*""",
        "begins with a character that no key has",
        "Put the key there without quotes or brackets.",
    ),
    (r".{0,19}", "is too short to be a key", "Copy the whole key from AssemblyAI's dashboard."),
    (r"(?i).*(your|api).?key.*", "is a placeholder", "Put a key from AssemblyAI's dashboard in its place."),
)
"""Only of AssemblyAI's own keys; another server may have any."""


def key(context: Context) -> Outcome:
    """There is a key, and it may be one. It is never shown."""
    value = (context.settings.api_key or "").strip()
    if not value:
        return _failure(from_failure(FailureKind.NO_KEY).reason)
    is_cloud = not context.settings.streaming_url
    if is_cloud and value == os.environ.get("SPEECHMATICS_API_KEY", "").strip():
        return Outcome(
            "failed",
            f"{API_KEY_VARIABLE} holds the key of SPEECHMATICS_API_KEY",
            "Put an AssemblyAI key into it.",
        )
    problems = _KEY_PROBLEMS + (_CLOUD_KEY_PROBLEMS if is_cloud else ())
    for pattern, problem, advice in problems:
        if re.fullmatch(pattern, value, re.DOTALL):
            return Outcome("failed", f"{API_KEY_VARIABLE} {problem}", advice)
    return Outcome("ok", "present (not shown)")


def microphone(context: Context) -> Outcome:
    """The default microphone opens, and delivers sound."""
    if not context.microphone:
        return Outcome("skipped", "left out (--no-microphone)")
    for library in ("pyaudio", "numpy", "soxr"):
        try:
            importlib.import_module(library)
        except ModuleNotFoundError:
            return Outcome(
                "skipped",
                f"{library} is not installed",
                "Only needed by programs that record from a microphone.",
            )
        except ImportError as error:
            return Outcome(
                "failed",
                f"{library} does not load ({quotable(str(error))})",
                "On Debian and Ubuntu: apt-get install portaudio19-dev, then install PyAudio again.",
            )
    from shim.microphone import MicrophoneError

    try:
        with _errors_of_libraries_hidden():
            sound = _record()
    except MicrophoneError as error:
        what, _, advice = str(error).partition("; ")
        return Outcome("failed", what, advice[:1].upper() + advice[1:])
    except queue.Empty:
        return Outcome(
            "failed",
            f"delivered less than {SOUND_SECONDS:g} s of sound in {DEVICE_SECONDS:g} s",
            "Look at the device and at the sound server.",
        )
    if not any(sound):
        return Outcome(
            "failed",
            "delivers nothing but digital silence",
            "Look whether it is muted, whether the right device is the default one (shim listen --list-devices), and "
            "whether this program may record.",
        )
    return Outcome("ok", f"the default input delivers sound, its loudest {_loudness(sound)}")


def _record() -> bytes:
    """The first sound of the default microphone.

    Raises:
        MicrophoneError: there is none.
        queue.Empty: the device takes longer than `DEVICE_SECONDS`.
    """
    from shim.microphone import Microphone

    results: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def record() -> None:
        try:
            with Microphone(sample_rate=_SAMPLE_RATE) as source:
                sound = source.read(round(SOUND_SECONDS * _SAMPLE_RATE) * 2)
            results.put(sound)
        except Exception as error:
            results.put(error)

    # In a thread of its own, because a device may hang in its driver, where nothing can stop it.
    recording = threading.Thread(target=record, daemon=True)
    recording.start()
    result = results.get(timeout=DEVICE_SECONDS)
    recording.join()
    if isinstance(result, Exception):
        raise result
    return result


def _loudness(sound: bytes) -> str:
    samples = array("h", sound)
    if sys.byteorder == "big":
        samples.byteswap()
    return f"{20 * math.log10(max(map(abs, samples)) / 2**15):.0f} dB"


@contextmanager
def _errors_of_libraries_hidden() -> Iterator[None]:
    """PortAudio's libraries write about devices that are not there, past Python; it would look like our findings."""
    sys.stderr.flush()
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def address(context: Context) -> Outcome:
    """The settings say where to connect to."""
    region = context.settings.region
    if region not in (None, *REGIONS):
        return Outcome("failed", f"{REGION_VARIABLE} is no region", f"Set it to one of {', '.join(REGIONS)}.")
    if isinstance(context.url, ErrorMapping):
        return _failure(context.url.reason)
    try:
        host, port = context.endpoint
    except ValueError:
        host, port = "", 0
    if not host or context.address.scheme not in ("ws", "wss"):
        return Outcome(
            "failed",
            f"{STREAMING_URL_VARIABLE} is no address of a WebSocket server",
            "It looks like wss://streaming.example.com or ws://127.0.0.1:8765. Without it AssemblyAI's own is used.",
        )
    why = (
        STREAMING_URL_VARIABLE if context.settings.streaming_url else f"region {region or 'eu, the default'}"
    )
    return Outcome("ok", f"{quotable(host)}, port {port} ({why})")


def _proxy(context: Context) -> str | None:
    """The host of the proxy that connections go through; what WebSocket libraries use is HTTP's, or their own."""
    from shim.upstream import is_loopback

    host, port = context.endpoint
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    schemes = ("wss", "socks", "https") if context.is_encrypted else ("ws", "socks", "https", "http")
    proxies = urllib.request.getproxies()
    found = next((proxies[scheme] for scheme in schemes if scheme in proxies), None)
    return found and (urlsplit(found).hostname or "unknown")


def _directly(check: Callable[[Context], Outcome]) -> Callable[[Context], Outcome]:
    """A check that makes no sense where a proxy connects in our place."""

    @functools.wraps(check)
    def run(context: Context) -> Outcome:
        proxy = _proxy(context)
        if proxy is not None:
            return Outcome("skipped", f"connections go through the proxy {quotable(proxy)}")
        try:
            return check(context)
        except OSError as error:
            return _network_failure(error)

    return run


@_directly
def name_lookup(context: Context) -> Outcome:
    """The host's name has an address."""
    found = socket.getaddrinfo(*context.endpoint, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return Outcome("ok", addresses[0] + more)


def _connected(context: Context) -> socket.socket:
    from shim.upstream import CONNECT_TIMEOUT

    return socket.create_connection(context.endpoint, timeout=CONNECT_TIMEOUT)


@_directly
def connection(context: Context) -> Outcome:
    """The host takes TCP connections."""
    began = time.monotonic()
    with _connected(context):
        return Outcome("ok", f"connected after {(time.monotonic() - began) * 1000:.0f} ms")


@_directly
def encryption(context: Context) -> Outcome:
    """The host's certificate is accepted."""
    if not context.is_encrypted:
        return Outcome("skipped", "the address is a ws:// one, without encryption")
    trusted = ssl.create_default_context()
    with (
        _connected(context) as raw,
        trusted.wrap_socket(raw, server_hostname=context.endpoint[0]) as encrypted,
    ):
        return Outcome("ok", f"{encrypted.version()}, certificate accepted")


def clock(context: Context) -> Outcome:
    """This machine's time is about the server's."""
    from shim.upstream import CONNECT_TIMEOUT, is_loopback

    host, port = context.endpoint
    scheme = "https" if context.is_encrypted else "http"
    where = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"
    # A clock that is wrong makes certificates look invalid, and nothing secret is asked for.
    any_certificate = ssl.create_default_context()
    any_certificate.check_hostname, any_certificate.verify_mode = False, ssl.CERT_NONE
    handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=any_certificate)]
    if is_loopback(host):
        handlers.append(urllib.request.ProxyHandler({}))
    opener = urllib.request.build_opener(*handlers)
    began = time.time()
    try:
        with opener.open(urllib.request.Request(where, method="HEAD"), timeout=CONNECT_TIMEOUT) as response:
            date = response.headers["Date"]
    except urllib.error.HTTPError as answer:
        with answer:
            date = answer.headers["Date"]
    except (OSError, http.client.HTTPException):
        date = None
    ended = time.time()
    try:
        server = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return Outcome("skipped", "the server does not tell the time")
    off = (began + ended) / 2 - server
    if abs(off) > CLOCK_SECONDS:
        direction = "ahead of" if off > 0 else "behind"
        return Outcome(
            "failed",
            f"{abs(off):.0f} s {direction} the server's",
            "Set the system's time, best by NTP: certificates and temporary tokens depend on it.",
        )
    return Outcome("ok", f"within {CLOCK_SECONDS:g} s of the server's")


def session(context: Context) -> Outcome:
    """A session begins, takes a second of silence, and ends."""
    if not context.session:
        return Outcome("skipped", "left out (--no-session)")
    return asyncio.run(_hold_session(context))


async def _hold_session(context: Context) -> Outcome:
    from shim.upstream import Upstream

    clock = context.clock
    listener = _Listener(clock)
    key = (context.settings.api_key or "").strip()
    upstream = Upstream(1, context.address.geturl(), key, listener)
    asked = clock.now()
    try:
        try:
            failure = await listener.hear(assemblyai.Begin, BEGIN_SECONDS, FailureKind.NO_BEGIN)
            begun = clock.now()
            if failure:
                return failure
            silence = bytes(round(SESSION_SECONDS * _SAMPLE_RATE) * 2)
            for frame in framing.frames([silence], encoding=_ENCODING, sample_rate=_SAMPLE_RATE, paced=False):
                upstream.send(frame)
        finally:
            # Also when we give up or are interrupted: a session that is not terminated may be billed on.
            upstream.send(assemblyai.terminate())
        failure = await listener.hear(assemblyai.Termination, TERMINATION_SECONDS, FailureKind.NO_TERMINATION)
        if failure:
            return failure
    finally:
        await upstream.aclose(1.0)
    billed = max(SESSION_SECONDS, clock.now() - begun)
    advice = "" if begun - asked < SLOW_SECONDS else "That is slow: 1.3 s is usual. Look at the network."
    return Outcome(
        "ok", f"began after {begun - asked:.1f} s and ended; about {billed:.0f} s are billed", advice
    )


class _Listener:
    """Hears a connection for `_hold_session`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: asyncio.Queue[assemblyai.ServerMessage | Outcome] = asyncio.Queue()

    def upstream_opened(self, connection: int) -> None:
        """Begin is what counts."""

    def upstream_message(self, connection: int, data: str | bytes) -> None:
        message = assemblyai.parse(data)
        if isinstance(message, assemblyai.Error):
            self._heard.put_nowait(_failure(from_assemblyai(message.code, message.text).reason))
        else:
            self._heard.put_nowait(message)

    def upstream_closed(self, connection: int, code: int, reason: str) -> None:
        self._heard.put_nowait(_failure(from_assemblyai(code, reason).reason))

    def upstream_failed(self, connection: int, kind: FailureKind, detail: str) -> None:
        self._heard.put_nowait(_failure(from_failure(kind).reason, detail))

    async def hear(self, wanted: type[object], seconds: float, missing: FailureKind) -> Outcome | None:
        """Wait for a message of this kind; returns what came between, or that it is missing."""
        deadline = self._clock.now() + seconds
        while True:
            try:
                heard = await asyncio.wait_for(
                    self._heard.get(), self._clock.real(deadline - self._clock.now())
                )
            except asyncio.TimeoutError:
                return _failure(from_failure(missing).reason)
            if isinstance(heard, Outcome):
                return heard
            if isinstance(heard, wanted):
                return None


CHECKS = (
    Check("Python", python),
    *(Check(one.name, functools.partial(package, one), needed=not one.extra) for one in PACKAGES),
    Check("key", key),
    Check("microphone", microphone, needed=False),
    Check("address", address),
    Check("DNS", name_lookup, after=("address", "websockets")),
    Check("TCP", connection, after=("DNS",)),
    Check("TLS", encryption, after=("TCP",)),
    Check("clock", clock, after=("TCP",)),
    Check("session", session, after=("key", "TLS")),
)
"""In the order in which they are made: each comes after those that it depends on."""


def _run(check: Check, context: Context) -> Outcome:
    try:
        return check.run(context)
    except Exception as error:
        # Whatever is wrong with this machine, the other checks have to be made.
        what = f"broke off with {type(error).__name__}: {quotable(str(error))}"
        return Outcome("failed", what, "No cause is known for this; please report it.")


def made(context: Context, checks: Iterable[Check] = CHECKS) -> Iterator[tuple[Check, Outcome]]:
    """Make the checks one after the other; those that make no sense after a failure are skipped."""
    causes: dict[str, str] = {}
    for check in checks:
        cause = next((causes[name] for name in check.after if name in causes), None)
        if cause:
            outcome = Outcome("skipped", f"not possible before this is right: {cause}")
        else:
            outcome = _run(check, context)
        if cause or outcome.status == "failed":
            causes[check.name] = cause or check.name
        yield check, outcome
