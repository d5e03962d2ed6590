"""The Speechmatics plugin of a framework becomes AssemblyAI's plugin of the same framework, where nothing is lost."""

from __future__ import annotations

import ast
import json
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from migrator.analysis.names import UNKNOWN
from migrator.analysis.outside import environment_variable
from migrator.analysis.source import Source
from migrator.dialects import plugins
from migrator.dialects.plugins import Made, PluginProgram
from migrator.edits import Change, Need, Note, Obstacle, Proposal, Removal
from migrator.options import Options
from migrator.rules.authorization import KEY_VARIABLE
from migrator.rules.code import item_removal, literal, python_value, spelled
from migrator.rules.rule import Rule
from shim.protocol.mapping.hosts import (
    DEFAULT_SPEECHMATICS_URL,
    STREAMING_PATH,
    region_of,
    residency_warning,
    streaming_url,
)
from shim.protocol.mapping.languages import choose, model_named
from shim.protocol.mapping.parameters import PARAMETERS, Treatment, query_parameters

_REASON = "AssemblyAI's plugin of the same framework"
_LONGEST_LINE = 88
_SAID_ELSEWHERE = frozenset({"speech_model", "encoding", "sample_rate"})


def propose(program: PluginProgram, options: Options) -> Iterator[Proposal]:
    """Imports and constructors; an obstacle for everything that would be lost."""
    for node in program.others:
        yield Obstacle(node.lineno, f"{program.source.segment(node)} of the plugin has no counterpart here")
    if not program.made:
        statement, alias = program.imports[0]
        yield Obstacle(statement.lineno, f"{alias.name} is imported, and no service is made of it here")
    for made in program.made:
        yield from _service(program, made, options)
    new, old = program.framework.install
    yield Note(program.imports[0][0].lineno, f"install {new} in place of {old}")
    yield from _imports(program)


def _service(program: PluginProgram, made: Made, options: Options) -> Iterator[Proposal]:
    source = program.source
    line = made.call.lineno
    if made.is_open is not None:
        yield Obstacle(made.is_open.lineno, "what the service is given is out of sight")
        return
    inside = (source.start(made.call), source.end(made.call))
    if any(token.is_comment and inside[0] < token.start < inside[1] for token in source.tokens):
        yield Obstacle(line, "a comment stands inside the call, and would go with it")
    message = yield from _message(program, made)
    language = message["transcription_config"]["language"]
    choice = choose(language, options.speech_model) if isinstance(language, str) else None
    if choice is None or model_named(choice.model).family != "universal-3":
        yield Obstacle(line, f"no model of AssemblyAI's plugin keeps to the language {language!r}")
        return
    if choice.warning:
        yield Note(line, choice.warning)
    query, notices = query_parameters(message, choice.model)
    for notice in notices:
        yield Obstacle(_line_of(made, notice.path), notice.reason)
    for name in sorted(query.keys() - program.framework.keywords - _SAID_ELSEWHERE):
        yield Obstacle(line, f"AssemblyAI's plugin takes no {name}")
    if message["transcription_config"].get("diarization"):
        yield Note(line, "speakers are called A, B, C instead of S1, S2, S3")
    outside = yield from _connection(program, made, options)
    inner = {"model": literal(source, choice.model)}
    inner |= {
        name: python_value(source, value) for name, value in query.items() if name not in _SAID_ELSEWHERE
    }
    inner |= {name: source.segment(made.options[name]) for name in sorted(plugins.SAME & made.options.keys())}
    if program.framework.in_settings:
        inner["language_codes"] = yield from _enum(query)
        same = {name: inner.pop(name) for name in list(inner) if name in plugins.SAME}
        function = f"{_function(program, made.call)}.Settings"
        deeper = source.indentation(made.call) + source.indent
        outside |= {**same, "settings": _call(function, inner, source, deeper)}
    else:
        outside |= inner
    text = _call(_function(program, made.call), outside, source, source.indentation(made.call))
    yield Change(*inside, text, _REASON)
    for statement in made.statements:
        yield Removal(statement, "its options are given to AssemblyAI's service")


def _message(program: PluginProgram, made: Made) -> Generator[Proposal, None, dict[str, Any]]:
    """StartRecognition in the options' words; what is in no words of it is lost, or asks for nothing."""
    wanted: dict[str, Any] = {"language": "en", "enable_partials": True}
    message: dict[str, Any] = {"transcription_config": wanted}
    diarizes = program.framework.diarizes
    for name, expression in made.options.items():
        value = program.value(expression)
        if name in plugins.CONNECTION | plugins.SAME | plugins.WITHOUT_LOSS:
            continue
        if (
            name not in plugins.PATHS
            and name != "enable_diarization"
            and (name not in plugins.DEFAULTS or value not in plugins.DEFAULTS[name])
        ):
            why = plugins.LOST.get(name, "it is no option that is known here")
            yield Obstacle(expression.lineno, f"{name} has no counterpart in AssemblyAI's plugin: {why}")
        elif value is UNKNOWN:
            yield Obstacle(expression.lineno, f"{name} is only known at run time")
        elif name == "enable_diarization":
            diarizes = bool(value)
        elif name in plugins.PATHS and value is not None:
            row = PARAMETERS[plugins.PATHS[name]]
            if row.treatment is Treatment.LOCAL:
                yield Obstacle(expression.lineno, f"{name} has no counterpart in AssemblyAI's plugin")
            holder = message
            *outer, last = plugins.PATHS[name].split(".")
            for key in outer:
                holder = holder.setdefault(key, {})
            holder[last] = value
    if diarizes:
        wanted["diarization"] = "speaker"
    return message


