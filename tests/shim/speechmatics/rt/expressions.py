"""``python expressions.py PACKAGE``: what comes out of each expression below, one line each, with either package.

Nothing here connects to anything. Names of modules and addresses in memory are left out of what is printed.
"""

import asyncio
import contextlib
import copy
import dataclasses  # noqa: F401 - of the expressions
import importlib
import inspect
import io
import json
import logging
import os
import pickle  # noqa: F401
import re
import sys
import warnings

PACKAGE = sys.argv[1]
rt = importlib.import_module(PACKAGE)
models = importlib.import_module(f"{PACKAGE}._models")
for variable in ("SPEECHMATICS_API_KEY", "SPEECHMATICS_RT_URL", "SM_MANAGEMENT_PLATFORM_URL"):
    os.environ.pop(variable, None)

WORD = {
    "type": "word",
    "start_time": 1.5,
    "end_time": 1.8,
    "alternatives": [
        {"content": "Hello", "confidence": 0.98, "language": "en", "speaker": "S1", "tags": ["disfluency"]},
        {"content": "Hallo", "confidence": 0.1, "display": {"direction": "rtl"}},
        {"content": "Hullo", "confidence": 0.1, "display": {"other": 1}},
        {"content": "Hillo", "confidence": 0.1, "display": {}},
    ],
}
MARK = {"type": "punctuation", "start_time": 1.8, "end_time": 1.8, "attaches_to": "previous", "is_eos": True}
MESSAGE = {
    "message": "AddTranscript",
    "format": "2.9",
    "metadata": {"start_time": 1.5, "end_time": 1.9, "transcript": "Hello. "},
    "results": [WORD, {**MARK, "alternatives": []}, {**MARK, "channel": "a", "score": 1, "volume": 40.5}],
}


def without(*path):
    message = copy.deepcopy(MESSAGE)
    inner = message
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return rt.TranscriptResult.from_message(message)


def headers(auth):
    return asyncio.run(auth.get_auth_headers())


def called(*kinds, order=("first", "second")):
    """What handlers were called, with messages of these kinds."""
    emitter, seen = rt.EventEmitter(), []
    for name in order:
        emitter.on("A", lambda message, name=name: seen.append((name, message)))
    emitter.once("A", lambda message: seen.append(("once", message)))
    for kind in kinds:
        emitter.emit(kind, {"n": len(seen)})
    return sorted(seen, key=repr)


def raising():
    emitter, seen, log = rt.EventEmitter(), [], io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger("speechmatics.rt").addHandler(handler)
    emitter.on("A", lambda message: 1 / 0)
    emitter.on("A", seen.append)
    emitter.emit("A", {})
    logging.getLogger("speechmatics.rt").removeHandler(handler)
    return seen, log.getvalue().splitlines()[0], "ZeroDivisionError" in log.getvalue()


def shared():
    emitter, seen = rt.EventEmitter(), []
    emitter.on("A", seen.append)
    emitter.on("A", lambda message: seen.append(message))
    emitter.emit("A", {})
    return seen[0] is seen[1]


def registered(*arguments, **options):
    emitter = rt.EventEmitter()
    emitter.on(*arguments, **options)
    return len(emitter.listeners(*arguments[:1]))


def twice():
    emitter, seen = rt.EventEmitter(), []
    emitter.on("A", seen.append)
    emitter.on(rt.ServerMessageType.ERROR, seen.append)
    emitter.on("Error", seen.append)
    emitter.emit(rt.ServerMessageType.ERROR, {"message": "Error"})
    return seen


def taken_off():
    emitter, seen = rt.EventEmitter(), []
    emitter.on("A", seen.append)
    emitter.once("A", seen.append)
    emitter.off("A", seen.append)
    emitter.off("A", seen.append)
    emitter.off("B", seen.append)
    emitter.emit("A", {})
    return seen, emitter.listeners("A")


def forgotten(event):
    emitter = rt.EventEmitter()
    for name in ("A", "B"):
        emitter.on(name, print)
        emitter.once(name, print)
    emitter.remove_all_listeners(*event)
    return [len(emitter.listeners(name)) for name in ("A", "B")]


def added_while_called():
    emitter, seen = rt.EventEmitter(), []

    def first(message):
        seen.append(message)
        emitter.on("A", seen.append)
        emitter.once("A", seen.append)

    emitter.on("A", first)
    emitter.emit("A", 1)
    return seen


def once_again():
    emitter, seen = rt.EventEmitter(), []

    def again(message):
        seen.append(message)
        emitter.once("A", again)

    emitter.once("A", again)
    emitter.emit("A", 1)
    emitter.emit("A", 2)
    return seen


def with_client(use, kind="AsyncClient", **options):
    """Use a client that has not connected."""

    async def run():
        client = getattr(rt, kind)(**options)
        return await use(client) if inspect.iscoroutinefunction(use) else use(client)

    return asyncio.run(run())


