"""Every document gets one record, in order, whatever the summariser does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from assets.summaries.inputs import summarise_rows
from assets.summaries.version import version_inputs
from io_managers.schemas import SUMMARIES
from resources.summariser.base import SummaryInput, SummaryRecord, without_summary
from resources.summariser.extractive import ExtractiveSummariser


def row(doc_id: str, markdown: str = "Some prose.", status: str = "ok") -> dict[str, Any]:
    return {"doc_id": doc_id, "title": None, "markdown": markdown, "status": status}


class Backwards:
    """Answers in reverse order and forgets a document."""

    name = "backwards"
    model = "m-1"
    prompt_version = "p-1"

    def version_inputs(self) -> dict[str, str]:
        return {"model": "m-1"}

    def summarise(self, documents: Sequence[SummaryInput]) -> Iterator[SummaryRecord]:
        for document in reversed(documents):
            if document.doc_id != "forgotten":
                yield without_summary(self, document.doc_id, "blocked")


def test_records_keep_the_order_and_none_is_missing() -> None:
    rows = [row("a"), row("empty", ""), row("forgotten"), row("bad", "", "failed"), row("b")]
    records = summarise_rows(rows, Backwards())
    assert [r.doc_id for r in records] == ["a", "empty", "forgotten", "bad", "b"]
    assert [r.status for r in records] == ["blocked", "empty", "failed", "failed", "blocked"]
    assert [r.error_class for r in records] == [None, None, "summary_failed", "unreadable", None]


def test_partial_documents_are_summarised() -> None:
    markdown = "Some prose.\n\n> [page 2 could not be read: timeout]\n"
    (record,) = summarise_rows([row("a", markdown, "partial")], ExtractiveSummariser())
    assert (record.status, record.summary) == ("ok", "Some prose.")


def test_a_record_has_the_columns_of_summaries() -> None:
    (record,) = summarise_rows([row("a")], ExtractiveSummariser())
    assert set(record.as_row()) == set(SUMMARIES.columns) - {"batch", "version", "input_sha256"}


def test_the_version_holds_what_the_summariser_depends_on() -> None:
    assert version_inputs(Backwards())["model"] == "m-1"
    assert all(isinstance(value, str) for value in version_inputs(ExtractiveSummariser()).values())
