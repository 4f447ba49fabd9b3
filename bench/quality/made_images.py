"""Pages with one picture each, in every way that a PDF can hold and place one.

Here: PDFs written by hand, so that nothing re-encodes what stands in them. Not here: what is
measured on them (`images.py`).
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from bench.quality.documents import Source
from resources.samples.handwritten import pdf_of

WIDTH, HEIGHT = 192, 144
SIZE: Final = f"/Width {WIDTH} /Height {HEIGHT} "
FLATE: Final = "/Filter /FlateDecode "
RGB: Final = SIZE + "/ColorSpace /DeviceRGB /BitsPerComponent 8 "
GRAY: Final = SIZE + "/ColorSpace /DeviceGray /BitsPerComponent 8 "
BILEVEL: Final = SIZE + "/ColorSpace /DeviceGray /BitsPerComponent 1 "
ON_PAGE: Final = "q 256 0 0 192 70 50 cm /I0 Do Q"
"""On a page of 400 x 300 points."""
_PLACED: Final = {
    "upright": "256 0 0 192 70 50",
    "mirrored": "-256 0 0 192 326 50",
    "upside down": "-256 0 0 -192 326 242",
    "on its side": "0 192 256 0 70 50",
    "turned and mirrored": "0 -192 256 0 70 242",
}
_TINT: Final = "<</FunctionType 2 /Domain [0 1] /N 1 /C0 [0 0 0 0] /C1 [0 1 1 0]>>"
_PATTERN: Final = (
    "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 256 192] /XStep 256 "
    "/YStep 192 /Matrix [1 0 0 1 70 50] "
)
_GROUP: Final = "/Type /XObject /Subtype /Form /BBox [0 0 400 300] /Group <</S /Transparency>> "


@dataclass(frozen=True)
class _Page:
    """What a made page holds: objects are (dictionary, stream) and are named by their order.

    In dictionaries and in `resources`, `{0}` is the object number of the first of `extra`.
    """

    image: tuple[str, bytes] | None = None
    extra: tuple[tuple[str, bytes], ...] = ()
    content: str | bytes = ON_PAGE
    page: str = ""
    resources: str = ""


def made_documents(folder: Path) -> Iterator[Source]:
    """A document for each kind of stream and each kind of placement, written into `folder`."""
    photo = _photo()
    for name, page in (_streams(photo) | _placements(photo) | _grouped(photo)).items():
        path = folder / f"{name}.pdf"
        path.write_bytes(_written(page))
        yield Source(path, f"made: {name}")


def _photo() -> Image.Image:
    """Smooth colours and a few hard edges; no two corners look alike."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    channels = np.stack([x * 4 / 3, y * 5 / 3, 255 - x * 0.7 - y * 0.7], axis=2)
    channels[20:60, 100:160] = (250, 240, 30)
    channels[90:130, 15:60] = (10, 20, 60)
    return Image.fromarray(channels.clip(0, 255).astype(np.uint8), "RGB")


def _streams(photo: Image.Image) -> dict[str, _Page]:
    return _coded(photo) | _masked(photo) | _coloured(photo)


def _coded(photo: Image.Image) -> dict[str, _Page]:
    """Every filter, depth and range of values."""
    gray, raw, bits = photo.convert("L"), zlib.compress(photo.tobytes()), _bits()
    deep = (np.asarray(photo, np.uint16) * 257).astype(">u2").tobytes()
    inline = b"q 256 0 0 192 70 50 cm BI /W 192 /H 144 /CS /G /BPC 8 ID %s EI Q" % gray.tobytes()
    fax = "/Filter /CCITTFaxDecode /DecodeParms <</K -1 /Columns 192 /Rows 144 /BlackIs1 true>>"
    kinds = {
        "flate": (RGB + FLATE, raw),
        "hexadecimal": (RGB + "/Filter /ASCIIHexDecode", photo.tobytes().hex().encode()),
        "jpeg": (RGB + "/Filter /DCTDecode", _saved(photo, "JPEG")),
        "gray jpeg": (GRAY + "/Filter /DCTDecode", _saved(gray, "JPEG")),
        "bilevel": (BILEVEL + FLATE, zlib.compress(bits.tobytes())),
        "negative": (RGB + FLATE + "/Decode [1 0 1 0 1 0]", raw),
        "half of the range": (RGB + FLATE + "/Decode [0 0.5 0 0.5 0.5 1]", raw),
        "16 bits": (
            SIZE + "/ColorSpace /DeviceRGB /BitsPerComponent 16 " + FLATE,
            zlib.compress(deep),
        ),
        "jpeg 2000": (SIZE + "/Filter /JPXDecode", _saved(photo, "JPEG2000")),
        "jbig2": (BILEVEL + "/Filter /JBIG2Decode", _jbig2(bits)),
        "ccitt": (BILEVEL + fax, _group4(bits)),
    }
    return {name: _Page(image) for name, image in kinds.items()} | {"inline": _Page(content=inline)}


