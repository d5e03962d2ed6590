"""Speechmatics messages inside a program: where a received message goes, what is read of it, what is asked of it.

Shared by all dialects that handle raw messages. Values are followed through variables, loops and calls of functions
of the same source. What cannot be followed is an obstacle.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Literal

from migrator.analysis.names import Binding, Function, Names
from migrator.analysis.source import Source
from migrator.edits import Obstacle
from shim.protocol.mapping.messages import SERVER_MESSAGES

Shape = Literal["message", "metadata", "results", "word", "alternatives", "alternative", "kind"]

_CHILDREN: dict[tuple[Shape, object], Shape] = {
    ("message", "message"): "kind",
    ("message", "metadata"): "metadata",
    ("message", "results"): "results",
    ("word", "alternatives"): "alternatives",
    ("alternatives", 0): "alternative",
}
_HARMLESS_BUILTINS = frozenset({"len", "bool", "print", "isinstance", "str", "repr"})
LOG_METHODS = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})

COLLAPSED: dict[Shape, Shape] = {"metadata": "message", "alternatives": "word", "alternative": "word"}
"""Shapes that AssemblyAI does not have, because their fields stand in the owner itself."""


@dataclass(eq=False)
class Shaped:
    """An expression that is part of a received message, and the name of the message or word that owns it."""

    node: ast.expr
    shape: Shape
    owner: ast.expr


@dataclass(eq=False)
class Leaf:
    """A value read out of a message: ``node`` is the whole expression, ``key`` the literal that names the field.

    Attributes:
        holder: the part of the message that has the field.
        owner: the name of the message or word that the part belongs to.
        is_get: read by ``.get(key)``, not by ``[key]``.
    """

    node: ast.expr
    field: str
    key: ast.expr
    holder: Shaped
    is_get: bool

    @property
    def owner(self) -> ast.expr:
        return self.holder.owner


@dataclass(eq=False)
class KindTest:
    """A comparison of a message's name: whether it is (or is not) one of ``names``."""

    node: ast.Compare
    kind: ast.expr
    names: frozenset[str]
    is_positive: bool
    is_reversed: bool
    message: str


@dataclass
class Reading:
    """Everything that a program does with received messages.

    Attributes:
        handled: functions that are only called with messages of certain kinds, with those kinds.
    """

    shaped: list[Shaped] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)
    tests: list[KindTest] = field(default_factory=list)
    shapes: dict[Binding, Shape] = field(default_factory=dict)
    owners: dict[Binding, ast.expr] = field(default_factory=dict)
    derived: list[ast.stmt] = field(default_factory=list)
    entries: dict[Function, list[ast.Call]] = field(default_factory=dict)
    handled: dict[Function, set[str]] = field(default_factory=dict)
    printed: list[ast.expr] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)

    def test_of(self, node: ast.AST) -> KindTest | None:
        """The kind test that an expression is."""
        return next((test for test in self.tests if test.node is node), None)


def read_messages(source: Source, names: Names, parsed: list[ast.expr], has_objects: bool = False) -> Reading:
    """Follow what `json.loads` made of received frames.

    Args:
        parsed: the expressions whose value is a message.
        has_objects: whether messages may be objects with attributes, as speechmatics-rt makes them.
    """
    reader = _Reader(source, names, has_objects)
    for expression in parsed:
        reader.raw.update(id(node) for node in ast.walk(expression) if node is not expression)
        reader.mark(expression, "message", expression)
    reader.run()
    reader.check_other_values()
    return reader.reading


