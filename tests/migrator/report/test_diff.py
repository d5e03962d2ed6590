import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrator.report.diff import coloured, unified
from migrator.result import FileResult

APPLIERS = {
    "git apply": ["git", "apply", "-p1", "-"],
    "patch": ["patch", "-p1", "--quiet", "--no-backup-if-mismatch"],
}
LINES = [b"import websocket", b"url = 'wss://speechmatics'", b"", b"print('x')", b"\tpass", b"y = 2"]


def changed(name, before, after):
    return FileResult(name, "native", before, after)


def applied(command, folder, file):
    """What the applier makes of the old file when it is fed our diff."""
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.before)
    done = subprocess.run(command, input=unified(file), cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr, unified(file))
    return target.read_bytes()


@pytest.mark.parametrize("applier", APPLIERS)
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        pytest.param("crlf.py", b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n", id="CRLF"),
        pytest.param("bom.py", b"\xef\xbb\xbfa\nb\n", b"\xef\xbb\xbfA\nb\n", id="byte order mark"),
        pytest.param(
            "latin.py",
            b"# coding: latin-1\n# \xe9t\xe9\nx = 1\n",
            b"# coding: latin-1\n# \xe9t\xe9\nx = 2\n",
            id="latin-1",
        ),
        pytest.param("no newline.py", b"a\nb", b"A\nb", id="no final newline, in a name with a space"),
        pytest.param("gains.py", b"a\nb", b"a\nb\n", id="gains its final newline"),
        pytest.param("loses.py", b"a\nb\n", b"a\nb", id="loses its final newline"),
        pytest.param("tabs.py", b"if x:\n\ty\n", b"if x:\n\tz\n", id="tabs"),
        pytest.param("cr.py", b"a\rb\nc\n", b"a\rb\nC\n", id="a carriage return inside a line"),
        pytest.param("formfeed.py", b"a\x0c\nb\n", b"a\x0c\nc\n", id="form feed"),
        pytest.param("app/deep/live.py", b"a\n", b"b\n", id="in folders"),
        pytest.param("my app/the file.py", b"a\n", b"b\n", id="spaces in the folder"),
        pytest.param("é.py", b"a\n", b"b\n", id="accents in the name"),
        pytest.param('quo"te\\.py', b"a\n", b"b\n", id="quotes and backslashes in the name"),
        pytest.param("tab\there.py", b"a\n", b"b\n", id="a tab in the name"),
        pytest.param("grows.py", b"", b"b\n", id="from nothing"),
    ],
)
def test_a_diff_applies_byte_for_byte(applier, name, before, after, tmp_path):
    assert applied(APPLIERS[applier], tmp_path, changed(name, before, after)) == after


sources = st.lists(st.sampled_from(LINES), max_size=40).flatmap(
    lambda lines: st.tuples(st.sampled_from([b"\n", b"\r\n"]), st.booleans()).map(
        lambda ends: ends[0].join(lines) + (ends[0] if ends[1] and lines else b"")
    )
)


@settings(max_examples=40, deadline=None)
@given(before=sources.filter(bool), after=sources.filter(bool))
def test_whatever_changes_patch_makes_the_same_of_it(before, after, tmp_path_factory):
    if before == after:
        return
    assert applied(APPLIERS["patch"], tmp_path_factory.mktemp("p"), changed("f.py", before, after)) == after


def test_an_unchanged_file_has_no_diff():
    assert unified(changed("a.py", b"same\n", b"same\n")) == b""


def test_a_file_elsewhere_is_named_from_the_root_of_the_file_system():
    assert unified(changed("/srv/a.py", b"1\n", b"2\n")).startswith(b"--- a/srv/a.py\n+++ b/srv/a.py\n")


def test_colours_change_nothing_but_the_colour():
    diff = unified(changed("a.py", b"one\r\ntwo\n-- three\n", b"one\r\n2\n-- three"))
    shown = coloured(diff)
    assert b"\x1b[31m-two\x1b[0m\n" in shown
    assert b"\x1b[32m+2\x1b[0m\n" in shown
    for code in (b"\x1b[31m", b"\x1b[32m", b"\x1b[36m", b"\x1b[1m", b"\x1b[0m"):
        shown = shown.replace(code, b"")
    assert shown == diff
