"""Properties that hold for any source, and programs changed in ways that change nothing."""

from __future__ import annotations

import ast
import os
import re
import sysconfig
import textwrap
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from migrator.analysis.scan import touch_points
from migrator.analysis.source import Source, SourceError
from migrator.engine import migrate_project, migrate_source
from migrator.options import Options
from migrator.project import mentions_speechmatics

PROGRAMS = sorted((Path(__file__).parents[3] / "fixtures" / "programs").rglob("legacy.py"))
SOURCES = [program.read_text(encoding="utf-8") for program in PROGRAMS]
STANDARD_LIBRARY = sorted(Path(sysconfig.get_path("stdlib")).glob("[a-f]*.py"))
INSTALLED = sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
EVERY = int(os.environ.get("EVERY_INSTALLED_FILE", "40"))
"""One of so many installed files is migrated with a mention put into it; 1 takes all of them, and an hour."""
LINES = [line for source in SOURCES for line in source.splitlines(keepends=True)]


def check(source: bytes, options: Options) -> None:
    """Unchanged or compiling, and settled after one run."""
    result = migrate_source("app.py", source, options)
    if result.status == "error":
        assert result.after == source
        return
    if result.changed:
        compile(result.after, "app.py", "exec", dont_inherit=True)
    if result.status == "native":
        assert touch_points(Source(result.after)) == ()
    if not options.partial:
        again = migrate_source("app.py", result.after, options)
        assert again.after == result.after
    assert result.touch_points_left <= result.touch_points


options = st.sampled_from(
    [Options(), Options(to="native"), Options(to="shim"), Options(to="native", partial=True)]
)
slow = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

slower = settings(slow, max_examples=40)


@slow
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))),
    options,
)
def test_any_bytes_are_unchanged_or_an_error(source: bytes, chosen: Options) -> None:
    check(source, chosen)


@slow
@given(st.lists(st.sampled_from(LINES), max_size=40), options)
def test_any_lines_of_legacy_programs(lines: list[str], chosen: Options) -> None:
    check("".join(lines).encode(), chosen)


@slow
@given(st.data(), options)
def test_a_program_without_some_of_its_statements(data: st.DataObject, chosen: Options) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    tree = ast.parse(text)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    lines = text.splitlines(keepends=True)
    for node in data.draw(st.lists(st.sampled_from(statements), max_size=3)):
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = "" if number >= node.lineno else " " * node.col_offset + "pass\n"
    assume(_compiles("".join(lines)))
    check("".join(lines).encode(), chosen)


def _compiles(text: str) -> bool:
    try:
        compile(text, "<program>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


@slow
@given(st.data())
def test_a_program_with_other_line_ends_marks_and_blank_lines(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    lines = text.splitlines(keepends=True)
    for position in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=5)):
        indentation = re.match(r"[ \t]*", lines[position])
        assert indentation
        lines[position] = f"{indentation.group()}# a remark\n{lines[position]}"
    check("".join(lines).replace("\n", data.draw(st.sampled_from(["\n", "\r\n"]))).encode(), Options())


@pytest.mark.parametrize("path", STANDARD_LIBRARY, ids=lambda path: path.name)
def test_the_standard_library_stays_as_it_is(path: Path) -> None:
    source = path.read_bytes()
    result = migrate_source(path.name, source, Options())
    assert (result.status, result.after, result.findings) == ("unchanged", source, ())


@pytest.mark.parametrize("path", STANDARD_LIBRARY[:20], ids=lambda path: path.name)
def test_expressions_in_f_strings_are_where_they_are_said_to_be(path: Path) -> None:
    try:
        source = Source(path.read_bytes())
    except SourceError:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FormattedValue):
            written = ast.parse(f"({source.segment(node.value)})", mode="eval").body
            assert ast.dump(written) == ast.dump(node.value)


@pytest.mark.parametrize(
    "text",
    [
        'f"{a}{b}{a}"',
        'f"{a!r:>{b}}" "{c}" f"{{}}{c}"',
        'f"""\n  {a +\n b} é {c}"""',
        "rf\"\\d{a['b']:%H:%M} {b=}\"",
        'f"{a != b} {({1: 2})[1]} {(lambda: 1)()}"',
        '"é" + f"é{a}"',
    ],
)
def test_an_expression_in_an_f_string_has_its_own_place(text: str) -> None:
    source = Source(f"x = {text}\n".encode())
    values = [node.value for node in ast.walk(source.tree) if isinstance(node, ast.FormattedValue)]
    assert values
    assert source.unplaced == []
    for value in values:
        written = ast.parse(f"({source.segment(value)})", mode="eval").body
        assert ast.dump(written) == ast.dump(value)


def test_nothing_is_edited_in_an_f_string_that_cannot_be_followed(legacy: str) -> None:
    text = legacy.replace(
        """f"\\nThe service refused: {event.get('type')} - {event.get('reason')}\"""",
        """f"{f'refused: {event.get(chr(114) + str()) or event.get(str())}'} {event.get('reason')}\"""",
    )
    assert text != legacy
    check(text.encode(), Options())


