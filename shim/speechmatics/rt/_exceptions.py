"""Exceptions of speechmatics-rt. `ConnectionError` and `TimeoutError` are not the builtins of these names."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The settings of a session contradict each other."""


class AuthenticationError(Exception):
    """No temporary key could be had."""


class ConnectionError(Exception):
    """The service cannot be reached, or refuses the connection."""


class TransportError(Exception):
    """Something cannot be sent or received: there is no connection, or it broke."""


class TranscriptionError(Exception):
    """The service ended the session before it began; the argument is its reason."""


class AudioError(Exception):
    """There is no audio to transcribe."""


class SessionError(Exception):
    """The client has a session already."""


class TimeoutError(Exception):
    """Something took longer than it may."""


class EndOfTranscriptError(Exception):
    """Kept for programs that import it; never raised here."""
