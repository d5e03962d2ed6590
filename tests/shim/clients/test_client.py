"""The old callbacks, on AssemblyAI: a real session server and the AssemblyAI emulator behind the client."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import threading
import time

import pytest
import websockets.sync.server
from websockets.exceptions import ConnectionClosedOK, InvalidStatus

from shim.protocol.pace import BURST_SECONDS
from shim.speechmatics import (
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    ForceEndSession,
    ServerMessageType,
    TranscriptionConfig,
    TranscriptionError,
    WebsocketClient,
)

LEGACY_KEY = "speechmatics-key-of-the-tests"
RAW = AudioSettings(encoding="pcm_s16le", sample_rate=16000, chunk_size=3200)
ENGLISH = TranscriptionConfig("en", enable_partials=True)


@pytest.fixture
def client():
    client = WebsocketClient(
        ConnectionSettings("wss://eu2.rt.speechmatics.com/v2", auth_token=LEGACY_KEY, ssl_context=None)
    )
    client.heard = []
    client.add_event_handler("all", client.heard.append)
    return client


@pytest.fixture
def samples(one_sentence):
    """16 kHz 16-bit mono."""
    return one_sentence.sound.read_bytes()[44:]


def finals(messages):
    """The transcript that the finals join to."""
    texts = (m["metadata"]["transcript"] for m in messages if m["message"] == "AddTranscript")
    return " ".join("".join(texts).split())


def kinds(messages):
    return [message["message"] for message in messages]


class TestASession:
    def test_raw_sound_is_transcribed_from_first_to_last_word(
        self, assemblyai, client, samples, one_sentence
    ):
        assemblyai()
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert finals(client.heard) == one_sentence.text
        assert kinds(client.heard)[-1] == "EndOfTranscript"
        assert "AddPartialTranscript" in kinds(client.heard)
        assert not client.session_running

    def test_each_chunk_gets_one_acknowledgement(self, assemblyai, client, samples):
        assemblyai()
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        acknowledged = [m["seq_no"] for m in client.heard if m["message"] == "AudioAdded"]
        assert acknowledged == list(range(1, -(-len(samples) // 3200) + 1))

    def test_never_more_chunks_are_under_way_than_the_buffer_holds(self, assemblyai, client, samples):
        assemblyai()
        client.connection_settings.message_buffer_size = 3
        under_way, most = 0, 0

        def sent(audio, is_binary):
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)

        def acknowledged(message):
            nonlocal under_way
            under_way -= 1

        client.add_middleware("AddAudio", sent)
        client.add_event_handler("AudioAdded", acknowledged)
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert most == 3

    def test_audio_goes_no_faster_than_the_clock(self, assemblyai, client, samples):
        emulator = assemblyai()
        client.connection_settings.message_buffer_size = 1
        client.run_synchronously(io.BytesIO(samples * 3), ENGLISH, RAW, timeout=60)
        audio = [frame for frame in emulator.journal.frames("received") if frame.audio_bytes]
        seconds = sum(frame.audio_seconds for frame in audio)
        assert audio[-1].time - audio[0].time > seconds - BURST_SECONDS - 0.5

    def test_an_asynchronous_stream_is_awaited(self, assemblyai, client, samples, one_sentence):
        assemblyai()
        stream = io.BytesIO(samples)

        class Asynchronous:
            async def read(self, size):
                await asyncio.sleep(0)
                return stream.read(size)

        client.run_synchronously(Asynchronous(), ENGLISH, RAW, timeout=60)
        assert finals(client.heard) == one_sentence.text

    def test_an_empty_stream_ends_in_end_of_transcript(self, assemblyai, client):
        assemblyai()
        client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert kinds(client.heard)[-1] == "EndOfTranscript"
        assert finals(client.heard) == ""

    def test_a_client_runs_again_after_a_session(self, assemblyai, client, samples, one_sentence):
        assemblyai()
        for _ in range(2):
            client.heard.clear()
            client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
            assert finals(client.heard) == one_sentence.text

    def test_stop_ends_the_stream_and_waits_for_the_rest(self, assemblyai, client, samples):
        emulator = assemblyai()

        class Endless:
            reads = 0

            def read(self, size):
                self.reads += 1
                if self.reads == 5:
                    client.stop()
                return samples[:size]

        stream = Endless()
        client.run_synchronously(stream, ENGLISH, RAW, timeout=60)
        assert stream.reads == 5
        assert kinds(client.heard).count("AudioAdded") == 5
        assert kinds(client.heard)[-1] == "EndOfTranscript"
        assert {"type": "Terminate"} in emulator.journal.messages("received")

    def test_the_legacy_key_goes_nowhere(self, assemblyai, client, samples):
        emulator = assemblyai()
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        (connection,) = emulator.journal.connections
        assert LEGACY_KEY not in str(connection.headers) + str(connection.query)
        assert LEGACY_KEY not in repr(client.connection_settings)

    def test_a_proxy_of_the_environment_does_not_come_in_between(self, assemblyai, client, monkeypatch):
        assemblyai()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "nobody.invalid")
        client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert kinds(client.heard)[-1] == "EndOfTranscript"

    def test_with_a_token_alone_it_goes_where_the_sdk_goes(self, assemblyai, samples, one_sentence):
        assemblyai()
        client, heard = WebsocketClient(LEGACY_KEY), []
        client.add_event_handler(ServerMessageType.AddTranscript, heard.append)
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert finals(heard) == one_sentence.text


class TestHandlers:
    def test_an_unknown_event_is_refused_in_the_words_of_the_sdk(self, client):
        with pytest.raises(ValueError, match="Unknown event name") as raised:
            client.add_event_handler("Nope", print)
        assert str(raised.value) == (
            f"Unknown event name: 'Nope', expected to be 'all' or one of {list(ServerMessageType)}."
        )
        assert "[<ServerMessageType.RecognitionStarted: 'RecognitionStarted'>, " in str(raised.value)

    def test_each_gets_a_copy_of_its_own_in_the_order_of_addition(self, assemblyai, client, samples):
        assemblyai()
        seen = []

        def spoil(message):
            seen.append("first")
            message["metadata"]["transcript"] = "spoilt"

        client.add_event_handler("AddTranscript", spoil)
        client.add_event_handler(
            ServerMessageType.AddTranscript, lambda message: seen.append(finals([message]))
        )
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert seen[0] == "first"
        assert seen[1] not in ("first", "spoilt", "")

    def test_what_a_handler_raises_comes_out_of_the_run(self, assemblyai, client, samples):
        assemblyai()

        def fail(message):
            raise IndexError("of the program")

        client.add_event_handler("AudioAdded", fail)
        with pytest.raises(IndexError, match="of the program"):
            client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)

    def test_force_end_session_ends_it_quietly_and_leaves_no_session_open(self, assemblyai, client, samples):
        emulator = assemblyai()

        def leave(message):
            raise ForceEndSession

        client.add_event_handler("AudioAdded", leave)
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert "EndOfTranscript" not in kinds(client.heard)
        emulator.journal.wait_for(lambda journal: journal.closes())

    def test_a_handler_runs_before_the_client_acts_on_the_message(self, assemblyai, client):
        assemblyai()
        known = []
        for kind in ("RecognitionStarted", "EndOfTranscript"):
            client.add_event_handler(kind, lambda message: known.append(client.get_language_pack_info()))
        client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert known[0] is None
        assert known[1]["word_delimiter"] == " "
        assert client.get_language_pack_info() == known[1]


class TestFailures:
    def test_an_error_is_handled_and_then_raised_with_its_reason(self, assemblyai, client, samples):
        assemblyai("error:3005@0.5")
        with pytest.raises(TranscriptionError) as raised:
            client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert client.heard[-1]["message"] == "Error"
        assert raised.value.args == (client.heard[-1]["reason"],)

    def test_a_warning_is_logged(self, assemblyai, client, caplog):
        assemblyai()
        config = TranscriptionConfig("en", audio_events_config={"types": ["music"]})
        with caplog.at_level(logging.WARNING, "speechmatics.client"):
            client.run_synchronously(io.BytesIO(b""), config, RAW, timeout=60)
        reasons = [m["reason"] for m in client.heard if m["message"] == "Warning"]
        assert reasons
        assert [r.getMessage() for r in caplog.records if r.name == "speechmatics.client"] == reasons

    def test_without_a_key_the_connection_is_refused(self, assemblyai, client):
        assemblyai(api_key=None)
        with pytest.raises(InvalidStatus, match="HTTP 401"):
            client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)

    def test_a_session_that_takes_too_long_is_ended(self, assemblyai, client, samples):
        assemblyai()

        class Endless:
            def read(self, size):
                return b"\0" * size

        with pytest.raises(asyncio.TimeoutError):
            client.run_synchronously(Endless(), ENGLISH, RAW, timeout=0.5)


class Other:
    """A server of somebody else, which says what the test tells it to, and more after the first audio."""

    def __init__(self, *replies, after_audio=(), listens_on=False):
        self.replies, self.after_audio, self.listens_on = replies, after_audio, listens_on
        self.received, self.requests = [], []

    def __enter__(self):
        def converse(connection):
            self.requests.append(connection.request)
            self.received.append(json.loads(connection.recv()))
            for reply in self.replies:
                connection.send(json.dumps(reply))
            if self.after_audio:
                connection.recv()
            for reply in self.after_audio:
                connection.send(json.dumps(reply))
            if self.listens_on:
                self.received.extend(connection)

        self.server = websockets.sync.server.serve(converse, "127.0.0.1", 0)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.server.shutdown()
        self.thread.join(30)

    @property
    def settings(self):
        port = self.server.socket.getsockname()[1]
        return ConnectionSettings(f"ws://127.0.0.1:{port}/v2?a=b", auth_token=LEGACY_KEY, ssl_context=None)


class TestAnotherHost:
    def test_it_is_connected_to_as_the_sdk_does(self):
        with Other({"message": "NotInTheSdk"}, {"message": "EndOfTranscript"}) as other:
            WebsocketClient(other.settings).run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert other.requests[0].path == "/v2/en?a=b&sm-sdk=python-5.0.0.post1"
        assert other.requests[0].headers["Authorization"] == f"Bearer {LEGACY_KEY}"
        assert other.received == [
            {
                "message": "StartRecognition",
                "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
                "transcription_config": {"language": "en", "enable_partials": True},
            }
        ]

    def test_a_normal_close_before_the_start_is_no_success(self):
        with Other() as other, pytest.raises(ConnectionClosedOK):
            WebsocketClient(other.settings).run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)

    def test_an_acknowledgement_that_does_not_come_is_a_timeout(self):
        with Other({"message": "RecognitionStarted"}, listens_on=True) as other:
            settings = dataclasses.replace(
                other.settings, message_buffer_size=1, semaphore_timeout_seconds=0.1
            )
            with pytest.raises(asyncio.TimeoutError):
                WebsocketClient(settings).run_synchronously(
                    io.BytesIO(b"12" * 9999), ENGLISH, RAW, timeout=60
                )

    def test_a_sender_that_waits_for_an_acknowledgement_does_not_delay_the_end(self):
        class Endless:
            def read(self, size):
                return bytes(size)

        end = [{"message": "AudioAdded"}, {"message": "EndOfTranscript"}]
        with Other({"message": "RecognitionStarted"}, after_audio=end, listens_on=True) as other:
            settings = dataclasses.replace(
                other.settings, message_buffer_size=1, semaphore_timeout_seconds=30
            )
            began = time.monotonic()
            WebsocketClient(settings).run_synchronously(Endless(), ENGLISH, RAW, timeout=60)
            assert time.monotonic() - began < 20

    def test_messages_that_nobody_wants_any_more_do_not_delay_the_end(self):
        flood = [{"message": "RecognitionStarted"}] + [{"message": "Info", "reason": "x"}] * 500
        with Other(*flood, listens_on=True) as other:
            client = WebsocketClient(other.settings)

            def leave(message):
                raise ForceEndSession

            client.add_event_handler("RecognitionStarted", leave)
            # A close that nobody answers takes ten seconds.
            began = time.monotonic()
            client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
            assert time.monotonic() - began < 8


def test_message_types_equal_their_names():
    assert ServerMessageType.AddTranscript == "AddTranscript"
    assert json.dumps(ClientMessageType.EndOfStream) == '"EndOfStream"'
