"""What a report of an evaluation shows: the records that its sections are drawn from.

Here: sides, history, pictures, and the report as a whole, made of an evaluation run or of any two
readings. Not here: which pages are the worst (`worst.py`), HTML, or any file (`write.py`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from assets.evals.base import (
    METRICS,
    STAGE_OF,
    Comparison,
    DocumentReading,
    EvalRun,
    Limits,
    PageReading,
    Readings,
    Result,
    Suite,
    Verdict,
)

PageKey = tuple[str, int]
"""doc_id and page number; `SUMMARY` or `DOCUMENT` for what is of no one page."""
Shown = tuple[DocumentReading, PageReading | None]
"""A page with its document; None for what is of no one page."""
SUMMARY: Final = 0
DOCUMENT: Final = -1
"""The stitched text of the whole document."""

_CASE: Final = re.compile(r"([0-9a-f]{64})#(\d+)(?:@.*)?")
_SAME: Final = 1e-6
"""Between means: sums in another order differ by less."""
_VERSION: Final = re.compile(r"(?P<stage>[a-z]+)-r\d+-(?P<engine>.+)-[0-9a-f]{12}")


@dataclass(frozen=True)
class Side:
    """What one set of versions read, and what was measured of it."""

    results: Sequence[Result] = ()
    readings: Sequence[Readings] = ()

    def pages(self, suite: Suite = "golden") -> dict[PageKey, Shown]:
        """Every page by its key; with `None` for a page, every document and every summary.

        Of a document that was read twice, in the golden set and as one of the lake's, the first of
        the readings is the golden set's.
        """
        found: dict[PageKey, Shown] = {}
        several = self.readings if suite == "golden" else reversed(self.readings)
        for document in (document for one in several for document in one.documents):
            for page in document.pages:
                found.setdefault((document.doc_id, page.page_number), (document, page))
            if document.summary_status is not None:
                found.setdefault((document.doc_id, SUMMARY), (document, None))
            if document.markdown:
                found.setdefault((document.doc_id, DOCUMENT), (document, None))
        return found


@dataclass(frozen=True)
class Seen:
    """A version as one run found it.

    Attributes:
        stage: Its stage.
        version: The version.
        means: Mean error by suite and metric.
        seconds: Seconds a page that the stage took; None when it was not run or not timed.
        usd: USD a document; None when it was not run or a price is not known.
    """

    stage: str
    version: str
    means: Mapping[tuple[Suite, str], float]
    seconds: float | None = None
    usd: float | None = None


@dataclass(frozen=True)
class Past:
    """An evaluation run as history: what was measured then, of which versions."""

    run_id: str
    started_at: datetime
    golden: str
    seen: tuple[Seen, ...]


@dataclass(frozen=True)
class Pictures:
    """Pages as JPEGs, and why there is none of others.

    Attributes:
        images: Pages as they are in their documents.
        reasons: Why others have no picture.
        read: Pages of the lake as OCR was given them: pictures, some worn like a scan.
    """

    images: Mapping[PageKey, bytes] = field(default_factory=dict)
    reasons: Mapping[PageKey, str] = field(default_factory=dict)
    read: Mapping[PageKey, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """Something to type, and what it does."""

    text: str
    does: str


@dataclass(frozen=True)
class Report:
    """Everything that one report shows; every part but the title may be missing.

    Attributes:
        title: Of the page.
        subtitle: What was compared, in a sentence.
        verdicts: What was decided; without any, the report only compares.
        new: The versions that are looked at.
        old: The versions they are compared with.
        now: This run as a point of history; its place is the newest.
        history: Earlier runs in any order.
        pictures: Of the worst pages.
        places: Of a case, the page of the readings that it is about, where its result does not say
            it by `doc_id` (golden cases, pictures of pages).
        commands: What to do next.
        notes: What could not be compared, and why.
        facts: Words and values of the run, for the table at the end.
        names: How the sides are called, the old one first.
        limits: When a difference is told of and when it rejects.
    """

    title: str
    subtitle: str = ""
    verdicts: Sequence[Verdict] = ()
    new: Side = field(default_factory=Side)
    old: Side = field(default_factory=Side)
    now: Past | None = None
    history: Sequence[Past] = ()
    pictures: Pictures = field(default_factory=Pictures)
    places: Mapping[str, PageKey] = field(default_factory=dict)
    commands: Sequence[Command] = ()
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, str] = ("accepted", "new")
    limits: Limits = field(default_factory=Limits)

    def place_of(self, result: Result) -> PageKey | None:
        """The page of the readings that a result is about; None where nobody knows."""
        found = self._named(result)
        if found is None or found[1] > 0:
            return found
        # A summary that is worse because of its pages is a result of theirs, and of a summary.
        of_summary = "summaries" in (result.subject, STAGE_OF.get(result.metric))
        return found[0], SUMMARY if of_summary else DOCUMENT

    def _named(self, result: Result) -> PageKey | None:
        if result.case_id in self.places:
            return self.places[result.case_id]
        if result.doc_id is not None:
            return result.doc_id, result.page_number or 0
        found = _CASE.fullmatch(result.case_id)
        return (found[1], int(found[2])) if found else None


@dataclass(frozen=True)
class Row:
    """A metric of both sides, over the units that both have (over all of `new` without an old)."""

    stage: str
    suite: Suite
    metric: str
    n: int
    new: float
    old: float | None = None
    comparison: Comparison | None = None

    @property
    def words(self) -> str:
        """What is wrong when the metric grows."""
        return METRICS.get(self.metric, self.metric)

    @property
    def differs(self) -> bool:
        """Whether there is anything to look at."""
        if self.comparison is not None and self.comparison.level != "pass":
            return True
        return self.old is None or abs(self.new - self.old) > _SAME


def metric_rows(report: Report) -> list[Row]:
    """A row per stage, suite and metric; what a verdict compared comes as it compared it."""
    rows = {
        (verdict.stage, c.suite, c.metric): Row(
            verdict.stage, c.suite, c.metric, c.n, c.mean, c.baseline_mean, c
        )
        for verdict in report.verdicts
        for c in verdict.comparisons
    }
    old = {(r.suite, r.case_id, r.metric): r.value for r in report.old.results}
    units: dict[tuple[str, Suite, str], list[tuple[float, float | None]]] = defaultdict(list)
    for r in report.new.results:
        key = (r.subject, r.suite, r.metric)
        if key not in rows:
            units[key].append((r.value, old.get((r.suite, r.case_id, r.metric))))
    for (stage, suite, metric), values in units.items():
        pairs = [(new, before) for new, before in values if before is not None]
        if pairs:
            means = mean_of([new for new, _ in pairs]), mean_of([before for _, before in pairs])
            rows[stage, suite, metric] = Row(stage, suite, metric, len(pairs), *means)
        else:
            mean = mean_of([new for new, _ in values])
            rows[stage, suite, metric] = Row(stage, suite, metric, len(values), mean)
    return sorted(rows.values(), key=_order)


def mean_of(values: Sequence[float]) -> float:
    """The mean, which one value that is no number makes none too."""
    return sum(values) / len(values)


def _order(row: Row) -> tuple[str, str, int, str]:
    known = list(METRICS)
    place = known.index(row.metric) if row.metric in known else len(known)
    return row.stage, row.suite, place, row.metric


def engine_of(version: str) -> str:
    """The engine that a version's name says, such as `rapidocr`; else the name itself."""
    found = _VERSION.fullmatch(version)
    return found["engine"] if found else version


