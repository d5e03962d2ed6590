"""Properties of programs that were divided into modules: what is one program in one file is one in several."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from migrator.analysis.scan import residue
from migrator.analysis.source import Source
from migrator.engine import migrate_source
from migrator.options import Options
from tests.migrator.units import splits
from tests.migrator.units.projects import Project

FOLDER = Path(__file__).parents[3] / "fixtures" / "programs"
PROGRAMS = [
    path.parent
    for kind in ("guide", "variations/*", "websockets/*")
    for path in FOLDER.glob(f"{kind}/legacy.py")
]
PICKS: dict[str, Callable[[ast.Module], list[ast.stmt]]] = {
    "constants": lambda tree: list(splits.constants(tree)),
    "functions": lambda tree: list(splits.functions(tree)),
}
DIVIDED = [
    pytest.param(files, program, id=f"{program.name}-{what}-{style}")
    for program in sorted(PROGRAMS)
    for what, pick in PICKS.items()
    for style in ("from", "module")
    if (files := splits.divided(program / "legacy.py", pick, style))
]


def code(text: str) -> list[str]:
    """The lines of a program in any order, without imports, blank lines, comments and texts."""
    tree = ast.parse(text)
    kept = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Import | ast.ImportFrom):
            is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not is_text and not hasattr(node, "body"):
                kept.append(ast.unparse(node))
    return sorted(kept)


@pytest.mark.parametrize(("files", "program"), DIVIDED)
def test_a_divided_program_is_whole_settled_and_accounted_for(files: dict[str, str], program: Path) -> None:
    project = Project(files, Options())
    for path, text in project.after.items():
        compile(text, path, "exec", dont_inherit=True)
    statuses = set(project.statuses.values())
    assert statuses <= {"native", "unchanged"} or statuses <= {"shim", "unchanged"}, project.statuses
    assert all(result.touch_points_left == 0 for result in project.results.values())
    if "native" in statuses:
        assert not any(residue(Source(text.encode())) for text in project.after.values())
        assert (program / "native.py").exists()
    else:
        assert project.reasons() != []
    again = project.again()
    assert again.changed == []
    assert set(again.statuses.values()) <= {"unchanged"}


@pytest.mark.parametrize(("files", "program"), DIVIDED)
def test_dividing_and_rewriting_commute(files: dict[str, str], program: Path) -> None:
    project = Project(files, Options())
    whole = migrate_source("main.py", (program / "legacy.py").read_bytes(), Options())
    if whole.status != "native" or "native" not in project.statuses.values():
        pytest.skip("not rewritten in both forms")
    divided = [line for text in project.after.values() for line in code(text.replace("parts.", ""))]
    assert set(code(whole.after.decode())) - set(divided) <= UNLIKE.get(program.name, set())


UNLIKE = {
    # The rate is a constant of another file, whose name means nothing where the connection is opened: its value is written.
    "handed-to-functions": {
        "audio = framing.AsyncSender(ws.send, encoding='pcm_s16le', sample_rate=SAMPLE_RATE)",
        "connection_params = {'speech_model': 'universal-3-6-pro', 'language_codes': 'en', 'encoding': 'pcm_s16le', "
        "'sample_rate': SAMPLE_RATE}",
        "SAMPLE_RATE = 16000",
    },
    "reader-thread": {
        "connection_params = {'speech_model': 'universal-3-6-pro', 'language_codes': 'de', 'encoding': 'pcm_s16le', "
        "'sample_rate': RATE, 'include_partial_turns': 'false'}",
    },
}


def test_most_of_what_is_rewritten_in_one_file_is_rewritten_in_several() -> None:
    native = [param.values for param in DIVIDED if (param.values[1] / "native.py").exists()]
    rewritten = [files for files, _ in native if "native" in Project(files, Options()).statuses.values()]
    assert len(rewritten) >= 0.9 * len(native) > 20
