"""Every row that the lake holds of one document, for `show` and `export`.

Here: reading. Not here: showing (`show.py`) or writing files (`export.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from io_managers.schemas import TABLES
from resources.lake.find import Found
from resources.lake.lake import Lake

_IMAGES_AT_ONCE: Final = 32
_HEAVY: Final = ("text", "markdown", "blocks")


@dataclass(frozen=True)
class Document:
    """One document's rows, as the tables have them."""

    found: Found
    files: list[dict[str, Any]]
    pages: list[dict[str, Any]]
    images: list[dict[str, Any]]
    doc: dict[str, Any] | None
    summary: dict[str, Any] | None
    failures: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON values (timestamps are left to the writer)."""
        found = self.found
        return {
            "doc_id": found.doc_id,
            "state": found.state,
            "error_class": found.error_class,
            "stage": found.stage,
            "error": found.error,
            "file_name": found.file_name,
            "title": found.title,
            "n_pages": found.n_pages,
            "files": self.files,
            "docs": self.doc,
            "summaries": self.summary,
            "pages": self.pages,
            "images": self.images,
            "failures": self.failures,
        }


def read_document(lake: Lake, found: Found, *, page_text: bool) -> Document:
    """Read all rows of a document; `page_text` adds the pages' text, markdown and blocks."""
    pages = [c for c in TABLES["pages"].columns if page_text or c not in _HEAVY]
    docs, summaries = _rows(lake, "docs", found), _rows(lake, "summaries", found)
    return Document(
        found=found,
        files=_files(lake, found),
        pages=_rows(lake, "pages", found, pages, sort=["page_number"]),
        images=_rows(lake, "images", found, sort=["page_number", "image_index"]),
        doc=docs[0] if docs else None,
        summary=summaries[0] if summaries else None,
        failures=_failures(lake, found),
    )


def _rows(
    lake: Lake,
    table: str,
    found: Found,
    columns: Sequence[str] | None = None,
    sort: Sequence[str] = (),
) -> list[dict[str, Any]]:
    if found.doc_id is None:
        return []
    rows = lake.scan(table, columns, batch=found.batch).filter(pl.col("doc_id") == found.doc_id)
    frame = rows.collect()
    return (frame.sort(sort) if sort else frame).to_dicts()


def _files(lake: Lake, found: Found) -> list[dict[str, Any]]:
    """`files` rows of every sighting; one that no run has read yet is as the manifest has it."""
    rows = []
    for sighting in found.sightings:
        same = pl.col("uri") == sighting["uri"]
        known = lake.scan("files", batch=sighting["batch"]).filter(same).collect().to_dicts()
        rows.append({**sighting, **(known[0] if known else {})})
    return rows


def _failures(lake: Lake, found: Found) -> list[dict[str, Any]]:
    by_doc = pl.lit(value=False) if found.doc_id is None else pl.col("doc_id") == found.doc_id
    by_file = pl.col("doc_id").is_null() & (pl.col("uri") == found.uri)
    rows = lake.scan("failures", batch=found.batch).filter(by_doc | by_file).collect()
    return rows.sort("stage", "page_number", nulls_last=False).to_dicts()


def read_images(lake: Lake, document: Document) -> Iterator[tuple[str, str, bytes]]:
    """Stored images as (sha256, format, bytes), a few at a time, so that memory stays small."""
    wanted = sorted(
        {row["sha256"] for row in document.images if row["sha256"] and row["status"] == "ok"}
    )
    for first in range(0, len(wanted), _IMAGES_AT_ONCE):
        some = wanted[first : first + _IMAGES_AT_ONCE]
        rows = lake.scan(
            "image_data", ["sha256", "format", "data"], batch=document.found.batch
        ).filter(pl.col("sha256").is_in(some))
        yield from rows.collect().iter_rows()
