"""What is done to imports: a function is called right after a module was imported, or one name stands for another.

Standard library only: the stage loads this file by its path, also where this project is not installed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

Callback = Callable[[ModuleType], object]


class AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function when its module was imported; modules that the program never imports stay unimported.

    An exception of the function is the outcome of the import.

    Args:
        callbacks: full name of a module -> what is called with it.
    """

    def __init__(self, callbacks: Mapping[str, Callback]) -> None:
        self._callbacks = callbacks

    def install(self) -> None:
        """Watch all imports from now on, before every other finder."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """What the finders behind this one find, its loader made to call our function at the end."""
        if name not in self._callbacks:
            return None
        # Those before were asked already, and another of this kind would ask this one again.
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                if spec.loader is not None:
                    self._call_after(spec.loader, name)
                return spec
        return None

    def _call_after(self, loader: importlib.abc.Loader, name: str) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == name:  # the loader of a zip archive serves all its modules
                self._callbacks[name](module)

        loader.exec_module = exec_module  # type: ignore[method-assign]


class Alias(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the submodules of one package importable under another name too, as the same module objects.

    Args:
        alias: the other name of the package.
        name: its real name.
    """

    def __init__(self, alias: str, name: str) -> None:
        self._alias = alias + "."
        self._name = name + "."

    def install(self) -> None:
        """Answer for the alias from now on, before every other finder."""
        sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Ours for everything below the alias."""
        if not name.startswith(self._alias):
            return None
        if importlib.util.find_spec(self._real(name)) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        """Put the real module in the place of the empty one."""
        sys.modules[module.__name__] = importlib.import_module(self._real(module.__name__))

    def _real(self, name: str) -> str:
        return self._name + name.removeprefix(self._alias)
