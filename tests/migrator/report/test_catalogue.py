from pathlib import Path

import pytest

from migrator.report import catalogue
from migrator.rules import CATALOGUE

PAGE = Path(__file__).parents[3] / "docs" / "rules.md"


def test_the_page_of_the_rules_is_made_from_the_code():
    assert PAGE.read_text(encoding="utf-8") == catalogue.page(), (
        "write it anew: python -m migrator.report.catalogue > docs/rules.md"
    )


def test_every_rule_has_a_section_to_link_to():
    headings = [line for line in catalogue.page().splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted(f"### {name}" for name in CATALOGUE)


def test_the_list_has_a_line_for_each_rule():
    assert [line.split("  ")[0] for line in catalogue.listing().splitlines()] == list(CATALOGUE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_rule_is_explained_by_its_title_and_its_reasons(name):
    text = catalogue.explanation(name)
    assert text.startswith(f"{name}: {CATALOGUE[name].title}\n")
    assert CATALOGUE[name].why.strip() in text


def test_a_mistyped_rule_is_answered_with_the_nearest_one():
    assert catalogue.no_such_rule("endpiont") == "no rule 'endpiont'; did you mean endpoint?"
    assert catalogue.no_such_rule("zzz") == "no rule 'zzz'; --list-rules names them"
