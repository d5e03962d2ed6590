"""Stands in for PyAudio: a microphone that hears a file of raw float32 samples at 44.1 kHz, then presses Ctrl+C."""

import os
import signal
import time

paFloat32 = 1
RATE = 44100
SAMPLE_BYTES = 4


class PyAudio:
    def get_default_input_device_info(self):
        return {"index": 3, "name": "a file"}

    def get_device_info_by_index(self, index):
        return {"defaultSampleRate": float(RATE)}

    def open(self, *, rate, channels, format, input, frames_per_buffer, input_device_index):
        assert (rate, channels, format, input, input_device_index) == (RATE, 1, paFloat32, True, 3)
        return Stream()

    def terminate(self):
        pass


class Stream:
    def __init__(self):
        with open(os.environ["TEST_MICROPHONE"], "rb") as file:
            self.sound = file.read()
        self.position = 0
        self.began = None

    def read(self, frames, exception_on_overflow=True):
        self.began = self.began or time.monotonic()
        self.position += frames
        time.sleep(max(0.0, self.began + self.position / RATE - time.monotonic()))
        end = self.position * SAMPLE_BYTES
        piece = self.sound[end - frames * SAMPLE_BYTES : end]
        if len(piece) < frames * SAMPLE_BYTES:
            if self.sound:
                os.kill(os.getpid(), signal.SIGINT)
                self.sound = b""
            piece = piece.ljust(frames * SAMPLE_BYTES, b"\0")
        return piece

    def is_active(self):
        return True

    def stop_stream(self):
        pass

    def close(self):
        pass
