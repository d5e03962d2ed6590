"""Names and values of one source: what a name is bound to, where it is used, and what an expression is worth.

A deliberate under-approximation: whatever is not understood is `UNKNOWN`, and a rule that needs it gives up.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from migrator.analysis import outside
from migrator.analysis.objects import Objects, last_name

if TYPE_CHECKING:
    from migrator.analysis.joined import JoinedSource
    from migrator.analysis.source import Source

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.expr

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CONTAINERS = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
_MUTATORS = frozenset(
    {
        "update",
        "setdefault",
        "pop",
        "popitem",
        "clear",
        "append",
        "extend",
        "insert",
        "remove",
        "sort",
        "reverse",
    }
)


_READERS = frozenset(
    {
        *(
            "copy",
            "debug",
            "deepcopy",
            "dict",
            "dumps",
            "error",
            "exception",
            "info",
            "isinstance",
            "len",
            "list",
        ),
        *("log", "pformat", "pprint", "print", "repr", "set", "sorted", "str", "tuple", "warning"),
    }
)
"""Functions that change nothing of what they are given."""


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
"""The value of an expression that this analysis cannot tell."""


@dataclass(frozen=True)
class Assumption:
    """A value that somebody outside of the source may set otherwise.

    Attributes:
        value: what it is unless they do.
        reasons: where they do, as "the environment variable NAME".
    """

    value: Any
    reasons: tuple[str, ...]


@dataclass(eq=False)
class Binding:
    """A variable, or an attribute name of the source's objects.

    Attributes:
        name: as written.
        scope: where it lives; None for an attribute, which is one binding for all objects of the source.
        stores: nodes that bind it: names, attributes, parameters, import aliases, definitions.
        loads: expressions that read it, in all files that are in sight.
        imports: import aliases of other files in sight that give it a name there.
    """

    name: str
    scope: ast.AST | None
    stores: list[ast.AST] = field(default_factory=list)
    loads: list[ast.expr] = field(default_factory=list)
    imports: list[ast.alias] = field(default_factory=list)


class Names:
    """Parents, scopes and bindings of a tree.

    A name that one file of a joined source imports from another is one binding with the name there.

    Args:
        tree: of one file, or of a joined source.
        joined: the joined source, which knows the files behind its imports.

    Attributes:
        wanted: files of the project that are out of sight, and that a question asked for.
    """

    def __init__(self, tree: ast.Module, joined: JoinedSource | None = None) -> None:
        self.tree = tree
        self.joined = joined
        self.wanted: dict[str, None] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(tree):
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, ast.Module):
                    self.parents[child] = node
        self._links: dict[tuple[ast.AST, str], tuple[ast.AST, str]] = {}
        self._stars: dict[ast.AST, list[ast.Module | str]] = {}
        self._imported: dict[ast.AST, ast.Module | str] = {}
        self._unseen: dict[ast.AST, str] = {}
        self._members: dict[ast.expr, Binding | str] = {}
        self._declared: dict[tuple[ast.AST, str], ast.AST] = {}
        self._variables: dict[tuple[ast.AST, str], Binding] = {}
        self.attributes: dict[str, Binding] = {}
        self.objects = Objects(self)
        self._followed: set[ast.AST] = set()
        self._assumed: list[str] | None = None
        self._collect()

    @classmethod
    def of(cls, source: Source) -> Names:
        """The names of one file, or of a joined source."""
        from migrator.analysis.joined import JoinedSource

        return cls(source.tree, source if isinstance(source, JoinedSource) else None)

    def _collect(self) -> None:
        nodes = list(ast.walk(self.tree))
        for node in nodes:
            if isinstance(node, ast.Global):
                module = self.module(node)
                self._declared.update(((self.scope(node), name), module) for name in node.names)
            elif isinstance(node, ast.Nonlocal):
                self._declared.update(((self.scope(node), name), UNRESOLVED) for name in node.names)
        if self.joined is not None:
            self._follow_imports([node for node in nodes if isinstance(node, ast.alias)], self.joined)
        loads: list[ast.Name] = []
        attributes: list[ast.Attribute] = []
        for node in nodes:
            match node:
                case ast.Name(ctx=ast.Load()):
                    loads.append(node)
                case ast.Name(id=name):
                    self._store(name, node)
                case ast.arg(arg=name):
                    self._variable(self._argument_scope(node), name).stores.append(node)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self._store(name, node)
                case ast.alias(name=name, asname=asname):
                    self._store(asname or name.split(".")[0], node)
                case (
                    ast.ExceptHandler(name=str(name))
                    | ast.MatchAs(name=str(name))
                    | ast.MatchStar(name=str(name))
                ):
                    self._store(name, node)
                case ast.Attribute():
                    attributes.append(node)
        for load in loads:
            found = self._lookup(load, load.id)
            if found:
                found.loads.append(load)
        for attribute in attributes:
            holder = self._module_of(attribute.value) if self._imported else None
            if isinstance(holder, str):
                self._members[attribute] = holder
                continue
            if holder is not None:
                binding = self._members[attribute] = self._variable(holder, attribute.attr)
            else:
                binding = self.attributes.setdefault(attribute.attr, Binding(attribute.attr, None))
            (binding.loads if isinstance(attribute.ctx, ast.Load) else binding.stores).append(attribute)

    def _follow_imports(self, aliases: list[ast.alias], joined: JoinedSource) -> None:
        """Which imports mean a file that is in sight, or another one of the project, and which a name in it."""
        for alias in aliases:
            statement, module = self.parents[alias], self.module(alias)
            if isinstance(statement, ast.Import):
                target = joined.module(module, 0, alias.name if alias.asname else alias.name.split(".")[0])
            else:
                assert isinstance(statement, ast.ImportFrom)
                holder = joined.module(module, statement.level, statement.module or "")
                if alias.name == "*":
                    if holder is not None:
                        self._stars.setdefault(module, []).append(holder)
                    continue
                name = f"{statement.module}.{alias.name}" if statement.module else alias.name
                target = joined.module(module, statement.level, name)
                if isinstance(holder, ast.Module) and (target is None or joined.binds(holder, alias.name)):
                    self._links[self.scope(alias), alias.asname or alias.name] = holder, alias.name
                    continue
                if target is None and isinstance(holder, str):
                    self._unseen[alias] = holder
            if target is not None:
                self._imported[alias] = target

    def _module_of(self, expression: ast.expr) -> ast.Module | str | None:
        """The module that an expression is: its tree, or its file where that is out of sight."""
        dotted: list[str] = []
        base = expression
        while isinstance(base, ast.Attribute):
            dotted.insert(0, base.attr)
            base = base.value
        binding = self._lookup(base, base.id) if isinstance(base, ast.Name) else None
        if binding is None or not binding.stores or self.joined is None:
            return None
        for store in binding.stores:
            if not isinstance(store, ast.alias):
                return None
            whole = ".".join([store.name.split(".")[0], *dotted])
            if isinstance(self.parents[store], ast.Import) and not store.asname and whole == store.name:
                return self.joined.module(self.module(store), 0, whole)
        found = self._imported.get(binding.stores[0]) if len(binding.stores) == 1 else None
        for name in dotted:
            if not isinstance(found, ast.Module) or self.joined.binds(found, name):
                return None
            found = self.joined.module(found, 1, name)
        return found

    def module(self, node: ast.AST) -> ast.Module:
        """The module in which a node stands."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.Module):
            current = self.parents.get(current)
        return current or self.tree

    def scope(self, node: ast.AST) -> ast.AST:
        """The function, class, comprehension or module in which a node's names are looked up."""
        if isinstance(node, ast.Module):
            return node
        child, parent = node, self.parents.get(node)
        while parent is not None:
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
                if child in parent.body:
                    return parent
            elif isinstance(parent, ast.Lambda):
                if child is parent.body:
                    return parent
            elif isinstance(parent, ast.ClassDef):
                if child in parent.body:
                    return parent
            elif isinstance(parent, ast.Module) or (
                isinstance(parent, _COMPREHENSIONS)
                and not (
                    isinstance(child, ast.comprehension)
                    and child is parent.generators[0]
                    and self._inside(node, child.iter)
                )
            ):
                return parent
            child, parent = parent, self.parents.get(parent)
        return self.tree

    def _inside(self, node: ast.AST, ancestor: ast.AST) -> bool:
        current: ast.AST | None = node
        while current is not None and current is not ancestor:
            current = self.parents.get(current)
        return current is not None

    def _argument_scope(self, node: ast.arg) -> ast.AST:
        parent = self.parents[node]
        while not isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            parent = self.parents[parent]
        return parent

    def _variable(self, scope: ast.AST, name: str) -> Binding:
        scope, name = self._origin(scope, name)
        return self._variables.setdefault((scope, name), Binding(name, scope))

    def _known(self, scope: ast.AST, name: str) -> Binding | None:
        return self._variables.get(self._origin(scope, name))

    def _origin(self, scope: ast.AST, name: str) -> tuple[ast.AST, str]:
        """Scope and name of a variable where it is defined, which may be another file."""
        place = scope, name
        seen: set[tuple[ast.AST, str]] = set()
        while place not in seen:
            seen.add(place)
            place = self._links.get(place) or self._behind_star(*place) or place
        return place

    def _behind_star(self, scope: ast.AST, name: str) -> tuple[ast.AST, str] | None:
        """A name that a module in sight has by ``from other import *``."""
        if scope not in self._stars or self.joined is None or not isinstance(scope, ast.Module):
            return None
        if self.joined.binds(scope, name) or hasattr(builtins, name):
            return None
        for other in self._stars[scope]:
            if isinstance(other, str):
                self.wanted[other] = None
            elif self.joined.binds(other, name) or other in self._stars:
                return other, name
        return None

    def _store(self, name: str, node: ast.AST) -> None:
        scope = self.scope(node)
        if isinstance(node, ast.alias) and (scope, name) in self._links:
            self._variable(scope, name).imports.append(node)
            return
        if isinstance(self.parents.get(node), ast.NamedExpr):
            while isinstance(scope, _COMPREHENSIONS):
                scope = self.scope(scope)
        declared = self._declared.get((scope, name))
        if declared is UNRESOLVED:
            outer = self._enclosing_function(scope)
            while outer is not None and (outer, name) not in self._variables:
                outer = self._enclosing_function(outer)
            declared = outer
        self._variable(declared or scope, name).stores.append(node)
        if isinstance(scope, ast.ClassDef) and isinstance(node, ast.Name):
            self.attributes.setdefault(name, Binding(name, None)).stores.append(node)

    def _enclosing_function(self, scope: ast.AST) -> ast.AST | None:
        current: ast.AST | None = self.parents.get(scope)
        while current is not None and not isinstance(
            current, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            current = self.parents.get(current)
        return current

    def _lookup(self, node: ast.AST, name: str) -> Binding | None:
        scope: ast.AST = self.scope(node)
        first = True
        while True:
            declared = self._declared.get((scope, name))
            if isinstance(declared, ast.Module):
                return self._known(declared, name)
            found = self._known(scope, name)
            if found is not None and (first or not isinstance(scope, ast.ClassDef)):
                return found
            if isinstance(scope, ast.Module):
                return None
            first = False
            scope = self.scope(scope)

    def lookup(self, node: ast.AST, name: str) -> Binding | None:
        """What a name means where a node stands; None for a builtin or an unknown name."""
        return self._lookup(node, name)

    def binding(self, expression: ast.AST) -> Binding | None:
        """The binding that a name or attribute expression reads or writes."""
        match expression:
            case ast.Name(id=name):
                return self._lookup(expression, name)
            case ast.Attribute(attr=name):
                member = self._members.get(expression)
                return member if isinstance(member, Binding) else self.attributes.get(name)
        return None

    def is_variable(self, expression: ast.AST | None) -> bool:
        """Whether an expression is the name of a variable: of its own file, or of a module in sight."""
        return isinstance(expression, ast.Name) or (
            isinstance(expression, ast.Attribute) and isinstance(self._members.get(expression), Binding)
        )

    def _want(self, expression: ast.AST) -> None:
        """Remember that the file behind a name was asked for, if it is one of the project that is out of sight."""
        member = self._members.get(expression) if isinstance(expression, ast.expr) else None
        if isinstance(member, str):
            self.wanted[member] = None
        binding = self.binding(expression)
        for store in binding.stores if binding is not None else []:
            if store in self._unseen:
                self.wanted[self._unseen[store]] = None

    def bindings(self) -> Iterator[Binding]:
        """All variables and attributes of the source."""
        yield from self._variables.values()
        yield from self.attributes.values()

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Parents of a node, the nearest first."""
        current = self.parents.get(node)
        while current is not None:
            yield current
            current = self.parents.get(current)

    def statement(self, node: ast.AST) -> ast.stmt:
        """The innermost statement that holds a node."""
        current = node
        while not isinstance(current, ast.stmt):
            current = self.parents[current]
        return current

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function that holds a node."""
        for parent in self.ancestors(node):
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return parent
        return None

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements in which a statement stands."""
        parent = self.parents[statement]
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        raise AssertionError("a statement stands in a block of its parent")

    def assigned(self, binding: Binding) -> list[ast.expr]:
        """Values assigned to a binding, without the ``None`` of a placeholder; a store whose value is not one
        expression is an `Opaque`."""
        values = []
        for store in binding.stores:
            value = self.stored_value(store)
            if isinstance(value, ast.Constant) and value.value is None and len(binding.stores) > 1:
                continue
            is_known = value is not None and not self._is_field(store)
            values.append(value if value is not None and is_known else Opaque(store))
        return values

    def _is_field(self, store: ast.AST) -> bool:
        """Whether a store is the default of a field, as of a dataclass, that a constructor may be given otherwise."""
        statement = self.parents.get(store)
        owner = self.parents.get(statement) if isinstance(statement, ast.AnnAssign) else None
        return isinstance(owner, ast.ClassDef) and bool(owner.decorator_list or owner.bases)

    def stored_value(self, store: ast.AST) -> ast.expr | None:
        """The expression that a plain assignment gives to the stored name or attribute; None for other stores."""
        match self.parents.get(store):
            case ast.Assign(targets=targets, value=value) if store in targets:
                return value
            case ast.AnnAssign(target=target, value=value) if target is store:
                return value
            case ast.NamedExpr(value=value):
                return value
        return None

    def resolve(self, expression: ast.expr) -> ast.expr:
        """Follow names, attributes and entries of dicts that have one value to the expression behind them."""
        for _ in range(20):
            self._want(expression)
            if isinstance(expression, ast.Attribute) and expression not in self._members:
                found = self.objects.attribute(expression)
            elif isinstance(expression, ast.Subscript):
                found = self._entry(expression)
            elif isinstance(expression, ast.BoolOp):
                found = self._fallback(expression)
            else:
                binding = self.binding(expression)
                is_known = binding is not None and not isinstance(self._members.get(expression), str)
                values = self.assigned(binding) if binding is not None and is_known else []
                found = values[0] if len(values) == 1 else None
            if found is None or found is expression or isinstance(found, Opaque):
                return expression
            expression = found
        return expression

    def _fallback(self, expression: ast.BoolOp) -> ast.expr | None:
        """The last part of ``one or other``, where the others are known to be nothing."""
        *others, last = expression.values
        is_or = isinstance(expression.op, ast.Or)
        return last if is_or and all(not self.value(other) for other in others) else None

    def _entry(self, subscript: ast.Subscript) -> ast.expr | None:
        """The only value that a dict has for a key, where the dict is written out and nobody changes it."""
        return self._item(subscript.value, subscript.slice)

    def _item(self, container: ast.expr, index: ast.expr) -> ast.expr | None:
        key = self.value(index)
        holder = self.origin(container)
        if not isinstance(holder, ast.Dict) or not isinstance(key, str | int) or None in holder.keys:
            return None
        if any(self.may_differ(binding) for binding in self._behind(container)):
            return None
        keys = [self.value(each) for each in holder.keys]
        found = [value for each, value in zip(keys, holder.values, strict=True) if each == key]
        return found[0] if len(found) == 1 and UNKNOWN not in keys else None

    def _behind(self, expression: ast.expr) -> Iterator[Binding]:
        """The variables, attributes and containers that an expression is read of."""
        current: ast.AST = expression
        while isinstance(current, ast.Name | ast.Attribute | ast.Subscript):
            binding = self.binding(current)
            if binding is not None:
                yield binding
            current = getattr(current, "value", self.tree)

    def is_same(self, one: ast.expr, other: ast.expr) -> bool:
        """Whether two expressions name the same variable, or the same attribute or entry of it."""
        if isinstance(one, ast.Attribute) and isinstance(other, ast.Attribute) and one not in self._members:
            if one.attr != other.attr:
                return False
            made, of_other = self.objects.made(one.value), self.objects.made(other.value)
            is_known = made is not None and of_other is not None and made.owner is not None
            return (is_known and made == of_other) or self.is_same(one.value, other.value)
        if isinstance(one, ast.Subscript) and isinstance(other, ast.Subscript):
            key = self.value(one.slice)
            return (
                key is not UNKNOWN and key == self.value(other.slice) and self.is_same(one.value, other.value)
            )
        binding = self.binding(one)
        return binding is not None and binding is self.binding(other)

    def origin(self, expression: ast.expr) -> ast.expr:
        """As `resolve`, also through parameters that are given the same by every call."""
        for _ in range(20):
            resolved = self.resolve(expression)
            given = self.given(resolved)
            same = self.the_same(given) if given else None
            if same is None or same is expression:
                return resolved
            expression = same
        return expression

    def given(self, expression: ast.expr) -> list[ast.expr] | None:
        """What all calls give for the parameter that a name is, defaults included; None where they are not known."""
        binding = self.binding(expression) if isinstance(expression, ast.Name) else None
        parameter = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
        if not isinstance(parameter, ast.arg) or parameter in self._followed:
            return None
        function = self.parents[self.parents[parameter]]
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        if any(last_name(each) not in ("staticmethod", "classmethod") for each in function.decorator_list):
            return None
        self._followed.add(parameter)
        try:
            calls = self._calls_with(function)
            given = [argument_for(self, call, function, parameter) for call in calls or ()]
        finally:
            self._followed.remove(parameter)
        return None if None in given else [each for each in given if each is not None]

    def _calls_with(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Call] | None:
        """The calls that a function gets its arguments from; for a constructor those of its class."""
        owner = self.parents[function]
        if function.name != "__init__" or not isinstance(owner, ast.ClassDef):
            return self.calls_of(function)
        calls = self.objects.constructions(owner)
        for call in calls or ():
            made = self.objects.made(call)
            line = (
                self.objects.lineage(made.owner) if made is not None and made.owner is not None else [owner]
            )
            between = line[: line.index(owner)] if owner in line else line
            if any(
                getattr(each, "name", "") == "__init__" for k in between for each in getattr(k, "body", ())
            ):
                return None
        return calls

    def the_same(self, expressions: list[ast.expr]) -> ast.expr | None:
        """The first of some expressions, when all of them are one or are worth the same; else None."""
        first, *others = expressions
        if all(other is first for other in others):
            return first
        value = self.value(first)
        is_same = value is not UNKNOWN and all(self._is_worth(other, value) for other in others)
        return first if is_same else None

    def _is_worth(self, expression: ast.expr, value: Any) -> bool:
        other = self.value(expression)
        return type(other) is type(value) and bool(other == value)

    def may_differ(self, binding: Binding) -> bool:
        """Whether the object behind a binding may be changed in place by this source, under another name or by a
        function that it is given to, too."""
        return self.mutated(binding) or (
            any(isinstance(value, _CONTAINERS) for value in self.assigned(binding))
            and any(self.escapes(part) for part in self._parts(binding))
        )

    def escapes(self, load: ast.expr) -> bool:
        """Whether code may change the object that a name reads, after it was given a function or another name."""
        parent = self.parents[load]
        if isinstance(parent, ast.keyword):
            parent = self.parents[parent]
        match parent:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if parent.func is not load:
                return name not in _READERS
            case ast.Assign(targets=targets, value=value) if value is load:
                others = [self.binding(target) for target in targets]
                return any(other is None or self.mutated(other) for other in others)
        return False

    # What may be otherwise when the program runs

    @property
    def is_assuming(self) -> bool:
        """Whether values from outside of the source count at the moment."""
        return self._assumed is not None

    def assume(self, reason: str) -> bool:
        """Whether a value from outside of the source may be used, because of ``reason``."""
        if self._assumed is not None:
            self._assumed.append(reason)
        return self._assumed is not None

    def assumed(self, expression: ast.expr) -> Assumption | None:
        """What an expression is worth unless somebody outside of the source sets it otherwise; None where that cannot be
        told, or nobody can."""
        if self.value(expression) is not UNKNOWN:
            return None
        self._assumed = []
        try:
            value = self.value(expression)
            reasons = tuple(dict.fromkeys(self._assumed))
        finally:
            self._assumed = None
        return Assumption(value, reasons) if value is not UNKNOWN else None

    def mutated(self, binding: Binding) -> bool:
        """Whether the object behind a binding is changed in place under this name."""
        return any(self._changes(part) for part in self._parts(binding))

    def _changes(self, node: ast.expr) -> bool:
        """Whether the object that an expression names is changed in place there."""
        match self.parents.get(node):
            case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()) if value is node:
                return True
            case ast.Attribute(attr=method) if method in _MUTATORS:
                return True
            case ast.AugAssign():
                return True
        return False

    def _parts(self, binding: Binding) -> Iterator[ast.expr]:
        """Where a variable is read, and where what it holds is: ``d``, ``d["a"]``, ``d["a"]["b"]``; as far as a text or a
        number, which nobody can change."""
        value = self.stored_value(binding.stores[0]) if len(binding.stores) == 1 else None
        for load in binding.loads:
            node, held = load, value
            while True:
                yield node
                parent = self.parents[node]
                if not (isinstance(parent, ast.Subscript) and parent.value is node):
                    break
                held = _constant_item(held, parent.slice)
                if isinstance(held, ast.Constant | ast.JoinedStr):
                    break
                node = parent

    def value(self, expression: ast.expr | None) -> Any:
        """What an expression is worth, when that follows from literals of this source alone; else `UNKNOWN`.

        Tuples come as lists.
        """
        match expression:
            case ast.Constant(value=value):
                return value
            case ast.Name() | ast.Attribute():
                resolved = self.origin(expression)
                if isinstance(resolved, ast.Name | ast.Attribute):
                    return UNKNOWN
                if any(self.may_differ(binding) for binding in self._behind(expression)):
                    return UNKNOWN
                return self.value(resolved)
            case ast.JoinedStr(values=parts):
                return _joined(self.value(part) for part in parts)
            case ast.FormattedValue(value=inner, conversion=-1, format_spec=None):
                value = self.value(inner)
                return value if value is UNKNOWN else str(value)
            case ast.BinOp(left=left, op=operator, right=right):
                return _operate(operator, self.value(left), self.value(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self.value(operand)
                return -value if isinstance(value, int | float) else UNKNOWN
            case ast.Tuple(elts=items) | ast.List(elts=items):
                values = [self.value(item) for item in items]
                return UNKNOWN if any(value is UNKNOWN for value in values) else values
            case ast.Dict(keys=keys, values=values):
                return self._dictionary(keys, values)
            case ast.Subscript(value=container, slice=index):
                entry = self.resolve(expression)
                if entry is not expression:
                    return self.value(entry)
                holder, key = self.value(container), self.value(index)
                try:
                    return UNKNOWN if holder is UNKNOWN or key is UNKNOWN else holder[key]
                except (LookupError, TypeError):
                    return UNKNOWN
            case ast.Call(func=ast.Attribute(value=template, attr="format"), args=args, keywords=keywords):
                return self._format(template, args, keywords)
            case ast.Call(func=ast.Attribute(value=holder, attr="get"), args=[key, *rest]) if (
                outside.environment_variable(expression) is None
            ):
                return self._got(holder, key, rest)
            case ast.Call(func=ast.Name(id="int" | "float" | "str" as name), args=[argument], keywords=[]):
                return _converted(name, self.value(argument))
            case ast.BoolOp(op=ast.Or(), values=[*others, last]):
                known = [self.value(other) for other in others]
                return next((v for v in known if v is UNKNOWN or v), self.value(last))
            case ast.Call():
                returned = self.objects.only_return(expression)
                return self._from_outside(expression) if returned is None else self._returned(returned)
        return UNKNOWN

    def _returned(self, expression: ast.expr) -> Any:
        """The value of what a function returns, which may call itself."""
        if expression in self._followed:
            return UNKNOWN
        self._followed.add(expression)
        try:
            return self.value(expression)
        finally:
            self._followed.remove(expression)

    def _got(self, holder: ast.expr, key: ast.expr, rest: list[ast.expr]) -> Any:
        """``holder.get(key, default)``."""
        entry = self._item(holder, key)
        if entry is not None:
            return self.value(entry)
        held, name = self.value(holder), self.value(key)
        if not isinstance(held, dict) or not isinstance(name, str | int):
            return UNKNOWN
        return held[name] if name in held else self.value(rest[0]) if rest else None

    def _from_outside(self, call: ast.Call) -> Any:
        """What a call gives that reads an environment variable or a file of the project, as far as it may be assumed."""
        if not self.is_assuming:
            return UNKNOWN
        variable = outside.environment_variable(call)
        if variable is not None:
            default = outside.environment_default(call)
            self.assume(f"the environment variable {self.value(variable)}")
            return self.value(default) if default is not None else None
        path = outside.data_file(self, call)
        if path is None or self.joined is None:
            return UNKNOWN
        self.assume(outside.shown(path, self.joined.project.root))
        held = outside.content(self, path)
        return UNKNOWN if held is None else held

    def _dictionary(self, keys: list[ast.expr | None], values: list[ast.expr]) -> Any:
        result = {}
        for key_node, value_node in zip(keys, values, strict=True):
            key, value = self.value(key_node), self.value(value_node)
            if key_node is None or key is UNKNOWN or value is UNKNOWN or isinstance(key, list | dict):
                return UNKNOWN
            result[key] = value
        return result

    def _format(self, template: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
        text = self.value(template)
        values = [self.value(argument) for argument in args]
        named = {keyword.arg: self.value(keyword.value) for keyword in keywords}
        if (
            not isinstance(text, str)
            or None in named
            or any(v is UNKNOWN for v in [*values, *named.values()])
        ):
            return UNKNOWN
        try:
            return text.format(*values, **{str(name): value for name, value in named.items()})
        except (LookupError, ValueError, TypeError, AttributeError):
            return UNKNOWN

    def calls_of(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Call] | None:
        """Calls of a function or method of this source; None when it is also used in another way."""
        binding = self.attributes.get(function.name) if self._is_method(function) else None
        # Methods are no functions of modules: asyncio.run() is not run() of a class.
        loads = [load for load in binding.loads if not self._is_of_module(load)] if binding else []
        if self._is_used_out_of_sight(function):
            return None
        variable = self._known(self.scope(function), function.name)
        if variable and not self._is_method(function):
            if len(variable.stores) != 1:
                return None
            loads += variable.loads
        calls = []
        for load in loads:
            parent = self.parents[load]
            if not (isinstance(parent, ast.Call) and parent.func is load):
                return None
            calls.append(parent)
        return calls

    def _is_of_module(self, load: ast.expr) -> bool:
        """Whether an attribute is read of what an ``import`` statement binds."""
        owner = self.binding(load.value) if isinstance(load, ast.Attribute) else None
        return (
            owner is not None
            and bool(owner.stores)
            and all(isinstance(self.parents.get(store), ast.Import) for store in owner.stores)
        )

    def is_used_elsewhere(self, binding: Binding) -> bool:
        """Whether files of the project that are out of sight may use a module's own name."""
        others = self.users_elsewhere(binding)
        self.wanted.update(dict.fromkeys(others))
        return bool(others)

    def _is_used_out_of_sight(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Whether other files of the project may call a function."""
        uses = self.users_elsewhere_of(function)
        self.wanted.update(dict.fromkeys(uses))
        return bool(uses)

    def users_elsewhere_of(self, function: Function) -> list[str]:
        """The files of the project, out of sight, that may call a function or a method."""
        if self.joined is None or isinstance(function, ast.Lambda) or self.function(function) is not None:
            return []
        return self.joined.uses_elsewhere(self.module(function), function.name, self._is_method(function))

    def users_elsewhere(self, binding: Binding) -> list[str]:
        """The files of the project, out of sight, that may use a module's own name, or an attribute."""
        if self.joined is None:
            return []
        if isinstance(binding.scope, ast.Module):
            return self.joined.uses_elsewhere(binding.scope, binding.name, is_method=False)
        is_attribute = binding.scope is None or isinstance(binding.scope, ast.ClassDef)
        return self.joined.uses_of_attribute(binding.name) if is_attribute else []

    def _is_method(self, function: ast.AST) -> bool:
        return isinstance(self.parents.get(function), ast.ClassDef)

    def definition(self, expression: ast.expr) -> Function | None:
        """The function of this source that an expression names: a lambda, a function or a method of ``self``."""
        match expression:
            case ast.Lambda():
                return expression
            case ast.Name(id=name):
                self._want(expression)
                function = self._function_of(self._lookup(expression, name))
                if function is not None:
                    return function
                resolved = self.resolve(expression)
                return resolved if isinstance(resolved, ast.Lambda) else None
            case ast.Attribute(value=ast.Name() as holder, attr=name):
                self._want(expression)
                if expression in self._members:
                    return self._function_of(self.binding(expression))
                owner = self.binding(holder)
                if owner is not None and any(isinstance(store, ast.alias) for store in owner.stores):
                    return None  # a function of a module that is out of sight
                methods = [
                    node
                    for node in ast.walk(self.tree)
                    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                    and node.name == name
                    and self._is_method(node)
                ]
                return methods[0] if len(methods) == 1 else None
        return None

    def _function_of(self, binding: Binding | None) -> Function | None:
        stores = binding.stores if binding is not None else []
        is_one = len(stores) == 1 and isinstance(stores[0], ast.FunctionDef | ast.AsyncFunctionDef)
        return stores[0] if is_one else None  # type: ignore[return-value]

    def parameters(self, function: Function) -> list[ast.arg]:
        """Positional parameters of a function, without the ``self`` of a method."""
        parameters = [*function.args.posonlyargs, *function.args.args]
        is_static = not isinstance(function, ast.Lambda) and any(
            isinstance(decorator, ast.Name) and decorator.id == "staticmethod"
            for decorator in function.decorator_list
        )
        return parameters[1:] if self._is_method(function) and not is_static else parameters

    def parameter_binding(self, parameter: ast.arg) -> Binding:
        """The variable that a parameter is."""
        return self._variable(self._argument_scope(parameter), parameter.arg)


UNRESOLVED: Final = ast.Pass()
"""Marks a name that is declared ``nonlocal`` until its function is found."""


class Opaque(ast.expr):
    """Stands for a value that no expression of the source spells: a parameter, a loop variable, unpacking, ``+=``.

    Attributes:
        store: the node that binds the name.
    """

    def __init__(self, store: ast.AST) -> None:
        super().__init__()
        self.store = store


def _joined(parts: Iterator[Any]) -> Any:
    texts = list(parts)
    return "".join(texts) if all(isinstance(text, str) for text in texts) else UNKNOWN


def _operate(operator: ast.operator, left: Any, right: Any) -> Any:
    if left is UNKNOWN or right is UNKNOWN:
        return UNKNOWN
    try:
        match operator:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult() if isinstance(left, int | float) and isinstance(right, int | float):
                return left * right
            case ast.Div():
                return left / right
            case ast.FloorDiv():
                return left // right
            case ast.Mod() if isinstance(left, str):
                return left % (tuple(right) if isinstance(right, list) else right)
    except (TypeError, ValueError, ArithmeticError):
        return UNKNOWN
    return UNKNOWN


def _constant_item(display: ast.expr | None, key: ast.expr) -> ast.expr | None:
    """What a dict display holds for a key that is written out."""
    if not isinstance(display, ast.Dict) or not isinstance(key, ast.Constant):
        return None
    pairs = zip(display.keys, display.values, strict=True)
    found = [value for each, value in pairs if isinstance(each, ast.Constant) and each.value == key.value]
    return found[0] if len(found) == 1 else None


def _converted(name: str, value: Any) -> Any:
    """``int(value)`` and the like."""
    if not isinstance(value, int | float | str):
        return UNKNOWN
    try:
        return {"int": int, "float": float, "str": str}[name](value)
    except (ValueError, OverflowError):
        return UNKNOWN


def keyword_value(call: ast.Call, name: str) -> ast.expr | None:
    """What a call gives to a keyword argument; None where it does not name it."""
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def argument_for(
    names: Names, call: ast.Call, function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: ast.arg
) -> ast.expr | None:
    """What a call gives to a parameter, which may be its default; None where that is not plain."""
    if any(isinstance(each, ast.Starred) for each in call.args) or any(k.arg is None for k in call.keywords):
        return None
    positional = names.parameters(function)
    index = positional.index(parameter) if parameter in positional else len(call.args)
    if index < len(call.args):
        return call.args[index]
    return keyword_value(call, parameter.arg) or default_for(function, parameter)


def default_for(function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: ast.arg) -> ast.expr | None:
    """The default of a parameter."""
    positional = [*function.args.posonlyargs, *function.args.args]
    if parameter in positional:
        index = positional.index(parameter) - len(positional) + len(function.args.defaults)
        return function.args.defaults[index] if index >= 0 else None
    if parameter in function.args.kwonlyargs:
        return function.args.kw_defaults[function.args.kwonlyargs.index(parameter)]
    return None