def past_of(run: EvalRun, results: Sequence[Result]) -> Past:
    """A run as a point of history, from its record and its results."""
    groups: dict[tuple[str, str], dict[tuple[Suite, str], list[float]]] = {}
    for r in results:
        metrics = groups.setdefault((r.subject, r.version), {})
        metrics.setdefault((r.suite, r.metric), []).append(r.value)
    seen = tuple(
        Seen(
            stage,
            version,
            {key: mean_of(values) for key, values in metrics.items()},
            run.seconds_a_page.get(version),
            run.usd_a_document.get(version),
        )
        for (stage, version), metrics in groups.items()
    )
    return Past(run.run_id, run.started_at, run.golden, seen)


def costs_of(readings: Iterable[Readings]) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds a page and USD a document by version, for an `EvalRun`.

    A stage's time is told per page of what it worked on, whatever the stage; only summaries cost.
    """
    seconds: dict[str, float] = defaultdict(float)
    usd: dict[str, float | None] = {}
    n_pages: dict[str, int] = defaultdict(int)
    n_documents: dict[str, int] = defaultdict(int)
    for one in readings:
        for stage, version in one.versions.items():
            if stage not in one.seconds:
                continue  # copied, or kept from another run
            seconds[version] += one.seconds[stage]
            n_pages[version] += sum(len(document.pages) for document in one.documents)
            n_documents[version] += len(one.documents)
            if stage == STAGE_OF["failed_summary"]:
                usd[version] = _sum(usd.get(version, 0.0), one.cost_usd)
    return (
        {version: seconds[version] / n_pages[version] for version in seconds if n_pages[version]},
        {v: cost / n_documents[v] for v, cost in usd.items() if cost is not None},
    )


def _sum(a: float | None, b: float | None) -> float | None:
    """What is not known makes the sum unknown."""
    return None if a is None or b is None else a + b
