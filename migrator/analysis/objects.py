"""What an attribute of an object is worth: of a class, its instances, a namespace; and where an object was made.

Programs keep their settings in such objects. As everywhere in the analysis, what is not certain is unknown: an object
that may come from elsewhere, a field that may be set by code that cannot be told apart, a class with bases or
decorators of which nothing is known here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from migrator.analysis.names import Binding, Names

Kind = Literal["plain", "fields", "environment"]
"""``fields``: the constructor takes the fields, as of a dataclass; ``environment``: and variables may set them, too."""

_OF_FIELDS = frozenset({"BaseModel", "NamedTuple"})
_OF_ENVIRONMENT = frozenset({"BaseSettings"})
_MAKE_FIELDS = frozenset({"dataclass", "define", "frozen", "mutable", "attrs"})
_PLAIN_BASES = frozenset({"object", "ABC", "Protocol"})
_COPIES = frozenset(
    {"_replace", "_make", "evolve", "model_copy", "model_construct", "construct", "parse_obj", "parse_raw"}
    | {"parse_file", "model_validate", "model_validate_json", "from_dict", "make_dataclass"}
)
"""Methods and functions that make another object of a class without calling it."""
_CHANGE_BY_NAME = frozenset({"setattr", "__setattr__", "vars"})
_REMEMBERS = frozenset({"lru_cache", "cache", "staticmethod", "classmethod"})
"""Decorators of a function that gives what it would give without them."""


@dataclass(frozen=True)
class Made:
    """An object of a class, or a namespace.

    Attributes:
        owner: the class; None for a namespace.
        call: what made it; None where it is one of several, or the class itself.
        is_class: whether it is the class itself.
    """

    owner: ast.ClassDef | None
    call: ast.Call | None = None
    is_class: bool = False


class Objects:
    """The objects of a source. It asks its `Names`, and they ask it."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._asked: set[ast.AST] = set()
        self._made: dict[ast.expr, Made | None] = {}

    def made(self, expression: ast.expr) -> Made | None:
        """The object that an expression is; None where that is not certain."""
        if expression in self._made:
            return self._made[expression]
        if expression in self._asked:  # node.next = node.next.next
            return None
        self._asked.add(expression)
        try:
            found = self._made_by(self.names.origin(expression))
        finally:
            self._asked.remove(expression)
        if not self._asked and not self.names.is_assuming:
            self._made[expression] = found
        return found

    def _made_by(self, origin: ast.expr) -> Made | None:
        names = self.names
        if isinstance(origin, ast.Call):
            owner = self._class_named(origin.func)
            if owner is not None:
                return Made(owner, origin)
            if last_name(origin.func) == "SimpleNamespace" and not origin.args:
                return Made(None, origin)
            returned = self.only_return(origin)
            return self.made(returned) if returned is not None else None
        owner = self._class_named(origin)
        if owner is not None:
            return Made(owner, is_class=True)
        binding = names.binding(origin) if isinstance(origin, ast.Name) else None
        store = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
        owner = self.owner_of_first(store) if isinstance(store, ast.arg) else None
        return Made(owner) if owner is not None else None

    def _class_named(self, expression: ast.expr) -> ast.ClassDef | None:
        binding = self.names.binding(expression) if self.names.is_variable(expression) else None
        store = binding.stores[0] if binding is not None and len(binding.stores) == 1 else None
        return store if isinstance(store, ast.ClassDef) else None

    def owner_of_first(self, parameter: ast.arg) -> ast.ClassDef | None:
        """The class of a method whose first parameter, ``self``, this is."""
        parents = self.names.parents
        function = parents.get(parents[parameter])
        owner = parents.get(function) if function is not None else None
        is_first = isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and (
            function.args.args[:1] == [parameter]
            and not any(last_name(each) == "staticmethod" for each in function.decorator_list)
        )
        return owner if is_first and isinstance(owner, ast.ClassDef) else None

    def only_return(self, call: ast.Call) -> ast.expr | None:
        """What a function of this source gives back, where it has one ``return``, at its end; it may be remembered for
        the next call."""
        function = self.names.definition(call.func)
        if not isinstance(function, ast.FunctionDef):
            return None
        if any(last_name(each) not in _REMEMBERS for each in function.decorator_list):
            return None
        last = function.body[-1]
        while isinstance(last, ast.With):
            last = last.body[-1]
        ways_out = [n for n in ast.walk(function) if isinstance(n, ast.Return | ast.Yield | ast.YieldFrom)]
        return last.value if isinstance(last, ast.Return) and ways_out == [last] else None

    # Attributes

    def attribute(self, attribute: ast.Attribute) -> ast.expr | None:
        """The expression that gives an attribute its only value; None where there is none, or more than one."""
        binding = self.names.attributes.get(attribute.attr)
        if binding is None and not self._may_be_keyword(attribute):
            return None
        made = self.made(attribute.value)
        if made is None:
            return self._of_unknown_object(attribute, binding)
        stores = self._stores(made, binding)
        if stores is None or self._is_changed_by_name(made):
            return None
        if made.owner is None:
            assert made.call is not None
            return None if stores else _given(made.call, attribute.attr)
        return self._of_class(made, attribute.attr, stores)

    def sources(self, attribute: ast.Attribute) -> list[ast.expr] | None:
        """All expressions that may give an attribute its value; None where the object cannot be told."""
        made = self.made(attribute.value)
        stores = self._stores(made, self.names.attributes.get(attribute.attr)) if made is not None else None
        if made is None or stores is None:
            return None
        if made.owner is None:
            given = _given(made.call, attribute.attr) if made.call is not None else None
            return [given] if given is not None else None
        calls = [made.call] if made.call is not None else self.constructions(made.owner) or []
        is_field = self.kind(made.owner) in ("fields", "environment")
        arguments = [self._argument(call, made.owner, attribute.attr) for call in calls if is_field]
        found = [argument for argument in arguments if isinstance(argument, ast.expr)]
        if made.call is not None and found:
            return found
        values = [self.names.stored_value(store) for store in stores]
        defaults = [default_of(value) for value in values if value is not None]
        return [*found, *(default for default in defaults if default is not None)]

    def setting(self, attribute: ast.Attribute) -> tuple[ast.ClassDef, ast.AnnAssign] | None:
        """Class and field of an attribute that variables of the environment set, as of pydantic's settings."""
        made = self.made(attribute.value)
        if made is None or made.owner is None or self.kind(made.owner) != "environment":
            return None
        if made.call is not None and isinstance(
            self._argument(made.call, made.owner, attribute.attr), ast.expr
        ):
            return None
        for store in self._stores(made, self.names.attributes.get(attribute.attr)) or ():
            field = self.names.parents[store]
            if isinstance(field, ast.AnnAssign) and isinstance(store, ast.Name):
                return made.owner, field
        return None

    def _may_be_keyword(self, attribute: ast.Attribute) -> bool:
        made = self.made(attribute.value)
        return made is not None and made.owner is None

    def _of_unknown_object(self, attribute: ast.Attribute, binding: Binding | None) -> ast.expr | None:
        """An attribute that is only ever set on what the same variable holds."""
        stores = binding.stores if binding is not None else []
        is_same = all(
            isinstance(store, ast.Attribute) and self.names.is_same(attribute.value, store.value)
            for store in stores
        )
        return self._only(stores) if is_same else None

    def _stores(self, made: Made, binding: Binding | None) -> list[ast.AST] | None:
        """What sets an attribute of an object; None where an object that cannot be told apart has one of its name."""
        found: list[ast.AST] = []
        for store in binding.stores if binding is not None else []:
            if isinstance(store, ast.Attribute):
                other = self.made(store.value)
                if other is None:
                    return None
                is_same = _is_related(self, made, other)
            else:
                owner = self.names.scope(store)
                other = Made(owner) if isinstance(owner, ast.ClassDef) else None
                is_same = other is not None and _is_related(self, made, other)
            if is_same:
                found.append(store)
        return found

    def _of_class(self, made: Made, name: str, stores: list[ast.AST]) -> ast.expr | None:
        assert made.owner is not None
        kind = self.kind(made.owner)
        of_class = [store for store in stores if not isinstance(store, ast.Attribute)]
        if made.call is not None and of_class:
            # The nearest class counts, when it is known which one it is.
            line = self.lineage(made.owner)
            nearest = min(
                (line.index(self.names.scope(s)) for s in of_class if self.names.scope(s) in line), default=-1
            )
            of_class = [s for s in of_class if nearest >= 0 and self.names.scope(s) is line[nearest]]
            stores = [store for store in stores if store in of_class or isinstance(store, ast.Attribute)]
        is_field = any(isinstance(self.names.parents[store], ast.AnnAssign) for store in of_class)
        if kind == "plain" or made.is_class or not is_field:
            return self._only(stores)
        if kind is None or len(stores) != 1:
            return None
        return self._of_field(made, name, stores[0], kind)

    def _only(self, stores: list[ast.AST]) -> ast.expr | None:
        values = [self.names.stored_value(store) for store in stores]
        known = [
            value
            for value in values
            if not (isinstance(value, ast.Constant) and value.value is None and len(values) > 1)
        ]
        return known[0] if len(known) == 1 else None

    def _of_field(self, made: Made, name: str, store: ast.AST, kind: Kind) -> ast.expr | None:
        """A field: what the constructor is given for it, everywhere the same, or its default."""
        assert made.owner is not None
        calls = [made.call] if made.call is not None else self.constructions(made.owner)
        if not calls or (made.call is None and self._is_copied):
            return None
        given = [self._argument(call, made.owner, name) for call in calls]
        if None in given:
            return None
        found = [each for each in given if isinstance(each, ast.expr)]
        if found:
            return self.names.the_same(found) if len(found) == len(given) else None
        stored = self.names.stored_value(store)
        default = default_of(stored) if stored is not None else None
        if kind == "environment" and default is not None:
            variable = self.variable(made.owner, name, stored)
            return default if self.names.assume(f"the environment variable {variable}") else None
        return default

    def _argument(
        self, call: ast.Call, owner: ast.ClassDef, name: str
    ) -> ast.expr | Literal["default"] | None:
        """What a constructor is given for a field; None where that is not plain."""
        if any(keyword.arg is None for keyword in call.keywords) or any(
            isinstance(argument, ast.Starred) for argument in call.args
        ):
            return None
        if self.has_own(owner, "__init__", "__new__", "__post_init__", "model_post_init"):
            return None
        by_name = _given(call, name)
        if by_name is not None:
            return by_name
        if not call.args:
            return "default"
        fields = [
            statement.target.id
            for statement in owner.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        ]
        if len(self.lineage(owner)) > 1 or name not in fields:
            return None
        index = fields.index(name)
        return call.args[index] if index < len(call.args) else "default"

    @cached_property
    def _is_copied(self) -> bool:
        """Whether the source copies an object with other values, in a way that does not tell the class."""
        for node in ast.walk(self.names.tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _COPIES:
                    return True
                case ast.Call(
                    func=ast.Name(id="replace")
                    | ast.Attribute(value=ast.Name(id="dataclasses"), attr="replace")
                ):
                    return True
        return False

    def _is_changed_by_name(self, made: Made) -> bool:
        """Whether code sets attributes that it does not name, of this object or one that cannot be told apart."""
        others = [self.made(target) for target in self._changed_by_name]
        return any(other is None or _is_related(self, made, other) for other in others)

    @cached_property
    def _changed_by_name(self) -> list[ast.expr]:
        found = []
        for node in ast.walk(self.names.tree):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[target, *_]) if (
                    name in _CHANGE_BY_NAME
                ):
                    found.append(target)
                case ast.Attribute(value=target, attr="__dict__"):
                    found.append(target)
        return found

    # Classes

    def kind(self, owner: ast.ClassDef) -> Kind | None:
        """How the objects of a class get their fields; None where that is not known."""
        if any(_is_validator(statement) for statement in owner.body):
            return None
        found: Kind = "plain"
        for decorator in owner.decorator_list:
            if last_name(decorator) not in _MAKE_FIELDS:
                return None
            found = "fields"
        for base in owner.bases:
            inherited = self._class_named(base)
            name = last_name(base)
            kind: Kind | None
            if inherited is not None:
                kind = self.kind(inherited) if inherited is not owner else None
            elif name in _OF_ENVIRONMENT:
                kind = "environment"
            elif name in _OF_FIELDS:
                kind = "fields"
            else:
                kind = "plain" if name in _PLAIN_BASES else None
            if kind is None:
                return None
            found = max(found, kind, key=("plain", "fields", "environment").index)
        return found

    def lineage(self, owner: ast.ClassDef) -> list[ast.AST]:
        """A class and those of this source that it inherits from, the nearest first."""
        found: list[ast.AST] = [owner]
        for each in found:
            assert isinstance(each, ast.ClassDef)
            bases = [self._class_named(base) for base in each.bases]
            found += [base for base in bases if base is not None and base not in found]
        return found

    def has_own(self, owner: ast.ClassDef, *methods: str) -> bool:
        """Whether a class, or one that it inherits from, defines one of some methods."""
        return any(
            isinstance(statement, ast.FunctionDef) and statement.name in methods
            for each in self.lineage(owner)
            for statement in getattr(each, "body", ())
        )

    def constructions(self, owner: ast.ClassDef) -> list[ast.Call] | None:
        """The calls that make the objects of a class; None where they may be made elsewhere, too."""
        names = self.names
        binding = names.lookup(names.parents[owner], owner.name)
        if binding is None or binding.stores != [owner] or names.is_used_elsewhere(binding):
            return None
        calls: list[ast.Call] = []
        for load in (*binding.loads, *self._inside(owner)):
            parent = names.parents[load]
            if isinstance(parent, ast.Call) and parent.func is load:
                calls.append(parent)
            elif isinstance(parent, ast.ClassDef):
                below = self.constructions(parent) if parent is not owner else None
                if below is None:
                    return None
                calls += below
            elif isinstance(parent, ast.Attribute) or self._is_annotation(load):
                continue
            elif not (
                isinstance(parent, ast.Call) and last_name(parent.func) in ("isinstance", "issubclass")
            ):
                return None
        return calls

    def _inside(self, owner: ast.ClassDef) -> Iterator[ast.expr]:
        """The class as its own class methods name it."""
        for node in ast.walk(owner):
            if isinstance(node, ast.Name) and node.id == "cls" and isinstance(node.ctx, ast.Load):
                yield node

    def _is_annotation(self, load: ast.expr) -> bool:
        child: ast.AST = load
        for parent in self.names.ancestors(load):
            if isinstance(parent, ast.arg | ast.AnnAssign):
                return child is parent.annotation
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef):
                return child is parent.returns
            if isinstance(parent, ast.stmt):
                return False
            child = parent
        return False

    def variable(self, owner: ast.ClassDef, field: str, stored: ast.expr | None) -> str:
        """The environment variable that sets a field of pydantic's settings."""
        named = alias_of(stored)
        if named is not None:
            return str(named.value)
        return (self.prefix(owner) + field).upper()

    def prefix(self, owner: ast.ClassDef) -> str:
        """What the environment variables of a class begin with."""
        for each in self.lineage(owner):
            for node in ast.walk(each):
                match node:
                    case ast.keyword(arg="env_prefix", value=ast.Constant(value=str(prefix))):
                        return prefix
                    case ast.Assign(
                        targets=[ast.Name(id="env_prefix")], value=ast.Constant(value=str(prefix))
                    ):
                        return prefix
                    case ast.Dict(keys=keys, values=values):
                        for key, value in zip(keys, values, strict=True):
                            if isinstance(key, ast.Constant) and key.value == "env_prefix":
                                return str(value.value) if isinstance(value, ast.Constant) else ""
        return ""


