"""Faults as users write them."""

from __future__ import annotations

import pytest

from shim.emulator.faults import FAULTS, ActiveFaults, Fault, UnknownFault, describe, parse, parse_all


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("close:3005@2.5", Fault("close", "3005", 2.5)),
        ("close", Fault("close", "1011")),
        ("reset@4#1", Fault("reset", "", 4.0, 1)),
        ("error:too-many-sessions", Fault("error", "too-many-sessions")),
        ("slow-start:0.5", Fault("slow-start", "0.5")),
        ("unknown-speaker", Fault("unknown-speaker", "UNKNOWN")),
        ("sliced#12", Fault("sliced", connection=12)),
    ],
)
def test_a_fault_is_a_name_an_argument_a_moment_and_a_connection(text: str, fault: Fault) -> None:
    assert parse(text, "assemblyai") == fault


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("explode", "there are: http, no-answer"),
        ("", "there are: http"),
        ("close:soon", "is a number, not 'soon'"),
        ("reset:5", "takes no argument"),
        ("sliced@2", "leave out @2"),
        ("reset#0", "there are:"),
        ("close:1011@-1", "there are:"),
    ],
)
def test_a_text_that_is_no_fault_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(UnknownFault, match=problem):
        parse(text, "assemblyai")


def test_faults_of_one_service_are_unknown_to_the_other() -> None:
    assert parse("surplus-acks", "speechmatics").name == "surplus-acks"
    with pytest.raises(UnknownFault):
        parse("surplus-acks", "assemblyai")


def test_every_fault_can_be_written_by_its_name_alone_and_is_described() -> None:
    for service, kinds in FAULTS.items():
        listing = describe(service)
        for name, kind in kinds.items():
            assert parse(name, service).name == name
            assert name in listing
            assert kind.description in listing


def test_timed_faults_come_once_when_their_moment_has_come() -> None:
    faults = parse_all(["close@3", "reset@1", "sliced", "drop@2#2", Fault("mute")], "assemblyai")
    active = ActiveFaults(faults, 1, "assemblyai")
    assert [fault.name for fault in active.due(0)] == ["mute"]
    assert active.due(0.9) == []
    assert [fault.name for fault in active.due(3.5)] == ["reset", "close"]
    assert active.due(100) == []
    assert "sliced" in active
    assert [fault.name for fault in ActiveFaults(faults, 2, "assemblyai").due(2)] == ["mute", "reset", "drop"]
