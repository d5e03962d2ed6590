"""The vendor's clients, unmodified: to ``shim serve`` by its address, and below ``shim run`` by Speechmatics' own.

The sessions to ``shim serve`` are faster than real time. All run at the same time: they mostly wait.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrator.rehearsal.agreement import speechmatics_order, with_scene
from migrator.rehearsal.transcript import from_messages
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

pytestmark = pytest.mark.environment

SPEED = 5.0
KEY = "assemblyai-key-of-the-tests"
PROGRAMS = Path(__file__).parent / "programs"
SPEECHMATICS_URL = "wss://eu2.rt.speechmatics.com/v2"
LEGACY, OLD_RT, RT, VOICE = (
    "speechmatics-python",
    "speechmatics-rt-1.1.0",
    "speechmatics-rt-newest",
    "speechmatics-voice",
)
SCRIPTS = {LEGACY: "client_legacy", OLD_RT: "client_rt", RT: "client_rt", VOICE: "client_voice"}

CONFIG = {
    "language": "en",
    "enable_partials": True,
    "diarization": "speaker",
    "conversation_config": {"end_of_utterance_silence_trigger": 0.5},
}
CHANNELS = ["left", "right"]
SPLIT = {"language": "en", "diarization": "channel", "channel_diarization_labels": CHANNELS}
OPTIONS = {"tls": False, "raw": False, "force": False, "speed": 0, "channels": [], "config": CONFIG}


@dataclass(frozen=True)
class Kind:
    """A kind of session: options of the program, and what is different about AssemblyAI."""

    options: dict[str, Any]
    fault: str = ""
    key: str = KEY
    scene: str = "one-sentence"


KINDS = {
    "file": Kind({}, scene="two-speakers"),
    "forced": Kind({"raw": True, "force": True, "speed": SPEED}),
    "channels": Kind({"channels": CHANNELS, "config": SPLIT}),
    "wrong key": Kind({"raw": True}, key="wrong"),
    "fault": Kind({"raw": True}, fault="error:3006@2"),
    "external": Kind({"preset": "external", "speed": SPEED}, scene="two-speakers"),
    "scribe": Kind({"preset": "scribe", "speed": SPEED}, scene="two-speakers"),
}
SERVE, RUN = "shim serve", "shim run"
CASES = [
    *((SERVE, client, kind) for client in (LEGACY, OLD_RT, RT) for kind in list(KINDS)[:5]),
    *((RUN, client, kind) for client in (LEGACY, RT) for kind in list(KINDS)[:5]),
    (RUN, OLD_RT, "file"),
    (SERVE, VOICE, "external"),
    (SERVE, VOICE, "scribe"),
    (RUN, VOICE, "external"),
]


def cases_of(*kinds: str) -> list[tuple[str, str, str]]:
    return [case for case in CASES if case[2] in kinds]


@dataclass(frozen=True)
class Outcome:
    """What a program printed, and how it ended."""

    status: int
    messages: list[dict[str, Any]]
    errors: str

    def named(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["message"] == name]


@pytest.fixture(scope="module")
def scene_of(one_sentence: Scene, two_speakers: Scene) -> Callable[[str, str], Scene]:
    """What is said in a case; audio below shim run takes as long as it was spoken, so it is short."""

    def choose(way: str, name: str) -> Scene:
        return two_speakers if way == SERVE and KINDS[name].scene == "two-speakers" else one_sentence

    return choose


Outcomes = dict[tuple[str, str, str], Future[Outcome]]


@pytest.fixture(scope="module")
def outcomes(
    scene_of: Callable[[str, str], Scene],
    open_gateway: Callable[..., AbstractContextManager[str]],
    environment_python: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Outcomes]:
    folder = tmp_path_factory.mktemp("clients")
    with ExitStack() as stack:
        streaming: dict[tuple[str, str], str] = {}
        gateways: dict[tuple[str, str], str] = {}
        for way, _, name in CASES:
            kind, scene = KINDS[name], scene_of(way, name)
            if (scene.name, kind.fault) not in streaming:
                faults = [kind.fault] if kind.fault else []
                emulator = AssemblyAIEmulator(scene, speed=SPEED, keys=[KEY], faults=faults)
                streaming[scene.name, kind.fault] = stack.enter_context(emulator).url
            if way == SERVE and (scene.name, name) not in gateways:
                url = streaming[scene.name, kind.fault]
                gateways[scene.name, name] = stack.enter_context(
                    open_gateway(SPEED, api_key=kind.key, streaming_url=url)
                )

        def run(way: str, client: str, name: str) -> Outcome:
            kind, scene = KINDS[name], scene_of(way, name)
            options: dict[str, Any] = {**OPTIONS, **kind.options, "sound": str(scene.sound)}
            environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONWARNINGS": "ignore"}
            launch = []
            if way == RUN:
                launch = ["-m", "shim", "run"]
                options |= {"url": SPEECHMATICS_URL, "tls": True, "speed": min(options["speed"], 1)}
                environment["ASSEMBLYAI_API_KEY"] = kind.key
                environment["ASSEMBLYAI_STREAMING_URL"] = streaming[scene.name, kind.fault]
            else:
                options["url"] = gateways[scene.name, name] + "/v2"
            done = subprocess.run(
                [
                    environment_python(client),
                    *launch,
                    PROGRAMS / f"{SCRIPTS[client]}.py",
                    json.dumps(options),
                ],
                env=environment,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
            return Outcome(
                done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr
            )

        # Audio below shim run has its own pace and mostly waits; the others need the processor.
        with ThreadPoolExecutor(4) as running, ThreadPoolExecutor(2) as serving:
            yield {case: (running if case[0] == RUN else serving).submit(run, *case) for case in CASES}


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("file"))
def test_a_file_gives_partials_finals_speakers_and_ends_of_utterances(
    outcomes: Outcomes, scene_of: Callable[[str, str], Scene], way: str, client: str, kind: str
) -> None:
    heard, scene = outcomes[way, client, kind].result(), scene_of(way, kind)
    assert heard.status == 0
    assert with_scene(from_messages(heard.messages), scene) == []
    assert speechmatics_order(heard.messages) == []
    assert any(partial["results"] for partial in heard.named("AddPartialTranscript"))
    assert heard.named("EndOfUtterance")
    assert heard.messages[-1] == {"message": "EndOfTranscript"}


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("forced"))
def test_raw_audio_with_a_forced_end_of_utterance_is_heard_whole(
    outcomes: Outcomes, scene_of: Callable[[str, str], Scene], way: str, client: str, kind: str
) -> None:
    heard, scene = outcomes[way, client, kind].result(), scene_of(way, kind)
    finals = "".join(final["metadata"]["transcript"] for final in heard.named("AddTranscript"))
    assert [end for end in heard.named("EndOfUtterance") if end.get("forced")]
    # A forced end may put a mark into the middle of a sentence.
    assert words(finals) == words(scene.text)
    assert heard.messages[-1] == {"message": "EndOfTranscript"}


def words(text: str) -> list[str]:
    return [word.strip(".,?!").lower() for word in text.split()]


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("channels"))
def test_each_channel_has_its_transcript(
    outcomes: Outcomes, scene_of: Callable[[str, str], Scene], way: str, client: str, kind: str
) -> None:
    heard, scene = outcomes[way, client, kind].result(), scene_of(way, kind)
    for channel in CHANNELS:
        finals = [final for final in heard.named("AddTranscript") if final["channel"] == channel]
        assert "".join(final["metadata"]["transcript"] for final in finals).strip() == scene.text
    assert heard.messages[-1] == {"message": "EndOfTranscript"}


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("wrong key"))
def test_a_wrong_key_is_told_as_the_client_tells_it(
    outcomes: Outcomes, way: str, client: str, kind: str
) -> None:
    heard = outcomes[way, client, kind].result()
    assert [message["type"] for message in heard.named("Error")] == ["not_authorised"]
    assert heard.named("RecognitionStarted") == []
    assert heard.named("AddTranscript") == []


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("fault"))
def test_an_error_in_the_middle_comes_after_the_text_until_then(
    outcomes: Outcomes, scene_of: Callable[[str, str], Scene], way: str, client: str, kind: str
) -> None:
    heard, scene = outcomes[way, client, kind].result(), scene_of(way, kind)
    finals = "".join(final["metadata"]["transcript"] for final in heard.named("AddTranscript"))
    assert finals.strip()
    assert words(scene.text)[: len(words(finals))] == words(finals)
    assert [message["type"] for message in heard.named("Error")] == ["unknown_error"]
    assert heard.named("EndOfTranscript") == []


@pytest.mark.parametrize(("way", "client", "kind"), cases_of("external", "scribe"))
def test_a_voice_agent_gets_its_segments(
    outcomes: Outcomes, scene_of: Callable[[str, str], Scene], way: str, client: str, kind: str
) -> None:
    heard, scene = outcomes[way, client, kind].result(), scene_of(way, kind)
    segments = [segment for message in heard.named("AddSegment") for segment in message["segments"]]
    assert " ".join(segment["text"] for segment in segments) == scene.text
    assert [segment["speaker_id"] for segment in segments] == [
        f"S{1 + (turn.speaker != scene.turns[0].speaker)}" for turn in scene.turns
    ]
    assert heard.named("EndOfTurn")
    assert heard.messages[-1] == {"message": "EndOfTranscript"}
