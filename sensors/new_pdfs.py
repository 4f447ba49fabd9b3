"""The `new_pdfs` sensor and the `ingest_now` job: Dagster's shells of ingestion.

Here: translating one tick into partitions and run requests. Not here: what a tick decides
(`scan.py`, `batching.py`) or which batches are due (`resources/lake/batches.py`).
"""

import time

import dagster as dg

from resources.crash_points import reach
from resources.lake.batches import (
    due_batches,
    is_stuck,
    note_interrupted,
    read_requests,
    record_request,
    retryable_batches,
)
from resources.lake.batches import unfinished_batches as find_unfinished
from resources.lake.lake import Lake
from resources.lake.pause import paused
from resources.settings import Settings
from sensors.notifications import make_outbox, tell_of_stuck
from sensors.runs import NO_RUN_RETRIES, add_partitions, end_lost_runs, running_batches
from sensors.scan import tick
from sensors.submit import submit

RUNS_A_TICK = 25
"""A run request costs 0.17 s of tick, and a tick must end within 20 s."""


def new_pdfs_sensor(settings: Settings, job_name: str) -> dg.SensorDefinition:
    """Looks at the landing zone every few seconds and asks for a run per batch."""

    @dg.sensor(
        name="new_pdfs",
        job_name=job_name,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes new PDFs into batches, heals lost batches, retries what may be mended",
    )
    def _new_pdfs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        lake = Lake(settings.lake, settings.storage_options)
        outbox = make_outbox(lake, settings, context.log)
        outbox.deliver()
        held = paused(lake)
        if held is not None:
            return dg.SensorResult(skip_reason=held.message)
        seen = tick(lake, settings, [settings.landing], linger=True)
        unfinished = find_unfinished(lake)
        add_partitions(context.instance, unfinished)
        for run_id, batch in end_lost_runs(context.instance).items():
            context.log.error("run %s was ended: no process works on it any more", run_id)
            note_interrupted(lake, batch)
        running = running_batches(context.instance)
        wanted = {*unfinished, *retryable_batches(lake)}
        due = due_batches(lake, wanted, running)[:RUNS_A_TICK]
        stuck = [
            batch
            for batch in unfinished
            if batch not in running and is_stuck(read_requests(lake, batch))
        ]
        requests = []
        for batch in due:
            record_request(lake, batch, time.time())
            reach("run.before_start")
            tags = {"quire/source": "new_pdfs", **NO_RUN_RETRIES}
            requests.append(dg.RunRequest(partition_key=batch, tags=tags))
        message = f"{seen.message}; {len(due)} runs asked for"
        if stuck:
            message += f"; STUCK: {', '.join(stuck[:5])} (see their runs, then quire retry --batch)"
            context.log.error(message)
            tell_of_stuck(lake, outbox, stuck)
        if requests:
            context.log.info(message)
            return dg.SensorResult(run_requests=requests)
        return dg.SensorResult(skip_reason=message)

    return _new_pdfs


def ingest_now_job(settings: Settings) -> dg.JobDefinition:
    """A job for the UI: cut what lies in the landing zone into batches without waiting."""

    @dg.op(name="cut_batches", description="Two looks at the landing zone, then batches at once")
    def _cut_batches(context: dg.OpExecutionContext) -> None:
        lake = Lake(settings.lake, settings.storage_options)
        look_again = settings.stable_seconds
        submitted = submit(lake, settings, [settings.landing], source="ui", patience=look_again)
        add_partitions(context.instance, list(submitted.batches))
        held = paused(lake)
        runs = "the new_pdfs sensor asks for their runs next" if held is None else held.message
        context.log.info("%s; %s", submitted.message, runs)
        context.add_output_metadata({"job_id": submitted.job.job_id})

    @dg.job(
        name="ingest_now",
        description="Cuts batches from the landing zone without waiting for company",
        executor_def=dg.in_process_executor,
    )
    def _ingest_now() -> None:
        _cut_batches()

    return _ingest_now
