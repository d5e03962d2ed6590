"""The microphone of speechmatics-rt, on ours."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from shim import microphone

# Unlike the loggers of the clients it prints errors even when the program configures no logging.
_logger = logging.getLogger("speechmatics.rt._utils.microphone")

_BYTES_PER_SAMPLE = 2
_FRAME_MILLISECONDS = 50


class Microphone:
    """Audio of 16 bits from an input device, for `AsyncClient.transcribe` or to be read.

    Args:
        sample_rate: in Hz.
        channels: how many; a sample of each in turn.
        chunk_size: taken for the sake of old callers; reading says how much it wants.
        device_index: one of `list_devices`; None for the system's default input.
        loop: taken for the sake of old callers.

    Raises:
        ValueError: a number is not above 0.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        channels: int = 1,
        chunk_size: int = 4096,
        device_index: int | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if sample_rate <= 0 or channels <= 0 or chunk_size <= 0:
            raise ValueError("Sample rate, channels, and chunk size must be positive")
        self._sample_rate = sample_rate
        self._channels = channels
        self._device_index = device_index
        self._device: microphone.Microphone | None = None
        self._is_recording = False

    def start(self) -> bool:
        """Begin to record; False if that is not possible, and the log says why."""
        if self._is_recording:
            return True
        try:
            self._device = microphone.Microphone(
                self._device_index, self._sample_rate, _FRAME_MILLISECONDS, self._channels
            )
        except Exception as error:
            _logger.error("Failed to start microphone: %s", error)
            return False
        self._is_recording = True
        _logger.info("Microphone started: %dHz, %d channel(s)", self._sample_rate, self._channels)
        return True

    def stop(self) -> None:
        """End the recording and free the device. What was recorded until now can still be read."""
        if self._is_recording and self._device is not None:
            self._is_recording = False
            self._device.close()
            _logger.info("Microphone stopped")

    async def read(self, chunk_size: int) -> bytes:
        """``chunk_size`` bytes, as soon as they were recorded; whole samples only.

        Raises:
            RuntimeError: it does not record, and all that it recorded was read.
            OSError: the device failed.
        """
        size = chunk_size - chunk_size % (_BYTES_PER_SAMPLE * self._channels)
        try:
            sound = await asyncio.to_thread(self._device.read, size) if self._device is not None else b""
        except microphone.MicrophoneError as error:
            raise OSError(str(error)) from error
        if not sound and not self._is_recording:
            raise RuntimeError("Microphone not recording")
        return sound

    def readable(self) -> bool:
        """Whether it records."""
        return self._is_recording

    @property
    def is_available(self) -> bool:
        """Whether everything is installed that recording needs."""
        return microphone.is_installed()

    @property
    def is_recording(self) -> bool:
        """Whether it records."""
        return self._is_recording

    @classmethod
    def list_devices(cls) -> list[dict[str, Any]]:
        """The input devices, each with ``index``, ``name`` and ``channels``; empty if there is none, and the log says why."""
        try:
            found = microphone.devices()
        except Exception as error:
            _logger.warning("Cannot list devices: %s", error)
            return []
        return [{"index": one.index, "name": one.name, "channels": one.channels} for one in found]
