"""Results of transcripts as text (module ``speechmatics.adapters``)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

__all__ = [
    "convert_to_txt",
    "get_content",
    "get_language",
    "get_property_from_first_alternative",
    "get_speaker",
    "get_txt_translation",
    "group_tokens",
    "join_tokens",
]

Token = dict[str, Any]
"""One item of the ``results`` of a transcript."""

WITHOUT_SPACES = ("cmn", "ja")
"""Languages whose words are not divided, where no language pack says so."""


def convert_to_txt(
    tokens: Sequence[Token],
    language: str,
    language_pack_info: dict[str, Any] | None = None,
    speaker_labels: bool = True,
    channel: str | None = None,
) -> str:
    """The text of results: a line for each run of one speaker and one language, under ``SPEAKER: ...`` when that changes.

    Args:
        tokens: the results.
        language: decides on the word delimiter, unless ``language_pack_info`` does.
        language_pack_info: of RecognitionStarted.
        speaker_labels: whether speakers are named.
        channel: a name to put before the text.
    """
    delimiter = "" if language in WITHOUT_SPACES else " "
    delimiter = (language_pack_info or {}).get("word_delimiter", delimiter)
    text, last_speaker = "", None
    for group in group_tokens(tokens):
        speaker = get_speaker(group[0])
        if speaker_labels and speaker and speaker != last_speaker:
            text += f"SPEAKER: {speaker}\n"
            last_speaker = speaker
        text += join_tokens(group, delimiter) + "\n"
    return f"{channel}: {text}".rstrip() if channel and text else text.rstrip()


def get_txt_translation(translations: Sequence[dict[str, Any]]) -> str:
    """The text of a translation's sentences; a sentence that begins with a new speaker has a line of its own."""
    text, last_speaker = "", None
    for sentence in translations:
        content, speaker = sentence.get("content"), sentence.get("speaker")
        if not content:
            continue
        if speaker and speaker != last_speaker:
            text += f"SPEAKER: {speaker}\n{content}\n"
            last_speaker = speaker
        else:
            text += f"{content} "
    return text.rstrip()


def group_tokens(tokens: Sequence[Token]) -> list[list[Token]]:
    """Runs of results of one speaker and one language."""
    return [list(run) for _, run in groupby(tokens, lambda token: (get_speaker(token), get_language(token)))]


def join_tokens(tokens: Sequence[Token], word_delimiter: str = " ") -> str:
    """The text of results; punctuation goes where its ``attaches_to`` says, to the word before it by default."""
    pieces: list[str] = []
    prefix = ""
    for token in tokens:
        content = get_content(token)
        if token["type"] in ("word", "entity"):
            pieces.append(f"{prefix}{content}")
            prefix = ""
            continue
        if token["type"] != "punctuation":
            continue
        attaches_to = token.get("attaches_to", "previous")
        if attaches_to == "next":
            prefix = content
        elif attaches_to == "none":
            pieces.append(content)
        elif attaches_to == "previous" and pieces:
            pieces[-1] += content
        elif attaches_to == "both" and pieces:
            prefix = pieces.pop() + content
    return word_delimiter.join([*pieces, prefix] if prefix else pieces)


def get_property_from_first_alternative(token: Token, prop: str) -> Any:
    """A property of the best reading of a result; None if it has no such property, or no reading."""
    alternatives = token.get("alternatives") or [{}]
    return alternatives[0].get(prop)


def get_language(token: Token) -> Any:
    """The language of a result, or None."""
    return get_property_from_first_alternative(token, "language")


def get_speaker(token: Token) -> Any:
    """The speaker of a result, or None."""
    return get_property_from_first_alternative(token, "speaker")


def get_content(token: Token) -> Any:
    """The text of a result, or None; of an entity, its written form."""
    if token["type"] == "entity":
        return get_content(token["written_form"][0])
    return get_property_from_first_alternative(token, "content")
