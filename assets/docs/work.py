"""Stitching as workers do it: several documents a task, so that every core has some.

Here: the loop over a task's documents. Not here: how a document is stitched (`stitch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from assets.docs.records import DocumentInput
from assets.docs.stitch import stitch


def stitch_documents(
    payload: dict[str, Any], progress: Callable[[int], None]
) -> Iterator[tuple[dict[str, Any], None]]:
    """Stitch each item's document; a record is a row of `docs` and the item's `unit`."""
    for item in payload["items"]:
        progress(item["unit"])
        yield {"unit": item["unit"], **stitch(DocumentInput(**item["document"])).as_row()}, None
