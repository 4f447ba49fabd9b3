"""An image read by surya's own predictor, and what it says of the reading looked at twice.

Here: one image in, its blocks or its failure out. Not here: requests (`manager.py`), many images
(`asking.py`), pages (`assets/pages/served`).
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from resources.errors import DocumentError, EngineError, ErrorClass
from resources.llm.torchvision_guard import guard_torchvision
from resources.ocr.surya.client import Client
from resources.ocr.surya.local import SecondLook
from resources.ocr.surya.manager import PageManager, told
from resources.ocr.surya.records import Box, ServedBlock, ServedImage

if TYPE_CHECKING:
    from PIL import Image


def read_image(client: Client, image: Image.Image, look: SecondLook | None = None) -> ServedImage:
    """Read an image that shows something, and have what was read looked at, where there is a look.

    Raises:
        EngineError: surya or its server is missing.
    """
    started = time.monotonic()
    manager = PageManager(client)
    error_class: ErrorClass | None = None
    error: str | None = None
    blocks: tuple[ServedBlock, ...] = ()
    try:
        (page,) = load_surya()(manager)([image], full_page=True)
        blocks = tuple(_block(b, image.size, manager) for b in page.blocks if not b.error)
        lost = [block for block in page.blocks if block.error]
    except DocumentError as failure:
        error_class, error, lost = failure.error_class, str(failure), []
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as failure:
        # surya's parsers, on what no parser expects
        text = f"{type(failure).__name__}: {failure}"[:300]
        error_class, error, lost = ErrorClass.INVALID_OUTPUT, text, []
    is_empty = False
    if error_class is None and (lost or not blocks):
        error_class, error = _without_blocks(manager, n_lost=len(lost))
        is_empty = error_class is ErrorClass.OCR_FAILED and not lost
    if error_class is not None and not is_empty:
        look = None
    return ServedImage(
        blocks=() if error_class else blocks,
        error_class=error_class,
        error=error,
        is_empty=is_empty,
        input_tokens=manager.input_tokens,
        output_tokens=manager.output_tokens,
        n_calls=manager.n_calls,
        elapsed_ms=round((time.monotonic() - started) * 1000),
        n_lines=look.n_lines(image, blocks) if look is not None else None,
        garbled=look.garbled(blocks) if look is not None else None,
    )


@cache
def load_surya() -> Any:  # noqa: ANN401 - an untyped library
    """The predictor of surya, loaded once: it brings torch with it.

    Raises:
        EngineError: It is not installed, or does not load.
    """
    guard_torchvision()
    try:
        from surya.recognition import RecognitionPredictor
    except Exception as error:  # of torch and its libraries: anything from ImportError on
        raise EngineError(
            "QUIRE_OCR=surya does not load: `pip install 'quire[models]'`, or set "
            f"QUIRE_OCR=rapidocr ({type(error).__name__}: {error})"
        ) from error
    logging.getLogger("surya").setLevel(logging.CRITICAL)  # what it would say is in our records
    return RecognitionPredictor


def _block(block: Any, size: tuple[int, int], manager: PageManager) -> ServedBlock:  # noqa: ANN401
    xs, ys = [float(x) for x, _ in block.polygon], [float(y) for _, y in block.polygon]
    width, height = size
    box: Box = (
        _share(min(xs), width),
        _share(min(ys), height),
        _share(max(xs), width),
        _share(max(ys), height),
    )
    # Where the server gives no probabilities, surya says 1.
    sure = block.confidence if manager.has_probabilities else None
    confidence = None if sure is None else min(1.0, max(0.0, float(sure)))
    return ServedBlock(str(block.label), "" if block.skipped else block.html, box, confidence)


def _share(value: float, whole: int) -> float:
    # A comparison with what is no number is false: it becomes 0.
    return min(1.0, value / max(1, whole)) if value > 0 else 0.0


def _without_blocks(manager: PageManager, *, n_lost: int) -> tuple[ErrorClass, str]:
    """Why there is nothing, or not all, of an image that shows something."""
    if n_lost:
        return ErrorClass.OCR_FAILED, f"{n_lost} blocks of the page could not be read"
    if manager.fault is not None:
        return manager.fault, told(manager.fault)
    return ErrorClass.INVALID_OUTPUT, "the model's answer holds no blocks: is it surya's model?"
