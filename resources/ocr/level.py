"""Turning a skewed image level, for engines that need it: how skewed it is, and the way back.

Here: the slope of lines of text, told from the rows of ink alone. Not here: quarter turns, and
pages upside down (`assets/pages/ocr/orientation.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from resources.ocr.base import Quad

if TYPE_CHECKING:
    from resources.ocr.base import Image

MAX_DEGREES: Final = 6.0
"""Of paper in a scanner: 5°, and what the measurement is off by."""
MIN_DEGREES: Final = 0.8
"""Turning blurs a little, so what is hardly skewed is left. Tesseract on made pages of 11 pt at 150
dpi: all 33 lines at 1°, 18 at 2°, 15 at 3°, 3 at 5°, and sure of each."""
CLEARLY_SHARPER: Final = 1.1
"""Rows of the levelled page must be this much sharper than before, or it stays as it is: pictures,
and lines on their side, have no slope that stands out."""
INK_CONTRAST: Final = 60
"""Of 255, from the colour of the paper."""
MOST_POINTS: Final = 40_000
"""Of ink that are looked at: every line has hundreds of them, and an angle costs a millisecond."""
COARSE_STEP: Final = 0.5
FINE_STEP: Final = 0.1


@dataclass(frozen=True)
class Levelled:
    """An image that was turned level.

    Attributes:
        image: the turned one, larger so that no corner is lost, or the image itself.
        degrees: how far its lines fell to the right before; 0 when it was not turned.
        back: 2 × 3, from its pixels to those of the image before.
    """

    image: Image
    degrees: float
    back: Any

    def quad_before(self, quad: Quad) -> Quad:
        """Corners in the image before it was turned."""
        if not self.degrees:
            return quad
        (a, b, c), (d, e, f) = self.back
        corners = ((a * x + b * y + c, d * x + e * y + f) for x, y in quad)
        p, q, r, s = ((float(x), float(y)) for x, y in corners)
        return (p, q, r, s)


def levelled(image: Image) -> Levelled:
    """The image with its lines of text level, as far as paper in a scanner is skewed."""
    import cv2
    import numpy as np

    degrees = skew_degrees(image)
    if not degrees:
        return Levelled(image, 0.0, None)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(turn[0, 0]), abs(turn[0, 1])
    size = (math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos))
    turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    paper = [float(v) for v in np.median(image[::8, ::8].reshape(-1, 3), axis=0)]
    turned = cv2.warpAffine(image, turn, size, flags=cv2.INTER_CUBIC, borderValue=paper)
    return Levelled(turned, degrees, cv2.invertAffineTransform(turn))


def skew_degrees(image: Image) -> float:
    """How far lines of text fall to the right; 0 where that is little, or nothing stands out.

    The angle at which the rows of ink are sharpest: the squares of how much ink a row holds, summed
    (Postl 1986). Rows as high as a pixel at half the resolution.
    """
    import numpy as np

    gray = image[::2, ::2].mean(axis=2)
    ys, xs = np.nonzero(np.abs(gray - np.median(gray)) > INK_CONTRAST)
    if len(ys) == 0:
        return 0.0
    step = max(1, len(ys) // MOST_POINTS)
    ys, xs = ys[::step].astype(np.float64), xs[::step].astype(np.float64)

    def sharpness(degrees: float) -> float:
        rows = ys - math.tan(math.radians(degrees)) * xs
        counts = np.bincount((rows - rows.min()).astype(np.int64))
        return float((counts.astype(np.float64) ** 2).sum())

    coarse = np.arange(-MAX_DEGREES, MAX_DEGREES + COARSE_STEP / 2, COARSE_STEP)
    best = max(coarse, key=sharpness)
    fine = np.arange(best - COARSE_STEP, best + COARSE_STEP + FINE_STEP / 2, FINE_STEP)
    best = float(max(fine, key=sharpness))
    if abs(best) < MIN_DEGREES or sharpness(best) < CLEARLY_SHARPER * sharpness(0.0):
        return 0.0
    return best
