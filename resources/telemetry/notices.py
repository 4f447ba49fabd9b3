"""What there is to tell of a batch, gathered from its lake.

Here: the making of notifications. Not here: telling them (`notify.py`, `outbox.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from resources.lake.batches import Requests
from resources.lake.lake import Lake
from resources.lake.part import with_owners
from resources.lake.states import STATES, LakeStates
from resources.telemetry.notify import FAILED, STUCK, SUCCEEDED, Notification, shortened


def run_notice(
    lake: Lake,
    batch: str,
    run_id: str,
    error: str | None,
    *,
    started: float | None = None,
    ended: float | None = None,
) -> Notification:
    """What became of a run of a batch: it failed where there is an error.

    Args:
        lake: The batch's lake.
        batch: The batch.
        run_id: The Dagster run.
        error: Why it failed; None for success.
        started: Epoch seconds.
        ended: Epoch seconds.
    """
    return _notice(
        lake,
        batch,
        id=run_id,
        event=SUCCEEDED if error is None else FAILED,
        run_id=run_id,
        run_path=f"/runs/{run_id}",
        error=shortened(error),
        started_at=_iso(started),
        ended_at=_iso(ended),
    )


def stuck_notice(lake: Lake, batch: str, requests: Requests) -> Notification:
    """A batch that was asked for as often as it will be; told once for each time it gets there."""
    return _notice(
        lake,
        batch,
        id=f"{STUCK}-{batch}-{int(requests.last)}",
        event=STUCK,
        error=f"{requests.count} runs got no further: see them, then quire retry --batch {batch}",
        ended_at=_iso(requests.last),
    )


def _notice(
    lake: Lake,
    batch: str,
    *,
    id: str,  # noqa: A002  # the word that receivers read
    event: str,
    run_id: str | None = None,
    run_path: str | None = None,
    error: str | None = None,
    started_at: str | None = None,
    ended_at: str | None = None,
) -> Notification:
    part = with_owners(lake, batch)
    files = LakeStates(part).files.filter(pl.col("batch") == batch)
    counts = dict(files.group_by("state").len().iter_rows())
    classes = files.drop_nulls("error_class").group_by("error_class").len().sort("error_class")
    jobs = lake.read("manifest", ["job_id"], batch=batch)["job_id"].drop_nulls().unique()
    return Notification(
        id=id,
        event=event,
        batch=batch,
        lake=lake.root,
        run_id=run_id,
        run_path=run_path,
        job_ids=tuple(jobs.sort()),
        files={state: int(counts[state]) for state in STATES if state in counts},
        failures={str(name): int(n) for name, n in classes.iter_rows()},
        error=error,
        started_at=started_at,
        ended_at=ended_at,
    )


def _iso(seconds: float | None) -> str | None:
    return None if not seconds else datetime.fromtimestamp(seconds, UTC).isoformat()
