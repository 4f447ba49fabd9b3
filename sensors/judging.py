"""The gate of an upgrade: the evaluation, and why versions were rejected.

Here: the one call. Not here: the evaluation (`assets/evals/run.py`) or what an upgrade makes of it
(`upgrading.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from assets.evals.base import EvalRun
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool

_EVALUATION: Final = "assets.evals.run"


def judge(lake: Lake, settings: Settings, workers: WorkerPool, progress: Progress) -> list[str]:
    """Judge the versions of the settings, which decides them in `versions`; returns why not."""
    evaluate: Callable[..., EvalRun] = import_module(_EVALUATION).evaluate
    run = evaluate(lake, settings, workers, progress=progress)
    return [
        f"{verdict.version}: {'; '.join(verdict.reasons) or 'rejected'}"
        for verdict in run.verdicts
        if not verdict.accepted
    ]
