"""Notebooks, before and after: their code as the engine rewrites it, every other byte as it was."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.engine import migrate_source
from migrator.options import Options
from migrator.surroundings.notebooks import NotANotebook, Notebook
from migrator.surroundings.text import Text

LEGACY = (Path(__file__).parents[3] / "fixtures/programs/websockets/first-frame/legacy.py").read_text()
SDK = "from speechmatics.client import WebsocketClient\nfrom speechmatics.models import ConnectionSettings\n"


def cell(source, kind="code", as_string=False, **more):
    lines = source if as_string else source.splitlines(keepends=True)
    outputs = {
        "execution_count": 3,
        "outputs": [{"name": "stdout", "text": ["pip install speechmatics-python\n"]}],
    }
    return {
        "cell_type": kind,
        "metadata": {"tags": ["é"]},
        **(outputs if kind == "code" else {}),
        "source": lines,
        **more,
    }


def notebook(*cells, language="python", **style):
    document = {
        "cells": list(cells),
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": language, "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, **{"indent": 1, "ensure_ascii": False, **style}) + "\n"


def sources(text):
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"]]


def without_code(text):
    document = json.loads(text)
    for one in document["cells"]:
        if one["cell_type"] == "code":
            one["source"] = ""
    return document


IMPORTS, _, PROGRAM = LEGACY.partition("\n\n\n")


@pytest.mark.parametrize(
    "style",
    [{}, {"indent": 2}, {"indent": "\t"}, {"indent": None}, {"indent": None, "separators": (",", ":")}, {"ensure_ascii": True}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("as_string", [False, True], ids=["lines", "string"])
def test_the_cells_hold_what_the_same_script_becomes(after, style, as_string):
    before = notebook(
        cell("# Relay é", "markdown"), cell(IMPORTS, as_string=as_string), cell("\n\n" + PROGRAM, as_string=as_string), **style
    )  # fmt: skip
    text = after([], "a.ipynb", before)
    script = migrate_source("a.py", LEGACY.encode(), Options()).after.decode()
    assert text != before
    assert "\n".join(sources(text)[1:]).split() == script.split()
    assert without_code(text) == without_code(before)


def test_only_the_lines_that_change_have_other_bytes(after):
    before = notebook(
        cell("x = 'é'\n\nprint(x)"),
        cell(SDK + "client = WebsocketClient(ConnectionSettings(url='u', auth_token='t'))"),
    )
    text = after([], "a.ipynb", before)
    old, new = before.splitlines(), text.splitlines()
    assert len(old) == len(new)
    changed = [(a.strip(), b.strip()) for a, b in zip(old, new, strict=True) if a != b]
    assert changed == [
        (r'"from speechmatics.client import WebsocketClient\n",', r'"from shim.speechmatics.client import WebsocketClient\n",'),
        (r'"from speechmatics.models import ConnectionSettings\n",', r'"from shim.speechmatics.models import ConnectionSettings\n",'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace('"source"', '"source" '),
    ],
    ids=["CRLF", "byte order mark", "no final newline", "odd spaces"],
)
def test_the_form_of_the_file_stays(after, change):
    before = notebook(cell(SDK), cell("x = 1"))
    assert after([], "a.ipynb", change(before)) == change(after([], "a.ipynb", before))


MAGICS = """\
%matplotlib inline
!pip install numpy \\
    scipy
files = !ls
%env FOO=1
for f in files:
    !echo {f}
