"""The job `evaluate`: versions judged from the UI, as `quire evals run` does.

Here: Dagster's shell of it: a verdict as metadata of a step, red when a version is rejected. Not
here: the evaluation (`assets/evals/run.py`). Without postponed annotations, which Dagster cannot
read.
"""

from typing import Any

import dagster as dg

from assets.evals.base import EvalRun, Verdict, is_rejected, undecided
from assets.evals.report.write import report_metadata
from assets.evals.run import evaluate
from resources.errors import QuireError
from resources.kubernetes.pods import CONFIG_TAG, run_config
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.workers.shared import shared_pool
from sensors.runs import NO_RUN_RETRIES, PROCESS_TAG, this_process

_COLUMNS = ("stage", "version", "against", "verdict", "why")


def evaluate_job(settings: Settings) -> dg.JobDefinition:
    """A job whose one step judges the versions of the settings that are not accepted."""

    @dg.op(
        name="judge_versions",
        description="Reads the golden set and a sample of the lake with both versions, and decides",
    )
    def _judge_versions(context: dg.OpExecutionContext) -> None:
        context.instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
        lake = Lake(settings.lake, settings.storage_options)
        try:
            run = evaluate(lake, settings, shared_pool(settings))
        except QuireError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        for line in _lines(run):
            context.log.info(line)
        metadata = run_metadata(lake, run)
        if is_rejected(run):
            # Red in the list of runs, so that it is seen; nothing of it is to be tried again.
            text = "\n".join(_lines(run))
            raise dg.Failure(description=text, metadata=metadata, allow_retries=False)
        context.add_output_metadata(metadata)

    @dg.job(
        name="evaluate",
        description="Judges the versions of the settings: what is not accepted is accepted or "
        "rejected; where all are, they are measured as a baseline. Changes no row of a stage",
        executor_def=dg.in_process_executor,
        tags={**NO_RUN_RETRIES, **_pod(settings)},
    )
    def _evaluate() -> None:
        _judge_versions()

    return _evaluate


def _pod(settings: Settings) -> dict[str, Any]:
    """What the run's pod needs on Kubernetes: it reads and summarises itself."""
    if settings.executor != "k8s":
        return {}
    return {CONFIG_TAG: run_config(("pages", "summaries"), settings)}


def run_metadata(lake: Lake, run: EvalRun) -> dict[str, Any]:
    """What the UI shows of an evaluation run: its report, its verdicts, its figures."""
    place = report_metadata(lake.root, run.run_id)
    url = place.get("url")
    records = [dg.TableRecord(_row(verdict)) for verdict in run.verdicts]
    schema = dg.TableSchema([dg.TableColumn(column) for column in _COLUMNS])
    figures: dict[str, Any] = {
        f"{comparison.suite}_{comparison.metric}": round(comparison.mean, 6)
        for verdict in run.verdicts
        for comparison in verdict.comparisons
    }
    return {
        "report": dg.MetadataValue.url(url) if url else dg.MetadataValue.path(place["path"]),
        "verdicts": dg.MetadataValue.table(records, schema=schema),
        "golden_cases": run.n_cases,
        "pages": run.n_pages,
        "seconds": round(run.seconds, 1),
        "cost_usd": run.cost_usd if run.cost_usd is not None else "unknown",
        "notes": "\n".join(run.notes),
        **figures,
    }


def _row(verdict: Verdict) -> dict[str, str]:
    return {
        "stage": verdict.stage,
        "version": verdict.version,
        "against": verdict.baseline or "",
        "verdict": "accepted" if verdict.accepted else "rejected",
        "why": "; ".join(verdict.reasons),
    }


def _lines(run: EvalRun) -> list[str]:
    lines = [
        f"{verdict.stage}: {'accepted' if verdict.accepted else 'REJECTED'} {verdict.version}: "
        f"{'; '.join(verdict.reasons) or 'no worse'}"
        for verdict in run.verdicts
    ]
    lines += [f"{stage}: not judged" for stage in undecided(run)]
    if not lines:
        lines = ["nothing to judge: every version is accepted; what was measured is kept"]
    return [*lines, *run.notes]
