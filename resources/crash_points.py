"""Named places in ingest, publish and evaluations at which a test makes the process kill itself.

Here: the names, and the one line that each place calls. Not here: what must hold afterwards
(`tests/crashes`).

`QUIRE_CRASH_AT=name` kills the process with SIGKILL the first time it gets there, `name:3` the
third time. Nothing else reads it; without it a place costs one look into the environment.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

VARIABLE: Final = "QUIRE_CRASH_AT"
POINTS: Final = (
    "manifest.before_take",
    "manifest.after_take",
    "partitions.before_add",
    "partitions.after_add",
    "run.before_start",
    "stage.epoch_claimed",
    "stage.file_staged",
    "stage.checkpoint_recorded",
    "contents.claimed",
    "publish.before_failures",
    "publish.after_failures",
    "publish.before_commit",
    "publish.after_side_table",
    "publish.after_commit",
    "publish.before_forget",
    "publish.before_usage",
    "usage.after_file",
)
JOB_POINTS: Final = (
    "api_jobs.requests_put",
    "api_jobs.intended",
    "api_jobs.after_upload",
    "api_jobs.uploaded",
    "api_jobs.after_create",
    "api_jobs.submitted",
    "api_jobs.answers_put",
    "api_jobs.settled",
    "api_jobs.ingested",
)
"""The same of jobs at a provider's Batch API, which not every ingestion has."""
EVAL_POINTS: Final = ("evals.kept_readings", "evals.before_commit", "evals.before_decision")
"""The same of an evaluation run."""
_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Say that a place is reached; where the environment asks for it, the process ends here."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, times = wanted.partition(":")
    _reached[name] += 1
    if point == name and _reached[name] == int(times or 1):
        os.kill(os.getpid(), signal.SIGKILL)
