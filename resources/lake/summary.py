"""A lake in a few numbers: counts by state, failures by class, OCR share, batches, spend.

Here: what `quire status` and the end of `quire ingest` tell. Not here: how a state is decided
(`states.py`) or shown (`cli/status.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from resources.budget.books import CALLS
from resources.lake.batch_states import BATCH_STATES
from resources.lake.lake import Lake
from resources.lake.states import STATES, LakeStates


@dataclass(frozen=True)
class Summary:
    """What is in a lake. `files` and `documents` count by state; every state is named."""

    files: dict[str, int]
    documents: dict[str, int]
    duplicates: int
    pages: int
    pages_failed: int
    pages_by_ocr: int
    figures: int
    failures: dict[str, int]
    """Documents and unread files by the class that decides their state."""
    batches: dict[str, int]
    cost_usd: float
    cost_unknown: int
    """Summaries, or calls of a model, whose cost nobody knows; they are not in `cost_usd`."""

    @property
    def n_files(self) -> int:
        """Every file ever taken from the landing zone."""
        return sum(self.files.values())

    @property
    def n_documents(self) -> int:
        """Every distinct document."""
        return sum(self.documents.values())

    @property
    def ocr_share(self) -> float | None:
        """Pages that OCR read, in whole or in part, of all pages; None when there are none."""
        return self.pages_by_ocr / self.pages if self.pages else None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {**asdict(self), "ocr_share": self.ocr_share}


def summary(
    lake: Lake,
    running_batches: Collection[str] = (),
    *,
    states: LakeStates | None = None,
    batch: str | None = None,
) -> Summary:
    """Sum up a lake, or one batch of it; `states` saves reading the tables again."""
    states = states or LakeStates(lake, running_batches)
    files, documents, batches = states.files, states.documents, states.batches
    if batch is not None:
        files, documents, batches = (
            frame.filter(pl.col("batch") == batch) for frame in (files, documents, batches)
        )
    failed = files.filter(
        pl.col("error_class").is_not_null()
        & (pl.col("status").is_null() | (pl.col("status") != "duplicate"))
    )
    pages = _pages(lake, batch)
    cost, unknown = _cost(lake, batch)
    return Summary(
        files=_count(files, "state", STATES),
        documents=_count(documents, "state", STATES),
        duplicates=files.filter(pl.col("status") == "duplicate").height,
        pages=sum(pages.values()),
        pages_failed=sum(n for (status, _), n in pages.items() if status == "failed"),
        pages_by_ocr=sum(n for (_, source), n in pages.items() if source in ("ocr", "mixed")),
        figures=_figures(lake, batch),
        failures=_count(failed, "error_class", ()),
        batches=_count(batches, "state", BATCH_STATES),
        cost_usd=cost,
        cost_unknown=unknown,
    )


def _count(frame: pl.DataFrame, column: str, names: Collection[str]) -> dict[str, int]:
    found = dict(
        frame.group_by(column).len().sort(["len", column], descending=[True, False]).iter_rows()
    )
    return {**dict.fromkeys(names, 0), **{str(name): int(count) for name, count in found.items()}}


def _pages(lake: Lake, batch: str | None) -> dict[tuple[str, str], int]:
    counted = (
        lake.scan("pages", ["status", "source"], batch=batch).group_by("status", "source").len()
    )
    return {(status, source): count for status, source, count in counted.collect().iter_rows()}


def _figures(lake: Lake, batch: str | None) -> int:
    stored = (pl.col("status") == "ok") & (pl.col("role") == "figure")
    rows = lake.scan("images", ["status", "role"], batch=batch).filter(stored)
    return int(rows.select(pl.len()).collect().item())


def _cost(lake: Lake, batch: str | None) -> tuple[float, int]:
    """What was settled, where spend is booked; else what the summaries say they cost.

    Where calls of a model were booked one micro-batch after the other, the stage's own rows tell of
    the same calls once more.
    """
    columns = ["kind", "n_items", "cost_usd", "batch", "run_id", "stage", "micro_batch"]
    settled = lake.scan("usage", columns).filter(pl.col("kind") == "settled")
    if batch is not None:
        settled = settled.filter(pl.col("batch") == batch)
    rows = settled.collect()
    is_call = pl.col("micro_batch").str.starts_with(CALLS)
    calls = rows.filter(is_call)
    others = rows.filter(~is_call).join(calls, on=["run_id", "stage"], how="anti")
    one = pl.lit(1, dtype=pl.Int64).alias("n_items")
    booked = pl.concat([calls, others.with_columns(one)])
    if booked.is_empty():
        rows = lake.read("summaries", ["status", "cost_usd"], batch=batch)
        booked = rows.filter(pl.col("status") == "ok").with_columns(one)
    unknown = booked.filter(pl.col("cost_usd").is_null())["n_items"].sum()
    return float(booked["cost_usd"].sum()), int(unknown)
