"""Submitting: everything that some locations hold goes into batches now, under one `job_id`.

Here: looking until nothing is still being written, and the job's record. `quire ingest` and the job
`ingest_now` both call `submit`. Not here: one look (`scan.py`), what a job is
(`resources/lake/jobs.py`), or running its batches.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from resources.errors import SettingError
from resources.lake.jobs import Job, close_job, forget_job, interrupt_job, open_job
from resources.lake.lake import Lake
from resources.settings import Settings
from sensors.scan import Tick, tick

_SHORTEST_WAIT = 0.05


@dataclass(frozen=True)
class Submission:
    """What was submitted: its record, the batches that were made for it, and the last look."""

    job: Job
    batches: tuple[str, ...]
    last: Tick

    @property
    def message(self) -> str:
        """One line for people."""
        job = self.job
        parts = [f"{job.n_seen} PDFs seen", f"{job.n_new} taken in {len(self.batches)} batches"]
        if job.n_known:
            parts.append(f"{job.n_known} known already")
        if job.n_waiting:
            parts.append(f"{job.n_waiting} are still being written")
        if job.n_left:
            parts.append(f"{job.n_left} left")
        return "; ".join(parts)


def submit(
    lake: Lake,
    settings: Settings,
    locations: Sequence[str],
    *,
    source: str,
    patience: float,
    job_id: str | None = None,
) -> Submission:
    """Take every PDF of some locations into batches, and record that they came in together.

    Args:
        lake: Where the manifest is.
        settings: Batch limits and stability.
        locations: Folders, single PDFs, or object-store prefixes.
        source: Which door it comes through: `cli`, `ui`, `http`.
        patience: Seconds to look again for files that are still being written.
        job_id: An id of `new_job_id`, where it was told to somebody before.

    Raises:
        QuireError: A location or the lake cannot be used at all.
    """
    job = open_job(lake, source, locations, job_id)
    batches: tuple[str, ...] = ()
    deadline = None
    try:
        while True:
            seen = tick(lake, settings, locations, linger=False, job_id=job.job_id)
            batches += seen.batches
            job = replace(job, n_new=job.n_new + seen.n_taken)
            if not seen.whole:  # it went on where the sensor's long listing had stopped
                continue
            deadline = deadline or time.monotonic() + patience
            if not seen.n_waiting or time.monotonic() > deadline:
                break
            time.sleep(max(settings.stable_seconds, _SHORTEST_WAIT))
        job = replace(
            job,
            n_seen=seen.n_seen,
            n_waiting=seen.n_waiting,
            n_left=len(seen.left),
            left=seen.left,
        )
        job = close_job(lake, job, seen.sightings)
    except SettingError:  # there is no such place: nothing was submitted
        forget_job(lake, job.job_id)
        raise
    except BaseException:
        interrupt_job(lake, job)
        raise
    return Submission(job, batches, seen)
