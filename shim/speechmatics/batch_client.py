"""The SDK's client for recorded files (module ``speechmatics.batch_client``): can be imported, cannot be made.

A program that has live audio and recorded files in one module is imported as before; what it does with recorded files
fails where it begins, with a sentence that says what to do.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["BatchClient"]

ADVICE = (
    "shim.speechmatics has no batch client: AssemblyAI Streaming transcribes live audio only. For recorded files keep "
    "the package speechmatics-python, with `from speechmatics.batch_client import BatchClient` and its models from "
    "`speechmatics.models`, or move them to AssemblyAI's SDK: `assemblyai.Transcriber().transcribe(path)`."
)


class BatchClient:
    """Stands for the SDK's client for recorded files.

    Raises:
        NotImplementedError: always; the text says what to do instead.
    """

    def __init__(self, connection_settings_or_auth_token: Any = None, from_cli: bool = False) -> None:
        refuse()


def refuse() -> NoReturn:
    """Say that recorded files are not transcribed here.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(ADVICE)
