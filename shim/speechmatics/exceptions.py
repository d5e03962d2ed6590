"""Exceptions of the Speechmatics SDK (module ``speechmatics.exceptions``)."""

from __future__ import annotations

__all__ = ["EndOfTranscriptException", "ForceEndSession", "JobNotFoundException", "TranscriptionError"]


class TranscriptionError(Exception):
    """The service ended the session with an Error; the argument is its reason."""


class EndOfTranscriptException(Exception):
    """Kept for programs that import it; never raised here."""


class ForceEndSession(Exception):
    """Raise it in an event handler or a middleware to end the session at once, without the rest of the transcript."""


class JobNotFoundException(Exception):
    """Kept for programs that import it: of recorded files, which are not transcribed here."""
