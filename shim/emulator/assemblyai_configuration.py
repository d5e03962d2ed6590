"""What an AssemblyAI session may be told, in the query of its address and by UpdateConfiguration, and how it is judged.

The rules and texts are those of AssemblyAI's docs (streaming API reference, common errors) and of its validator as
observed live in 2026-09. Where only a limit is known and not the text, the text has the same form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["universal-streaming", "universal-3", "whisper"]

MODELS: dict[str, Family] = {
    "universal-streaming-english": "universal-streaming",
    "universal-streaming-multilingual": "universal-streaming",
    "whisper-rt": "whisper",
    "u3-rt-pro": "universal-3",
    "u3-rt-pro-beta-1": "universal-3",
    "universal-3-5-pro": "universal-3",
    "universal-3-6-pro": "universal-3",
    "universal-3-6": "universal-3",
    "universal-3-7-preview": "universal-3",
    "u3-rt-agent": "universal-3",
    "_universal-3-5-notetaker": "universal-3",
}
"""Every value of ``speech_model`` that the server knows, in its own order."""

UNSERVED_MODELS = frozenset({"universal-3-7-preview", "u3-rt-agent"})
"""They begin and fail with 3005 some seconds later (observed live 2026-09)."""

DEFAULT_MODEL = "universal-3-6-pro"
"""Since 2026-09; clients should not rely on it, for it changed several times in that year."""

LANGUAGE_CODES = tuple(
    re.findall(
        r"\w+",
        "en es de fr pt it nl tr sv no da fi hi vi ar he ja zh ur ru ko ca gl ro et fa yue af mr zu xh nn multi",
    )
)
API_VERSION = "2025-05-12"
LONGEST_TEXT = 1750
MOST_KEYTERMS = 100
MOST_LANGUAGE_CODES = 10
SAMPLE_WIDTHS = {"pcm_s16le": 2, "pcm_mulaw": 1}
"""Bytes of a sample, for the encodings whose length can be told."""
ENCODINGS = (*SAMPLE_WIDTHS, "opus", "ogg_opus", "aac")


class Invalid(Exception):
    """A value is not allowed; ``str()`` is the text that goes out behind ``User Input Validation Error: ``."""


def invalid_value(name: str, problem: str) -> Invalid:
    """A value is not allowed, in the words of the validator."""
    return Invalid(f"Invalid '{name}': {problem}")


def one_of(values: tuple[str, ...]) -> str:
    """The sentence that lists every allowed value."""
    *others, final = [f"'{value}'" for value in values]
    return f"Input should be {', '.join(others)} or {final}" if others else f"Input should be {final}"


Check = Callable[[str, Any], Any]
"""Judges a value by the name of its parameter, and returns it in its own type."""


def integer(low: int | None = None, high: int | None = None) -> Check:
    """A whole number within limits."""
    return _number(int, "Input should be a valid integer, unable to parse string as an integer", low, high)


def number(low: float | None = None, high: float | None = None) -> Check:
    """A number within limits."""
    return _number(float, "Input should be a valid number, unable to parse string as a number", low, high)


def _number(kind: type[int] | type[float], problem: str, low: float | None, high: float | None) -> Check:
    def check(name: str, value: Any) -> int | float:
        if isinstance(value, bool):
            raise invalid_value(name, problem)
        if kind is int and isinstance(value, float) and not value.is_integer():
            raise invalid_value(name, "Input should be a valid integer, got a number with a fractional part")
        try:
            result = kind(value)
        except (TypeError, ValueError):
            raise invalid_value(name, problem) from None
        if low is not None and not result >= low:
            raise invalid_value(name, f"Input should be greater than or equal to {low}")
        if high is not None and not result <= high:
            raise invalid_value(name, f"Input should be less than or equal to {high}")
        return result

    return check


def boolean(name: str, value: Any) -> bool:
    """``true`` or ``false`` in any case, as both SDKs write them."""
    text = str(value).lower()
    if text not in ("true", "false"):
        raise invalid_value(name, "Input should be a valid boolean, unable to interpret input")
    return text == "true"


def choice(*values: str) -> Check:
    """One of some words."""

    def check(name: str, value: Any) -> str:
        if value not in values:
            raise invalid_value(name, one_of(values))
        return str(value)

    return check


def text(longest: int | None = None) -> Check:
    """Any text, up to a length."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid_value(name, "Input should be a valid string")
        if longest is not None and len(value) > longest:
            raise invalid_value(
                name,
                f"Value error, {name} exceeds maximum length of {longest} characters (got {len(value)})",
            )
        return value

    return check


def sample_rate(name: str, value: Any) -> int:
    """Hertz, with the validator's own words for its limits."""
    rate = int(integer()(name, value))
    if rate < 8000:
        raise invalid_value(name, "Value error, sample_rate must be at least 8,000 Hz")
    if rate > 96000:
        raise invalid_value(name, "Value error, sample_rate must be at most 96,000 Hz")
    return rate


