"""The rasters in the sample PDFs, drawn from seeded noise: photographs, a logo, worn scans.

Here: pictures and their encodings. Not here: where a picture stands on a page.
"""

from __future__ import annotations

import io
from typing import Final, TypeAlias

import numpy as np
import pymupdf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats: TypeAlias = NDArray[np.float64]

OCTAVES: Final = 5


def _smooth_noise(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Cloud-like noise in 0-1: a few octaves of random grids, each enlarged smoothly."""
    total: Floats = np.zeros((height, width))
    for octave in range(OCTAVES):
        cells = 3 * 2**octave
        grid = rng.random((cells, cells)).astype(np.float32)
        layer = Image.fromarray(grid, mode="F").resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer, dtype=np.float64) / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low)


def night_sky(width: int = 640, height: int = 400, seed: int = 11) -> Image.Image:
    """A telescope's photograph: a nebula over a field of stars."""
    rng = np.random.default_rng(seed)
    cloud = _smooth_noise(rng, height, width) ** 2
    dust = _smooth_noise(rng, height, width)
    sky = np.stack(
        [90 * cloud + 12, 50 * cloud * dust + 14, 120 * cloud * (1 - dust) + 26], axis=-1
    )
    stars = Image.new("L", (width, height))
    pen = ImageDraw.Draw(stars)
    for x, y, size in zip(
        rng.integers(0, width, 320),
        rng.integers(0, height, 320),
        rng.pareto(2.5, 320) * 0.7 + 0.4,
        strict=True,
    ):
        radius = min(float(size), 4.0)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    glow = np.asarray(stars.filter(ImageFilter.GaussianBlur(1.1)), dtype=np.float64)
    return Image.fromarray(np.clip(sky + glow[..., None] * 1.3, 0, 255).astype(np.uint8))


def fibres(width: int = 480, height: int = 360, seed: int = 23) -> Image.Image:
    """A micrograph: paper fibres crossing under raking light."""
    rng = np.random.default_rng(seed)
    ground = (_smooth_noise(rng, height, width) * 50 + 150).astype(np.uint8)
    picture = Image.fromarray(ground)
    pen = ImageDraw.Draw(picture)
    for _ in range(130):
        x, y, angle = rng.random() * width, rng.random() * height, rng.random() * np.pi
        length, bend = rng.uniform(60, 220), rng.normal(0, 0.4)
        steps = np.linspace(-0.5, 0.5, 12)
        turn = angle + bend * steps
        points = [
            (float(x + length * s * np.cos(t)), float(y + length * s * np.sin(t)))
            for s, t in zip(steps, turn, strict=True)
        ]
        shade = int(rng.integers(70, 235))
        pen.line(points, fill=shade, width=int(rng.integers(2, 6)), joint="curve")
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def marbling(width: int = 560, height: int = 400, seed: int = 37) -> Image.Image:
    """A sheet of marbled paper, in RGB."""
    rng = np.random.default_rng(seed)
    bend = _smooth_noise(rng, height, width)
    fold = _smooth_noise(rng, height, width)
    bands = (np.sin(bend * 34 + fold * 9) + 1) / 2
    veins = np.abs(np.sin(fold * 26)) ** 6
    red = 60 + 150 * bands - 40 * veins
    green = 40 + 70 * bands * fold + 120 * veins
    blue = 80 + 90 * (1 - bands) + 50 * veins
    return Image.fromarray(np.clip(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8))


def logo(size: int = 120) -> Image.Image:
    """A small mark, a folded sheet in a ring, with a transparent ground."""
    big = Image.new("RGBA", (size * 4, size * 4), (0, 0, 0, 0))
    pen = ImageDraw.Draw(big)
    unit = size * 4 / 12
    pen.ellipse(
        (unit * 0.3, unit * 0.3, unit * 11.7, unit * 11.7), outline=(23, 78, 96, 255), width=26
    )
    pen.polygon(
        [(unit * 3, unit * 4), (unit * 6, unit * 5), (unit * 6, unit * 9), (unit * 3, unit * 8)],
        fill=(23, 78, 96, 255),
    )
    pen.polygon(
        [(unit * 9, unit * 4), (unit * 6, unit * 5), (unit * 6, unit * 9), (unit * 9, unit * 8)],
        fill=(201, 122, 44, 255),
    )
    return big.resize((size, size), Image.Resampling.LANCZOS)


def from_pixmap(pixmap: pymupdf.Pixmap) -> Image.Image:
    """A rendered grey page as a Pillow image."""
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)


def worn(sheet: Image.Image, degrees: float, seed: int = 5) -> Image.Image:
    """A page as a tired copier leaves it: skewed, blurred, unevenly lit, with specks and noise."""
    rng = np.random.default_rng(seed)
    turned = sheet.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=250)
    soft = np.asarray(turned.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float64)
    height, width = soft.shape
    light = 205 + 45 * _smooth_noise(rng, height, width)
    page = light * (soft / 255) + 28 * (1 - soft / 255)
    page += rng.normal(0, 7, page.shape)
    specks = rng.random(page.shape) < 0.0004
    page[specks] = rng.uniform(30, 120, int(specks.sum()))
    return Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))


def png(image: Image.Image, greys: int = 0) -> bytes:
    """PNG bytes; with `greys`, that many levels of grey, as a scanner set to documents stores."""
    if greys:
        image = image.quantize(greys, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def jpeg(image: Image.Image, quality: int = 70) -> bytes:
    """JPEG bytes, in the image's own colours (CMYK too)."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
