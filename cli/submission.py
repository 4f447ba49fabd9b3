"""Taking what a person names: the first half of `quire ingest`, and all of `--detach`.

Here: one submission, and its error where there is nothing. Not here: running the batches
(`engine.py`), so that `--detach` imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from resources.errors import SettingError
from resources.lake.jobs import forget_job
from resources.lake.lake import Lake
from resources.settings import Settings
from sensors.submit import Submission, submit

MAX_WAIT_SECONDS: Final = 120.0
"""How long `quire ingest` waits for files still being written; the sensor takes the rest."""


def submit_all(
    lake: Lake, settings: Settings, locations: Sequence[str], job_id: str | None
) -> Submission:
    """Take every PDF of some locations into batches.

    Raises:
        SettingError: They hold none.
    """
    submitted = submit(
        lake, settings, locations, source="cli", patience=MAX_WAIT_SECONDS, job_id=job_id
    )
    if not submitted.job.n_seen:
        forget_job(lake, submitted.job.job_id)
        raise SettingError(
            f"no PDFs under {', '.join(locations)}: put some there, or give another folder"
        )
    return submitted
