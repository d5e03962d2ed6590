"""The rules: what each rewrite does and why, in the order in which they propose.

To add a rule: write a module with a function that takes the facts (`Session`) and the rewrite (`Plan`) and yields
proposals, describe it in a `Rule`, and put it into its place in `CONNECTION`. A rule never changes anything itself, and
an `Obstacle` from any of them keeps the whole unit as it is.
"""

from __future__ import annotations

from migrator.rules import (
    around,
    audio,
    authorization,
    connection_parameters,
    defects,
    drop_in,
    end_of_session,
    endpoint,
    errors,
    imports,
    leftovers,
    links,
    messages,
    no_counterpart,
    other,
    plugins,
    prose,
    sdk_client,
    sdk_handlers,
    sdk_names,
    sdk_transcripts,
    separators,
    sequence_numbers,
    temporary_token,
    transcripts,
)
from migrator.rules.rule import Rule

CONNECTION: tuple[Rule, ...] = (
    # Branches that go come first, so that nobody rewrites what stands in them.
    no_counterpart.RULE,
    sequence_numbers.RULE,
    endpoint.RULE,
    connection_parameters.RULE,
    temporary_token.RULE,
    authorization.RULE,
    messages.RULE,
    transcripts.RULE,
    separators.RULE,
    errors.RULE,
    audio.FORMAT,
    audio.CHUNK,
    audio.ADAPTER,
    end_of_session.RULE,
    # The last ones look at what the others leave.
    leftovers.RULE,
    imports.RULE,
    links.RULE,
    prose.RULE,
)
"""Applied all together or not at all."""

SDK: tuple[Rule, ...] = (
    sdk_client.CLIENT,
    sdk_client.PARAMETERS_RULE,
    sdk_handlers.RULE,
    sdk_transcripts.RULE,
    separators.RULE,
    sdk_client.SESSION,
    sdk_names.RULE,
    leftovers.RULE,
    imports.RULE,
    links.RULE,
    prose.RULE,
)
"""The same for programs that use a Speechmatics SDK."""

CATALOGUE: dict[str, Rule] = {
    rule.id: rule
    for rule in (*CONNECTION, *SDK, drop_in.RULE, plugins.RULE, *other.RULES, *defects.RULES, *around.RULES)
}
"""Every rule by its id."""
