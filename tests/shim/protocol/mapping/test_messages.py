from __future__ import annotations

from typing import Any

import pytest

from shim.protocol.mapping import messages


def test_every_message_of_speechmatics_is_in_the_table(speechmatics_specification: dict[str, Any]) -> None:
    channels = speechmatics_specification["channels"]
    assert set(channels["publish"]["messages"]) == set(messages.CLIENT_MESSAGES)
    assert set(messages.SERVER_MESSAGES) - set(channels["subscribe"]["messages"]) == {"LanguageInfo"}
    assert set(channels["subscribe"]["messages"]) <= set(messages.SERVER_MESSAGES)


def test_every_message_of_assemblyai_is_in_the_table(assemblyai_specification: dict[str, Any]) -> None:
    known = set(messages.ASSEMBLYAI_CLIENT_MESSAGES) | set(messages.ASSEMBLYAI_SERVER_MESSAGES)
    schemas = assemblyai_specification["components"]["schemas"]
    types = {
        schema["properties"]["type"]["const"] for name, schema in schemas.items() if name.endswith("Payload")
    }
    assert types <= known


def test_every_counterpart_is_a_message_of_the_other_side() -> None:
    for table, other in (
        (messages.CLIENT_MESSAGES, messages.ASSEMBLYAI_CLIENT_MESSAGES),
        (messages.SERVER_MESSAGES, messages.ASSEMBLYAI_SERVER_MESSAGES),
        (messages.ASSEMBLYAI_CLIENT_MESSAGES, messages.CLIENT_MESSAGES),
        (messages.ASSEMBLYAI_SERVER_MESSAGES, messages.SERVER_MESSAGES),
    ):
        for row in table.values():
            assert all(name in other for name in row.counterpart.split(", ") if name)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("A", "S1"), ("B", "S2"), ("Z", "S26"), ("AA", "S27"), ("AB", "S28"),
        ("UNKNOWN", "UU"), ("PENDING", "UU"), (None, "UU"), ("", "UU"), ("a", "UU"), ("speaker one", "UU"),
    ],
)  # fmt: skip
def test_speaker_labels_become_those_of_speechmatics(label: str | None, expected: str) -> None:
    assert messages.speaker_label(label) == expected


def test_a_later_connection_never_reuses_a_speaker() -> None:
    assert messages.speaker_label(messages.later_label("A", 2)) == "S3"
    assert messages.speaker_label(messages.later_label("UNKNOWN", 2)) == "UU"


def test_times_change_their_unit() -> None:
    assert messages.seconds(1500) == 1.5
    assert messages.milliseconds(0.7) == 700
    assert messages.milliseconds(1.9999) == 2000


@pytest.mark.parametrize("value", [True, None, "1", float("nan"), float("inf"), 10**400])
def test_what_no_float_holds_is_no_number(value: object) -> None:
    assert not messages.is_number(value)
