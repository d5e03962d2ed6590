"""What the translator asks its owner to do, in order. The translator itself does no I/O.

No ``repr`` holds audio or what somebody said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from shim.protocol.containers import Container


@dataclass(frozen=True)
class OpenUpstream:
    """Open an AssemblyAI connection; answer with `Translator.upstream_opened` or `Translator.upstream_failed`.

    Attributes:
        connection: number of the connection, unique in the session; every later effect and event carries it.
        url: complete WebSocket address with its query string. Holds no credential: the owner adds the key as a header.
    """

    connection: int
    url: str


@dataclass(frozen=True)
class SendUpstream:
    """Send one message to AssemblyAI: ``str`` is a JSON text frame, ``bytes`` one frame of audio."""

    connection: int
    data: str | bytes = field(repr=False)


@dataclass(frozen=True)
class CloseUpstream:
    """Close an AssemblyAI connection (after Termination, or because the session is lost)."""

    connection: int


@dataclass(frozen=True)
class SendClient:
    """Send one Speechmatics message to the legacy program, as a JSON text frame."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class CloseClient:
    """Close the legacy program's connection. ``reason`` is at most 123 bytes of UTF-8."""

    code: int
    reason: str


@dataclass(frozen=True)
class Decode:
    """The next bytes of an audio file that takes a decoder.

    Answer with `Translator.decoded`, which counts these effects, and at the end with `Translator.decoding_ended`.

    Attributes:
        container: what kind of file it is; the same in all effects of a channel.
        channel: whose audio it is; None in a session of one.
    """

    container: Container
    data: bytes = field(repr=False)
    channel: str | None = None


@dataclass(frozen=True)
class EndDecoding:
    """The file is over: decode what is left, then answer with `Translator.decoding_ended`."""

    channel: str | None = None


@dataclass(frozen=True)
class Log:
    """Tell the operator. Never holds a key, a token, audio or what somebody said.

    Attributes:
        level: a number of the ``logging`` module.
        text: one line: what happened and what to do about it.
    """

    level: int
    text: str


Effect = OpenUpstream | SendUpstream | CloseUpstream | SendClient | CloseClient | Decode | EndDecoding | Log
