"""Measures of a batch as they are collected, kept, and written to `evals`.

Here: every page's and summary's measures as columns, the few rows of them that the table `evals`
gets, and the object that holds them all for the next version to be compared with. Not here: who
measures (`alone.py`, `self_grading.py`), or what is made of it (`history.py`, `checks.py`).

A batch has thousands of pages, so `evals` has one row for each metric's mean (`case_id` `batch`, or
`batch@clean` for pictures that were read), one for each picture that was read, and one for each
page or summary over a limit, the worst `WORST` of each metric.
"""

from __future__ import annotations

import hashlib
import heapq
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from assets.evals.base import STAGE_OF, Measure, Result
from resources.lake.lake import Lake

FOLDER: Final = "_quire/evals/live"
KEPT: Final = 3
"""Sets of versions of which a batch's measures are kept."""
WORST: Final = 20
BATCH: Final = "batch"
"""The case of a batch's mean."""
MIN_UNITS: Final = 20
"""Pages or summaries under which a batch's mean is told of, and neither judged nor judged by."""
LIMITS: Final[Mapping[str, float]] = {
    "cer": 0.1,
    "words_missing": 0.1,
    "words_invented": 0.1,
    "order": 0.2,
    "repeated": 0.1,
    "disagreement": 0.2,
    "garbage": 0.02,
    "unknown_words": 0.15,
    "repetition": 0.4,
    "doubt": 0.2,
    "failed_page": 0.0,
    "unsupported_numbers": 0.3,
    "unsupported_names": 0.5,
    "novelty": 0.5,
    "compression": 0.5,
    "language": 0.5,
    "failed_summary": 0.0,
}
"""Over which a page or summary is worth a row of its own. `garbage` as for a sound text layer
(`soundness.py`), `unsupported_names` as for a model's answer (`answer.py`); `unknown_words` and
`repetition` pass it on one page in a hundred of 550 text layers of 100 difficult PDFs. The others
are judgement: a tenth of a page is worth a look."""
_SCHEMA: Final = pl.Schema(
    {
        "subject": pl.String(),
        "version": pl.String(),
        "doc_id": pl.String(),
        "page_number": pl.Int32(),
        "degradation": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
    }
)
_UNIT: Final = ("subject", "doc_id", "page_number", "degradation", "metric")


@dataclass(frozen=True)
class Mean:
    """A metric over a batch: of pages or summaries, or of pictures with one degradation."""

    subject: str
    version: str
    metric: str
    degradation: str | None
    value: float
    n: int

    @property
    def name(self) -> str:
        """As it is plotted: `garbage`, `cer_clean`, `summaries_repetition`."""
        if self.degradation is not None:
            return f"{self.metric}_{self.degradation}"
        own = STAGE_OF.get(self.metric) == self.subject
        return self.metric if own else f"{self.subject}_{self.metric}"

    @property
    def case_id(self) -> str:
        """The case of its row in `evals`."""
        return BATCH if self.degradation is None else f"{BATCH}@{self.degradation}"