@pytest.mark.parametrize("path", INSTALLED[::EVERY], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_real_code_with_a_mention_of_speechmatics_stays_as_it_is(path: Path) -> None:
    """Nothing in it is a connection to Speechmatics, whatever it does with sockets, messages and audio."""
    source = path.read_bytes() + b"\nSPEECHMATICS_HOST = 'eu2.rt.speechmatics.com'\n"
    if mentions_speechmatics(path.read_bytes()):
        return
    result = migrate_source("app.py", source, Options())
    if result.status == "shim":  # it opens sockets itself, and what it connects to cannot be seen
        check(source, Options())
        return
    assert result.after == source
    assert result.status in ("manual", "error")
    assert result.findings or result.error


def indented(text: str, head: str) -> str:
    """All of a program but its imports from the future, in a block."""
    return f"{head}:\n{textwrap.indent(text, '    ')}"


WRAPPERS = {
    "a function": "def run()",
    "a class": "class Captions",
    "a condition": "if __name__ == '__main__'",
    "a coroutine": "async def run()",
    "a try": "try",
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("number", range(0, len(PROGRAMS), 3), ids=lambda n: PROGRAMS[n].parent.name)
def test_a_program_in_a_block_compiles_and_is_settled_and_left_whole_or_named(
    number: int, wrapper: str
) -> None:
    text = re.sub(r"^from __future__.*\n", "", SOURCES[number])
    wrapped = indented(text, WRAPPERS[wrapper]) + ("finally:\n    pass\n" if wrapper == "a try" else "")
    try:
        compile(wrapped, "app.py", "exec", dont_inherit=True)
    except SyntaxError:
        return  # such as a star import in a function
    check(wrapped.encode(), Options())


@slower
@given(st.data())
def test_top_level_definitions_in_any_order(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SOURCES))
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    starts = [min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))]) - 1 for n in tree.body]
    blocks = ["".join(lines[a:b]) for a, b in pairwise([*starts, len(lines)])]
    is_definition = [isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for n in tree.body]
    moved = iter(data.draw(st.permutations([b for b, d in zip(blocks, is_definition, strict=True) if d])))
    shuffled = [next(moved) if d else b for b, d in zip(blocks, is_definition, strict=True)]
    check("".join([*lines[: starts[0]], *shuffled]).encode(), Options())


@slower
@given(st.data(), options)
def test_a_program_split_over_two_files(data: st.DataObject, chosen: Options) -> None:
    """Its beginning in one module, the rest in another that imports all of it: each file is whole, and settled."""
    text = data.draw(st.sampled_from(SOURCES))
    tree = ast.parse(text)
    cut = data.draw(st.integers(1, len(tree.body) - 1))
    line = (
        min([tree.body[cut].lineno, *(d.lineno for d in getattr(tree.body[cut], "decorator_list", []))]) - 1
    )
    lines = text.splitlines(keepends=True)
    imports = "".join(ast.unparse(n) + "\n" for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom))
    first, second = "".join(lines[:line]), "".join(lines[line:])
    sources = {"first.py": first.encode(), "second.py": (imports + "from first import *\n" + second).encode()}
    results = migrate_project(sources, chosen)
    after = dict(sources)
    for path, result in results.items():
        assert result.status != "error", result.error
        compile(result.after, path, "exec", dont_inherit=True)
        assert result.touch_points_left == 0 or result.findings or result.status == "shim"
        after[path] = result.after
    if not chosen.partial:
        again = migrate_project(after, chosen)
        assert {path: result.after for path, result in again.items()} == {path: after[path] for path in again}


def renamed(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.\"']){old}(?![\w\"'])", new, text)


MUTATIONS = {
    "renamed names": lambda t: renamed(
        renamed(renamed(t, "event", "payload"), "kind", "what"), "ws_app", "client"
    ),
    "renamed constants": lambda t: renamed(renamed(t, "ENDPOINT", "SERVER"), "CHUNK_FRAMES", "BUFFER"),
    "aliased import": lambda t: t.replace("import websocket\n", "import websocket as wsc\n").replace(
        "websocket.", "wsc."
    ),
    "names imported": lambda t: (
        t.replace("import websocket\n", "from websocket import ABNF, WebSocketApp\n")
        .replace("websocket.ABNF", "ABNF")
        .replace("websocket.WebSocketApp", "WebSocketApp")
    ),
    "subscripts for get": lambda t: t.replace('event.get("message")', 'event["message"]').replace(
        'event.get("metadata", {}).get("transcript", "")', 'event["metadata"]["transcript"]'
    ),
    "functions in another order": lambda t: move(t, "def on_close", "def on_open"),
    "if instead of elif": lambda t: t.replace("        elif kind ==", "        if kind =="),
    "percent for the header": lambda t: t.replace('f"Bearer {API_KEY}"', '"Bearer %s" % API_KEY'),
    "header as a list": lambda t: t.replace(
        '{"Authorization": f"Bearer {API_KEY}"}', '["Authorization: Bearer " + API_KEY]'
    ),
    "opcode by name": lambda t: t.replace(
        "ws.send(chunk, websocket.ABNF.OPCODE_BINARY)", "ws.send(chunk, opcode=0x2)"
    ),
}


def move(text: str, block: str, before: str) -> str:
    """A top-level definition in another place."""
    start = text.index(block)
    end = text.index("\n\n\n", start) + 3
    moved = text[start:end]
    text = text[:start] + text[end:]
    position = text.index(before)
    return text[:position] + moved + text[position:]


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_variation_of_the_guides_program_is_rewritten_as_well(legacy: str, name: str) -> None:
    text = MUTATIONS[name](legacy)
    assert text != legacy
    result = migrate_source("app.py", text.encode(), Options())
    assert result.status == "native", result.findings
    check(text.encode(), Options())


@pytest.mark.parametrize("name", ["renamed names", "renamed constants"])
def test_renaming_and_rewriting_commute(legacy: str, native: str, name: str) -> None:
    mutate = MUTATIONS[name]
    assert migrate_source("app.py", mutate(legacy).encode(), Options()).after.decode() == mutate(native)


def test_a_program_in_a_class_is_rewritten_or_gets_the_drop_in(legacy: str) -> None:
    body = legacy[legacy.index("# --- Settings") :].replace("\n", "\n    ")
    text = legacy[: legacy.index("# --- Settings")] + "class App:\n    " + body
    check(text.encode(), Options())
