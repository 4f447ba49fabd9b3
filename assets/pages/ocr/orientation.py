"""Which way up a scanned page is: from the shape of its lines and how well they read.

Here: the turn that OCR needed. Tall boxes mean a page on its side, even when the engine is sure of
every word (RapidOCR turns tall boxes itself, and reads them at 0.99 in the wrong order); a low
score on wide boxes means upside down. Not here: the text layer's direction (`../text_layer.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from resources.ocr.base import OcrEngine, OcrLine, Quad

if TYPE_CHECKING:
    from resources.ocr.base import Image

TALL_SHARE: Final = 0.6
"""Share of the lines' length in boxes taller than wide from which a page lies on its side."""
TALL_RATIO: Final = 1.5
DOUBTFUL_SCORE: Final = 0.8
"""Mean confidence under which a page may be upside down: such pages read at 0.64, upright ones at
0.9 and more."""
CLEARLY_BETTER: Final = 1.1
SAMPLE_LINES: Final = 5
SAMPLE_GAP: Final = 12
"""Pixels of paper between the lines of a sample."""
AS_GOOD: Final = 0.9
"""Vertical Chinese or Japanese is tall as well; turned, it reads worse and stays as it is."""


@dataclass(frozen=True)
class Reading:
    """What OCR read of an image that was turned clockwise by `degrees` first."""

    degrees: int
    lines: tuple[OcrLine, ...]

    @property
    def score(self) -> float:
        """Mean confidence over characters."""
        n_chars = sum(len(line.text) for line in self.lines)
        return sum(x.confidence * len(x.text) for x in self.lines) / n_chars if n_chars else 0.0

    @property
    def gain(self) -> float:
        """How much was read: letters and digits, each worth its confidence."""
        return sum(n_letters(line.text) * line.confidence for line in self.lines)


def read_upright(engine: OcrEngine, image: Image, progress: Callable[[], None]) -> Reading:
    """Read an image, turned as its text needs it.

    An upright page costs one reading. Lines on their side are seen before anything is read, where
    the engine can find without reading; then, and when an upright reading is doubtful, a sample of
    a few lines decides, and only a page that is upside down is read twice.
    """
    where = engine.find(image, progress)
    if where is not None and is_sideways(where):
        return _read_sideways(engine, image, where, progress)
    first = Reading(0, tuple(engine.read(image, progress, where)))
    boxes = [line.box for line in first.lines]
    if where is None and is_sideways(boxes):
        return _read_sideways(engine, image, boxes, progress)
    if 0 < first.score < DOUBTFUL_SCORE:
        longest = _longest(boxes)
        gain = Reading(0, tuple(x for x in first.lines if x.box in longest)).gain
        sample = _sample(engine, image, longest, 180, progress)
        # A script that the engine lacks reads as rubbish either way up.
        if sample.score >= DOUBTFUL_SCORE and sample.gain > CLEARLY_BETTER * gain:
            turned = _read_turned(engine, image, 180, progress)
            return turned if turned.gain > CLEARLY_BETTER * first.gain else first
    return first


def turn_of(engine: OcrEngine, image: Image, progress: Callable[[], None]) -> tuple[int, int]:
    """The clockwise turn that an image needs before another engine reads it, and its lines.

    It costs one detection and a few lines, an eighth of a reading.
    """
    where = engine.find(image, progress) or []
    if not where:
        return 0, 0
    if is_sideways(where):
        return _side_of(engine, image, where, progress), len(where)
    upright = _sample(engine, image, where, 0, progress)
    if 0 < upright.score < DOUBTFUL_SCORE:
        turned = _sample(engine, image, where, 180, progress)
        # A script that the engine lacks reads as rubbish either way up.
        if turned.score >= DOUBTFUL_SCORE and turned.gain > CLEARLY_BETTER * upright.gain:
            return 180, len(where)
    return 0, len(where)


def _side_of(
    engine: OcrEngine, image: Image, where: Sequence[Quad], progress: Callable[[], None]
) -> int:
    """The turn of lines that are taller than wide: 0 for vertical writing."""
    samples = [_sample(engine, image, where, degrees, progress) for degrees in (0, 90, 270)]
    best = max(samples[1:], key=lambda sample: sample.gain)
    # The engine turns tall lines itself, so as they stand they read nearly as well.
    return 0 if best.gain < AS_GOOD * samples[0].gain else best.degrees


def _read_sideways(
    engine: OcrEngine, image: Image, where: Sequence[Quad], progress: Callable[[], None]
) -> Reading:
    """Read lines that are taller than wide: a page on its side, or vertical writing."""
    degrees = _side_of(engine, image, where, progress)
    if degrees == 0:
        return Reading(0, tuple(engine.read(image, progress)))
    return _read_turned(engine, image, degrees, progress)


def is_sideways(boxes: Sequence[Quad]) -> bool:
    """Whether most of the text stands in boxes taller than wide."""
    tall = total = 0.0
    for box in boxes:
        width, height = extent(box)
        if max(width, height) < TALL_RATIO * min(width, height):
            continue  # a single character has no direction
        total += max(width, height)
        if height > width:
            tall += height
    return total > 0 and tall > TALL_SHARE * total


def extent(box: Quad) -> tuple[float, float]:
    """Width and height in pixels of the upright box around a line."""
    xs = [x for x, _ in box]
    ys = [y for _, y in box]
    return max(xs) - min(xs), max(ys) - min(ys)


def n_letters(text: str) -> int:
    """Letters and digits of a text."""
    return sum(c.isalnum() for c in text)


def _longest(boxes: Sequence[Quad]) -> list[Quad]:
    return sorted(boxes, key=lambda box: max(extent(box)), reverse=True)[:SAMPLE_LINES]


def _sample(
    engine: OcrEngine,
    image: Image,
    boxes: Sequence[Quad],
    degrees: int,
    progress: Callable[[], None],
) -> Reading:
    """Read the longest lines only, cut out, turned and put under one another."""
    import numpy as np

    strips = []
    for box in _longest(boxes):
        xs, ys = [x for x, _ in box], [y for _, y in box]
        margin = min(extent(box)) * 0.3
        top, bottom = max(0, int(min(ys) - margin)), int(max(ys) + margin) + 1
        left, right = max(0, int(min(xs) - margin)), int(max(xs) + margin) + 1
        strips.append(np.rot90(image[top:bottom, left:right], k=-degrees // 90))
    paper = np.median(image[::8, ::8].reshape(-1, 3), axis=0).astype(np.uint8)
    height = sum(strip.shape[0] + SAMPLE_GAP for strip in strips)
    sheet = np.full((height, max(s.shape[1] for s in strips), 3), paper, dtype=np.uint8)
    y = 0
    for strip in strips:
        sheet[y : y + strip.shape[0], : strip.shape[1]] = strip
        y += strip.shape[0] + SAMPLE_GAP
    return Reading(degrees, tuple(engine.read(sheet, progress)))


def _read_turned(
    engine: OcrEngine, image: Image, degrees: int, progress: Callable[[], None]
) -> Reading:
    import numpy as np

    turned = np.ascontiguousarray(np.rot90(image, k=-degrees // 90))
    return Reading(degrees, tuple(engine.read(turned, progress)))
