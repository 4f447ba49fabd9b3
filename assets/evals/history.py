"""A batch beside the batches before it: is it worse than any of them, or than chance allows?

Here: the history of a version in `evals`, and two tests against it. Not here: the same pages read
by two versions (`verdict.py`), or what people are told (`checks.py`).

Batches hold different documents, so nothing is supposed of how their means are spread. A mean is
worse when it is worse than that of every batch before: by chance that happens once in n + 1. Pages
that were graded are single cases, so as many of them as this batch has are drawn from the history,
again and again: a batch is worse when hardly any draw is as bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from assets.evals.base import Level, Limits
from assets.evals.live import BATCH
from io_managers.schemas import EVALS
from resources.lake.lake import Lake

WINDOW: Final = 200
"""Batches back that are looked at."""
FILES: Final = 400
"""Files of `evals` that are read, the newest: a batch leaves one, until table care makes them few.
Of 400 small ones it takes 0.2 s."""
MIN_BATCHES: Final = 10
"""Being the worst of fewer says little: by chance one of ten is."""
MIN_GRADED: Final = 50
DRAWS: Final = 10_000
_COLUMNS: Final = (
    "suite",
    "case_id",
    "metric",
    "subject",
    "version",
    "batch",
    "page_number",
    "value",
    "passed",
    "evaluated_at",
)


@dataclass(frozen=True)
class Drift:
    """What a test against the history came to.

    Attributes:
        level: `pass` also when the history is too short to tell.
        value: The batch's mean.
        usual: Mean of the history.
        n: Batches, or graded pages, of the history.
        confidence: That it is not chance, 0-1; None when it is not worse, or cannot be told.
        version: The version whose history it is; None without one.
        explanation: One sentence.
    """

    level: Level
    value: float
    usual: float | None
    n: int
    confidence: float | None
    version: str | None
    explanation: str


@dataclass(frozen=True)
class History:
    """What earlier batches came to: rows of `evals` of the suite `live`."""

    rows: pl.DataFrame

    @classmethod
    def read(cls, lake: Lake, batch: str) -> History:
        """Of all batches but this one; of a batch that was measured again, the latest."""
        table = lake.open("evals")
        files = (
            pl.DataFrame() if table is None else pl.DataFrame(table.get_add_actions(flatten=True))
        )
        if files.is_empty():
            return cls(EVALS.empty().select(_COLUMNS))
        newest_files = files.sort("modification_time", "path", descending=True).head(FILES)
        rows = (
            lake.scan_files("evals", newest_files["path"].to_list())
            .select(_COLUMNS)
            .filter((pl.col("suite") == "live") & (pl.col("batch") != batch))
            .filter(pl.col("case_id").str.starts_with(BATCH) | pl.col("case_id").str.contains("@"))
            .collect()
        )
        newest = rows.group_by("batch", "subject", "version").agg(pl.col("evaluated_at").max())
        return cls(rows.join(newest, on=newest.columns, how="semi"))

    def means(self, subject: str, metric: str, version: str) -> tuple[str | None, list[float]]:
        """Means of batches that were large enough, of this version; else of the one before it.

        A version that has just been accepted has no history: that of the accepted one before it is
        the one that it is not to fall behind.
        """
        rows = self.rows.filter(
            (pl.col("case_id") == BATCH)
            & (pl.col("subject") == subject)
            & (pl.col("metric") == metric)
            & pl.col("passed").is_not_null()
        )
        return _of_version(rows, version, MIN_BATCHES, WINDOW)

    def graded(self, metric: str, degradation: str, version: str) -> tuple[str | None, list[float]]:
        """The same of single pages that were graded."""
        rows = self.rows.filter(
            pl.col("case_id").str.ends_with(f"@{degradation}")
            & pl.col("page_number").is_not_null()
            & (pl.col("metric") == metric)
        )
        return _of_version(rows, version, MIN_GRADED, 10 * WINDOW)


def _of_version(
    rows: pl.DataFrame, version: str, least: int, most: int
) -> tuple[str | None, list[float]]:
    rows = rows.sort("evaluated_at", descending=True)
    own = rows.filter(pl.col("version") == version)
    if own.height < least:
        enough = rows.group_by("version").len().filter(pl.col("len") >= least)["version"]
        others = rows.filter(pl.col("version").is_in(enough.to_list()))
        if not others.is_empty():
            version = others["version"][0]
            own = others.filter(pl.col("version") == version)
    if own.is_empty():
        return None, []
    return version, own["value"].head(most).to_list()


def batch_drift(
    value: float, history: Sequence[float], version: str | None, limits: Limits
) -> Drift:
    """Whether a batch's mean is worse than every batch's before it, and by how much."""
    n = len(history)
    usual = float(np.mean(history)) if n else None
    if n < MIN_BATCHES:
        text = f"{value:.4f}; {n} batches before it, {MIN_BATCHES} are needed to tell"
        return Drift("pass", value, usual, n, None, version, text)
    worst = max(history)
    level = _level(value - worst, limits)
    confidence = n / (n + 1) if value > worst else None
    text = f"{value:.4f}; the {n} batches before it had {usual:.4f}, {worst:.4f} at most"
    return Drift(level, value, usual, n, confidence, version, text)


def graded_drift(
    values: Sequence[float], history: Sequence[float], version: str | None, limits: Limits
) -> Drift:
    """Whether graded pages are worse than as many of the history would be by chance."""
    value, n = float(np.mean(values)), len(history)
    usual = float(np.mean(history)) if n else None
    if n < MIN_GRADED or usual is None:
        text = f"{value:.4f} of {len(values)}; {n} graded before, {MIN_GRADED} are needed to tell"
        return Drift("pass", value, usual, n, None, version, text)
    rng = np.random.default_rng(n)
    drawn = rng.choice(np.asarray(history), size=(DRAWS, len(values))).mean(axis=1)
    chance = (float(np.count_nonzero(drawn >= value)) + 1) / (DRAWS + 1)
    level = _level(value - usual, limits) if chance <= limits.alpha else "pass"
    confidence = 1 - chance if value > usual else None
    text = f"{value:.4f} of {len(values)}; {n} graded before had {usual:.4f}"
    return Drift(level, value, usual, n, confidence, version, text)


def _level(worse: float, limits: Limits) -> Level:
    if worse > limits.fail:
        return "fail"
    return "warn" if worse > limits.warn else "pass"
