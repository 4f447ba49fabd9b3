"""Whether a reading keeps a golden case.

Here: `judge_case`, one function a kind. Not here: what cases there are (`cases.py`), how texts are
compared (`finding.py`), or what follows (`verdict.py`).

A document or page that was not read keeps no case: whatever was expected is wrong. Only a stage
that was not run is not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from assets.evals.base import STAGE_OF, DocumentReading, Measure, Result
from assets.evals.cases import (
    Case,
    ImageCount,
    Order,
    PageText,
    SummaryFacts,
    SummaryReference,
    TableCell,
    TextAbsent,
    TextPresent,
)
from assets.evals.finding import (
    Place,
    Searched,
    cells_of,
    is_same,
    tables_of,
    text_of_markdown,
)
from assets.evals.measures.against_truth import against_truth
from assets.evals.measures.summary import rouge_l
from assets.evals.measures.words import quoted
from resources.report.escaping import percent

METRIC_OF: Final[Mapping[str, str]] = {
    "order": "text_order",
    "page_text": "cer",
    "summary_reference": "rouge_l",
}
"""The metric that decides a case of a kind, where it is not named as the kind."""
_LONG: Final = 160


@dataclass(frozen=True)
class _Judged:
    """The error of a case, and why."""

    value: float
    said: str
    passed: bool | None = None
    """None where the tolerance decides."""


@dataclass(frozen=True)
class _Read:
    """What of a document a case is about."""

    text: str = ""
    markdown: str = ""
    n_images: int = 0
    fault: str | None = None
    """Why there is nothing, in words."""


def judge_case(case: Case, document: DocumentReading, versions: Mapping[str, str]) -> list[Result]:
    """Whether a document was read as a case says.

    Args:
        case: The case.
        document: The case's PDF as it was read.
        versions: The version of every stage that was run.

    Returns:
        One result with `passed`; for a page's text those of the other measures besides, without.
        Nothing when the stage that answers for the case was not run.
    """
    stage = _subject(case)
    if stage not in versions:
        return []
    read = _summary(document) if stage == "summaries" else _read(document, case.page)
    if read is None:
        return []
    measured = _measured(case, read)
    first, *others = [
        Result(
            suite="golden",
            case_id=case.id,
            metric=measure.metric,
            subject=stage,
            version=versions[stage],
            value=measure.value,
            explanation=measure.explanation,
        )
        for measure in measured.found
    ]
    return [replace(first, passed=measured.passed), *others]


@dataclass(frozen=True)
class _Measured:
    """The measures of a case, the one that decides first."""

    found: tuple[Measure, ...]
    passed: bool


def _subject(case: Case) -> str:
    usual = STAGE_OF[METRIC_OF.get(case.kind, case.kind)]
    # Without a page the text is the stitched document's.
    stitched = usual == "pages" and case.page is None
    return case.stage or ("docs" if stitched else usual)


def _read(document: DocumentReading, number: int | None) -> _Read:
    if number is None:
        if document.status == "failed":
            return _Read(fault=f"{document.file_name} was not read: {document.error_class}")
        markdown = document.markdown
        return _Read(text_of_markdown(markdown), markdown, document.n_images)
    page = next((page for page in document.pages if page.page_number == number), None)
    if page is None:
        why = f"; the document failed: {document.error_class}" if document.error_class else ""
        return _Read(fault=f"{document.file_name} has no page {number} that was read{why}")
    if page.status == "failed":
        return _Read(fault=f"page {number} was not read: {page.error_class}")
    return _Read(page.text, page.markdown, page.n_images)


def _summary(document: DocumentReading) -> _Read | None:
    if document.summary_status == "blocked":
        return None
    if document.summary is None:
        return _Read(fault=f"there is no summary: {document.summary_status or document.status}")
    return _Read(document.summary)


def _measured(case: Case, read: _Read) -> _Measured:
    metric, expect = METRIC_OF.get(case.kind, case.kind), case.expect
    if isinstance(expect, PageText):
        found = against_truth(expect.text, "" if read.fault else read.text)
        said = read.fault or _page_said(expect.text, read.text, found[0], case.tolerance)
        decided = Measure("cer", found[0].value, said)
        passed = read.fault is None and decided.value <= case.tolerance
        return _Measured((decided, *found[1:]), passed)
    if read.fault is not None:
        return _Measured((Measure(metric, 1.0, read.fault),), passed=False)
    judged = _judge(case, read)
    passed = judged.value <= case.tolerance if judged.passed is None else judged.passed
    return _Measured((Measure(metric, judged.value, judged.said),), passed)


def _judge(case: Case, read: _Read) -> _Judged:
    match case.expect:
        case TextPresent() as expect:
            return _present(expect, read.text, case.tolerance)
        case TextAbsent() as expect:
            return _absent(expect, read.text)
        case Order() as expect:
            return _order(expect, read.text, case.tolerance)
        case TableCell() as expect:
            return _cell(expect, read.markdown, case.tolerance)
        case ImageCount() as expect:
            return _images(expect, read.n_images)
        case SummaryFacts() as expect:
            return _facts(expect, read.text, case.tolerance)
        case SummaryReference() as expect:
            return _reference(expect, read.text)
        case PageText():  # measured by more than one number
            raise AssertionError(case.kind)


def _page_said(wanted: str, read: str, cer: Measure, tolerance: float) -> str:
    if cer.value <= tolerance:
        return cer.explanation
    return (
        f"{cer.explanation}, {percent(tolerance)} may be wrong; expected {quoted(wanted, _LONG)}, "
        f"found {quoted(read, _LONG)}"
    )


def _near(wanted: str, place: Place) -> str:
    if not place.found:
        return f"expected {quoted(wanted, _LONG)}, and nothing is like it"
    lost = f"; missing: {quoted(' '.join(place.missing), _LONG)}" if place.missing else ""
    nearest = f"the nearest is {quoted(place.found, _LONG)} ({percent(place.error)} wrong{lost})"
    return f"expected {quoted(wanted, _LONG)}; {nearest}"


def _present(expect: TextPresent, text: str, tolerance: float) -> _Judged:
    place = Searched(text).nearest(expect.text)
    said = _near(expect.text, place) if place.error else ""
    return _Judged(place.error, said, place.within(tolerance))


def _absent(expect: TextAbsent, text: str) -> _Judged:
    searched = Searched(text)
    places = searched.all(expect.text)
    if len(places) <= expect.times:
        return _Judged(0.0, "", passed=True)
    said = (
        f"{quoted(expect.text, _LONG)} stands {len(places)} times, {expect.times} are allowed: "
        f"{quoted(searched.around(places[-1]), _LONG)}"
    )
    return _Judged(1.0, said, passed=False)


def _order(expect: Order, text: str, tolerance: float) -> _Judged:
    """Each text is looked for after the end of the one before; one that is only before is wrong."""
    searched = Searched(text)
    faults, after, before = [], 0, ""
    for wanted in expect.texts:
        place = searched.nearest(wanted, after)
        if place.within(tolerance):
            after, before = place.end, wanted
            continue
        anywhere = searched.nearest(wanted)
        if anywhere.within(tolerance):
            faults.append(
                f"{quoted(wanted)} should stand after {quoted(before)}, and stands "
                f"before: {quoted(searched.around(anywhere), _LONG)}"
            )
        else:
            faults.append(_near(wanted, anywhere))
    value = len(faults) / len(expect.texts)
    return _Judged(value, "; ".join(faults), passed=not faults)


def _cell(expect: TableCell, markdown: str, tolerance: float) -> _Judged:
    tables = list(tables_of(markdown))
    where = f"row {quoted(expect.row)}, column {quoted(expect.column)}"
    if not tables:
        said = f"expected {quoted(expect.cell)} in {where}; there is no table"
        return _Judged(1.0, said, passed=False)
    found = cells_of(tables, expect.row, expect.column)
    if any(is_same(expect.cell, cell) for cell in found):
        return _Judged(0.0, "", passed=True)
    if not found:
        cells = [cell for table in tables for row in table for cell in row]
        missing = [t for t in (expect.row, expect.column) if not any(is_same(t, c) for c in cells)]
        why = f"no cell says {quoted(missing[0])}" if missing else "they are not of one table"
        return _Judged(1.0, f"expected {quoted(expect.cell)} in {where}; {why}", passed=False)
    best = min((Searched(cell).nearest(expect.cell) for cell in found), key=lambda p: p.error)
    said = f"expected {quoted(expect.cell)} in {where}; found {quoted(' / '.join(found))}"
    return _Judged(best.error or 1.0, said, best.error > 0 and best.within(tolerance))


def _images(expect: ImageCount, found: int) -> _Judged:
    value = min(1.0, abs(found - expect.count) / max(expect.count, 1))
    said = f"expected {expect.count} images, found {found}" if value else ""
    return _Judged(value, said)


def _facts(expect: SummaryFacts, summary: str, tolerance: float) -> _Judged:
    searched = Searched(summary.casefold())

    def has(wording: str) -> bool:
        return bool(searched.all(wording.casefold()))

    lost = [wordings[0] for wordings in expect.mention if not any(map(has, wordings))]
    unwanted = [wording for wording in expect.not_mention if has(wording)]
    value = (len(lost) + len(unwanted)) / (len(expect.mention) + len(expect.not_mention))
    allowed = tolerance * len(expect.mention)
    said = "; ".join(
        [f"it does not mention {quoted(wording)}" for wording in lost]
        + [f"it mentions {quoted(wording)}" for wording in unwanted]
        + ([f"the summary: {quoted(summary, _LONG)}"] if lost or unwanted else [])
    )
    return _Judged(value, said, passed=not unwanted and len(lost) <= allowed + 1e-9)


def _reference(expect: SummaryReference, summary: str) -> _Judged:
    measure = rouge_l(expect.text, summary)
    said = f"{measure.explanation}: {quoted(summary, _LONG)}; expected {quoted(expect.text, _LONG)}"
    return _Judged(measure.value, said)
