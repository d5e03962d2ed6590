"""The Speechmatics speech-to-text plugins of LiveKit Agents and Pipecat: where a source makes one, and what it asks of it.

Facts from livekit-plugins-speechmatics and livekit-plugins-assemblyai 1.8.9, and pipecat-ai 1.14.0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from migrator.analysis.names import UNKNOWN, Names
from migrator.analysis.source import Source

_T = "transcription_config."
_D = _T + "speaker_diarization_config."


@dataclass(frozen=True)
class Framework:
    """What the two plugins of one framework are called.

    Attributes:
        name: as people call the plugin.
        package: module of the Speechmatics plugin, and of AssemblyAI's.
        service: class of each.
        address: AssemblyAI's keyword for the address.
        has_path: whether the address has the path of the service.
        keywords: parameters of AssemblyAI that its plugin takes, by the names of the service.
        in_settings: whether they stand in an object of their own.
        diarizes: whether Speechmatics' plugin tells speakers apart unless told otherwise.
        install: what has to be installed for AssemblyAI's, in place of what.
    """

    name: str
    package: tuple[str, str]
    service: tuple[str, str]
    address: str
    has_path: bool
    keywords: frozenset[str]
    in_settings: bool
    diarizes: bool
    install: tuple[str, str]


_KEYWORDS = frozenset(
    {"language_codes", "keyterms_prompt", "speaker_labels", "domain", "min_turn_silence", "max_turn_silence"}
)

FRAMEWORKS = (
    Framework(
        name="the Speechmatics plugin of LiveKit Agents",
        package=("livekit.plugins.speechmatics", "livekit.plugins.assemblyai"),
        service=("STT", "STT"),
        address="base_url",
        has_path=False,
        keywords=_KEYWORDS | {"max_speakers"},
        in_settings=False,
        diarizes=True,
        install=("livekit-plugins-assemblyai", "livekit-plugins-speechmatics"),
    ),
    Framework(
        name="the Speechmatics service of Pipecat",
        package=("pipecat.services.speechmatics.stt", "pipecat.services.assemblyai.stt"),
        service=("SpeechmaticsSTTService", "AssemblyAISTTService"),
        address="api_endpoint_base_url",
        has_path=True,
        keywords=_KEYWORDS,
        in_settings=True,
        diarizes=False,
        install=("pipecat-ai[assemblyai]", "pipecat-ai[speechmatics]"),
    ),
)

PATHS = {
    "language": _T + "language",
    "domain": _T + "domain",
    "output_locale": _T + "output_locale",
    "additional_vocab": _T + "additional_vocab",
    "punctuation_overrides": _T + "punctuation_overrides",
    "transcript_filtering_config": _T + "transcript_filtering_config",
    "speaker_sensitivity": _D + "speaker_sensitivity",
    "max_speakers": _D + "max_speakers",
    "prefer_current_speaker": _D + "prefer_current_speaker",
    "known_speakers": _D + "speakers",
    "max_delay": _T + "max_delay",
    "end_of_utterance_silence_trigger": _T + "conversation_config.end_of_utterance_silence_trigger",
}
"""Options of both plugins that are keys of StartRecognition."""

CONNECTION = frozenset({"api_key", "base_url"})
SAME = frozenset({"sample_rate", "should_interrupt", "audio_passthrough", "stt_ttfb_timeout"})
"""Options that AssemblyAI's plugin of the same framework has too, with the same meaning."""

WITHOUT_LOSS = frozenset({"model", "operating_point", "chunk_size"})
"""Options without which nothing is lost: a choice among Speechmatics' own models, the length of the pieces of audio."""

ALIASES = {
    "diarization_sensitivity": "speaker_sensitivity",
    "enable_speaker_diarization": "enable_diarization",
    "language_code": "language",
    "output_locale_code": "output_locale",
}
"""Options of older versions, by the names of today."""

_FORMAT = "how the text names its speaker"
_TURNS = "when a turn ends is the service's own decision"
_FOCUS = "nobody can be listened to alone, or left out"
_SDK = "settings of the SDK that older versions took"
LOST = {
    "turn_detection_mode": "only EXTERNAL, where the program ends the turns, is what it does anyway",
    "vad": "it has no detector of its own for speech",
    "vad_config": "it has no detector of its own for speech",
    "enable_vad": "it has no detector of its own for speech",
    "include_partials": "it always gives partial transcripts",
    "enable_partials": "it always gives partial transcripts",
    "audio_encoding": "it takes 16-bit samples",
    "encoding": "it takes 16-bit samples",
    "emit_sentences": "a final is a whole turn",
    "speaker_format": _FORMAT,
    "speaker_active_format": _FORMAT,
    "speaker_passive_format": _FORMAT,
    "text_format": _FORMAT,
    "end_of_turn_config": _TURNS,
    "end_of_utterance_max_delay": _TURNS,
    "end_of_utterance_mode": _TURNS,
    "focus_mode": _FOCUS,
    "focus_speakers": _FOCUS,
    "ignore_speakers": _FOCUS,
    "audio_settings": _SDK,
    "transcription_config": _SDK,
    "http_session": _SDK,
    "ttfs_p99_latency": "the latency is that of Speechmatics",
}
"""Options that AssemblyAI's plugins have nothing for, and why; those of `DEFAULTS` with any other value."""

