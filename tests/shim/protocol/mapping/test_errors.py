from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.protocol.mapping.errors import (
    FAILURES,
    SPEECHMATICS_CLOSE_CODES,
    SPEECHMATICS_CLOSE_REASONS,
    FailureKind,
    failure_of_status,
    from_assemblyai,
    from_failure,
    quotable,
)

KEY = "0123456789abcdef0123456789abcdef"
INPUT = "User Input Validation Error: "

OBSERVED = [
    (1000, "Session Ended", "job_error", True),
    (1006, "", "job_error", True),
    (1008, "Unauthorized Connection: Missing Authorization header", "not_authorised", False),
    (1008, "Unauthorized Connection: Invalid API key", "not_authorised", False),
    (1008, "Unauthorized Connection: Signature has expired", "not_authorised", False),
    (1008, "Unauthorized Connection: Insufficient account balance", "timelimit_exceeded", False),
    (1008, "Unauthorized Connection: account disabled", "not_allowed", False),
    (1008, "Unauthorized Connection: Too many concurrent sessions", "quota_exceeded", True),
    (1009, "", "job_error", False),
    (1011, "", "job_error", True),
    (3005, "Session Cancelled: An error occurred", "job_error", True),
    (3006, INPUT + "Invalid 'speech_model': Input should be 'whisper-rt'", "invalid_model", False),
    (3006, INPUT + "Invalid 'sample_rate': Value error, sample_rate must be at least 8,000 Hz", "invalid_audio_type", False),
    (3006, INPUT + "'flac' is not a valid Encoding", "invalid_audio_type", False),
    (3006, INPUT + "Invalid 'keyterms_prompt': Value error, Max 100 items", "invalid_config", False),
    (3006, INPUT + "Invalid keyterms_prompt: Invalid JSON array", "invalid_config", False),
    (3006, INPUT + "prompt exceeds maximum length of 1750 characters (got 1800)", "invalid_config", False),
    (3006, INPUT + "prompt is only supported with the 'u3-rt-pro' speech_model.", "invalid_config", False),
    (3006, INPUT + "Invalid 'language_codes.0': Input should be 'en', 'es'", "invalid_language", False),
    (3006, INPUT + "Invalid JSON: Expecting value: line 1 column 2 (char 1)", "unknown_error", False),
    (3006, INPUT + "Invalid Message Type: Bogus", "unknown_error", False),
    (3006, INPUT + "Invalid Message", "unknown_error", False),
    (3006, "Session terminated due to inactivity: No messages received for 5 seconds", "idle_timeout", False),
    (3006, INPUT + "Failed to decode Opus packet: [Errno 1094995529]", "invalid_audio_type", False),
    (3007, "Input Duration Error: Input Duration Violation: 20.0 ms. Expected between 50 and 1000 ms", "job_error", False),
    (3007, "Audio Transmission Rate Exceeded: Received 2.0 sec. audio in 1.0 sec", "job_error", True),
    (3008, "Session Expired: Maximum session duration exceeded", "session_timeout", True),
    (3009, "Too many concurrent sessions", "quota_exceeded", True),
    (4031, "idle", "unknown_error", False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text", "type", "retry"), OBSERVED)
def test_every_error_of_assemblyai_has_its_speechmatics_error(
    code: int, text: str, type: str, retry: bool
) -> None:
    mapping = from_assemblyai(code, text)
    assert (mapping.type, mapping.retry) == (type, retry)
    assert mapping.close_code == SPEECHMATICS_CLOSE_CODES[type]
    assert str(code) in mapping.reason


def test_a_reason_quotes_what_assemblyai_said() -> None:
    assert "Max 100 items" in from_assemblyai(3006, INPUT + "Invalid 'keyterms_prompt': Max 100 items").reason


def test_names_of_models_and_settings_are_quoted_whole() -> None:
    text = "universal-streaming-multilingual _universal-3-5-notetaker speaker_labels_revision_interval_ms"
    assert quotable(text) == text


@pytest.mark.parametrize("secret", [KEY, "AQI" + "x1Y2" * 600, "eyJhbGciOi" + "J9" * 40 + "." + "aB3_" * 12])
def test_a_key_or_token_in_a_text_never_reaches_the_reason(secret: str) -> None:
    reason = from_assemblyai(1008, f"Invalid API key {secret}").reason
    assert secret not in reason
    assert not any(secret[index : index + 28] in reason for index in range(len(secret) - 28))


@given(st.integers(), st.text())
def test_any_code_and_text_gives_a_documented_error(code: int, text: str) -> None:
    mapping = from_assemblyai(code, text)
    assert mapping.type in SPEECHMATICS_CLOSE_CODES
    assert len(mapping.reason) < 1000


def test_every_failure_has_its_error() -> None:
    assert set(FAILURES) == set(FailureKind)
    for kind in FailureKind:
        mapping = from_failure(kind)
        assert mapping.close_code == SPEECHMATICS_CLOSE_CODES[mapping.type]
        assert mapping.reason.endswith(".")


def test_a_missing_key_names_the_variable() -> None:
    mapping = from_failure(FailureKind.NO_KEY)
    assert mapping.type == "not_authorised"
    assert "ASSEMBLYAI_API_KEY" in mapping.reason


@pytest.mark.parametrize(
    ("status", "type"),
    [
        (401, "not_authorised"),
        (403, "not_authorised"),
        (404, "job_error"),
        (429, "quota_exceeded"),
        (503, "job_error"),
    ],
)
def test_a_refused_handshake_has_its_error(status: int, type: str) -> None:
    assert from_failure(failure_of_status(status)).type == type


def test_only_server_errors_of_the_handshake_are_worth_another_try() -> None:
    assert from_failure(failure_of_status(502)).retry
    assert from_failure(failure_of_status(429)).retry
    assert not from_failure(failure_of_status(404)).retry
    assert not from_failure(failure_of_status(401)).retry


def test_every_close_code_has_a_text_that_fits_a_close_frame() -> None:
    assert set(SPEECHMATICS_CLOSE_REASONS) == set(SPEECHMATICS_CLOSE_CODES.values())
    assert all(len(text.encode()) <= 123 for text in SPEECHMATICS_CLOSE_REASONS.values())
