"""What of a lake waits for a provider's Batch API: jobs that are out, and their documents.

Here: what `quire status` and `quire ingest` tell of it. Not here: moving any of it on
(`sensors/exchanging.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from io_managers.api_jobs import Job, Jobs
from resources.lake.lake import Lake
from resources.lake.states import LakeStates

_SHOWN: Final = 3


@dataclass(frozen=True)
class AtProvider:
    """Jobs that are out, oldest first, and how many documents wait for them."""

    jobs: tuple[Job, ...] = ()
    n_documents: int = 0

    @property
    def batches(self) -> frozenset[str]:
        """Batches that jobs are out for."""
        return frozenset(job.batch for job in self.jobs)

    @property
    def message(self) -> str:
        """In one line, for people."""
        names = ", ".join(job.provider_job or f"{job.job} (not sent)" for job in self.jobs[:_SHOWN])
        more = len(self.jobs) - _SHOWN
        names += f" and {more:,} more" if more > 0 else ""
        return f"{self.n_documents:,} documents wait for the provider (jobs {names})"

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "documents": self.n_documents,
            "jobs": [
                {
                    "job": job.job,
                    "provider_job": job.provider_job,
                    "batch": job.batch,
                    "state": job.state,
                    "requests": job.n_requests,
                    "sent_at": job.recorded_at.isoformat(),
                    "error": job.error,
                }
                for job in self.jobs
            ],
        }


def at_provider(lake: Lake, states: LakeStates) -> AtProvider:
    """Jobs that are out, and documents that wait in their batches.

    Raises:
        LakeError: The lake cannot be read.
    """
    jobs = tuple(Jobs(lake).open())
    if not jobs:
        return AtProvider()
    batches = sorted({job.batch for job in jobs})
    waits = (pl.col("state") == "waiting") & pl.col("batch").is_in(batches)
    return AtProvider(jobs, states.documents.filter(waits).height)
