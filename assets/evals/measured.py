"""A batch's measures as the checks and the UI see them.

Here: the record. Not here: how it comes about (`build.py`), or what is made of it (`checks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from assets.evals.base import Comparison
from assets.evals.live import Mean


@dataclass(frozen=True)
class MeasuredBatch:
    """What was measured of a batch.

    Attributes:
        batch: The batch.
        run_id: Under which its rows are in `evals`.
        frame: Every measure, as `live.Collected.frame` has them.
        means: Of each metric.
        n_pages: Pages measured.
        n_summaries: Summaries measured.
        n_graded: Pictures of pages that were read.
        n_rows: Rows written to `evals`; 0 when nothing changed since they were.
        unchanged: Whether that is so.
        left_out: Why sampled pages were not graded, by `<doc_id>#<page>`.
        why_not_graded: Why no page was.
        comparisons: With the version before, of what it read too.
        compared_with: Its versions.
    """

    batch: str
    run_id: str
    frame: pl.DataFrame
    means: tuple[Mean, ...]
    n_pages: int
    n_summaries: int
    n_graded: int
    n_rows: int = 0
    unchanged: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    why_not_graded: str = ""
    comparisons: tuple[Comparison, ...] = ()
    compared_with: tuple[str, ...] = ()

    def graded(self, metric: str, degradation: str) -> list[float]:
        """A metric of each picture with a degradation."""
        rows = self.frame.filter(
            (pl.col("metric") == metric) & (pl.col("degradation") == degradation)
        )
        return rows["value"].to_list()
