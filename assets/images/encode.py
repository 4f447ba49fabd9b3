"""The bytes of one image in a format that browsers show: as they stand if possible, else decoded.

Here: JPEG and PNG from MuPDF's image handles and pixmaps; the same input gives the same bytes. Not
here: which images are stored (`roles.py`, `extract.py`).
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Final

import pymupdf
from PIL import Image
from pymupdf import mupdf

from assets.images.compressed import png_of_flate, whole_jpeg
from assets.images.placements import Placement
from resources.errors import DocumentError, ErrorClass
from resources.workers.documents import take_warnings

MAX_PIXELS: Final = 40_000_000
"""A4 at 600 dpi (34.8 Mpx) is stored as it is; above, halved until it fits, before decoding.

Subsampled while decoding: 35,000 x 35,000 bilevel pixels take 0.7 s and 160 MB.
"""
MAX_INPUT_PIXELS: Final = 4_000_000_000
"""Subsampling reads every pixel, about 1.5 Gpx a second: beyond this the image is refused."""
JPEG_QUALITY: Final = 90
"""For sources that are lossy already (CMYK JPEG, JPX): about the size of the source."""
KEPT: Final = 0.98
"""A picture of which this share is shown is stored whole."""
PNG_LEVEL: Final = 3
"""Over 80 figures of real documents: 5.9 MB in 0.65 s; level 6 made 6.3 MB in 1.07 s."""
_LOSSY: Final = frozenset({mupdf.FZ_IMAGE_JPEG, mupdf.FZ_IMAGE_JPX, mupdf.FZ_IMAGE_JXR})
_PADDED: Final = "padding truncated image"
_PLAIN: Final = frozenset({"DeviceGray", "DeviceRGB"})
_EVERYTHING: Final = (
    pymupdf.FZ_MIN_INF_RECT,
    pymupdf.FZ_MIN_INF_RECT,
    pymupdf.FZ_MAX_INF_RECT,
    pymupdf.FZ_MAX_INF_RECT,
)


Crop = tuple[float, float, float, float]
"""Left, top, right and bottom of what is shown, as shares of the picture's sides."""


@dataclass(frozen=True)
class Encoded:
    """An image file: its bytes, `png` or `jpeg`, and its pixels."""

    data: bytes
    format: str
    width: int
    height: int


@dataclass(frozen=True)
class Turn:
    """How a placement turns the stored pixels: swap the axes first, then mirror."""

    swap: bool
    mirror_x: bool
    mirror_y: bool

    @property
    def upright(self) -> bool:
        """Whether the pixels stand on the page as they are stored."""
        return not (self.swap or self.mirror_x or self.mirror_y)


def turn_of(placement: Placement) -> Turn:
    """The quarter turns and mirrorings of a placement; a slant is left to the page."""
    a, b, c, d, _, _ = placement.transform
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(swap=False, mirror_x=a < 0, mirror_y=d < 0)
    return Turn(swap=True, mirror_x=c < 0, mirror_y=b < 0)


def crop_of(placement: Placement) -> Crop | None:
    """The part of the turned picture that the page or a clip leaves; None when that is all of it.

    A rim under a fiftieth of the picture is left on: it is mostly half a pixel that the producer
    cut off, and cropping costs a JPEG its bytes.
    """
    whole, shown = placement.whole, placement.bbox
    across, down = whole[2] - whole[0], whole[3] - whole[1]
    if not 0 < placement.area < KEPT * across * down:
        return None
    left, right = ((shown[i] - whole[0]) / across for i in (0, 2))
    top, bottom = ((shown[i] - whole[1]) / down for i in (1, 3))
    return (left, top, right, bottom)


def encode_image(image: mupdf.FzImage, turn: Turn, crop: Crop | None = None) -> Encoded:
    """The image file of MuPDF's image `image`, turned as it stands on the page, then cropped.

    Raises:
        DocumentError: image_failed, when no pixel can be decoded, or there are far too many.

    """
    width, height = image.w(), image.h()
    if width < 1 or height < 1 or width * height > MAX_INPUT_PIXELS:
        raise DocumentError(ErrorClass.IMAGE_FAILED, f"an image of {width} x {height} pixels")
    mask = _alpha(image)
    if mask is None and turn.upright and crop is None:
        stored = _as_it_stands(image)
        if stored is not None:
            return stored
    picture = _turned(_picture(image, mask), turn)
    return _encode(_cropped(picture, crop) if crop else picture, lossy=_is_lossy(image))


def encode_pixmap(pixmap: pymupdf.Pixmap) -> Encoded:
    """The PNG of a rendered region (RGB without alpha)."""
    picture = Image.frombuffer("RGB", (pixmap.width, pixmap.height), bytes(pixmap.samples_mv))
    return _encode(picture, lossy=False)


def _as_it_stands(image: mupdf.FzImage) -> Encoded | None:
    """The compressed stream, untouched, where it is a browser's format in a browser's colours."""
    width, height, space = image.w(), image.h(), image.colorspace()
    if width * height > MAX_PIXELS or image.use_decode() or image.use_colorkey():
        return None
    if not mupdf.fz_colorspace_is_gray(space) and not mupdf.fz_colorspace_is_rgb(space):
        return None
    # Other profiles (Adobe RGB, dot gain) are not in the stream: converted, or colours would shift.
    name = mupdf.fz_colorspace_name(space)
    if name not in _PLAIN and "sRGB" not in name:
        return None
    kind = image.fz_compressed_image_type()
    if kind not in (mupdf.FZ_IMAGE_JPEG, mupdf.FZ_IMAGE_FLATE):
        return None
    data = _compressed(image)
    if kind == mupdf.FZ_IMAGE_JPEG:
        jpeg = whole_jpeg(data, width, height, image.n())
        return Encoded(jpeg, "jpeg", width, height) if jpeg else None
    png = png_of_flate(data, width, height, image.n(), image.bpc())
    return Encoded(png, "png", width, height) if png else None


