"""Image streams that a browser shows as they stand: JPEGs, and Flate with PNG predictors.

Here: deciding from the bytes alone, without decoding pixels, that a stream may be stored
untouched. Not here: anything that decodes (`encode.py`). Every check errs towards None, which
costs a decoding.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SOI: Final = b"\xff\xd8"
_EXIF: Final = b"Exif\x00\x00"
_EOI: Final = b"\xff\xd9"
_TRAILING: Final = 64
"""Bytes that producers leave after the end marker: line ends and padding."""
_BASELINE_OR_PROGRESSIVE: Final = frozenset({0xC0, 0xC1, 0xC2})
"""Frame markers that browsers decode; the others are lossless, differential or arithmetic."""
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PNG_COLOUR: Final = {1: 0, 3: 2}
_MAX_PNG_FILTER: Final = 4


def whole_jpeg(data: bytes, width: int, height: int, components: int) -> bytes | None:
    """The JPEG itself if browsers show it as the PDF does, else None.

    Its own header must agree with the PDF's dictionary, it must hold 8-bit gray or colour, and
    it must be complete: a cut one shows gray in browsers and raises in Pillow.
    """
    if not data.startswith(_SOI) or _EOI not in data[-_TRAILING:]:
        return None
    end = data.rindex(_EOI) + 2
    kept = [_SOI]
    for marker, start, stop in _segments(data):
        if marker in _FRAMES:
            precision, rows, columns, channels = struct.unpack_from(">BHHB", data, start + 4)
            agrees = (columns, rows, channels) == (width, height, components)
            if not agrees or precision != 8 or marker not in _BASELINE_OR_PROGRESSIVE:
                return None
            return b"".join((*kept, data[start:end]))
        # Browsers turn a picture by its Exif orientation; PDF viewers do not look at it.
        if not data.startswith(_EXIF, start + 4):
            kept.append(data[start:stop])
    return None


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and stop of each segment up to the frame header."""
    at = len(_SOI)
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        bare = marker == 0x01 or 0xD0 <= marker <= 0xD7  # markers without a length
        stop = at + 2 + (0 if bare else int.from_bytes(data[at + 2 : at + 4], "big"))
        yield marker, at, stop
        at = stop


def png_of_flate(data: bytes, width: int, height: int, components: int, bits: int) -> bytes | None:
    """A PNG around a Flate stream that carries PNG predictors, else None.

    Such a stream is a PNG's image data byte for byte. Whether it is one shows when it is
    inflated: it has exactly one filter byte a row, each of 0 to 4.
    """
    if (
        components not in _PNG_COLOUR
        or bits not in (1, 2, 4, 8, 16)
        or (components > 1 and bits < 8)
    ):
        return None
    row = 1 + (width * components * bits + 7) // 8
    try:
        inflater = zlib.decompressobj()
        # Never more than one byte beyond what the dictionary promises: the stream may be a bomb.
        rows = inflater.decompress(data, row * height + 1)
    except zlib.error:
        return None
    if len(rows) != row * height or not inflater.eof or max(rows[::row]) > _MAX_PNG_FILTER:
        return None
    used = data[: len(data) - len(inflater.unused_data)]
    header = struct.pack(">IIBBBBB", width, height, bits, _PNG_COLOUR[components], 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", used),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
