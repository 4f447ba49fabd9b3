"""An evaluation run: the versions of the current settings judged against the accepted ones.

Here: the run from its plan to its decisions, in an order that a crash cannot spoil. Not here: what
is read (`sides.py`), how stages are judged (`judge_stages.py`), or the report (`reporting.py`).

What is read is kept as soon as it is read, answers of models when they come; then rows of `evals`,
the report and the record are written, and the decisions last. A run that was killed is gone on with
when the same versions are evaluated again: it reads and pays nothing twice, and once its record is
there, it only writes its decisions.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from assets.evals.base import EvalRun, Limits
from assets.evals.golden_set import GoldenSet, golden_set
from assets.evals.judge_stages import judge_all
from assets.evals.kept import append_results, keep_run, read_run
from assets.evals.plan import Plan, make_plan
from assets.evals.reading import Reader
from assets.evals.report.content import costs_of
from assets.evals.reporting import make_report
from assets.evals.sides import Sides, read_sides
from io_managers.evals import FOLDER
from io_managers.versions import decide, state_of
from resources.crash_points import reach
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from resources.workers.pool import WorkerPool

OPEN: Final = f"{FOLDER}/open.json"
"""The run that was begun and has not come to its end."""


def evaluate(
    lake: Lake,
    settings: Settings,
    workers: WorkerPool,
    *,
    progress: Progress | None = None,
) -> EvalRun:
    """Judge every version of the current settings that is not accepted, and decide.

    Where all are accepted they are measured, so that later versions have a baseline. With
    QUIRE_GATE=off nothing is decided; with `warn` what is rejected is accepted all the same.

    Args:
        lake: Whose versions; its budget is spent, its documents are a part of what is read.
        settings: The versions, the golden set, and the limits.
        workers: Where PDFs are parsed.
        progress: Told how far readings have come; what is read stands in place of the batch.

    Raises:
        SettingError: The golden set or an engine's settings cannot work.
        EngineError: An engine is missing or broken, or its budget is spent: nothing is decided.
        LakeError: The lake cannot be read or written.
    """
    with golden_set(settings) as golden:
        plan = make_plan(lake, settings)
        begun = _begin(lake, plan.key(golden.of))
        run = read_run(lake, begun.run_id)
        if run is None:
            reader = Reader(lake, workers, begun.run_id, progress or Progress())
            run = _judged(lake, settings, plan, golden, reader, begun)
        reach("evals.before_decision")
        _decide(lake, settings, run)
        lake.delete(OPEN)
        return run


@dataclass(frozen=True)
class _Begun:
    run_id: str
    started_at: datetime


def _begin(lake: Lake, key: str) -> _Begun:
    """The run that was begun for the same and did not end, or a new one."""
    held = lake.get(OPEN)
    if held is not None:
        try:
            value = json.loads(held)
            if value["key"] == key:
                return _Begun(value["run_id"], datetime.fromisoformat(value["started_at"]))
        except (ValueError, KeyError, TypeError):  # torn by a power cut: a run like any other
            pass
    now = datetime.now(UTC)
    # Names sort as runs began; the random end keeps two of the same microsecond apart.
    begun = _Begun(f"e{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(1)}", now)
    value = {"key": key, "run_id": begun.run_id, "started_at": now.isoformat()}
    lake.put(OPEN, json.dumps(value).encode())
    return begun


def _judged(
    lake: Lake,
    settings: Settings,
    plan: Plan,
    golden: GoldenSet,
    reader: Reader,
    begun: _Begun,
) -> EvalRun:
    """Read, judge, and write all but the decisions."""
    started = time.monotonic()
    limits = Limits(settings.eval_warn, settings.eval_fail)
    sides = read_sides(lake, settings, plan, golden, reader)
    judged = judge_all(lake, plan, sides, golden, reader, limits)
    seconds, usd = costs_of([*sides.new.parts.values(), *sides.old.parts.values()])
    run = EvalRun(
        run_id=begun.run_id,
        started_at=begun.started_at,
        versions=dict(plan.new.versions),
        baselines=plan.baselines,
        golden=golden.of,
        n_cases=len(golden.cases),
        n_pages=_n_pages(sides),
        verdicts=tuple(judged.verdicts),
        seconds=time.monotonic() - started,
        cost_usd=reader.cost_usd,
        notes=(*sides.notes, *judged.notes),
        seconds_a_page=seconds,
        usd_a_document=usd,
    )
    append_results(lake, run.run_id, [*judged.new, *judged.old])
    problem = make_report(lake, settings, reader.workers, run, sides, judged, limits)
    if problem is not None:
        run = replace(run, notes=(*run.notes, problem))
    keep_run(lake, run)
    return run


def _n_pages(sides: Sides) -> int:
    return sum(len(d.pages) for part in sides.new.parts.values() for d in part.documents)


def _decide(lake: Lake, settings: Settings, run: EvalRun) -> None:
    """Write what was decided; a person's word that came meanwhile stands."""
    if settings.gate == "off":
        return
    for verdict in run.verdicts:
        if state_of(lake, verdict.stage, verdict.version) == "accepted":
            continue
        accepted = verdict.accepted or settings.gate == "warn"
        decide(
            lake, verdict.stage, verdict.version, "accepted" if accepted else "rejected", run.run_id
        )
