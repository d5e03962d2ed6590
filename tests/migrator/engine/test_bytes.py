"""What a file is made of survives byte for byte outside the edits."""

from __future__ import annotations

import codecs

import pytest

from migrator.engine import migrate_source
from migrator.options import Options


def migrated(source: bytes) -> bytes:
    result = migrate_source("app.py", source, Options())
    assert result.status == "native", result.findings
    return result.after


def test_the_guides_program_becomes_the_expected_one(legacy: str, native: str) -> None:
    assert migrated(legacy.encode()).decode() == native


def test_crlf_line_ends_stay(legacy: str, native: str) -> None:
    assert migrated(legacy.replace("\n", "\r\n").encode()) == native.replace("\n", "\r\n").encode()


def test_a_byte_order_mark_stays(legacy: str, native: str) -> None:
    assert migrated(codecs.BOM_UTF8 + legacy.encode()) == codecs.BOM_UTF8 + native.encode()


def test_a_file_without_a_final_line_end_stays_so(legacy: str, native: str) -> None:
    assert migrated(legacy.removesuffix("\n").encode()).decode() == native.removesuffix("\n")


def test_tabs_stay_tabs(legacy: str, native: str) -> None:
    assert migrated(legacy.replace("    ", "\t").encode()).decode() == native.replace("    ", "\t")


def test_latin_1_with_a_coding_line_stays_latin_1(legacy: str, native: str) -> None:
    def french(text: str) -> bytes:
        return ("# -*- coding: latin-1 -*-\n" + text.replace("Bye", "À bientôt")).encode("latin-1")

    assert migrated(french(legacy)) == french(native)


def test_characters_outside_ascii_before_an_edit_on_the_same_line_shift_nothing(legacy: str) -> None:
    text = legacy.replace("print(f\"Session {event.get('id')} is", "print(f\"Séance 🎤 {event.get('id')} is")
    text = text.replace("The service refused: {", "Refusé 🎤: {")
    assert "Refusé 🎤: {event.get('error_code')} - {event.get('error')}" in migrated(text.encode()).decode()


def test_single_quotes_are_followed(legacy: str) -> None:
    text = legacy.replace('"', "'").replace("'''", '"""')
    text = text.replace("event.get('id')", 'event.get("id")').replace(
        "event.get('type')", 'event.get("type")'
    )
    text = text.replace("event.get('reason')", 'event.get("reason")').replace(
        "device['name']", 'device["name"]'
    )
    after = migrated(text.encode()).decode()
    assert "API_KEY = os.environ['ASSEMBLYAI_API_KEY']" in after
    assert "'speech_model': 'universal-3-6-pro'," in after
    assert "kind == 'Turn' and event['end_of_turn']" in after


def test_windows_line_ends_in_a_drop_in(legacy: str) -> None:
    source = legacy.replace("\n", "\r\n").encode()
    result = migrate_source("app.py", source, Options(to="shim"))
    assert result.after == source.replace(b"import websocket\r\n", b"from shim import websocket\r\n")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (b"import websocket\ndef f(:\n", "line 2, column 7: "),
        (b'import websocket\nx = "\xff"\n', "line 2: cannot decode"),
        (b"# coding: nonsense\n", "line 1: cannot decode"),
        (b"x = 1\0\n", "line 1"),
        (b"(" * 5000, "line 1"),
    ],
)
def test_what_is_no_python_is_an_error_that_names_the_line(source: bytes, error: str) -> None:
    result = migrate_source("app.py", source, Options())
    assert (result.status, result.after) == ("error", source)
    assert result.error.startswith(error)
    assert "\n" not in result.error
