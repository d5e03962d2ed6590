"""Hearing: the audio itself decides what is heard."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from shim.emulator.hearing import RATE, Heard, Hearing
from shim.emulator.scene import Scene

FRAME = RATE // 20


def sound_of(scene: Scene) -> np.ndarray:
    with wave.open(str(scene.sound)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def int16(sound: np.ndarray) -> bytes:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes()


def hear(
    scene: Scene, audio: bytes, encoding: str = "pcm_s16le", rate: int = RATE, chunk: int = 1601
) -> list[Heard]:
    hearing = Hearing(scene, encoding, rate)
    heard = [
        word for start in range(0, len(audio), chunk) for word in hearing.feed(audio[start : start + chunk])
    ]
    return heard + hearing.finish()


def text_of(scene: Scene, heard: list[Heard]) -> str:
    return " ".join(scene.turns[word.turn].words[word.word].text for word in heard)


@pytest.fixture(params=["one-sentence", "two-speakers", "pause"])
def any_scene(request: pytest.FixtureRequest, scenes: Path) -> Scene:
    return Scene.load(scenes / f"{request.param}.json")


def test_clean_audio_is_heard_to_the_last_word_at_its_times(any_scene: Scene) -> None:
    heard = hear(any_scene, int16(sound_of(any_scene)))
    assert text_of(any_scene, heard) == any_scene.text
    for word, spoken in zip(heard, any_scene.words, strict=True):
        assert word.start == pytest.approx(spoken.start, abs=0.002)
        assert word.end == pytest.approx(spoken.end, abs=0.002)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000, 96000])
def test_any_sample_rate_is_heard(two_speakers: Scene, rate: int) -> None:
    audio = int16(soxr.resample(sound_of(two_speakers), RATE, rate))
    heard = hear(two_speakers, audio, rate=rate)
    assert text_of(two_speakers, heard) == two_speakers.text
    assert heard[-1].end == pytest.approx(two_speakers.words[-1].end, abs=0.005)


def test_telephone_audio_is_heard(two_speakers: Scene, encode_mulaw: Callable[[bytes], bytes]) -> None:
    audio = encode_mulaw(int16(soxr.resample(sound_of(two_speakers), RATE, 8000)))
    assert text_of(two_speakers, hear(two_speakers, audio, "pcm_mulaw", 8000)) == two_speakers.text


def test_float_audio_is_heard(two_speakers: Scene) -> None:
    audio = sound_of(two_speakers).astype("<f4").tobytes()
    assert text_of(two_speakers, hear(two_speakers, audio, "pcm_f32le")) == two_speakers.text


def test_chunks_may_be_of_any_size_even_half_samples(one_sentence: Scene) -> None:
    audio = int16(sound_of(one_sentence))
    for chunk in (333, 1600, 100_000, len(audio)):
        assert text_of(one_sentence, hear(one_sentence, audio, chunk=chunk)) == one_sentence.text


def test_quiet_audio_is_heard(two_speakers: Scene) -> None:
    assert text_of(two_speakers, hear(two_speakers, int16(sound_of(two_speakers) / 20))) == two_speakers.text


def test_a_microphone_hears_the_scene_after_noise_with_a_drifting_clock(two_speakers: Scene) -> None:
    random = np.random.default_rng(1)
    drifting = soxr.resample(sound_of(two_speakers), RATE, RATE * (1 + 100e-6) * 44100 / RATE)
    sound = np.concatenate((np.zeros(44100 * 7 + 17), drifting, np.zeros(44100)))
    audio = (sound + random.normal(0, 0.003, len(sound))).astype("<f4").tobytes()
    heard = hear(two_speakers, audio, "pcm_f32le", 44100, chunk=1024 * 4)
    assert text_of(two_speakers, heard) == two_speakers.text
    assert heard[0].start == pytest.approx(7 + two_speakers.words[0].start, abs=0.01)


def test_a_scene_that_is_played_twice_is_heard_twice(two_speakers: Scene) -> None:
    audio = int16(np.tile(sound_of(two_speakers), 2))
    assert text_of(two_speakers, hear(two_speakers, audio)) == f"{two_speakers.text} {two_speakers.text}"


def test_a_session_may_begin_in_the_middle_of_a_turn(two_speakers: Scene) -> None:
    begin = two_speakers.turns[3].words[2].start - 0.02
    heard = hear(two_speakers, int16(sound_of(two_speakers)[round(begin * RATE) :]))
    assert text_of(two_speakers, heard) == " ".join(
        word.text for word in two_speakers.words if word.start > begin
    )


def test_float_samples_sent_as_integers_are_not_heard(two_speakers: Scene) -> None:
    assert hear(two_speakers, sound_of(two_speakers).astype("<f4").tobytes()) == []


def test_swapped_bytes_are_not_heard(two_speakers: Scene) -> None:
    audio = np.frombuffer(int16(sound_of(two_speakers)), "<i2").astype(">i2").tobytes()
    assert hear(two_speakers, audio) == []


@pytest.mark.parametrize(("true", "declared"), [(44100, 16000), (16000, 8000), (44100, 48000), (8000, 16000)])
def test_a_wrong_rate_is_not_heard(two_speakers: Scene, true: int, declared: int) -> None:
    audio = int16(soxr.resample(sound_of(two_speakers), RATE, true))
    assert hear(two_speakers, audio, rate=declared) == []


def test_silence_and_noise_are_not_heard(two_speakers: Scene) -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 10 * RATE)
    assert hear(two_speakers, bytes(10 * RATE * 2)) == []
    assert hear(two_speakers, int16(noise)) == []


def test_other_speech_is_not_heard(two_speakers: Scene, scenes: Path) -> None:
    other = Scene.load(scenes / "pause.json")
    assert hear(two_speakers, int16(sound_of(other))) == []


def frames_from(scene: Scene) -> range:
    """Frames of 50 ms between the end of the first word and the beginning of the last one."""
    words = scene.words
    return range(round(words[0].end * 20) + 1, round(words[-1].start * 20) - 1)


def test_wherever_a_frame_is_dropped_a_word_is_lost(two_speakers: Scene) -> None:
    sound = sound_of(two_speakers)
    for frame in frames_from(two_speakers)[::11]:
        heard = hear(
            two_speakers, int16(np.delete(sound, slice(frame * FRAME, (frame + 1) * FRAME))), chunk=16000
        )
        assert len(heard) < len(two_speakers.words), f"frame {frame}"


def test_wherever_a_frame_is_doubled_a_word_is_lost(two_speakers: Scene) -> None:
    sound = sound_of(two_speakers)
    for frame in frames_from(two_speakers)[4::7]:
        doubled = np.concatenate((sound[: (frame + 1) * FRAME], sound[frame * FRAME :]))
        assert len(hear(two_speakers, int16(doubled), chunk=16000)) < len(two_speakers.words), (
            f"frame {frame}"
        )


def test_after_a_lost_word_hearing_resumes_at_the_next_turn(two_speakers: Scene) -> None:
    sound = sound_of(two_speakers)
    cut = round(two_speakers.turns[1].words[4].start * 20)
    heard = hear(two_speakers, int16(np.delete(sound, slice(cut * FRAME, (cut + 1) * FRAME))))
    turns = [word.turn for word in heard]
    assert 0 < turns.count(1) < len(two_speakers.turns[1].words)
    assert [turns.count(turn) for turn in (0, 2, 3, 4)] == [
        len(two_speakers.turns[turn].words) for turn in (0, 2, 3, 4)
    ]


def test_silence_counts_from_the_end_of_the_last_word_but_not_within_a_word(two_speakers: Scene) -> None:
    hearing = Hearing(two_speakers, "pcm_s16le", RATE)
    audio = int16(sound_of(two_speakers))
    silences = {}
    for start in range(0, len(audio), FRAME * 2):
        hearing.feed(audio[start : start + FRAME * 2])
        silences[round(hearing.seconds, 2)] = hearing.silence
    first, second = two_speakers.turns[:2]
    assert silences[0.3] == pytest.approx(0.3)
    before_second = max(time for time in silences if time < second.words[0].start)
    assert silences[before_second] == pytest.approx(before_second - first.words[-1].end, abs=0.01)
    within = max(time for time in silences if time < second.words[-1].end)
    assert silences[within] == 0.0


def test_a_scene_costs_a_fraction_of_its_length(two_speakers: Scene) -> None:
    audio = int16(
        np.concatenate((np.random.default_rng(3).normal(0, 0.01, 10 * RATE), sound_of(two_speakers)))
    )
    started = time.process_time()
    hear(two_speakers, audio, chunk=1600)
    assert time.process_time() - started < 0.25 * len(audio) / RATE / 2
