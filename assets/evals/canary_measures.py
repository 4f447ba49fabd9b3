"""Measures that need no truth, of documents as an upgrade found and left them.

Here: pages, whole documents and summaries as `Result`s, one unit each. Not here: a measure
(`measures/`) or the comparison (`canary.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from assets.evals.base import DocumentReading, Measure, Readings, Result
from assets.evals.measures.page import page_alone
from assets.evals.measures.summary import summary_alone


def results_of_pages(version: str, readings: Readings) -> list[Result]:
    """Every page by itself."""
    return [
        result
        for document in readings.documents
        for page in document.pages
        for result in _results(
            "pages",
            version,
            document,
            page_alone(
                page.text,
                confidence=page.confidence,
                source=page.source,
                status=page.status,
            ),
            page.page_number,
        )
    ]


def results_of_documents(version: str, readings: Readings) -> list[Result]:
    """Every stitched document by itself, measured as one long page."""
    return [
        result
        for document in readings.documents
        for result in _results(
            "docs",
            version,
            document,
            page_alone(document.markdown, status=document.status),
        )
    ]


def results_of_summaries(version: str, readings: Readings) -> list[Result]:
    """Every summary against the document that it is of."""
    return [
        result
        for document in readings.documents
        for result in _results(
            "summaries",
            version,
            document,
            summary_alone(document.summary, document.markdown, status=document.summary_status),
        )
    ]


def _results(
    subject: str,
    version: str,
    document: DocumentReading,
    measures: Sequence[Measure],
    page_number: int | None = None,
) -> Iterator[Result]:
    name = document.doc_id if page_number is None else f"{document.doc_id}#{page_number}"
    for measure in measures:
        yield Result(
            "live",
            name,
            measure.metric,
            subject,
            version,
            measure.value,
            None,
            measure.explanation,
            None,
            document.doc_id,
            page_number,
        )
