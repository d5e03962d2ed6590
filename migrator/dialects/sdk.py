"""Programs that use a Speechmatics SDK: which of its names, through which imports, and what they ask of the service."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from migrator.analysis.names import Binding, Names, keyword_value
from migrator.analysis.scan import named_modules
from migrator.analysis.source import Source
from migrator.dialects import others, sdk_names
from migrator.dialects.sdk_names import PACKAGE
from migrator.edits import Obstacle

_DOTTED = re.compile(rf"{PACKAGE}(?:\.\w+)*")
_BATCH_CLIENT = ("speechmatics.batch_client", "speechmatics.BatchClient")
_BATCH_MODELS = frozenset(
    {
        *("AutoChaptersConfig", "FetchData", "NotificationConfig", "SRTOverrides", "SentimentAnalysisConfig"),
        *("SummarizationConfig", "TopicDetectionConfig", "JobNotFoundException"),
    }
)
_SHARED = frozenset({"ConnectionSettings", "TranscriptionError", "AudioEventsConfig", "UsageMode"})
"""Names of speechmatics-python that its batch client uses, too, and checks with ``isinstance``."""

_TEXT_MODE = frozenset({"text", "universal_newlines", "encoding", "errors", None})
"""Arguments of ``Popen`` with which a pipe may not give bytes."""

_UNBOUND = frozenset({*dir(builtins), "__file__"})


@dataclass(frozen=True, eq=False)
class Use:
    """One read of an SDK's name.

    Attributes:
        node: the name and the attributes that lead to what is read.
        root: the name that it begins with.
        path: as the SDK has it, ``speechmatics.models.ServerMessageType``.
    """

    node: ast.expr
    root: ast.expr
    path: str


@dataclass(eq=False)
class Imported:
    """One name of an import statement, or what stands for it, ``importlib.import_module("speechmatics.rt")``.

    Attributes:
        node: the statement, or the text in the call.
        alias: the name in the statement; None in the call.
        path: what is imported; ends with ``.*`` for a star.
        uses: every read of it.
    """

    node: ast.Import | ast.ImportFrom | ast.Constant
    alias: ast.alias | None
    path: str
    binding: Binding | None
    uses: list[Use] = field(default_factory=list)

    @property
    def line(self) -> int:
        return self.alias.lineno if self.alias is not None else self.node.lineno


@dataclass(eq=False)
class SdkProgram:
    """All that a source has of Speechmatics' SDKs.

    Attributes:
        imported: what it imports of them, in order.
        texts: dotted names of them in texts that name something to import or to replace, as ``mock.patch`` takes them.
        obstacles: why their imports cannot be changed.
        for_batch: reads that are real-time names by their path, and are used for batch transcription.
    """

    source: Source
    names: Names
    imported: list[Imported] = field(default_factory=list)
    texts: list[ast.Constant] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    for_batch: set[ast.expr] = field(default_factory=set)
    _paths: dict[ast.expr, str] = field(default_factory=dict)

    def path(self, expression: ast.expr) -> str:
        """What an expression is called in the SDK; empty where it is none of its names."""
        if expression not in self._paths and isinstance(expression, ast.Attribute):
            owner = self.path(expression.value)
            return f"{owner}.{expression.attr}" if owner else ""
        return self._paths.get(expression, "")

    def note_paths(self) -> None:
        """Remember what every read is."""
        self._paths = {use.node: use.path for found in self.imported for use in found.uses}

    def is_swapped(self, use: Use) -> bool:
        """Whether the drop-in takes the place of what is read."""
        return is_realtime(use.path) and use.node not in self.for_batch

    @property
    def uses(self) -> Iterator[Use]:
        """Every read, of all imports."""
        for found in self.imported:
            yield from found.uses

    def calls(self, *classes: str) -> Iterator[tuple[ast.Call, str]]:
        """Calls of what the SDKs call so, with its whole path, in order of line."""
        calls = [
            (node, path)
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.Call) and (path := self.path(node.func)).rpartition(".")[2] in classes
        ]
        yield from sorted(calls, key=lambda found: (found[0].lineno, found[0].col_offset))

    def client_calls(self, *methods: str) -> Iterator[ast.Call]:
        """Calls of methods of a real-time client, in order of line."""
        calls = [
            node
            for node in ast.walk(self.source.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in methods
            and self.is_client(node.func.value)
        ]
        yield from sorted(calls, key=lambda call: (call.lineno, call.col_offset))

    def calls_of(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Call]:
        """Calls of a function or method of this source; none where it is also used in another way.

        Clients have methods of such names, too: run() of a program's own class often calls that of the client.
        """
        return [
            call
            for call in self.names.calls_of(function) or []
            if not (isinstance(call.func, ast.Attribute) and self.is_client(call.func.value))
        ]

    def is_client(self, expression: ast.expr) -> bool:
        """Whether an expression is a real-time client that this source makes."""
        made = self.made(expression)
        return isinstance(made, ast.Call) and _name(self.path(made.func)) in CLIENTS

    def is_file(self, expression: ast.expr) -> bool:
        """Whether an expression is an opened file, or bytes that can be read like one; not what is read with ``await``."""
        match self.given(expression):
            case ast.Call(func=ast.Name(id="open" as name) as function):
                return self.names.lookup(function, name) is None
            case ast.Call(func=ast.Name(id="BytesIO") | ast.Attribute(attr="BytesIO")):
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="io"), attr="open")):
                return True
            case ast.Call(func=ast.Attribute(attr="open"), args=[ast.Constant(value="rb"), *_]):
                return True  # Path(...).open("rb")
        return False

    def is_pipe(self, expression: ast.expr) -> bool:
        """Whether an expression gives bytes as they come: standard input, what another program writes, what an address has."""
        match self.given(expression):
            case ast.Attribute(attr="buffer", value=ast.Attribute(attr="stdin", value=ast.Name(id="sys"))):
                return True
            case ast.Attribute(attr="stdout", value=process):
                match self.made(process):
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="subprocess"), attr="Popen")) as call:
                        return not any(keyword.arg in _TEXT_MODE for keyword in call.keywords)
            case ast.Call(func=ast.Attribute(attr="urlopen")):
                return True
        return False

    def made(self, expression: ast.expr) -> ast.expr:
        """The expression behind a name that is assigned once, or is the ``as`` of a ``with``."""
        resolved = self.names.resolve(expression)
        binding = self.names.binding(resolved)
        if binding is not None and len(binding.stores) == 1:
            item = self.names.parents.get(binding.stores[0])
            if isinstance(item, ast.withitem) and item.optional_vars is binding.stores[0]:
                return item.context_expr
        return resolved

    def given(self, expression: ast.expr) -> ast.expr:
        """As `made`; a parameter of a function that is called once is what it is called with."""
        made = self.made(expression)
        binding = self.names.binding(made)
        parameter = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
        if not isinstance(parameter, ast.arg):
            return made
        function = next(self.names.ancestors(self.names.parents[parameter]), None)
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return made
        calls = self.calls_of(function)
        parameters = self.names.parameters(function)
        if len(calls) != 1 or parameter not in parameters or calls[0] in self.names.ancestors(expression):
            return made
        (call,) = calls
        place = parameters.index(parameter)
        is_seen = not any(isinstance(argument, ast.Starred) for argument in call.args)
        argument = keyword_value(call, parameter.arg) or (
            call.args[place] if is_seen and place < len(call.args) else None
        )
        return self.given(argument) if argument is not None else made


CLIENTS = ("WebsocketClient", "AsyncClient", "AsyncMultiChannelClient")
"""The real-time clients of both SDKs."""


def is_realtime(path: str) -> bool:
    """Whether the drop-in takes the place of what the SDK calls so."""
    return sdk_names.provided(path.removesuffix(".*")) and not _is_batch(path)


def _is_batch(path: str) -> bool:
    name = path.rpartition(".")[2]
    return path.startswith(_BATCH_CLIENT) or name.startswith("Batch") or name in _BATCH_MODELS


def other_service(path: str) -> str:
    """What else than real-time transcription a name is for; empty for a name that is not known here."""
    return others.BATCH if _is_batch(path) else others.service_of(path)


def recognise(source: Source) -> SdkProgram | None:
    """The facts of a source that uses something of the SDKs that the drop-in takes the place of; else None."""
    program = SdkProgram(source, Names.of(source))
    program.imported = list(_imported(program))
    program.texts = [node for node in named_modules(source.nodes) if _DOTTED.fullmatch(str(node.value))]
    for text in program.texts:
        _follow_text(program, text)
    program.note_paths()
    paths = [path for found in program.imported for path in paths_of(found)]
    texts = [str(text.value) for text in program.texts]
    if any(path.startswith(others.VOICE) for path in paths):
        return None  # its client is built upon the original real-time SDK
    mine = {path for path in (*paths, *texts) if is_realtime(path)}
    uses_batch = any(_is_batch(path) for path in paths)
    if not mine or (
        uses_batch and all(_name(path) in _SHARED for path in mine if not sdk_names.is_module(path))
    ):
        return None
    program.obstacles += _unknown(program)
    if uses_batch:
        program.obstacles += _sort_out_batch(program)
    return program


def paths_of(found: Imported) -> list[str]:
    """What an import is needed for: the names that are read of it, or itself where none is in sight."""
    if found.alias is not None and isinstance(found.node, ast.ImportFrom) and found.alias.name != "*":
        return [found.path] if not sdk_names.is_module(found.path) else _read(found)
    return _read(found)


def _read(found: Imported) -> list[str]:
    return list(dict.fromkeys(use.path for use in found.uses)) or [found.path]


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _imported(program: SdkProgram) -> Iterator[Imported]:
    names = program.names
    statements = [
        node for node in ast.walk(program.source.tree) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    for statement in sorted(statements, key=lambda node: node.lineno):
        is_from = isinstance(statement, ast.ImportFrom)
        module = (statement.module or "") if isinstance(statement, ast.ImportFrom) else ""
        if isinstance(statement, ast.ImportFrom) and statement.level:
            continue
        for alias in statement.names:
            path = f"{module}.{alias.name}" if is_from else alias.name
            if path.split(".")[0] != PACKAGE:
                continue
            if alias.name == "*":
                found = Imported(statement, alias, path, None)
                found.uses = list(_through_star(program, module))
            else:
                is_root = not is_from and alias.asname is None
                binding = names.lookup(statement, alias.asname or alias.name.split(".")[0])
                found = Imported(statement, alias, path, binding)
                loads = binding.loads if binding is not None else []
                found.uses = [_use(names, load, PACKAGE if is_root else path) for load in loads]
            yield found


def _use(names: Names, load: ast.expr, path: str) -> Use:
    """A name with what follows it, as far as that leads through modules to something in one."""
    node = load
    while sdk_names.is_module(path) and isinstance(parent := names.parents[node], ast.Attribute):
        node, path = parent, f"{path}.{parent.attr}"
    return Use(node, load, path)


def _through_star(program: SdkProgram, module: str) -> Iterator[Use]:
    known = sdk_names.exports(module) if sdk_names.is_module(module) else frozenset()
    is_only = not _has_other_star(program, module)
    for node in ast.walk(program.source.tree):
        is_free = isinstance(node, ast.Name) and program.names.binding(node) is None
        if (
            isinstance(node, ast.Name)
            and is_free
            and node.id not in _UNBOUND
            and (is_only or node.id in known)
        ):
            yield Use(node, node, f"{module}.{node.id}")


def _has_other_star(program: SdkProgram, module: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module != module
        for node in ast.walk(program.source.tree)
    )


def _follow_text(program: SdkProgram, text: ast.Constant) -> None:
    """``name = importlib.import_module("speechmatics.rt")`` binds as an import does."""
    names, path = program.names, str(text.value)
    call = names.parents[text]
    if not isinstance(call, ast.Call) or not sdk_names.is_module(path):
        return
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function != "import_module":
        return
    found = Imported(text, None, path, None)
    match names.parents[call]:
        case ast.Assign(targets=[ast.Name() as target]):
            found.binding = names.binding(target)
            loads = found.binding.loads if found.binding else []
            found.uses = [_use(names, load, path) for load in loads]
        case ast.Attribute():
            found.uses = [_use(names, call, path)]
    program.imported.append(found)


def _unknown(program: SdkProgram) -> Iterator[Obstacle]:
    """Names that neither the drop-in has nor another service: with them left behind, the program would be of two parts
    that do not know each other."""
    seen = set()
    for found in program.imported:
        for path in paths_of(found):
            if path not in seen and not is_realtime(path) and not other_service(path):
                seen.add(path)
                use = next((use for use in found.uses if use.path == path), None)
                line = use.node.lineno if use is not None else found.line
                yield Obstacle(line, f"the drop-in has no {path.removesuffix('.*')}")
    for text in program.texts:
        path = str(text.value)
        if path not in seen and not is_realtime(path) and not other_service(path):
            seen.add(path)
            yield Obstacle(text.lineno, f"the drop-in has no {path}")


def _sort_out_batch(program: SdkProgram) -> Iterator[Obstacle]:
    """Tell the reads of what both clients of speechmatics-python use apart; each client checks for its own class."""
    for found in program.imported:
        shared = [use for use in found.uses if _name(use.path) in _SHARED and is_realtime(use.path)]
        clients = {use: _client_of(program, use) for use in shared}
        for use, client in clients.items():
            if not client:
                what = f"{_name(use.path)} may be meant for batch transcription here, which stays"
                yield Obstacle(use.node.lineno, what)
                return
        program.for_batch.update(use.node for use, client in clients.items() if _is_batch(client))
        kinds = {use.node in program.for_batch for use in shared}
        if isinstance(found.node, ast.ImportFrom) and len(kinds) == 2:
            yield Obstacle(
                found.line, f"{_name(found.path)} is used for batch transcription, too, which stays"
            )
            return


def _client_of(program: SdkProgram, use: Use) -> str:
    """The one client that gets what is made here; empty where that cannot be told."""
    made = program.names.parents[use.node]
    if not isinstance(made, ast.Call) or made.func is not use.node:
        return ""
    values: list[ast.expr] = [made]
    match program.names.parents[made]:
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target]):
            binding = program.names.binding(target)
            values = binding.loads if binding is not None else []
    clients = {_taker(program, value) for value in values}
    return clients.pop() if len(clients) == 1 else ""


def _taker(program: SdkProgram, value: ast.expr) -> str:
    parent = program.names.parents[value]
    if isinstance(parent, ast.keyword):
        parent = program.names.parents[parent]
    path = program.path(parent.func) if isinstance(parent, ast.Call) and parent.func is not value else ""
    return path if _name(path) in ("BatchClient", "WebsocketClient") else ""