def encoding(name: str, value: Any) -> str:
    """One of `ENCODINGS`, with the validator's own words for anything else."""
    if value not in ENCODINGS:
        raise Invalid(f"{value!r} is not a valid Encoding")
    return str(value)


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid(f"Invalid {name}: Invalid JSON array")
    return value


def keyterms(name: str, value: Any) -> list[str]:
    """At most 100; those of more than 50 characters are dropped in silence, as the service does."""
    terms = _strings(name, value)
    if len(terms) > MOST_KEYTERMS:
        raise invalid_value(name, f"Value error, Max {MOST_KEYTERMS} items")
    return [term for term in terms if len(term) <= 50]


def language_codes(name: str, value: Any) -> list[str]:
    """At most ten codes; ``multi`` stands alone."""
    codes = _strings(name, value)
    if len(codes) > MOST_LANGUAGE_CODES:
        raise invalid_value(name, f"Value error, Max {MOST_LANGUAGE_CODES} items")
    for index, code in enumerate(codes):
        if code not in LANGUAGE_CODES:
            raise invalid_value(f"{name}.{index}", one_of(LANGUAGE_CODES))
    if "multi" in codes and len(codes) > 1:
        raise invalid_value(name, "Value error, 'multi' must be the only item")
    return codes


def json_object(name: str, value: Any) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise Invalid(f"Invalid {name}: Invalid JSON object")
    return value


Decode = Callable[[str, tuple[str, ...]], Any]
"""Turns the values of a query parameter into what a `Check` judges."""


def last(name: str, values: tuple[str, ...]) -> Any:
    """A plain value."""
    return values[-1]


def json_value(name: str, values: tuple[str, ...]) -> Any:
    """One JSON text. A repeated parameter or a bare word is none."""
    try:
        return json.loads(values[0]) if len(values) == 1 else None
    except (ValueError, RecursionError):
        return None


def list_or_bare(name: str, values: tuple[str, ...]) -> Any:
    """A JSON array, a repeated parameter or one bare word."""
    if len(values) == 1 and values[0].startswith("["):
        return json_value(name, values)
    return list(values)


@dataclass(frozen=True)
class Parameter:
    """How a parameter is read and judged.

    Attributes:
        check: for its value.
        decode: for its text in a query.
        updatable: UpdateConfiguration may change it.
    """

    check: Check
    decode: Decode = last
    updatable: bool = False


PARAMETERS: dict[str, Parameter] = {
    "speech_model": Parameter(choice(*MODELS)),
    "sample_rate": Parameter(sample_rate),
    "encoding": Parameter(encoding),
    "inactivity_timeout": Parameter(integer(5, 3600)),
    "session_heartbeat": Parameter(boolean, updatable=True),
    "acknowledge_silence": Parameter(boolean, updatable=True),
    "webhook_url": Parameter(text()),
    "webhook_auth_header_name": Parameter(text()),
    "webhook_auth_header_value": Parameter(text()),
    "llm_gateway": Parameter(json_object, json_value),
    "customer_support_audio_capture": Parameter(boolean),
    "format_turns": Parameter(boolean, updatable=True),
    "end_of_turn_confidence_threshold": Parameter(number(0, 1), updatable=True),
    "min_turn_silence": Parameter(integer(0), updatable=True),
    "max_turn_silence": Parameter(integer(0), updatable=True),
    "vad_threshold": Parameter(number(0, 1), updatable=True),
    "mode": Parameter(choice("min_latency", "balanced", "max_accuracy")),
    "interruption_delay": Parameter(integer(0, 1000), updatable=True),
    "continuous_partials": Parameter(boolean, updatable=True),
    "include_partial_turns": Parameter(boolean),
    "turn_left_pad_ms": Parameter(integer(0), updatable=True),
    "max_turn_duration": Parameter(number(0)),
    "keyterms_prompt": Parameter(keyterms, json_value, updatable=True),
    "prompt": Parameter(text(LONGEST_TEXT), updatable=True),
    "agent_context": Parameter(text(LONGEST_TEXT), updatable=True),
    "previous_context_n_turns": Parameter(integer(0, 100)),
    "language_codes": Parameter(language_codes, list_or_bare, updatable=True),
    "language_code": Parameter(choice(*LANGUAGE_CODES)),
    "language": Parameter(text()),
    "language_detection": Parameter(boolean),
    "domain": Parameter(choice("medical-v1")),
    "speaker_labels": Parameter(boolean),
    "max_speakers": Parameter(integer(1, 10)),
    "speaker_labels_revision_interval_ms": Parameter(integer(0, 86_400_000)),
    "voice_focus": Parameter(choice("near-field", "far-field")),
    "voice_focus_threshold": Parameter(number(0, 1)),
    "filter_profanity": Parameter(boolean, updatable=True),
    "redact_pii": Parameter(boolean),
    "redact_pii_policies": Parameter(_strings, json_value),
    "redact_pii_sub": Parameter(choice("hash", "entity_name")),
}
"""What the service knows. Any other name is ignored, as it ignores it."""

ALIASES = {
    "min_end_of_turn_silence_when_confident": "min_turn_silence",
    "noise_suppression_model": "voice_focus",
    "noise_suppression_threshold": "voice_focus_threshold",
    "_customer_support_audio_capture": "customer_support_audio_capture",
}


