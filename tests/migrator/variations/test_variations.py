"""Small programs in the shapes that real code has, each beside what it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrator.engine import migrate_source
from migrator.options import Options

FOLDER = Path(__file__).parents[3] / "fixtures" / "programs"
PROGRAMS = [
    FOLDER / "guide",
    *sorted(
        path.parent for kind in ("variations", "websockets") for path in FOLDER.glob(f"{kind}/*/legacy.py")
    ),
]
NATIVE = [program for program in PROGRAMS if (program / "native.py").exists()]
SHIM = [program for program in PROGRAMS if (program / "shim.py").exists()]


def names(programs: list[Path]) -> list[str]:
    return [program.name for program in programs]


def test_every_program_has_one_expected_result() -> None:
    assert len(PROGRAMS) >= 40
    assert sorted(NATIVE + SHIM) == sorted(PROGRAMS)


@pytest.mark.parametrize("program", NATIVE, ids=names(NATIVE))
def test_an_understood_program_is_rewritten_exactly_so(program: Path) -> None:
    result = migrate_source("legacy.py", (program / "legacy.py").read_bytes(), Options())
    assert result.after.decode() == (program / "native.py").read_text(encoding="utf-8")
    assert (result.status, result.touch_points_left) == ("native", 0)


@pytest.mark.parametrize("program", SHIM, ids=names(SHIM))
def test_another_program_gets_the_drop_in_and_the_line_that_prevented_the_rewrite(program: Path) -> None:
    result = migrate_source("legacy.py", (program / "legacy.py").read_bytes(), Options())
    assert result.after.decode() == (program / "shim.py").read_text(encoding="utf-8")
    assert result.status == "shim"
    assert any(finding.rule == "not-rewritten" for finding in result.findings)


REASONS = {
    "address-from-environment": (41, "only known at run time"),
    "audio-from-queue": (42, "length of the audio"),
    "chosen-address": (14, "only known at run time"),
    "events-leave": (33, "self.on_event(), out of sight"),
    "fast-file": (32, "faster than real time"),
    "flow-control": (19, "acts on AudioAdded"),
    "injected": (1, "no connection is opened here"),
    "language-argument": (18, "language is only known at run time"),
    "language-without-model": (14, "'cs'"),
    "message-leaves": (29, "show(), out of sight"),
    "never-ended": (11, "never sends EndOfStream"),
    "no-end-of-stream": (40, "never sends EndOfStream"),
    "window-of-acks": (29, "acts on AudioAdded"),
}


@pytest.mark.parametrize("program", SHIM, ids=names(SHIM))
def test_the_reason_names_the_line_and_what_it_does(program: Path) -> None:
    result = migrate_source("legacy.py", (program / "legacy.py").read_bytes(), Options())
    reasons = [(f.line, f.message) for f in result.findings if f.rule == "not-rewritten"]
    line, words = REASONS[program.name]
    assert [(found, words in message) for found, message in reasons] == [(line, True)], reasons


@pytest.mark.parametrize("program", SHIM, ids=names(SHIM))
def test_only_import_lines_differ_with_the_drop_in(program: Path) -> None:
    before = (program / "legacy.py").read_text(encoding="utf-8").splitlines()
    after = (program / "shim.py").read_text(encoding="utf-8").splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed
    assert all("import" in old and "shim" in new for old, new in changed)


@pytest.mark.parametrize("program", SHIM, ids=names(SHIM))
def test_to_native_leaves_such_a_program_alone(program: Path) -> None:
    source = (program / "legacy.py").read_bytes()
    result = migrate_source("legacy.py", source, Options(to="native"))
    assert (result.status, result.after) == ("manual", source)
    assert result.touch_points_left == result.touch_points > 0


@pytest.mark.parametrize("program", SHIM, ids=names(SHIM))
def test_partial_marks_what_is_left_and_compiles(program: Path) -> None:
    result = migrate_source(
        "legacy.py", (program / "legacy.py").read_bytes(), Options(to="native", partial=True)
    )
    compile(result.after, "partial.py", "exec")
    assert result.status == "manual"
    assert result.after.count(b"# TODO(migrate): ") == sum(f.rule == "not-rewritten" for f in result.findings)


@pytest.mark.parametrize("program", PROGRAMS, ids=names(PROGRAMS))
def test_to_shim_takes_every_program(program: Path) -> None:
    result = migrate_source("legacy.py", (program / "legacy.py").read_bytes(), Options(to="shim"))
    assert result.status == "shim"
    assert b"shim" in result.after
    compile(result.after, "shim.py", "exec")


@pytest.mark.parametrize("program", PROGRAMS, ids=names(PROGRAMS))
def test_a_second_run_changes_nothing(program: Path) -> None:
    for expected in program.glob("[ns]*.py"):
        source = expected.read_bytes()
        result = migrate_source(expected.name, source, Options())
        assert (result.status, result.after, result.findings) == ("unchanged", source, ())


def test_the_code_of_another_vendor_in_the_same_file_stays_byte_for_byte() -> None:
    after = (FOLDER / "variations" / "other-vendor" / "native.py").read_text(encoding="utf-8")
    before = (FOLDER / "variations" / "other-vendor" / "legacy.py").read_text(encoding="utf-8")
    start, end = "DEEPGRAM = ", "done = "
    assert before[before.index(start) : before.index(end)] == after[after.index(start) : after.index(end)]
