"""Clients that send what no client should: each gets its answer, the others notice nothing, and nothing piles up."""

from __future__ import annotations

import json
import random
import socket
import struct
import time
from collections.abc import Callable
from importlib.metadata import version as version_of
from typing import Any

import pytest

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MIB = 2**20

pytestmark = pytest.mark.usefixtures("bystander")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b'{"message": "StartRecognition"',
        b"null",
        b"[]",
        b'"StartRecognition"',
        b"\0",
        b"[" * 100_000,
        b'{"message":' * 20_000,
        b'{"message": NaN}',
        b'{"message": ' + b"9" * 100_000 + b"}",
        b'{"message": 3}',
        b'{"message": "Nothing"}',
        b'{"message": "\\ud800"}',
        b'{"message": "' + b"x" * 500_000 + b'"}',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda text: text[:20].decode("ascii", "replace") + f" {len(text)}",
)
def test_what_is_no_message_is_the_error_invalid_message(peer, frame, text: bytes) -> None:
    client = peer().open()
    client.send(frame(TEXT, text))
    answer = client.hear()
    assert (answer.error, answer.code) == ("invalid_message", 1003)
    assert len(answer.messages[0]["reason"]) < 400


def test_audio_before_the_start_is_a_protocol_error(peer, frame) -> None:
    client = peer().open()
    client.send(frame(BINARY, bytes(1000)))
    answer = client.hear()
    assert (answer.error, answer.code) == ("protocol_error", 1003)


