"""Every page and summary of a batch by itself: errors that no true text is needed for.

Here: reading the batch's rows a chunk of documents at a time. Not here: the measures (`measures/`),
or what becomes of them (`live.py`).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from assets.context import StageContext, chunks, owned_documents, rows_by_document
from assets.evals.live import Collected
from assets.evals.measures.page import page_alone
from assets.evals.measures.summary import summary_alone
from resources.lake.lake import Lake

_PAGE: Final = ("doc_id", "page_number", "version", "status", "text", "source", "confidence")
_SUMMARY: Final = ("doc_id", "version", "status", "summary")
_DOC: Final = ("doc_id", "markdown")
SOURCE_CHARS: Final = 2_000_000
"""Of a document that a summary is measured against: a book of 800 pages. Of a longer one, the
start, which costs seconds for each ten million characters that are left."""


def measure_alone(context: StageContext, collected: Collected) -> None:
    """Measure every page and summary of the batch."""
    lake, batch = context.lake, context.batch
    documents = owned_documents(lake, batch).select("doc_id", "n_pages").to_dicts()
    total = sum(document["n_pages"] or 0 for document in documents)
    done = 0
    for chunk in chunks(documents):
        names = [document["doc_id"] for document in chunk]
        done += _pages(lake, batch, names, collected)
        context.progress.report("evals", batch, done, max(total, done))
        _summaries(lake, batch, names, collected)


def _pages(lake: Lake, batch: str, documents: list[str], collected: Collected) -> int:
    n = 0
    for doc_id, rows in rows_by_document(lake, "pages", batch, documents, _PAGE).items():
        for row in rows:
            measures = page_alone(
                row["text"] or "",
                confidence=row["confidence"],
                source=row["source"],
                status=row["status"],
            )
            collected.add("pages", row["version"], doc_id, row["page_number"], measures)
            n += 1
    return n


def _summaries(lake: Lake, batch: str, documents: list[str], collected: Collected) -> None:
    summaries = rows_by_document(lake, "summaries", batch, documents, _SUMMARY)
    start = pl.col("markdown").str.head(SOURCE_CHARS)
    docs = rows_by_document(lake, "docs", batch, documents, _DOC, start)
    for doc_id, rows in summaries.items():
        source = next((row["markdown"] for row in docs[doc_id]), None) or ""
        for row in rows:
            measures = summary_alone(row["summary"], source, status=row["status"])
            collected.add("summaries", row["version"], doc_id, None, measures)
