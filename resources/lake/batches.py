"""Which batches need a run: those that the manifest holds and that no run has finished.

Here: the finished mark, the healing schedule (1, 5 and 30 minutes, then stuck) and its counts, kept
in the lake. Not here: Dagster; the caller says which batches are in a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import polars as pl

from io_managers.publish import transaction_id
from io_managers.schemas import STAGES
from resources.lake.lake import Lake

HEAL_AFTER: Final = (60.0, 300.0, 1800.0)
"""Seconds after which a batch that is neither published nor in a run is asked for again."""
MAX_REQUESTS: Final = 1 + len(HEAL_AFTER)


@dataclass(frozen=True)
class Requests:
    """How often a batch's run was asked for, and when last (epoch seconds)."""

    count: int = 0
    last: float = 0.0


def all_batches(lake: Lake) -> list[str]:
    """Every batch of the manifest, oldest first."""
    return sorted(lake.scan("manifest", ["batch"]).unique().collect()["batch"])


def finished_batches(lake: Lake, batches: Collection[str]) -> set[str]:
    """Batches that every stage has published, by the marks in the tables and nothing else."""
    done = set(batches)
    for stage in STAGES:
        table = lake.open(stage)
        done = {
            batch
            for batch in done
            if table is not None
            and table.transaction_version(transaction_id(stage, batch)) is not None
        }
    return done


def unfinished_batches(lake: Lake) -> list[str]:
    """Batches that some stage has not published, oldest first."""
    batches = all_batches(lake)
    done = finished_batches(lake, batches)
    return [batch for batch in batches if batch not in done]


def retryable_batches(lake: Lake) -> list[str]:
    """Batches with a failure that another run may mend, oldest first."""
    failures = lake.read("failures", ["batch", "quarantined"])
    return sorted(failures.filter(~pl.col("quarantined"))["batch"].unique())


def read_requests(lake: Lake, batch: str) -> Requests:
    """How often a batch was asked for."""
    held = lake.get(f"_quire/batches/{batch}.json")
    if held is None:
        return Requests()
    value = json.loads(held)
    return Requests(int(value["requests"]), float(value["last_requested_at"]))


def record_request(lake: Lake, batch: str, now: float | None = None) -> Requests:
    """Count one request; written before the run is asked for, so that no crash loses the count."""
    before = read_requests(lake, batch)
    after = Requests(before.count + 1, time.time() if now is None else now)
    value = {"requests": after.count, "last_requested_at": after.last}
    lake.put(f"_quire/batches/{batch}.json", json.dumps(value).encode())
    return after


def forget_requests(lake: Lake, batch: str) -> None:
    """Start the healing schedule of a batch anew (`quire retry --batch`)."""
    lake.delete(f"_quire/batches/{batch}.json")


def is_stuck(requests: Requests, now: float | None = None) -> bool:
    """Whether a batch that is in no run has been asked for as often as it will be."""
    now = time.time() if now is None else now
    return requests.count >= MAX_REQUESTS and now - requests.last >= HEAL_AFTER[-1]


def due_batches(
    lake: Lake, unfinished: Collection[str], running: Collection[str], now: float | None = None
) -> list[str]:
    """Batches to ask for now: never asked for, or healing after 1, 5 and 30 minutes."""
    now = time.time() if now is None else now
    due = []
    for batch in sorted(set(unfinished) - set(running)):
        requests = read_requests(lake, batch)
        if requests.count >= MAX_REQUESTS:
            continue
        waited = abs(now - requests.last)
        if requests.count == 0 or waited >= HEAL_AFTER[requests.count - 1]:
            due.append(batch)
    return due
