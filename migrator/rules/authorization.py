"""The Authorization header: Bearer and the Speechmatics key become the AssemblyAI key alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from migrator.analysis.names import Names, Opaque, default_for
from migrator.analysis.objects import alias_of, default_of
from migrator.analysis.outside import environment_variable
from migrator.rules import endpoint
from migrator.rules.code import literal, replace
from migrator.rules.rule import Change, Need, Note, Obstacle, Plan, Proposal, Rule, Session

KEY_VARIABLE = "ASSEMBLYAI_API_KEY"
_BEARER = re.compile(r"Bearer\s+", re.IGNORECASE)
_REASON = "AssemblyAI takes the key without Bearer"


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The header of the connection."""
    connection = session.connection
    assert connection is not None
    found = endpoint.address(session)
    has_token = not isinstance(found, str) and found[2] is not None
    if connection.header is None:
        if not has_token:
            yield Obstacle(
                connection.call.lineno, "no key is seen: neither a header nor ?jwt= in the address"
            )
        return
    for header in (connection.header, *(other.header for other in connection.again)):
        value = header_value(session.names, header) if header is not None else None
        if value is not None:
            yield from without_bearer(session, value)
        elif not has_token:
            yield Obstacle(
                connection.header.lineno, "the Authorization header is built in a way that is not understood"
            )


def header_value(names: Names, header: ast.expr) -> ast.expr | None:
    """The expression that holds ``Bearer ...`` in a header given as a dict, or as a list or tuple of texts or pairs."""
    resolved = names.resolve(header)
    if isinstance(resolved, ast.Dict):
        pairs = list(zip(resolved.keys, resolved.values, strict=True))
        return next((value for key, value in pairs if _is_authorization(names, key)), None)
    if isinstance(resolved, ast.List | ast.Tuple):
        for item in resolved.elts:
            item = names.resolve(item)
            if (
                isinstance(item, ast.Tuple | ast.List)
                and len(item.elts) == 2
                and _is_authorization(names, item.elts[0])
            ):
                return item.elts[1]
            if leading_text(item).lower().startswith("authorization:"):
                return item
    return None


def _is_authorization(names: Names, key: ast.expr | None) -> bool:
    value = names.value(key)
    return isinstance(value, str) and value.lower() == "authorization"


def leading_text(expression: ast.expr) -> str:
    """The text that a value begins with, as far as it is written out; empty where it begins with something else."""
    match expression:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[first, *_]):
            return leading_text(first)
        case ast.BinOp(left=left):
            return leading_text(left)
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            return leading_text(template)
    return ""


def without_bearer(session: Session, value: ast.expr) -> Iterator[Proposal]:
    """A value that begins with ``Bearer``, or with ``Authorization: Bearer``, without that word; and its key."""
    source, names = session.source, session.names
    value = names.resolve(value)
    text = leading_text(value)
    match = _BEARER.search(text)
    if not match:
        yield Obstacle(value.lineno, f"{source.segment(value)[:40]} does not begin with Bearer")
        return
    prefix = text[: match.start()]
    key: ast.expr | None = None
    rest = text[match.end() :]
    match value:
        case ast.Constant():
            yield from _literal_key(session, value, prefix)
            return
        case ast.JoinedStr(values=[_, ast.FormattedValue(value=inner)]) if not rest:
            key = inner
        case ast.BinOp(op=ast.Add(), left=ast.Constant(), right=right) if not rest:
            key = right
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(), right=right) if rest == "%s":
            is_tuple = isinstance(right, ast.Tuple) and len(right.elts) == 1
            key = right.elts[0] if isinstance(right, ast.Tuple) and is_tuple else right
        case ast.Call(func=ast.Attribute(value=ast.Constant()), args=[argument], keywords=[]) if rest in (
            "{}",
            "{0}",
        ):
            key = argument
    if key is None:
        yield Obstacle(value.lineno, f"{source.segment(value)[:40]} is no known spelling of a Bearer token")
        return
    start, end = source.start(value), source.end(value)
    if prefix:
        position = source.text.index("Bearer", start)
        yield Change(position, position + len(match.group()), "", _REASON)
    else:
        yield Change(start, source.start(key), "", _REASON)
        yield Change(source.end(key), end, "", _REASON)
    yield from key_source(session, key, set())


def _literal_key(session: Session, value: ast.Constant, prefix: str) -> Iterator[Proposal]:
    source = session.source
    text = f'os.environ["{KEY_VARIABLE}"]'.replace('"', source.quote)
    if prefix:
        text = f"{literal(source, prefix)} + {text}"
    yield replace(source, value, text, "the key in the source is one of Speechmatics")
    yield Need("os")
    yield _put_the_key(value.lineno)


def _put_the_key(line: int) -> Note:
    return Note(
        line,
        f"the key stood in the source; put an AssemblyAI key into the environment variable {KEY_VARIABLE} and withdraw "
        "the Speechmatics key",
    )


