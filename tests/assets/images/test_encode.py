"""Every kind of image stream becomes a file that browsers show, and looks as on the page."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image

from assets.images.encode import MAX_PIXELS, encode_image, turn_of
from assets.images.placements import placed_images
from resources.errors import DocumentError

SIZE = "/Width 64 /Height 48 "
RGB = SIZE + "/ColorSpace /DeviceRGB /BitsPerComponent 8 "
GRAY = SIZE + "/ColorSpace /DeviceGray /BitsPerComponent 8 "
BILEVEL = "/BitsPerComponent 1 /Filter /FlateDecode "
Stream = tuple[str, bytes]


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def predicted(image: Image.Image) -> bytes:
    """The zlib stream of a PNG: what Flate with PNG predictors holds."""
    png, at, data = saved(image, "PNG"), 8, b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    return data


def group4(image: Image.Image) -> bytes:
    """The one strip of a TIFF: what CCITTFaxDecode holds."""
    data = saved(image, "TIFF", compression="group4")
    tags = Image.open(io.BytesIO(data)).getexif()
    start, length = tags[273], tags[279]
    return data[start : start + length]


def streams(photo: Image.Image) -> dict[str, tuple[Stream, tuple[Stream, ...], str]]:
    """Name -> image, further objects, expected format."""
    raw = zlib.compress(photo.tobytes())
    gray = photo.convert("L")
    circle = Image.fromarray(
        (np.hypot(*np.mgrid[-24:24, -32:32]) < 20).astype(np.uint8) * 200 + 55, "L"
    )
    bits = circle.point(lambda v: 255 * (v > 128), "1")
    flate = "/Filter /FlateDecode "
    predictor = "/DecodeParms <</Predictor 15 /Colors {} /Columns 64>> "
    mask = (GRAY + flate, zlib.compress(circle.tobytes()))
    half = circle.resize((32, 24))
    small_mask = (
        "/Width 32 /Height 24 /ColorSpace /DeviceGray /BitsPerComponent 8 " + flate,
        zlib.compress(half.tobytes()),
    )
    palette = photo.quantize(16)
    lookup = bytes(palette.getpalette() or ())[:48].hex()
    indexed = SIZE + f"/ColorSpace [/Indexed /DeviceRGB 15 <{lookup}>] /BitsPerComponent 8 "
    tint = "<</FunctionType 2 /Domain [0 1] /N 1 /C0 [0 0 0 0] /C1 [0 1 1 0]>>"
    cmyk = SIZE + "/ColorSpace /DeviceCMYK /BitsPerComponent 8 "
    deep = (np.asarray(photo, np.uint16) * 257).astype(">u2").tobytes()
    hexadecimal = photo.tobytes().hex().encode()
    return {
        "flate": ((RGB + flate, raw), (), "png"),
        "unfiltered": ((RGB, photo.tobytes()), (), "png"),
        "hexadecimal": ((RGB + "/Filter /ASCIIHexDecode", hexadecimal), (), "png"),
        "png predictor": ((RGB + flate + predictor.format(3), predicted(photo)), (), "png"),
        "gray predictor": ((GRAY + flate + predictor.format(1), predicted(gray)), (), "png"),
        "bilevel": (
            (SIZE + "/ColorSpace /DeviceGray " + BILEVEL, zlib.compress(bits.tobytes())),
            (),
            "png",
        ),
        "group 4": (
            (
                SIZE + "/ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /CCITTFaxDecode "
                "/DecodeParms <</K -1 /Columns 64 /Rows 48 /BlackIs1 true>>",
                group4(bits),
            ),
            (),
            "png",
        ),
        "indexed": ((indexed + flate, zlib.compress(palette.tobytes())), (), "png"),
        "separation": (
            (
                SIZE
                + f"/ColorSpace [/Separation /Red /DeviceCMYK {tint}] /BitsPerComponent 8 "
                + flate,
                zlib.compress(gray.tobytes()),
            ),
            (),
            "png",
        ),
        "lab": (
            (
                SIZE
                + "/ColorSpace [/Lab <</WhitePoint [0.95 1 1.09]>>] /BitsPerComponent 8 "
                + flate,
                raw,
            ),
            (),
            "png",
        ),
        "16 bits": (
            (SIZE + "/ColorSpace /DeviceRGB /BitsPerComponent 16 " + flate, zlib.compress(deep)),
            (),
            "png",
        ),
        "negative": ((RGB + flate + "/Decode [1 0 1 0 1 0]", raw), (), "png"),
        "colour key": ((RGB + flate + "/Mask [0 90 0 255 0 255]", raw), (), "png"),
        "cmyk": ((cmyk + flate, zlib.compress(photo.convert("CMYK").tobytes())), (), "png"),
        "jpeg": ((RGB + "/Filter /DCTDecode", saved(photo, "JPEG")), (), "jpeg"),
        "gray jpeg": ((GRAY + "/Filter /DCTDecode", saved(gray, "JPEG")), (), "jpeg"),
        "cmyk jpeg": (
            (
                cmyk + "/Filter /DCTDecode /Decode [1 0 1 0 1 0 1 0]",
                saved(photo.convert("CMYK"), "JPEG"),
            ),
            (),
            "jpeg",
        ),
        "jpeg 2000": ((SIZE + "/Filter /JPXDecode", saved(photo, "JPEG2000")), (), "jpeg"),
        "soft mask": ((RGB + flate + "/SMask {0} 0 R", raw), (mask,), "png"),
        "coarse soft mask": ((RGB + flate + "/SMask {0} 0 R", raw), (small_mask,), "png"),
        "jpeg, soft mask": (
            (RGB + "/Filter /DCTDecode /SMask {0} 0 R", saved(photo, "JPEG")),
            (mask,),
            "png",
        ),
        "stencil mask": (
            (RGB + flate + "/Mask {0} 0 R", raw),
            ((SIZE + "/ImageMask true " + BILEVEL, zlib.compress(bits.tobytes())),),
            "png",
        ),
    }


KINDS = sorted(streams(Image.new("RGB", (64, 48))))


def encode_first(path: Path) -> tuple[pymupdf.Document, tuple[float, ...], Any]:
    document = pymupdf.open(path)
    placed = placed_images(document[0])[0]
    placement, image = placed.placement, placed.image
    return document, placement.bbox, encode_image(image, turn_of(placement))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_stream_looks_as_it_does_on_the_page(
    kind: str, photo: Image.Image, write_pdf: Callable[..., Path], difference: Any
) -> None:
    image, extra, format_ = streams(photo)[kind]
    document, box, encoded = encode_first(write_pdf(image, extra=extra))
    stored = Image.open(io.BytesIO(encoded.data))
    stored.load()
    assert stored.format == format_.upper()
    assert encoded.format == format_
    assert stored.size == (encoded.width, encoded.height) == (64, 48)
    assert difference(document[0], box, encoded.data) < 0.04


def test_the_same_image_gives_the_same_bytes(
    photo: Image.Image, write_pdf: Callable[..., Path]
) -> None:
    for kind, (image, extra, _) in streams(photo).items():
        path = write_pdf(image, extra=extra)
        assert encode_first(path)[2] == encode_first(path)[2], kind


def test_a_browsers_jpeg_is_not_encoded_again(
    photo: Image.Image, write_pdf: Callable[..., Path]
) -> None:
    jpeg = saved(photo, "JPEG", quality=60)
    _, _, encoded = encode_first(write_pdf((RGB + "/Filter /DCTDecode", jpeg)))
    assert encoded.data == jpeg


def test_a_mask_that_hides_nothing_does_not_cost_the_jpeg(
    photo: Image.Image, write_pdf: Callable[..., Path]
) -> None:
    jpeg = saved(photo, "JPEG")
    opaque = (GRAY + "/Filter /FlateDecode", zlib.compress(b"\xff" * 64 * 48))
    path = write_pdf((RGB + "/Filter /DCTDecode /SMask {0} 0 R", jpeg), extra=(opaque,))
    assert encode_first(path)[2].data == jpeg


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "matrix",
    [
        b"128 0 0 96 40 30", b"-128 0 0 96 168 30", b"128 0 0 -96 40 126", b"-128 0 0 -96 168 126",
        b"0 96 128 0 40 30", b"0 -96 128 0 40 126", b"0 96 -128 0 168 30", b"0 -96 -128 0 168 126",
    ],
)  # fmt: skip
def test_pixels_are_turned_as_they_stand_on_the_page(
    matrix: bytes,
    rotate: int,
    photo: Image.Image,
    write_pdf: Callable[..., Path],
    difference: Any,
) -> None:
    path = write_pdf(
        (RGB + "/Filter /DCTDecode", saved(photo, "JPEG", quality=95)),
        content=b"q " + matrix + b" cm /I0 Do Q",
        page=f"/Rotate {rotate} /CropBox [10 10 190 140]",
    )
    document, box, encoded = encode_first(path)
    assert difference(document[0], box, encoded.data) < 0.04


def test_a_huge_image_is_halved_until_it_fits_while_it_is_decoded(
    write_pdf: Callable[..., Path],
) -> None:
    side = 30_000
    rows = zlib.compress(zlib.compress(b"\x0f" * (side * (side // 8)), 9), 9)
    entries = f"/Width {side} /Height {side} /ColorSpace /DeviceGray /BitsPerComponent 1 "
    image = (entries + "/Filter [/FlateDecode /FlateDecode] ", rows)
    _, _, encoded = encode_first(write_pdf(image))
    assert encoded.width == encoded.height == side // 8
    assert encoded.width * encoded.height <= MAX_PIXELS
    assert Image.open(io.BytesIO(encoded.data)).size == (side // 8, side // 8)


def test_an_absurd_size_is_refused_before_anything_is_decoded(
    write_pdf: Callable[..., Path],
) -> None:
    image = (
        "/Width 90000 /Height 90000 /ColorSpace /DeviceGray /BitsPerComponent 1 ",
        b"\x00" * 100,
    )
    document = pymupdf.open(write_pdf(image))
    placed = placed_images(document[0])[0]
    placement, handle = placed.placement, placed.image
    with pytest.raises(DocumentError) as caught:
        encode_image(handle, turn_of(placement))
    assert caught.value.error_class == "image_failed"