def _is_related(objects: Objects, one: Made, other: Made) -> bool:
    """Whether what is set of one object may be read of another."""
    if one.owner is None or other.owner is None:
        return one.owner is other.owner and (one.call is other.call or None in (one.call, other.call))
    return other.owner in objects.lineage(one.owner) or one.owner in objects.lineage(other.owner)


def _is_validator(statement: ast.stmt) -> bool:
    """Whether a statement is a method that pydantic asks before it takes the value of a field."""
    return isinstance(statement, ast.FunctionDef) and any(
        "validator" in last_name(decorator) for decorator in statement.decorator_list
    )


def _given(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def last_name(expression: ast.expr) -> str:
    """The last name of what is named, called or applied."""
    match expression:
        case ast.Call(func=function):
            return last_name(function)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def default_of(stored: ast.expr) -> ast.expr | None:
    """The default of a field: what is assigned to it, or what ``Field(...)`` and ``field(...)`` say."""
    if not (isinstance(stored, ast.Call) and last_name(stored) in ("Field", "field", "ib", "attrib")):
        return stored
    default = _given(stored, "default")
    factory = _given(stored, "default_factory") or _given(stored, "factory")
    if default is None and factory is None and stored.args and last_name(stored) == "Field":
        default = stored.args[0]
    if isinstance(factory, ast.Lambda) and default is None:
        default = factory.body
    return None if isinstance(default, ast.Constant) and default.value is Ellipsis else default


def alias_of(stored: ast.expr | None) -> ast.Constant | None:
    """The text that names the environment variable of a field: ``Field(validation_alias="NAME")``."""
    if isinstance(stored, ast.Call) and last_name(stored) == "Field":
        for name in ("validation_alias", "alias", "env"):
            value = _given(stored, name)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                return value
    return None
