"""What an OCR engine is to Quire, and how one is made.

Here: the protocol, the record of a line, and the factory. Not here: which page is read by OCR
(`assets/pages/routing/route.py`), and what its lines become (`assets/pages/ocr/blocks.py`).
To add an engine: a module beside this one, a line in `make_engine`, and its inputs in
`version_inputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

from resources.errors import QuireError, SettingError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Image = npt.NDArray[np.uint8]
    """Height × width × 3, RGB."""

SERVED: Final = frozenset({"surya"})
"""Engines that are not loaded by workers: the run's process asks their servers
(`assets/pages/served`)."""

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Corners in pixels: top left, top right, bottom right, bottom left of the text."""


class OcrUnavailableError(QuireError):
    """The engine is not installed or does not start: the stage cannot go on."""


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line that OCR found; `confidence` 0-1."""

    text: str
    confidence: float
    box: Quad


class OcrEngine(Protocol):
    """An OCR engine; one instance lives as long as its worker process."""

    @property
    def name(self) -> str:
        """The value of QUIRE_OCR."""

    @property
    def version(self) -> str:
        """Version of the engine (not of Quire)."""

    def find(self, image: Image, progress: Callable[[], None]) -> list[Quad] | None:
        """Where lines stand, without reading them; None when the engine cannot tell beforehand."""

    def read(
        self, image: Image, progress: Callable[[], None], where: Sequence[Quad] | None = None
    ) -> list[OcrLine]:
        """Every line of an image, in no particular order, doubtful ones too.

        Args:
            image: the page, upright or not.
            progress: to be called whenever a part of the work is done.
            where: what `find` said of this image, so that it is not looked for again.
        """


@cache
def make_engine(name: str) -> OcrEngine | None:
    """The engine of this name, made once per process; None for `off`.

    Raises:
        OcrUnavailableError: the engine is missing or broken; the message says the mend.
        SettingError: there is no such engine.
    """
    match name:
        case "off":
            return None
        case "rapidocr":
            from resources.ocr.rapidocr import RapidOcr

            return RapidOcr()
        case "tesseract":
            from resources.ocr.tesseract import Tesseract

            return Tesseract()
    raise _unknown(name)


def version_inputs(name: str) -> dict[str, str]:
    """Everything of an engine that changes what it reads; cheap, loads no model."""
    match name:
        case "off":
            return {"ocr": "off"}
        case "rapidocr":
            from resources.ocr import rapidocr

            return {"ocr": name, **rapidocr.version_inputs()}
        case "tesseract":
            from resources.ocr import tesseract

            return {"ocr": name, **tesseract.version_inputs()}
        case "surya":
            from resources.ocr import rapidocr
            from resources.ocr.surya import server

            # Workers look by the embedded engine: which way up, and what a doubtful layer's ink is.
            return {"ocr": name, **rapidocr.version_inputs(), **server.version_inputs()}
    raise _unknown(name)


def _unknown(name: str) -> SettingError:
    return SettingError(f"QUIRE_OCR={name} is not built in: use rapidocr, tesseract, surya or off")
