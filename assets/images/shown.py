"""Whether a stored file looks like the page, which may clip its images or show them through others.

Here: a comparison of pixels. Not here: which images are drawn plainly and need none (`device.py`),
nor what is done with one that looks otherwise (`extract.py` renders it).
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageChops, ImageStat

MAX_GAP: Final = 0.03
"""Mean difference of a file from the page, at SIDE pixels, beyond which it shows something else.

Files that do stand as they are stored differ by their resampling: 0.007 at most on made pages
(`bench/quality/made_images.py`), 0.028 on real ones (a screen shot of 76 pixels, enlarged); a clip
to a triangle differs by 0.26, an opacity of 0.6 by 0.2, a turn of 30 degrees by 0.33.
"""
SIDE: Final = 96
FINER: Final = 4
"""The page is rendered finer and then shrunk: MuPDF widens images to whole pixels."""
ROUGH_SIDE: Final = FINER * SIDE


def looks_like(data: bytes, shown: Image.Image) -> bool:
    """Whether an image file looks like a rendering of the page; its holes on white paper.

    Args:
        data: a PNG or JPEG.
        shown: RGB, ROUGH_SIDE pixels on the longer side.
    """
    size = (max(1, shown.width // FINER), max(1, shown.height // FINER))
    paper = Image.new("RGBA", size, "white")
    paper.alpha_composite(_shrunk(Image.open(io.BytesIO(data)).convert("RGBA"), size))
    difference = ImageChops.difference(paper.convert("RGB"), _shrunk(shown, size))
    means = ImageStat.Stat(difference).mean
    return sum(means) / len(means) <= MAX_GAP * 255


def _shrunk(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture made small and smooth: two shrunk alike differ by what they show alone."""
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