WebsocketClient?
"""


def test_magics_and_shell_lines_stay(after):
    before = notebook(cell(MAGICS + SDK), cell("%%bash\nls"), cell("%%time\nx = 1"))
    text = after([], "a.ipynb", before)
    assert sources(text) == [
        MAGICS + SDK.replace("speechmatics", "shim.speechmatics"),
        "%%bash\nls",
        "%%time\nx = 1",
    ]


@pytest.mark.parametrize("command", ["!pip install", "%pip install -q", "! python -m pip install"])
def test_install_commands_follow_the_imports_and_outputs_stay(after, command):
    before = notebook(cell(f"{command} speechmatics-python"), cell(SDK))
    text = after([], "a.ipynb", before)
    assert sources(text)[0] == f"{command} speechmatics-to-assemblyai"
    assert without_code(text) == without_code(before)


def test_a_cell_that_is_no_python_does_not_keep_the_others(after):
    text = after([], "a.ipynb", notebook(cell("print 'old'"), cell(SDK)))
    assert sources(text) == ["print 'old'", SDK.replace("speechmatics", "shim.speechmatics")]


def test_an_import_that_is_needed_goes_where_the_imports_are(after):
    text = after([], "a.ipynb", notebook(cell(IMPORTS), cell(PROGRAM)))
    assert "from urllib.parse import urlencode" in sources(text)[0]


def test_edits_and_findings_name_the_line_of_the_file_and_the_cell(migrated):
    text = notebook(cell("x = 1\n"), cell("y = 2\n" + SDK))
    result = migrated([], {"a.ipynb": text})["a.ipynb"]
    (first, *_) = result.edits
    assert text.splitlines()[first.line - 1].strip().startswith('"from speechmatics.client')
    assert first.reason.startswith("cell 2, line 2: ")
    assert result.status == "shim"
    assert (result.kind, result.touch_points > 0) == ("notebook", True)


def test_a_second_run_changes_nothing(after):
    text = after([], "a.ipynb", notebook(cell("!pip install speechmatics-python\n" + SDK), cell(LEGACY)))
    assert after([], "a.ipynb", text) == text


def test_top_level_await_is_code_of_a_notebook(after):
    top_level = LEGACY.replace("async def", "async def", 1)
    text = after(
        [], "a.ipynb", notebook(cell(top_level + "\n"), cell("import asyncio\nawait asyncio.sleep(0)\n"))
    )
    assert "streaming.eu.assemblyai.com" in text


def test_the_requirements_follow_the_notebook(migrated):
    results = migrated([], {"a.ipynb": notebook(cell(SDK)), "requirements.txt": "speechmatics-python\n"})
    assert results["requirements.txt"].after == b"speechmatics-to-assemblyai>=0.1\n"


@pytest.mark.parametrize(
    "content",
    [
        notebook(cell("x = 1", outputs=[{"text": "wss://eu2.rt.speechmatics.com"}])),
        notebook(cell("library(httr)"), language="R"),
        notebook(cell("from shim.speechmatics.client import WebsocketClient")),
        notebook(),
    ],
    ids=["mention in an output", "another language", "migrated", "no cells"],
)
def test_what_does_not_use_speechmatics_stays_without_a_word(migrated, content):
    result = migrated([], {"a.ipynb": content}).get("a.ipynb")
    assert result is None or (not result.changed and not result.findings)


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([cell(SDK), cell("%%writefile app.py\nimport speechmatics")], "speaks of Speechmatics"),
        ([cell(SDK), cell("# Speechmatics demo", "markdown")], "speaks of Speechmatics"),
    ],
)
def test_what_is_left_in_other_cells_is_told(migrated, cells, words):
    result = migrated([], {"a.ipynb": notebook(*cells)})["a.ipynb"]
    assert any(words in finding.message for finding in result.findings)


def test_code_that_cannot_be_put_back_is_told_and_stays(told):
    lines = {"source": ["from speechmatics.client ", "import WebsocketClient\n"]}
    ((line, message), *_) = told([], "a.ipynb", notebook({**cell(""), **lines}))
    assert (line, message) == (1, "not changed: the source of cell 1 is not one string for each line")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('{"cells": [speechmatics]}', "line 1, column 12: no JSON"),
        ('{"worksheets": ["speechmatics"]}', "line 1: no notebook of version 4"),
    ],
)
def test_a_broken_notebook_is_an_error_with_its_place(migrated, content, error):
    result = migrated([], {"a.ipynb": content})["a.ipynb"]
    assert (result.status, result.error, result.changed) == ("error", error, False)


def test_the_rule_can_be_left_out(after):
    before = notebook(cell(SDK))
    assert after([], "a.ipynb", before, ignore=frozenset({"notebooks"})) == before


CELLS = st.lists(
    st.tuples(st.sampled_from(["code", "markdown", "raw"]), st.text(max_size=40), st.booleans()), max_size=5
)


@settings(max_examples=100, deadline=None)
@given(CELLS, st.sampled_from([{}, {"indent": None}, {"indent": 3}, {"ensure_ascii": True}]))
def test_any_notebook_comes_back_as_it_was(cells, style):
    text = notebook(*(cell(source, kind, as_string) for kind, source, as_string in cells), **style)
    data = text.encode("utf-8", "surrogatepass")
    one = Notebook(Text(data))
    assert [cell.source for cell in one.cells] == [source for _, source, _ in cells]
    assert list(one.changes(one.joined)) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_no_notebook(text):
    with pytest.raises(NotANotebook, match="line"):
        Notebook(Text(text.encode("utf-8", "surrogatepass")))