def _masked(photo: Image.Image) -> dict[str, _Page]:
    """Soft masks, stencil masks, colour keys, and a stencil that is painted through."""
    raw, jpeg, disc = zlib.compress(photo.tobytes()), _saved(photo, "JPEG"), _disc()
    half = disc.resize((WIDTH // 2, HEIGHT // 2))
    size = f"/Width {WIDTH // 2} /Height {HEIGHT // 2} "
    soft = (GRAY + FLATE, zlib.compress(disc.tobytes()))
    coarse = (
        size + "/ColorSpace /DeviceGray /BitsPerComponent 8 " + FLATE,
        zlib.compress(half.tobytes()),
    )
    stencil = (
        SIZE + "/ImageMask true /BitsPerComponent 1 " + FLATE,
        zlib.compress(_bits().tobytes()),
    )
    masked = RGB + FLATE + "/SMask {0} 0 R"
    ground = "0.2 0.6 0.9 rg 0 0 400 300 re f " + ON_PAGE
    return {
        "soft mask": _Page((masked, raw), (soft,)),
        "soft mask on a ground": _Page((masked, raw), (soft,), ground),
        "coarse soft mask": _Page((masked, raw), (coarse,)),
        "jpeg with a soft mask": _Page((RGB + "/Filter /DCTDecode /SMask {0} 0 R", jpeg), (soft,)),
        "stencil mask": _Page((RGB + FLATE + "/Mask {0} 0 R", raw), (stencil,)),
        "colour key mask": _Page((RGB + FLATE + "/Mask [245 255 235 245 25 35]", raw)),
        "stencil": _Page(stencil, content="1 0 0 rg " + ON_PAGE),
    }


def _coloured(photo: Image.Image) -> dict[str, _Page]:
    """Every colour space."""
    gray, raw, cmyk = photo.convert("L"), zlib.compress(photo.tobytes()), photo.convert("CMYK")
    palette = photo.quantize(16)
    lookup = bytes(palette.getpalette() or ())[:48].hex()
    space = SIZE + "/BitsPerComponent 8 " + FLATE + "/ColorSpace "
    inks = zlib.compress(np.asarray(photo)[..., :2].tobytes())
    two = ("/FunctionType 4 /Domain [0 1 0 1] /Range [0 1 0 1 0 1 0 1]", b"{0 0}")
    four = SIZE + "/ColorSpace /DeviceCMYK /BitsPerComponent 8 "
    packed = zlib.compress(gray.tobytes())
    white = "<</WhitePoint [0.95 1 1.09]>>"
    return {
        "indexed": _Page(
            (f"{space}[/Indexed /DeviceRGB 15 <{lookup}>]", zlib.compress(palette.tobytes()))
        ),
        "separation": _Page((f"{space}[/Separation /Red /DeviceCMYK {_TINT}]", packed)),
        "two inks": _Page((space + "[/DeviceN [/One /Two] /DeviceCMYK {0} 0 R]", inks), (two,)),
        "lab": _Page((f"{space}[/Lab {white}]", raw)),
        "calibrated gray": _Page((f"{space}[/CalGray {white}]", packed)),
        "profile": _Page(
            (space + "[/ICCBased {0} 0 R]", raw), (("/N 3 /Alternate /DeviceRGB", _profile()),)
        ),
        "cmyk": _Page((four + FLATE, zlib.compress(cmyk.tobytes()))),
        "cmyk jpeg": _Page((four + "/Filter /DCTDecode", _saved(cmyk, "JPEG"))),
        "cmyk jpeg, inverted": _Page(
            (four + "/Filter /DCTDecode /Decode [1 0 1 0 1 0 1 0]", _saved(cmyk, "JPEG"))
        ),
    }


def _disc() -> Image.Image:
    """A disc of white on dark gray."""
    inside = np.hypot(*np.mgrid[-72:72, -96:96]) < 60
    return Image.fromarray(inside.astype(np.uint8) * 200 + 55, "L")


def _bits() -> Image.Image:
    return _disc().point(lambda value: 255 * (value > 128), "1")


def _placements(photo: Image.Image) -> dict[str, _Page]:
    image = (RGB + "/Filter /DCTDecode", _saved(photo, "JPEG", quality=95))
    pages = {
        f"{name}, page turned by {turn}": _Page(
            image,
            content=f"q {matrix} cm /I0 Do Q",
            page=f"/Rotate {turn} /CropBox [20 10 390 280]",
        )
        for name, matrix in _PLACED.items()
        for turn in (0, 90, 180, 270)
    }
    contents = {
        "turned by a degree": "q 256 4.5 -3.4 192 70 50 cm /I0 Do Q",
        "turned by 30 degrees": "q 200 115 -86 150 130 20 cm /I0 Do Q",
        "slanted": "q 200 0 80 192 40 50 cm /I0 Do Q",
        "clipped to a half": "q 70 50 128 192 re W n " + ON_PAGE + " Q",
        "clipped to its middle": "q 150 90 90 100 re W n " + ON_PAGE + " Q",
        "clipped by a hair": "q 70.5 50.5 255 191 re W n " + ON_PAGE + " Q",
        "clipped to a triangle": "q 70 50 m 326 50 l 198 242 l h W n " + ON_PAGE + " Q",
        "beyond the page": "q 256 0 0 192 250 180 cm /I0 Do Q",
        "under text": ON_PAGE + " BT /F 30 Tf 90 120 Td (over the picture) Tj ET",
        "under a box": ON_PAGE + " 1 0 0 rg 100 100 90 60 re f",
        "tiles": " ".join(
            f"q 128 0 0 96 {x} {y} cm /I0 Do Q" for x in (70, 198) for y in (50, 146)
        ),
    }
    return {name: _Page(image, content=content) for name, content in contents.items()} | pages


def _grouped(photo: Image.Image) -> dict[str, _Page]:
    """Forms, transparency, masks of the graphics state, patterns."""
    image = (RGB + "/Filter /DCTDecode", _saved(photo, "JPEG", quality=95))
    state = "/ExtGState <</G <<{}>>>>"
    form = (_GROUP + "/Resources <</XObject <</I0 5 0 R>>>>", ON_PAGE.encode())
    mask = (
        _GROUP.replace("/Transparency", "/Transparency /CS /DeviceGray"),
        b"1 g 70 50 128 192 re f",
    )
    pattern = (
        _PATTERN + "/Resources <</XObject <</I0 5 0 R>>>>",
        b"q 256 0 0 192 0 0 cm /I0 Do Q",
    )
    forms = "/XObject <</I0 5 0 R /X {0} 0 R>>"
    luminous = "/SMask <</S /Luminosity /G {0} 0 R>>"
    return {
        "in a form": _Page(image, (form,), "/X Do", resources=forms),
        "in a form, smaller": _Page(image, (form,), "q .7 0 0 .7 9 9 cm /X Do Q", resources=forms),
        "half transparent": _Page(
            image, content="/G gs " + ON_PAGE, resources=state.format("/ca 0.6")
        ),
        "in a half transparent form": _Page(
            image, (form,), "/G gs /X Do", resources=forms + state.replace("{}", "/ca 0.6")
        ),
        "multiplied on a ground": _Page(
            image,
            content="0.4 0.7 0.5 rg 0 0 400 300 re f /G gs " + ON_PAGE,
            resources=state.format("/BM /Multiply"),
        ),
        "behind a luminous mask": _Page(
            image, (mask,), "/G gs " + ON_PAGE, resources=state.replace("{}", luminous)
        ),
        "in a pattern": _Page(
            image,
            (pattern,),
            "/Pattern cs /P scn 70 50 256 192 re f",
            resources="/Pattern <</P {0} 0 R>>",
        ),
    }


def _written(page: _Page) -> bytes:
    """The PDF: catalog, pages, page, content, the image (object 5), then what it refers to."""
    content = page.content if isinstance(page.content, bytes) else page.content.encode()
    numbers = [6 + place for place in range(len(page.extra))]
    named = "" if "/XObject" in page.resources or not page.image else "/XObject <</I0 5 0 R>>"
    resources = _filled(page.resources, numbers) + named
    font = "/Font <</F <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>>>"
    entries, data = page.image or ("/Unused true", b"")
    bodies = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        (
            "<</Type /Page /Parent 2 0 R /MediaBox [0 0 400 300] /Contents 4 0 R "
            f"/Resources <<{resources} {font}>> {page.page}>>"
        ).encode(),
        _object("", content),
        _object("/Type /XObject /Subtype /Image " + _filled(entries, numbers), data),
        *(_extra(entry, stream) for entry, stream in page.extra),
    ]
    return pdf_of(bodies)


def _filled(entries: str, numbers: list[int]) -> str:
    for place, number in enumerate(numbers):
        entries = entries.replace(f"{{{place}}}", str(number))
    return entries


def _extra(entries: str, data: bytes) -> bytes:
    if "/Subtype" in entries or "/FunctionType" in entries or "/Pattern" in entries:
        return _object(entries, data)
    if "/N 3" in entries:
        return _object(entries, data)
    return _object("/Type /XObject /Subtype /Image " + entries, data)


def _object(entries: str, data: bytes) -> bytes:
    return b"<<%s /Length %d>> stream\n%s\nendstream" % (entries.encode(), len(data), data)


def _saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_, **options)
    return stream.getvalue()


def _group4(image: Image.Image) -> bytes:
    """The one strip of a TIFF: what CCITTFaxDecode holds."""
    data = _saved(image, "TIFF", compression="group4")
    tags: Mapping[int, Any] = Image.open(io.BytesIO(data)).getexif()
    return data[tags[273] : tags[273] + tags[279]]


def _jbig2(image: Image.Image) -> bytes:
    """A page and one generic region, whose MMR coding is that of a fax."""
    page = struct.pack(">IIIIBH", WIDTH, HEIGHT, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", WIDTH, HEIGHT, 0, 0, 0, 1) + _group4(image)
    segments = ((0, 48, page), (1, 38, region))
    return b"".join(
        struct.pack(">IBBBI", number, kind, 0, 1, len(body)) + body
        for number, kind, body in segments
    )


def _profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