@dataclass
class Collected:
    """Measures of a batch's pages and summaries, column by column."""

    batch: str
    columns: dict[str, list[object]] = field(default_factory=lambda: {c: [] for c in _SCHEMA})
    graded: list[Result] = field(default_factory=list)
    _worst: dict[tuple[str, str], list[tuple[float, str, Result]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(
        self,
        subject: str,
        version: str,
        doc_id: str,
        page_number: int | None,
        measures: Iterable[Measure],
        degradation: str | None = None,
    ) -> None:
        """Take the measures of one page, picture or summary."""
        for measure in measures:
            unit = (subject, version, doc_id, page_number, degradation, measure.metric)
            for column, value in zip(_SCHEMA, (*unit, measure.value), strict=True):
                self.columns[column].append(value)
            over = measure.value > LIMITS.get(measure.metric, float("inf"))
            if degradation is None and not over:
                continue
            result = Result(
                suite="live",
                case_id=case_id(doc_id, page_number, degradation),
                metric=measure.metric,
                subject=subject,
                version=version,
                value=measure.value,
                passed=not over if measure.metric in LIMITS else None,
                explanation=measure.explanation,
                batch=self.batch,
                doc_id=doc_id,
                page_number=page_number,
            )
            if degradation is not None:
                self.graded.append(result)
            else:
                self._keep_worst(result)

    def _keep_worst(self, result: Result) -> None:
        worst = self._worst[result.subject, result.metric]
        heapq.heappush(worst, (result.value, result.case_id, result))
        if len(worst) > WORST:
            heapq.heappop(worst)

    def frame(self) -> pl.DataFrame:
        """Every measure."""
        return pl.DataFrame(self.columns, schema=_SCHEMA).sort(_UNIT)

    def results(self) -> Iterator[Result]:
        """The rows that `evals` gets."""
        yield from (_row_of_mean(mean, self.batch) for mean in means(self.frame()))
        yield from self.graded
        for _, worst in sorted(self._worst.items()):
            yield from (result for *_, result in sorted(worst, reverse=True))


def case_id(doc_id: str, page_number: int | None, degradation: str | None = None) -> str:
    """What tells a page, a picture of it, or a summary for ever."""
    if page_number is None:
        return doc_id
    return f"{doc_id}#{page_number}" + (f"@{degradation}" if degradation else "")


def means(frame: pl.DataFrame) -> list[Mean]:
    """The mean of each metric, by version."""
    by = ["subject", "version", "metric", "degradation"]
    rows = frame.group_by(by).agg(pl.col("value").mean(), pl.len().alias("n")).sort(by)
    return [Mean(**row) for row in rows.iter_rows(named=True)]


def _row_of_mean(mean: Mean, batch: str) -> Result:
    limit = LIMITS.get(mean.metric)
    judged = limit is not None and mean.n >= MIN_UNITS
    what = {"pages": "pages", "summaries": "summaries"}[mean.subject]
    what = what if mean.degradation is None else f"pictures of pages, {mean.degradation}"
    return Result(
        suite="live",
        case_id=mean.case_id,
        metric=mean.metric,
        subject=mean.subject,
        version=mean.version,
        value=mean.value,
        passed=mean.value <= limit if judged and limit is not None else None,
        explanation=f"the mean of {mean.n:,} {what}",
        batch=batch,
    )


# What is kept for the next version --------------------------------------------------------------


def keep(lake: Lake, batch: str, frame: pl.DataFrame) -> None:
    """Keep a batch's measures; those of the same versions that were kept last are replaced."""
    names = _names(lake, batch)
    number = int(names[-1].partition("-")[0]) if names else 0
    name = _name(number, frame)
    if not names or names[-1] != name:
        name = _name(number + 1, frame)
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd")
    lake.put(f"{FOLDER}/{batch}/{name}", out.getvalue())
    kept = {*names, name}
    for old in sorted(kept)[:-KEPT]:
        lake.delete(f"{FOLDER}/{batch}/{old}")


def kept(lake: Lake, batch: str) -> list[pl.DataFrame]:
    """A batch's measures, the newest first, one set for each set of versions."""
    names = [f"{FOLDER}/{batch}/{name}" for name in reversed(_names(lake, batch))]
    return [pl.read_parquet(held) for held in lake.get_all(names) if held is not None]


def _names(lake: Lake, batch: str) -> list[str]:
    return sorted(n for n in lake.names(f"{FOLDER}/{batch}") if n.endswith(".parquet"))


def _name(number: int, frame: pl.DataFrame) -> str:
    versions = frame.select("subject", "version").unique().sort("subject", "version").rows()
    return f"{number:06d}-{hashlib.sha256(repr(versions).encode()).hexdigest()[:12]}.parquet"


# Two versions ------------------------------------------------------------------------------------

Pair = tuple[list[Result], list[Result]]
MAX_PAIRS: Final = 5_000
"""Pages that are compared at most, by hash."""


def paired(batch: str, subject: str, old: pl.DataFrame, new: pl.DataFrame) -> Pair:
    """Measures of what both have of a subject, where the version is another: old and new."""
    old, new = (side.filter(pl.col("subject") == subject) for side in (old, new))
    unit = ["doc_id", "page_number", "degradation"]
    versions = [side.select(*unit, "version").unique(unit) for side in (old, new)]
    both = versions[1].join(versions[0], on=unit, how="inner", nulls_equal=True, suffix="_old")
    both = both.filter(pl.col("version") != pl.col("version_old")).select(unit)
    if both.height > MAX_PAIRS:
        keys = [hashlib.sha256(repr(row).encode()).hexdigest() for row in both.iter_rows()]
        both = both.with_columns(key=pl.Series(keys)).sort("key").head(MAX_PAIRS).drop("key")
    sides = [side.join(both, on=unit, how="semi", nulls_equal=True) for side in (old, new)]
    before, after = ([_result(batch, row) for row in s.iter_rows(named=True)] for s in sides)
    return before, after


def _result(batch: str, row: Mapping[str, Any]) -> Result:
    return Result(
        suite="live",
        case_id=case_id(row["doc_id"], row["page_number"], row["degradation"]),
        metric=row["metric"],
        subject=row["subject"],
        version=row["version"],
        value=row["value"],
        batch=batch,
        doc_id=row["doc_id"],
        page_number=row["page_number"],
    )
