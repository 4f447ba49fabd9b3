"""OCR of a page or of a region of it: pixels, orientation, lines.

Here: from a page to OCR blocks in the points of the page as shown. Not here: whether OCR is needed
(`../routing`), engines (`resources/ocr`), grouping of lines (`blocks.py`), and whether what was
read can be believed (`trust.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import pymupdf

from assets.pages.geometry import Box, Turn
from assets.pages.ocr.blocks import ocr_blocks, skew_slope, to_lines
from assets.pages.ocr.orientation import Reading, n_letters, read_upright
from assets.pages.ocr.rendering import has_ink, ocr_dpi, painted_over, render
from assets.pages.ocr.trust import ocr_problem
from assets.pages.records import Block
from resources.errors import DocumentError, ErrorClass, QuireError
from resources.ocr.base import OcrEngine

Found = TypeVar("Found")

MIN_CONFIDENCE: Final = 0.5
"""Lines below this are noise or a script that the engine lacks (RapidOCR's own limit)."""


@dataclass(frozen=True)
class OcrResult:
    """What OCR made of a page or region.

    Attributes:
        blocks: in reading order, boxes of the page as shown.
        rotation: the clockwise turn that it needed.
        problem: why it is not to be believed, or None.
        is_blank: there was nothing to read.
        n_letters: letters and digits in the blocks.
        confidences: confidence and number of characters of each line that was kept.
    """

    blocks: tuple[Block, ...] = ()
    rotation: int = 0
    problem: str | None = None
    is_blank: bool = False
    n_letters: int = 0
    confidences: tuple[tuple[float, int], ...] = ()


def page_has_ink(page: pymupdf.Page) -> bool:
    """Whether the page shows anything, judged by its pixels."""
    return has_ink(render(page, ocr_dpi(page.rect.width, page.rect.height)))


def ocr_region(
    engine: OcrEngine,
    page: pymupdf.Page,
    progress: Callable[[], None],
    clip: Box | None = None,
    covered: Sequence[Box] = (),
) -> OcrResult:
    """Read a page, or a region of it, by OCR.

    Args:
        engine: what reads.
        page: as shown.
        progress: called at every step.
        clip: the region, in points of the page as shown.
        covered: boxes of text that is known already and is painted over.
    """
    region = clip or (0.0, 0.0, page.rect.width, page.rect.height)
    dpi = ocr_dpi(region[2] - region[0], region[3] - region[1])
    image = render(page, dpi, clip)
    if covered:
        image = painted_over(image, [in_pixels(box, region, dpi) for box in covered])
    progress()
    if not has_ink(image):
        return OcrResult(is_blank=True)
    reading = read_by(engine, partial(read_upright, engine, image, progress))
    height, width = image.shape[:2]
    scale = 72 / dpi
    return _result(reading, Turn(reading.degrees, width * scale, height * scale), scale, region)


class PageReader(Protocol):
    """What reads pages and regions of them."""

    @property
    def label(self) -> str:
        """The engine and its version, for the column `engine`."""

    def read(
        self,
        page: pymupdf.Page,
        progress: Callable[[], None],
        clip: Box | None = None,
        covered: Sequence[Box] = (),
    ) -> OcrResult:
        """What it reads in a page, or a region of it; see `ocr_region`."""


@dataclass(frozen=True)
class EngineReader:
    """A reader that reads at once, by an embedded engine."""

    engine: OcrEngine

    @property
    def label(self) -> str:
        """The engine and its version."""
        return f"{self.engine.name}-{self.engine.version}"

    def read(
        self,
        page: pymupdf.Page,
        progress: Callable[[], None],
        clip: Box | None = None,
        covered: Sequence[Box] = (),
    ) -> OcrResult:
        """What the engine reads."""
        return ocr_region(self.engine, page, progress, clip, covered)


def in_pixels(box: Box, region: Box, dpi: int) -> Box:
    """A box of the page as shown, in pixels of a region that is rendered at this resolution."""
    left, top, scale = region[0], region[1], dpi / 72
    return (
        (box[0] - left) * scale,
        (box[1] - top) * scale,
        (box[2] - left) * scale,
        (box[3] - top) * scale,
    )


def read_by(engine: OcrEngine, reading: Callable[[], Found]) -> Found:
    """What an engine reads.

    Raises:
        DocumentError: ocr_failed, in the engine's words.
    """
    try:
        return reading()
    except (MemoryError, QuireError):
        raise
    except Exception as error:  # the engine's and onnxruntime's errors have no common base
        raise DocumentError(
            ErrorClass.OCR_FAILED, f"{engine.name} failed: {type(error).__name__}: {error}"
        ) from error


def _result(reading: Reading, turn: Turn, scale: float, region: Box) -> OcrResult:
    kept = [line for line in reading.lines if line.confidence >= MIN_CONFIDENCE]
    slope = skew_slope(kept)
    lines = to_lines(kept, scale, slope)
    blocks = []
    for block in ocr_blocks(lines, slope):
        x0, y0, x1, y1 = turn.back(block.box)
        left, top = region[0], region[1]
        blocks.append(block.moved((x0 + left, y0 + top, x1 + left, y1 + top)))
    return OcrResult(
        blocks=tuple(blocks),
        rotation=turn.degrees,
        problem=ocr_problem(reading.lines),
        n_letters=sum(n_letters(line.text) for line in lines),
        confidences=tuple((x.confidence or 0.0, len(x.text)) for x in lines),
    )
