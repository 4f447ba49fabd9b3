"""The canary of an upgrade: rows before it against rows after it, of the same documents.

Here: which rows changed and how alike they are, the measures of both sides that need no truth, and
the verdict on them. Not here: which batches are the canary (`sensors/upgrading.py`), a measure
(`measures/`), or the test (`verdict.py`). Rows before are read from the tables as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable
from rapidfuzz.distance import Indel

from assets.evals.base import DocumentReading, Limits, PageReading, Readings, Result, Verdict
from assets.evals.canary_measures import (
    results_of_documents,
    results_of_pages,
    results_of_summaries,
)
from assets.evals.verdict import judge
from io_managers.schemas import TABLES
from resources.lake.lake import Lake
from resources.lake.upgrades import Upgrade
from resources.report.escaping import percent

MOST_DOCUMENTS: Final = 200
"""Documents of the canary that are read and measured, spread over its batches; every row is
compared by its hash."""
MOST_TEXT: Final = 20_000
"""Characters of a text from which on it is not compared letter by letter: 10 ms each."""
_COMPARED: Final[Mapping[str, str]] = {
    "files": "status",
    "pages": "text",
    "images": "sha256",
    "docs": "markdown",
    "summaries": "summary",
}
"""What of a stage's row is its output, by stage."""
_NAMES: Final = {"pages": "pages", "docs": "documents", "summaries": "summaries"}


@dataclass(frozen=True)
class StageDiff:
    """Rows of one stage before and after.

    Attributes:
        stage: The stage.
        before: Rows before.
        after: Rows after.
        changed: Rows that both have, and whose output differs.
        similarity: Mean likeness (0..1) of the changed rows that were looked at; None without any.
        failed_before: Failed rows before.
        failed_after: Failed rows after.
    """

    stage: str
    before: int
    after: int
    changed: int
    similarity: float | None
    failed_before: int
    failed_after: int

    @property
    def line(self) -> str:
        """One line for people."""
        alike = (
            "" if self.similarity is None else f", alike by {percent(self.similarity)} in the mean"
        )
        return (
            f"{self.stage}: {self.changed:,} of {self.after:,} {_NAMES.get(self.stage, 'rows')} "
            f"changed{alike}; {self.failed_before:,} failed before, {self.failed_after:,} now"
        )


@dataclass(frozen=True)
class CanaryDiff:
    """What the canary came to.

    Attributes:
        stages: Every stage that changed or came of one.
        verdicts: Of each stage whose version changes.
        old: The documents that were measured, as they were read before.
        new: The same now.
        old_results: Their measures before.
        new_results: Their measures now.
    """

    stages: tuple[StageDiff, ...]
    verdicts: tuple[Verdict, ...]
    old: Readings
    new: Readings
    old_results: tuple[Result, ...]
    new_results: tuple[Result, ...]

    @property
    def regressions(self) -> list[str]:
        """Why the upgrade has to stop; empty when nothing is surely worse."""
        return [
            f"{verdict.stage}: {reason}"
            for verdict in self.verdicts
            if not verdict.accepted
            for reason in verdict.reasons or ("worse than before",)
        ]

    def as_dict(self) -> dict[str, Any]:
        """What the record keeps of it."""
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "lines": [stage.line for stage in self.stages],
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "n_documents": len(self.new.documents),
        }


def compare(lake: Lake, upgrade: Upgrade, limits: Limits) -> CanaryDiff:
    """Compare the canary's rows with those from before the upgrade.

    Raises:
        LakeError: The tables cannot be read, or their logs no longer go back so far.
    """
    stages = tuple(_stage_diff(lake, upgrade, stage) for stage in upgrade.stages)
    documents = _sample(lake, upgrade)
    old = _readings(lake, upgrade, documents, before=True)
    new = _readings(lake, upgrade, documents, before=False)
    measured = [change for change in upgrade.changes if change.stage in _MEASURED]
    old_results = [r for c in measured for r in _results(c.stage, c.before or "none", old)]
    new_results = [r for c in measured for r in _results(c.stage, c.to, new)]
    verdicts = tuple(
        judge(c.stage, c.to, c.before, new_results, old_results, limits) for c in measured
    )
    return CanaryDiff(stages, verdicts, old, new, tuple(old_results), tuple(new_results))


_MEASURED: Final[Mapping[str, Callable[[str, Readings], Sequence[Result]]]] = {
    "pages": results_of_pages,
    "docs": results_of_documents,
    "summaries": results_of_summaries,
}


def _results(stage: str, version: str, readings: Readings) -> Sequence[Result]:
    return _MEASURED[stage](version, readings)


def _table(lake: Lake, upgrade: Upgrade, name: str, *, before: bool) -> DeltaTable | None:
    if not before:
        return lake.open(name)
    return lake.at(name, upgrade.tables[name]) if name in upgrade.tables else None


