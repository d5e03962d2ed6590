"""Format and length of the audio messages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migrator.options import Options
from migrator.result import FileResult

Text = Callable[..., str]


def capture(
    chunk: str, rate: str = "16000", format: str = "pyaudio.paInt16", channels: str = "1", setup: str = ""
) -> str:
    return (
        f"{setup}stream = pyaudio.PyAudio().open(format={format}, channels={channels}, rate={rate}, input=True)\n"
        f"while LIMIT:\n    ws.send(stream.read({chunk}), websocket.ABNF.OPCODE_BINARY)"
    )


@pytest.mark.parametrize(
    ("rate", "chunk", "expected"),
    [
        ("16000", "800", "800"),
        ("16000", "16000", "16000"),
        ("16000", "799", "800"),
        ("16000", "16001", "800"),
        ("44100", "2205", "2205"),
        ("44100", "2204", "2205"),
        ("8000", "160", "400"),
        ("16000", "16000 // 100", "800"),
    ],
)
def test_a_chunk_outside_50_to_1000_ms_becomes_50_ms(
    rewritten: Text, rate: str, chunk: str, expected: str
) -> None:
    assert f"stream.read({expected})" in rewritten(rate=rate, capture=capture(chunk, rate))


def test_the_buffer_of_the_microphone_follows(rewritten: Text) -> None:
    text = capture("CHUNK").replace("input=True", "input=True, frames_per_buffer=CHUNK")
    assert "CHUNK = 800\n" in rewritten(constants="LIMIT = 1\nCHUNK = 320", capture=text)


@pytest.mark.parametrize("chunk", ["RATE // 10", "int(RATE / 10)", "int(RATE * 0.1)", "RATE // 19"])
def test_a_share_of_an_unknown_rate_that_fits_stays(rewritten: Text, chunk: str) -> None:
    constants = "from settings import RATE\nLIMIT = 1"
    assert f"stream.read({chunk})" in rewritten(
        constants=constants, rate="RATE", capture=capture(chunk, "RATE")
    )


@pytest.mark.parametrize("chunk", ["RATE // 50", "int(RATE * 0.01)", "RATE // 25", "RATE * 2"])
def test_a_share_of_an_unknown_rate_that_does_not_fit_prevents_the_rewrite(refused: Text, chunk: str) -> None:
    constants = "from settings import RATE\nLIMIT = 1"
    assert "run time" in refused(constants=constants, rate="RATE", capture=capture(chunk, "RATE"))


def test_the_rate_of_the_device_gives_the_length(rewritten: Text) -> None:
    constants = "LIMIT = 1\nRATE = int(os.environ['RATE'])"
    after = rewritten(constants=constants, rate="RATE", capture=capture("1024", "RATE"))
    assert "stream.read(math.ceil(RATE / 20))" in after
    assert "import json\nimport math\nimport os\n" in after


def test_a_named_length_that_is_used_before_the_rate_is_known_prevents_the_rewrite(refused: Text) -> None:
    text = capture("CHUNK", "RATE", setup="global RATE\nRATE = int(LIMIT)\n")
    constants = "LIMIT = 1\nRATE = None\nCHUNK = 1024\nprint(CHUNK)"
    assert refused(constants=constants, rate="RATE", capture=text)


@pytest.mark.parametrize("name", ["pyaudio.paFloat32", "FORMAT", "paFloat32"])
def test_floats_become_integers(rewritten: Text, name: str) -> None:
    constants = "from pyaudio import paFloat32\nLIMIT = 1\nFORMAT = pyaudio.paFloat32"
    after = rewritten(constants=constants, encoding='"pcm_f32le"', capture=capture("1600", format=name))
    assert '"encoding": "pcm_s16le"' in after
    assert f"format={name.replace('Float32', 'Int16')}," in after


@pytest.mark.parametrize(
    "text",
    [
        capture("1600", format="pyaudio.paInt32"),
        capture("1600", format="pyaudio.paFloat32"),
        capture("1600", channels="2"),
        capture("1600", rate="44100"),
        capture("1600", rate="RATE"),
        "ws.send(record(), websocket.ABNF.OPCODE_BINARY)",
        "for chunk in record():\n    ws.send(chunk, opcode=2)",
        "ws.send_binary(open('a.raw', 'rb').read())",
        "pass",
    ],
)
def test_audio_that_is_not_proven_prevents_the_rewrite(refused: Text, text: str) -> None:
    assert refused(constants="from other import RATE, record\nLIMIT = 1", capture=text)


def test_float_samples_that_the_program_uses_itself_prevent_the_rewrite(refused: Text) -> None:
    text = (
        "stream = pyaudio.PyAudio().open(format=pyaudio.paFloat32, channels=1, rate=16000, input=True)\n"
        "while LIMIT:\n    data = stream.read(1600)\n    meter(data)\n    ws.send_binary(data)"
    )
    reason = refused(constants="from other import meter\nLIMIT = 1", encoding='"pcm_f32le"', capture=text)
    assert "also used by the program" in reason


def test_a_container_prevents_the_rewrite(migrate: Callable[..., FileResult]) -> None:
    result = migrate(Options(), encoding='"pcm_s16le", **EXTRA', constants="LIMIT = 1\nEXTRA = {}")
    assert result.status == "shim"


def test_a_loop_that_counts_messages_of_another_length_prevents_the_rewrite(refused: Text) -> None:
    text = capture("160").replace("while LIMIT", "for _ in range(500)")
    assert "counts messages" in refused(capture=text)


def test_a_loop_over_the_named_length_follows_it(rewritten: Text) -> None:
    text = capture("CHUNK").replace("while LIMIT", "for _ in range(16000 // CHUNK * 5)")
    assert "CHUNK = 800\n" in rewritten(constants="LIMIT = 1\nCHUNK = 160", capture=text)
