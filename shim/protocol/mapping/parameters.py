"""Every key of a Speechmatics StartRecognition, and what becomes of it.

`query_parameters` turns a StartRecognition into the query of an AssemblyAI connection, and says in notices what the
program loses. `update_fields` does the same for SetRecognitionConfig and UpdateConfiguration. Both are pure and take
any JSON value: what is wrong with it is a notice, never an exception.

Sources: Speechmatics' AsyncAPI specification (2026-08) and pages on formatting, diarization, custom dictionary and
models; AssemblyAI's specifications, pages on turn detection, key terms and diarization, and behaviour observed live
2026-09.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from shim.protocol.mapping import languages
from shim.protocol.mapping.errors import quotable
from shim.protocol.mapping.messages import is_number, milliseconds
from shim.protocol.mapping.replacements import pattern_of


class Treatment(Enum):
    """What becomes of a key."""

    MAPPED = "mapped"
    """It becomes parameters of AssemblyAI."""
    LOCAL = "local"
    """AssemblyAI has nothing for it; the drop-in does it itself. Rewritten code has to do it, or do without."""
    WARNED = "warned"
    """It is lost, and the program is told."""
    NEEDLESS = "needless"
    """Without it nothing is lost."""


@dataclass(frozen=True)
class Parameter:
    """A key of StartRecognition.

    Attributes:
        path: where it is, with dots; ``[]`` stands for each item of a list.
        treatment: what becomes of it.
        assemblyai: the query parameters that it becomes.
        note: how, for documents.
        warning: the text of the Speechmatics Warning when it is lost (always, or in the cases that the note tells);
            ``{}`` takes what cannot be known in advance.
        warning_type: the Warning's ``type``.
    """

    path: str
    treatment: Treatment
    assemblyai: tuple[str, ...]
    note: str
    warning: str = ""
    warning_type: str = "validation_warning"


Level = Literal["warning", "error"]


@dataclass(frozen=True)
class Notice:
    """What a program has to be told about its configuration.

    Attributes:
        level: ``warning`` for a Speechmatics Warning; ``error`` for a Speechmatics Error, which ends the session.
        path: the key that it is about.
        type: the ``type`` of the Warning or Error.
        reason: the ``reason``.
    """

    level: Level
    path: str
    type: str
    reason: str


DEFAULT_SAMPLE_RATE = 16000
"""Hertz, of what is sent to AssemblyAI for audio whose rate only its container tells."""
MINIMUM_SAMPLE_RATE = 8000
MAXIMUM_SAMPLE_RATE = 96000

MAXIMUM_KEYTERMS = 100
MAXIMUM_KEYTERM_LENGTH = 50
"""Characters. A longer term would be dropped without a word (observed live 2026-09)."""

MAXIMUM_SPEAKERS = 10
MINIMUM_TURN_SILENCE = 50
"""Milliseconds; AssemblyAI raises smaller values to it."""

MEDICAL_LANGUAGES = frozenset({"en", "es", "de", "fr"})
"""AssemblyAI codes of the languages that ``domain=medical-v1`` has."""

ENCODINGS: dict[str, str] = {"pcm_s16le": "pcm_s16le", "pcm_f32le": "pcm_s16le", "mulaw": "pcm_mulaw"}
"""Speechmatics encoding to the AssemblyAI encoding that the audio is sent in."""

_T = "transcription_config."
_D = _T + "speaker_diarization_config."

_ROWS: tuple[Parameter, ...] = (
    Parameter(
        "audio_format.type",
        Treatment.LOCAL,
        ("encoding", "sample_rate"),
        "`raw` becomes `encoding` and `sample_rate`. `file` (what a missing `audio_format` means): AssemblyAI takes no WAV, "
        "MP3 or other container, it has to be sent as mono `pcm_s16le`. The drop-ins do that: WAV of every kind of "
        "sample and number of channels at its own rate; MP3, AAC, MP4, Ogg, WebM, FLAC, AMR, MPEG and others at 16 kHz "
        "if the extra `audio` is installed, else the session gets the Error `invalid_audio_type`. What a file is shows "
        "in its content. AssemblyAI is asked for a session when there is sound.",
    ),
    Parameter(
        "audio_format.encoding",
        Treatment.MAPPED,
        ("encoding",),
        "`pcm_s16le` stays, `mulaw` becomes `pcm_mulaw`. There is no 32-bit float: `pcm_f32le` has to be converted to "
        "`pcm_s16le` before sending, which the drop-ins do.",
    ),
    Parameter(
        "audio_format.sample_rate",
        Treatment.MAPPED,
        ("sample_rate",),
        "In hertz on both sides. AssemblyAI takes 8000 to 96000; raw audio at other rates is an Error. The drop-ins "
        "resample WAV files at other rates to 16000, with the extra `audio`.",
    ),
    Parameter(
        _T + "language",
        Treatment.MAPPED,
        ("speech_model", "language_codes"),
        "Decides the model, see the languages. `language_codes` is a JSON array of AssemblyAI codes and a bias, not a lock.",
    ),
    Parameter(
        _T + "language_hints",
        Treatment.MAPPED,
        ("language_codes",),
        "The hints become `language_codes`, as far as the model has them.",
        "The speech model cannot be given these language hints: {}.",
    ),
    Parameter(
        _T + "language_hints_strict",
        Treatment.WARNED,
        (),
        "Only a loss when true.",
        "AssemblyAI takes languages as a bias: other languages than the hinted ones can still appear.",
    ),
    Parameter(
        _T + "model",
        Treatment.NEEDLESS,
        (),
        "The language decides AssemblyAI's model; `speech_model` pins it.",
    ),
    Parameter(_T + "operating_point", Treatment.NEEDLESS, (), "The older name of `model`."),
    Parameter(
        _T + "domain",
        Treatment.MAPPED,
        ("domain", "language_codes"),
        "`medical` becomes `domain=medical-v1` where the model has it, for English, Spanish, German and French. "
        "`bilingual-en` adds `en` to `language_codes`. Any other domain is lost.",
        "AssemblyAI has no counterpart here for the domain {}; general vocabulary is used.",
    ),
    Parameter(
        _T + "output_locale",
        Treatment.WARNED,
        (),
        "Spelling and script are the model's own.",
        "AssemblyAI cannot be told the output locale {}; spelling and script may differ.",
    ),
    Parameter(
        _T + "additional_vocab",
        Treatment.MAPPED,
        ("keyterms_prompt",),
        "One JSON array of at most 100 terms of at most 50 characters each. What does not fit is lost.",
        "Of additional_vocab {} are not used: AssemblyAI takes 100 terms of at most 50 characters.",
    ),
    Parameter(_T + "additional_vocab[].content", Treatment.MAPPED, ("keyterms_prompt",), "The term."),
    Parameter(
        _T + "additional_vocab[].sounds_like",
        Treatment.WARNED,
        (),
        "AssemblyAI takes no pronunciations.",
        "AssemblyAI takes no pronunciations: sounds_like of {} in additional_vocab is not used.",
    ),
    Parameter(
        _T + "diarization",
        Treatment.MAPPED,
        ("speaker_labels",),
        "`speaker` becomes `speaker_labels=true`. `channel` and `channel_and_speaker` have to become one session per "
        "channel: AssemblyAI takes mono audio only. The drop-in does that by itself.",
        "{} tells no speakers apart: every speaker is UU.",
    ),
    Parameter(
        _D + "max_speakers",
        Treatment.MAPPED,
        ("max_speakers",),
        "AssemblyAI takes 1 to 10; a larger limit is not sent.",
        "AssemblyAI limits speakers to 1 to 10: max_speakers {} is not used.",
    ),
    Parameter(
        _D + "speaker_sensitivity",
        Treatment.WARNED,
        (),
        "No counterpart.",
        "AssemblyAI has no speaker_sensitivity; its own is used.",
    ),
    Parameter(
        _D + "prefer_current_speaker",
        Treatment.WARNED,
        (),
        "Only a loss when true.",
        "AssemblyAI has no prefer_current_speaker; speakers may change more often.",
    ),
    Parameter(
        _D + "get_speakers",
        Treatment.WARNED,
        (),
        "Only a loss when true.",
        "AssemblyAI has no speaker identifiers; SpeakersResult is empty.",
        "speaker_id",
    ),
    Parameter(
        _D + "speakers",
        Treatment.WARNED,
        (),
        "Identifiers belong to Speechmatics' models.",
        "AssemblyAI cannot recognise speakers by Speechmatics' identifiers; they are called S1, S2 and so on.",
        "speaker_id",
    ),
    Parameter(_D + "speakers[].label", Treatment.WARNED, (), "See `speakers`."),
    Parameter(_D + "speakers[].speaker_identifiers", Treatment.WARNED, (), "See `speakers`."),
    Parameter(
        _T + "channel_diarization_labels",
        Treatment.WARNED,
        (),
        "Channels become sessions; the program knows which is which. The drop-in names every message's channel.",
        "AssemblyAI takes one channel; channel_diarization_labels is not used.",
    ),
    Parameter(
        _T + "max_delay",
        Treatment.LOCAL,
        (),
        "AssemblyAI has no limit for the delay of a final. In the mode `fixed` the drop-in ends the turn "
        "(ForceEndpoint) when a word waits longer; `flexible` waits for the end of the turn.",
    ),
    Parameter(_T + "max_delay_mode", Treatment.LOCAL, (), "See `max_delay`; the default is `flexible`."),
    Parameter(
        _T + "enable_partials",
        Treatment.MAPPED,
        ("include_partial_turns",),
        "Speechmatics sends no partials unless asked, AssemblyAI sends them unless told not to.",
    ),
    Parameter(
        _T + "enable_transcription_partials",
        Treatment.MAPPED,
        ("include_partial_turns",),
        "A name of the speechmatics-python package for `enable_partials`; not on the wire.",
    ),
    Parameter(
        _T + "enable_translation_partials",
        Treatment.NEEDLESS,
        (),
        "A name of the speechmatics-python package for partial translations; there is no translation.",
    ),
    Parameter(
        _T + "enable_entities",
        Treatment.WARNED,
        (),
        "Only a loss when true. Numbers and dates are still written as such, but as words.",
        "AssemblyAI marks no entities: numbers, dates and the like come as words.",
    ),
    Parameter(
        _T + "punctuation_overrides.permitted_marks",
        Treatment.LOCAL,
        (),
        "AssemblyAI writes the marks that it likes. The drop-in leaves out those that are not permitted, in `results` and "
        "`transcript`; capitals stay as they are. Marks inside a word (3.5, don't, U.S.) belong to it.",
        "AssemblyAI cannot be told which punctuation marks to use; all of them may appear.",
    ),
    Parameter(
        _T + "punctuation_overrides.sensitivity",
        Treatment.WARNED,
        (),
        "No counterpart.",
        "AssemblyAI has no punctuation sensitivity; its own is used.",
    ),
    Parameter(
        _T + "conversation_config.end_of_utterance_silence_trigger",
        Treatment.MAPPED,
        ("min_turn_silence", "max_turn_silence"),
        "Seconds become milliseconds. Both are set to the same value, so that the silence alone ends the turn, as with "
        "Speechmatics. 0 switches EndOfUtterance off and leaves AssemblyAI's own turns. Below 0.5 s a pause inside a number may "
        "split it.",
        "{} has no silence settings: EndOfUtterance comes where the model itself ends a turn.",
    ),
    Parameter(
        _T + "audio_filtering_config",
        Treatment.WARNED,
        (),
        "An empty object asks for the volume of every word, so its presence is the loss.",
        "AssemblyAI does not measure volume: quiet speech is not filtered and results have no volume.",
    ),
    Parameter(
        _T + "audio_filtering_config.volume_threshold",
        Treatment.WARNED,
        (),
        "See `audio_filtering_config`.",
        "AssemblyAI does not measure volume: quiet speech is not filtered.",
    ),
    Parameter(
        _T + "transcript_filtering_config.remove_disfluencies",
        Treatment.LOCAL,
        (),
        "For English, as with Speechmatics: the drop-in leaves out um, uh, er, hm and the like, with their commas; the end "
        "of a sentence goes to the word before. Without the key they are tagged `disfluency`. The Universal models write "
        "few of them.",
        "AssemblyAI cannot be told to remove disfluencies; some may appear.",
    ),
    Parameter(
        _T + "transcript_filtering_config.replacements",
        Treatment.LOCAL,
        (),
        "The drop-in applies them, word by word, to partials and finals: first the rules of a word, to the letter, then "
        "those of a `/regular expression/` in their order; the first that fits is the only one. A word that becomes empty "
        "is left out.",
        "AssemblyAI replaces no words: transcript_filtering_config.replacements is not applied.",
    ),
    Parameter(
        _T + "transcript_filtering_config.replacements[].from",
        Treatment.LOCAL,
        (),
        "A word, or `/.../`: an expression of ECMAScript, of which every match in a word is replaced. One that cannot be "
        "understood is the Error `invalid_config`.",
    ),
    Parameter(
        _T + "transcript_filtering_config.replacements[].to",
        Treatment.LOCAL,
        (),
        "What is written instead; `$&` and `$1` are what the expression found.",
    ),
    Parameter(_T + "streaming_mode", Treatment.NEEDLESS, (), "A switch inside Speechmatics' engine."),
    Parameter(_T + "ctrl", Treatment.NEEDLESS, (), "Switches inside Speechmatics' engine."),
    Parameter(
        "translation_config.target_languages",
        Treatment.WARNED,
        (),
        "AssemblyAI Streaming does not translate.",
        "AssemblyAI Streaming does not translate. Translation will not run.",
        "empty_translation_target_list",
    ),
    Parameter("translation_config.enable_partials", Treatment.NEEDLESS, (), "See `target_languages`."),
    Parameter(
        "audio_events_config",
        Treatment.WARNED,
        (),
        "An empty object asks for all events, so its presence is the loss.",
        "AssemblyAI detects no laughter, applause or music. There will be no audio events.",
    ),
    Parameter("audio_events_config.types", Treatment.WARNED, (), "See `audio_events_config`."),
    Parameter(
        "type", Treatment.NEEDLESS, (), "Batch jobs have it, and some samples; no part of the message."
    ),
)

PARAMETERS: dict[str, Parameter] = {row.path: row for row in _ROWS}
"""Every key of StartRecognition by its path."""


def _containers() -> frozenset[str]:
    found = set()
    for path in PARAMETERS:
        while "." in path:
            path = path.rpartition(".")[0]
            found.add(path)
    return frozenset(path for path in found if not path.endswith("[]"))


OBJECTS = _containers()
"""Paths whose value is an object that holds other keys."""

MID_SESSION = frozenset(
    {
        _T + "language",
        _T + "max_delay",
        _T + "max_delay_mode",
        _T + "enable_partials",
        _T + "audio_filtering_config.volume_threshold",
        _T + "conversation_config.end_of_utterance_silence_trigger",
    }
)
"""Keys that SetRecognitionConfig may carry. The language may be repeated, not changed."""

Check = Callable[[Any], str | None]
"""Says what a value has to be when it is not that, else None."""


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a string that is not empty"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _list(value: Any) -> str | None:
    return None if isinstance(value, list) else "a list"


def _anything(value: Any) -> str | None:
    return None


def _number(least: float, most: float = math.inf) -> Check:
    wanted = f"a number from {least:g} to {most:g}" if most < math.inf else f"a number, {least:g} or more"
    return lambda value: None if is_number(value) and least <= value <= most else wanted


def _integer(least: int, most: float = math.inf) -> Check:
    wanted = (
        f"a whole number from {least} to {most:g}" if most < math.inf else f"a whole number, {least} or more"
    )
    return lambda value: (
        None if is_number(value) and value == int(value) and least <= value <= most else wanted
    )


def _one_of(*values: str) -> Check:
    return lambda value: None if isinstance(value, str) and value in values else "one of " + ", ".join(values)


def _list_of(check: Check) -> Check:
    def whole(value: Any) -> str | None:
        if not isinstance(value, list):
            return "a list"
        for index, item in enumerate(value):
            wanted = check(item)
            if wanted:
                return f"a list whose item {index} is {wanted}"
        return None

    return whole


def _record(**checks: Check) -> Check:
    def whole(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"an object with {' and '.join(checks)}"
        for key, check in checks.items():
            wanted = check(value.get(key))
            if wanted:
                return f"an object whose {key} is {wanted}"
        return None

    return whole


def _vocabulary_item(value: Any) -> str | None:
    if isinstance(value, str):
        return _text(value)
    problem = _record(content=_text)(value)
    if problem or value.get("sounds_like") is None:
        return problem
    wanted = _list_of(_text)(value["sounds_like"])
    return f"an object whose sounds_like is {wanted}" if wanted else None


def _any_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "a string"


def _word_or_expression(value: Any) -> str | None:
    if not isinstance(value, str):
        return "a string"
    try:
        pattern_of(value)
    except ValueError as problem:
        return f"a word or a regular expression of ECMAScript ({problem})"
    return None


CHECKS: dict[str, Check] = {
    "audio_format.type": _one_of("raw", "file"),
    "audio_format.encoding": _one_of(*ENCODINGS),
    "audio_format.sample_rate": _integer(MINIMUM_SAMPLE_RATE, MAXIMUM_SAMPLE_RATE),
    _T + "language": _text,
    _T + "language_hints": _list_of(_text),
    _T + "language_hints_strict": _flag,
    _T + "domain": _text,
    _T + "output_locale": _text,
    _T + "additional_vocab": _list_of(_vocabulary_item),
    _T + "diarization": _one_of("none", "speaker", "channel", "channel_and_speaker"),
    _D + "max_speakers": _integer(2),
    _D + "speaker_sensitivity": _number(0, 1),
    _D + "prefer_current_speaker": _flag,
    _D + "get_speakers": _flag,
    _D + "speakers": _list_of(_record(label=_text, speaker_identifiers=_list_of(_text))),
    _T + "channel_diarization_labels": _list_of(_any_text),
    # The documents say 0.7 to 4 today; programs from before send 5 or 10.
    _T + "max_delay": _number(0),
    _T + "max_delay_mode": _one_of("flexible", "fixed"),
    _T + "enable_partials": _flag,
    _T + "enable_transcription_partials": _flag,
    _T + "enable_entities": _flag,
    _T + "punctuation_overrides.permitted_marks": _list_of(_text),
    _T + "punctuation_overrides.sensitivity": _number(0, 1),
    _T + "conversation_config.end_of_utterance_silence_trigger": _number(0, 2),
    _T + "audio_filtering_config.volume_threshold": _number(0, 100),
    _T + "transcript_filtering_config.remove_disfluencies": _flag,
    _T + "transcript_filtering_config.replacements": _list_of(
        _record(**{"from": _word_or_expression, "to": _any_text})
    ),
    "translation_config.target_languages": _list_of(_text),
    "audio_events_config.types": _list_of(_text),
}
"""What a key's value has to be; keys that are not here take anything, since nothing is done with them."""