def key_source(session: Session, key: ast.expr, seen: set[int]) -> Iterator[Proposal]:
    """Follow a key to where it comes from: that place has to give the AssemblyAI key."""
    source, names = session.source, session.names
    if id(key) in seen:
        return
    seen.add(id(key))
    match key:
        case ast.Constant(value=str(text)):
            # An empty default is a placeholder; anything else would be sent to AssemblyAI.
            if text:
                new = f'os.environ["{KEY_VARIABLE}"]'.replace('"', source.quote)
                yield replace(source, key, new, "the key in the source is one of Speechmatics")
                yield Need("os")
                yield _put_the_key(key.lineno)
            return
        case ast.Constant():
            return
        case ast.BoolOp(values=values):
            for value in values:
                yield from key_source(session, value, seen)
            return
        case ast.IfExp(body=body, orelse=orelse):
            yield from key_source(session, body, seen)
            yield from key_source(session, orelse, seen)
            return
        case ast.Call(func=ast.Attribute(value=inner, attr="strip" | "rstrip"), args=[]):
            yield from key_source(session, inner, seen)
            return
    variable = environment_variable(key)
    if variable is not None:
        yield from _renamed_variable(session, key, variable)
        return
    setting = names.objects.setting(key) if isinstance(key, ast.Attribute) else None
    if setting is not None:
        yield from _renamed_field(session, key, *setting)
        return
    values = _origins(session, key)
    if not values and isinstance(names.value(key), str):
        yield Obstacle(
            key.lineno, "the key is put together in the source, and a Speechmatics key must not be sent on"
        )
        return
    if not values:
        yield Note(key.lineno, f"{source.segment(key)[:40]} has to give an AssemblyAI key now")
        return
    for value in values:
        if isinstance(value, Opaque):
            yield from _parameter(session, value, key, seen)
        else:
            yield from key_source(session, value, seen)


