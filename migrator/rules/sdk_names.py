"""What is left of an SDK once its client, handlers and configuration are rewritten: nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.dialects.sdk_session import SdkSession
from migrator.rules.code import spelled, statements_instead
from migrator.rules.imports import without_aliases
from migrator.rules.rule import Obstacle, Plan, Proposal, Rule, Session
from migrator.rules.sdk_handlers import STREAMING

_LONGEST_LINE = 88
_REASON = "the rewritten program does not need the SDK"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The imports go; a name that is still read keeps the program as it is."""
    assert isinstance(session, SdkSession)
    program = session.program
    for use in program.uses:
        if not plan.is_removed(use.node):
            name = use.path.rpartition(".")[2]
            yield Obstacle(use.node.lineno, f"{name} is used in a way that no rule covers")
    for text in program.texts:
        yield Obstacle(text.lineno, f"{text.value!s} is named in a text")
    aliases = [found.alias for found in program.imported if found.alias is not None]
    statements = [
        statement
        for statement in dict.fromkeys(found.node for found in program.imported)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    first = next((s for s in statements if isinstance(session.names.parents[s], ast.Module)), None)
    for statement in statements:
        if statement is first:
            kept = [spelled(alias) for alias in statement.names if alias not in aliases]
            lines = [f"import {', '.join(kept)}"] if kept else []
            lines += _imports(session, plan)
            yield statements_instead(session.source, statement, lines, "the client of the assemblyai package")
        else:
            yield from without_aliases(session, statement, aliases, _REASON)


def _imports(session: SdkSession, plan: Plan) -> Iterator[str]:
    """The imports that take the place of those of the SDK."""
    modules: dict[str, set[str]] = {}
    for need in plan.needs:
        if need.module == STREAMING or need.module.split(".")[0] == "shim":
            modules.setdefault(need.module, set()).add(need.name)
    for module, names in sorted(modules.items()):
        line = f"from {module} import {', '.join(sorted(names))}"
        if len(line) > _LONGEST_LINE:
            inner = f"\n{session.source.indent}"
            line = f"from {module} import ({inner}{f',{inner}'.join(sorted(names))},\n)"
        yield line


RULE = Rule(
    id="sdk-names",
    title="Remove the imports of the Speechmatics SDK",
    why=(
        "A program is rewritten only where every use of the SDK is understood. Then nothing of it is needed, and the imports go; "
        "with a use left, the program keeps the SDK's names and imports them from the drop-in."
    ),
    before="from speechmatics.client import WebsocketClient",
    after="from assemblyai.streaming.v3 import (\n    StreamingClient,\n    ...\n)",
    propose=propose,
)