_NO_CHANGE: dict[str, tuple[Any, ...]] = {
    _T + "language_hints_strict": (False,),
    _D + "speaker_sensitivity": (0.5,),
    _D + "prefer_current_speaker": (False,),
    _D + "get_speakers": (False,),
    _D + "speakers": ([],),
    _T + "channel_diarization_labels": ([],),
    _T + "enable_entities": (False,),
    _T + "punctuation_overrides.permitted_marks": (["all"],),
    _T + "punctuation_overrides.sensitivity": (0.5,),
    _T + "transcript_filtering_config.remove_disfluencies": (False,),
    _T + "transcript_filtering_config.replacements": ([],),
}
"""Values that ask for what happens anyway: nothing is lost with them."""

_MOST_NAMES = 20


CHANNEL_DIARIZATIONS = frozenset({"channel", "channel_and_speaker"})
"""Values of ``diarization`` for audio that comes in several channels."""

SPEAKER_DIARIZATIONS = frozenset({"speaker", "channel_and_speaker"})
"""Values of ``diarization`` that tell speakers apart."""


class _Configuration:
    """The keys of a configuration whose values are usable, by path, and what is to be told about the others."""

    def __init__(self, root: str, value: Any) -> None:
        self.values: dict[str, Any] = {}
        self.notices: list[Notice] = []
        unknown = list(self._read(root, value))
        if unknown:
            more = f" and {len(unknown) - _MOST_NAMES} more" if len(unknown) > _MOST_NAMES else ""
            names = ", ".join(quotable(path) for path in unknown[:_MOST_NAMES])
            reason = f"Not known here and without effect on AssemblyAI: {names}{more}."
            self.notices.append(Notice("warning", unknown[0], "validation_warning", reason))

    def _read(self, path: str, value: Any) -> Iterator[str]:
        """Take in the value at a path; yields the paths that nobody knows."""
        if value is None:
            return
        if path in PARAMETERS:
            wanted = CHECKS.get(path, _anything)(value)
            if wanted:
                self.refuse(path, f"{path} has to be {wanted}.")
                return
            self.values[path] = value
        if path in OBJECTS or not path:
            if not isinstance(value, Mapping):
                self.refuse(path, f"{path or 'The message'} has to be an object.", "invalid_message")
                return
            for key, item in value.items():
                inner = f"{path}.{key}" if path else key
                if not key or "." in key or "[" in key:
                    # A path of its own making must not pass for a key that it is not.
                    yield inner
                elif inner != "message":
                    yield from self._read(inner, item)
        elif path not in PARAMETERS:
            yield path

    def refuse(self, path: str, reason: str, type: str | None = None) -> None:
        """Note an Error."""
        if type is None:
            type = "invalid_audio_type" if path.startswith("audio_format") else "invalid_config"
        self.notices.append(Notice("error", path, type, reason))

    def require(self, path: str, advice: str) -> None:
        """Refuse a configuration that lacks a key, unless it is refused already."""
        if path not in self.values and not any(notice.level == "error" for notice in self.notices):
            self.refuse(path, f"{path} is missing. {advice}")

    def warn(self, path: str, *details: object) -> None:
        """Note that a key is lost, in the words of the table."""
        row = PARAMETERS[path]
        reason = row.warning.format(*(quotable(str(detail)) for detail in details))
        self.notices.append(Notice("warning", path, row.warning_type, reason))

    def get(self, path: str, default: Any = None) -> Any:
        """The usable value at a path."""
        return self.values.get(path, default)

    def asks(self, path: str) -> bool:
        """Whether the key is there and asks for anything else than what happens anyway."""
        return path in self.values and self.values[path] not in _NO_CHANGE.get(path, ())


