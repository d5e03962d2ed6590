"""The tables beside the newest SDKs of both vendors: a name that an SDK gains makes a test fail until it is decided about.

`tests/shim/speechmatics` compares the drop-ins of Speechmatics' SDKs with them, name by name.
"""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from shim.protocol.mapping import languages, messages, parameters

ROOT = Path(__file__).parents[4]
SDKS = {
    "speechmatics-python": "speechmatics.models",
    "speechmatics-rt-newest": "speechmatics.rt",
    "assemblyai": "assemblyai.streaming.v3",
}
Names = Mapping[str, list[str]]

pytestmark = pytest.mark.environment


@pytest.fixture(scope="module")
def names_of(environment_python: Callable[[str], Path]) -> Callable[[str], Names]:
    """A function that gives the public classes of an SDK, with their fields or values."""
    known: dict[str, Names] = {}

    def find(environment: str) -> Names:
        if environment not in known:
            script = Path(__file__).with_name("sdk_names.py")
            command = [environment_python(environment), script, SDKS[environment]]
            known[environment] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return known[environment]

    return find


@pytest.mark.parametrize("sdk", ["speechmatics-python", "speechmatics-rt-newest"])
class TestSpeechmatics:
    def test_every_message_has_its_row(self, names_of: Callable[[str], Names], sdk: str) -> None:
        names = names_of(sdk)
        assert set(names["ClientMessageType"]) <= messages.CLIENT_MESSAGES.keys()
        assert set(names["ServerMessageType"]) <= messages.SERVER_MESSAGES.keys()

    # By class: where its fields stand in StartRecognition, and those that are not sent.
    @pytest.mark.parametrize(
        ("cls", "place", "not_sent"),
        [
            ("TranscriptionConfig", "transcription_config.", set()),
            ("SpeakerDiarizationConfig", "transcription_config.speaker_diarization_config.", set()),
            ("RTSpeakerDiarizationConfig", "transcription_config.speaker_diarization_config.", set()),
            (
                "SpeakerIdentifier",
                "transcription_config.speaker_diarization_config.speakers[].",
                set(),
            ),
            ("ConversationConfig", "transcription_config.conversation_config.", set()),
            ("TranslationConfig", "translation_config.", set()),
            ("RTTranslationConfig", "translation_config.", set()),
            ("AudioEventsConfig", "audio_events_config.", set()),
            ("AudioFormat", "audio_format.", {"chunk_size"}),
            ("AudioSettings", "audio_format.", {"chunk_size"}),
        ],
    )
    def test_every_field_of_a_configuration_has_its_row(
        self, names_of: Callable[[str], Names], sdk: str, cls: str, place: str, not_sent: set[str]
    ) -> None:
        known = parameters.PARAMETERS.keys() | parameters.OBJECTS
        fields = names_of(sdk).get(cls, [])
        # speechmatics-python keeps two objects of StartRecognition in TranscriptionConfig.
        assert [f for f in fields if place + f not in known and f not in known and f not in not_sent] == []

    def test_every_encoding_has_its_counterpart(self, names_of: Callable[[str], Names], sdk: str) -> None:
        assert set(names_of(sdk).get("AudioEncoding", [])) <= parameters.ENCODINGS.keys()


NO_SUCH_WISH = {
    "acknowledge_silence", "agent_context", "continuous_partials", "customer_support_audio_capture",
    "end_of_turn_confidence_threshold", "filter_profanity", "format_turns", "inactivity_timeout", "interruption_delay",
    "language_code", "language_detection", "llm_gateway", "min_end_of_turn_silence_when_confident", "mode",
    "noise_suppression_model", "noise_suppression_threshold", "prompt", "redact_pii", "redact_pii_policies",
    "redact_pii_sub", "session_heartbeat", "speaker_labels_revision_interval_ms", "turn_left_pad_ms", "vad_threshold",
    "voice_focus", "voice_focus_threshold", "webhook_auth_header_name", "webhook_auth_header_value", "webhook_url",
}  # fmt: skip
"""Parameters of AssemblyAI that nothing in a StartRecognition asks for."""

