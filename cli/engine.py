"""Ingestion run to its end in this process: the scan, manifest, batches and assets of the sensor.

Here: ticking until nothing waits, running each batch as a real Dagster run, and running it again
while a failure may be mended. Not here: what is printed (`ingest.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dagster as dg

from definitions import INGEST_JOB, build_defs
from resources.errors import MAX_ATTEMPTS, SettingError
from resources.lake.batches import (
    record_request,
    retryable_batches,
    unfinished_batches,
)
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from sensors.runs import (
    PROCESS_TAG,
    add_partitions,
    end_runs_of_dead_processes,
    running_batches,
    this_process,
)
from sensors.scan import Tick, tick

MAX_WAIT_SECONDS = 120.0
"""How long `quire ingest` waits for files still being written; the sensor takes the rest."""


@dataclass
class Ingested:
    """What one `quire ingest` came to."""

    seen: int = 0
    taken: int = 0
    waiting: int = 0
    left: tuple[tuple[str, str], ...] = ()
    batches: list[str] = field(default_factory=list)
    runs: int = 0
    failed_runs: dict[str, str] = field(default_factory=dict)


def ingest(settings: Settings, locations: Sequence[str], progress: Progress) -> Ingested:
    """Take every PDF below the locations and run every batch that is not finished.

    Raises:
        QuireError: The landing zone or the lake cannot be used at all.
    """
    lake = Lake(settings.lake, settings.storage_options)
    lake.check_writable()
    result = Ingested()
    _tick_until_taken(lake, settings, locations, result)
    todo = unfinished_batches(lake)
    todo += [batch for batch in retryable_batches(lake) if batch not in todo]
    if todo:
        _run_all(lake, settings, todo, progress, result)
    return result


def _tick_until_taken(
    lake: Lake, settings: Settings, locations: Sequence[str], result: Ingested
) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        seen: Tick = tick(lake, settings, locations, linger=False)
        result.seen, result.waiting, result.left = seen.n_seen, seen.n_waiting, seen.left
        result.taken += seen.n_taken
        result.batches += seen.batches
        if not seen.n_seen:
            raise SettingError(
                f"no PDFs under {', '.join(locations)}: put some there, or give another folder"
            )
        if not seen.n_waiting or time.monotonic() > deadline:
            return
        time.sleep(max(settings.stable_seconds, 0.05))


def _run_all(
    lake: Lake, settings: Settings, todo: list[str], progress: Progress, result: Ingested
) -> None:
    job = build_defs(settings, progress, pools=False).resolve_job_def(INGEST_JOB)
    with dg.DagsterInstance.get() as instance:
        end_runs_of_dead_processes(instance)
        add_partitions(instance, todo)
        for batch in todo:
            for _ in range(MAX_ATTEMPTS):
                if batch in running_batches(instance):
                    break  # the daemon has it: its run goes on there
                record_request(lake, batch)
                result.runs += 1
                error = _run(job, instance, batch)
                if error is not None:
                    result.failed_runs[batch] = error
                    break
                if batch not in retryable_batches(lake):
                    break


def _run(job: dg.JobDefinition, instance: dg.DagsterInstance, batch: str) -> str | None:
    tags = {"quire/source": "cli", PROCESS_TAG: this_process()}
    outcome = job.execute_in_process(
        partition_key=batch,
        instance=instance,
        tags=tags,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    if outcome.success:
        return None
    for event in outcome.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            cause = error.cause or error
            text = event.step_failure_data.user_failure_data
            if text is not None and text.description:
                return f"{event.step_key}: {text.description}"
            return f"{event.step_key}: {cause.message.strip()}"
    return "the run failed: see it in the UI (make dev)"
