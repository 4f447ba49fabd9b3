"""Readings written by hand: what a document was read as, without reading one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.quality.documents import Reading, Source


def reading_of(
    markdown: str, *blocks: dict[str, Any], name: str = "a.pdf", source: str = "text_layer"
) -> Reading:
    """A document of one page that was read as this markdown."""
    page = {"page_number": 1, "source": source, "status": "ok", "blocks": list(blocks)}
    return Reading(Source(Path(name), name), [page], markdown=markdown)
