"""Small pages and blocks for the tests of stitching."""

from __future__ import annotations

from typing import Any

from assets.docs.records import DocRecord, DocumentInput
from assets.docs.stitch import stitch

SHA = "ab" * 32
HEIGHT = 800.0


def block(kind: str, text: str, **values: Any) -> dict[str, Any]:
    """A block in the middle of its page unless told otherwise."""
    y = values.pop("y", 300.0)
    x = values.pop("x", 72.0)
    width = values.pop("width", 400.0)
    return {
        "kind": kind,
        "bbox": {"x0": x, "y0": y, "x1": x + width, "y1": y + 12.0},
        "text": text,
        "markdown": values.pop("markdown", text),
        "font_size": values.pop("size", 10.0),
        "source": "text_layer",
        "confidence": None,
        "image_index": None,
        **values,
    }


def page(number: int, *blocks: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A page that was read unless told otherwise."""
    return {
        "page_number": number,
        "status": "ok",
        "error_class": None,
        "height": HEIGHT,
        "blocks": list(blocks),
        **values,
    }


def image(page_number: int, index: int, **values: Any) -> dict[str, Any]:
    """The row of a stored figure unless told otherwise."""
    return {
        "page_number": page_number,
        "image_index": index,
        "sha256": SHA,
        "role": "figure",
        "status": "ok",
        "error_class": None,
        **values,
    }


def stitched(
    *pages: dict[str, Any],
    images: tuple[dict[str, Any], ...] = (),
    n_pages: int | None = None,
    title: str | None = None,
    n_attachments: int = 0,
) -> DocRecord:
    """The document of these pages."""
    n = len(pages) if n_pages is None else n_pages
    return stitch(DocumentInput("d" * 64, title, n, pages, images, n_attachments))
