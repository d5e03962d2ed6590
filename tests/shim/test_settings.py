"""How many channels a session may have, from the environment and from ``shim.configure``."""

from __future__ import annotations

import pytest

from shim import configure, settings
from shim.session import _translator_options


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_configured", {})
    monkeypatch.delenv(settings.MAX_CHANNELS_VARIABLE, raising=False)


def allowed() -> int:
    """What a session of this process would start with."""
    return _translator_options(settings.current()).max_channels


def test_there_are_two_as_with_speechmatics() -> None:
    assert allowed() == 2


def test_the_environment_allows_more_and_the_code_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.MAX_CHANNELS_VARIABLE, "8")
    assert allowed() == 8
    configure(max_channels=100)
    assert allowed() == 100
    configure(max_channels=None)
    assert allowed() == 8


@pytest.mark.parametrize("number", [0, -1, 101, "many", 2.5])
def test_what_is_no_number_of_channels_is_refused_in_code(number: object) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        configure(max_channels=number)
    assert allowed() == 2


@pytest.mark.parametrize("text", ["0", "101", "many", "2.5"])
def test_what_is_none_in_the_environment_is_not_used_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    monkeypatch.setenv(settings.MAX_CHANNELS_VARIABLE, text)
    assert allowed() == 2
    assert settings.MAX_CHANNELS_VARIABLE in caplog.text
    assert "1 to 100" in caplog.text
