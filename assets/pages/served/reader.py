"""The worker's side of a served engine: pages shown on the first way, answers used on the second.

Here: the reader that `../read.py` uses in place of an embedded engine. On the first way it keeps
what is to be read and says that nothing was found; its page then is an ask, whatever else came of
it. On the second way the page is read again, up to the same question, and gets the answer. So the
route, the text layer, pictures, fields and comments of a page are those of any other engine.
Not here: the messages (`asks.py`), and blocks of an answer (`blocks.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import pymupdf

from assets.pages.geometry import Box
from assets.pages.ocr.orientation import turn_of
from assets.pages.ocr.reading import OcrResult, in_pixels, read_by
from assets.pages.ocr.rendering import has_ink, ocr_dpi, painted_over, render
from assets.pages.routing.text_pictures import may_hold_letters
from assets.pages.served.asks import ASKS, Ask
from assets.pages.served.blocks import result_of
from resources.errors import DocumentError, ErrorClass
from resources.ocr.base import OcrEngine
from resources.ocr.surya.server import DPI, MAX_PIXELS

LOOKS: Final = "rapidocr"
"""The embedded engine that looks beside a served one: which way up a page is, how many lines stand
on it, and what a doubtful text layer's ink says. So nothing is asked about a page whose text layer
is sound."""
SAME: Final = 0.5
"""Points by which a region may differ between the two ways (they pass through JSON)."""


class ServedReader:
    """Reads regions of one document's pages by what a server answered."""

    def __init__(self, engine: str, looks: Callable[[], OcrEngine | None]) -> None:
        """Read for the engine of this name; `looks` gives the embedded one."""
        self.label = f"{engine}-{version('surya-ocr')}"
        self._looks = looks
        self._answers: Sequence[Mapping[str, Any]] | None = None
        self._asks: list[tuple[Ask, bytes]] = []

    def begin(self, answers: Sequence[Mapping[str, Any]] | None) -> None:
        """Begin a page, with the answers to what it asked, if it did."""
        self._answers, self._asks = answers, []

    @property
    def asks(self) -> bool:
        """Whether anything of the page is to be read by the server."""
        return any(not ask.is_blank for ask, _ in self._asks)

    def taken(self) -> tuple[dict[str, Any], bytes] | None:
        """What the page asks, as a record and its pixels; None when it asks nothing."""
        if not self.asks:
            return None
        record = {ASKS: [ask.as_record() for ask, _ in self._asks]}
        return record, b"".join(data for _, data in self._asks)

    def read(
        self,
        page: pymupdf.Page,
        progress: Callable[[], None],
        clip: Box | None = None,
        covered: Sequence[Box] = (),
    ) -> OcrResult:
        """What the server read in a page or a region of it; nothing as long as it was not asked.

        Raises:
            DocumentError: The server could not read it.
        """
        region = clip or (0.0, 0.0, page.rect.width, page.rect.height)
        if self._answers is not None:
            return result_of(self._answer(region))
        ask, data = self._shown(page, progress, region, covered)
        self._asks.append((ask, data))
        return OcrResult(is_blank=ask.is_blank)

    def _answer(self, region: Box) -> Mapping[str, Any]:
        for answer in self._answers or ():
            near = zip(answer["ask"]["region"], region, strict=True)
            if all(abs(a - b) <= SAME for a, b in near):
                return answer
        raise DocumentError(ErrorClass.OCR_FAILED, "the page was read in another way than before")

    def _shown(
        self,
        page: pymupdf.Page,
        progress: Callable[[], None],
        region: Box,
        covered: Sequence[Box],
    ) -> tuple[Ask, bytes]:
        import numpy as np

        # surya's model takes no more pixels
        dpi = ocr_dpi(region[2] - region[0], region[3] - region[1], DPI, MAX_PIXELS)
        image = render(page, dpi, region)
        if covered:
            image = painted_over(image, [in_pixels(box, region, dpi) for box in covered])
        progress()
        if not has_ink(image):
            return Ask(region, 0, 0, 0, 0, has_letters=False, is_blank=True), b""
        engine = self._looks()
        degrees, n_lines = 0, 0
        if engine is not None:
            degrees, n_lines = read_by(engine, lambda: turn_of(engine, image, progress))
        turned = np.ascontiguousarray(np.rot90(image, k=-degrees // 90))
        height, width = turned.shape[:2]
        has_letters = n_lines > 0 or may_hold_letters(page)
        ask = Ask(region, degrees, width, height, n_lines, has_letters=has_letters)
        return ask, turned.tobytes()
