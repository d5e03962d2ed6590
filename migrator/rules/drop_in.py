"""The drop-in: the same program, with its WebSocket library redirected."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from migrator.analysis.source import Source
from migrator.dialects.raw import LIBRARIES
from migrator.dialects.session import Library, Session
from migrator.edits import Change, Note
from migrator.options import Options
from migrator.rules import endpoint
from migrator.rules.code import spelled, statements_instead
from migrator.rules.connection_parameters import start_message
from migrator.rules.rule import Rule
from shim.protocol.mapping.hosts import residency_warning
from shim.protocol.mapping.languages import DEFAULT_MODEL, choose
from shim.protocol.mapping.parameters import query_parameters


def propose(session: Session) -> Iterator[Change]:
    """Only import statements change, those of the libraries that may speak to Speechmatics."""
    for library in session.libraries:
        yield from _redirected(session.source, library)


def losses(session: Session, options: Options) -> Iterator[Note]:
    """What the program asks for and AssemblyAI has nothing for: the drop-in tells it with a Warning when it runs."""
    start = session.start
    if session.connection is not None:
        found = endpoint.address(session)
        warning = residency_warning(found[0]) if not isinstance(found, str) else None
        if warning and options.region == "auto":
            yield Note(session.connection.url.lineno, warning)
    if start is not None:
        message, _ = start_message(session)
        yield from lost(message, start.fields, start.call.lineno, options)


def lost(
    message: Mapping[str, Any], fields: Mapping[str, ast.expr], line: int, options: Options
) -> Iterator[Note]:
    """What is lost of a StartRecognition.

    Args:
        message: as far as it is known.
        fields: where its values stand, by path.
        line: where it stands itself.
    """
    language = message.get("transcription_config", {}).get("language")
    choice = choose(language, options.speech_model) if isinstance(language, str) else None
    if isinstance(language, str) and choice is None:
        yield Note(line, f"no AssemblyAI model has the language {language!r}; the drop-in refuses it")
    if choice is not None and choice.warning:
        yield Note(line, choice.warning)
    # What cannot be told of a key that is missing is no loss.
    _, notices = query_parameters(message, choice.model if choice else DEFAULT_MODEL, text=True)
    for notice in notices:
        if notice.level == "warning":
            path = next((path for path in fields if path.startswith(notice.path)), None)
            yield Note(fields[path].lineno if path else line, notice.reason)


def _redirected(source: Source, library: Library) -> Iterator[Change]:
    """A submodule that the drop-in does not have keeps its import, behind the first one that redirects."""
    reason = f"the drop-in is {library.name} itself, with its Speechmatics connections led to AssemblyAI"
    is_redirected = False
    for statement in sorted(library.imports(source.tree), key=lambda statement: statement.lineno):
        is_own = isinstance(statement, ast.ImportFrom) and (
            library.has_submodules or statement.module == library.module
        )
        if isinstance(statement, ast.ImportFrom) and not is_own and is_redirected:
            continue
        # One in a block may not be reached.
        is_redirected = is_redirected or statement in source.tree.body
        if is_own:
            position = source.text.index(library.module, source.start(statement) + len("from"))
            yield Change(position, position, "shim.", reason)
            continue
        lines = (
            [_redirect(library), source.segment(statement)]
            if isinstance(statement, ast.ImportFrom)
            else _plain(statement, library)
        )
        yield statements_instead(source, statement, lines, reason)


def is_used(tree: ast.Module) -> bool:
    """Whether a source uses the drop-ins already."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] == "shim"
        ):
            return True
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "shim" for alias in node.names):
            return True
    return False


def taken_out(source: Source) -> Iterator[Change]:
    """The imports of the drop-ins as they were, for a program that is to be rewritten after all."""
    reason = "the rewritten program needs no drop-in"
    modules = [library.module for library in LIBRARIES]
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.ImportFrom) or node.level:
            continue
        start, end = source.start(node), source.end(node)
        package, _, module = (node.module or "").partition(".")
        if node.module == "shim" and len(node.names) == 1 and node.names[0].name in modules:
            yield Change(start, end, f"import {spelled(node.names[0])}", reason)
        elif package == "shim" and module.split(".")[0] in modules:
            position = source.text.index("shim.", start)
            yield Change(position, position + len("shim."), "", reason)


def _redirect(library: Library) -> str:
    return f"from shim import {library.module}"


def _plain(statement: ast.Import, library: Library) -> list[str]:
    module = library.module
    others = [spelled(alias) for alias in statement.names if alias.name.split(".")[0] != module]
    lines = [f"import {', '.join(others)}"] if others else []
    for alias in statement.names:
        if alias.name == module:
            lines.append(_redirect(library) + (f" as {alias.asname}" if alias.asname else ""))
        elif alias.name.startswith(module + "."):
            lines += [_redirect(library), f"import {spelled(alias)}"]
    return lines


RULE = Rule(
    id="drop-in",
    title="Use the drop-in module",
    why=(
        "A program that cannot be rewritten with certainty runs unchanged with `from shim import websocket`, or with "
        "`from shim import websockets` and `from shim.websockets.exceptions import ...`: the messages "
        "that it sends and receives stay Speechmatics', and the drop-in translates them. The report says what prevented the "
        "rewrite.\n\n"
        "A program that uses speechmatics-python or speechmatics-rt imports `shim.speechmatics` instead, which has the same "
        "names, and needs the SDK no longer. What the drop-in does not have (batch transcription, text-to-speech, Flow) keeps "
        "its import. A real-time name that it does not have either keeps the whole file as it is."
    ),
    before="import websocket\n\nfrom speechmatics.rt import AsyncClient",
    after="from shim import websocket\n\nfrom shim.speechmatics.rt import AsyncClient",
)
