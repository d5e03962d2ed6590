"""Stands in for PyAudio: a microphone of 16 kHz that hears ``speech.raw``, then silence. It needs no other package."""

import time

paInt16, paFloat32, paInt32, paInt24, paUInt8 = 8, 1, 2, 4, 32
RATE = 16000


class PyAudio:
    def get_device_count(self):
        return 1

    def get_default_input_device_info(self):
        return {"index": 0, "name": "stand-in", "defaultSampleRate": float(RATE), "maxInputChannels": 1}

    def get_device_info_by_index(self, index):
        return self.get_default_input_device_info()

    def get_sample_size(self, format):
        return 2

    def open(self, *, rate, channels, format, input, frames_per_buffer, input_device_index=None):
        assert (rate, channels, format, input) == (RATE, 1, paInt16, True)
        return Stream()

    def terminate(self):
        pass


class Stream:
    def __init__(self):
        with open("speech.raw", "rb") as file:
            self.sound = file.read()
        self.position = 0
        self.began = time.monotonic()

    def read(self, frames, exception_on_overflow=True):
        piece = self.sound[2 * self.position : 2 * (self.position + frames)]
        self.position += frames
        time.sleep(max(0.0, self.began + self.position / RATE - time.monotonic()))
        return piece.ljust(2 * frames, b"\0")

    def get_read_available(self):
        return 0

    def stop_stream(self):
        pass

    def close(self):
        pass


def get_sample_size(format):
    return 2
