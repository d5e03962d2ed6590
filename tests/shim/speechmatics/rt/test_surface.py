"""What a program sees of speechmatics-rt before it connects is what it sees of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[3] / "docs" / "speechmatics-sdk.md"
ORIGINAL, OURS = "speechmatics.rt", "shim.speechmatics.rt"

USER = """
    import asyncio
    import shim.speechmatics.rt as rt
    from typing import Any
    from shim.speechmatics.rt import AsyncClient, AsyncMultiChannelClient, AudioEncoding, AudioFormat, JWTAuth
    from shim.speechmatics.rt import Microphone, Model, ServerMessageType, TranscriptionConfig, TranscriptResult


    class App:
        client: AsyncClient

        def on_final(self, message: dict[str, Any]) -> None:
            result = TranscriptResult.from_message(message)
            for item in result.results:
                if item.alternatives:
                    confidence: float = item.alternatives[0].confidence
                    print(item.alternatives[0].content.upper(), confidence, item.start_time + 1)


    async def main(app: App) -> None:
        async with AsyncClient(auth=JWTAuth("key", ttl=60), conn_config=rt.ConnectionConfig(ping_timeout=5)) as client:
            app.client = client
            client.on(ServerMessageType.ADD_TRANSCRIPT, app.on_final)

            @client.on(ServerMessageType.ERROR)
            def on_error(message: dict[str, Any]) -> None:
                raise rt.TimeoutError(message["reason"])

            handler = client.once("Info", on_error)
            handler({})
            client.off(ServerMessageType.INFO, on_error)
            config = TranscriptionConfig(language="en", model=Model.STANDARD, max_delay=1, diarization="speaker")
            form = AudioFormat(encoding=AudioEncoding.PCM_S16LE, sample_rate=16_000)
            await client.start_session(transcription_config=config, audio_format=form, ws_headers={"a": "b"})
            microphone = Microphone(sample_rate=form.sample_rate)
            if microphone.start():
                await client.send_audio(await microphone.read(form.chunk_size))
            await client.force_end_of_utterance(timestamp=client.audio_seconds_sent)
            await client.force_end_of_utterance(timestamp=None)
            await client.stop_session()
            with open("a.wav", "rb") as one, open("b.wav", "rb") as two:
                await client.transcribe(one, timeout=3)
                async with AsyncMultiChannelClient() as channels:
                    await channels.transcribe({"a": one, "b": two})


    asyncio.run(main(App()))
"""


@pytest.mark.environment
def test_every_public_name_signature_default_member_and_field_is_the_same_but_for_a_written_list(
    surface: ModuleType, environment_python: Callable[[str], Path]
) -> None:
    original = surface.of(environment_python("speechmatics-rt-newest"), ORIGINAL)
    assert len(original) > 150
    found = surface.differences(original, surface.of(sys.executable, OURS))
    assert found.keys() == surface.written(DOCUMENT, "### Names of speechmatics-rt that differ").keys()


@pytest.mark.environment
def test_nothing_is_missing_that_the_oldest_version_had(
    surface: ModuleType, environment_python: Callable[[str], Path]
) -> None:
    original = surface.of(environment_python("speechmatics-rt-1.1.0"), ORIGINAL)
    found = surface.differences(original, surface.of(sys.executable, OURS))
    assert [name for name, text in found.items() if text.startswith("missing")] == []


def outcomes(python: str | Path, package: str) -> dict[str, str]:
    done = subprocess.run(
        [str(python), str(HERE / "expressions.py"), package], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.environment
def test_whatever_needs_no_connection_comes_out_the_same(environment_python: Callable[[str], Path]) -> None:
    original = outcomes(environment_python("speechmatics-rt-newest"), ORIGINAL)
    ours = outcomes(sys.executable, OURS)
    assert len(original) > 100
    assert {one: text for one, text in ours.items() if original[one] != text} == {}
    assert ours.keys() == original.keys()


@pytest.mark.parametrize(
    "line",
    [
        "import shim.speechmatics.rt as rt; rt.AsyncClient",
        "from shim.speechmatics import rt; rt.AsyncClient",
        "import shim.speechmatics as speechmatics; import shim.speechmatics.rt; speechmatics.rt.AsyncClient",
        "from shim.speechmatics.rt import *; AsyncClient, AudioFormat, TimeoutError",
        "from shim.speechmatics.rt._exceptions import TransportError as A; from shim.speechmatics.rt import TransportError as B; assert A is B",
        "from shim.speechmatics.rt._models import RecognitionResult, RecognitionAlternative, RecognitionMetadata",
        "import shim.speechmatics.rt.constants; shim.speechmatics.rt.constants.CHUNK_SIZE",
    ],
)
def test_every_way_to_import_works_without_pyaudio_and_without_the_original(line: str) -> None:
    absent = (
        "import sys; sys.modules.update(dict.fromkeys(('pyaudio', 'speechmatics', 'aiohttp', 'numpy')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", absent + line], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_configuration_without_a_model_is_itself_when_it_was_pickled_or_copied() -> None:
    import copy
    import pickle

    from shim.speechmatics.rt import OperatingPoint, TranscriptionConfig

    with pytest.warns(DeprecationWarning, match="use 'model' instead"):
        config = TranscriptionConfig(operating_point=OperatingPoint.STANDARD)
    for other in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
        assert other == config
        assert other.to_dict() == {"language": "en", "operating_point": "standard"}


def test_a_program_of_a_user_is_typed(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(USER))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", str(tmp_path / "cache"),
         "--follow-imports", "silent", str(program)],
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
