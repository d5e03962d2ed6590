"""What kind of audio file bytes are, by their content. Names and suffixes say nothing: the protocol has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DETECTION_BYTES = 2**16
"""So much of a file has to show what it is. A radio stream that is joined in its middle needs less than 2 KB."""

# Long enough that what is found does not depend on where the pieces are cut.
_LEAST_BYTES = 640
_FRAMES_IN_A_ROW = 3
_TRANSPORT_PACKET = 188


@dataclass(frozen=True)
class Container:
    """One kind of audio file.

    Attributes:
        name: as people call it.
        demuxer: FFmpeg's name of what reads it; empty for WAV, which needs no decoder.
        whole: its index stands behind the audio, so that nothing can be decoded before all of it has come.
    """

    name: str
    demuxer: str
    whole: bool = False


WAV = Container("WAV", "")
COMPRESSED_WAV = Container("compressed WAV", "wav")
MP3 = Container("MP3", "mp3")
AAC = Container("AAC", "aac")
MP4 = Container("MP4", "mov")
MP4_INDEX_LAST = Container("MP4", "mov", whole=True)
MPEG_TRANSPORT = Container("MPEG transport stream", "mpegts")
UNKNOWN = Container("", "")
"""No audio file that is known here."""

_SIGNATURES: tuple[tuple[tuple[tuple[int, bytes], ...], Container], ...] = (
    (((0, b"RIFF"), (8, b"WAVE")), WAV),
    (((0, b"RF64"), (8, b"WAVE")), WAV),
    (((0, b"BW64"), (8, b"WAVE")), WAV),
    (((0, b"RIFX"), (8, b"WAVE")), Container("big-endian WAV", "wav")),
    (((0, bytes.fromhex("726966662e91cf11a5d628db04c10000")),), Container("Wave64", "w64")),
    (((0, b"OggS"),), Container("Ogg", "ogg")),
    (((0, b"fLaC"),), Container("FLAC", "flac")),
    (((0, b"#!AMR"),), Container("AMR", "amr")),
    (((0, b"\x1a\x45\xdf\xa3"),), Container("WebM", "matroska")),
    (((0, b"\x00\x00\x01\xba"),), Container("MPEG", "mpeg")),
    (((0, b"FORM"), (8, b"AIFF")), Container("AIFF", "aiff")),
    (((0, b"FORM"), (8, b"AIFC")), Container("AIFF", "aiff")),
    (((0, b".snd"),), Container("AU", "au")),
    (((0, b"caff"),), Container("CAF", "caf")),
    (((0, bytes.fromhex("3026b2758e66cf11")),), Container("Windows Media", "asf")),
)
"""Bytes at offsets, all of which have to be there."""

_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"sidx", b"uuid", b"meta")
_INDEX = (b"moov", b"moof")


def detect(head: bytes, complete: bool = False) -> Container | None:
    """What the file is that begins with ``head``; None while that cannot be said yet.

    Args:
        head: the first bytes of the file, all that have come.
        complete: no more will come.
    """
    complete = complete or len(head) >= DETECTION_BYTES
    head = head[:DETECTION_BYTES]
    if len(head) < 16 and not complete:
        return None
    for parts, container in _SIGNATURES:
        if all(head.startswith(part, at) for at, part in parts):
            return container
    if head[4:8] in _BOXES:
        return _mp4(head, complete)
    if len(head) < _LEAST_BYTES and not complete:
        return None
    start = 0
    if head.startswith(b"ID3"):
        start = _end_of_tag(head)
        if start >= len(head):
            return MP3 if complete else None
    if _is_transport_stream(head):
        return MPEG_TRANSPORT
    for container, frame_bytes in _FRAMES:
        if _has_frames(head, start, frame_bytes, complete):
            return container
    return UNKNOWN if complete else None


def _mp4(head: bytes, complete: bool) -> Container | None:
    at = 0
    while len(head) >= at + 16:
        size, name = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if size == 1:
            size = int.from_bytes(head[at + 8 : at + 16], "big")
        if name in _INDEX:
            return MP4
        if name == b"mdat" or size < 8:
            return MP4_INDEX_LAST
        at += size
    return MP4_INDEX_LAST if complete else None


def _end_of_tag(head: bytes) -> int:
    """Where the audio behind an ID3v2 tag begins; its length has seven bits in each byte."""
    if len(head) < 10:
        return len(head)
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _is_transport_stream(head: bytes) -> bool:
    packets = head[: 3 * _TRANSPORT_PACKET : _TRANSPORT_PACKET]
    return packets == b"GGG"


def _has_frames(head: bytes, start: int, frame_bytes: Callable[[bytes, int], int], complete: bool) -> bool:
    """Frames that follow one another without a gap, from anywhere on: a broadcast is joined in the middle of one."""
    found = head.find(b"\xff", start)
    while found >= 0:
        at = found
        for _ in range(_FRAMES_IN_A_ROW):
            size = frame_bytes(head, at)
            if not size:
                break
            at += size
        else:
            return True
        if complete and found == start and at > start and at >= len(head):
            return True  # a file of one or two frames
        found = head.find(b"\xff", found + 1)
    return False


_BIT_RATES = {
    # MPEG version 1 or not, layer -> kbit/s by index; 0 is a free or forbidden one.
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_MPEG_RATES = (44100, 48000, 32000)
# The version bits of a header -> what the sample rates of version 1 are divided by; 1 is reserved.
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}


def _mpeg_frame_bytes(head: bytes, at: int) -> int:
    """Length of the MPEG audio frame at ``at`` (ISO/IEC 11172-3 and 13818-3); 0 where there is none."""
    if len(head) < at + 4 or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[at + 1] >> 3 & 3, 4 - (head[at + 1] >> 1 & 3)
    rate_index, padding = head[at + 2] >> 2 & 3, head[at + 2] >> 1 & 1
    if version not in _RATE_DIVISORS or layer == 4 or rate_index == 3:
        return 0
    bit_rate = _BIT_RATES[version == 3, layer][head[at + 2] >> 4] * 1000
    rate = _MPEG_RATES[rate_index] // _RATE_DIVISORS[version]
    if layer == 1:
        return (12 * bit_rate // rate + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bit_rate // rate + padding if bit_rate else 0


def _aac_frame_bytes(head: bytes, at: int) -> int:
    """Length of the ADTS frame at ``at`` (ISO/IEC 13818-7); 0 where there is none."""
    if len(head) < at + 7 or head[at] != 0xFF or head[at + 1] & 0xF6 != 0xF0 or head[at + 2] >> 2 & 15 > 12:
        return 0
    size = (head[at + 3] & 3) << 11 | head[at + 4] << 3 | head[at + 5] >> 5
    return size if size > 7 else 0


_FRAMES: tuple[tuple[Container, Callable[[bytes, int], int]], ...] = (
    (AAC, _aac_frame_bytes),
    (MP3, _mpeg_frame_bytes),
)
