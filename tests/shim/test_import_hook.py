"""Functions that are called after an import, and packages under a second name."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from shim.import_hook import AfterImport, Alias


@pytest.fixture(autouse=True)
def _restore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def package(tmp_path: Path) -> None:
    folder = tmp_path / "hooked"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("ready = 1")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "module.py").write_text("class Thing: pass")


@pytest.mark.usefixtures("package")
def test_the_function_is_called_once_when_the_module_is_complete() -> None:
    called: list[tuple[str, int]] = []
    AfterImport({"hooked": lambda module: called.append((module.__name__, module.ready))}).install()
    assert called == []
    importlib.import_module("hooked")
    importlib.import_module("hooked")
    importlib.import_module("hooked.inner")
    assert called == [("hooked", 1)]


@pytest.mark.usefixtures("package")
def test_two_hooks_of_one_module_are_both_called() -> None:
    called: list[int] = []
    AfterImport({"hooked": lambda _: called.append(1)}).install()
    AfterImport({"hooked": lambda _: called.append(2)}).install()
    importlib.import_module("hooked")
    assert called == [1, 2]


@pytest.mark.usefixtures("package")
def test_a_module_that_is_imported_again_is_handled_again() -> None:
    called: list[str] = []
    AfterImport({"hooked": lambda module: called.append(module.__name__)}).install()
    importlib.reload(importlib.import_module("hooked"))
    assert called == ["hooked", "hooked"]


def test_modules_of_one_archive_are_told_apart(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("hooked_in_archive.py", "")
        archive.writestr("other_in_archive.py", "")
    sys.path.insert(0, str(tmp_path / "archive.zip"))
    called: list[str] = []
    AfterImport({"hooked_in_archive": lambda module: called.append(module.__name__)}).install()
    importlib.import_module("hooked_in_archive")
    importlib.import_module("other_in_archive")
    assert called == ["hooked_in_archive"]


def test_a_module_that_nobody_has_is_still_missing() -> None:
    AfterImport({"no_such_module": lambda module: None}).install()
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        importlib.import_module("no_such_module")


@pytest.mark.usefixtures("package")
def test_an_exception_of_the_function_is_the_outcome_of_the_import() -> None:
    def refuse(module: ModuleType) -> None:
        raise ImportError(f"{module.__name__} is too old")

    AfterImport({"hooked": refuse}).install()
    with pytest.raises(ImportError, match="too old"):
        importlib.import_module("hooked")


@pytest.mark.usefixtures("package")
def test_an_alias_gives_the_very_modules() -> None:
    Alias("another.name", "hooked").install()
    sys.modules["another"] = ModuleType("another")
    sys.modules["another.name"] = importlib.import_module("hooked")
    aliased = importlib.import_module("another.name.inner.module")
    assert aliased is importlib.import_module("hooked.inner.module")
    assert aliased.__spec__ is not None
    assert aliased.__spec__.name == aliased.Thing.__module__ == "hooked.inner.module"


@pytest.mark.usefixtures("package")
def test_an_alias_has_no_module_that_the_package_has_not() -> None:
    Alias("another.name", "hooked").install()
    sys.modules["another.name"] = importlib.import_module("hooked")
    with pytest.raises(ModuleNotFoundError, match=r"another\.name\.nothing"):
        importlib.import_module("another.name.nothing")