class _Reader:
    def __init__(self, source: Source, names: Names, has_objects: bool) -> None:
        self.source = source
        self.names = names
        self.has_objects = has_objects
        self.reading = Reading()
        self.pending: list[Shaped] = []
        self.seen: set[int] = set()
        self.raw: set[int] = set()

    def obstacle(self, node: ast.expr, message: str) -> None:
        obstacle = Obstacle(node.lineno, message)
        if obstacle not in self.reading.obstacles:
            self.reading.obstacles.append(obstacle)

    def mark(self, node: ast.expr, shape: Shape, owner: ast.expr) -> None:
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        shaped = Shaped(node, shape, owner)
        self.reading.shaped.append(shaped)
        self.pending.append(shaped)

    def run(self) -> None:
        while self.pending:
            self.follow(self.pending.pop(0))

    def check_other_values(self) -> None:
        """A variable that holds part of a message holds nothing else, but for an empty start value."""
        for binding in self.reading.shapes:
            for store in binding.stores:
                value = self.names.stored_value(store)
                if value is None:
                    parent = self.names.parents[store]
                    is_understood = isinstance(store, ast.arg) or (
                        isinstance(parent, ast.For | ast.comprehension) and id(parent.iter) in self.seen
                    )
                else:
                    is_understood = id(value) in self.seen or self.is_empty(value)
                if not is_understood:
                    line = getattr(store, "lineno", 1)
                    self.reading.obstacles.append(Obstacle(line, f"{binding.name} also holds something else"))

    def bind(self, target: ast.expr, shaped: Shaped) -> None:
        """A variable takes a part of a message."""
        binding = self.names.binding(target)
        if binding is None or not isinstance(target, ast.Name | ast.Attribute):
            self.obstacle(target, "part of a received message is unpacked")
            return
        known = self.reading.shapes.setdefault(binding, shaped.shape)
        owner = target if shaped.shape in ("message", "results", "word") else shaped.owner
        self.reading.owners.setdefault(binding, owner)
        if known != shaped.shape:
            self.obstacle(target, f"{binding.name} holds different parts of messages")
            return
        if isinstance(target, ast.Attribute) and shaped.shape != "kind":
            self.obstacle(target, f"the received message is kept in {self.source.segment(target)}")
            return
        for load in binding.loads:
            if id(load) in self.raw:  # message = json.loads(message)
                continue
            owner_here = load if shaped.shape in ("message", "results", "word") else shaped.owner
            self.mark(load, shaped.shape, owner_here)

    def bind_parameter(self, call: ast.Call, function: Function, parameter: ast.arg, shaped: Shaped) -> None:
        binding = self.names.parameter_binding(parameter)
        if not isinstance(function, ast.Lambda):
            calls = self.names.calls_of(function)
            if calls is None:
                self.obstacle(
                    call,
                    f"{function.name}() takes a received message and is also used as a value, or elsewhere",
                )
                return
            self.reading.entries[function] = calls
        if len(binding.stores) != 1:
            self.obstacle(call, f"the parameter {parameter.arg} is assigned again")
            return
        self.reading.shapes[binding] = shaped.shape
        for load in binding.loads:
            self.mark(load, shaped.shape, load)
        if shaped.shape in COLLAPSED:
            self.obstacle(call, f"{self.source.segment(shaped.node)} is passed to another function")

    def follow(self, shaped: Shaped) -> None:
        """Look at what the program does with one expression."""
        node, names = shaped.node, self.names
        parent = names.parents[node]
        match parent:
            case ast.Assign(targets=targets, value=value) if value is node:
                self.derive(parent, targets, shaped)
            case ast.AnnAssign(target=target, value=value) if value is node:
                self.derive(parent, [target], shaped)
            case ast.NamedExpr(target=target):
                self.bind(target, shaped)
                self.mark(parent, shaped.shape, shaped.owner)
            case ast.Await():
                self.mark(parent, shaped.shape, parent)
            case ast.Return() if shaped.shape == "message":
                self.returned(parent, shaped)
            case ast.Attribute(value=value, attr="get") if value is node and self.is_call(parent):
                call = names.parents[parent]
                assert isinstance(call, ast.Call)
                self.access(shaped, call, call.args[0] if call.args else None, is_get=True)
            case ast.Attribute(value=value, attr=name) if value is node and self.is_field(parent):
                self.access(shaped, parent, ast.Constant(name), is_get=False)
            case ast.Subscript(value=value, slice=key, ctx=ast.Load()) if value is node:
                self.access(shaped, parent, key, is_get=False)
            case ast.BoolOp(op=ast.Or(), values=[first, default]) if first is node and self.is_empty(default):
                self.mark(parent, shaped.shape, shaped.owner)
            case ast.For(iter=iterated, target=target) if iterated is node and shaped.shape == "results":
                self.bind(target, Shaped(target, "word", target))
            case ast.comprehension(iter=iterated, target=target) if (
                iterated is node and shaped.shape == "results"
            ):
                self.bind(target, Shaped(target, "word", target))
            case ast.Compare() if shaped.shape == "kind":
                self.compare(parent, shaped)
            case ast.Call() | ast.keyword():
                self.passed(parent, shaped)
            case ast.FormattedValue() if shaped.shape in ("kind", "message"):
                self.reading.printed.append(node)
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if test is node:
                pass
            case ast.UnaryOp(op=ast.Not()) | ast.BoolOp():
                if not self.is_condition(parent):
                    self.obstacle(node, f"{self.describe(shaped)} is combined with something else")
            case ast.Expr():
                pass
            case _:
                self.obstacle(node, f"{self.describe(shaped)} leaves the code that can be followed")

    def returned(self, statement: ast.Return, shaped: Shaped) -> None:
        """A function of the source that gives messages to its callers."""
        function = self.names.function(statement)
        calls = (
            None if function is None or isinstance(function, ast.Lambda) else self.names.calls_of(function)
        )
        if not calls:
            self.obstacle(shaped.node, f"{self.describe(shaped)} is returned to callers out of sight")
        for call in calls or []:
            self.mark(call, "message", call)

    def derive(self, statement: ast.stmt, targets: list[ast.expr], shaped: Shaped) -> None:
        for target in targets:
            self.bind(target, shaped)
        if shaped.shape in COLLAPSED:
            self.reading.derived.append(statement)

    def describe(self, shaped: Shaped) -> str:
        what = {"message": "the received message", "kind": "the name of the message"}
        return (
            f"{what.get(shaped.shape, 'part of the received message')} ({self.source.segment(shaped.node)})"
        )

    def is_call(self, attribute: ast.expr) -> bool:
        parent = self.names.parents[attribute]
        return isinstance(parent, ast.Call) and parent.func is attribute

    def is_field(self, attribute: ast.Attribute) -> bool:
        """Whether an attribute is one of a message that is an object, and no method."""
        return self.has_objects and isinstance(attribute.ctx, ast.Load) and not self.is_call(attribute)

    def is_empty(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Dict | ast.List | ast.Constant) and not self.names.value(node)

    def is_condition(self, node: ast.AST) -> bool:
        parent = self.names.parents[node]
        while isinstance(parent, ast.BoolOp) or (
            isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
        ):
            node, parent = parent, self.names.parents[parent]
        return isinstance(parent, ast.If | ast.While | ast.IfExp | ast.comprehension) and (
            node is getattr(parent, "test", None) or isinstance(parent, ast.comprehension)
        )

    def access(self, shaped: Shaped, node: ast.expr, key: ast.expr | None, is_get: bool) -> None:
        name = self.names.value(key)
        if shaped.shape == "results" and not is_get:
            if isinstance(name, int):
                self.obstacle(node, "one result is picked by its number")
            else:
                self.obstacle(node, "results are sliced")
            return
        child = _CHILDREN.get((shaped.shape, name)) if isinstance(name, str | int) else None
        if child:
            if child in ("kind", "results"):
                assert key is not None
                self.reading.leaves.append(Leaf(node, str(name), key, shaped, is_get))
            self.mark(node, child, shaped.owner)
        elif isinstance(name, str) and shaped.shape in ("message", "metadata", "word", "alternative"):
            assert key is not None
            self.reading.leaves.append(Leaf(node, name, key, shaped, is_get))
        else:
            self.obstacle(node, f"{self.source.segment(node)} reads a field that is not known here")

    def compare(self, node: ast.Compare, shaped: Shaped) -> None:
        if len(node.ops) != 1:
            self.obstacle(node, "a chained comparison of the name of a message")
            return
        operator, other = node.ops[0], node.comparators[0]
        is_reversed = other is shaped.node
        value = self.names.value(node.left if is_reversed else other)
        if isinstance(value, str) and isinstance(operator, ast.Eq | ast.NotEq):
            values = [value]
        elif isinstance(operator, ast.In | ast.NotIn) and not is_reversed:
            values = self.members(other)
        else:
            values = []
        unknown = [name for name in values if name not in SERVER_MESSAGES]
        if not values or unknown:
            self.obstacle(node, f"{self.source.segment(node)} is no comparison with known message names")
            return
        message = self.source.segment(shaped.owner) if shaped.owner is not shaped.node else ""
        self.reading.tests.append(
            KindTest(
                node,
                shaped.node,
                frozenset(values),
                isinstance(operator, ast.Eq | ast.In),
                is_reversed,
                message,
            )
        )

    def members(self, node: ast.expr) -> list[str]:
        resolved = self.names.resolve(node)
        if isinstance(resolved, ast.Call) and len(resolved.args) == 1:
            resolved = resolved.args[0]  # frozenset((...))
        if not isinstance(resolved, ast.Tuple | ast.List | ast.Set):
            return []
        values = [self.names.value(item) for item in resolved.elts]
        return values if all(isinstance(value, str) for value in values) else []

    def passed(self, parent: ast.Call | ast.keyword, shaped: Shaped) -> None:
        """The expression is an argument."""
        node = shaped.node
        call = parent if isinstance(parent, ast.Call) else self.names.parents[parent]
        if not isinstance(call, ast.Call) or call.func is node:
            self.obstacle(node, f"{self.describe(shaped)} leaves the code that can be followed")
            return
        function = self.names.definition(call.func)
        if function is not None:
            parameter = argument_of(self.names, call, function, node)
            if parameter is None:
                self.obstacle(node, f"{self.describe(shaped)} is passed in a way that is not understood")
            elif shaped.shape == "kind":
                self.obstacle(node, "the name of the message is passed to another function")
            else:
                self.bind_parameter(call, function, parameter, shaped)
            return
        match call.func:
            case ast.Name(id=name) if name in _HARMLESS_BUILTINS and self.names.binding(call.func) is None:
                if shaped.shape not in ("kind", "results"):
                    self.reading.printed.append(node)
            case ast.Attribute(attr=method) if method in LOG_METHODS:
                self.reading.printed.append(node)
            case _:
                self.obstacle(
                    node,
                    f"{self.describe(shaped)} is given to {self.source.segment(call.func)}(), out of sight",
                )


def argument_of(names: Names, call: ast.Call, function: Function, node: ast.expr) -> ast.arg | None:
    """The parameter that takes an argument of a call; None when that is not plain."""
    parameters = names.parameters(function)
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    for index, argument in enumerate(call.args):
        if argument is node:
            return parameters[index] if index < len(parameters) else None
    for keyword in call.keywords:
        if keyword.value is node:
            candidates = [*parameters, *function.args.kwonlyargs]
            return next((parameter for parameter in candidates if parameter.arg == keyword.arg), None)
    return None