async def closed_first(client):
    await client.close()
    await client.close()
    with contextlib.suppress(rt.TransportError):
        await client.send_audio(b"1")
    await client.send_audio(12)


async def entered(client):
    async with client as inner:
        return (
            inner is client,
            client.request_id == client.request_id,
            client.session_id,
            client.audio_bytes_sent,
        )


async def async_handler(message):
    pass


async def channels(config, sources):
    client = rt.AsyncMultiChannelClient(api_key="k", url="ws://127.0.0.1:1")
    await client.transcribe(sources, transcription_config=config)


def seconds(form):
    client = rt.AsyncClient(api_key="k")
    client._audio_format = form
    return client.audio_seconds_sent


def warned(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = make()
    # The original warns of OperatingPoint itself when it is called, with Python 3.10 also otherwise; ours never.
    texts = [(w.category.__name__, str(w.message)) for w in caught]
    return made, [text for text in texts if text[1] != "Use Model instead"]


def subclass_auth():
    class Own(rt.AuthBase):
        async def get_auth_headers(self):
            return {"X": "1"}

    return headers(Own())


F, T, E = rt.AudioFormat, rt.TranscriptionConfig, rt.AudioEncoding
two = {"a": io.BytesIO(b"1"), "b": io.BytesIO(b"2")}

EXPRESSIONS = """
sorted(rt.__all__)
rt.__version__
[issubclass(getattr(rt, n), Exception) for n in rt.__all__ if n.endswith("Error")]
[getattr(rt, n).__mro__[1] for n in rt.__all__ if n.endswith("Error")]
issubclass(rt.TimeoutError, TimeoutError), issubclass(rt.ConnectionError, OSError)
list(rt.ServerMessageType), list(rt.ClientMessageType), list(E), list(rt.Model), list(rt.OperatingPoint)
rt.ServerMessageType.ADD_TRANSCRIPT == "AddTranscript", str(rt.ServerMessageType.ERROR), f"{rt.Model.ENHANCED.value}"
json.dumps([rt.ServerMessageType.ERROR, E.MULAW, rt.ClientMessageType.END_OF_STREAM])
rt.ServerMessageType("AddTranscript"), rt.ServerMessageType["INFO"], getattr(rt.ServerMessageType, "WARNING")
rt.ServerMessageType("Nope")
F(), F().to_dict(), F(E.PCM_S16LE), F(E.PCM_S16LE, 16000, 1).to_dict(), F("mulaw").to_dict()
F(E.PCM_F32LE).bytes_per_sample, F("mulaw").bytes_per_sample, F(E.PCM_S16LE).bytes_per_sample
F().bytes_per_sample
F("opus").bytes_per_sample
F(rate=16000)
T(), T().to_dict(), T("de", "standard").to_dict()
T(nonsense=1)
T(model=rt.Model.STANDARD, operating_point=rt.OperatingPoint.STANDARD)
warned(lambda: T(operating_point=rt.OperatingPoint.STANDARD).to_dict())
warned(lambda: T(operating_point="enhanced", language="fr").to_dict())
T(model=None).to_dict()
T(speaker_diarization_config=rt.SpeakerDiarizationConfig(max_speakers=2, speakers=[rt.SpeakerIdentifier("A", ["1"])])).to_dict()
T(speaker_diarization_config={"max_speakers": None, "speaker_sensitivity": 0.5}).to_dict()
T(conversation_config=rt.ConversationConfig()).to_dict()
T(additional_vocab=[{"content": "a", "sounds_like": None}], ctrl={"a": None}, max_delay=0, enable_partials=False).to_dict()
T() == T(), T() == T("de"), T() != T()
dataclasses.replace(T(max_delay=2), language="de")
dataclasses.replace(F(E.MULAW), sample_rate=8000)
[f.name for f in dataclasses.fields(T)]
pickle.loads(pickle.dumps(T("de", max_delay=1))), copy.deepcopy(T(diarization="speaker")) == T(diarization="speaker")
pickle.loads(pickle.dumps([F(E.MULAW), rt.Model.MELIA_1, rt.SessionInfo("a"), rt.TranslationConfig(["de"])]))
pickle.loads(pickle.dumps(rt.TranscriptResult.from_message(MESSAGE))) == rt.TranscriptResult.from_message(MESSAGE)
[str(pickle.loads(pickle.dumps(getattr(rt, n)("text")))) for n in rt.__all__ if n.endswith("Error")]
rt.TranslationConfig(["de"]).to_dict(), rt.TranslationConfig(["de"], True).to_dict()
rt.TranslationConfig()
rt.AudioEventsConfig().to_dict(), rt.AudioEventsConfig(["music"]).to_dict(), rt.AudioEventsConfig([]).to_dict()
rt.ConversationConfig(0.5), rt.SpeakerDiarizationConfig(), rt.SpeakerIdentifier(), rt.SessionInfo("r")
rt.ConnectionConfig().to_dict(), rt.ConnectionConfig(open_timeout=0, ping_timeout=None, max_size=5, read_limit=1).to_dict()
type(rt.ConnectionConfig().ssl_context)
pickle.dumps(rt.ConnectionConfig())
rt.ConnectionConfig(url="ws://x")
rt.TranscriptResult.from_message(MESSAGE)
rt.TranscriptResult.from_message({**MESSAGE, "message": "AddPartialTranscript", "results": []})
dataclasses.asdict(rt.TranscriptResult.from_message(MESSAGE))
without("metadata")
without("metadata", "transcript")
without("results")
without("message")
without("format")
without("results", 0, "type")
without("results", 0, "alternatives")
without("results", 0, "alternatives", 0, "confidence")
without("results", 0, "alternatives", 0, "content")
models.RecognitionDisplay.from_dict({}), models.RecognitionMetadata(1, 2, "a")
called("A"), called("A", "A"), called("B"), called()
raising()
shared()
twice()
taken_off()
forgotten(()), forgotten(("A",)), forgotten(("C",))
added_while_called()
once_again()
registered("A", print), registered(rt.ServerMessageType.INFO, callback=print)
registered("A", async_handler)
rt.EventEmitter().on("A")(async_handler)
rt.EventEmitter().once("A", async_handler)
rt.EventEmitter().on("A", 5)
rt.EventEmitter().once("A")(5)
rt.EventEmitter().on("A", print) is print, rt.EventEmitter().on("A")(print) is print, rt.EventEmitter().once("A", print) is print
rt.AuthBase.BASE_URL
rt.AuthBase()
subclass_auth()
headers(rt.StaticKeyAuth("k")), headers(rt.StaticKeyAuth())
os.environ.update(SPEECHMATICS_API_KEY="of-the-environment"), headers(rt.StaticKeyAuth()), headers(rt.StaticKeyAuth("k"))
rt.JWTAuth(ttl=59)
rt.JWTAuth(ttl=86401)
type(rt.JWTAuth(ttl=86400)), type(rt.JWTAuth("k", region="usa", client_ref="c", mp_url="http://x", request_id="r"))
rt.JWTAuth("k", 60)
os.environ.pop("SPEECHMATICS_API_KEY"), rt.JWTAuth()
rt.AsyncClient("k", "url")
with_client(entered), with_client(entered, "AsyncMultiChannelClient", api_key="k")
isinstance(rt.AsyncClient(), rt.EventEmitter), isinstance(rt.AsyncMultiChannelClient(), rt.EventEmitter)
with_client(lambda c: c.send_audio(b"1"), kind="AsyncClient") and None
with_client(closed_first)
asyncio.run(rt.AsyncClient().send_audio(b"1"))
asyncio.run(rt.AsyncClient().send_audio("text"))
asyncio.run(rt.AsyncClient().send_audio(bytearray(b"1")))
asyncio.run(rt.AsyncClient().send_message("text"))
asyncio.run(rt.AsyncClient().send_message({"message": "X"}))
asyncio.run(rt.AsyncClient().force_end_of_utterance())
asyncio.run(rt.AsyncClient().force_end_of_utterance(1.0))
asyncio.run(rt.AsyncClient().transcribe(None))
asyncio.run(rt.AsyncClient().transcribe(b""))
asyncio.run(rt.AsyncClient().transcribe(io.BytesIO(), T()))
seconds(F(E.PCM_S16LE, 16000)), rt.AsyncClient().audio_seconds_sent, rt.AsyncClient().audio_bytes_sent
seconds(F())
asyncio.run(channels(None, {}))
asyncio.run(channels(T(diarization="speaker"), two))
asyncio.run(channels(T(channel_diarization_labels=["a"]), two))
asyncio.run(channels(T(channel_diarization_labels=["a", "a"]), two))
asyncio.run(rt.AsyncClient(url="ws://127.0.0.1:1").start_session())
asyncio.run(rt.AsyncClient(url="not an address").start_session())
asyncio.run(rt.AsyncMultiChannelClient(url="ws://127.0.0.1:1").transcribe(two))
asyncio.run(rt.AsyncClient("KEY").start_session())
rt.Microphone(sample_rate=0)
rt.Microphone(16000, 0)
rt.Microphone(chunk_size=-1)
rt.Microphone().is_recording, rt.Microphone().readable(), rt.Microphone().stop()
asyncio.run(rt.Microphone().read(3200))
"""


def outcome(expression):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return repr(eval(expression))
    except Exception as error:
        return f"raises {type(error).__name__}: {error}"


for expression in EXPRESSIONS.strip().splitlines():
    text = outcome(expression)
    text = re.sub(r" at 0x[0-9a-f]+", "", text).replace(PACKAGE.replace("speechmatics.rt", ""), "")
    text = text.replace("<object object>", "<not given>")
    print(json.dumps([expression, text]))