def _compressed(image: mupdf.FzImage) -> bytes:
    stream = mupdf.ll_fz_compressed_image_buffer(image.m_internal)
    return bytes(mupdf.FzBuffer(mupdf.ll_fz_keep_buffer(stream.buffer)).fz_buffer_extract_copy())


def _alpha(image: mupdf.FzImage) -> Image.Image | None:
    """The image's soft or stencil mask as coverage, or None when it hides nothing."""
    mask = image.mask()
    if not mask.m_internal:
        return None
    if mask.w() * mask.h() > MAX_INPUT_PIXELS:
        raise DocumentError(ErrorClass.IMAGE_FAILED, f"a mask of {mask.w()} x {mask.h()} pixels")
    coverage = _gray(_decode(mask))
    return None if coverage.getextrema()[0] == 255 else coverage


def _picture(image: mupdf.FzImage, alpha: Image.Image | None) -> Image.Image:
    """The decoded pixels, with `alpha` at the finer of the two resolutions."""
    take_warnings()
    pixmap = _decode(image)
    _require_pixels(pixmap, take_warnings())
    if pixmap.colorspace is None:  # a stencil: what it paints, in black
        return _gray(pixmap).point(lambda covered: 255 - covered)
    if pixmap.colorspace.name not in _PLAIN:
        # One channel may be an ink as well as gray; profiles are applied here, once.
        is_gray = mupdf.fz_colorspace_is_gray(image.colorspace())
        pixmap = pymupdf.Pixmap(pymupdf.csGRAY if is_gray else pymupdf.csRGB, pixmap)
    channels = pixmap.colorspace.n
    mode = {(1, 0): "L", (3, 0): "RGB", (1, 1): "LA", (3, 1): "RGBA"}[channels, pixmap.alpha]
    picture = Image.frombuffer(mode, (pixmap.width, pixmap.height), bytes(pixmap.samples_mv))
    if alpha is None:
        bilevel = image.bpc() == 1 and mode == "L" and pixmap.width == image.w()
        return picture.point(lambda value: value // 128 * 255, "1") if bilevel else picture
    size = max(picture.size, alpha.size, key=lambda size: size[0] * size[1])
    picture = picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    picture.putalpha(alpha.resize(size, Image.Resampling.BILINEAR))
    return picture


def _decode(image: mupdf.FzImage) -> pymupdf.Pixmap:
    """All pixels of an image, or an even sample of them within MAX_PIXELS."""
    width, height = image.w(), image.h()
    while width * height > MAX_PIXELS:
        width, height = (width + 1) // 2, (height + 1) // 2
    # MuPDF halves while it decodes, as long as at least 2 pixels more than this matrix remain.
    if (width, height) != (image.w(), image.h()):
        width, height = max(1, width - 2), max(1, height - 2)
    pixmap, _, _ = mupdf.fz_get_pixmap_from_image(
        image, mupdf.FzIrect(*_EVERYTHING), mupdf.FzMatrix(width, 0, 0, height, 0, 0)
    )
    return pymupdf.Pixmap("raw", pixmap)


def _require_pixels(pixmap: pymupdf.Pixmap, complaints: str) -> None:
    """Refuse what MuPDF made up: it pads a stream that it cannot decode, without an error.

    A stream of which something was decoded is kept: half a picture says more than none.
    """
    if _PADDED in complaints and pixmap.is_unicolor:
        raise DocumentError(
            ErrorClass.IMAGE_FAILED, f"nothing of it decodes: {complaints.splitlines()[0]}"
        )


def _gray(pixmap: pymupdf.Pixmap) -> Image.Image:
    if pixmap.colorspace is not None and pixmap.colorspace.n != 1:
        pixmap = pymupdf.Pixmap(pymupdf.csGRAY, pixmap)
    return Image.frombuffer("L", (pixmap.width, pixmap.height), bytes(pixmap.samples_mv))


def _turned(picture: Image.Image, turn: Turn) -> Image.Image:
    if turn.swap:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
    if turn.mirror_x:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if turn.mirror_y:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return picture


def _cropped(picture: Image.Image, crop: Crop) -> Image.Image:
    left, top = int(crop[0] * picture.width), int(crop[1] * picture.height)
    right = max(left + 1, min(picture.width, math.ceil(crop[2] * picture.width)))
    bottom = max(top + 1, min(picture.height, math.ceil(crop[3] * picture.height)))
    return picture.crop((left, top, right, bottom))


def _is_lossy(image: mupdf.FzImage) -> bool:
    return image.bpc() > 1 and image.fz_compressed_image_type() in _LOSSY


def _encode(picture: Image.Image, *, lossy: bool) -> Encoded:
    stream = io.BytesIO()
    if lossy and picture.mode in ("L", "RGB"):
        picture.save(stream, "JPEG", quality=JPEG_QUALITY)
        return Encoded(stream.getvalue(), "jpeg", picture.width, picture.height)
    picture.save(stream, "PNG", compress_level=PNG_LEVEL)
    return Encoded(stream.getvalue(), "png", picture.width, picture.height)
