"""Which runs a tick asks for, in which order, and how many more batches there may be.

Here: room, priorities, and the order of requests, over what the lake and the instance hold. Not
here: Dagster's objects (`new_pdfs.py`) or the schedule of healing (`resources/lake/batches.py`).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from resources.lake.batches import HEAL_AFTER, due_batches, is_stuck, read_all_requests
from resources.lake.lake import Lake

RUNS_A_TICK: Final = 25
"""A run request costs 0.17 s of tick, and a tick must end within 20 s."""
SUBMITTED: Final = 10
FRESH: Final = 1
MENDING: Final = 0
"""Priorities of runs: what a person submitted and waits for, what the sensor found, what is tried
again. Backfills that the UI starts have 0, upgrades less: fresh documents go ahead of them."""


@dataclass(frozen=True)
class Ask:
    """One run to ask for."""

    batch: str
    priority: int


def room_for(
    lake: Lake, unfinished: Collection[str], running: Collection[str], most: int
) -> tuple[int, list[str]]:
    """How many more batches there may be, and which are stuck.

    Batches that wait for a run or are in one count; stuck ones wait for a person, and must not
    stop the stream meanwhile.
    """
    asked = read_all_requests(lake, sorted(set(unfinished) - set(running)))
    stuck = [batch for batch, requests in asked.items() if is_stuck(requests)]
    busy = {*unfinished, *running} - set(stuck)
    return max(0, most - len(busy)), stuck


def waiting_for(held_back: Mapping[str, str], batches: Collection[str]) -> str:
    """What batches wait for while stages are held back (`assets.versions.held_back`)."""
    return f"{len(batches)} batches wait for an accepted version: {'; '.join(held_back.values())}"


def asks(
    lake: Lake,
    unfinished: Collection[str],
    retryable: Collection[str],
    running: Collection[str],
    limit: int = RUNS_A_TICK,
    *,
    payable: Collection[str] = (),
) -> list[Ask]:
    """Runs to ask for now, the most urgent first, at most `limit`.

    Args:
        lake: What was asked for before.
        unfinished: Batches that some stage has not published.
        retryable: Batches with a failure that another run may mend.
        running: Batches that are in a run.
        limit: Runs at most.
        payable: Of the retryable, those that a budget had blocked and has room for now. They are
            never given up: a budget may be raised any number of times.
    """
    mended = set(retryable) - set(unfinished)
    paid_for = mended & set(payable) - set(running)
    due = due_batches(lake, {*unfinished, *mended} - paid_for, running)
    due += _healed(lake, sorted(paid_for))
    submitted = _submitted(lake, due)
    wanted = [
        Ask(batch, SUBMITTED if batch in submitted else MENDING if batch in mended else FRESH)
        for batch in due
    ]
    return sorted(wanted, key=lambda ask: (-ask.priority, ask.batch))[:limit]


def _healed(lake: Lake, batches: Sequence[str]) -> list[str]:
    """Those that were not asked for, or not for 1, 5 and then each 30 minutes."""
    asked = read_all_requests(lake, batches)
    waits = {batch: HEAL_AFTER[min(r.count, len(HEAL_AFTER)) - 1] for batch, r in asked.items()}
    now = time.time()
    return [
        batch
        for batch, requests in asked.items()
        if not requests.count or abs(now - requests.last) >= waits[batch]
    ]


def _submitted(lake: Lake, batches: Sequence[str]) -> set[str]:
    """Those of some batches that hold files of a submission."""
    if not batches:
        return set()
    rows = lake.scan("manifest", ["batch", "job_id"])
    found = rows.filter(pl.col("batch").is_in(list(batches)) & pl.col("job_id").is_not_null())
    return set(found.select("batch").unique().collect()["batch"])
