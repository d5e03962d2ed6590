"""The Speechmatics plugins of LiveKit Agents and Pipecat: AssemblyAI's plugin where nothing is lost."""

from __future__ import annotations

import textwrap

import pytest

from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult


def migrate(text: str, **options: object) -> FileResult:
    return migrate_source("agent.py", textwrap.dedent(text).encode(), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            """\
            from livekit.plugins import openai, silero, speechmatics

            session = AgentSession(stt=speechmatics.STT(), llm=openai.LLM(), vad=silero.VAD.load())
            """,
            """\
            from livekit.plugins import openai, silero, assemblyai

            session = AgentSession(stt=assemblyai.STT(
                base_url="wss://streaming.eu.assemblyai.com",
                model="universal-3-6-pro",
                language_codes=["en"],
                speaker_labels=True,
            ), llm=openai.LLM(), vad=silero.VAD.load())
            """,
            id="livekit with its defaults",
        ),
        pytest.param(
            """\
            import os

            from livekit.plugins.speechmatics import STT, AdditionalVocabEntry

            stt = STT(
                api_key=os.environ["SPEECHMATICS_API_KEY"],
                base_url="wss://us.rt.speechmatics.com/v2/agent",
                language="de",
                operating_point="enhanced",
                enable_diarization=False,
                additional_vocab=[AdditionalVocabEntry(content="gnocchi")],
                sample_rate=16000,
            )
            """,
            """\
            import os

            from livekit.plugins.assemblyai import STT

            stt = STT(
                api_key=os.environ["ASSEMBLYAI_API_KEY"],
                base_url="wss://streaming.us.assemblyai.com",
                model="universal-3-6-pro",
                language_codes=["de"],
                keyterms_prompt=["gnocchi"],
                sample_rate=16000,
            )
            """,
            id="livekit with options",
        ),
        pytest.param(
            """\
            import livekit.plugins.speechmatics as sm

            stt = sm.STT(max_speakers=3)
            """,
            """\
            import livekit.plugins.assemblyai as sm

            stt = sm.STT(
                base_url="wss://streaming.eu.assemblyai.com",
                model="universal-3-6-pro",
                language_codes=["en"],
                speaker_labels=True,
                max_speakers=3,
            )
            """,
            id="livekit under another name",
        ),
        pytest.param(
            """\
            import os

            from pipecat.services.speechmatics.stt import SpeechmaticsSTTService
            from pipecat.transcriptions.language import Language

            stt = SpeechmaticsSTTService(
                api_key=os.getenv("SPEECHMATICS_API_KEY"),
                params=SpeechmaticsSTTService.InputParams(
                    language=Language.ES,
                    enable_diarization=True,
                    turn_detection_mode=SpeechmaticsSTTService.TurnDetectionMode.EXTERNAL,
                ),
            )
            """,
            """\
            import os

            from pipecat.services.assemblyai.stt import AssemblyAISTTService
            from pipecat.transcriptions.language import Language

            stt = AssemblyAISTTService(
                api_key=os.environ["ASSEMBLYAI_API_KEY"],
                api_endpoint_base_url="wss://streaming.eu.assemblyai.com/v3/ws",
                settings=AssemblyAISTTService.Settings(
                    model="universal-3-6-pro",
                    language_codes=[Language.ES],
                    speaker_labels=True,
                ),
            )
            """,
            id="pipecat with params",
        ),
        pytest.param(
            """\
            from pipecat.services.speechmatics.stt import SpeechmaticsSTTService


            def service():
                settings = SpeechmaticsSTTService.Settings(language="en", domain="medical")
                return SpeechmaticsSTTService(settings=settings, should_interrupt=False)
            """,
            """\
            import os

            from pipecat.services.assemblyai.stt import AssemblyAISTTService
            from pipecat.transcriptions.language import Language


            def service():
                return AssemblyAISTTService(
                    api_key=os.environ["ASSEMBLYAI_API_KEY"],
                    api_endpoint_base_url="wss://streaming.eu.assemblyai.com/v3/ws",
                    should_interrupt=False,
                    settings=AssemblyAISTTService.Settings(
                        model="universal-3-6-pro",
                        domain="medical-v1",
                        language_codes=[Language.EN],
                    ),
                )
            """,
            id="pipecat with settings made apart",
        ),
    ],
)
def test_a_plugin_without_losses_becomes_that_of_assemblyai(before: str, after: str) -> None:
    result = migrate(before)
    assert (result.status, result.touch_points_left) == ("native", 0), result.findings
    assert result.after.decode() == textwrap.dedent(after)
    assert migrate_source("agent.py", result.after, Options()).status == "unchanged"


