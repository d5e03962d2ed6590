"""Languages and models: what a program spoke to Speechmatics in, and the AssemblyAI model that understands it.

Sources: Speechmatics docs, languages and models; AssemblyAI docs, models and the multilingual, Universal-3 and
Whisper pages, and the values that its validator listed in 2026-09.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

Family = Literal["universal-streaming", "universal-3", "whisper"]

DEFAULT_MODEL = "universal-3-6-pro"
FALLBACK_MODEL = "whisper-rt"
"""Takes the languages that the default model lacks. Nothing steers its language."""

MAX_LANGUAGE_CODES = 10


@dataclass(frozen=True)
class Model:
    """What is known of an AssemblyAI speech model.

    Attributes:
        name: the value of ``speech_model``.
        family: decides how Turns look: word by word (universal-streaming, whisper) or as snapshots (universal-3).
        languages: AssemblyAI codes that it understands.
        parameters: query parameters that it takes, beside those of the connection. What is not here is not sent.
        updates: fields that UpdateConfiguration may change.
        note: for documents.
    """

    name: str
    family: Family
    languages: frozenset[str]
    parameters: frozenset[str]
    updates: frozenset[str]
    note: str = ""


@dataclass(frozen=True)
class Language:
    """A language, or language pack, of Speechmatics.

    Attributes:
        code: the value of ``transcription_config.language``.
        description: Speechmatics' name for it, the ``language_description`` of RecognitionStarted.
        assemblyai: the AssemblyAI codes of what is spoken, most important first; empty for "any language".
        word_delimiter: stands between two words of a transcript.
        right_to_left: how it is written.
    """

    code: str
    description: str
    assemblyai: tuple[str, ...]
    word_delimiter: str = " "
    right_to_left: bool = False


@dataclass(frozen=True)
class LanguageChoice:
    """The model for a language.

    Attributes:
        model: the value of ``speech_model``.
        language_codes: what to send as ``language_codes``; empty when nothing is to be sent.
        warning: what the program must know about the choice, or None.
    """

    model: str
    language_codes: tuple[str, ...]
    warning: str | None = None


class LanguagePackInfo(TypedDict):
    """``language_pack_info`` of RecognitionStarted: these five keys and no other (the voice SDK forbids extras)."""

    word_delimiter: str
    language_description: str
    writing_direction: Literal["left-to-right", "right-to-left"]
    itn: bool
    adapted: bool


_EVERY_MODEL = frozenset({"keyterms_prompt", "include_partial_turns"})
_SILENCE = frozenset({"min_turn_silence", "max_turn_silence", "vad_threshold"})
_SPEAKERS = frozenset({"speaker_labels", "max_speakers"})
_PRIVACY = frozenset({"filter_profanity", "redact_pii", "redact_pii_policies", "redact_pii_sub", "domain"})
_STREAMING = (
    _EVERY_MODEL | _SILENCE | _SPEAKERS | _PRIVACY | {"format_turns", "end_of_turn_confidence_threshold"}
)
_UNIVERSAL_3 = (
    _EVERY_MODEL
    | _SILENCE
    | _SPEAKERS
    | _PRIVACY
    | {
        "prompt",
        "agent_context",
        "mode",
        "interruption_delay",
        "continuous_partials",
        "voice_focus",
        "language_detection",
    }
)
_STREAMING_UPDATES = frozenset(
    {
        "min_turn_silence",
        "max_turn_silence",
        "end_of_turn_confidence_threshold",
        "format_turns",
        "keyterms_prompt",
    }
)
_UNIVERSAL_3_UPDATES = frozenset(
    {
        "min_turn_silence",
        "max_turn_silence",
        "vad_threshold",
        "interruption_delay",
        "continuous_partials",
        "keyterms_prompt",
        "prompt",
        "agent_context",
    }
)

_SIX = frozenset(["en", "es", "de", "fr", "pt", "it"])
_UNIVERSAL_3_5 = _SIX | frozenset(
    ["tr", "nl", "sv", "no", "da", "fi", "hi", "vi", "ar", "he", "ja", "zh", "ca"]
)
# fmt: off
_UNIVERSAL_3_6 = frozenset(
    [
        "af", "ar", "ca", "da", "de", "en", "es", "et", "fa", "fi", "fr", "gl", "he", "hi", "it",
        "ja", "ko", "mr", "nl", "nn", "no", "pt", "ro", "ru", "sv", "tr", "ur", "vi", "xh", "yue",
        "zh", "zu",
    ]
)
# fmt: on
# fmt: off
_WHISPER = frozenset(
    [
        "af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy",
        "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw",
        "he", "hi", "hr", "ht", "hu", "hy", "id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn",
        "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt",
        "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si",
        "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl",
        "tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "yue", "zh",
    ]
)
# fmt: on

MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model(
            "universal-3-6-pro",
            "universal-3",
            _UNIVERSAL_3_6,
            _UNIVERSAL_3 | {"language_codes"},
            _UNIVERSAL_3_UPDATES | {"language_codes"},
            "the default",
        ),
        Model(
            "universal-3-5-pro",
            "universal-3",
            _UNIVERSAL_3_5,
            _UNIVERSAL_3 | {"language_codes"},
            _UNIVERSAL_3_UPDATES | {"language_codes"},
            "also self-hosted",
        ),
        Model("u3-rt-pro", "universal-3", _SIX, _UNIVERSAL_3, _UNIVERSAL_3_UPDATES, "no longer documented"),
        Model(
            "universal-streaming-english",
            "universal-streaming",
            frozenset({"en"}),
            _STREAMING,
            _STREAMING_UPDATES,
            "finalises word by word",
        ),
        Model(
            "universal-streaming-multilingual",
            "universal-streaming",
            _SIX,
            _STREAMING | {"language_detection"},
            _STREAMING_UPDATES,
            "finalises word by word",
        ),
        Model(
            FALLBACK_MODEL,
            "whisper",
            _WHISPER,
            _EVERY_MODEL | {"format_turns"},
            frozenset({"keyterms_prompt"}),
            "detects the language by itself; no turn settings, no speakers",
        ),
    )
}


DISFLUENCIES: dict[str, frozenset[str]] = {
    "en": frozenset({"uh", "uhh", "um", "umm", "uhm", "er", "erm", "hm", "hmm", "mmm"})
}
"""Hesitations, by Speechmatics' language, in lower case. Speechmatics tags them in English; its own list is not published,
so that only what can hardly be anything else stands here ("mm" is a unit, "ah" an answer)."""

LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("ar", "Arabic", ("ar",), right_to_left=True),
        Language("ba", "Bashkir", ("ba",)),
        Language("be", "Belarusian", ("be",)),
        Language("bg", "Bulgarian", ("bg",)),
        Language("bn", "Bengali", ("bn",)),
        Language("ca", "Catalan", ("ca",)),
        Language("cmn", "Mandarin", ("zh",), word_delimiter=""),
        Language("cs", "Czech", ("cs",)),
        Language("cy", "Welsh", ("cy",)),
        Language("da", "Danish", ("da",)),
        Language("de", "German", ("de",)),
        Language("el", "Greek", ("el",)),
        Language("en", "English", ("en",)),
        Language("eo", "Esperanto", ("eo",)),
        Language("es", "Spanish", ("es",)),
        Language("et", "Estonian", ("et",)),
        Language("eu", "Basque", ("eu",)),
        Language("fa", "Persian", ("fa",), right_to_left=True),
        Language("fi", "Finnish", ("fi",)),
        Language("fr", "French", ("fr",)),
        Language("ga", "Irish", ("ga",)),
        Language("gl", "Galician", ("gl",)),
        Language("he", "Hebrew", ("he",), right_to_left=True),
        Language("hi", "Hindi", ("hi",)),
        Language("hr", "Croatian", ("hr",)),
        Language("hu", "Hungarian", ("hu",)),
        Language("ia", "Interlingua", ("ia",)),
        Language("id", "Indonesian", ("id",)),
        Language("it", "Italian", ("it",)),
        Language("ja", "Japanese", ("ja",), word_delimiter=""),
        Language("ko", "Korean", ("ko",)),
        Language("lt", "Lithuanian", ("lt",)),
        Language("lv", "Latvian", ("lv",)),
        Language("mn", "Mongolian", ("mn",)),
        Language("mr", "Marathi", ("mr",)),
        Language("ms", "Malay", ("ms",)),
        Language("mt", "Maltese", ("mt",)),
        Language("nl", "Dutch", ("nl",)),
        Language("no", "Norwegian", ("no",)),
        Language("pl", "Polish", ("pl",)),
        Language("pt", "Portuguese", ("pt",)),
        Language("ro", "Romanian", ("ro",)),
        Language("ru", "Russian", ("ru",)),
        Language("sk", "Slovakian", ("sk",)),
        Language("sl", "Slovenian", ("sl",)),
        Language("sv", "Swedish", ("sv",)),
        Language("sw", "Swahili", ("sw",)),
        Language("ta", "Tamil", ("ta",)),
        Language("th", "Thai", ("th",), word_delimiter=""),
        Language("tr", "Turkish", ("tr",)),
        Language("ug", "Uyghur", ("ug",), right_to_left=True),
        Language("uk", "Ukrainian", ("uk",)),
        Language("ur", "Urdu", ("ur",), right_to_left=True),
        Language("vi", "Vietnamese", ("vi",)),
        Language("yue", "Cantonese", ("yue",), word_delimiter=""),
        Language("ar_en", "Arabic and English", ("ar", "en"), right_to_left=True),
        Language("cmn_en", "Mandarin and English", ("zh", "en")),
        Language("cmn_en_ms_ta", "Mandarin, English, Malay and Tamil", ("zh", "en", "ms", "ta")),
        Language("en_ms", "English and Malay", ("en", "ms")),
        Language("en_ta", "English and Tamil", ("en", "ta")),
        Language("tl", "Tagalog and English", ("tl", "en")),
        Language("multi", "Multilingual", ()),
        Language("auto", "Any language", ()),
    )
}


_SOUNDS_LIKE = {
    "whisper": FALLBACK_MODEL,
    "universal-streaming": "universal-streaming-multilingual",
    "u3-": "u3-rt-pro",
}


def model_named(name: str) -> Model:
    """The facts of a model.

    A name that is not in the table gets those of the known model that it sounds like, else those of the default model,
    and an empty set of languages: nothing is known of them.
    """
    known = MODELS.get(name)
    if known:
        return known
    sounds_like = (like for start, like in _SOUNDS_LIKE.items() if name.startswith(start))
    like = MODELS[next(sounds_like, DEFAULT_MODEL)]
    return Model(name, like.family, frozenset(), like.parameters, like.updates, "not in the table")


def language_codes(language: str, model: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What to send as ``language_codes`` for a Speechmatics language: nothing for "any language", for a model that
    takes no such parameter, and for codes that the model lacks. ``also`` adds AssemblyAI codes that a domain or hints name."""
    facts = model_named(model)
    row = LANGUAGES.get(language)
    if row is None or "language_codes" not in facts.parameters:
        return ()
    spoken = dict.fromkeys((*row.assemblyai, *also))
    return tuple(code for code in spoken if not facts.languages or code in facts.languages)[
        :MAX_LANGUAGE_CODES
    ]


