"""Names and fields of what the service sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from migrator.options import Options
from migrator.result import FileResult

Migrate = Callable[..., FileResult]
Text = Callable[..., str]

FINAL = 'kind == "Turn" and event["end_of_turn"]'
PARTIAL = 'kind == "Turn" and not event["end_of_turn"]'


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('kind == "AddTranscript"', FINAL),
        ('"AddTranscript" == kind', '"Turn" == kind and event["end_of_turn"]'),
        ('kind == "AddPartialTranscript"', PARTIAL),
        ('kind in ("AddTranscript",)', FINAL),
        ('kind in ["AddTranscript", "AddPartialTranscript"]', 'kind == "Turn"'),
        ('kind not in {"AddTranscript", "AddPartialTranscript"}', 'kind != "Turn"'),
        ('kind != "AddTranscript"', 'kind != "Turn" or not event["end_of_turn"]'),
        ('not kind == "AddTranscript"', f"not ({FINAL})"),
        ('kind != "AddTranscript" and LIMIT', '(kind != "Turn" or not event["end_of_turn"]) and LIMIT'),
        ('kind == "AddTranscript" or LIMIT', f"{FINAL} or LIMIT"),
        ('kind == "RecognitionStarted"', 'kind == "Begin"'),
        ('kind in ("Error", "EndOfTranscript")', 'kind in ("Error", "Termination")'),
        ('(name := event["message"]) == "EndOfTranscript"', '(name := event["type"]) == "Termination"'),
        ('(kind) == "EndOfTranscript"', '(kind) == "Termination"'),
        ('event["message"] == "AddTranscript"', 'event["type"] == "Turn" and event["end_of_turn"]'),
    ],
)
def test_comparisons_of_the_name(rewritten: Text, test: str, expected: str) -> None:
    assert f"    if {expected}:\n        pass\n" in rewritten(dispatch=f"if {test}:\n    pass")


def test_within_a_turn_only_finality_is_asked(rewritten: Text) -> None:
    after = rewritten(
        dispatch=(
            'if kind in ("AddTranscript", "AddPartialTranscript"):\n'
            '    print(kind == "AddTranscript", event["metadata"]["transcript"])'
        )
    )
    assert 'print(event["end_of_turn"], event["transcript"])' in after


def test_after_an_early_return_only_finality_is_asked(rewritten: Text) -> None:
    after = rewritten(
        dispatch='if kind == "EndOfTranscript":\n    done.set()\nif kind not in ("AddTranscript", "AddPartialTranscript"):\n    return\nlast = kind == "AddTranscript"'
    )
    assert 'last = event["end_of_turn"]' in after


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ('event["metadata"]["transcript"]', 'event["transcript"]'),
        ("event.get('metadata', {}).get('transcript', '')", "event.get('transcript', '')"),
        ('(event.get("metadata") or {}).get("transcript")', 'event.get("transcript")'),
        (
            '[r["alternatives"][0]["content"] for r in event["results"]]',
            '[r["text"] for r in event["words"]]',
        ),
        (
            '[r["start_time"] for r in event.get("results", [])]',
            '[r["start"] / 1000 for r in event.get("words", [])]',
        ),
        ('[r["end_time"] * 2 for r in event["results"]]', '[(r["end"] / 1000) * 2 for r in event["words"]]'),
        (
            '[r["alternatives"][0]["speaker"] for r in event["results"]]',
            '[r.get("speaker", "UNKNOWN") for r in event["words"]]',
        ),
        (
            '[r["alternatives"][0].get("speaker") for r in event["results"]]',
            '[r.get("speaker") for r in event["words"]]',
        ),
        ('len(event["results"])', 'len(event["words"])'),
    ],
)
def test_fields_of_a_transcript(rewritten: Text, read: str, expected: str) -> None:
    after = rewritten(dispatch=f'if kind == "AddTranscript":\n    value = {read}\n    print(value)')
    assert f"        value = {expected}\n" in after


def test_a_variable_for_the_metadata_goes(rewritten: Text) -> None:
    after = rewritten(
        dispatch='if kind == "AddTranscript":\n    metadata = event["metadata"]\n    print(metadata["transcript"])'
    )
    assert 'end_of_turn"]:\n        print(event["transcript"])\n' in after


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("TEXT += text", 'TEXT += text + " "'),
        ("TEXT = TEXT + text", 'TEXT = TEXT + text + " "'),
        ('print(text, end="")', 'print(text, end=" ")'),
        ('print(f"> {text}", end="")', 'print(f"> {text}", end=" ")'),
        ("sys.stdout.write(text)", 'sys.stdout.write(text + " ")'),
        ("print(text)", "print(text)"),
        ("TEXT += text.strip()", "TEXT += text.strip()"),
        ('TEXT += " " + text', 'TEXT += " " + text'),
    ],
)
def test_finals_that_are_joined_keep_a_space_between_them(
    rewritten: Text, statement: str, expected: str
) -> None:
    after = rewritten(
        constants='import sys\nLIMIT = 1\nTEXT = ""',
        dispatch=f'global TEXT\nif kind == "AddTranscript":\n    text = event["metadata"]["transcript"]\n    {statement}',
    )
    assert f"        {expected}\n" in after


def test_partials_get_no_space(rewritten: Text) -> None:
    after = rewritten(
        dispatch='if kind == "AddPartialTranscript":\n    print(event["metadata"]["transcript"], end="")'
    )
    assert 'print(event["transcript"], end="")' in after


def test_error_and_warning_have_other_fields(rewritten: Text) -> None:
    after = rewritten(
        dispatch='if kind == "Error":\n    print(event["type"], event.get("reason"))\nelif kind == "Warning":\n    print(event["type"], event["reason"])'
    )
    assert 'print(event["error_code"], event.get("error"))' in after
    assert 'print(event["warning_code"], event["warning"])' in after


def test_a_function_for_errors_is_followed(rewritten: Text) -> None:
    after = rewritten(
        constants='LIMIT = 1\n\ndef failed(problem):\n    print(problem["reason"])\n',
        dispatch='if kind == "Error":\n    failed(event)',
    )
    assert 'print(problem["error"])' in after


@pytest.mark.parametrize(
    "branch",
    [
        'kind == "Info":\n    print(event["reason"])',
        'kind == "AudioAdded":\n    pass',
        'kind == "EndOfUtterance":\n    print("-")',
    ],
)
def test_branches_for_messages_that_never_come_go(migrate: Callable[..., FileResult], branch: str) -> None:
    for before, keyword in (("", "if"), ('if kind == "Error":\n    done.set()\n', "elif")):
        after = migrate(
            dispatch=f"{before}{keyword} {branch}\nelif kind == 'AddTranscript':\n    print('x')"
        ).after.decode()
        assert branch not in after
        assert "print('x')" in after
        compile(after, "native.py", "exec")


@pytest.mark.parametrize(
    "dispatch",
    [
        'if kind == "AudioAdded":\n    done.set()',
        'if kind == "AudioAdded" and LIMIT:\n    print("x")',
        "HANDLERS[kind](event)",
        "show(event)",
        "LAST.append(event)",
        "return event",
        'if kind.startswith("Add"):\n    print("x")',
        'if "metadata" in event:\n    print("x")',
        'if kind == OTHER:\n    print("x")',
        'print(event["language_pack_info"])',
        'if kind == "AddTranscript":\n    print(event["metadata"]["start_time"])',
        'if kind == "AddTranscript":\n    print(event["results"][0]["start_time"])',
        'if kind == "AddTranscript":\n    print([r["is_eos"] for r in event["results"]])',
        'if kind == "AddTranscript":\n    print([r["alternatives"][0]["language"] for r in event["results"]])',
        'if kind in ("AddTranscript", "EndOfTranscript"):\n    print("x")',
        'if kind == "Error" and event["type"] == "quota_exceeded":\n    print("x")',
        'if kind == "AddTranscript":\n    print("x")\nelse:\n    raise ValueError(kind)',
        "event.update(kind=kind)",
        "copy = dict(event)",
        '(event.get("message") or event.get("type"))',
        'match kind:\n    case "AddTranscript":\n        print("x")',
        'code = 0\nif code == 4001:\n    print("x")',
    ],
)
def test_what_is_not_understood_prevents_the_rewrite(refused: Text, dispatch: str) -> None:
    assert refused(constants="from other import HANDLERS, LAST, OTHER, show\nLIMIT = 1", dispatch=dispatch)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "print(f\"{'F' if kind == 'AddTranscript' else 'P'}\")",
            "print(f\"{'F' if kind == 'Turn' and event['end_of_turn'] else 'P'}\")",
        ),
        (
            'print(f\'{"F" if kind == "AddTranscript" else "P"}\')',
            'print(f\'{"F" if kind == "Turn" and event["end_of_turn"] else "P"}\')',
        ),
    ],
)
def test_new_code_in_an_f_string_has_the_other_quotation_mark(
    rewritten: Callable[..., str], line: str, expected: str
) -> None:
    assert expected in rewritten(dispatch=line)


@pytest.mark.parametrize("to", ["auto", "shim"])
def test_finals_are_spoken_of_where_messages_are_read_when_nothing_asks_for_them(
    migrate: Migrate, to: Literal["auto", "shim"]
) -> None:
    result = migrate(options=Options(to=to), dispatch="print(event)")
    [line] = [finding.line for finding in result.findings if finding.rule == "finals-are-turns"]
    assert result.before.decode().splitlines()[line - 1] == "    event = json.loads(message)"
