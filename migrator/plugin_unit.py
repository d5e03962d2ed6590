"""Decides for a program that uses a framework's Speechmatics plugin: AssemblyAI's plugin, or leave to a person."""

from __future__ import annotations

from migrator import unit
from migrator.dialects.plugins import PluginProgram
from migrator.edits import Change, Need, Note, Obstacle, OverlapError, Removal, apply, lower_removals
from migrator.options import Options
from migrator.result import Edit, Finding
from migrator.rules import imports, plugins
from migrator.unit import Rewrite


def rewrite(program: PluginProgram, options: Options) -> Rewrite:
    """The program with AssemblyAI's plugin; obstacles say what would be lost."""
    source, names = program.source, program.names
    proposals = list(plugins.propose(program, options))
    proposals += imports.missing(source, names, [p for p in proposals if isinstance(p, Need)])
    obstacles = list(dict.fromkeys(p for p in proposals if isinstance(p, Obstacle)))
    notes = [unit.finding(p.line, plugins.RULE.id, p.message) for p in proposals if isinstance(p, Note)]
    lowered = lower_removals(source, names, [p for p in proposals if isinstance(p, Removal)])
    changes = [*(p for p in proposals if isinstance(p, Change)), *(change for _, change in lowered)]
    edits = [Edit(source.line_of(change.start), plugins.RULE.id, change.reason) for change in changes]
    if obstacles:
        return Rewrite(source.text, obstacles=obstacles)
    try:
        return Rewrite(apply(source, changes), sorted(set(edits)), sorted(set(notes)))
    except (OverlapError, ValueError) as error:
        return Rewrite(source.text, obstacles=[Obstacle(1, str(error))])


def kept(program: PluginProgram, obstacles: list[Obstacle]) -> list[Finding]:
    """What a person is told whose plugin stays: what it is, and line by line what AssemblyAI's would lose."""
    line = program.imports[0][0].lineno
    why = (
        f"uses {program.framework.name}, which stays. Its current versions speak another protocol (/v2/agent), which "
        "`shim run` and `shim serve` do not serve; AssemblyAI has a plugin for the same framework"
    )
    return [
        unit.finding(line, plugins.RULE.id, why),
        *(
            unit.finding(o.line, plugins.RULE.id, f"lost with AssemblyAI's plugin, or not known: {o.message}")
            for o in obstacles
        ),
    ]
