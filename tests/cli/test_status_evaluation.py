"""`quire status` names the last evaluation, and where its report lies."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from assets.evals.base import EvalRun, Verdict
from assets.evals.kept import keep_run
from resources.lake.lake import Lake
from tests.cli.telling import BATCH, Run
from tests.lakes import MIXED, make_lake, publish_batch


def run(run_id: str, *, accepted: bool) -> EvalRun:
    return EvalRun(
        run_id=run_id,
        started_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
        versions={"pages": "new"},
        baselines={"pages": "old"},
        golden="g",
        n_cases=1,
        n_pages=1,
        verdicts=(Verdict("pages", "new", "old", accepted),),
    )


def test_the_last_evaluation_is_told(tmp_path: Path, quire: Run) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, BATCH, MIXED)
    assert "Evaluation" not in quire(tmp_path, "status")[1]
    keep_run(Lake(lake.root), run("e20261120-093000-0000", accepted=False))
    keep_run(Lake(lake.root), run("e20261121-093000-0000", accepted=True))
    told = quire(tmp_path, "status")[1]
    path = f"{lake.root}/_quire/evals/e20261121-093000-0000/report.html"
    assert f"Evaluation: pages accepted, 2026-11-20 09:30 UTC: {path}" in told.replace("\n", " ")
    assert "rejected" not in told
