"""Reads StartRecognition and SetRecognitionConfig as Speechmatics does: what a session recognises, or why it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shim.protocol.mapping.languages import LANGUAGES

Check = Callable[[Any], bool]

MODELS = ("standard", "enhanced", "melia-1")
ENCODINGS = {"pcm_f32le": 4, "pcm_s16le": 2, "mulaw": 1}
"""Bytes of a sample, by the value of ``audio_format.encoding``."""
MAX_TARGET_LANGUAGES = 5
MAX_VOCABULARY = 1000
MAX_VOCABULARY_WORDS = 6
DEFAULT_MAX_DELAY = 4.0


class Refused(Exception):
    """The session cannot go on; ``type`` and ``reason`` are those of the Error to send."""

    def __init__(self, type: str, reason: str) -> None:
        super().__init__(f"{type}: {reason}")
        self.type = type
        self.reason = reason


@dataclass(frozen=True)
class AudioFormat:
    """How the audio comes.

    Attributes:
        encoding: a key of `ENCODINGS`; None where the audio is a file that says so itself.
        sample_rate: in Hz; 0 for a file.
    """

    encoding: str | None = None
    sample_rate: int = 0

    @property
    def bytes_per_second(self) -> int:
        """0 for a file."""
        return 0 if self.encoding is None else ENCODINGS[self.encoding] * self.sample_rate


@dataclass(frozen=True)
class RecognitionConfig:
    """What a session recognises and how it reports it.

    Attributes:
        settings: the ``transcription_config`` in force, as the client wrote it.
        audio: how the audio comes.
        target_languages: of the translation; None where none was asked for.
    """

    settings: Mapping[str, Any]
    audio: AudioFormat
    target_languages: tuple[str, ...] | None = None

    @property
    def language(self) -> str:
        """Language or language pack."""
        return str(self.settings["language"])

    @property
    def delimiter(self) -> str:
        """What stands between two words."""
        return LANGUAGES[self.language].word_delimiter

    @property
    def partials(self) -> bool:
        """Whether AddPartialTranscript is sent."""
        return bool(self.settings.get("enable_partials", False))

    @property
    def max_delay(self) -> float:
        """Seconds from the end of a word to its final."""
        return float(self.settings.get("max_delay", DEFAULT_MAX_DELAY))

    @property
    def silence_trigger(self) -> float:
        """Seconds of silence that end an utterance; 0 where EndOfUtterance is off."""
        conversation = self.settings.get("conversation_config", {})
        return float(conversation.get("end_of_utterance_silence_trigger", 0))

    @property
    def speakers(self) -> bool:
        """Whether words have a speaker."""
        return self.settings.get("diarization") in ("speaker", "channel_and_speaker")

    @property
    def final_speakers(self) -> bool:
        """Whether SpeakersResult comes at the end without being asked for again."""
        return bool(self.settings.get("speaker_diarization_config", {}).get("get_speakers", False))

    @property
    def channels(self) -> tuple[str, ...]:
        """Labels of the channels; empty for a session of one channel."""
        if self.settings.get("diarization") not in ("channel", "channel_and_speaker"):
            return ()
        return tuple(self.settings["channel_diarization_labels"])

    @property
    def permitted_marks(self) -> frozenset[str] | None:
        """The only punctuation that may come; None for any."""
        marks = self.settings.get("punctuation_overrides", {}).get("permitted_marks")
        return None if marks is None or "all" in marks else frozenset(marks)

    @property
    def dropped_vocabulary(self) -> list[str]:
        """Entries of the custom dictionary that are too long to be used."""
        entries = self.settings.get("additional_vocab", ())
        contents = (entry if isinstance(entry, str) else entry["content"] for entry in entries)
        return [content for content in contents if len(content.split()) > MAX_VOCABULARY_WORDS]


def read_start(message: Mapping[str, Any], path_language: str | None) -> RecognitionConfig:
    """What StartRecognition asks for.

    Args:
        message: the whole message.
        path_language: the language in the path of the connection, if there is one.

    Raises:
        Refused: Speechmatics would not start this session.
    """
    settings = message.get("transcription_config")
    if not isinstance(settings, dict):
        raise Refused("invalid_config", "transcription_config is missing or not an object")
    _check(settings, _TRANSCRIPTION, "transcription_config")
    language = settings.get("language")
    if language is None:
        raise Refused("invalid_config", "transcription_config.language is missing")
    if language not in LANGUAGES:
        raise Refused("invalid_language", f"language {language!r} is not supported")
    if path_language not in (None, language):
        raise Refused(
            "invalid_config", f"language {language!r} does not match {path_language!r} in the endpoint"
        )
    if {"model", "operating_point"} <= settings.keys():
        raise Refused("invalid_config", "model and operating_point cannot be given together")
    model = settings.get("model", settings.get("operating_point", MODELS[0]))
    if model not in MODELS:
        raise Refused("invalid_model", f"model {model!r} is not available")
    labels = settings.get("channel_diarization_labels")
    if settings.get("diarization") in ("channel", "channel_and_speaker") and not labels:
        raise Refused("invalid_config", "channel_diarization_labels is missing")
    return RecognitionConfig(settings, _read_audio_format(message), _read_targets(message))


def read_change(message: Mapping[str, Any], config: RecognitionConfig) -> RecognitionConfig:
    """The configuration after SetRecognitionConfig.

    The legacy SDK repeats its whole configuration, so keys that cannot change may come with the value they have.

    Raises:
        Refused: the message changes what cannot change.
    """
    changes = message.get("transcription_config")
    if not isinstance(changes, dict):
        raise Refused("invalid_message", "transcription_config is missing or not an object")
    _check(changes, _TRANSCRIPTION, "transcription_config")
    for key, value in changes.items():
        if key not in _CHANGEABLE and value != config.settings.get(key):
            raise Refused("invalid_config", f"transcription_config.{key} cannot be changed in a session")
    return replace(config, settings={**config.settings, **changes})


def _read_audio_format(message: Mapping[str, Any]) -> AudioFormat:
    audio_format = message.get("audio_format", {"type": "file"})
    kind = audio_format.get("type") if isinstance(audio_format, dict) else None
    if kind == "file":
        return AudioFormat()
    if kind != "raw":
        raise Refused("invalid_audio_type", "audio_format.type is raw or file")
    encoding, sample_rate = audio_format.get("encoding"), audio_format.get("sample_rate")
    if not isinstance(encoding, str) or encoding not in ENCODINGS:
        raise Refused("invalid_audio_type", f"audio_format.encoding is one of {', '.join(ENCODINGS)}")
    if not _is_whole(sample_rate) or sample_rate <= 0:
        raise Refused("invalid_audio_type", "audio_format.sample_rate is a number of Hz")
    return AudioFormat(encoding, sample_rate)


def _read_targets(message: Mapping[str, Any]) -> tuple[str, ...] | None:
    translation = message.get("translation_config")
    if translation is None:
        return None
    targets = translation.get("target_languages") if isinstance(translation, dict) else None
    if not isinstance(targets, list) or not all(map(_is_text, targets)):
        raise Refused("invalid_config", "translation_config.target_languages is missing or not a list")
    if len(targets) > MAX_TARGET_LANGUAGES:
        raise Refused("invalid_config", f"at most {MAX_TARGET_LANGUAGES} translation target languages")
    return tuple(targets)


def _check(value: Mapping[str, Any], table: Mapping[str, Check], where: str) -> None:
    for key, item in value.items():
        check = table.get(key)
        if check is None:
            raise Refused("invalid_config", f"{where}.{key} is not known")
        if not check(item):
            raise Refused("invalid_config", f"{where}.{key} has a value that is not allowed")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_between(low: float, high: float) -> Check:
    return lambda value: (_is_whole(value) or isinstance(value, float)) and low <= value <= high


def _is_one_of(*values: str) -> Check:
    return lambda value: value in values


def _is_list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_object(table: Mapping[str, Check]) -> Check:
    return lambda value: (
        isinstance(value, dict) and all(key in table and table[key](item) for key, item in value.items())
    )


def _is_anything(value: Any) -> bool:
    return True


def _is_vocabulary(value: Any) -> bool:
    entry = _is_object({"content": _is_text, "sounds_like": _is_list_of(_is_text)})
    return (
        isinstance(value, list)
        and len(value) <= MAX_VOCABULARY
        and all(_is_text(item) or (entry(item) and "content" in item) for item in value)
    )


# Speechmatics' real-time schema of 2026-08, and the two internal keys that its SDKs have. max_delay has a range of
# 0.7 to 4 there; programs in the wild use 0 to 10.
_TRANSCRIPTION: dict[str, Check] = {
    "language": _is_text,
    "model": _is_text,
    "operating_point": _is_text,
    "domain": _is_text,
    "output_locale": _is_text,
    "additional_vocab": _is_vocabulary,
    "diarization": _is_one_of("none", "speaker", "channel", "channel_and_speaker"),
    "speaker_diarization_config": _is_object(
        {
            "max_speakers": _is_between(2, 1000),
            "speaker_sensitivity": _is_between(0, 1),
            "prefer_current_speaker": _is_flag,
            "get_speakers": _is_flag,
            "speakers": _is_list_of(
                _is_object({"label": _is_text, "speaker_identifiers": _is_list_of(_is_text)})
            ),
        }
    ),
    "channel_diarization_labels": _is_list_of(_is_text),
    "max_delay": _is_between(0, 60),
    "max_delay_mode": _is_one_of("flexible", "fixed"),
    "enable_partials": _is_flag,
    "enable_entities": _is_flag,
    "punctuation_overrides": _is_object(
        {
            "permitted_marks": _is_list_of(lambda mark: mark == "all" or (_is_text(mark) and len(mark) == 1)),
            "sensitivity": _is_between(0, 1),
        }
    ),
    "conversation_config": _is_object({"end_of_utterance_silence_trigger": _is_between(0, 2)}),
    "audio_filtering_config": _is_object({"volume_threshold": _is_between(0, 100)}),
    "transcript_filtering_config": _is_object(
        {
            "remove_disfluencies": _is_flag,
            "replacements": _is_list_of(
                _is_object({"from": _is_text, "to": lambda value: isinstance(value, str)})
            ),
        }
    ),
    "language_hints": _is_list_of(_is_text),
    "language_hints_strict": _is_flag,
    "streaming_mode": _is_flag,
    "ctrl": _is_anything,
}

_CHANGEABLE = frozenset(
    {"max_delay", "max_delay_mode", "enable_partials", "audio_filtering_config", "conversation_config"}
)
