"""The vendors' own specifications, as judges of both vocabularies; the way from a client to the AssemblyAI emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import jsonschema
import pytest
import yaml

from shim import redirect
from shim.background import BackgroundServer
from shim.clock import Clock
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene
from shim.settings import Settings

SPEED = 20.0
PATIENCE = 5.0
"""Speed of a session server that waits for an AssemblyAI in a hurry: a busy machine needs a part of its deadlines too."""
API_KEY = "assemblyai-key-of-the-tests"


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="session")
def speechmatics_specification(oracles: Path) -> dict[str, Any]:
    """Speechmatics' AsyncAPI document."""
    specification = _load(oracles / "speechmatics-realtime.asyncapi.yml")
    # The custom-dictionary page names this type, the specification's list lacks it.
    specification["components"]["schemas"]["WarningTypeEnum"]["enum"].append("validation_warning")
    return specification


@pytest.fixture(scope="session", params=["universal-3", "universal-streaming"])
def assemblyai_specification(request: pytest.FixtureRequest, oracles: Path) -> dict[str, Any]:
    """AssemblyAI's AsyncAPI documents, one after the other."""
    return _load(oracles / f"assemblyai-{request.param}.asyncapi.yml")


@pytest.fixture(scope="session")
def matches_speechmatics(speechmatics_specification: dict[str, Any]) -> Callable[[Any], None]:
    """Fails when a message breaks the schema of its name, or has a property that the schema lacks."""
    schemas = speechmatics_specification["components"]["schemas"]

    def check(message: dict[str, Any]) -> None:
        schema = {"$ref": f"#/components/schemas/{message['message']}"}
        jsonschema.validate(message, {**schema, "components": {"schemas": schemas}})
        # "format" is on the wire of EndOfUtterance (captured), not in the specification.
        assert set(message) <= {*schemas[message["message"]]["properties"], "format"}

    return check


@pytest.fixture(scope="session")
def write_audio() -> Callable[..., None]:
    """Writes a sound file as another kind of file, container and codec by FFmpeg's names, to a path or a file object.

    Keyword arguments are options of the container.
    """

    def write(
        sound: Path,
        target: Any,
        container: str,
        codec: str,
        rate: int,
        layout: str = "mono",
        bit_rate: int | None = None,
        **options: str,
    ) -> None:
        place = str(target) if isinstance(target, Path) else target
        with av.open(str(sound)) as given, av.open(place, "w", format=container, options=options) as file:
            stream = file.add_stream(codec, rate=rate, layout=layout)
            if bit_rate:
                stream.bit_rate = bit_rate
            resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate)
            for frame in (*given.decode(audio=0), None):
                for converted in resampler.resample(frame):
                    converted.pts = None
                    file.mux(stream.encode(converted))
            file.mux(stream.encode(None))

    return write


@pytest.fixture
def assemblyai(
    one_sentence: Scene, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AssemblyAIEmulator]]:
    """Starts an AssemblyAI that hears one sentence, and leads what goes to Speechmatics there, faster than real time."""
    with ExitStack() as stack:

        def start(
            *faults: str,
            api_key: str | None = API_KEY,
            url: str | None = None,
            scene: Scene = one_sentence,
            speed: float = PATIENCE,
        ) -> AssemblyAIEmulator:
            """``speed`` is the session server's."""
            emulator = stack.enter_context(
                AssemblyAIEmulator(scene, speed=SPEED, faults=faults, keys=[API_KEY])
            )
            server = BackgroundServer(
                lambda: Settings(api_key=api_key, streaming_url=url or emulator.url), Clock(speed)
            )
            stack.callback(server.stop)
            monkeypatch.setattr(redirect, "background", server)
            return emulator

        yield start
