"""Carries out changes on the concrete syntax tree: the statements that they touch are replaced by new ones.

Every other statement is the node that was parsed, so it comes out as it went in. The smallest statement that a change
falls into is replaced; a change between two statements belongs to the one before.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import cast

import libcst as cst
from libcst._nodes.internal import CodegenState

from migrator.analysis.source import Source, SourceError
from migrator.edits import Change, OverlapError


@dataclass
class _Region:
    """A statement with the comments and blank lines above it and the end of its line.

    Attributes:
        node: the statement; None stands for the whole module.
        start: offset of its first character.
        end: offset after its last one.
        indentations: of the statements that it stands in, outermost first.
        inside: the statements in its blocks, in order.
    """

    node: cst.BaseStatement | None
    start: int
    end: int
    indentations: tuple[str, ...] = ()
    inside: list[_Region] = field(default_factory=list)


def carry_out(source: Source, changes: Iterable[Change]) -> str:
    """The text of a source after all changes; `migrator.edits.apply` says what may go wrong."""
    ordered = _in_order(source, changes)
    if not ordered:
        return source.text
    module, whole = _parsed(source)
    expected = _spliced(source, 0, len(source.text), ordered)
    replacements: dict[cst.CSTNode, list[cst.BaseStatement]] = {}
    if _replace(source, module, whole, ordered, replacements):
        rewritten = module.visit(_Replacing(replacements, _untouched(whole, replacements))).code
    else:  # a change of the comments at the head or the foot of the file
        try:
            rewritten = cst.parse_module(expected).code
        except cst.ParserSyntaxError as error:
            raise ValueError(f"line {error.raw_line} of what it would become is no Python") from error
    if rewritten != expected:
        raise ValueError("libcst would print something else than the source with its changes")
    return rewritten


class _Replacing(cst.CSTTransformer):
    """Puts the new statements into the places of the old ones.

    Args:
        untouched: statements that need not be visited, because nothing in them is replaced.
    """

    def __init__(
        self, replacements: dict[cst.CSTNode, list[cst.BaseStatement]], untouched: Container[cst.CSTNode]
    ) -> None:
        super().__init__()
        self._replacements = replacements
        self._untouched = untouched

    def on_visit(self, node: cst.CSTNode) -> bool:
        return not (
            isinstance(node, cst.BaseExpression) or node in self._untouched or node in self._replacements
        )

    def on_leave(  # type: ignore[override]
        self, original_node: cst.CSTNode, updated_node: cst.CSTNode
    ) -> cst.CSTNode | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        statements = self._replacements.get(original_node)
        if statements is None:
            return updated_node
        return cst.FlattenSentinel(statements) if statements else cst.RemoveFromParent()


def _in_order(source: Source, changes: Iterable[Change]) -> list[Change]:
    unique: dict[tuple[int, int, str], Change] = {}
    for change in changes:
        unique.setdefault((change.start, change.end, change.text), change)
    ordered = sorted(unique.values(), key=lambda change: (change.start, change.end))
    for change, following in pairwise(ordered):
        if following.start < change.end:
            line = source.line_of(following.start)
            raise OverlapError(f"line {line}: two rules change the same text")
    return ordered


def _spliced(source: Source, start: int, end: int, changes: Sequence[Change]) -> str:
    """A part of the text with its changes."""
    pieces, position = [], start
    for change in changes:
        pieces += [source.text[position : change.start], change.text.replace("\n", source.newline)]
        position = change.end
    return "".join([*pieces, source.text[position:end]])


def _replace(
    source: Source,
    module: cst.Module,
    region: _Region,
    changes: Sequence[Change],
    replacements: dict[cst.CSTNode, list[cst.BaseStatement]],
) -> bool:
    """Find new statements for the changes in a region, the smaller the better; False if there are none for it."""
    found: dict[cst.CSTNode, list[cst.BaseStatement]] = {}
    left = sum(max(change.end - change.start, 1) for change in changes)
    for inner in region.inside:
        pieces = [piece for change in changes if (piece := _piece(change, inner, region.inside[0] is inner))]
        if pieces and _replace(source, module, inner, pieces, found):
            left -= sum(max(piece.end - piece.start, 1) for piece in pieces)
    if left:
        statements = _statements(source, module, region, changes) if region.node else None
        if region.node is None or statements is None:
            return False
        found = {region.node: statements}
    replacements.update(found)
    return True


def _piece(change: Change, region: _Region, is_first: bool) -> Change | None:
    """What of a change falls into a region. The new text stands where the change begins."""
    if change.start == change.end:
        is_inside = region.start < change.start <= region.end or (is_first and change.start == region.start)
        return change if is_inside else None
    start, end = max(change.start, region.start), min(change.end, region.end)
    return (
        replace(change, start=start, end=end, text=change.text if start == change.start else "")
        if start < end
        else None
    )


def _statements(
    source: Source, module: cst.Module, region: _Region, changes: Sequence[Change]
) -> list[cst.BaseStatement] | None:
    """The new statements for a region; None where its new text is not just statements of the same block."""
    if region.end == len(source.text) and not source.text.endswith(("\n", "\r")):
        return None  # whether a file ends with a line end is a matter of the module
    # Parsed where it stands: as deep, and behind a statement, so that its first comments are its own.
    around = "".join(f"{indentation}if 1:{source.newline}" for indentation in region.indentations)
    text = _spliced(source, region.start, region.end, changes)
    if not text:
        return []
    try:
        parsed = cst.parse_module(f"pass{source.newline}{around}{text}", module.config_for_parsing)
    except cst.ParserSyntaxError:
        return None
    body: Sequence[cst.BaseStatement] = parsed.body[1:]
    comments_behind = [*parsed.footer]
    for _ in region.indentations:
        if len(body) != 1 or not isinstance(body[0], cst.If):
            return None
        block = cst.ensure_type(body[0].body, cst.IndentedBlock)
        body, comments_behind = block.body, [*comments_behind, *block.footer]
    return None if comments_behind else list(body)


def _untouched(region: _Region, replacements: Container[cst.CSTNode]) -> set[cst.CSTNode]:
    """The statements below a region that are not replaced, and in whose blocks none is."""
    found: set[cst.CSTNode] = set()
    for inner in region.inside:
        found |= _untouched(inner, replacements)
        if (
            inner.node
            and inner.node not in replacements
            and all(child.node in found for child in inner.inside)
        ):
            found.add(inner.node)
    return found


class _Printing(CodegenState):
    """Prints a module and notes between which of its tokens each statement stands.

    What libcst's metadata offers for it notes every node, and visits all of them once more.
    """

    def __init__(self, module: cst.Module) -> None:
        super().__init__(module.default_indent, module.default_newline)
        self.places: dict[cst.CSTNode, tuple[int, int]] = {}

    def before_codegen(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.BaseStatement):
            self.places[node] = (len(self.tokens), 0)

    def after_codegen(self, node: cst.CSTNode) -> None:
        if isinstance(node, cst.BaseStatement):
            self.places[node] = (self.places[node][0], len(self.tokens))


def _parsed(source: Source) -> tuple[cst.Module, _Region]:
    """The module of a source, and every statement in it."""
    try:
        module = cst.parse_module(source.text)
    except cst.ParserSyntaxError as error:
        place = f"line {error.raw_line}, column {error.raw_column + 1}"
        raise SourceError(f"{place}: Python accepts it, but libcst cannot parse it") from error
    printing = _Printing(module)
    module._codegen(printing)
    if "".join(printing.tokens) != source.text:
        raise SourceError("line 1: libcst does not keep its line ends or form feeds")
    offsets = list(accumulate(map(len, printing.tokens), initial=0))

    def inside(body: Iterable[cst.CSTNode], around: tuple[str, ...], indentation: str) -> Iterator[_Region]:
        for node in body:
            # The line end behind the last statement is taken back where the file has none.
            start, end = (offsets[min(token, len(offsets) - 1)] for token in printing.places[node])
            region = _Region(cast("cst.BaseStatement", node), start, end, around)
            for block in _blocks(node):
                step = module.default_indent if block.indent is None else block.indent
                region.inside += inside(block.body, (*around, indentation), indentation + step)
            yield region

    return module, _Region(None, 0, len(source.text), (), list(inside(module.body, (), "")))


def _blocks(node: cst.CSTNode) -> Iterator[cst.IndentedBlock]:
    """The blocks of a compound statement, those of its ``elif``, ``except``, ``case`` and so on included."""
    for child in node.children:
        if isinstance(child, cst.IndentedBlock):
            yield child
        elif not isinstance(child, cst.BaseExpression | cst.SimpleStatementSuite):
            yield from _blocks(child)