def _line_of(made: Made, path: str) -> int:
    name = next((name for name, known in plugins.PATHS.items() if known.startswith(path)), "")
    return made.options[name].lineno if name in made.options else made.call.lineno


def _connection(
    program: PluginProgram, made: Made, options: Options
) -> Generator[Proposal, None, dict[str, str]]:
    """Key and address."""
    source, names = program.source, program.names
    line = made.call.lineno
    url = made.options.get("base_url")
    address = DEFAULT_SPEECHMATICS_URL if url is None else names.value(url)
    region = region_of(urlsplit(address).hostname or "") if isinstance(address, str) else None
    if region is None:
        yield Obstacle(
            url.lineno if url is not None else line,
            "the address is only known at run time, or no host of the Speechmatics cloud",
        )
        return {}
    warning = residency_warning(urlsplit(address).hostname or "")
    if warning and options.region == "auto":
        yield Note(line, warning)
    target = streaming_url(region if options.region == "auto" else options.region)
    target = target if program.framework.has_path else target.removesuffix(STREAMING_PATH)
    arguments: dict[str, str] = {}
    key = made.options.get("api_key")
    if key is not None:
        resolved = names.resolve(key)
        variable = environment_variable(resolved)
        if variable is None and not isinstance(names.value(key), str):
            arguments["api_key"] = source.segment(key)
            yield Note(key.lineno, f"{source.segment(key)[:40]} has to give an AssemblyAI key now")
        else:
            arguments["api_key"] = f"os.environ[{literal(source, KEY_VARIABLE)}]"
    elif program.framework.in_settings:
        arguments["api_key"] = f"os.environ[{literal(source, KEY_VARIABLE)}]"
    if "os.environ" in arguments.get("api_key", ""):
        yield Need("os")
    yield Note(line, f"the key comes from the environment variable {KEY_VARIABLE}")
    arguments[program.framework.address] = literal(source, target)
    return arguments


def _enum(query: dict[str, str]) -> Generator[Proposal, None, str]:
    """Language codes as Pipecat spells them."""
    yield Need("pipecat.transcriptions.language", "Language")
    codes = json.loads(query.get("language_codes", "[]"))
    return "[" + ", ".join(f"Language.{code.upper()}" for code in codes) + "]"


def _call(function: str, arguments: dict[str, str], source: Source, outer: str) -> str:
    line = f"{function}({', '.join(f'{name}={value}' for name, value in arguments.items())})"
    if "\n" not in line and len(outer) + len(line) <= _LONGEST_LINE:
        return line
    inner = outer + source.indent
    return f"{function}(" + "".join(f"\n{inner}{n}={v}," for n, v in arguments.items()) + f"\n{outer})"


def _function(program: PluginProgram, call: ast.Call) -> str:
    """AssemblyAI's service under the name by which the program will know it."""
    text = program.source.segment(call.func)
    old, new = program.framework.service
    if text.partition(".")[0] in {alias.asname for _, alias in program.imports}:
        module, dot, _ = text.rpartition(".")
        return f"{module}.{new}" if dot else text
    return text.replace("speechmatics", "assemblyai").replace(old, new)


def _imports(program: PluginProgram) -> Iterator[Proposal]:
    source, framework = program.source, program.framework
    for statement in dict.fromkeys(statement for statement, _ in program.imports):
        mine = [alias for other, alias in program.imports if other is statement]
        if (
            isinstance(statement, ast.ImportFrom)
            and len(mine) == len(statement.names)
            and _is_of(program, statement)
        ):
            service = [alias for alias in mine if alias.name == framework.service[0]]
            if not service:
                yield Removal(statement, "nothing uses it any more")
                continue
            name = ast.alias(framework.service[1], service[0].asname)
            text = f"from {framework.package[1]} import {spelled(name)}"
            yield Change(source.start(statement), source.end(statement), text, _REASON)
            continue
        for alias in mine:
            yield _alias(source, statement, alias)


def _is_of(program: PluginProgram, statement: ast.ImportFrom) -> bool:
    """Whether a statement imports from the plugin, and not the plugin from the framework."""
    return "speechmatics" in (statement.module or "").split(".")


def _alias(source: Source, statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> Change:
    start = source.offset(alias.lineno, alias.col_offset)
    end = start + len(alias.name)
    name = alias.name.replace("speechmatics", "assemblyai")
    if any(other.name == name and other.asname == alias.asname for other in statement.names):
        return item_removal(source, start, end, "it is imported already")
    return Change(start, end, name, _REASON)


RULE = Rule(
    id="plugins",
    title="Use AssemblyAI's plugin of the same framework",
    why=(
        "LiveKit Agents and Pipecat have plugins for both services. The Speechmatics plugin becomes AssemblyAI's where every option "
        "has an equivalent; an option that has none keeps the plugin, and the finding says what would be lost. The region stays: "
        "the plugins' default is Speechmatics' EU host, so the address of AssemblyAI's EU data zone is written out. Current "
        "versions of the Speechmatics plugins speak another protocol (`/v2/agent`), which `shim run` and `shim serve` do not serve."
    ),
    before='from livekit.plugins import speechmatics\n\nstt = speechmatics.STT(language="en", enable_diarization=False)',
    after=(
        "from livekit.plugins import assemblyai\n\n"
        'stt = assemblyai.STT(\n    base_url="wss://streaming.eu.assemblyai.com",\n    model="universal-3-6-pro",\n'
        '    language_codes=["en"],\n)'
    ),
)
