"""Several sources, each a channel of one session."""

from __future__ import annotations

import asyncio
import base64
import io
import logging

import pytest

import shim.speechmatics.rt as rt
from shim.speechmatics.rt import AsyncMultiChannelClient, TranscriptionConfig

DRAIN_SPEED = 2.0


def text_of(heard, channel):
    finals = [m for m in heard if m["message"] == "AddTranscript" and m["channel"] == channel]
    return " ".join("".join(final["metadata"]["transcript"] for final in finals).split())


def test_each_channel_gets_its_transcript_before_the_call_returns(
    assemblyai, listen, samples, raw, one_sentence
):
    emulator = assemblyai()

    async def main():
        async with AsyncMultiChannelClient(api_key="k") as one:
            heard = listen(one)
            await one.transcribe(
                {"left": io.BytesIO(samples), "right": io.BytesIO(samples)}, audio_format=raw
            )
            assert heard.kinds[-1] == "EndOfTranscript"
            assert [text_of(heard, channel) for channel in ("left", "right")] == [one_sentence.text] * 2
            assert one.audio_bytes_sent == 2 * len(samples)
            assert one.session_id

    asyncio.run(main())
    assert len(emulator.journal.connections) == 2
    sent = [frame.json for frame in emulator.journal.frames("received") if frame.text]
    assert sent == [{"type": "Terminate"}] * 2


def channels_of(server):
    """Which audio went to which channel."""
    found: dict[str, bytes] = {}
    for message in server.received:
        if message["message"] == "AddChannelAudio":
            audio = base64.b64decode(message["data"])
            found[message["channel"]] = found.get(message["channel"], b"") + audio
    return found


@pytest.fixture
def converse(other):
    """Transcribes sources with a server of somebody else, which it gives; the transcript ends after the last source."""

    def run(sources, labels=None, **options):
        server = other(at_the_end=None, ends=False)
        one = AsyncMultiChannelClient(api_key="k", url=server.url)
        config = TranscriptionConfig(channel_diarization_labels=labels, **options)

        async def main():
            call = asyncio.ensure_future(
                one.transcribe(
                    {name: io.BytesIO(audio) for name, audio in sources.items()},
                    transcription_config=config,
                    audio_format=rt.AudioFormat("mulaw", 8000, 2),
                )
            )
            while sum(message["message"] == "EndOfChannel" for message in server.received) < len(sources):
                await asyncio.sleep(0.001)
            assert not call.done()
            one.emit("EndOfTranscript", {"message": "EndOfTranscript"})
            await asyncio.wait_for(call, 30)

        asyncio.run(asyncio.wait_for(main(), 30))
        assert config.diarization is options.get("diarization")
        assert config.channel_diarization_labels == labels
        return server

    return run


def test_chunks_go_in_turn_until_the_first_source_ends(converse):
    server = converse({"a": b"aaaaa", "b": b"bbbbbbbbbb"})
    order = [m["channel"] for m in server.received if m["message"] == "AddChannelAudio"]
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert channels_of(server) == {"a": b"aaaaa", "b": b"bbbbbb"}
    assert [m for m in server.received if m["message"] == "EndOfChannel"] == [
        {"message": "EndOfChannel", "channel": "a", "last_seq_no": 3},
        {"message": "EndOfChannel", "channel": "b", "last_seq_no": 3},
    ]


@pytest.mark.parametrize(
    ("names", "labels", "expected", "warnings"),
    [
        (["agent", "caller"], None, {"agent": b"agent", "caller": b"caller"}, 0),
        (["agent", "caller"], ["one", "two"], {"one": b"agent", "two": b"caller"}, 0),
        (["b", "a"], ["one", "two"], {"one": b"a", "two": b"b"}, 0),
        # As speechmatics-rt pairs them: the labels are in the order of the sources, the audio in that of the alphabet.
        (["right", "left"], None, {"right": b"left", "left": b"right"}, 2),
        (["left", "right"], ["right", "left"], {"right": b"left", "left": b"right"}, 2),
    ],
)
def test_labels_are_paired_with_sources_as_in_the_original_and_the_log_says_what_is_exchanged(
    converse, caplog, names, labels, expected, warnings
):
    server = converse({name: name.encode().ljust(10) for name in names}, labels)
    assert {label: audio.strip() for label, audio in channels_of(server).items()} == expected
    assert sum("is the channel" in record.getMessage() for record in caplog.records) == warnings
    config = server.received[0]["transcription_config"]
    assert config["channel_diarization_labels"] == list(expected)
    assert config["diarization"] == "channel"


def test_speakers_may_be_told_apart_too(converse):
    server = converse({"a": b"1", "b": b"2"}, diarization="channel_and_speaker")
    assert server.received[0]["transcription_config"]["diarization"] == "channel_and_speaker"


class Silence:
    async def read(self, size):
        await asyncio.sleep(size / 32000 / DRAIN_SPEED)
        return bytes(size)


def test_a_call_that_is_cancelled_is_cancelled(assemblyai, raw):
    """speechmatics-rt returns as if nothing had happened."""
    emulator = assemblyai(speed=DRAIN_SPEED)

    async def main():
        async with AsyncMultiChannelClient(api_key="k") as one:
            await one.transcribe({"a": Silence(), "b": Silence()}, audio_format=raw)

    async def cancelled():
        task = asyncio.ensure_future(main())
        await asyncio.to_thread(emulator.journal.wait_for, lambda journal: journal.audio())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    sent = [frame.json for frame in emulator.journal.frames("received") if frame.text]
    assert sent == [{"type": "Terminate"}] * 2


def test_a_time_limit_is_one_of_sending(assemblyai, raw):
    assemblyai(speed=DRAIN_SPEED)

    async def main():
        async with AsyncMultiChannelClient(api_key="k") as one:
            with pytest.raises(rt.TimeoutError, match="timed out"):
                await one.transcribe({"a": Silence(), "b": Silence()}, audio_format=raw, timeout=0.1)

    asyncio.run(main())


def test_a_refused_key_is_raised(assemblyai, raw):
    assemblyai(api_key="wrong")
    with pytest.raises(rt.ConnectionError, match="HTTP 401"):
        asyncio.run(
            AsyncMultiChannelClient(api_key="k").transcribe(
                {"a": Silence(), "b": Silence()}, audio_format=raw
            )
        )


def test_an_error_ends_the_call(assemblyai, listen, raw, caplog):
    assemblyai("error:3006@1")
    one = AsyncMultiChannelClient(api_key="k")
    heard = listen(one)
    with caplog.at_level(logging.ERROR):
        asyncio.run(one.transcribe({"a": Silence(), "b": Silence()}, audio_format=raw))
    assert heard.kinds[-1] == "Error"
    assert "Server error" in caplog.text