LIVEKIT = "from livekit.plugins import speechmatics\n\nstt = speechmatics.STT(\n    {}\n)\n"
PIPECAT = "from pipecat.services.speechmatics.stt import SpeechmaticsSTTService as S\n\nstt = S(\n    {}\n)\n"


@pytest.mark.parametrize(
    ("program", "option", "words"),
    [
        (
            LIVEKIT,
            "turn_detection_mode=speechmatics.TurnDetectionMode.VAD",
            "turn_detection_mode has no counterpart",
        ),
        (LIVEKIT, "vad=silero.VAD.load()", "vad has no counterpart"),
        (LIVEKIT, "speaker_format='@{speaker_id}: {text}'", "speaker_format has no counterpart"),
        (LIVEKIT, "additional_vocab=[{'content': 'gnocchi', 'sounds_like': ['nyohki']}]", "sounds_like"),
        (LIVEKIT, "speaker_sensitivity=0.7", "speaker_sensitivity"),
        (LIVEKIT, "output_locale='en-GB'", "output locale"),
        (LIVEKIT, "language='cs'", "keeps to the language 'cs'"),
        (LIVEKIT, "language=language", "language is only known at run time"),
        (LIVEKIT, "include_partials=False", "include_partials has no counterpart"),
        (LIVEKIT, "base_url='wss://asr.hospital.example/v2'", "no host of the Speechmatics cloud"),
        (LIVEKIT, "**options", "out of sight"),
        (LIVEKIT, "max_delay=0.7", "max_delay has no counterpart"),
        (PIPECAT, "settings=settings", "out of sight"),
        (
            PIPECAT,
            "params=S.InputParams(speaker_active_format='{text}')",
            "speaker_active_format has no counterpart",
        ),
        (PIPECAT, "params=S.InputParams(enable_diarization=True, max_speakers=2)", "takes no max_speakers"),
        (PIPECAT, "sample_rate=16000,  # as the telephone has it", "a comment stands inside"),
    ],
    ids=lambda value: "" if "\n" in value else value,
)
def test_what_would_be_lost_is_named_at_its_line_and_keeps_the_plugin(
    program: str, option: str, words: str
) -> None:
    text = program.format(option)
    result = migrate(text)
    assert (result.status, result.after.decode()) == ("manual", text)
    lost = [(f.line, f.message) for f in result.findings if "lost with AssemblyAI's plugin" in f.message]
    assert [line in (3, 4) and words in message for line, message in lost] == [True], lost
    assert any("/v2/agent" in f.message and "shim run" in f.message for f in result.findings)
    assert {finding.rule for finding in result.findings} == {"plugins"}


@pytest.mark.parametrize(
    "text",
    [
        "from livekit.plugins import speechmatics\n\ntts = speechmatics.TTS()\n",
        "from livekit.plugins import speechmatics\n\nstt = speechmatics.STT()\ntts = speechmatics.TTS()\n",
        "from livekit.plugins import speechmatics\n\nSTT = speechmatics.STT\n",
        "from pipecat.services.speechmatics.tts import SpeechmaticsTTSService\n\ntts = SpeechmaticsTTSService()\n",
    ],
)
def test_text_to_speech_and_what_is_handed_on_keep_the_plugin(text: str) -> None:
    result = migrate(text)
    assert (result.status, result.after.decode()) == ("manual", text)
    assert result.findings


@pytest.mark.parametrize("text", ["from livekit.plugins import assemblyai\nassemblyai.STT()\n"])
def test_another_plugin_stays(text: str) -> None:
    assert migrate(text).status == "unchanged"
