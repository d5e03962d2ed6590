"""What the migration of one file costs beside parsing it once."""

from pathlib import Path

import libcst

from migrator.engine import migrate_source
from migrator.options import Options

LEGACY = Path(__file__).parents[2] / "fixtures" / "programs" / "guide" / "legacy.py"


def test_the_guides_program_costs_a_few_parses(best_of, table):
    source = LEGACY.read_bytes()
    parse = best_of(lambda: libcst.parse_module(source), 20)
    migrate = best_of(lambda: migrate_source("legacy.py", source, Options()), 10)
    assert migrate_source("legacy.py", source, Options()).changed
    table("The guide's program", [("libcst.parse_module", parse), ("migrate_source", migrate)])
    assert migrate < 20 * parse
