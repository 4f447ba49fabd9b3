"""The gate of an upgrade: the evaluation, and why versions were rejected.

Here: the one call. Not here: the evaluation (`assets/evals/run.py`) or what an upgrade makes of it
(`upgrading.py`).
"""

from __future__ import annotations

from assets.evals.run import evaluate
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool


def judge(lake: Lake, settings: Settings, workers: WorkerPool, progress: Progress) -> list[str]:
    """Judge the versions of the settings, which decides them in `versions`; returns why not."""
    run = evaluate(lake, settings, workers, progress=progress)
    return [
        f"{verdict.version}: {'; '.join(verdict.reasons) or 'rejected'}"
        for verdict in run.verdicts
        if not verdict.accepted
    ]