DEFAULTS: dict[str, tuple[Any, ...]] = {
    "include_partials": (True,),
    "enable_partials": (True,),
    "audio_encoding": ("pcm_s16le",),
    "encoding": ("pcm_s16le",),
    "turn_detection_mode": ("external",),
    "emit_sentences": (False, None),
}
"""Options that AssemblyAI's plugins do not have, with the values that ask for what these do anyway."""

NESTED = frozenset({"params", "settings"})
"""Options that hold options."""


@dataclass(eq=False)
class Made:
    """One service that a source makes.

    Attributes:
        call: the call that makes it.
        options: what it is given, those in ``params`` or ``settings`` included, by name.
        statements: assignments that only make these objects.
        is_open: an argument that is out of sight; None where all are seen.
    """

    call: ast.Call
    options: dict[str, ast.expr] = field(default_factory=dict)
    statements: list[ast.stmt] = field(default_factory=list)
    is_open: ast.expr | None = None


@dataclass(eq=False)
class PluginProgram:
    """A source that uses one of the plugins.

    Attributes:
        imports: the statements that import it, with the aliases in them.
        made: the services that it makes.
        others: reads of the plugin's names for anything else.
    """

    source: Source
    names: Names
    framework: Framework
    imports: list[tuple[ast.Import | ast.ImportFrom, ast.alias]] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    others: list[ast.expr] = field(default_factory=list)

    def value(self, expression: ast.expr) -> Any:
        """What an option is worth, members of enums and entries of the vocabulary included; else `UNKNOWN`."""
        match expression:
            case ast.Attribute(value=ast.Name(id=enum) | ast.Attribute(attr=enum), attr=member) if enum in (
                "Language",
                "AudioEncoding",
                "TurnDetectionMode",
            ):
                text = member.lower()
                return text.replace("_", "-") if enum == "Language" else text
            case ast.List(elts=items):
                values = [self.value(item) for item in items]
                return UNKNOWN if UNKNOWN in values else values
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[], keywords=keywords) if (
                name == "AdditionalVocabEntry"
            ):
                entry = {keyword.arg: self.value(keyword.value) for keyword in keywords}
                return UNKNOWN if UNKNOWN in entry.values() or None in entry else entry
        return self.names.value(expression)


def recognise(source: Source) -> PluginProgram | None:
    """The facts of a source that imports one of the plugins; None for any other."""
    names = Names(source.tree)
    for framework in FRAMEWORKS:
        imports = list(_imports(source, framework))
        if imports:
            program = PluginProgram(source, names, framework, imports)
            _follow(program)
            return program
    return None


def _imports(source: Source, framework: Framework) -> Iterator[tuple[ast.Import | ast.ImportFrom, ast.alias]]:
    package = framework.package[0]
    above = package.removesuffix(".stt")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias) for alias in node.names if alias.name in (package, above))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                if node.module in (package, above) or f"{node.module}.{alias.name}" in (package, above):
                    yield node, alias


def _follow(program: PluginProgram) -> None:
    names = program.names
    whole: list[ast.expr] = []
    services: set[ast.expr] = set()
    for statement, alias in program.imports:
        binding = names.lookup(statement, alias.asname or alias.name.split(".")[0])
        for load in binding.loads if binding is not None else []:
            is_service = isinstance(statement, ast.ImportFrom) and alias.name == program.framework.service[0]
            node = load if is_service else _dotted(program, load)
            whole.append(node)
            if is_service or (node is not load and _last(node) == program.framework.service[0]):
                services.add(node)
    seen: set[int] = set()
    for node in whole:
        call = names.parents[node]
        if isinstance(call, ast.Call) and call.func is node and node in services:
            made = _made(program, call)
            program.made.append(made)
            for part in (call, *made.statements):
                seen.update(id(inner) for inner in ast.walk(part))
    program.others += [node for node in whole if id(node) not in seen]


def _dotted(program: PluginProgram, load: ast.expr) -> ast.expr:
    """The modules that lead to a service, and the service; of any other name all that follows it."""
    node = load
    while isinstance(parent := program.names.parents[node], ast.Attribute):
        node = parent
        if _last(node) == program.framework.service[0]:
            break
    return node


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _made(program: PluginProgram, call: ast.Call) -> Made:
    made = Made(call, is_open=call.args[0] if call.args else None)
    names = program.names
    for keyword in call.keywords:
        value = names.resolve(keyword.value)
        if keyword.arg is None:
            made.is_open = keyword.value
        elif keyword.arg not in NESTED:
            made.options[_today(keyword.arg)] = keyword.value
        elif isinstance(value, ast.Call) and not value.args and all(inner.arg for inner in value.keywords):
            made.options.update({_today(str(inner.arg)): inner.value for inner in value.keywords})
            binding = names.binding(keyword.value)
            if binding is not None:
                made.statements.append(names.statement(value))
                made.is_open = made.is_open if len(binding.loads) == 1 else keyword.value
        else:
            made.is_open = keyword.value
    return made


def _today(name: str) -> str:
    return ALIASES.get(name, name)