def query_parameters(
    start: Mapping[str, Any],
    model: str,
    *,
    partial_turns: bool | None = None,
    channels: bool = False,
    text: bool = False,
) -> tuple[dict[str, str], list[Notice]]:
    """The query of an AssemblyAI connection for a StartRecognition.

    Args:
        start: the whole StartRecognition message; any JSON value is taken.
        model: the AssemblyAI model, as `languages.choose` gave it. It decides what else may be sent; the warning of
            the choice itself is not repeated here.
        partial_turns: whether AssemblyAI is to send Turns that are not over; None: as the program asked for partials.
            One who needs them to find words that wait too long, or final words within a turn, says True.
        channels: the caller opens a connection for each channel; the query is that of any one of them. Otherwise several
            channels are refused.
        text: the caller does what is asked of the text (marks, replacements, disfluencies). Otherwise it is lost.

    Returns:
        Parameters in the form in which they are sent (before percent-encoding), and what has to be told. ``encoding``
        and ``sample_rate`` say what the audio has to be converted to. After a notice of level ``error`` there is no
        session to open.
    """
    configuration = _Configuration("", start)
    facts = languages.model_named(model)
    configuration.require(_T + "language", "Say which language is spoken.")
    query = {"speech_model": model}
    query.update(_audio(configuration))
    query.update(_language(configuration, facts))
    query.update(_vocabulary(configuration))
    query.update(_speakers(configuration, facts, channels))
    query.update(_turns(configuration, facts))
    wanted = configuration.get(_T + "enable_partials") or configuration.get(
        _T + "enable_transcription_partials"
    )
    if not (wanted if partial_turns is None else partial_turns):
        query["include_partial_turns"] = "false"
    followed = set(_ABOUT_TEXT if text else ())
    if channels and _has_channels(configuration):
        followed.add(_T + "channel_diarization_labels")
    for path in _ALWAYS_LOST:
        if configuration.asks(path) and path not in followed:
            configuration.warn(path, configuration.get(path))
    return query, configuration.notices