FORBIDDEN_FRAMES: dict[str, tuple[Callable[[Any], bytes], set[int]]] = {
    "text that is not UTF-8": (lambda frame: frame(TEXT, b'{"message": "\xff"}'), {1007}),
    "a surrogate in UTF-8": (lambda frame: frame(TEXT, b"\xed\xa0\x80"), {1007}),
    "UTF-8 that ends too early": (
        lambda frame: frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"", fin=True),
        {1007},
    ),
    "without a mask": (lambda frame: frame(TEXT, b"{}", masked=False), {1002}),
    "a reserved bit": (lambda frame: frame(TEXT, b"{}", reserved=4), {1002}),
    "a reserved opcode": (lambda frame: frame(3, b"{}"), {1002}),
    "a reserved control opcode": (lambda frame: frame(11), {1002}),
    "a continuation of nothing": (lambda frame: frame(CONTINUATION, b"{}"), {1002}),
    "a message inside another": (lambda frame: frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), {1002}),
    "a ping that is too long": (lambda frame: frame(PING, bytes(126)), {1002}),
    "a ping in fragments": (lambda frame: frame(PING, fin=False), {1002}),
    "a close of one byte": (lambda frame: frame(CLOSE, b"\3"), {1002}),
    "a close with no code": (lambda frame: frame(CLOSE, struct.pack("!H", 999)), {1002}),
    "a close reason that is not UTF-8": (lambda frame: frame(CLOSE, b"\x03\xe8\xff"), {1002, 1007}),
    "a frame of exabytes": (lambda frame: frame(BINARY, length=2**62), {1009}),
    "a length with its top bit": (lambda frame: frame(BINARY, length=2**63 + 1), {1002, 1009}),
    "a frame above the limit": (lambda frame: frame(BINARY, length=MIB + 1), {1009}),
    "fragments above the limit": (
        lambda frame: (
            frame(BINARY, bytes(MIB // 2), fin=False) + 2 * frame(CONTINUATION, bytes(MIB // 2), fin=False)
        ),
        {1009},
    ),
    "fragments without end": (
        lambda frame: frame(BINARY, fin=False) + 100_000 * frame(CONTINUATION, fin=False),
        {1002, 1008, 1009},
    ),
}


@pytest.mark.parametrize("name", FORBIDDEN_FRAMES)
def test_a_frame_that_websockets_forbids_closes_with_its_code(peer, frame, name: str) -> None:
    if name == "fragments without end" and version_of("websockets").startswith(("15.", "16.")):
        pytest.skip("websockets counts fragments from version 17 on; it needs Python 3.11")
    build, codes = FORBIDDEN_FRAMES[name]
    client = peer().open()
    client.send(build(frame))
    assert client.hear().code in codes


def test_control_frames_between_fragments_are_answered_and_change_nothing(
    peer, frame, start: bytes, end: bytes
) -> None:
    client = peer().open()
    text = start[start.index(b"{") :]
    for piece in (
        frame(TEXT, text[:1], fin=False),
        *(frame(CONTINUATION, bytes([b]), fin=False) for b in text[1:]),
    ):
        client.send(piece + frame(PING, b"?") + frame(PONG, b"unasked"))
    client.send(frame(CONTINUATION))
    assert client.hear("RecognitionStarted", "Error").messages[-1]["message"] == "RecognitionStarted"
    client.send(end)
    assert client.hear("EndOfTranscript", "Error").messages[-1]["message"] == "EndOfTranscript"


REQUESTS: dict[str, tuple[bytes, set[int | None]]] = {
    "bytes": (bytes(range(256)) * 40, {400, None}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n" + bytes(500), {400, None}),
    "a line without end": (b"GET /" + b"x" * 100_000, {400, 414, 431, None}),
    "a header without end": (b"GET /v2 HTTP/1.1\r\nHost: " + b"x" * 100_000, {400, 431, None}),
    "a thousand headers": (
        b"GET /v2 HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(1000)),
        {400, 431, None},
    ),
    "a header without a colon": (b"GET /v2 HTTP/1.1\r\nnonsense\r\n\r\n", {400, None}),
    "no upgrade": (b"GET /v2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {426}),
    "another method": (b"PUT /v2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400, 405, 501, None}),
    "HTTP/0.9": (b"GET /v2\r\n\r\n", {400, None}),
    "a path that is no address": (b"GET //[x HTTP/1.1\r\nHost: [\r\n\r\n", {426}),
    "a POST to no address": (b"POST //[x HTTP/1.1\r\n\r\n", {404}),
    "a POST of nothing": (b"POST \r\n\r\n", {404}),
    "a POST of bytes": (b"POST \xff\xfe\xed HTTP/1.1\r\n\r\n", {404}),
    "a POST whose length is no number": (b"POST /v1/x HTTP/1.1\r\nContent-Length: minus\r\n\r\n", {404}),
    "a POST of a length with 6000 digits": (
        b"POST /v1/x HTTP/1.1\r\nContent-Length: " + b"9" * 6000 + b"\r\n\r\n" + bytes(100_000),
        {None},
    ),
    "a POST without end": (
        b"POST /v1/api_keys HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000),
        {None},
    ),
    "a POST whose headers do not end": (b"POST /v1/api_keys HTTP/1.1\r\nX: " + b"x" * 100_000, {None}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_that_is_none_is_refused_or_cut(peer, name: str) -> None:
    request, statuses = REQUESTS[name]
    client = peer()
    client.send(request)
    assert client.status() in statuses
    assert client.is_cut()


def nonsense(chance: random.Random, depth: int = 0) -> Any:
    """Any JSON value, biased towards what a check may forget."""
    kind = chance.randrange(9 if depth < 3 else 7)
    if kind == 7:
        return [nonsense(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 8:
        return {chance.choice(KEYS): nonsense(chance, depth + 1) for _ in range(chance.randrange(4))}
    choices = [None, True, -1, 1e308, "\0\ud800é" * chance.randrange(3), chance.choice(KEYS), 2**63]
    return choices[kind]


KEYS = [
    *("language", "audio_format", "type", "encoding", "sample_rate", "transcription_config", "diarization"),
    *("max_delay", "max_delay_mode", "additional_vocab", "content", "sounds_like", "conversation_config"),
    *("end_of_utterance_silence_trigger", "speaker_diarization_config", "max_speakers", "channel", "data"),
    *("enable_partials", "punctuation_overrides", "translation_config", "channel_diarization_labels"),
]


@pytest.mark.parametrize("seed", range(40))
def test_a_configuration_of_nonsense_starts_a_session_or_is_an_error(peer, frame, seed: int) -> None:
    chance = random.Random(seed)
    message = {
        "message": "StartRecognition",
        "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
        "transcription_config": {"language": "en"},
    }
    for _ in range(3):
        chance.choice([message, message["transcription_config"], message["audio_format"]])[
            chance.choice(KEYS)
        ] = nonsense(chance)
        if not all(isinstance(message[key], dict) for key in ("transcription_config", "audio_format")):
            break
    client = peer().open()
    client.send(frame(TEXT, json.dumps(message).encode()))
    answer = client.hear("RecognitionStarted", "Error")
    assert answer.error != "unknown_error"
    assert answer.messages[-1]["message"] in ("RecognitionStarted", "Error")


def test_random_frames_in_an_open_session_harm_nobody(gateway, peer, frame, start: bytes) -> None:
    chance = random.Random(7)
    names = [
        "AddChannelAudio",
        "EndOfChannel",
        "SetRecognitionConfig",
        "ForceEndOfUtterance",
        "GetSpeakers",
        "Ping",
    ]
    for _ in range(60):
        client = peer().open()
        client.send(start)
        for _ in range(chance.randrange(1, 20)):
            body = {"message": chance.choice(names), chance.choice(KEYS): nonsense(chance)}
            client.send(
                chance.choice(
                    [
                        frame(TEXT, json.dumps(body).encode()),
                        frame(BINARY, chance.randbytes(chance.randrange(5000))),
                        frame(
                            chance.randrange(16),
                            chance.randbytes(chance.randrange(200)),
                            fin=chance.random() < 0.8,
                        ),
                        chance.randbytes(chance.randrange(1, 50)) if chance.random() < 0.1 else frame(PING),
                    ]
                )
            )
        client.close()
    assert gateway.sessions >= 1


def test_a_thousand_connections_leave_nothing_behind(gateway, peer, start: bytes) -> None:
    peer().open().close()
    memory, descriptors = gateway.memory, gateway.descriptors
    for round_ in range(20):
        clients = [peer() for _ in range(50)]
        for number, client in enumerate(clients):
            match (number + round_) % 5:
                case 0:
                    client.open()
                case 1:
                    client.send(b"GET /v2 HTTP/1.1\r\nHost: ")
                case 2:
                    client.send(b"POST /v1/api_keys HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
                case 3:
                    client.open().send(start)
        for number, client in enumerate(clients):
            if number % 2:  # a reset instead of a proper end
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
    deadline = time.monotonic() + 60
    while (gateway.sessions > 1 or gateway.descriptors > descriptors + 20) and time.monotonic() < deadline:
        pass  # each look is a request, which takes its time
    assert gateway.sessions == 1
    assert gateway.descriptors <= descriptors + 20
    assert gateway.memory < memory + 60 * MIB


def test_a_megabyte_of_audio_a_thousand_times_over_stays_on_the_disk(
    gateway, peer, frame, start: bytes
) -> None:
    client = peer().open()
    client.send(start)
    client.hear("RecognitionStarted")
    memory = gateway.memory
    for _ in range(100):
        client.send(frame(BINARY, bytes(MIB)))
    client.send(frame(PING, b"all came"))
    assert gateway.sessions == 2
    assert gateway.memory < memory + 60 * MIB
