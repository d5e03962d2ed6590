"""Any speech, over connections that are lost anywhere, in one channel and in two: every word comes exactly once.

Here AssemblyAI hears words by the frames that it gets, as the real one does.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shim.protocol.effects import CloseUpstream, OpenUpstream, SendUpstream
from shim.protocol.mapping.errors import FailureKind
from shim.protocol.translator import State

FRAME_MS = 50
END = {"message": "EndOfStream", "last_seq_no": 0}
Speech = list[list[tuple[str, int, int]]]
"""Turns of words: text, and where it begins and ends, in milliseconds."""


def frame(number: int, channel: int = 0) -> bytes:
    """50 ms at 16 kHz that say which they are, and of which channel."""
    return bytes([channel, *number.to_bytes(3, "big")]) * 400


@dataclass
class Service:
    """AssemblyAI, for speeches in frames that carry their numbers; a speech for each channel.

    A word is heard by a connection that gets all its frames without a gap.
    """

    session: Any
    speeches: list[Speech]
    by_word: bool = False
    frames: dict[int, list[int]] = field(default_factory=dict)
    channels: dict[int, int] = field(default_factory=dict)
    """Of connections that got audio."""
    begun: set[int] = field(default_factory=set)
    terminated: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    ended: set[tuple[int, int]] = field(default_factory=set)
    read: int = 0

    def work(self) -> None:
        """Take note of what came."""
        effects, self.read = self.session.effects[self.read :], len(self.session.effects)
        for effect in effects:
            if isinstance(effect, OpenUpstream):
                self.frames[effect.connection] = []
            elif isinstance(effect, CloseUpstream):
                self.over.add(effect.connection)
            elif isinstance(effect, SendUpstream) and isinstance(effect.data, bytes):
                got = self.frames[effect.connection]
                channel, number = effect.data[0], int.from_bytes(effect.data[1:4], "big")
                assert self.channels.setdefault(effect.connection, channel) == channel, "of another channel"
                assert not got or number == got[-1] + 1, "a gap or a repetition"
                got.append(number)
            elif isinstance(effect, SendUpstream) and json.loads(effect.data)["type"] == "Terminate":
                self.terminated.add(effect.connection)

    @property
    def opening(self) -> list[int]:
        return [connection for connection in self.frames if connection not in self.begun | self.over]

    @property
    def serving(self) -> list[int]:
        return sorted(self.begun - self.over)

    def begin(self, connection: int) -> None:
        self.session.opened(connection)
        message = {"type": "Begin", "id": "0a1b", "expires_at": 0, "configuration": {}}
        self.session.hear(message, connection)
        self.begun.add(connection)
        self.work()

    def lose(self, connection: int, how: Any) -> None:
        if how == "Error":
            message = {"type": "Error", "error_code": 3005, "error": "cancelled"}
            self.session.hear(message, connection)
        elif isinstance(how, FailureKind):
            self.session.failed(how, connection=connection)
        else:
            self.session.closed(how, connection=connection)
        self.work()

    def tell(self, connection: int) -> None:
        """Say what the connection makes of its audio by now; all of it, and Termination, after Terminate."""
        final = connection in self.terminated
        for message in self._turns(connection, final):
            self.session.hear(message, connection)
        if final:
            self.session.hear(
                {"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 2},
                connection,
            )
        self.work()

    def _turns(self, connection: int, final: bool) -> list[dict[str, Any]]:
        got = self.frames[connection]
        if not got:
            return []
        begin, end = got[0] * FRAME_MS, (got[-1] + 1) * FRAME_MS
        messages = []
        for words in self.speeches[self.channels[connection]]:
            heard = [word for word in words if begin <= word[1] and word[2] <= end]
            key = (connection, words[0][1])
            if not heard or key in self.ended:
                continue
            over = final or end - FRAME_MS >= words[-1][2] + 400
            messages.append(
                {
                    "type": "Turn",
                    "turn_order": sum(1 for number, _ in self.ended if number == connection),
                    "end_of_turn": over,
                    "turn_is_formatted": True,
                    "transcript": "",
                    "words": [
                        {
                            "text": text,
                            "start": start - begin,
                            "end": stop - begin,
                            "confidence": 0.9,
                            "word_is_final": over or (self.by_word and index < len(heard) - 1),
                        }
                        for index, (text, start, stop) in enumerate(heard)
                    ],
                }
            )
            if over:
                self.ended.add(key)
        return messages


@st.composite
def speeches(draw) -> tuple[Speech, int]:
    """A speech, and the milliseconds that it lasts."""
    said, time, count = [], 0, 0
    for length in draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)):
        time += draw(st.integers(500, 1500))
        words = []
        for _ in range(length):
            duration = draw(st.integers(80, 400))
            words.append((f"w{count}", time, time + duration))
            count += 1
            time += duration + draw(st.integers(0, 100))
        said.append(words)
    return said, time + 300


@dataclass(frozen=True)
class Loss:
    """A connection of a channel is lost ``at`` seconds, and the next one begins ``wait`` seconds later."""

    at: float
    channel: int
    how: Any
    wait: float


LOSSES = st.lists(
    st.builds(
        Loss,
        at=st.floats(0, 9),
        channel=st.integers(0, 1),
        how=st.sampled_from([1006, 1011, 1012, 3005, 3008, "Error", FailureKind.STALLED]),
        wait=st.floats(0, 3),
    ),
    max_size=4,
).map(lambda losses: sorted(losses, key=lambda loss: loss.at))


MODELS = st.sampled_from(["universal-3-6-pro", "universal-streaming-english"])
URL = "ws://127.0.0.1:9?format_turns=false"


def service_of(session: Any, speeches: list[Speech], model: str) -> Service:
    return Service(session, speeches, by_word=model.startswith("universal-streaming"))


def hold(service: Service, program: Iterable[Callable[[], Any]], losses: list[Loss]) -> None:
    """The program does one thing every 50 ms, connections begin, tell what they heard and are lost, until the end."""
    session, to_do, to_lose = service.session, iter(program), list(losses)
    started = begins_at = session.now
    for _ in range(2000):
        if session.translator.state is State.ENDED:
            return
        next(to_do, lambda: None)()
        session.wait(FRAME_MS / 1000)
        service.work()
        if session.now >= begins_at:
            for connection in service.opening:
                service.begin(connection)
        if to_lose and session.now - started >= to_lose[0].at:
            channel = to_lose[0].channel % len(service.speeches)
            if lost := [c for c in service.serving if service.channels.get(c) == channel]:
                begins_at = session.now + to_lose[0].wait
                service.lose(lost[0], to_lose.pop(0).how)
        for connection in service.serving:
            service.tell(connection)
    raise AssertionError("the session never ends")


def check(session: Any, speech: Speech, **channel: str) -> None:
    """Every word of the speech came once, in its time and as Speechmatics orders messages."""
    told = [m for m in session.all_messages() if m.get("channel") == channel.get("channel")]
    finals = [m for m in told if m["message"] == "AddTranscript"]
    expected = [word for words in speech for word in words]
    assert "".join(final["metadata"]["transcript"] for final in finals).split() == [w[0] for w in expected]
    results = [result for final in finals for result in final["results"]]
    assert [(r["start_time"], r["end_time"]) for r in results] == [
        (w[1] / 1000, w[2] / 1000) for w in expected
    ]
    transcripts = [m["message"] for m in told if "metadata" in m]
    for name, following in itertools.pairwise(transcripts):
        if "AddPartialTranscript" in transcripts and name == "AddTranscript":
            assert following == "AddPartialTranscript"


def check_end(session: Any) -> None:
    names = [message["message"] for message in session.all_messages()]
    assert names[0] == "RecognitionStarted"
    assert names[-1] == "EndOfTranscript"
    assert names.count("EndOfTranscript") == names.count("RecognitionStarted") == 1
    assert not {"Error", "Warning"} & set(names)


def numbers(session: Any, name: str, **channel: str) -> list[int]:
    return [m["seq_no"] for m in session.named(name) if m.get("channel") == channel.get("channel")]


@settings(max_examples=120)
@given(speeches(), MODELS, LOSSES, st.booleans())
def test_one_speech(make_session, speech, model, losses, partials):
    said, milliseconds = speech
    session = make_session(speech_model=model, streaming_url=URL)
    session.start(enable_partials=partials)
    service = service_of(session, [said], model)
    count = -(-milliseconds // FRAME_MS)
    program = [partial(session.audio, frame(number)) for number in range(count)]
    hold(service, [*program, partial(session.say, END)], losses)
    check(session, said)
    check_end(session)
    assert numbers(session, "AudioAdded") == list(range(1, count + 1))


@settings(max_examples=120)
@given(speeches(), speeches(), MODELS, LOSSES, st.booleans(), st.integers(0, 20))
def test_two_speeches_at_a_time_in_channels_of_their_own(
    make_session, left, right, model, losses, partials, later
):
    """One channel begins later; either may end first, and either may lose its connection while the other goes on."""
    session = make_session(speech_model=model, streaming_url=URL)
    labels = ["left", "right"]
    session.start(diarization="channel", channel_diarization_labels=labels, enable_partials=partials)
    service = service_of(session, [left[0], right[0]], model)
    counts = [-(-milliseconds // FRAME_MS) for _, milliseconds in (left, right)]

    def say(tick: int) -> None:
        for index, (label, begins) in enumerate(zip(labels, (0, later), strict=True)):
            number = tick - begins
            if 0 <= number < counts[index]:
                data = base64.b64encode(frame(number, index)).decode()
                session.say({"message": "AddChannelAudio", "channel": label, "data": data})
            elif number == counts[index]:
                session.say({"message": "EndOfChannel", "channel": label, "last_seq_no": number})

    hold(service, (partial(say, tick) for tick in range(max(counts) + later + 1)), losses)
    for index, (label, speech) in enumerate(zip(labels, (left[0], right[0]), strict=True)):
        check(session, speech, channel=label)
        assert numbers(session, "ChannelAudioAdded", channel=label) == list(range(1, counts[index] + 1))
    assert {m["channel"] for m in session.all_messages() if "metadata" in m} <= set(labels)
    check_end(session)