_ABOUT_TEXT = tuple(
    path for path, row in PARAMETERS.items() if row.treatment is Treatment.LOCAL and row.warning
)

_ALWAYS_LOST = (
    *(
        path
        for path, row in PARAMETERS.items()
        if row.treatment is Treatment.WARNED
        and row.warning
        and "[]" not in path
        and not path.startswith(_D)
        and path.rpartition(".")[0] not in PARAMETERS  # which is lost as a whole
    ),
    *_ABOUT_TEXT,
)


def _audio(configuration: _Configuration) -> dict[str, str]:
    encoding, rate = "pcm_s16le", DEFAULT_SAMPLE_RATE
    if any(path.startswith("audio_format.") for path in configuration.values):
        configuration.require("audio_format.type", "Say raw or file.")
    if configuration.get("audio_format.type") == "raw":
        for key in ("encoding", "sample_rate"):
            configuration.require(f"audio_format.{key}", "Raw audio needs its encoding and sample rate.")
        rate = int(configuration.get("audio_format.sample_rate", DEFAULT_SAMPLE_RATE))
        encoding = ENCODINGS[configuration.get("audio_format.encoding", "pcm_s16le")]
    return {"sample_rate": str(rate), "encoding": encoding}


def _language(configuration: _Configuration, facts: languages.Model) -> dict[str, str]:
    language = configuration.get(_T + "language", "")
    domain = configuration.get(_T + "domain")
    hints: list[str] = configuration.get(_T + "language_hints", [])
    row = languages.LANGUAGES.get(language)
    spoken = row.assemblyai if row else ()
    also: list[str] = []
    query: dict[str, str] = {}
    if domain == "bilingual-en" and language == "es":
        also.append("en")
    elif domain == "medical" and spoken and set(spoken) <= MEDICAL_LANGUAGES and "domain" in facts.parameters:
        query["domain"] = "medical-v1"
    elif domain:
        configuration.warn(_T + "domain", domain)
    lost = []
    for hint in hints:
        codes = languages.language_codes(hint, facts.name)
        also.extend(codes)
        if not codes:
            lost.append(hint)
    if lost:
        configuration.warn(_T + "language_hints", ", ".join(lost))
    codes = languages.language_codes(language, facts.name, tuple(also))
    if codes:
        query["language_codes"] = _json(codes)
    if len({*spoken, *also}) != 1 and row and "language_detection" in facts.parameters:
        query["language_detection"] = "true"
    return query


