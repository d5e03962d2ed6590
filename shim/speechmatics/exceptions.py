"""Exceptions of the Speechmatics SDK (module ``speechmatics.exceptions``)."""

from __future__ import annotations


class TranscriptionError(Exception):
    """The service ended the session with an Error; the argument is its reason."""


class EndOfTranscriptException(Exception):
    """Kept for programs that import it; never raised here."""


class ForceEndSession(Exception):
    """Raise it in an event handler to end the session at once, without the rest of the transcript."""
