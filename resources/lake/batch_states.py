"""What became of every batch: finished, in a run, waiting to be asked for, or stuck.

Here: one row per batch for people to read. Not here: which batches are due for a run
(`batches.py`) or the states of documents (`states.py`).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl

from io_managers.schemas import STAGES, TIMESTAMP
from resources.lake.batches import Requests, is_stuck, published_batches, read_all_requests
from resources.lake.lake import Lake

BATCH_STATES: Final = ("running", "waiting", "stuck", "finished")
_SCHEMA: Final = pl.Schema(
    {
        "batch": pl.String(),
        "state": pl.String(),
        "stages": pl.List(pl.String()),
        "n_files": pl.Int64(),
        "n_bytes": pl.Int64(),
        "seen_at": TIMESTAMP,
        "requests": pl.Int64(),
        "last_requested_at": TIMESTAMP,
    }
)


def batch_states(lake: Lake, running_batches: Collection[str] = ()) -> pl.DataFrame:
    """One row per batch of the manifest: its state, the stages published, how often asked for."""
    manifest = (
        lake.read("manifest", ["batch", "n_bytes", "seen_at"])
        .group_by("batch")
        .agg(
            pl.len().cast(pl.Int64).alias("n_files"),
            pl.col("n_bytes").sum(),
            pl.col("seen_at").min(),
        )
        .sort("batch")
    )
    names = manifest["batch"].to_list()
    published = {stage: published_batches(lake, stage, names) for stage in STAGES}
    done = set(names).intersection(*published.values())
    requests = read_all_requests(lake, [name for name in names if name not in done])
    rows: list[dict[str, Any]] = []
    for row in manifest.to_dicts():
        batch = row["batch"]
        stages = [stage for stage in STAGES if batch in published[stage]]
        finished = batch in done
        asked = requests.get(batch, Requests())
        last = datetime.fromtimestamp(asked.last, UTC) if asked.count else None
        rows.append(
            {
                **row,
                "stages": stages,
                "state": _state(asked, running=batch in running_batches, finished=finished),
                "requests": asked.count,
                "last_requested_at": last,
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


def _state(asked: Requests, *, running: bool, finished: bool) -> str:
    if running:
        return "running"
    if finished:
        return "finished"
    return "stuck" if is_stuck(asked) else "waiting"