def choose(language: str, override: str | None = None) -> LanguageChoice | None:
    """The AssemblyAI model for a Speechmatics language.

    The default model where it has every language of the pack, else the fallback with a warning. ``override`` is a
    model that somebody chose: it is taken, with a warning when it lacks the language.

    Returns:
        The choice, or None for a language that Speechmatics does not know or no model has: the program gets the
        Error that Speechmatics gives for an unknown language.
    """
    row = LANGUAGES.get(language)
    if row is None:
        return None
    spoken = set(row.assemblyai)
    if override:
        return LanguageChoice(override, language_codes(language, override), _override_warning(row, override))
    if spoken <= MODELS[DEFAULT_MODEL].languages:
        return LanguageChoice(DEFAULT_MODEL, language_codes(language, DEFAULT_MODEL))
    if spoken <= MODELS[FALLBACK_MODEL].languages:
        return LanguageChoice(
            FALLBACK_MODEL,
            (),
            f"{DEFAULT_MODEL} does not have {row.description} ({language}), so {FALLBACK_MODEL} is used. It detects the "
            "language by itself: nothing holds it to this one.",
        )
    return None


def _override_warning(row: Language, override: str) -> str | None:
    if override not in MODELS:
        return f"{override} is not a speech model known here; it is sent to AssemblyAI as it is."
    missing = [code for code in row.assemblyai if code not in MODELS[override].languages]
    if missing:
        return (
            f"{override} does not have {row.description} ({', '.join(missing)} is missing); expect poor text."
        )
    return None


def language_pack_info(language: str) -> LanguagePackInfo:
    """``language_pack_info`` for RecognitionStarted; a language outside the table is described by its code."""
    row = LANGUAGES.get(language) or Language(language, language, ())
    return {
        "word_delimiter": row.word_delimiter,
        "language_description": row.description,
        "writing_direction": "right-to-left" if row.right_to_left else "left-to-right",
        "itn": True,
        "adapted": False,
    }
