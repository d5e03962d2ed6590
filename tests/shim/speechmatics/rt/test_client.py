"""Sessions on AssemblyAI: what a program gets, whatever it does with its client."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading

import pytest

import shim.speechmatics.rt as rt
from shim.speechmatics.rt import AsyncClient, ServerMessageType, TranscriptionConfig

LEGACY_KEY = "speechmatics-key-of-the-tests"
ENGLISH = TranscriptionConfig("en", enable_partials=True)
TERMINATE = {"type": "Terminate"}
DRAIN_SPEED = 2.0
"""Of the 1.5 s that AssemblyAI has to end a session, a busy machine needs a part too."""


def client(**options):
    return AsyncClient(api_key=LEGACY_KEY, **options)


async def start(one, raw):
    await one.start_session(transcription_config=ENGLISH, audio_format=raw)


async def transcribe(one, source, form, **options):
    await one.transcribe(source, transcription_config=ENGLISH, audio_format=form, **options)


class Silence:
    """Comes as fast as a session takes it that can be drained, and never ends."""

    async def read(self, size):
        await asyncio.sleep(size / 32000 / DRAIN_SPEED)
        return bytes(size)


class Blocked:
    """Gives one chunk and then nothing more, in a thread.

    Attributes:
        released: set at the end of the test.
    """

    def __init__(self):
        self.chunks, self.released = [bytes(3200)], threading.Event()

    def read(self, size):
        if not self.chunks:
            self.released.wait(60)
        return self.chunks.pop() if self.chunks else b""


def sent_by_us(emulator):
    return [frame.json for frame in emulator.journal.frames("received") if frame.text]


class TestASession:
    def test_raw_sound_is_transcribed_from_first_to_last_word(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        emulator = assemblyai()

        async def main():
            async with client() as one:
                heard = listen(one)
                await transcribe(one, io.BytesIO(samples), raw)
                assert heard.kinds[-1] == "EndOfTranscript"
                assert "AddPartialTranscript" in heard.kinds
                assert heard.text == one_sentence.text
                assert one.session_id == heard.named("RecognitionStarted")[0]["id"]
                assert one.audio_bytes_sent == len(samples)
                assert one.audio_seconds_sent == len(samples) / 32000

        asyncio.run(main())
        assert sent_by_us(emulator) == [TERMINATE]

    def test_a_file_is_transcribed_without_a_word_about_its_format(self, assemblyai, listen, one_sentence):
        assemblyai()

        async def main():
            one = client()
            heard = listen(one)
            with one_sentence.sound.open("rb") as file:
                await one.transcribe(file)
            assert heard.text == one_sentence.text

        asyncio.run(main())

    def test_pieces_that_the_program_sends_end_with_stop_session(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        assemblyai()

        async def main():
            one = client()
            heard = listen(one)
            await start(one, raw)
            for position in range(0, len(samples), 1000):
                await one.send_audio(samples[position : position + 1000])
            await one.stop_session()
            assert heard.text == one_sentence.text
            assert heard.kinds[-1] == "EndOfTranscript"
            await one.stop_session()
            await one.close()

        asyncio.run(main())

    def test_a_close_delivers_what_is_owed_and_ends_the_session(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        emulator = assemblyai(speed=DRAIN_SPEED)

        async def main():
            async with client() as one:
                heard = listen(one)
                await start(one, raw)
                await one.send_audio(samples)
                await asyncio.to_thread(emulator.journal.wait_for, heard_all(samples))
            assert heard.text == one_sentence.text
            assert "EndOfTranscript" not in heard.kinds

        asyncio.run(main())
        assert sent_by_us(emulator) == [TERMINATE]

    def test_a_forced_end_of_utterance_comes_at_once(self, assemblyai, listen, samples, raw):
        emulator = assemblyai()

        async def main():
            async with client() as one:
                ended = asyncio.Event()
                one.once(ServerMessageType.END_OF_UTTERANCE, lambda message: ended.set())
                heard = listen(one)
                await start(one, raw)
                await one.send_audio(samples)
                await asyncio.to_thread(emulator.journal.wait_for, heard_all(samples))
                await one.force_end_of_utterance()
                await asyncio.wait_for(ended.wait(), 30)
                assert heard.named("EndOfUtterance")[0]["forced"]

        asyncio.run(main())

    def test_a_source_that_waits_for_its_sound_is_awaited(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        assemblyai()
        stream = io.BytesIO(samples)

        class Asynchronous:
            async def read(self, size):
                await asyncio.sleep(0)
                return stream.read(size)

        class GivesAwaitables:
            def read(self, size):
                return Asynchronous().read(size)

        async def main(source):
            stream.seek(0)
            async with client() as one:
                heard = listen(one)
                await transcribe(one, source, raw)
                assert heard.text == one_sentence.text

        asyncio.run(main(Asynchronous()))
        asyncio.run(main(GivesAwaitables()))

    def test_chunks_are_read_in_the_size_that_was_chosen(self, assemblyai, listen, samples, raw):
        assemblyai()

        class Noting(io.BytesIO):
            sizes = set()  # noqa: RUF012

            def read(self, size):
                self.sizes.add(size)
                return super().read(size)

        async def main():
            one = client()
            heard = listen(one)
            await transcribe(one, Noting(samples), raw)
            assert Noting.sizes == {3200}
            acknowledged = [message["seq_no"] for message in heard.named("AudioAdded")]
            assert acknowledged == list(range(1, -(-len(samples) // 3200) + 1))

        asyncio.run(main())

    def test_a_configuration_that_reads_nothing_is_refused_before_a_session_begins(self, assemblyai, samples):
        emulator = assemblyai()
        with pytest.raises(rt.ConfigurationError, match="chunk_size"):
            asyncio.run(client().transcribe(io.BytesIO(samples), audio_format=rt.AudioFormat(chunk_size=0)))
        assert emulator.journal.connections == []

    def test_operating_point_does_not_configure_the_logging_of_the_program(
        self, assemblyai, samples, raw, capfd
    ):
        assemblyai()
        before = list(logging.getLogger().handlers)
        with pytest.warns(DeprecationWarning, match="operating_point"):
            config = TranscriptionConfig(operating_point=rt.OperatingPoint.STANDARD)
        one = client()
        asyncio.run(one.transcribe(io.BytesIO(samples), transcription_config=config, audio_format=raw))
        assert logging.getLogger().handlers == before
        assert capfd.readouterr().err == ""


def heard_all(samples):
    def check(journal):
        return sum(frame.audio_bytes for frame in journal.frames("received")) >= len(samples) // 1600 * 1600

    return check


class TestAgain:
    def test_a_client_has_one_session_after_the_other_each_with_numbers_of_its_own(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        assemblyai()
        one = client()
        heard, numbers = listen(one), set()

        async def main():
            await transcribe(one, io.BytesIO(samples), raw)
            numbers.update((one.request_id, one.session_id))

        for _ in range(3):
            heard.clear()
            asyncio.run(main())
            assert heard.text == one_sentence.text
            assert one.audio_bytes_sent == len(samples)
        assert len(numbers) == 6

    def test_a_second_session_at_the_same_time_is_refused_and_harms_nothing(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        assemblyai()

        async def main():
            async with client() as one:
                heard = listen(one)
                await start(one, raw)
                with pytest.raises(rt.SessionError, match="has a session"):
                    await start(one, raw)
                await one.send_audio(samples)
                await one.stop_session()
                assert heard.text == one_sentence.text

        asyncio.run(main())

    def test_two_that_start_at_once_get_one_session(self, assemblyai, raw):
        emulator = assemblyai()

        async def main():
            async with client() as one:
                outcomes = await asyncio.gather(start(one, raw), start(one, raw), return_exceptions=True)
                assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "SessionError"]

        asyncio.run(main())
        assert len(emulator.journal.connections) == 1

    def test_after_an_error_the_client_begins_anew(self, assemblyai, listen, samples, raw, one_sentence):
        assemblyai("error:3006@1#1")

        async def main():
            async with client() as one:
                heard = listen(one)
                await transcribe(one, io.BytesIO(samples), raw)
                assert heard.kinds[-1] == "Error"
                heard.clear()
                await transcribe(one, io.BytesIO(samples), raw)
                assert heard.text == one_sentence.text

        asyncio.run(main())

    def test_clients_in_one_loop_do_not_disturb_each_other(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        assemblyai()

        async def main():
            clients = [client() for _ in range(4)]
            everything = [listen(one) for one in clients]
            await asyncio.gather(*(transcribe(one, io.BytesIO(samples), raw) for one in clients))
            assert [heard.text for heard in everything] == [one_sentence.text] * 4
            assert len({one.session_id for one in clients}) == 4

        asyncio.run(main())


class TestHandlers:
    def test_they_are_called_in_the_order_of_their_registration_and_once_ones_last(
        self, assemblyai, samples, raw
    ):
        assemblyai()
        calls = []

        async def main():
            async with client() as one:
                one.once("EndOfTranscript", lambda message: calls.append("once"))
                for number in range(20):
                    one.on("EndOfTranscript", lambda message, number=number: calls.append(number))
                await transcribe(one, io.BytesIO(samples), raw)

        asyncio.run(main())
        assert calls == [*range(20), "once"]

    def test_one_that_raises_is_logged_and_stops_nothing(
        self, assemblyai, listen, samples, raw, one_sentence, caplog
    ):
        assemblyai()

        async def main():
            async with client() as one:
                one.on(ServerMessageType.ADD_TRANSCRIPT, lambda message: message["nothing"])
                heard = listen(one)
                await transcribe(one, io.BytesIO(samples), raw)
                assert heard.text == one_sentence.text

        with caplog.at_level(logging.WARNING, "speechmatics.rt"):
            asyncio.run(main())
        (record, *_) = [r for r in caplog.records if "handler error" in r.getMessage()]
        assert (record.name, record.levelname) == ("speechmatics.rt.async_client", "WARNING")
        assert "'nothing'" in record.getMessage()
        assert record.exc_info

    def test_without_any_of_them_the_client_still_does_its_own_work(self, assemblyai, samples, raw):
        assemblyai()

        async def main():
            async with client() as one:
                one.remove_all_listeners()
                await transcribe(one, io.BytesIO(samples), raw)
                assert one.session_id

        asyncio.run(main())

    def test_the_number_of_the_session_is_known_when_they_are_called(self, assemblyai, raw):
        assemblyai()
        known = []

        async def main():
            async with client() as one:
                one.on("RecognitionStarted", lambda message: known.append(one.session_id == message["id"]))
                await start(one, raw)

        asyncio.run(main())
        assert known == [True]

    def test_one_may_have_the_client_closed(self, assemblyai, samples, raw):
        emulator = assemblyai(speed=DRAIN_SPEED)
        tasks = []

        async def main():
            one = client()
            one.once("AudioAdded", lambda message: tasks.append(asyncio.ensure_future(one.close())))
            await transcribe(one, Silence(), raw)
            await asyncio.gather(*tasks)

        asyncio.run(asyncio.wait_for(main(), 60))
        assert sent_by_us(emulator) == [TERMINATE]

    def test_interrupting_in_one_of_them_ends_the_program(self, assemblyai, samples, raw):
        emulator = assemblyai()

        def interrupt(message):
            raise KeyboardInterrupt

        async def main():
            async with client() as one:
                one.on("AudioAdded", interrupt)
                await transcribe(one, io.BytesIO(samples), raw)

        with pytest.raises(KeyboardInterrupt):
            asyncio.run(main())
        emulator.journal.wait_for(lambda journal: journal.closes())


class TestTheEndOfAStream:
    def test_audio_after_the_end_is_refused(self, assemblyai, samples, raw):
        assemblyai()

        async def main():
            async with client() as one:
                await start(one, raw)
                stopping = asyncio.ensure_future(one.stop_session())
                await asyncio.sleep(0)
                for send in (one.send_audio(b"12"), one.send_message({"message": "GetSpeakers"})):
                    with pytest.raises(rt.TransportError, match="Client is closed"):
                        await send
                await stopping
                with pytest.raises(rt.TransportError, match="Client is closed"):
                    await one.force_end_of_utterance(timestamp=None)

        asyncio.run(main())

    def test_a_source_that_fails_is_a_stream_that_ends(
        self, assemblyai, listen, samples, raw, one_sentence, caplog
    ):
        """As a microphone does that was stopped; speechmatics-rt returns too, without the last words."""
        assemblyai()

        class Fails(io.BytesIO):
            def read(self, size):
                chunk = super().read(size)
                if not chunk:
                    raise RuntimeError("Microphone not recording")
                return chunk

        async def main():
            async with client() as one:
                heard = listen(one)
                await transcribe(one, Fails(samples), raw)
                assert heard.text == one_sentence.text

        asyncio.run(main())
        assert "Audio producer error: Microphone not recording" in caplog.text

    def test_what_is_not_bytes_ends_the_stream(self, assemblyai, listen, raw, caplog):
        assemblyai()

        class Text:
            def read(self, size):
                return "text"

        async def main():
            async with client() as one:
                heard = listen(one)
                await transcribe(one, Text(), raw)
                assert heard.kinds[-1] == "EndOfTranscript"

        asyncio.run(main())
        assert "Payload must be bytes" in caplog.text

    def test_an_error_is_not_kept_waiting_by_a_source_that_has_nothing_to_say(self, assemblyai, listen, raw):
        assemblyai("error:3006")
        source = Blocked()

        async def main():
            async with client() as one:
                heard = listen(one)
                try:
                    await transcribe(one, source, raw)
                finally:
                    source.released.set()
                assert heard.kinds[-1] == "Error"

        asyncio.run(asyncio.wait_for(main(), 30))

    def test_a_time_limit_leaves_the_session_open_until_the_program_ends_it(self, assemblyai, listen, raw):
        emulator = assemblyai(speed=DRAIN_SPEED)

        async def main():
            async with client() as one:
                heard = listen(one)
                with pytest.raises(rt.TimeoutError, match="Transcription session timed out"):
                    await transcribe(one, Silence(), raw, timeout=0.2)
                assert "EndOfTranscript" not in heard.kinds
                await one.stop_session()
                assert heard.kinds[-1] == "EndOfTranscript"

        asyncio.run(main())
        assert sent_by_us(emulator) == [TERMINATE]

    def test_a_task_that_is_cancelled_leaves_no_session_open(self, assemblyai, listen, raw):
        emulator = assemblyai(speed=DRAIN_SPEED)
        heard = None

        async def main():
            nonlocal heard
            async with client() as one:
                heard = listen(one)
                await transcribe(one, Silence(), raw)

        async def cancelled():
            task = asyncio.ensure_future(main())
            await asyncio.to_thread(emulator.journal.wait_for, lambda journal: journal.audio())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(cancelled())
        assert "EndOfTranscript" not in heard.kinds
        assert sent_by_us(emulator) == [TERMINATE]

    def test_a_start_that_is_cancelled_leaves_no_session_open_and_the_client_usable(
        self, assemblyai, listen, samples, raw, one_sentence
    ):
        emulator = assemblyai("no-start#1")

        async def main():
            one = client()
            heard = listen(one)
            task = asyncio.ensure_future(start(one, raw))
            await asyncio.to_thread(emulator.journal.wait_for, lambda journal: journal.connections)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await transcribe(one, io.BytesIO(samples), raw)
            assert heard.text == one_sentence.text

        asyncio.run(main())
        emulator.journal.wait_for(lambda journal: len(journal.closes()) == 2)

    def test_a_close_in_the_middle_of_a_source_ends_the_call(self, assemblyai, listen, raw):
        emulator = assemblyai(speed=DRAIN_SPEED)

        async def main():
            one = client()
            heard = listen(one)
            task = asyncio.ensure_future(transcribe(one, Silence(), raw))
            await asyncio.to_thread(emulator.journal.wait_for, lambda journal: journal.audio())
            await one.close()
            await asyncio.wait_for(task, 30)
            assert "EndOfTranscript" not in heard.kinds

        asyncio.run(main())

    def test_stopping_what_never_began_waits_for_nothing(self):
        asyncio.run(asyncio.wait_for(client().stop_session(), 30))


class TestRefusals:
    def refused(self, listen, form, **options):
        """What `transcribe` raises, and the kinds of messages before."""
        one = client(**options)
        heard = listen(one)
        with pytest.raises(Exception) as raised:  # noqa: PT011
            asyncio.run(transcribe(one, io.BytesIO(bytes(64000)), form))
        return raised.value, heard.kinds

    def test_without_a_key_the_connection_is_refused_and_the_log_names_the_variable(
        self, assemblyai, listen, raw, caplog
    ):
        assemblyai(api_key=None)
        error, kinds = self.refused(listen, raw)
        assert type(error) is rt.ConnectionError
        assert str(error) == ("WebSocket connection error: server rejected WebSocket connection: HTTP 401")
        assert kinds == []
        assert "ASSEMBLYAI_API_KEY" in caplog.text

    @pytest.mark.parametrize("form", ["raw", "file"])
    def test_a_wrong_key_is_refused_as_speechmatics_refuses_it(
        self, assemblyai, listen, raw, one_sentence, form, caplog
    ):
        assemblyai(api_key="wrong")
        one = client()
        heard = listen(one)
        with one_sentence.sound.open("rb") as file, pytest.raises(rt.ConnectionError, match="HTTP 401"):
            asyncio.run(transcribe(one, file, raw if form == "raw" else rt.AudioFormat()))
        # What a file holds, and so the address to connect to, is known with its first bytes only.
        assert [k for k in heard.kinds if k != "AudioAdded"] == (
            ["RecognitionStarted"] if form == "file" else []
        )
        assert "AssemblyAI does not accept the key" in caplog.text

    def test_a_program_that_sends_a_file_itself_gets_the_error(self, assemblyai, listen, one_sentence):
        assemblyai(api_key="wrong")

        async def main():
            one = client()
            heard = listen(one)
            await one.start_session()
            await one.send_audio(one_sentence.sound.read_bytes())
            await one.stop_session()
            assert [message["type"] for message in heard.named("Error")] == ["not_authorised"]

        asyncio.run(main())

    def test_without_a_network_the_connection_fails(self, assemblyai, listen, raw):
        assemblyai(url="ws://127.0.0.1:1")
        error, kinds = self.refused(listen, raw)
        assert type(error) is rt.ConnectionError
        assert str(error).startswith("WebSocket connection error: AssemblyAI's host refused the connection.")
        assert kinds == []

    def test_another_refusal_is_an_error_with_its_reason(self, assemblyai, listen, raw):
        assemblyai("refuse:too-many-sessions")
        error, kinds = self.refused(listen, raw)
        assert type(error) is rt.TranscriptionError
        assert "no more new sessions" in str(error)
        assert kinds == ["Error"]

    def test_an_error_afterwards_is_told_to_the_handlers_only(self, assemblyai, listen, samples, raw):
        assemblyai("error:3006@1")

        async def main():
            async with client() as one:
                heard = listen(one)
                await transcribe(one, io.BytesIO(samples), raw)
                assert heard.kinds[-1] == "Error"
                with pytest.raises(rt.TransportError):
                    await one.send_audio(b"12")

        asyncio.run(main())

    def test_the_legacy_key_goes_nowhere(self, assemblyai, samples, raw, caplog):
        emulator = assemblyai()
        with caplog.at_level(logging.DEBUG):
            asyncio.run(transcribe(client(), io.BytesIO(samples), raw))
            asyncio.run(transcribe(AsyncClient(rt.JWTAuth(LEGACY_KEY)), io.BytesIO(samples), raw))
        assert len(emulator.journal.connections) == 2
        assert LEGACY_KEY not in repr([(c.path, c.query, c.headers) for c in emulator.journal.connections])
        assert LEGACY_KEY not in caplog.text

    def test_no_proxy_of_the_environment_comes_in_between(
        self, assemblyai, listen, samples, raw, one_sentence, monkeypatch
    ):
        assemblyai()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "nobody.invalid")
        one = client()
        heard = listen(one)
        asyncio.run(transcribe(one, io.BytesIO(samples), raw))
        assert heard.text == one_sentence.text

    def test_the_host_decides_where_the_audio_goes(self, assemblyai, samples, raw, monkeypatch):
        """The emulator stands for every host; that another host is left alone: `test_other_hosts`."""
        emulator = assemblyai()
        for url in ("wss://eu.rt.speechmatics.com/v2", "wss://us.rt.speechmatics.com/v2"):
            asyncio.run(transcribe(client(url=url), io.BytesIO(samples), raw))
        monkeypatch.setenv("SPEECHMATICS_RT_URL", "wss://neu.rt.speechmatics.com/v2")
        asyncio.run(transcribe(client(), io.BytesIO(samples), raw))
        assert len(emulator.journal.connections) == 3


def test_a_message_of_the_program_s_own_is_sent_as_it_is(assemblyai, listen, raw):
    assemblyai()

    async def main():
        async with client() as one:
            heard = listen(one)
            await start(one, raw)
            asked = asyncio.Event()
            one.on(ServerMessageType.SPEAKERS_RESULT, lambda message: asked.set())
            await one.send_message({"message": rt.ClientMessageType.GET_SPEAKERS})
            await asyncio.wait_for(asked.wait(), 30)
            assert json.dumps(heard.named("SpeakersResult"))

    asyncio.run(main())
