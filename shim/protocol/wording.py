"""What a program wants to have otherwise in the text, and AssemblyAI cannot be told: words to replace, disfluencies,
punctuation marks that it does not take.

All of it is done word by word, so that partials and finals, results and text agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from shim.protocol.mapping.languages import DISFLUENCIES
from shim.protocol.mapping.replacements import Replacements
from shim.protocol.results import Pieces, take_apart


def wording(config: Mapping[str, Any], language: str) -> Callable[[str], Pieces]:
    """Takes a word apart as `take_apart` does, and makes of it what the program asked for.

    Args:
        config: ``transcription_config``, found to be right.
        language: its language.
    """
    filtering = config.get("transcript_filtering_config") or {}
    overrides = config.get("punctuation_overrides") or {}
    permitted = overrides.get("permitted_marks")
    if permitted is not None and "all" in permitted:
        permitted = None
    disfluencies = DISFLUENCIES.get(language)
    replacements = filtering.get("replacements") or []
    if permitted is None and not disfluencies and not replacements:
        return take_apart
    wishes = [
        None if permitted is None else sorted(set(permitted)),
        language if disfluencies else "",
        filtering.get("remove_disfluencies") is True,
        [[rule["from"], rule["to"]] for rule in replacements],
    ]
    return _wording(json.dumps(wishes))


@lru_cache(maxsize=16)
def _wording(wishes: str) -> Callable[[str], Pieces]:
    # Sessions that want the same share what was made of their words.
    permitted, language, remove, rules = json.loads(wishes)
    marks = None if permitted is None else frozenset(permitted)
    disfluencies = DISFLUENCIES.get(language, frozenset())
    replace = Replacements({"from": word, "to": to} for word, to in rules)

    @lru_cache(maxsize=8192)
    def pieces(text: str) -> Pieces:
        made = take_apart(text)
        word = made.word
        # ER is a department, er is none.
        disfluency = word.casefold() in disfluencies and (len(word) == 1 or not word.isupper())
        if not (disfluency and remove):
            word = replace(word) if word else ""
        before, after = made.before, made.after
        if marks is not None:
            before = tuple(mark for mark in before if mark in marks)
            after = tuple((mark, ends) for mark, ends in after if mark in marks)
        if made.word and (not word or (disfluency and remove)):
            return Pieces.left_out(after)
        return Pieces.of(before, word, after, disfluency)

    return pieces
