"""The gate of an upgrade: the evaluation, and why versions were rejected.

Here: the one call. Not here: the evaluation (`assets/evals/run.py`) or what an upgrade makes of it
(`upgrading.py`).
"""

from __future__ import annotations

from assets.evals.base import Verdict
from assets.evals.run import evaluate
from resources.lake.lake import Lake
from resources.report.escaping import counted
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool


def judge(lake: Lake, settings: Settings, workers: WorkerPool, progress: Progress) -> list[str]:
    """Judge the versions of the settings, which decides them in `versions`; returns why not.

    One line for each version that was rejected: its first reason, and where the others are told.
    """
    run = evaluate(lake, settings, workers, progress=progress)
    return [_why(verdict, run.run_id) for verdict in run.verdicts if not verdict.accepted]


def _why(verdict: Verdict, run_id: str) -> str:
    first, *others = verdict.reasons or ("rejected",)
    more = f", and {counted(len(others), 'reason')} more" if others else ""
    return f"{verdict.version}: {first}{more} (quire evals compare {run_id})"
