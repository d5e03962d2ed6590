"""The tables as a document: ``python -m shim.protocol.mapping.document > docs/mapping.md``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shim.protocol.mapping import errors, hosts, languages, messages, parameters

_INTRODUCTION = """\
# From Speechmatics real-time to AssemblyAI Streaming v3

What the codemod and the drop-ins do with every host, setting, message, error and language. This file is generated
from `shim/protocol/mapping/`: `python -m shim.protocol.mapping.document > docs/mapping.md`."""

_TREATMENTS = """\
**Mapped** keys become query parameters of AssemblyAI. **Local** ones are done by the drop-in; rewritten code has to do
without or do it itself. **Warned** ones are lost: the drop-in says so in a Speechmatics Warning, the codemod in a
finding. **Needless** ones are left out and nothing is lost. Any other key gives a warning that names it."""


def document() -> str:
    """The whole document, as Markdown."""
    return (
        "\n\n".join(
            [
                _INTRODUCTION,
                *_hosts(),
                *_parameters(),
                *_messages(),
                *_errors(),
                *_languages(),
            ]
        )
        + "\n"
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _code(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _hosts() -> list[str]:
    rows = [
        [_code(host.name), _code(hosts.ASSEMBLYAI_HOSTS[host.region].name), host.region, host.note]
        for host in hosts.SPEECHMATICS_HOSTS.values()
    ]
    return [
        "## Hosts",
        _table(["Speechmatics", "AssemblyAI", "Region", "Note"], rows),
        f"The path is always `{hosts.STREAMING_PATH}`, whatever the old one was. Temporary keys of "
        f"`{hosts.MANAGEMENT_HOST}` become temporary tokens: `GET https://(the same host){hosts.TOKEN_PATH}`. Any other "
        "host, on-premises ones above all, is led nowhere until it is configured.",
        f"A host whose region is global: {hosts.NO_RESIDENCY}",
    ]


def _parameters() -> list[str]:
    rows = [
        [_code(row.path), row.treatment.value, _code(*row.assemblyai), row.note]
        for row in parameters.PARAMETERS.values()
    ]
    return ["## Settings", _TREATMENTS, _table(["StartRecognition", "Treatment", "AssemblyAI", "How"], rows)]


def _messages() -> list[str]:
    sections = [
        ("From a Speechmatics client", "Speechmatics", "AssemblyAI", messages.CLIENT_MESSAGES),
        ("From a Speechmatics server", "Speechmatics", "AssemblyAI", messages.SERVER_MESSAGES),
        ("From an AssemblyAI client", "AssemblyAI", "Speechmatics", messages.ASSEMBLYAI_CLIENT_MESSAGES),
        ("From an AssemblyAI server", "AssemblyAI", "Speechmatics", messages.ASSEMBLYAI_SERVER_MESSAGES),
    ]
    text = ["## Messages"]
    for title, own, other, table in sections:
        rows = ([_code(row.name), row.counterpart, row.note] for row in table.values())
        text += [f"### {title}", _table([own, other, "How"], rows)]
    fields = (
        [_code(row.speechmatics), _code(row.assemblyai) if row.assemblyai else "", row.note]
        for row in messages.FIELDS
    )
    return [*text, "### Fields", _table(["Speechmatics", "AssemblyAI", "How"], fields)]


def _errors() -> list[str]:
    said = (
        [
            str(row.code),
            _code(row.pattern) if row.pattern else "",
            _code(row.type),
            str(errors.SPEECHMATICS_CLOSE_CODES[row.type]),
            "yes" if row.retry else "no",
            row.sentence,
        ]
        for row in errors.ERRORS
    )
    failed = (
        [
            kind.value.replace("_", " "),
            _code(row.type),
            str(errors.SPEECHMATICS_CLOSE_CODES[row.type]),
            "yes" if row.retry else "no",
            row.sentence,
        ]
        for kind, row in errors.FAILURES.items()
    )
    return [
        "## Errors",
        "What AssemblyAI says, by its code and what its text contains (the first row that fits counts), and the "
        "Speechmatics Error that a program gets for it. Retry: whether a new connection can help. An unknown code is "
        "an `unknown_error`.",
        _table(["Code", "Text", "Error", "Close code", "Retry", "Reason"], said),
        "What fails on the way:",
        _table(["Failure", "Error", "Close code", "Retry", "Reason"], failed),
    ]


def _languages() -> list[str]:
    rows = []
    for language in languages.LANGUAGES.values():
        choice = languages.choose(language.code)
        rows.append(
            [
                _code(language.code),
                language.description,
                _code(choice.model) if choice else "none: the Error `invalid_language`",
                _code(*choice.language_codes) if choice else "",
            ]
        )
    models = (
        [_code(model.name), model.family, " ".join(sorted(model.languages)), model.note]
        for model in languages.MODELS.values()
    )
    takes = (
        [_code(model.name), _code(*sorted(model.parameters)), _code(*sorted(model.updates))]
        for model in languages.MODELS.values()
    )
    return [
        "## Languages",
        _table(["Speechmatics", "Language", "`speech_model`", "`language_codes`"], rows),
        "## Models",
        _table(["`speech_model`", "Family", "Languages", "Note"], models),
        "What each takes, and what UpdateConfiguration may change:",
        _table(["`speech_model`", "Query parameters", "Updates"], takes),
    ]


if __name__ == "__main__":
    print(document(), end="")