def _vocabulary(configuration: _Configuration) -> dict[str, str]:
    path = _T + "additional_vocab"
    items: list[Any] = configuration.get(path, [])
    terms = dict.fromkeys((item if isinstance(item, str) else item["content"]).strip() for item in items)
    usable = [term for term in terms if 0 < len(term) <= MAXIMUM_KEYTERM_LENGTH][:MAXIMUM_KEYTERMS]
    if len(usable) < len(terms):
        configuration.warn(path, f"{len(terms) - len(usable)} of {len(terms)} terms")
    pronounced = sum(1 for item in items if isinstance(item, Mapping) and item.get("sounds_like"))
    if pronounced:
        configuration.warn(path + "[].sounds_like", f"{pronounced} of {len(items)} terms")
    return {"keyterms_prompt": _json(usable)} if usable else {}


def _has_channels(configuration: _Configuration) -> bool:
    return configuration.get(_T + "diarization") in CHANNEL_DIARIZATIONS


def _speakers(configuration: _Configuration, facts: languages.Model, channels: bool) -> dict[str, str]:
    diarization = configuration.get(_T + "diarization", "none")
    if _has_channels(configuration) and not channels:
        configuration.refuse(
            _T + "diarization",
            f"AssemblyAI takes one channel per session, so diarization {diarization!r} is not possible. Open one session "
            "per channel, or use diarization 'speaker' with the channels mixed.",
        )
        return {}
    if diarization not in SPEAKER_DIARIZATIONS:
        return {}
    for path in PARAMETERS:
        if (
            path.startswith(_D)
            and PARAMETERS[path].treatment is Treatment.WARNED
            and configuration.asks(path)
        ):
            configuration.warn(path)
    if "speaker_labels" not in facts.parameters:
        configuration.warn(_T + "diarization", facts.name)
        return {}
    query = {"speaker_labels": "true"}
    limit = configuration.get(_D + "max_speakers")
    if limit is not None and limit > MAXIMUM_SPEAKERS:
        configuration.warn(_D + "max_speakers", int(limit))
    elif limit is not None:
        query["max_speakers"] = str(int(limit))
    return query


