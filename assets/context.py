"""What every stage is given: the lake, the settings, the workers, the batch, the run.

Here: that one record and the reading of a stage's upstream rows. Not here: anything that one stage
does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import polars as pl

from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool

PAGES_AT_ONCE: Final = 1_000
"""Documents are read in chunks of about this many pages (20 MiB), whatever the batch holds."""


class Place(Protocol):
    """One batch of one lake: all that looking at it takes, without running anything."""

    @property
    def lake(self) -> Lake:
        """The lake."""

    @property
    def settings(self) -> Settings:
        """What stages are run with."""

    @property
    def batch(self) -> str:
        """The batch."""


@dataclass(frozen=True)
class StageContext:
    """One run of one stage over one batch."""

    lake: Lake
    settings: Settings
    workers: WorkerPool
    batch: str
    run_id: str
    progress: Progress = field(default_factory=Progress)
    books: Lake | None = None
    """The lake that calls of models are booked in, and their answers kept; the same when None."""

    @property
    def paying(self) -> Lake:
        """The lake whose budget is spent."""
        return self.books or self.lake


def digest(*parts: object) -> str:
    """A hash of JSON-able parts, for `input_sha256`."""
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def owned_documents(lake: Lake, batch: str) -> pl.DataFrame:
    """The `files` rows whose documents this batch owns, one a document, failed ones included."""
    return (
        lake.read("files", batch=batch)
        .filter((pl.col("status") != "duplicate") & pl.col("doc_id").is_not_null())
        .unique("doc_id", keep="first", maintain_order=True)
    )


def readable_documents(lake: Lake, batch: str) -> pl.DataFrame:
    """The documents of a batch that opened, and so have pages."""
    return owned_documents(lake, batch).filter(pl.col("status") == "ok")


def chunks(documents: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Documents in order, cut so that a chunk holds about `PAGES_AT_ONCE` pages."""
    chunk: list[dict[str, Any]] = []
    pages = 0
    for document in documents:
        if chunk and pages + (document["n_pages"] or 0) > PAGES_AT_ONCE:
            yield chunk
            chunk, pages = [], 0
        chunk.append(document)
        pages += document["n_pages"] or 0
    if chunk:
        yield chunk


def rows_by_document(
    lake: Lake,
    table: str,
    batch: str,
    documents: Sequence[str],
    columns: Sequence[str] | None = None,
    *changes: pl.Expr,
) -> dict[str, list[dict[str, Any]]]:
    """Rows of some documents of a batch, grouped and in key order; `changes` replace columns."""
    keys = ["doc_id", "page_number", "image_index"]
    frame = (
        lake.scan(table, columns, batch=batch)
        .filter(pl.col("doc_id").is_in(list(documents)))
        .with_columns(*changes)
        .collect()
    )
    frame = frame.sort([key for key in keys if key in frame.columns])
    grouped: dict[str, list[dict[str, Any]]] = {document: [] for document in documents}
    for row in frame.to_dicts():
        grouped[row["doc_id"]].append(row)
    return grouped
