"""What Speechmatics' service limits, the drop-in does too, and announces it alike."""

from __future__ import annotations

import pytest

from shim.protocol.translator import IDLE_SECONDS, SESSION_SECONDS


def warnings_of(session, type: str) -> list[str]:
    return [warning["reason"] for warning in session.named("Warning") if warning["type"] == type]


def test_an_hour_without_audio_is_announced_three_times(session):
    session.run()
    for minute, announced in ((44, 0), (46, 1), (49, 1), (51, 2), (54, 2), (56, 3), (59, 3)):
        session.wait(100 + 60 * minute - session.now)
        assert len(warnings_of(session, "idle_timeout")) == announced
    session.wait(61)
    assert [reason.split(" due")[0] for reason in warnings_of(session, "idle_timeout")] == [
        "Session will timeout in 15m",
        "Session will timeout in 10m",
        "Session will timeout in 5m",
    ]
    assert session.all_messages()[-1]["type"] == "idle_timeout"
    assert session.client_close.code == 1008


def test_audio_begins_the_hour_anew(session):
    session.run()
    session.wait(IDLE_SECONDS - 60)
    session.audio(b"\0" * 1600)
    session.wait(IDLE_SECONDS - 60)
    assert len(warnings_of(session, "idle_timeout")) == 6
    assert session.named("Error") == []


def test_two_days_are_announced_three_times(session, begin):
    session.run()
    connection = 1
    while session.client_close is None:
        session.audio(b"")
        session.wait(20)
        if session.connection != connection:
            connection = session.connection
            session.hear(begin)
    assert session.now - 100 == pytest.approx(SESSION_SECONDS, abs=21)
    reasons = warnings_of(session, "session_timeout")
    assert [reason.split(" due")[0] for reason in reasons] == [
        f"Session will timeout in {minutes}m" for minutes in (45, 30, 15)
    ]
    assert "active for 2835m" in reasons[0]
    assert session.all_messages()[-1]["type"] == "session_timeout"
    assert session.client_close.code == 1008


@pytest.mark.parametrize(
    ("rate", "quality"), [(8000, "telephony"), (12000, "broadcast"), (16000, "broadcast")]
)
def test_the_info_about_quality_names_it(session, rate, quality):
    session.start(audio_format={"type": "raw", "encoding": "pcm_s16le", "sample_rate": rate}, max_delay=2)
    (info,) = session.named("Info")
    assert (info["type"], info["quality"]) == ("recognition_quality", quality)


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("/v2", True),
        ("/v2/", True),
        ("/v2/en", True),
        ("/en/", True),
        ("/some/where", True),
        ("/v2/de", False),
    ],
)
def test_a_language_in_the_address_must_be_that_of_the_configuration(make_session, path, accepted):
    session = make_session(path=path)
    session.start(language="en")
    assert bool(session.urls) is accepted
    errors = session.named("Error")
    assert [message["type"] for message in errors] == ([] if accepted else ["invalid_config"])
    assert accepted or "'de'" in errors[0]["reason"]
