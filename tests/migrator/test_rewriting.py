"""Changes carried out on the tree: what they name is replaced, and everything else comes out as it went in."""

from __future__ import annotations

import ast
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator import rewriting
from migrator.analysis.source import Source, SourceError
from migrator.edits import Change, OverlapError, apply

PROGRAMS = sorted((Path(__file__).parents[2] / "fixtures" / "programs").rglob("legacy.py"))

BEFORE = """\
# What the file is about

import json  # to write

def f(x):
    # why
    if x:
        y = 1

        z = 2
    elif y:
        g()
    return y
print(f)
"""


def changed(text: str, *pairs: tuple[str, str]) -> str:
    """``text`` with each first string replaced by the second; an empty second one deletes."""
    source = Source(text.encode())
    changes = [
        Change(source.text.index(old), source.text.index(old) + len(old), new, "a reason")
        for old, new in pairs
    ]
    return apply(source, changes)


def replaced_statements(text: str, *pairs: tuple[str, str]) -> list[str]:
    """The first line of each old statement that is replaced, in order."""
    source = Source(text.encode())
    module, whole = rewriting._parsed(source)
    changes = [Change(text.index(old), text.index(old) + len(old), new, "a reason") for old, new in pairs]
    found: dict[cst.CSTNode, list[cst.BaseStatement]] = {}
    assert rewriting._replace(source, module, whole, changes, found)
    return [module.code_for_node(node).strip().splitlines()[0] for node in found]


@pytest.mark.parametrize(
    ("old", "new", "statement"),
    [
        pytest.param("y = 1", "y = 10", "y = 1", id="a value"),
        pytest.param("        y = 1\n", "", "y = 1", id="a line that goes"),
        pytest.param("        y = 1\n", "        y = 1\n        w = 3\n", "y = 1", id="a line that comes"),
        pytest.param("# why\n", "# why not\n", "# why", id="a comment"),
        pytest.param("  # to write", "", "import json  # to write", id="a comment at the end"),
    ],
)
def test_only_the_smallest_statement_is_replaced(old: str, new: str, statement: str) -> None:
    assert changed(BEFORE, (old, new)) == BEFORE.replace(old, new)
    assert replaced_statements(BEFORE, (old, new)) == [statement]


def test_each_change_has_a_statement_of_its_own() -> None:
    assert replaced_statements(BEFORE, ("json", "os"), ("z = 2", "z = 3")) == [
        "import json  # to write",
        "z = 2",
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("indent", ["    ", "  ", "\t"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_line_ends_indentation_and_the_end_of_the_file_stay(newline: str, indent: str, end: str) -> None:
    before = (BEFORE.rstrip() + end).replace("    ", indent).replace("\n", newline)
    pairs = [
        ("json", "os"),
        ("z = 2", f"z = 3\n{indent}{indent}w = [\n{indent}4]"),
        ("g()", "pass"),
        ("print", "show"),
    ]
    expected = before
    for old, new in pairs:
        expected = expected.replace(old, new.replace("\n", newline), 1)
    assert changed(before, *pairs) == expected


def test_a_change_of_the_comments_at_the_head_of_the_file() -> None:
    assert changed(BEFORE, ("What the file", "All that it")) == BEFORE.replace("What the file", "All that it")


def test_a_line_behind_a_block_does_not_get_into_it() -> None:
    assert (
        changed("if x:\n    y = 1\nz = 2\n", ("z = 2", "w = 3\nz = 2")) == "if x:\n    y = 1\nw = 3\nz = 2\n"
    )
    source = Source(b"if x:\n    y = 1\nz = 2\n")
    assert apply(source, [Change(16, 16, "w = 3\n", "a reason")]) == "if x:\n    y = 1\nw = 3\nz = 2\n"


def test_two_changes_of_the_same_text_are_refused() -> None:
    with pytest.raises(OverlapError, match="line 8"):
        changed(BEFORE, ("y = 1", "y = 2"), ("= 1", "= 3"))


def test_the_same_change_twice_counts_once() -> None:
    assert changed(BEFORE, ("y = 1", "y = 2"), ("y = 1", "y = 2")) == BEFORE.replace("y = 1", "y = 2")


@pytest.mark.parametrize("new", ["y = = 1", "y = (1", "y = 1\nz = 1"])
def test_what_would_be_no_python_is_refused(new: str) -> None:
    with pytest.raises(ValueError, match="is no Python"):
        changed(BEFORE, ("y = 1", new))


def test_line_ends_that_libcst_does_not_keep_are_refused() -> None:
    with pytest.raises(SourceError, match="line ends"):
        apply(Source(b"x = 1\ry = 2\r"), [Change(0, 1, "z", "a reason")])


@settings(deadline=None)
@given(data=st.data())
def test_any_statements_of_a_program_can_be_replaced(data: st.DataObject) -> None:
    source = Source(data.draw(st.sampled_from(PROGRAMS)).read_bytes())
    statements = [node for node in ast.walk(source.tree) if isinstance(node, ast.stmt)]
    chosen = data.draw(st.lists(st.sampled_from(statements), max_size=5, unique_by=id))
    spans = sorted((source.start(node), source.end(node)) for node in chosen)
    apart = [span for i, span in enumerate(spans) if not any(a <= span[0] < b for a, b in spans[:i])]
    expected, position = "", 0
    for start, end in apart:
        expected, position = expected + source.text[position:start] + "pass", end
    changes = [Change(start, end, "pass", "a reason") for start, end in apart]
    assert apply(source, changes) == expected + source.text[position:]
