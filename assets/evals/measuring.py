"""From readings to results: every measure of every case, page, picture and summary of one side.

Here: which measure is taken of what, and under which name. Not here: the measures (`measures/`,
`judging.py`), or comparing two sides (`verdict.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assets.evals.base import DocumentReading, Measure, Readings, Result, Suite
from assets.evals.cases import Case
from assets.evals.judging import judge_case
from assets.evals.measures.against_truth import against_truth
from assets.evals.measures.page import page_alone
from assets.evals.measures.summary import summary_alone
from assets.evals.pictures import Picture
from assets.evals.report.content import DOCUMENT, SUMMARY, PageKey


@dataclass
class Measured:
    """Results of one side, and where in its readings each case's page is.

    Attributes:
        results: In the order that they were measured.
        places: The document and page of every golden case; others say theirs.
    """

    results: list[Result] = field(default_factory=list)
    places: dict[str, PageKey] = field(default_factory=dict)

    def add(self, other: Measured) -> None:
        """Take in what was measured of other readings of the same side."""
        self.results += other.results
        self.places |= other.places


def measure_golden(readings: Readings, cases: Sequence[Case]) -> Measured:
    """The cases of a golden set, and every page and summary of its PDFs by itself."""
    measured = Measured()
    documents = {document.file_name: document for document in readings.documents}
    for case in cases:
        document = documents[case.pdf]
        measured.results += judge_case(case, document, readings.versions)
        whole = SUMMARY if case.kind.startswith("summary") else DOCUMENT
        measured.places[case.id] = (document.doc_id, case.page or whole)
    for name, document in documents.items():
        for page in document.pages:
            case_id = f"{name}#{page.page_number}"
            found = page_alone(
                page.text, confidence=page.confidence, source=page.source, status=page.status
            )
            measured.results += _results("golden", case_id, "pages", found, readings.versions)
            measured.places[case_id] = (document.doc_id, page.page_number)
        measured.results += _results(
            "golden", name, "summaries", _of_summary(document), readings.versions
        )
        measured.places[name] = (document.doc_id, SUMMARY)
    return measured


def measure_pictures(readings: Readings, pictures: Sequence[Picture]) -> Measured:
    """Pictures of the lake's pages against the text that the pages have of their own.

    A picture that a side did not read at all is not measured, rather than counted as wrong: it may
    be one that this machine cannot read with that side's versions.
    """
    measured = Measured()
    pages = {(p.doc_id, p.page_number): p for d in readings.documents for p in d.pages}
    for picture in pictures:
        page = pages.get((picture.doc_id, picture.page_number))
        if page is None:
            continue
        failed = page.status == "failed"
        found = [
            *against_truth(picture.truth, page.text),
            Measure("failed_page", float(failed), page.error_class or ""),
        ]
        measured.results += _results(
            "live", picture.case_id, "pages", found, readings.versions,
            batch=picture.page.batch, doc_id=picture.doc_id, page_number=picture.page_number,
        )  # fmt: skip
    return measured


def measure_summaries(readings: Readings, batches: Mapping[str, str]) -> Measured:
    """Summaries of the lake's documents against their text.

    Args:
        readings: The documents with their summaries.
        batches: The batch of each, by doc_id.
    """
    measured = Measured()
    for document in readings.documents:
        measured.results += _results(
            "live", document.doc_id, "summaries", _of_summary(document), readings.versions,
            batch=batches.get(document.doc_id), doc_id=document.doc_id,
        )  # fmt: skip
    return measured


def _of_summary(document: DocumentReading) -> list[Measure]:
    if document.summary_status is None or document.status == "failed":
        return []
    return summary_alone(document.summary, document.markdown, status=document.summary_status)


def _results(
    suite: Suite,
    case_id: str,
    subject: str,
    measures: Iterable[Measure],
    versions: Mapping[str, str],
    *,
    batch: str | None = None,
    doc_id: str | None = None,
    page_number: int | None = None,
) -> Iterator[Result]:
    for measure in measures:
        yield Result(
            suite=suite,
            case_id=case_id,
            metric=measure.metric,
            subject=subject,
            version=versions[subject],
            value=measure.value,
            explanation=measure.explanation,
            batch=batch,
            doc_id=doc_id,
            page_number=page_number,
        )
