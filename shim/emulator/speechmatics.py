"""Speechmatics real-time (v2) on this machine, driven by a scene.

Shapes, order and latencies follow sessions captured in 2025-09, Speechmatics' schema of 2026-08 and what its real
client libraries were seen to depend on.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shim.emulator.faults import Fault
from shim.emulator.hearing import Heard, Hearing
from shim.emulator.recogniser import TRANSCRIPT_FAULTS, Message, Recogniser
from shim.emulator.recognition_config import (
    AudioFormat,
    RecognitionConfig,
    Refused,
    read_change,
    read_start,
)
from shim.emulator.scene import Scene
from shim.emulator.serving import Closed, Emulator, Request, Response, Session, Socket
from shim.protocol.mapping.errors import SPEECHMATICS_CLOSE_CODES, SPEECHMATICS_CLOSE_REASONS
from shim.protocol.mapping.languages import LANGUAGES, language_pack_info
from shim.protocol.wav import CompressedWav, NotWav, WavReader
from shim.protocol.wire import NotJSON, loads

NOT_EMULATED = (
    "translation: no AddTranslation or AddPartialTranslation comes",
    "audio events: no AudioEventStarted or AudioEventEnded comes",
    "entities: every result is a word or a punctuation mark; spoken and written forms do not exist",
    "words that a partial shows otherwise than the final, and words of a partial that are not over yet",
    "volumes, tags, replacements, the removal of disfluencies, output locales, domains, custom dictionaries",
    "max_delay_mode: fixed and flexible are alike, because there are no entities",
    "limits of max_delay: 0 to 60 seconds are accepted, the documented range is 0.7 to 4",
    "names of known speakers: labels are S1, S2, ...; SpeakersResult holds made-up identifiers",
    "files other than uncompressed WAV",
    "the end of a session without pings, the server's own pings, and HTTP health pages of containers",
    "how fast the real service takes audio that comes faster than real time (here: twice as fast)",
    "how long it takes after EndOfStream (here: 0.3 s); no capture shows it",
    "the preview protocols below /v2/agent (404)",
)
"""What the real service does and this one does not."""

CONSUMPTION_RATE = 2.0
"""Seconds of audio that are recognised in a second, at most."""
SLICE = 0.1
"""Seconds of audio that are recognised at a time, so that large messages are treated as small ones."""

INFO_AFTER = 0.09
STARTED_AFTER_INFO = 0.04
FINISHED_AFTER = 0.3
CLOSED_AFTER = 5.0
"""Seconds that a client has to close after EndOfTranscript."""

KEY_PATHS = ("/v1/api_keys", "/v1/api-keys")
KEY_SECONDS = (60, 86400)
QUOTA_REASON = "Concurrent Quota Exceeded"
UNKNOWN_AUDIO = "Invalid audio type: Could not determine type of stream."


@dataclass(frozen=True)
class TimeLimit:
    """A limit that ends sessions, after warnings.

    Attributes:
        type: of the Warnings and of the Error.
        seconds: the limit.
        warnings: minutes before the limit at which a Warning comes.
        warning: its reason, with the minutes ``left`` and ``passed``.
        error: reason of the Error.
    """

    type: str
    seconds: float
    warnings: tuple[int, ...]
    warning: str
    error: str


IDLE = TimeLimit(
    "idle_timeout",
    3600,
    (15, 10, 5),
    "Session will timeout in {left}m due to inactivity, no audio sent within the last {passed}m",
    "Session timed out due to inactivity",
)
DURATION = TimeLimit(
    "session_timeout",
    48 * 3600,
    (45, 30, 15),
    "Session will timeout in {left}m due to max duration, session has been active for {passed}m",
    "Session timed out due to max duration",
)


@dataclass(frozen=True)
class TemporaryKey:
    """A key that the management endpoint gave out.

    Attributes:
        type: what it is for; real-time sessions need ``rt``.
        expires: seconds of the emulator's clock; None for never.
    """

    type: str
    expires: float | None


class SpeechmaticsEmulator(Emulator):
    """Speechmatics' real-time service and the endpoint that makes its temporary keys.

    Args:
        scene: what may be said, or the path of its file.
        quota: how many sessions may be open at once.
        options: speed, faults, keys (the long-lived ones), tls, host, port and journal, as `Emulator` takes them.

    Attributes:
        open_sessions: those that were started and have not come to their end, which Speechmatics would bill.
    """

    service: ClassVar[str] = "speechmatics"
    max_message_bytes: ClassVar[int] = 1 << 26

    def __init__(self, scene: Scene | str | Path, *, quota: int = 50, **options: Any) -> None:
        super().__init__(scene, **options)
        self.quota = quota
        self.open_sessions: set[Session] = set()
        self._temporary_keys: dict[str, TemporaryKey] = {}

    def session(self, socket: Socket) -> Session:
        return SpeechmaticsSession(self, socket)

    def accepts(self, request: Request) -> bool:
        return self._exists(request) and self._knows(credential(request))

    async def answer(self, request: Request) -> Response:
        if request.path in KEY_PATHS:
            return self._make_key(request)
        if request.is_upgrade and self._exists(request):
            return _problem(401, "Unauthorized")
        return _problem(404, "Not Found")

    def temporary_key(self, key: str) -> TemporaryKey | None:
        """What was given out under that key, if anything."""
        return self._temporary_keys.get(key)

    def _exists(self, request: Request) -> bool:
        return not request.path.startswith("/v2/agent") and request.path not in KEY_PATHS

    def _knows(self, key: str) -> bool:
        temporary = self.temporary_key(key)
        if temporary is not None:
            return temporary.expires is None or self.clock.now() < temporary.expires
        return bool(key) and (self.keys is None or key in self.keys)

    def _make_key(self, request: Request) -> Response:
        if request.method != "POST":
            return _problem(405, "Method Not Allowed")
        if not self._knows(credential(request)):
            return _problem(401, "Unauthorized")
        try:
            wanted = loads(request.body or b"{}")
        except NotJSON:
            wanted = None
        if not isinstance(wanted, dict):
            return _problem(400, "Bad Request", "the body is not a JSON object")
        seconds = wanted.get("ttl")
        if seconds is not None and not (
            isinstance(seconds, int) and KEY_SECONDS[0] <= seconds <= KEY_SECONDS[1]
        ):
            return _problem(400, "Bad Request", "ttl is a number of seconds from 60 to 86400")
        value = ".".join(secrets.token_urlsafe(24) for _ in range(3))
        expires = None if seconds is None else self.clock.now() + seconds
        self._temporary_keys[value] = TemporaryKey(request.parameter("type") or "batch", expires)
        return Response(201, {"apikey_id": None, "key_value": value})


class AudioChannel:
    """The audio of one channel, what is heard in it and what is said about it.

    Args:
        scene: what may be said.
        recogniser: makes the messages.
        audio: how the audio comes.

    Attributes:
        seconds: of audio that were recognised.
        count: how many messages of audio came.
        free_at: when the recognition of what came so far is over, in seconds of the emulator's clock.
    """

    def __init__(self, scene: Scene, recogniser: Recogniser, audio: AudioFormat) -> None:
        self.recogniser = recogniser
        self.seconds = 0.0
        self.count = 0
        self.free_at = 0.0
        self._scene = scene
        self._file = WavReader() if audio.encoding is None else None
        self._hearing: Hearing | None = None
        self._bytes_per_second = 0
        if audio.encoding is not None:
            self._listen(audio)

    def samples(self, data: bytes) -> list[bytes]:
        """The samples in ``data``, in slices of `SLICE` seconds.

        Raises:
            Refused: it is no audio that is understood.
        """
        if self._file is not None:
            try:
                data = self._file.feed(data)
            except (NotWav, CompressedWav) as error:
                raise Refused("invalid_audio_type", UNKNOWN_AUDIO) from error
            if self._hearing is None and self._file.format is not None:
                self._listen(AudioFormat("pcm_s16le", self._file.format.sample_rate))
        size = max(1, int(self._bytes_per_second * SLICE))
        return [data[at : at + size] for at in range(0, len(data), size)]

    def duration(self, samples: bytes) -> float:
        """How many seconds ``samples`` last."""
        return len(samples) / self._bytes_per_second

    def hear(self, samples: bytes) -> list[Message]:
        """Recognise ``samples``; returns what is to be said now."""
        assert self._hearing is not None
        heard = self._understood(self._hearing.feed(samples))
        self.seconds = self._hearing.seconds
        return self.recogniser.advance(heard, self.seconds, self.seconds - self._hearing.silence)

    def finish(self) -> list[Message]:
        """What is to be said when no more audio comes.

        Raises:
            Refused: what came never became audio.
        """
        if self._hearing is None:
            if self.count:
                raise Refused("invalid_audio_type", UNKNOWN_AUDIO)
            return []
        return self.recogniser.finish(self._understood(self._hearing.finish()), self.seconds)

    def _listen(self, audio: AudioFormat) -> None:
        assert audio.encoding is not None
        self._bytes_per_second = audio.bytes_per_second
        # The name of the encoding is AssemblyAI's there.
        encoding = {"mulaw": "pcm_mulaw"}.get(audio.encoding, audio.encoding)
        self._hearing = Hearing(self._scene, encoding, audio.sample_rate)

    def _understood(self, heard: list[Heard]) -> list[Heard]:
        """Words are understood only in the language that the session asked for."""
        spoken = LANGUAGES[self.recogniser.config.language].assemblyai
        return heard if not spoken or self._scene.language in spoken else []


class SpeechmaticsSession(Session):
    """One session: StartRecognition to EndOfTranscript."""

    emulator: SpeechmaticsEmulator

    def __init__(self, emulator: SpeechmaticsEmulator, socket: Socket) -> None:
        super().__init__(emulator, socket)
        self._queue: asyncio.Queue[bytes | Message] = asyncio.Queue()
        self._config: RecognitionConfig
        self._channels: dict[str | None, AudioChannel] = {}
        self._open_channels: set[str] = set()
        self._last_audio = 0.0
        self._ended = False
        self._speakers_wanted = False
        self._late: list[asyncio.Task[None]] = []
        # ForceEndOfUtterance with a moment that the audio has not reached yet, by channel.
        self._forced_at: dict[str | None, float] = {}

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self.emulator.open_sessions.discard(self)

    async def converse(self) -> None:
        try:
            await self._start()
            self.spawn(self._consume())
            self.spawn(self._watch(DURATION))
            self.spawn(self._watch(IDLE))
            while True:
                self._take(await self.socket.receive())
        except Refused as refusal:
            await self._fail(refusal.type, refusal.reason)

    async def send_error(self, kind: str, close: bool) -> None:
        await self._fail(kind or "unknown_error", "the emulator was told to fail", close)

    async def happen(self, fault: Fault) -> None:
        # Faults are sent at once; what was said before them comes first.
        await self.said()
        if fault.name == "warning":
            self.say(
                {"message": "Warning", "type": fault.argument, "reason": "the emulator was told to warn"}
            )
        elif fault.name == "info":
            self.say(
                {"message": "Info", "type": fault.argument, "reason": "broadcast", "quality": "broadcast"}
            )
        elif fault.name == "large-message":
            self.say({"message": "Info", "type": "recognition_quality", "reason": "x" * (1 << 20)})
        else:
            await super().happen(fault)

    async def _start(self) -> None:
        """Read StartRecognition and answer it."""
        received = await self.socket.receive()
        if isinstance(received, bytes):
            raise Refused("protocol_error", "AddAudio is not allowed before RecognitionStarted")
        message = self._read(received)
        if message.get("message") != "StartRecognition":
            raise Refused("protocol_error", "the first message must be StartRecognition")
        if closing := self.faults.get("close-before-start"):
            await self.socket.close(int(closing.number))
            raise Closed
        if refusal := self.faults.get("refuse"):
            raise Refused(refusal.argument, "the emulator was told to refuse the session")
        temporary = self.emulator.temporary_key(credential(self.socket.request))
        if temporary is not None and temporary.type != "rt":
            raise Refused("not_authorised", "Not Authorized")
        self._config = read_start(message, _path_language(self.socket.request.path))
        if len(self.emulator.open_sessions) >= self.emulator.quota:
            raise Refused("quota_exceeded", QUOTA_REASON)
        self.emulator.open_sessions.add(self)
        self._open_channels = set(self._config.channels)
        faults = frozenset(name for name in TRANSCRIPT_FAULTS if name in self.faults)
        for name in self._config.channels or (None,):
            recogniser = Recogniser(self.scene, self._config, faults, name)
            self._channels[name] = AudioChannel(self.scene, recogniser, self._config.audio)
        self.socket.bytes_per_second = self._config.audio.bytes_per_second
        self.say(self._usage(), INFO_AFTER)
        for warning in self._early_warnings():
            self.say(warning)
        await self.said()
        await self.may_start()
        self.say(self._started(), STARTED_AFTER_INFO)
        await self.said()
        self._last_audio = self.clock.now()
        await self.audio_reached(0)

    def _usage(self) -> Message:
        usage, quota = len(self.emulator.open_sessions), self.emulator.quota
        return {
            "message": "Info",
            "type": "concurrent_session_usage",
            "reason": f"{usage} concurrent sessions active out of quota {quota}",
            "usage": usage,
            "quota": quota,
            "last_updated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def _early_warnings(self) -> list[Message]:
        found: list[tuple[str, str]] = []
        if dropped := self._config.dropped_vocabulary:
            found.append(("validation_warning", f"{len(dropped)} additional_vocab entries are too long"))
        if self._config.target_languages == ():
            found.append(
                ("empty_translation_target_list", "No supported translation target languages specified")
            )
        if warning := self.faults.get("early-warning"):
            found.append((warning.argument, "the emulator was told to warn"))
        return [{"message": "Warning", "type": type, "reason": reason} for type, reason in found]

    def _started(self) -> Message:
        message: Message = {
            "message": "RecognitionStarted",
            "orchestrator_version": "2026.01.0+emulator",
            "id": str(uuid.uuid4()),
            "language_pack_info": dict(sorted(language_pack_info(self._config.language).items())),
        }
        if self._config.channels:
            # The schema says channel_ids, the documentation's page channels.
            message["channel_ids"] = message["channels"] = list(self._config.channels)
        return message

    def _take(self, received: str | bytes) -> None:
        """Put one message of the client into the queue, which is read at the pace of recognition."""
        item = self._read(received) if isinstance(received, str) else received
        name = "AddAudio" if isinstance(item, bytes) else item.get("message")
        if name == "StartRecognition":
            raise Refused("protocol_error", "StartRecognition is allowed once")
        if name == "AddAudio" and (self._config.channels or isinstance(item, dict)):
            raise Refused("protocol_error", "AddAudio is a binary message, in a session of one channel")
        if not isinstance(name, str) or (name != "AddAudio" and name not in self._HANDLERS):
            raise Refused("invalid_message", f"the message {str(name)[:40]!r} is not known")
        if name in ("AddAudio", "AddChannelAudio"):
            self._last_audio = self.clock.now()
            if self._ended:
                self._warn_of_late_audio()
                return
        self._ended = self._ended or name == "EndOfStream"
        self._queue.put_nowait(item)

    def _warn_of_late_audio(self) -> None:
        # EndOfTranscript, which comes when no channel is left, is the last message.
        if self._channels:
            reason = "audio was added after EndOfStream; it is ignored"
            self.say({"message": "Warning", "type": "add_audio_after_eos", "reason": reason})

    def _read(self, received: str) -> Message:
        try:
            message = loads(received)
            # The legacy SDK encodes SetRecognitionConfig twice in sessions of several channels.
            message = loads(message) if isinstance(message, str) else message
        except NotJSON as error:
            raise Refused("invalid_message", "the message is not JSON") from error
        if not isinstance(message, dict):
            raise Refused("invalid_message", "the message is not an object")
        return message

    async def _consume(self) -> None:
        """Recognise what is in the queue until the stream ends."""
        try:
            while self._channels:
                item = await self._queue.get()
                if isinstance(item, bytes):
                    await self._add_audio(None, item)
                else:
                    await self._HANDLERS[item["message"]](self, item)
            await self._finish()
        except Refused as refusal:
            await self._fail(refusal.type, refusal.reason)

    async def _add_audio(self, name: str | None, data: bytes) -> None:
        channel = self._channels[name]
        channel.count += 1
        for samples in channel.samples(data):
            channel.free_at = max(channel.free_at, self.clock.now())
            channel.free_at += channel.duration(samples) / CONSUMPTION_RATE
            await self.clock.sleep(channel.free_at - self.clock.now())
            self._transcribe(channel.hear(samples))
            if channel.seconds >= self._forced_at.get(name, float("inf")):
                self._transcribe(channel.recogniser.force(self._forced_at.pop(name)))
            await self.audio_reached(channel.seconds)
        if "missing-acks" not in self.faults:
            for _ in range(2 if "surplus-acks" in self.faults else 1):
                self._acknowledge(_acknowledgement(name, channel.count))

    def _acknowledge(self, message: Message) -> None:
        delayed = self.faults.get("delayed-acks")
        if delayed is None:
            self.say(message)
        else:
            self._late.append(self.spawn(self._send_late(message, delayed.number)))

    async def _send_late(self, message: Message, delay: float) -> None:
        """Send a message that other ones may overtake."""
        await self.clock.sleep(delay)
        await self.socket.send(message)

    async def _add_channel_audio(self, message: Message) -> None:
        name = self._channel_of(message)
        try:
            data = base64.b64decode(message.get("data", ""), validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise Refused("invalid_message", "data is not base64") from error
        await self._add_audio(name, data)

    def _channel_of(self, message: Message) -> str:
        name = message.get("channel")
        if not isinstance(name, str) or name not in self._open_channels:
            raise Refused("protocol_error", f"the channel {str(name)[:40]!r} is not open")
        return name

    async def _end_channel(self, message: Message) -> None:
        name = self._channel_of(message)
        self._open_channels.discard(name)
        if not self._open_channels:
            self._ended = True
            await self._end_stream(message)

    async def _end_stream(self, message: Message) -> None:
        """Say what is left. last_seq_no is ignored: clients count in several ways."""
        if closing := self.faults.get("close-after-end"):
            await self.said()
            await self.socket.close(int(closing.number))
            raise Closed
        await self.clock.sleep(FINISHED_AFTER)
        for channel in self._channels.values():
            self._transcribe(channel.finish())
        if self._speakers_wanted or self._config.final_speakers:
            self.say(self._speakers())
        self._channels = {}

    async def _force(self, message: Message) -> None:
        name = self._channel_of(message) if self._config.channels else None
        channel = self._channels[name]
        moment = message.get("timestamp", channel.seconds)
        if isinstance(moment, bool) or not isinstance(moment, (int, float)) or moment < 0:
            raise Refused("invalid_message", "timestamp is a number of seconds")
        if moment > channel.seconds:
            self._forced_at[name] = float(moment)
        else:
            self._transcribe(channel.recogniser.force(moment))

    async def _configure(self, message: Message) -> None:
        self._config = read_change(message, self._config)
        for channel in self._channels.values():
            channel.recogniser.config = self._config

    async def _get_speakers(self, message: Message) -> None:
        if message.get("final"):
            self._speakers_wanted = True
        else:
            self.say(self._speakers())

    def _speakers(self) -> Message:
        labels = {
            label for channel in self._channels.values() for label in channel.recogniser.speakers.values()
        }
        known = sorted(labels) if self._config.speakers else []
        return {
            "message": "SpeakersResult",
            "speakers": [
                {"label": label, "speaker_identifiers": [_speaker_identifier(self.scene, label)]}
                for label in known
            ],
        }

    # By name of the message, for all that a running session takes.
    _HANDLERS: ClassVar[Mapping[str, Any]] = {
        "AddChannelAudio": _add_channel_audio,
        "EndOfChannel": _end_channel,
        "EndOfStream": _end_stream,
        "ForceEndOfUtterance": _force,
        "GetSpeakers": _get_speakers,
        "SetRecognitionConfig": _configure,
    }

    async def _finish(self) -> None:
        if "hang-after-end" in self.faults:
            await asyncio.Event().wait()
        await asyncio.gather(*self._late)
        late = self.faults.get("late-end")
        self.say({"message": "EndOfTranscript"}, late.number if late else 0.0)
        await self.said()
        self.emulator.open_sessions.discard(self)
        await self.clock.sleep(CLOSED_AFTER)
        await self.socket.close(1000)

    async def _fail(self, type: str, reason: str, close: bool = True) -> None:
        self.say({"message": "Error", "type": type, "reason": reason})
        await self.said()
        if close:
            code = SPEECHMATICS_CLOSE_CODES.get(type, 1011)
            await self.socket.close(code, SPEECHMATICS_CLOSE_REASONS.get(code, ""))
            raise Closed

    async def _watch(self, limit: TimeLimit) -> None:
        """End the session at the limit, after its warnings; audio puts the limit of idle sessions off."""
        moments = [*(limit.seconds - 60 * minutes for minutes in limit.warnings), limit.seconds]
        since = self.clock.now()
        passed = 0
        while passed < len(moments):
            if limit is IDLE and self._last_audio > since:
                since, passed = self._last_audio, 0
            wait = since + moments[passed] - self.clock.now()
            if wait > 0:
                await self.clock.sleep(wait)
                continue
            if passed < len(limit.warnings):
                left = limit.warnings[passed]
                reason = limit.warning.format(left=left, passed=round(moments[passed] / 60))
                self.say({"message": "Warning", "type": limit.type, "reason": reason})
            passed += 1
        await self._fail(limit.type, limit.error)

    def _transcribe(self, messages: Iterable[Message]) -> None:
        if not self.muted:
            for message in messages:
                self.say(message)


def credential(request: Request) -> str:
    """The key of a request: the Bearer of its Authorization, or ``jwt``; empty where there is none."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.parameter("jwt") or ""


def _path_language(path: str) -> str | None:
    last = path.rstrip("/").rpartition("/")[2]
    return last if last in LANGUAGES else None


def _acknowledgement(channel: str | None, count: int) -> Message:
    if channel is None:
        return {"message": "AudioAdded", "seq_no": count}
    return {"message": "ChannelAudioAdded", "seq_no": count, "channel": channel}


def _speaker_identifier(scene: Scene, label: str) -> str:
    return base64.b64encode(hashlib.sha256(f"{scene.name}/{label}".encode()).digest()).decode()


def _problem(status: int, error: str, detail: str | None = None) -> Response:
    body: Message = {"code": status, "error": error}
    if detail is not None:
        body["detail"] = detail
    return Response(status, body)
