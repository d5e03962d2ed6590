"""Which package may import which, and what must not be imported before it is needed (docs/architecture.md)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module and what lies in it -> what of ours it may import. The longest prefix that fits counts.
WALLS = {
    "shim": ("shim",),
    "shim.protocol": ("shim.protocol",),
    "shim.clock": (),
    "shim.settings": (),
    "migrator": ("migrator", "shim.protocol", "shim.settings"),
    "migrator.rehearsal": ("migrator", "shim.protocol", "shim.settings", "shim.emulator", "shim.clock"),
}
# Importing any of these takes longer than a small project needs.
HEAVY = ("asyncio", "libcst", "multiprocessing", "numpy", "pathspec", "rich", "tomlkit", "websockets")


def modules() -> Iterator[tuple[str, Path]]:
    for package in ("migrator", "shim"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(module: str, path: Path) -> Iterator[str]:
    """The full names of the modules of ours that a file imports, anywhere in it."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            # "from shim import emulator" imports shim.emulator; "from shim.clock import Clock" stays in shim.clock.
            names = [f"{base}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.split(".")[0] in ("migrator", "shim"))


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def allowed(module: str) -> tuple[str, ...]:
    return WALLS[max((wall for wall in WALLS if within(module, wall)), key=len)]


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if "/" not in str(value) else ""
)
def test_a_module_imports_only_what_the_walls_allow(module, path):
    broken = [
        name for name in imports(module, path) if not any(within(name, wall) for wall in allowed(module))
    ]
    assert broken == []


def test_the_walls_see_every_way_to_import(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import shim.server, os\n"
        "def later():\n"
        "    from shim import emulator\n"
        "    from . import scene\n"
        "    from ..clock import Clock\n"
        "    from .. import settings as s\n"
    )
    assert list(imports("shim.emulator.module", path)) == [
        "shim.server",
        "shim.emulator",
        "shim.emulator.scene",
        "shim.clock.Clock",
        "shim.settings",
    ]


def heavy_modules_after(code: str, folder: Path) -> str:
    """The heavy modules that a fresh interpreter has after it ran the code, in order, by comma."""
    report = f"import sys; print(*sorted(set({HEAVY!r}) & sys.modules.keys()), sep=',')"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["nowhere"], ["."], ["--check"], ["--write"], ["--jobs", "4", "."]],
)
def test_nothing_heavy_is_imported_without_a_candidate(arguments, tmp_path):
    (tmp_path / "plain.py").write_text("import asyncio, numpy\n")
    code = f"from migrator.cli import main\ntry: main({arguments!r})\nexcept SystemExit: pass"
    assert heavy_modules_after(code, tmp_path) == ""


def test_the_tables_and_the_translator_import_no_asyncio(tmp_path):
    names = [module for module, _ in modules() if within(module, "shim.protocol")]
    code = "import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in names)
    assert "asyncio" not in heavy_modules_after(code, tmp_path)
