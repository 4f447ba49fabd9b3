"""Small pictures of pages, rendered in a worker like everything that touches a PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pymupdf

from resources.workers.documents import open_pdf

SIDE: Final = 180


def render_thumbnails(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each asked page as a PNG whose longer side is `SIDE` pixels."""
    document = open_pdf(payload["path"], payload["passwords"], payload["doc_id"])
    for number in payload["page_numbers"]:
        progress(number)
        page = document[number - 1]
        scale = SIDE / max(page.rect.width, page.rect.height, 1)
        pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
        yield {"page_number": number}, pixmap.tobytes("png")