NO_SUCH_MODEL = {"u3-pro", "u3-rt-pro-beta-1", "universal-3-6"}
"""Models that the SDK still names and that no language of the tables leads to."""

NEVER_WRITTEN = {
    "AsyncChannelStreamer", "AsyncRealTimeTranscriber", "BeginEvent", "ChannelAttributionOptions", "ChannelStreamer",
    "DualChannelTurnEvent", "DualChannelWord", "Encoding", "EnergyVad", "HeartbeatEvent", "LLMGatewayResponseEvent",
    "NoiseSuppressionModel", "RealTimeError", "RealTimeEvents", "RealTimeParameters", "RealTimeSessionParameters",
    "RealTimeTranscriber", "RealTimeTranscriberOptions", "SessionConfiguration", "SilenceEvent", "SpeakerRevisionEvent",
    "SpeakerRevisionItem", "SpeechModel", "SpeechStartedEvent", "StreamingError", "StreamingMode", "StreamingPiiPolicy",
    "StreamingPiiSubstitution", "StreamingSessionParameters", "TerminationEvent", "TurnEvent", "VadDetector", "VadFrame",
    "VadResult", "WarningEvent", "Word",
}  # fmt: skip
"""Public names of the assemblyai package that no rewritten program has use for."""


def imported_from(module: str, tree: ast.Module) -> set[str]:
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


@pytest.fixture(scope="module")
def rewritten() -> list[ast.Module]:
    """Every program of the fixtures that was rewritten to the assemblyai package."""
    programs = (ROOT / "fixtures").rglob("*.py")
    sources = [path.read_text(encoding="utf-8") for path in programs if "native" in str(path)]
    return [ast.parse(source) for source in sources if "assemblyai.streaming.v3" in source]


class TestAssemblyAI:
    @pytest.fixture
    def names(self, names_of: Callable[[str], Names]) -> Names:
        return names_of("assemblyai")

    def test_its_events_are_those_of_the_table(self, names: Names) -> None:
        assert set(names["StreamingEvents"]) == messages.ASSEMBLYAI_SERVER_MESSAGES.keys()

    def test_every_parameter_is_used_or_listed(self, names: Names) -> None:
        used = {name for row in parameters.PARAMETERS.values() for name in row.assemblyai}
        assert used | NO_SUCH_WISH == set(names["StreamingParameters"])

    def test_every_model_is_known_or_listed(self, names: Names) -> None:
        assert set(names["SpeechModel"]) <= languages.MODELS.keys() | NO_SUCH_MODEL
        assert languages.DEFAULT_MODEL in names["SpeechModel"]

    def test_every_encoding_that_is_written_is_taken(self, names: Names) -> None:
        assert set(parameters.ENCODINGS.values()) <= set(names["Encoding"])

    def test_every_field_that_is_read_exists(self, names: Names) -> None:
        of_words = {
            row.assemblyai.removeprefix("words[].")
            for row in messages.FIELDS
            if row.assemblyai.startswith("words[].")
        }
        assert of_words
        assert of_words <= set(names["Word"])
        assert {"transcript", "end_of_turn", "words"} <= set(names["TurnEvent"])

    def test_every_public_name_is_written_or_listed(self, names: Names, rewritten: list[ast.Module]) -> None:
        written = {name for tree in rewritten for name in imported_from("assemblyai.streaming.v3", tree)}
        assert written
        assert written | NEVER_WRITTEN == names.keys() - {"Any", "Enum"}

    @pytest.mark.parametrize("cls", ["StreamingParameters", "StreamingClientOptions"])
    def test_every_argument_that_is_written_exists(
        self, names: Names, rewritten: list[ast.Module], cls: str
    ) -> None:
        written = {
            keyword.arg
            for tree in rewritten
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == cls
            for keyword in node.keywords
            if keyword.arg
        }
        assert written
        assert written <= set(names[cls])