@dataclass(frozen=True)
class Timing:
    """When a turn is over, and when its partials come. Milliseconds."""

    min_turn_silence: int
    max_turn_silence: int
    interruption_delay: int = 0


STREAMING_TIMING = Timing(400, 1280)
LEGACY_TIMING = Timing(100, 1000, 500)
MODE_TIMING = {
    "min_latency": Timing(128, 640, 0),
    "balanced": Timing(128, 1280, 500),
    "max_accuracy": Timing(512, 2560, 500),
}
LABELLED_TIMING = Timing(640, 768, 500)


class Configuration:
    """What one session was told, with the service's defaults for the rest."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    @classmethod
    def from_query(cls, query: Mapping[str, tuple[str, ...]]) -> Configuration:
        """Read and judge the query of an address.

        Raises:
            Invalid: a value is not allowed.
        """
        values: dict[str, Any] = {}
        for given, texts in query.items():
            name = ALIASES.get(given, given)
            if parameter := PARAMETERS.get(name):
                values[name] = parameter.check(name, parameter.decode(name, texts))
        configuration = cls(values)
        configuration._judge_prompt(values)
        if "voice_focus_threshold" in values and "voice_focus" not in values:
            raise invalid_value("voice_focus_threshold", "Value error, voice_focus is required")
        return configuration

    def update(self, message: Mapping[str, Any]) -> None:
        """Take an UpdateConfiguration. What cannot be updated is ignored.

        Raises:
            Invalid: a value is not allowed.
        """
        changes = {}
        for given, value in message.items():
            name = ALIASES.get(given, given)
            if (parameter := PARAMETERS.get(name)) and parameter.updatable:
                changes[name] = parameter.check(name, value)
        self._judge_prompt(changes)
        self._values.update(changes)

    def _judge_prompt(self, values: Mapping[str, Any]) -> None:
        if "prompt" in values and self.family != "universal-3":
            raise Invalid(
                "prompt is only supported with the 'u3-rt-pro' speech_model. "
                f"Current speech_model: {self.model}"
            )

    def get(self, name: str, default: Any = None) -> Any:
        """A value that was given, or ``default``."""
        return self._values.get(name, default)

    def on(self, name: str) -> bool:
        """Whether a switch is on that is off by default."""
        return bool(self._values.get(name))

    @property
    def model(self) -> str:
        """The speech model."""
        return str(self.get("speech_model", DEFAULT_MODEL))

    @property
    def family(self) -> Family:
        """Decides how Turns look."""
        return MODELS[self.model]

    @property
    def encoding(self) -> str:
        """One of `ENCODINGS`."""
        return str(self.get("encoding", "pcm_s16le"))

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.get("sample_rate", 16000))

    @property
    def bytes_per_second(self) -> int:
        """Of the audio; 0 where the encoding does not tell."""
        return SAMPLE_WIDTHS.get(self.encoding, 0) * self.sample_rate

    @property
    def mode(self) -> str | None:
        """The preset in force; None where the family has none."""
        return str(self.get("mode", "balanced")) if self.family == "universal-3" else None

    @property
    def labels(self) -> bool:
        """Whether speakers are labelled."""
        return self.on("speaker_labels") and self.family != "whisper"

    @property
    def timing(self) -> Timing:
        """When a turn is over: the model's preset, and what was given instead."""
        preset = STREAMING_TIMING
        if self.mode is not None:
            preset = LEGACY_TIMING if self.model.startswith("u3-rt") else MODE_TIMING[self.mode]
            preset = LABELLED_TIMING if self.labels else preset
        if self.family == "whisper":
            return preset
        shortest = int(self.get("min_turn_silence", preset.min_turn_silence))
        if self.family == "universal-3":
            shortest = min(max(shortest, 50), 10000)
        return Timing(
            shortest,
            int(self.get("max_turn_silence", preset.max_turn_silence)),
            int(self.get("interruption_delay", preset.interruption_delay)),
        )

    @property
    def longest_turn(self) -> float:
        """Seconds after which a turn is cut."""
        if self.family != "universal-3":
            return float("inf")
        return float(self.get("max_turn_duration", 10.0 if self.labels else 60.0))

    @property
    def partials(self) -> bool:
        """Whether partial Turns come."""
        return bool(self.get("include_partial_turns", True)) and not self.on("redact_pii")

    @property
    def formats(self) -> bool:
        """Whether ``format_turns`` is on and means something."""
        return self.on("format_turns") and self.family != "universal-3"

    @property
    def echo(self) -> dict[str, Any]:
        """The eight keys of ``Begin.configuration``."""
        return {
            "model": self.model,
            "mode": self.mode,
            "api_version": API_VERSION,
            "speaker_labels": self.on("speaker_labels"),
            "redact_pii": self.on("redact_pii"),
            "filter_profanity": self.on("filter_profanity"),
            "domain": self.get("domain"),
            "voice_focus": self.get("voice_focus"),
        }
