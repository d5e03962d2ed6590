"""What a program's configuration asks of the translation itself rather than of AssemblyAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shim.protocol.mapping.messages import is_number


class Wants:
    """What of ``transcription_config`` the translation itself follows; it may change in the middle of a session.

    Attributes:
        partials: ``enable_partials``, or the name that speechmatics-python has for it.
        silence: seconds of silence after which EndOfUtterance is wanted; None when it is not.
        max_delay: seconds that a word may wait to become final, when the program said so.
        fixed: ``max_delay_mode`` is ``fixed``: `max_delay` counts even in the middle of a sentence.
        speakers_result: a SpeakersResult is wanted at the end.
    """

    def __init__(self) -> None:
        self.partials = False
        self.silence: float | None = None
        self.max_delay: float | None = None
        self.fixed = False
        self.speakers_result = False

    def read(self, config: Mapping[str, Any]) -> None:
        """Take over the keys that ``config`` has; the others stay as they are."""
        for key in ("enable_partials", "enable_transcription_partials"):
            if key in config:
                self.partials = config[key] is True
        if "max_delay" in config:
            self.max_delay = _positive(config["max_delay"])
        if "max_delay_mode" in config:
            self.fixed = config["max_delay_mode"] == "fixed"
        diarization = config.get("speaker_diarization_config")
        if isinstance(diarization, Mapping) and diarization.get("get_speakers") is True:
            self.speakers_result = True
        conversation = config.get("conversation_config")
        if isinstance(conversation, Mapping) and "end_of_utterance_silence_trigger" in conversation:
            self.silence = _positive(conversation["end_of_utterance_silence_trigger"])


def _positive(value: object) -> float | None:
    return float(value) if is_number(value) and value > 0 else None
