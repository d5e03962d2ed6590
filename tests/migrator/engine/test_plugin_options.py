"""Every option of the newest plugins, on both sides: kept, renamed, or listed with what is lost."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrator.dialects import plugins
from migrator.dialects.plugins import FRAMEWORKS, Framework

pytestmark = pytest.mark.environment

LIVEKIT, PIPECAT = FRAMEWORKS
FILES = {
    LIVEKIT.name: ("livekit/plugins/speechmatics/stt.py", "livekit/plugins/assemblyai/stt.py"),
    PIPECAT.name: ("pipecat/services/speechmatics/stt.py", "pipecat/services/assemblyai/stt.py"),
}
IN_OBJECTS = {PIPECAT.name: ("InputParams", "SpeechmaticsSTTSettings", "AssemblyAISTTSettings")}
"""Classes whose fields are options, too."""

BASES = {PIPECAT.name: (("pipecat/services/stt_service.py", "STTService"),)}
"""Classes above the services, whose options they pass on."""

SETTINGS = {"language", "model"}
"""Fields that every settings object of Pipecat inherits."""

KEPT = (
    plugins.PATHS.keys()
    | plugins.CONNECTION
    | plugins.SAME
    | plugins.WITHOUT_LOSS
    | plugins.NESTED
    | {"enable_diarization"}
)
KNOWN = KEPT | plugins.ALIASES.keys() | plugins.LOST.keys()


@dataclass(frozen=True)
class Vendor:
    """The two plugins of one framework, as sources.

    Attributes:
        old: options of Speechmatics' plugin, and what its older versions took.
        new: options of AssemblyAI's.
    """

    framework: Framework
    old: frozenset[str]
    deprecated: frozenset[str]
    new: frozenset[str]


def parameters(tree: ast.Module, name: str) -> Iterator[str]:
    """The keywords of a class's constructor."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    yield from (
                        a.arg for a in (*method.args.args, *method.args.kwonlyargs) if a.arg != "self"
                    )


def fields(tree: ast.Module, names: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in names:
            for line in node.body:
                if (
                    isinstance(line, ast.AnnAssign)
                    and isinstance(line.target, ast.Name)
                    and line.target.id.islower()
                ):
                    yield line.target.id


def deprecated(tree: ast.Module) -> Iterator[str]:
    """The names in the tables of what older versions took: keys of dicts, or the first of each pair."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(
                target=ast.Name(id="_DROPPED_ARGS" | "_MIGRATED_ARGS"), value=ast.Dict(keys=keys)
            ):
                yield from (key.value for key in keys if isinstance(key, ast.Constant))
            case ast.Assign(targets=[ast.Name(id="deprecated_args")], value=ast.List(elts=pairs)):
                yield from (ast.literal_eval(pair)[0] for pair in pairs)


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=lambda framework: framework.package[0])
def vendor(request: pytest.FixtureRequest, environment_python: Callable[[str], Path]) -> Vendor:
    framework: Framework = request.param
    (packages,) = environment_python("plugins").parents[1].glob("lib/python3*/site-packages")
    trees = [ast.parse((packages / file).read_bytes()) for file in FILES[framework.name]]
    bases = {
        name
        for file, owner in BASES.get(framework.name, ())
        for name in parameters(ast.parse((packages / file).read_bytes()), owner)
    }
    inner = IN_OBJECTS.get(framework.name, ())
    inherited = SETTINGS if framework.in_settings else set()
    old, new = (
        frozenset({*parameters(tree, service), *fields(tree, inner), *bases, *inherited})
        for tree, service in zip(trees, framework.service, strict=True)
    )
    assert {"api_key", "sample_rate"} <= old & new, "the plugin has another form now"
    return Vendor(framework, old, frozenset(deprecated(trees[0])), new)


def test_every_option_of_speechmatics_is_kept_renamed_or_listed(vendor: Vendor) -> None:
    passed_on = {"keepalive_timeout", "keepalive_interval"}  # of the framework: no service asks for them
    assert sorted((vendor.old | vendor.deprecated) - KNOWN - passed_on) == []


def test_every_option_that_is_written_for_assemblyai_is_one(vendor: Vendor) -> None:
    written = vendor.framework.keywords | {"api_key", "model", vendor.framework.address}
    if vendor.framework.in_settings:
        written |= {"settings"}
    assert sorted(written - vendor.new) == []
    assert sorted((plugins.SAME & vendor.old) - vendor.new) == []


def test_no_option_is_listed_that_neither_framework_has(environment_python: Callable[[str], Path]) -> None:
    (packages,) = environment_python("plugins").parents[1].glob("lib/python3*/site-packages")
    sources = "".join((packages / files[0]).read_text(encoding="utf-8") for files in FILES.values())
    sources += (packages / "pipecat/services/stt_service.py").read_text(encoding="utf-8")
    assert [
        name for name in sorted(KNOWN | plugins.DEFAULTS.keys()) if not re.search(rf"\b{name}\b", sources)
    ] == []


def test_an_option_has_one_fate() -> None:
    assert plugins.LOST.keys() & KEPT == set()
    assert plugins.DEFAULTS.keys() <= plugins.LOST.keys()
    assert set(plugins.ALIASES.values()) <= KEPT
