"""How many tokens a model will write, foreseen from what it wrote before, and how well that went.

Here: the forecast of one call's output, and the error of forecasts. Not here: tokens of the input,
which the engine counts (`resources/llm`).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

import polars as pl

from resources.budget.books import CALLS
from resources.lake.lake import Lake

ENOUGH: Final = 20
"""Answers from which on their own lengths decide; before, it is history, or the cap."""
_RECENT: Final = 500
_QUANTILE: Final = 0.95
"""Of single answers: one of twenty is longer, and the others of its micro-batch make up for it."""
_MICRO_BATCHES: Final = 200
_COLUMNS: Final = ("n_items", "input_tokens", "output_tokens", "cost_usd")


class OutputForecast:
    """Output tokens of the next call of one model with one prompt; at most what it is cut at."""

    def __init__(self, history: float | None = None) -> None:
        """Take what `past_output` found."""
        self._history = history
        self._seen: deque[int] = deque(maxlen=_RECENT)
        self._known: float | None = None

    def saw(self, output_tokens: int) -> None:
        """Count one answer."""
        self._seen.append(output_tokens)
        self._known = None

    def expect(self, cap: int) -> int:
        """Tokens that an answer, cut at `cap`, will hardly exceed."""
        if len(self._seen) >= ENOUGH:
            if self._known is None:
                ordered = sorted(self._seen)
                self._known = ordered[min(len(ordered) - 1, int(_QUANTILE * len(ordered)))]
            return min(cap, math.ceil(self._known))
        return cap if self._history is None else min(cap, math.ceil(self._history))


def past_output(lake: Lake, stage: str, version: str) -> float | None:
    """Output tokens a call, of a stage's version in this lake; None while too few were made.

    The 95th percentile of its newest micro-batches' means, each counting as many times as it has
    calls: a reservation is for many calls, so it is their mean that has to be right.

    Raises:
        LakeError: The lake cannot be read.
    """
    rows = (
        lake.scan("usage", ["stage", "version", "micro_batch", "kind", "recorded_at", *_COLUMNS])
        .filter(_calls("settled"), pl.col("stage") == stage, pl.col("version") == version)
        .filter(pl.col("n_items") > 0)
        .top_k(_MICRO_BATCHES, by="recorded_at")
        .select("n_items", mean=pl.col("output_tokens") / pl.col("n_items"))
        .sort("mean")
        .with_columns(calls=pl.col("n_items").cum_sum())
        .collect()
    )
    if rows.is_empty() or rows["calls"][-1] < ENOUGH:
        return None
    return float(rows.filter(pl.col("calls") >= _QUANTILE * rows["calls"][-1])["mean"][0])


def prediction_errors(lake: Lake) -> pl.DataFrame:
    """What calls were expected to take against what they took, by stage and version.

    Returns:
        `stage, version, micro_batches, calls`, and of each of input_tokens, output_tokens and
        cost_usd: `expected_…`, `actual_…`, and `error_…` (expected / actual - 1; null when nothing
        was used). Micro-batches of which a call was never answered are left out: nobody knows
        what they took.
    """
    rows = lake.scan("usage").filter(pl.col("micro_batch").str.starts_with(CALLS))
    key = ["run_id", "stage", "version", "micro_batch"]
    expected = rows.filter(pl.col("kind") == "reserved").select(*key, *_COLUMNS)
    actual = rows.filter(pl.col("kind") == "settled").select(*key, *_COLUMNS)
    both = expected.join(actual, on=key, how="inner", suffix="_actual")
    whole = both.filter(pl.col("n_items") == pl.col("n_items_actual"))
    names = _COLUMNS[1:]
    sums = whole.group_by("stage", "version").agg(
        pl.len().cast(pl.Int64).alias("micro_batches"),
        pl.col("n_items").sum().alias("calls"),
        *(pl.col(name).sum().alias(f"expected_{name}") for name in names),
        *(pl.col(f"{name}_actual").sum().alias(f"actual_{name}") for name in names),
    )
    used = {name: pl.col(f"actual_{name}") for name in names}
    return (
        sums.with_columns(
            pl.when(used[name] > 0)
            .then(pl.col(f"expected_{name}") / used[name] - 1)
            .alias(f"error_{name}")
            for name in names
        )
        .sort("stage", "version")
        .collect()
    )


def _calls(kind: str) -> pl.Expr:
    return pl.col("micro_batch").str.starts_with(CALLS) & (pl.col("kind") == kind)
