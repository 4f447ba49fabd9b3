"""A stream is stored untouched only when its bytes prove that browsers show it."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from assets.images.compressed import png_of_flate, whole_jpeg


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_whole_jpeg_is_taken_as_it_is(mode: str, channels: int, progressive: bool) -> None:
    data = jpeg(mode, progressive=progressive)
    assert whole_jpeg(data, 40, 30, channels) == data
    assert whole_jpeg(data + b"\r\n", 40, 30, channels) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xff\xff\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00\xff\xd9" * 3,
        jpeg()[:-200],
        jpeg("CMYK"),
        jpeg("L"),
        b"GIF89a" + jpeg(),
    ],
)
def test_what_is_no_whole_colour_jpeg_is_not_taken(data: bytes) -> None:
    assert whole_jpeg(data, 40, 30, 3) is None


def test_an_exif_orientation_does_not_turn_the_picture_in_a_browser() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    taken = whole_jpeg(jpeg(exif=exif), 40, 30, 3)
    assert taken is not None
    assert not Image.open(io.BytesIO(taken)).getexif()
    plain, turned = (Image.open(io.BytesIO(data)) for data in (jpeg(), taken))
    assert plain.tobytes() == turned.tobytes()


def test_a_jpeg_whose_own_size_differs_from_the_dictionary_is_not_taken() -> None:
    assert whole_jpeg(jpeg(), 41, 30, 3) is None


def test_flate_with_a_filter_byte_a_row_becomes_a_png() -> None:
    rows = b"".join(bytes([0, *range(row, row + 12)]) for row in range(5))
    png = png_of_flate(zlib.compress(rows) + b"\n", 4, 5, 3, 8)
    assert png is not None
    image = Image.open(io.BytesIO(png))
    assert image.size == (4, 5)
    assert image.getpixel((1, 2)) == (5, 6, 7)


@pytest.mark.parametrize(
    "rows",
    [
        b"\x00" * 60,  # no filter bytes
        b"\x07" * 65,  # no such filter
        b"\x00" * 64,  # a byte is missing
        b"\x00" * 66,  # a byte too many
    ],
)
def test_other_flate_is_not_taken(rows: bytes) -> None:
    assert png_of_flate(zlib.compress(rows), 4, 5, 3, 8) is None


def test_damaged_or_cut_flate_is_not_taken() -> None:
    whole = zlib.compress(b"\x00" * 65)
    assert png_of_flate(whole[:-6], 4, 5, 3, 8) is None
    assert png_of_flate(b"rubbish", 4, 5, 3, 8) is None
    assert png_of_flate(whole, 4, 5, 4, 8) is None
