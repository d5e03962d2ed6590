"""Whether a program with tasks reads on after EndOfStream until everything has arrived."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import Binding, Function
from migrator.rules.code import called
from migrator.rules.rule import Session

_STARTERS = frozenset({"create_task", "ensure_future"})
_FIRST = "FIRST_COMPLETED"


class ReadingOn:
    """The readers of a session, and the tasks that they run in.

    Attributes:
        loops: reads that go on: in a loop, of the connection or of a function that returns one message.
        readers: functions that read until the end; `reader_calls` are their calls.
        started: those of them that run as tasks of their own.
        tasks: variable of such a task -> the expression that it is assigned to.
        holders: variables of collections with such a task.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.names = session.names
        self.loops: list[ast.expr] = []
        self.reader_calls: list[ast.Call] = []
        self.readers: set[Function] = set()
        pending = [*session.received]
        seen: set[ast.expr] = set()
        while pending:
            read = pending.pop()
            if read not in seen:
                seen.add(read)
                pending += self._follow(read)
        starts = [(call, self.names.parents[call]) for call in self.reader_calls if self._is_started(call)]
        self.started: set[Function | None] = {self.names.definition(call.func) for call, _ in starts}
        self.tasks = {binding: store for _, start in starts for store, binding in self._kept(start)}
        self.holders: set[Binding] = {
            binding
            for node in [*self.reader_calls, *(start for _, start in starts)]
            if isinstance(display := self.names.parents[node], ast.List | ast.Tuple)
            for _, binding in self._kept(display)
        }

    def _follow(self, read: ast.expr) -> list[ast.Call]:
        """Take in one read; the calls of a function that only returns what it reads are reads as well."""
        function = self.names.function(read)
        calls = (
            []
            if function is None or isinstance(function, ast.Lambda)
            else self.session.calls_of(function) or []
        )
        in_loop = any(
            isinstance(parent, ast.While | ast.For | ast.AsyncFor) and self.names.function(parent) is function
            for parent in self.names.ancestors(read)
        )
        if not in_loop:
            is_returned = isinstance(self.names.statement(read), ast.Return)
            return calls if is_returned else []
        self.loops.append(read)
        while function is not None and function not in self.readers:
            self.readers.add(function)
            self.reader_calls += calls
            # What awaits a reader and does nothing else with it is one itself.
            outer = [
                self.names.function(call) for call in calls if isinstance(self.names.parents[call], ast.Await)
            ]
            function = outer[0] if len(outer) == len(calls) == 1 else None
            if function is None or isinstance(function, ast.Lambda):
                break
            calls = self.session.calls_of(function) or []
        return []

    def runs_in_reader(self, node: ast.AST, seen: frozenset[ast.AST] = frozenset()) -> bool:
        """Whether a node runs in a task that reads, which therefore must not wait for itself."""
        function = self.names.function(node)
        if function is None or function in seen:
            return False
        calls = [] if isinstance(function, ast.Lambda) else self.session.calls_of(function) or []
        return function in self.started or any(
            self.runs_in_reader(call, seen | {function}) for call in calls if not self._is_started(call)
        )

    def _is_started(self, call: ast.Call) -> bool:
        parent = self.names.parents[call]
        return isinstance(parent, ast.Call) and called(parent) in _STARTERS

    def _kept(self, node: ast.AST) -> Iterator[tuple[ast.expr, Binding]]:
        """The variable that takes a value."""
        parent = self.names.parents[node]
        targets = (
            parent.targets
            if isinstance(parent, ast.Assign)
            else [parent.target]
            if isinstance(parent, ast.AnnAssign | ast.NamedExpr)
            else []
        )
        for target in targets:
            binding = self.names.binding(target)
            if binding is not None and isinstance(target, ast.Name | ast.Attribute):
                yield target, binding

    def waits(self, node: ast.AST, seen: frozenset[ast.AST] = frozenset()) -> bool:
        """Whether, after a node has run, the program certainly reads to the end before it closes the connection."""
        for following in self._following(node):
            verdict = self._verdict(following)
            if verdict is not None:
                return verdict
        function = self.names.function(node)
        if function is None or isinstance(function, ast.Lambda) or function in seen:
            return False
        calls = self.session.calls_of(function)
        return bool(calls) and all(
            self._is_read_together(call) or self.waits(call, seen | {function}) for call in calls or []
        )

    def _is_read_together(self, call: ast.Call) -> bool:
        """Whether a coroutine and a reader are awaited in one expression, or in one task group."""
        for parent in self.names.ancestors(call):
            if isinstance(parent, ast.stmt):
                break
            if isinstance(parent, ast.Await) and self._reads(parent):
                return True
        statement = self.names.statement(call)
        groups = [
            node
            for node in self.names.ancestors(statement)
            if isinstance(node, ast.AsyncWith) and "TaskGroup" in ast.dump(node.items[0].context_expr)
        ]
        return any(group in self.names.ancestors(reader) for group in groups for reader in self.reader_calls)

    def _following(self, node: ast.AST) -> Iterator[ast.AST]:
        """What runs after a node in its function, in order; a connection that its ``with`` closes is that ``with``."""
        child: ast.AST = self.names.statement(node)
        left: type[ast.stmt] | None = None  # how the code in between is skipped
        for parent in self.names.ancestors(child):
            block = next((b for b in self._blocks(parent) if child in b), None)
            if block is not None and left is None:
                for statement in block[block.index(child) + 1 :]:  # type: ignore[arg-type]
                    yield statement
                    if isinstance(statement, ast.Return | ast.Break):
                        left = type(statement)
                        break
            if isinstance(parent, ast.Try) and block is not None and block is not parent.finalbody:
                yield from parent.finalbody
            if isinstance(parent, ast.For | ast.AsyncFor | ast.While):
                if left is None:
                    yield from (ast.Expr(read) for read in self.loops if read in ast.walk(parent))
                left = None if left is ast.Break else left
            if isinstance(parent, ast.With | ast.AsyncWith):
                yield from (item for item in parent.items if self._opens(item.context_expr))
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                return
            child = parent

    def _blocks(self, node: ast.AST) -> Iterator[list[ast.stmt]]:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield block

    def _opens(self, expression: ast.expr) -> bool:
        connection = self.session.connection
        assert connection is not None
        return connection.call in ast.walk(expression) or self.session.is_socket(expression)

    def _verdict(self, node: ast.AST) -> bool | None:
        """True where a statement reads to the end, False where it closes, None where it does neither."""
        if isinstance(node, ast.withitem):
            return False
        for inner in self._in_order(node):
            if isinstance(inner, ast.Await) and self._reads(inner):
                return True
            if any(inner is read for read in self.loops):
                return True
            if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute):
                closed = inner.func.value
                if (inner.func.attr == "close" and self.session.is_socket(closed)) or (
                    inner.func.attr == "cancel" and self.names.binding(closed) in self.tasks
                ):
                    return False
        return None

    def _in_order(self, node: ast.AST) -> Iterator[ast.AST]:
        """A node and what is in it, but not in the functions that it defines."""
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            for child in ast.iter_child_nodes(node):
                yield from self._in_order(child)

    def _reads(self, awaited: ast.Await) -> bool:
        """Whether what is awaited is over only when a reader is, or when the last message has come."""
        inside = list(ast.walk(awaited))
        if any(getattr(node, "attr", getattr(node, "id", "")) == _FIRST for node in inside):
            return False
        return any(
            node in self.reader_calls
            or (
                isinstance(node, ast.Name | ast.Attribute)
                and self.names.binding(node) in {*self.tasks, *self.holders}
            )
            or (isinstance(node, ast.Call) and called(node) == "wait" and self._is_last_event(node))
            for node in inside
        )

    def _is_last_event(self, wait: ast.Call) -> bool:
        event = self.names.binding(wait.func.value) if isinstance(wait.func, ast.Attribute) else None
        return event is not None and event in last_events(self.session)


def last_events(session: Session) -> set[Binding]:
    """Events that are set when EndOfTranscript comes."""
    names = session.names
    found = set()
    for test in session.reading.tests:
        branch = names.parents[test.node]
        if isinstance(branch, ast.If) and test.is_positive and "EndOfTranscript" in test.names:
            for statement in branch.body:
                for node in ast.walk(statement):
                    match node:
                        case ast.Call(func=ast.Attribute(value=event, attr="set")):
                            binding = names.binding(event)
                            found |= {binding} if binding else set()
    return found
