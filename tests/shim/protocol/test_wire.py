"""JSON, with and without orjson."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol import wire

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)

LOADERS = [wire._loads, wire.standard_loads]
DUMPERS = [wire.dumps, wire.standard_dumps]


@pytest.mark.parametrize("dumps", DUMPERS)
@pytest.mark.parametrize("loads", LOADERS)
@given(value=VALUES)
def test_what_is_written_is_read_again(loads, dumps, value):
    assert loads(dumps(value)) == value
    assert loads(dumps(value).encode()) == value


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize(
    "text",
    [
        *("NaN", "[Infinity]", "-Infinity", "1e999", "-1e999", "9" * 400, "", "{", "'a'"),
        *(r'"\ud800"', r'{"a": ["\uDFFF"]}', r'{"\udc00x": 1}'),
    ],
)
def test_what_is_no_json_is_refused(monkeypatch, load, text):
    monkeypatch.setattr(wire, "_loads", load)
    with pytest.raises(wire.NotJSON):
        wire.loads(text)


@pytest.mark.parametrize("load", LOADERS)
def test_a_whole_surrogate_pair_is_a_character(load):
    assert load(r'"\ud83d\ude00"') == "\U0001f600"


@pytest.mark.parametrize("load", LOADERS)
def test_nesting_without_end_is_refused(monkeypatch, load):
    monkeypatch.setattr(wire, "_loads", load)
    with pytest.raises(wire.NotJSON):
        wire.loads("[" * 100_000)


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"\x80{}", b"\x00", b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}", "{}".encode("utf-16")]
)
@pytest.mark.parametrize("load", LOADERS)
def test_bytes_that_are_no_json_are_refused(monkeypatch, load, data):
    monkeypatch.setattr(wire, "_loads", load)
    with pytest.raises(wire.NotJSON):
        wire.loads(data)


def test_the_message_of_a_refusal_does_not_repeat_the_text():
    with pytest.raises(wire.NotJSON) as caught:
        wire.loads("what the patient said")
    assert "patient" not in str(caught.value)


def test_half_a_surrogate_pair_does_not_break_writing():
    assert json.loads(wire.dumps({"reason": "\ud800"})) == {"reason": "\ud800"}


def test_an_object_that_was_encoded_twice_is_unwrapped():
    assert wire.loads_object(json.dumps(json.dumps({"message": "EndOfStream"}))) == {"message": "EndOfStream"}


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"', '"[]"', "true"])
def test_other_values_than_objects_are_refused(text):
    with pytest.raises(wire.NotJSON):
        wire.loads_object(text)
