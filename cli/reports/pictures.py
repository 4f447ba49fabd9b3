"""Pictures for a report, all made in worker processes: of pages, and of stored images.

Here: asking the workers, and the words where there is no picture. Not here: drawing
(`assets/pages/thumbnail.py`, `assets/images/thumbnail.py`). PDFs and images are hostile: this
process never opens one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from cli.document import Document
from resources.errors import ErrorClass, QuireError
from resources.lake.find import Found
from resources.lake.lake import Lake
from resources.lake.sources import sources_of
from resources.landing.copies import Wanted, local_copy
from resources.settings import Settings
from resources.workers.folders import spool_folder
from resources.workers.shared import shared_pool
from resources.workers.tasks import Task

DPI: Final = 110
"""Footnotes of 7 points can be read; an A4 page is about 150 KB as JPEG."""
SIDE: Final = 1_600
"""Pixels of the longer side at most: posters are shown whole and small."""
THUMBNAILS: Final = 24
"""Stored images of a document that are shown; its table names all."""
_IMAGE_BYTES: Final = 32 * 2**20
"""Larger stored images are not read for a thumbnail: the parent holds one at a time."""
_TASK_PAGES: Final = 4


@dataclass
class Sheets:
    """What a few pages look like: a JPEG each, or why there is none."""

    pictures: dict[int, bytes] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


def render_sheets(settings: Settings, found: Found, page_numbers: Sequence[int]) -> Sheets:
    """Render pages from the source, if a file with these very bytes is still there."""
    reasons = []
    for uri in dict.fromkeys([found.uri, *(str(row["uri"]) for row in found.sightings)]):
        # The owner's file first, and any that may still hold the document: its bytes are hashed.
        try:
            with local_copy(
                Wanted(uri, sha256=found.doc_id), settings.storage_options, sources_of(settings)
            ) as copy:
                return _sheets(settings, found, page_numbers, copy.path)
        except QuireError as error:  # a document's class, or a store that cannot be used at all
            reasons.append(f"{getattr(error, 'error_class', ErrorClass.UNREADABLE)}: {error}")
    return Sheets(reasons=dict.fromkeys(page_numbers, reasons[0]))


def _sheets(settings: Settings, found: Found, page_numbers: Sequence[int], path: str) -> Sheets:
    sheets = Sheets()
    payload = {
        "path": path,
        "doc_id": found.doc_id,
        "passwords": list(settings.passwords),
        "page_numbers": list(page_numbers),
        "side": SIDE,
        "dpi": DPI,
    }
    task = Task(found.label, "assets.pages.thumbnail:render_pages", payload, tuple(page_numbers))
    tasks = [
        task.with_units(page_numbers[at : at + _TASK_PAGES])
        for at in range(0, len(page_numbers), _TASK_PAGES)
    ]
    for result in shared_pool(settings).run(tasks):
        for record, blob in result.records():
            if blob is not None:
                sheets.pictures[record["page_number"]] = blob
        if result.failure is not None:
            reason = f"{result.failure.error_class}: {result.failure.error}"
            units = result.failure.units or result.task.units
            sheets.reasons |= dict.fromkeys(units, reason)
    return sheets


def thumbnails(settings: Settings, lake: Lake, document: Document) -> dict[str, bytes]:
    """Small PNGs of the first stored images, by sha256; what cannot be shrunk is left out."""
    wanted = dict.fromkeys(
        row["sha256"]
        for row in document.images
        if row["sha256"] and row["status"] == "ok" and (row["n_bytes"] or 0) <= _IMAGE_BYTES
    )
    hashes = list(wanted)[:THUMBNAILS]
    with spool_folder() as folder:  # one that a killed process leaves is swept
        tasks = [
            Task(sha256, "assets.images.thumbnail:shrink_images", {"paths": [path]})
            for sha256, path in _put(lake, document, hashes, folder)
        ]
        return {
            result.task.document: blob
            for result in shared_pool(settings).run(tasks)
            for _, blob in result.records()
            if blob is not None
        }


def _put(
    lake: Lake, document: Document, hashes: Sequence[str], folder: Path
) -> list[tuple[str, str]]:
    """Stored images as files, read one at a time."""
    written: list[tuple[str, str]] = []
    for sha256 in hashes:
        rows: list[dict[str, Any]] = (
            lake.scan("image_data", ["sha256", "data"], batch=document.found.batch)
            .filter(pl.col("sha256") == sha256)
            .collect()
            .to_dicts()
        )
        if rows:
            path = folder / f"{len(written)}"
            path.write_bytes(rows[0]["data"])
            written.append((sha256, str(path)))
    return written
