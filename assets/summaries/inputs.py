"""From rows of `docs` to what a summariser is given, and one record for each, whatever happens.

Here: documents that no summariser need see (failed, or without text), and the promise of one record
per document in the same order. Not here: how a summary is made (`resources/summariser`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from assets.summaries.body import body_paragraphs
from resources.errors import ErrorClass
from resources.summariser.base import Summariser, SummaryInput, SummaryRecord, without_summary


def summary_input(row: Mapping[str, Any]) -> SummaryInput:
    """What a summariser needs of a row of `docs`."""
    markdown = row["markdown"] or ""
    return SummaryInput(
        doc_id=row["doc_id"],
        title=row["title"],
        markdown=markdown,
        status=row["status"],
        body=() if row["status"] == "failed" else body_paragraphs(markdown),
    )


def summarise_rows(
    rows: Iterable[Mapping[str, Any]], summariser: Summariser
) -> list[SummaryRecord]:
    """One record per row of `docs`, in the same order.

    Failed documents are `failed`, documents without a word are `empty`; the others go to the
    summariser in one batch. A document that it gives no record for is `failed` as well.
    """
    documents = [summary_input(row) for row in rows]
    asked = [document for document in documents if document.status != "failed" and document.body]
    answers = {record.doc_id: record for record in _ask(summariser, asked)}
    return [
        answers.get(document.doc_id) or _unasked(document, summariser) for document in documents
    ]


def _ask(summariser: Summariser, documents: Sequence[SummaryInput]) -> Iterator[SummaryRecord]:
    if documents:
        yield from summariser.summarise(documents)


def _unasked(document: SummaryInput, summariser: Summariser) -> SummaryRecord:
    if document.status == "failed":
        return without_summary(
            summariser,
            document.doc_id,
            "failed",
            ErrorClass.UNREADABLE,
            "no page of the document could be read; `quire show` says why",
        )
    if not document.body:
        return without_summary(summariser, document.doc_id, "empty")
    return without_summary(
        summariser,
        document.doc_id,
        "failed",
        ErrorClass.SUMMARY_FAILED,
        f"the summariser {summariser.name} gave no record for this document",
    )
