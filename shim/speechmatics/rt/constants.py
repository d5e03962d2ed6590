"""Constants of speechmatics-rt (module ``speechmatics.rt.constants``)."""

CHUNK_SIZE = 4096
"""Bytes that are read from a source at a time unless an `AudioFormat` says otherwise."""

REQUEST_ID_HEADER = "X-Request-Id"
"""Header of the handshake with the number that a client gives its session."""
