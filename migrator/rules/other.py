"""Findings that no single rewrite makes: differences that stay, code of other dialects, what was not rewritten."""

from __future__ import annotations

from migrator.rules.rule import Rule

FINALS_ARE_TURNS = Rule(
    id="finals-are-turns",
    title="Finals are whole turns",
    why=(
        "Speechmatics sends finals in pieces of a word or two, at most `max_delay` after they were spoken. AssemblyAI sends "
        "one final when the turn ends, without a space behind it, and repeats the whole turn in each partial. Code that "
        "shows, stores or joins finals keeps working; code that needs the first words early has to read partial Turns."
    ),
)

NOT_REWRITTEN = Rule(
    id="not-rewritten",
    title="What prevented a rewrite",
    why=(
        "A connection is rewritten whole or not at all. The finding names the line that could not be understood with "
        "certainty. With `--to auto` the program got the drop-in and works as before; change the line and run `migrate` "
        "again, or stay with the drop-in."
    ),
)

OTHER_DIALECT = Rule(
    id="other-dialect",
    title="Speechmatics code that is left to a person",
    why=(
        "Code that uses Speechmatics through another library, or another of its services, is not touched. The finding says "
        "what it is. `shim run` and `shim serve` let real-time programs of any kind use AssemblyAI without an edit; batch "
        "transcription and text-to-speech have no counterpart in AssemblyAI Streaming."
    ),
)

RULES = (FINALS_ARE_TURNS, NOT_REWRITTEN, OTHER_DIALECT)
