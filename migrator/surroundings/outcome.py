"""What became of the code, as far as the files around it depend on it."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from migrator.result import FileResult, Status
from migrator.surroundings.packages import DROP_IN, FOLLOWED, SPEECHMATICS, SPEECHMATICS_KEY, distributions
from shim.settings import API_KEY_VARIABLE

_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")
_MODULE = re.compile(r"speechmatics(?:\.\w+)+")


@dataclass(frozen=True)
class Facts:
    """What a source says.

    Attributes:
        imports: dotted names that it imports, or names in texts as what a test replaces.
        texts: its texts that could be names of variables, and the fields of its settings, in upper case.
        is_unclear: it cannot be parsed, or imports by names of which not even the package is known before it runs.
    """

    imports: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()
    is_unclear: bool = False


def facts(source: bytes) -> Facts:
    """What a Python source says; of one that cannot be parsed nothing is known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user's escapes are not our subject
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Facts(is_unclear=True)
    imports: set[str] = set()
    texts: set[str] = set()
    is_unclear = False
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imports.update(alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                imports.update(f"{module}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__")
            ):
                match node.args[:1]:
                    case [ast.Constant(value=str(name))]:
                        imports.add(name)
                    case [ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_])] if "." in prefix:
                        imports.add(prefix.rpartition(".")[0])
                    case _:
                        is_unclear = True
            case ast.List(elts=[ast.Constant(value="speechmatics"), *_]):
                imports.add("speechmatics.cli")  # its command, run in a process
            case ast.Constant(value=str(text)) if _MODULE.fullmatch(text):
                imports.add(text)
            case ast.Constant(value=str(text)) if _VARIABLE.fullmatch(text):
                texts.add(text.upper())
            case ast.AnnAssign(target=ast.Name(id=name)):
                texts.add(name.upper())
    return Facts(frozenset(imports), frozenset(texts), is_unclear)


@dataclass(frozen=True)
class Module:
    """One source that mentions Speechmatics, before and after."""

    path: str
    status: Status
    before: Facts
    after: Facts
    is_changed: bool

    @property
    def needs(self) -> frozenset[str]:
        """Distributions that it needs from now on."""
        after = distributions(self.after.imports)
        new = after - distributions(self.before.imports) if self.is_changed else frozenset()
        return (new | (after & {DROP_IN})) - frozenset(SPEECHMATICS)


@dataclass(frozen=True)
class Outcome:
    """All modules of the run.

    Attributes:
        modules: the sources that mention Speechmatics, or use a drop-in.
        has_left_out: the user left files out that may use Speechmatics.
        texts_elsewhere: names of variables in programs that are not Python.
    """

    modules: tuple[Module, ...] = ()
    has_left_out: bool = False
    texts_elsewhere: frozenset[str] = frozenset()

    def below(self, folder: str) -> Outcome:
        """What became of the code in one folder; of all code if there is none in it."""
        prefix = f"{folder}/" if folder else ""
        modules = tuple(module for module in self.modules if module.path.startswith(prefix))
        return Outcome(modules or self.modules, self.has_left_out, self.texts_elsewhere)

    @cached_property
    def imported(self) -> frozenset[str]:
        """Distributions that the code imports afterwards."""
        return distributions(name for module in self.modules for name in module.after.imports)

    @cached_property
    def needs(self) -> frozenset[str]:
        """Distributions that the code needs from now on, because it was migrated."""
        return frozenset(name for module in self.modules for name in module.needs)

    @cached_property
    def uses_plugin(self) -> bool:
        """Whether some code uses Speechmatics by way of a framework, whose extra brings it."""
        return any(
            "speechmatics" in name.split(".")[1:] and not name.startswith("shim.")
            for module in self.modules
            for name in module.after.imports
        )

    @property
    def unclear(self) -> str:
        """Why it is not known what the code imports; empty where it is."""
        if self.has_left_out:
            return "files that were left out may use it"
        for module in self.modules:
            if module.after.is_unclear:
                return f"it is not clear what {module.path} imports"
        return ""

    def is_read(self, variable: str) -> bool:
        """Whether some code reads an environment variable afterwards, as far as is known.

        Speechmatics' own packages read the key without being told.
        """
        if variable == SPEECHMATICS_KEY and self.imported & FOLLOWED:
            return True
        return variable in self.texts_elsewhere or any(
            variable in module.after.texts or module.after.is_unclear for module in self.modules
        )

    @cached_property
    def reads_new_key(self) -> bool:
        """Whether some code reads AssemblyAI's key itself."""
        return any(API_KEY_VARIABLE in module.after.texts for module in self.modules)

    @cached_property
    def uses_drop_in(self) -> bool:
        """Whether some code runs on a drop-in, which reads AssemblyAI's key beside what the program reads."""
        return DROP_IN in self.imported

    @property
    def status(self) -> Status:
        """What a file around this code becomes when it is edited."""
        return "shim" if any(module.status == "shim" for module in self.modules) else "native"


def module_of(result: FileResult) -> Module:
    """What became of one source."""
    before = facts(result.before)
    after = facts(result.after) if result.changed else before
    return Module(result.path, result.status, before, after, result.changed)


def outcome_of(results: Iterable[FileResult], has_left_out: bool) -> Outcome:
    """What became of the code of a run."""
    return Outcome(tuple(module_of(result) for result in results), has_left_out)