def _turns(configuration: _Configuration, facts: languages.Model) -> dict[str, str]:
    # Speechmatics' text has punctuation and capitals; these models write them only when asked.
    query = {"format_turns": "true"} if "format_turns" in facts.parameters else {}
    path = _T + "conversation_config.end_of_utterance_silence_trigger"
    silence = milliseconds(configuration.get(path, 0))
    if silence and "max_turn_silence" in facts.parameters:
        query |= {"min_turn_silence": str(silence), "max_turn_silence": str(silence)}
    elif silence:
        configuration.warn(path, facts.name)
    return query


def update_fields(
    config: Mapping[str, Any], model: str, initial: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[Notice]]:
    """The fields of an UpdateConfiguration for the ``transcription_config`` of a SetRecognitionConfig.

    The official SDKs send their complete configuration, so what is as it was says nothing. ``max_delay``,
    ``max_delay_mode`` and ``enable_partials`` are for the caller: AssemblyAI cannot change partial Turns in a session.

    Args:
        config: ``transcription_config`` of the message; any JSON value is taken.
        model: the AssemblyAI model of the session.
        initial: ``transcription_config`` of the StartRecognition, or what was in force last.

    Returns:
        The fields, empty when there is nothing to send, and what has to be told.
    """
    configuration = _Configuration(_T.rstrip("."), config)
    before = _Configuration(_T.rstrip("."), initial).values
    facts = languages.model_named(model)
    trigger = _T + "conversation_config.end_of_utterance_silence_trigger"
    fields: dict[str, Any] = {}
    changed = [
        path
        for path, value in configuration.values.items()
        if path not in OBJECTS and value != before.get(path) and value not in _NO_CHANGE.get(path, ())
    ]
    for path in changed:
        if path == _T + "language":
            if path in before:
                configuration.refuse(
                    path, "The language of a session cannot be changed. Start a new session."
                )
        elif path == trigger:
            silence = milliseconds(configuration.get(path))
            if silence and "max_turn_silence" not in facts.updates:
                configuration.warn(path, model)
            elif silence:
                fields = {"min_turn_silence": silence, "max_turn_silence": silence}
        elif path not in MID_SESSION and PARAMETERS[path].treatment is not Treatment.NEEDLESS:
            reason = f"{path} cannot be changed during a session; it stays as it was."
            configuration.notices.append(Notice("warning", path, "validation_warning", reason))
        elif PARAMETERS[path].treatment is Treatment.WARNED:
            configuration.warn(path)
    return fields, configuration.notices


def _json(values: Any) -> str:
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))
