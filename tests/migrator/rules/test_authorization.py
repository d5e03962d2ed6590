"""The key and its header."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Text = Callable[..., str]

ENVIRONMENT = 'os.environ["SPEECHMATICS_API_KEY"]'
NEW = 'os.environ["ASSEMBLYAI_API_KEY"]'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f'{{"Authorization": "Bearer " + {ENVIRONMENT}}}', f'{{"Authorization": {NEW}}}'),
        (f'{{"authorization": "Bearer {{}}".format({ENVIRONMENT})}}', f'{{"authorization": {NEW}}}'),
        (f'{{"Authorization": "Bearer %s" % {ENVIRONMENT}}}', f'{{"Authorization": {NEW}}}'),
        (f'{{"Authorization": "Bearer %s" % ({ENVIRONMENT},)}}', f'{{"Authorization": {NEW}}}'),
        (
            '{"Authorization": f"Bearer {os.environ[\'SPEECHMATICS_API_KEY\']}"}',
            "{\"Authorization\": os.environ['ASSEMBLYAI_API_KEY']}",
        ),
        (f'["Authorization: Bearer " + {ENVIRONMENT}]', f'["Authorization: " + {NEW}]'),
        (
            f'("X-Team: a", "Authorization: Bearer %s" % {ENVIRONMENT})',
            f'("X-Team: a", "Authorization: %s" % {NEW})',
        ),
        (
            f'{{"X-Team": "a", "Authorization": "Bearer " + {ENVIRONMENT}}}',
            f'{{"X-Team": "a", "Authorization": {NEW}}}',
        ),
        (
            '{"Authorization": "Bearer " + os.getenv("SM_API_KEY", "")}',
            '{"Authorization": os.getenv("ASSEMBLYAI_API_KEY", "")}',
        ),
    ],
)
def test_bearer_goes_in_every_spelling(rewritten: Text, header: str, expected: str) -> None:
    after = rewritten(header=header)
    assert f"header={expected}, on_open" in after
    assert "Bearer" not in after


@pytest.mark.parametrize(
    ("constants", "header"),
    [
        ('LIMIT = 1; KEY = "old-secret"', '{"Authorization": "Bearer " + KEY}'),
        ('LIMIT = 1; CONFIG = {"key": "old-secret"}', '{"Authorization": "Bearer " + CONFIG["key"]}'),
        (
            'LIMIT = 1; KEY = os.environ.get("SPEECHMATICS_API_KEY", "old-secret")',
            '{"Authorization": "Bearer " + KEY}',
        ),
        ('LIMIT = 1; KEY = os.environ.get("KEY") or "old-secret"', '{"Authorization": "Bearer " + KEY}'),
        ('LIMIT = 1; KEY, OTHER = "old-secret", 2', '{"Authorization": "Bearer " + KEY}'),
        ('LIMIT = 1; KEY = "old-secret" if LIMIT else None', '{"Authorization": "Bearer " + KEY}'),
        ('LIMIT = 1\ndef key():\n    return "old-secret"', '{"Authorization": "Bearer " + key()}'),
        ('LIMIT = 1\nclass Keys:\n    KEY = "old-secret"', '{"Authorization": "Bearer " + Keys.KEY}'),
        ('LIMIT = 1\nKEY = "old-secret".strip()', '{"Authorization": "Bearer " + KEY}'),
        ("LIMIT = 1", '{"Authorization": "Bearer old-secret"}'),
        ("LIMIT = 1", '["Authorization: Bearer old-secret"]'),
    ],
)
def test_a_key_in_the_source_never_reaches_assemblyai(rewritten: Text, constants: str, header: str) -> None:
    after = rewritten(constants=constants, header=header)
    assert "old-secret" not in after
    assert NEW in after


def test_a_command_line_default_counts_as_a_key_in_the_source(rewritten: Text) -> None:
    after = rewritten(
        constants=(
            "import argparse\nLIMIT = 1\nparser = argparse.ArgumentParser()\n"
            'parser.add_argument("--api-key", default="old-secret")\nargs = parser.parse_args()'
        ),
        header='{"Authorization": "Bearer " + args.api_key}',
    )
    assert f'parser.add_argument("--api-key", default={NEW})' in after


def test_the_old_variable_is_renamed_in_messages_too(rewritten: Text) -> None:
    after = rewritten(
        constants=f'LIMIT = 1\nKEY = {ENVIRONMENT}\nif not KEY:\n    raise SystemExit("Set SPEECHMATICS_API_KEY")',
        header='{"Authorization": "Bearer " + KEY}',
    )
    assert 'raise SystemExit("Set ASSEMBLYAI_API_KEY")' in after


def test_an_unspecific_variable_is_renamed_only_where_it_is_read(rewritten: Text) -> None:
    after = rewritten(
        constants='LIMIT = 1\nprint("KEY")', header='{"Authorization": "Bearer " + os.environ["KEY"]}'
    )
    assert 'print("KEY")' in after
    assert NEW in after


@pytest.mark.parametrize(
    "header",
    [
        "headers()",
        '{"Authorization": token}',
        '{"X-Key": "Bearer x"}',
        f'{{"Authorization": "Token " + {ENVIRONMENT}}}',
        f'{{"Authorization": "Bearer " + {ENVIRONMENT} + "!"}}',
    ],
)
def test_a_header_that_is_not_understood_prevents_the_rewrite(refused: Text, header: str) -> None:
    assert refused(constants="LIMIT = 1\nfrom keys import headers, token", header=header)


def test_a_key_that_is_put_together_is_not_sent_on(refused: Text) -> None:
    reason = refused(
        constants='LIMIT = 1\nKEY = "old" + "-secret"', header='{"Authorization": "Bearer " + KEY}'
    )
    assert "put together" in reason
    assert "secret" not in reason
