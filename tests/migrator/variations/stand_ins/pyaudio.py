"""Stands in for PyAudio in a program under test: the microphone hears the sound of a scene, then silence.

``SCENE_SOUND`` names a 16 kHz WAV file, ``SCENE_SPEED`` says how much faster than real time it plays.
"""

import os
import threading
import time
import wave

import numpy
import soxr

paInt16, paFloat32, paContinue = 8, 1, 0


class PyAudio:
    def open(
        self, *, rate, format, channels=1, input=False, frames_per_buffer=1024, stream_callback=None, **_
    ):
        assert (channels, input) == (1, True)
        stream = Stream(rate, format)
        if stream_callback is not None:
            threading.Thread(
                target=stream.feed, args=(stream_callback, frames_per_buffer), daemon=True
            ).start()
        return stream

    def get_default_input_device_info(self):
        return {"index": 0, "name": "stand-in", "defaultSampleRate": 44100.0}

    def terminate(self):
        pass


class Stream:
    def __init__(self, rate, format):
        with wave.open(os.environ["SCENE_SOUND"]) as sound:
            samples = numpy.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
        self._samples = soxr.resample(samples, 16000, rate).astype("<i2")
        if format == paFloat32:
            self._samples = (self._samples / 32768).astype("<f4")
        self._rate = rate * float(os.environ["SCENE_SPEED"])
        self._position = 0
        self._began = time.monotonic()
        self._open = True

    def read(self, frames, exception_on_overflow=True):
        chunk = self._samples[self._position : self._position + frames]
        self._position += frames
        time.sleep(max(0.0, self._began + self._position / self._rate - time.monotonic()))
        return numpy.pad(chunk, (0, frames - len(chunk))).tobytes()

    def feed(self, callback, frames):
        while self._open:
            callback(self.read(frames), frames, {}, 0)

    def is_active(self):
        return self._open

    def stop_stream(self):
        self._open = False

    close = stop_stream
