"""What a Speechmatics program is told when AssemblyAI, or the way to it, fails.

Sources: AssemblyAI docs, common errors; texts and codes observed live 2026-09; Speechmatics API reference, error types
and close codes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

SPEECHMATICS_CLOSE_CODES: dict[str, int] = {
    "invalid_message": 1003,
    "invalid_config": 1003,
    "invalid_audio_type": 1003,
    "invalid_output_format": 1003,
    "invalid_language": 1003,
    "protocol_error": 1003,
    "idle_timeout": 1008,
    "session_timeout": 1008,
    "unknown_error": 1011,
    "not_authorised": 4001,
    "not_allowed": 4003,
    "invalid_model": 4004,
    "quota_exceeded": 4005,
    "timelimit_exceeded": 4006,
    "job_error": 4013,
}
"""Close code after an Error, by its type. Speechmatics documents none for the first five; they share 1003."""

SPEECHMATICS_CLOSE_REASONS: dict[int, str] = {
    1003: "protocol_error",
    1008: "policy_violation",
    1011: "internal_error",
    4001: "not_authorised",
    4003: "not_allowed",
    4004: "invalid_model",
    4005: "quota_exceeded",
    4006: "timelimit_exceeded",
    4013: "job_error",
}
"""Text of the close frame, by close code."""


@dataclass(frozen=True)
class ErrorMapping:
    """The Speechmatics Error that stands for a failure.

    Attributes:
        type: the Error's ``type``.
        reason: the Error's ``reason``: what happened and what to do. Holds no key.
        close_code: close code of the client's connection afterwards.
        retry: whether opening another AssemblyAI connection can help.
        slower: audio has to leave at the pace at which it was spoken on the next one, even if it is late.
    """

    type: str
    reason: str
    close_code: int
    retry: bool
    slower: bool = False


class FailureKind(Enum):
    """How the connection to AssemblyAI can fail without a word from AssemblyAI."""

    NO_KEY = "no_key"
    DNS = "dns"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    NO_BEGIN = "no_begin"
    HTTP_UNAUTHORISED = "http_unauthorised"
    HTTP_TOO_MANY = "http_too_many"
    HTTP_SERVER = "http_server"
    HTTP_OTHER = "http_other"
    CLOSED = "closed"
    NO_TERMINATION = "no_termination"
    STALLED = "stalled"
    MALFORMED = "malformed"
    OVERFLOW = "overflow"


@dataclass(frozen=True)
class ErrorRule:
    """One row of the table of AssemblyAI's errors.

    Attributes:
        code: ``error_code``, or the close code of a connection that closed without an Error.
        pattern: what the text must contain, as a case-insensitive regular expression; empty for any text.
        type: Speechmatics Error type.
        sentence: what happened and what to do.
        retry: whether another AssemblyAI connection can help.
        slower: on which audio leaves more slowly.
    """

    code: int
    pattern: str
    type: str
    sentence: str
    retry: bool
    slower: bool = False


_NOT_OUR_KEY = "Put a valid AssemblyAI key into ASSEMBLYAI_API_KEY; a Speechmatics key does not work there."
_DEFECT = "This is a defect of the translation, not of your program; please report it."
_AGAIN = "Start a new session."

ERRORS: tuple[ErrorRule, ...] = (
    ErrorRule(1000, "", "job_error", f"AssemblyAI ended the session early. {_AGAIN}", True),
    ErrorRule(1001, "", "job_error", f"AssemblyAI's server went away. {_AGAIN}", True),
    ErrorRule(1005, "", "job_error", f"The connection to AssemblyAI closed without a reason. {_AGAIN}", True),
    ErrorRule(1006, "", "job_error", f"The network connection to AssemblyAI was lost. {_AGAIN}", True),
    ErrorRule(
        1008,
        "too many concurrent|concurren|rate limit",
        "quota_exceeded",
        "AssemblyAI takes no more new sessions of this account for now. Wait some seconds, or raise the account's limit.",
        True,
    ),
    ErrorRule(
        1008,
        "balance|funds|billing|payment|credit",
        "timelimit_exceeded",
        "The AssemblyAI account has no balance left. Top it up.",
        False,
    ),
    ErrorRule(
        1008,
        "disabled|suspended|not allowed|forbidden|permission",
        "not_allowed",
        "The AssemblyAI account may not do this. Look at the account's state.",
        False,
    ),
    ErrorRule(
        1008,
        "signature has expired|token",
        "not_authorised",
        "The temporary AssemblyAI token has expired or is not valid. Get a new one.",
        False,
    ),
    ErrorRule(1008, "", "not_authorised", f"AssemblyAI does not accept the key. {_NOT_OUR_KEY}", False),
    ErrorRule(1009, "", "job_error", f"A message to AssemblyAI was larger than 128 KB. {_DEFECT}", False),
    ErrorRule(1011, "", "job_error", f"AssemblyAI could not set the session up. {_AGAIN}", True),
    ErrorRule(1012, "", "job_error", f"AssemblyAI's server restarts. {_AGAIN}", True),
    ErrorRule(1013, "", "job_error", f"AssemblyAI's server is busy. {_AGAIN}", True),
    ErrorRule(3005, "", "job_error", f"AssemblyAI cancelled the session. {_AGAIN}", True),
    ErrorRule(
        3006,
        "inactivity",
        "idle_timeout",
        "AssemblyAI closed the session because no audio came. Send audio, silence included, or start a new session.",
        False,
    ),
    ErrorRule(
        3006,
        "invalid '?speech_model",
        "invalid_model",
        "AssemblyAI does not know the speech model. Choose another with ASSEMBLYAI_SPEECH_MODEL.",
        False,
    ),
    ErrorRule(
        3006,
        "invalid '?language_code",
        "invalid_language",
        "AssemblyAI does not take the language.",
        False,
    ),
    ErrorRule(
        3006,
        "invalid json:|invalid message",
        "unknown_error",
        f"AssemblyAI did not understand a message. {_DEFECT}",
        False,
    ),
    ErrorRule(
        3006,
        "sample_rate|encoding|decode|opus",
        "invalid_audio_type",
        "AssemblyAI does not take the audio format. Compare audio_format with the audio that is sent.",
        False,
    ),
    ErrorRule(3006, "", "invalid_config", "AssemblyAI does not take a setting of this session.", False),
    ErrorRule(
        3007,
        "rate exceeded",
        "job_error",
        "AssemblyAI got audio faster than real time for too long. Send it at the pace at which it was spoken.",
        True,
        slower=True,
    ),
    ErrorRule(
        3007,
        "",
        "job_error",
        f"AssemblyAI got a piece of audio outside 50 to 1000 ms. {_DEFECT}",
        False,
    ),
    ErrorRule(
        3008,
        "",
        "session_timeout",
        f"The AssemblyAI session reached its longest duration (three hours, or less with a temporary token). {_AGAIN}",
        True,
    ),
    ErrorRule(
        3009,
        "",
        "quota_exceeded",
        "Too many AssemblyAI sessions are open. Close some, or raise the account's limit.",
        True,
    ),
)
"""What AssemblyAI says, most specific row of a code first; the first row that fits counts."""

_OTHER = ErrorRule(0, "", "unknown_error", "AssemblyAI ended the session with an error unknown here.", False)


@dataclass(frozen=True)
class FailureRule:
    """One row of the table of failures on the way; fields as in `ErrorRule`."""

    type: str
    sentence: str
    retry: bool


FAILURES: dict[FailureKind, FailureRule] = {
    FailureKind.NO_KEY: FailureRule(
        "not_authorised",
        "There is no AssemblyAI key. Set the environment variable ASSEMBLYAI_API_KEY.",
        False,
    ),
    FailureKind.DNS: FailureRule(
        "job_error",
        "AssemblyAI's host name cannot be resolved. Look at DNS and at ASSEMBLYAI_STREAMING_URL.",
        True,
    ),
    FailureKind.REFUSED: FailureRule(
        "job_error",
        "AssemblyAI's host refused the connection. Look at the firewall and at ASSEMBLYAI_STREAMING_URL.",
        True,
    ),
    FailureKind.UNREACHABLE: FailureRule(
        "job_error",
        "AssemblyAI's host cannot be reached. Look at the network and its firewall or proxy.",
        True,
    ),
    FailureKind.TLS: FailureRule(
        "job_error",
        "The TLS certificate of AssemblyAI's host was not accepted. Look at the trust store, the clock and any proxy "
        "that inspects TLS.",
        False,
    ),
    FailureKind.TIMEOUT: FailureRule(
        "job_error",
        "AssemblyAI's host did not answer in time. Look at the network and its firewall or proxy.",
        True,
    ),
    FailureKind.NO_BEGIN: FailureRule(
        "job_error", f"AssemblyAI accepted the connection but did not begin a session. {_AGAIN}", True
    ),
    FailureKind.HTTP_UNAUTHORISED: FailureRule(
        "not_authorised", f"The server in front of AssemblyAI refused the key. {_NOT_OUR_KEY}", False
    ),
    FailureKind.HTTP_TOO_MANY: FailureRule(
        "quota_exceeded", "AssemblyAI takes no more connections for now (HTTP 429). Wait some seconds.", True
    ),
    FailureKind.HTTP_SERVER: FailureRule(
        "job_error", f"AssemblyAI's server answered with a server error instead of a session. {_AGAIN}", True
    ),
    FailureKind.HTTP_OTHER: FailureRule(
        "job_error",
        "The server did not open a WebSocket. Look at ASSEMBLYAI_STREAMING_URL and any proxy in between.",
        False,
    ),
    FailureKind.CLOSED: FailureRule(
        "job_error", f"The connection to AssemblyAI closed without an error or an end. {_AGAIN}", True
    ),
    FailureKind.NO_TERMINATION: FailureRule(
        "job_error",
        "AssemblyAI did not confirm the end of the session in time. The last words may be missing.",
        False,
    ),
    FailureKind.STALLED: FailureRule("job_error", f"AssemblyAI stopped answering. {_AGAIN}", True),
    FailureKind.MALFORMED: FailureRule(
        "job_error",
        "What answered in AssemblyAI's place does not speak its protocol. Look at ASSEMBLYAI_STREAMING_URL.",
        False,
    ),
    FailureKind.OVERFLOW: FailureRule(
        "job_error",
        "More audio waits to be sent to AssemblyAI than can be kept. Send it at the pace at which it is spoken, or look "
        "at the network.",
        False,
    ),
}
"""What can fail on the way to AssemblyAI."""

_LONGEST_QUOTE = 200
# A key is 32 hexadecimal digits, a token longer; names of models and settings are shorter or have no digit.
_SECRET_LIKE = re.compile(r"[A-Za-z0-9_\-+=]{28,}")
_DIGIT = re.compile(r"[0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def error(type: str, reason: str, retry: bool = False) -> ErrorMapping:
    """An Error of a documented type with the close code that belongs to it."""
    return ErrorMapping(type, reason, SPEECHMATICS_CLOSE_CODES[type], retry)


def from_assemblyai(code: int, text: str) -> ErrorMapping:
    """The Speechmatics Error for an AssemblyAI Error, or for a close without one.

    Args:
        code: ``error_code`` of the Error, or the close code.
        text: its ``error``, or the close reason. Quoted in the reason, shortened and with anything like a key masked.
    """
    rule = next(
        (rule for rule in ERRORS if rule.code == code and re.search(rule.pattern, text, re.IGNORECASE)),
        _OTHER,
    )
    said = (
        f" AssemblyAI said: {quotable(text)!r} ({code})."
        if text.strip()
        else f" AssemblyAI's code was {code}."
    )
    return replace(error(rule.type, rule.sentence + said, rule.retry), slower=rule.slower)


def from_failure(kind: FailureKind) -> ErrorMapping:
    """The Speechmatics Error for a failure on the way to AssemblyAI."""
    rule = FAILURES[kind]
    return error(rule.type, rule.sentence, rule.retry)


def failure_of_status(status: int) -> FailureKind:
    """The kind of failure that an HTTP status other than 101 is, in answer to the WebSocket handshake."""
    if status in (401, 403):
        return FailureKind.HTTP_UNAUTHORISED
    if status == 429:
        return FailureKind.HTTP_TOO_MANY
    return FailureKind.HTTP_SERVER if status >= 500 else FailureKind.HTTP_OTHER


def quotable(text: str) -> str:
    """One line of somebody else's text, at most 200 characters, with whatever may be a key or token masked."""
    line = _SECRET_LIKE.sub(_masked, _CONTROL.sub(" ", text)).strip()
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 3] + "..."


def _masked(match: re.Match[str]) -> str:
    # Not part of the pattern: looking ahead for a digit from every letter takes minutes for half a megabyte of them.
    return "***" if _DIGIT.search(match[0]) else match[0]