def _rows(
    lake: Lake, upgrade: Upgrade, name: str, columns: Sequence[str], *, before: bool
) -> pl.LazyFrame:
    """Rows of the canary's batches, before or now."""
    table = _table(lake, upgrade, name, before=before)
    if table is None:
        return TABLES[name].empty().lazy().select(list(columns))
    wanted = list(dict.fromkeys([*columns, "batch"]))
    rows = lake.scan(name, wanted, table=table)
    return rows.filter(pl.col("batch").is_in(list(upgrade.canary))).select(list(columns))


def _stage_diff(lake: Lake, upgrade: Upgrade, stage: str) -> StageDiff:
    key = [column for column in TABLES[stage].key if column != "batch"]
    column = _COMPARED[stage]
    status = ["status"] if column != "status" else []

    def side(*, before: bool) -> pl.DataFrame:
        rows = _rows(lake, upgrade, stage, [*key, column, *status], before=before)
        failed = pl.col("status") == "failed"
        return rows.select(
            *key,
            seen=pl.col(column).fill_null("").hash(),
            failed=failed,
        ).collect()

    old, new = side(before=True), side(before=False)
    both = old.join(new, on=key, how="inner", suffix="_now")
    changed = both.filter(pl.col("seen") != pl.col("seen_now"))
    return StageDiff(
        stage,
        old.height,
        new.height,
        changed.height,
        _similarity(lake, upgrade, stage, changed.select(key)),
        int(old["failed"].sum()),
        int(new["failed"].sum()),
    )


def _similarity(lake: Lake, upgrade: Upgrade, stage: str, keys: pl.DataFrame) -> float | None:
    """Mean likeness of some changed rows' texts."""
    if keys.is_empty() or stage not in _NAMES:
        return None
    column = _COMPARED[stage]
    some = keys.sort(keys.columns).gather_every(max(1, keys.height // MOST_DOCUMENTS))
    sides = []
    for before in (True, False):
        rows = _rows(lake, upgrade, stage, [*keys.columns, column], before=before)
        text = pl.col(column).fill_null("").str.head(MOST_TEXT)
        found = rows.join(some.lazy(), on=keys.columns, how="semi").with_columns(text).collect()
        sides.append(found.sort(keys.columns)[column].to_list())
    pairs = zip(*sides, strict=True)
    likeness = [Indel.normalized_similarity(old, new) for old, new in pairs]
    return sum(likeness) / len(likeness)


def _sample(lake: Lake, upgrade: Upgrade) -> list[str]:
    """Documents of the canary that have rows on both sides, spread evenly."""
    old = _rows(lake, upgrade, "docs", ["doc_id"], before=True).collect()
    new = _rows(lake, upgrade, "docs", ["doc_id"], before=False).collect()
    both = sorted(set(old["doc_id"]) & set(new["doc_id"]))
    step = max(1, -(-len(both) // MOST_DOCUMENTS))
    return both[::step]


def _readings(lake: Lake, upgrade: Upgrade, documents: Sequence[str], *, before: bool) -> Readings:
    """Those documents as they were read before, or are now."""

    def of(name: str, columns: Sequence[str]) -> pl.DataFrame:
        rows = _rows(lake, upgrade, name, columns, before=before)
        return rows.filter(pl.col("doc_id").is_in(list(documents))).collect()

    pages: dict[str, list[PageReading]] = {}
    columns = [
        *("doc_id", "page_number", "status", "text", "markdown", "source", "engine"),
        *("confidence", "error_class"),
    ]
    for row in of("pages", columns).sort("doc_id", "page_number").to_dicts():
        row["text"], row["markdown"] = row["text"] or "", row["markdown"] or ""
        pages.setdefault(row["doc_id"], []).append(PageReading(**row))
    files = {
        row["doc_id"]: row
        for row in of("files", ["doc_id", "file_name", "uri", "status"]).to_dicts()
        if row["status"] != "duplicate"
    }
    summaries = {
        row["doc_id"]: row for row in of("summaries", ["doc_id", "summary", "status"]).to_dicts()
    }
    found = [
        DocumentReading(
            row["doc_id"],
            files.get(row["doc_id"], {}).get("file_name", row["doc_id"]),
            files.get(row["doc_id"], {}).get("uri", ""),
            row["status"],
            row["title"],
            row["markdown"] or "",
            tuple(pages.get(row["doc_id"], ())),
            summaries.get(row["doc_id"], {}).get("summary"),
            summaries.get(row["doc_id"], {}).get("status"),
            row["n_images"] or 0,
        )
        for row in of("docs", ["doc_id", "title", "markdown", "status", "n_images"]).to_dicts()
    ]
    versions = {c.stage: (c.before or "none") if before else c.to for c in upgrade.changes}
    found.sort(key=lambda document: (document.file_name, document.doc_id))
    return Readings(versions, tuple(found))
