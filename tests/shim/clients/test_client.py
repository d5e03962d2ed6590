"""The old callbacks, on AssemblyAI: a real session server and the AssemblyAI emulator behind the client."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import logging
import sys
import threading
import time

import httpx
import pytest
import websockets.sync.server
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

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
def client_of_other():
    """Makes a client of a server of somebody else."""
    return lambda other: WebsocketClient(other.settings)


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


class Taken:
    """An asynchronous stream that, at its end, waits until all of it was taken at its pace."""

    def __init__(self, client, samples, at_the_end):
        self.stream, self.at_the_end = io.BytesIO(samples + bytes(32000)), at_the_end
        self.taken = asyncio.Event()
        self.chunks = -(-len(self.stream.getvalue()) // RAW.chunk_size)
        client.add_event_handler("AudioAdded", self.acknowledged)

    def acknowledged(self, message):
        if message["seq_no"] == self.chunks:
            self.taken.set()

    async def read(self, size):
        chunk = self.stream.read(size)
        if not chunk:
            await self.taken.wait()
            await self.at_the_end()
        return chunk


class TestASessionThatIsCutShort:
    def test_what_was_sent_before_the_stream_failed_is_still_heard(
        self, assemblyai, client, samples, one_sentence
    ):
        emulator = assemblyai(speed=2)

        async def fail():
            raise OSError("the microphone is gone")

        with pytest.raises(OSError, match="the microphone is gone"):
            client.run_synchronously(Taken(client, samples, fail), ENGLISH, RAW, timeout=60)
        assert finals(client.heard) == one_sentence.text
        assert {"type": "Terminate"} in emulator.journal.messages("received")

    def test_a_cancelled_session_is_ended_properly(self, assemblyai, client, samples):
        emulator = assemblyai()

        async def session():
            async def cancel():
                running.cancel()
                await asyncio.Event().wait()

            running = asyncio.create_task(client.run(Taken(client, samples, cancel), ENGLISH, RAW))
            await running

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(session())
        assert {"type": "Terminate"} in emulator.journal.messages("received")
        assert not client.session_running

    def test_a_read_that_waits_for_ever_holds_up_nothing(self, assemblyai, client):
        assemblyai()

        class Waiting:
            def read(self, size):
                threading.Event().wait()

        began = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            client.run_synchronously(Waiting(), ENGLISH, RAW, timeout=0.1)
        assert time.monotonic() - began < 20


class TestTheKey:
    def test_a_refused_one_is_the_http_error_that_a_temporary_key_would_give(self, assemblyai, samples):
        assemblyai(api_key="another-key")
        client, heard = WebsocketClient(LEGACY_KEY), []
        client.add_event_handler("all", heard.append)
        with pytest.raises(httpx.HTTPStatusError, match="AssemblyAI") as raised:
            client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert raised.value.response.status_code == 401
        assert raised.value.request.url.host == "mp.speechmatics.com"
        assert "Error" not in kinds(heard)

    def test_without_httpx_the_error_looks_the_same(self, assemblyai, monkeypatch):
        assemblyai(api_key=None)
        monkeypatch.setitem(sys.modules, "httpx", None)
        with pytest.raises(Exception, match="ASSEMBLYAI_API_KEY") as raised:
            WebsocketClient(LEGACY_KEY).run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert type(raised.value).__name__ == "HTTPStatusError"
        assert raised.value.response.status_code == 401
        assert raised.value.request.method == "POST"

    def test_a_refused_one_refuses_the_connection_where_no_temporary_key_is_asked_for(
        self, assemblyai, client, samples, caplog
    ):
        assemblyai(api_key="another-key")
        with pytest.raises(InvalidStatus, match="HTTP 401"):
            client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert "AssemblyAI does not accept the key" in caplog.text
        assert "another-key" not in caplog.text

    def test_the_legacy_key_is_not_needed(self, assemblyai, samples, one_sentence, monkeypatch):
        assemblyai()
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", "a key")
        client, heard = WebsocketClient(None), []
        client.add_event_handler("AddTranscript", heard.append)
        client.run_synchronously(io.BytesIO(samples), ENGLISH, RAW, timeout=60)
        assert finals(heard) == one_sentence.text

    def test_without_any_key_the_sdk_says_so_in_its_words(self, monkeypatch):
        monkeypatch.delenv("ASSEMBLYAI_API_KEY", raising=False)
        with pytest.raises(ValueError, match=r"No acces token provided or set in .*config"):
            WebsocketClient()


class TestWhatIsSent:
    def test_middlewares_see_every_message_in_order_and_may_change_it(self, client_of_other):
        acks = {"AddAudio": [{"message": "AudioAdded"}]}
        with Other({"message": "RecognitionStarted"}, answers=acks) as other:
            client, seen = client_of_other(other), []

            def change(message, is_binary):
                seen.append((message if is_binary else message["message"], is_binary))
                if not is_binary and message["message"] == "StartRecognition":
                    message["transcription_config"]["added"] = 1

            def leave(message, is_binary):
                raise ForceEndSession

            client.add_middleware("all", change)
            client.add_middleware(ClientMessageType.EndOfStream, leave)
            client.run_synchronously(io.BytesIO(b"12"), ENGLISH, RAW, timeout=60)
        assert seen == [("StartRecognition", False), (b"12", True), ("EndOfStream", False)]
        assert other.received[0]["transcription_config"]["added"] == 1
        assert other.received[1:] == [b"12"]

    def test_a_middleware_that_leaves_at_the_start_sends_nothing(self, client_of_other):
        with Other(listens_on=True) as other:
            client = client_of_other(other)

            def leave(message, is_binary):
                raise ForceEndSession

            client.add_middleware("StartRecognition", leave)
            client.run_synchronously(io.BytesIO(b"12"), ENGLISH, RAW, timeout=60)
        assert other.received == []

    def test_an_unknown_middleware_is_refused_in_the_words_of_the_sdk(self, client):
        with pytest.raises(ValueError, match="Unknown event name") as raised:
            client.add_middleware("Nope", print)
        assert str(raised.value) == (
            f"Unknown event name: Nope, expected to be 'all'or one of {list(ClientMessageType)}."
        )

    def test_a_new_configuration_goes_before_the_next_audio(self, client_of_other):
        acks = [{"message": "AudioAdded"}, {"message": "AudioAdded"}, {"message": "EndOfTranscript"}]
        with Other({"message": "RecognitionStarted"}, answers={"EndOfStream": acks}) as other:
            client = client_of_other(other)
            chunks = [b"1", b"2", b""]

            class Stream:
                def read(self, size):
                    if len(chunks) == 2:
                        client.update_transcription_config(TranscriptionConfig("en", max_delay=3))
                    return chunks.pop(0)

            client.run_synchronously(Stream(), ENGLISH, RAW, timeout=60)
        changed = {
            "message": "SetRecognitionConfig",
            "transcription_config": {"language": "en", "max_delay": 3},
        }
        assert other.received[1:] == [b"1", changed, b"2", {"message": "EndOfStream", "last_seq_no": 2}]

    def test_a_message_of_ones_own_is_sent_while_a_session_runs(self, client_of_other):
        end = {"GetSpeakers": [{"message": "EndOfTranscript"}]}
        with Other({"message": "RecognitionStarted"}, answers=end) as other:
            client = client_of_other(other)

            class Stream:
                async def read(self, size):
                    await client.send_message("GetSpeakers", {"final": True})
                    await asyncio.Event().wait()

            client.run_synchronously(Stream(), ENGLISH, RAW, timeout=60)
        assert other.received[1:] == [{"message": "GetSpeakers", "final": True}]
        with pytest.raises(
            RuntimeError, match=r"Recognition session not running\. Cannot send the message\."
        ):
            asyncio.run(client.send_message("GetSpeakers"))

    def test_both_orders_of_stream_and_configuration_are_understood(self, client_of_other):
        for swapped in (False, True):
            end = {"EndOfStream": [{"message": "EndOfTranscript"}]}
            with Other({"message": "RecognitionStarted"}, answers=end) as other:
                order = [io.BytesIO(b""), ENGLISH][:: -1 if swapped else 1]
                client_of_other(other).run_synchronously(*order, RAW, timeout=60)
            assert other.received[0]["transcription_config"] == ENGLISH.as_config()
            assert other.received[1:] == [{"message": "EndOfStream", "last_seq_no": 0}]

    def test_channels_are_sent_each_to_its_own_end(self, client_of_other, tmp_path):
        (tmp_path / "left.raw").write_bytes(b"12")
        answers = {
            "AddChannelAudio": [{"message": "ChannelAudioAdded"}],
            "EndOfChannel": [{"message": "Info"}],
        }
        with Other({"message": "RecognitionStarted"}, answers=answers) as other:
            client = client_of_other(other)
            ended = []

            def end(message):
                ended.append(message)
                if len(ended) == 2:
                    raise ForceEndSession

            client.add_event_handler("Info", end)
            streams = {"left": str(tmp_path / "left.raw"), "right": io.BytesIO(b"34")}
            client.run_synchronously(streams, ENGLISH, RAW, timeout=60)
        of = {name: [m for m in other.received[1:] if m["channel"] == name] for name in streams}
        assert of["left"] == [
            {"message": "AddChannelAudio", "channel": "left", "data": "MTI="},
            {"message": "EndOfChannel", "channel": "left", "last_seq_no": 1},
        ]
        assert [m["message"] for m in of["right"]] == ["AddChannelAudio", "EndOfChannel"]
        assert client.seq_no == {"left": 1, "right": 1}

    def test_the_callers_headers_are_sent_and_left_alone(self, client_of_other):
        headers = {"X-Mine": "1"}
        with Other({"message": "EndOfTranscript"}) as other:
            client_of_other(other).run_synchronously(
                io.BytesIO(b""), ENGLISH, RAW, from_cli=True, extra_headers=headers, timeout=60
            )
        assert other.requests[0].headers["X-Mine"] == "1"
        assert other.requests[0].path.endswith("sm-sdk=python-cli-5.0.0.post1")
        assert headers == {"X-Mine": "1"}


class TestKeyErrors:
    def test_the_session_goes_on_and_the_others_are_skipped(self, client_of_other, caplog):
        infos = [{"message": "Info"}] * 3
        with Other({"message": "RecognitionStarted"}, *infos, {"message": "EndOfTranscript"}) as other:
            client, after = client_of_other(other), []
            client.add_event_handler("Info", lambda message: message["metadata"])
            client.add_event_handler("Info", after.append)
            client.run_synchronously(io.BytesIO(b""), ENGLISH, RAW, timeout=60)
        assert after == []
        assert caplog.text.count("raised KeyError") == 1


class Other:
    """A server of somebody else, which says what the test tells it to, more after the first audio, and answers to messages."""

    def __init__(self, *replies, after_audio=(), listens_on=False, answers=None):
        self.replies, self.after_audio, self.listens_on = replies, after_audio, listens_on
        self.answers = answers or {}
        self.received, self.requests = [], []

    def __enter__(self):
        def converse(connection):
            self.requests.append(connection.request)
            try:
                self.received.append(json.loads(connection.recv()))
            except ConnectionClosed:
                return
            for reply in self.replies:
                connection.send(json.dumps(reply))
            if self.after_audio:
                connection.recv()
            for reply in self.after_audio:
                connection.send(json.dumps(reply))
            if self.listens_on or self.answers:
                for data in connection:
                    self.received.append(json.loads(data) if isinstance(data, str) else data)
                    kind = self.received[-1]["message"] if isinstance(data, str) else "AddAudio"
                    for reply in self.answers.get(kind, ()):
                        connection.send(json.dumps(reply))

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