def _origins(session: Session, key: ast.expr) -> list[ast.expr]:
    """Where a key comes from, one step back: assignments, an entry of a dict, the default of a command line option."""
    names = session.names
    values = names.objects.sources(key) if isinstance(key, ast.Attribute) else None
    if values is None:
        binding = names.binding(key)
        values = [_unpacked(names, value) for value in names.assigned(binding)] if binding else []
    function = names.definition(key.func) if isinstance(key, ast.Call) else None
    if function is not None and not isinstance(function, ast.Lambda):
        returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
        values = [node.value for node in returns if node.value is not None]
    if isinstance(key, ast.Subscript):
        holder, name = names.resolve(key.value), names.value(key.slice)
        if isinstance(holder, ast.Dict):
            pairs = zip(holder.keys, holder.values, strict=True)
            values = [value for item, value in pairs if item is not None and names.value(item) == name]
    if isinstance(key, ast.Attribute):
        for node in ast.walk(session.source.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
                options = [str(names.value(argument)).lstrip("-").replace("-", "_") for argument in node.args]
                if key.attr in options:
                    values += [keyword.value for keyword in node.keywords if keyword.arg == "default"]
    return values


def _unpacked(names: Names, value: ast.expr) -> ast.expr:
    """The part of ``key, other = "...", 2`` that a name gets."""
    store = value.store if isinstance(value, Opaque) else None
    target = names.parents.get(store) if isinstance(store, ast.Name) else None
    assignment = names.parents.get(target) if isinstance(target, ast.Tuple | ast.List) else None
    if isinstance(assignment, ast.Assign) and isinstance(assignment.value, ast.Tuple | ast.List):
        assert isinstance(target, ast.Tuple | ast.List)
        if len(target.elts) == len(assignment.value.elts):
            return assignment.value.elts[[id(element) for element in target.elts].index(id(store))]
    return value


def _parameter(session: Session, value: Opaque, key: ast.expr, seen: set[int]) -> Iterator[Proposal]:
    source, names = session.source, session.names
    store = value.store
    function = names.parents.get(names.parents.get(store, store)) if isinstance(store, ast.arg) else None
    if not isinstance(store, ast.arg) or not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        yield Note(key.lineno, f"{source.segment(key)[:40]} has to give an AssemblyAI key now")
        return
    default = default_for(function, store)
    if default is not None:
        yield from key_source(session, default, seen)
    arguments = _arguments(session, function, store)
    for argument in arguments:
        yield from key_source(session, argument, seen)
    if not arguments:
        called = _called(session, function)
        yield Note(store.lineno, f"callers of {called}() have to give an AssemblyAI key as {store.arg} now")


def _called(session: Session, function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """The name by which a function is called; a constructor by that of its class."""
    owner = session.names.parents[function]
    return owner.name if isinstance(owner, ast.ClassDef) and function.name == "__init__" else function.name


def _arguments(
    session: Session, function: ast.FunctionDef | ast.AsyncFunctionDef, parameter: ast.arg
) -> list[ast.expr]:
    """What the calls in this source give for a parameter."""
    names = session.names
    called = _called(session, function)
    parameters = names.parameters(function)
    found = []
    for node in ast.walk(session.source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name != called:
            continue
        index = parameters.index(parameter) if parameter in parameters else len(node.args)
        by_name = [keyword.value for keyword in node.keywords if keyword.arg == parameter.arg]
        found += by_name or node.args[index : index + 1]
    return found


def _renamed_variable(session: Session, key: ast.expr, name: ast.expr) -> Iterator[Proposal]:
    source, names = session.source, session.names
    defaults = key.args[1:] if isinstance(key, ast.Call) else []
    default = names.value(defaults[0]) if defaults else None
    if isinstance(default, str) and default:
        new = f'os.environ["{KEY_VARIABLE}"]'.replace('"', source.quote)
        yield replace(source, key, new, "the default key in the source is one of Speechmatics")
        yield Need("os")
        yield _put_the_key(key.lineno)
        return
    old = names.value(name)
    if not isinstance(old, str):
        yield Note(
            key.lineno,
            f"the variable that {source.segment(key)[:40]} reads has to hold an AssemblyAI key now",
        )
        return
    if old != KEY_VARIABLE:
        yield Note(key.lineno, f"the key is read from {KEY_VARIABLE} now; set it where {old} was set")
    yield from _renamed(session, name, old)


def _renamed_field(
    session: Session, key: ast.expr, owner: ast.ClassDef, field: ast.AnnAssign
) -> Iterator[Proposal]:
    """Another name for a field of settings that reads a variable of its name."""
    source, names = session.source, session.names
    assert isinstance(field.target, ast.Name)
    assert isinstance(key, ast.Attribute)
    variable = names.objects.variable(owner, key.attr, field.value)
    default = default_of(field.value) if field.value is not None else None
    if default is not None and names.value(default) not in ("", None):
        yield replace(
            source, default, '""'.replace('"', source.quote), "the default key is one of Speechmatics"
        )
        yield _put_the_key(field.lineno)
    alias = alias_of(field.value)
    if alias is not None:
        yield Note(field.lineno, f"the key is read from {KEY_VARIABLE} now; set it where {variable} was set")
        yield from _renamed(session, alias, variable)
    elif "SPEECHMATICS" not in variable:
        yield Note(
            field.lineno, f"{variable}, which sets {owner.name}.{key.attr}, has to hold an AssemblyAI key now"
        )
    elif "speechmatics" not in key.attr.lower():
        yield Obstacle(field.lineno, f"{owner.name}.{key.attr} is read from {variable}, as its prefix says")
    else:
        new = re.sub("speechmatics", "assemblyai", key.attr, flags=re.IGNORECASE)
        yield Note(
            field.lineno,
            f"the key is read from {variable.replace(key.attr.upper(), new.upper())} now; set it where {variable} was set",
        )
        yield from _field_named(session, owner, field.target, new)


def _field_named(session: Session, owner: ast.ClassDef, field: ast.Name, new: str) -> Iterator[Proposal]:
    """Another name for a field, wherever it is read, set or given."""
    source, names = session.source, session.names
    reason = "the field has the name of the variable that it is read from"
    binding = names.attributes[field.id]
    elsewhere = names.is_used_elsewhere(binding)
    if elsewhere or any(isinstance(n, ast.Constant) and n.value == field.id for n in source.nodes):
        yield Obstacle(field.lineno, f"{field.id} is used in a way that cannot be followed")
        return
    yield replace(source, field, new, reason)
    for use in (*binding.loads, *binding.stores):
        if not isinstance(use, ast.Attribute):
            continue
        made = names.objects.made(use.value)
        if made is None:
            yield Obstacle(use.lineno, f"{source.segment(use)} may be a field of {owner.name}")
        elif made.owner is owner:
            yield Change(source.end(use) - len(field.id), source.end(use), new, reason)
    for call in names.objects.constructions(owner) or ():
        for keyword in call.keywords:
            if keyword.arg == field.id:
                start = source.offset(keyword.lineno, keyword.col_offset)
                yield Change(start, start + len(field.id), new, reason)


def _renamed(session: Session, name: ast.expr, old: str) -> Iterator[Proposal]:
    """Another name for the variable where it is read, and wherever a text mentions a name that can mean nothing else."""
    source = session.source
    if old == KEY_VARIABLE:
        return
    reason = f"the key is read from {KEY_VARIABLE}"
    named = session.names.resolve(name)
    spans = {(source.start(named), source.end(named))}
    if "SPEECHMATICS" in old:
        spans |= {(token.start, token.end) for token in source.tokens}
    for start, end in sorted(spans):
        for match in re.finditer(rf"(?<!\w){re.escape(old)}(?!\w)", source.text[start:end]):
            position = start + match.start()
            if position not in source.variables:
                yield Change(position, position + len(old), KEY_VARIABLE, reason)


RULE = Rule(
    id="authorization",
    title="Send the AssemblyAI key alone, without Bearer",
    why=(
        "AssemblyAI rejects `Bearer`. A key that came from the environment is read from `ASSEMBLYAI_API_KEY`; one that "
        "stood in the source is read from there as well, and a finding says so, because a Speechmatics key must not be "
        "sent to AssemblyAI. A key that callers give stays theirs to give, with a finding."
    ),
    before='header = {"Authorization": f"Bearer {os.environ[\'SPEECHMATICS_API_KEY\']}"}',
    after="header = {\"Authorization\": os.environ['ASSEMBLYAI_API_KEY']}",
    propose=propose,
)
