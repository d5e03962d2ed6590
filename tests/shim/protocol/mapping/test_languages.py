from __future__ import annotations

import pytest

from shim.protocol.mapping.languages import (
    DEFAULT_MODEL,
    FALLBACK_MODEL,
    LANGUAGES,
    MODELS,
    LanguageChoice,
    choose,
    language_codes,
    language_pack_info,
    model_named,
)

SPEECHMATICS = (
    "ar ba be bg bn ca cmn cs cy da de el en eo es et eu fa fi fr ga gl he hi hr hu ia id it ja ko lt lv mn mr ms mt "
    "nl no pl pt ro ru sk sl sv sw ta th tr ug uk ur vi yue ar_en cmn_en cmn_en_ms_ta en_ms en_ta tl"
)
IN_NO_MODEL = {"eo", "ga", "ia", "ug"}


@pytest.mark.parametrize("code", SPEECHMATICS.split())
def test_every_language_of_speechmatics_gets_a_model_or_a_clear_no(code: str) -> None:
    choice = choose(code)
    if code in IN_NO_MODEL:
        assert choice is None
        return
    assert choice is not None
    spoken = set(LANGUAGES[code].assemblyai)
    if spoken <= MODELS[DEFAULT_MODEL].languages:
        assert choice == LanguageChoice(DEFAULT_MODEL, LANGUAGES[code].assemblyai)
    else:
        assert choice.model == FALLBACK_MODEL
        assert choice.language_codes == ()
        assert spoken <= MODELS[FALLBACK_MODEL].languages
        assert choice.warning is not None
        assert LANGUAGES[code].description in choice.warning


@pytest.mark.parametrize(
    ("code", "codes"),
    [
        ("en", ("en",)),
        ("cmn", ("zh",)),
        ("ar_en", ("ar", "en")),
        ("cmn_en", ("zh", "en")),
        ("multi", ()),
        ("auto", ()),
    ],
)
def test_codes_are_those_of_assemblyai_most_important_first(code: str, codes: tuple[str, ...]) -> None:
    assert choose(code) == LanguageChoice("universal-3-6-pro", codes)


@pytest.mark.parametrize("code", ["pl", "uk", "el", "cs", "tl", "en_ms"])
def test_what_the_default_model_lacks_goes_to_whisper_with_a_warning(code: str) -> None:
    choice = choose(code)
    assert choice is not None
    assert choice.model == "whisper-rt"
    assert choice.warning is not None
    assert "nothing holds it" in choice.warning


@pytest.mark.parametrize("code", ["", "xx", "english", "en-US", "zh"])
def test_a_language_that_speechmatics_does_not_know_is_refused(code: str) -> None:
    assert choose(code) is None
    assert choose(code, "universal-3-5-pro") is None


def test_a_chosen_model_is_taken_without_a_word_when_it_has_the_language() -> None:
    assert choose("en", "universal-streaming-english") == LanguageChoice("universal-streaming-english", ())
    assert choose("fr", "universal-3-5-pro") == LanguageChoice("universal-3-5-pro", ("fr",))


def test_a_chosen_model_that_lacks_the_language_is_taken_with_a_warning() -> None:
    choice = choose("de", "universal-streaming-english")
    assert choice is not None
    assert choice.model == "universal-streaming-english"
    assert choice.warning is not None
    assert "German" in choice.warning


def test_a_chosen_model_even_serves_a_language_that_no_known_model_has() -> None:
    choice = choose("eo", "universal-3-9-pro")
    assert choice is not None
    assert choice.model == "universal-3-9-pro"
    assert choice.warning is not None


def test_codes_that_a_model_lacks_are_not_sent() -> None:
    assert language_codes("mr", "universal-3-5-pro") == ()
    assert language_codes("es", "universal-3-6-pro", ("en", "es", "pl")) == ("es", "en")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("universal-3-9-pro", "universal-3"),
        ("u3-rt-pro-beta-1", "universal-3"),
        ("whisper-rt-2", "whisper"),
        ("universal-streaming-french", "universal-streaming"),
    ],
)
def test_a_model_outside_the_table_is_taken_for_one_of_its_family(name: str, family: str) -> None:
    assert model_named(name).name == name
    assert model_named(name).family == family


def test_universal_3_is_never_given_what_only_others_heed() -> None:
    for model in MODELS.values():
        others_only = {"format_turns", "end_of_turn_confidence_threshold"} & model.parameters
        assert not (model.family == "universal-3" and others_only)
        assert "prompt" not in model.parameters or model.family == "universal-3"


def test_scripts_without_spaces_have_an_empty_delimiter() -> None:
    assert language_pack_info("ja")["word_delimiter"] == ""
    assert language_pack_info("cmn")["word_delimiter"] == ""
    assert language_pack_info("en")["word_delimiter"] == " "


def test_a_language_pack_tells_its_writing_direction() -> None:
    assert language_pack_info("ar")["writing_direction"] == "right-to-left"
    assert language_pack_info("en")["writing_direction"] == "left-to-right"
