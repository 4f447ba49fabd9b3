"""The `maintain_tables` job and its daily schedule: Dagster's shell of table care.

Here: translating one pass into a run that says what it did. Not here: what is done
(`resources/lake/maintenance.py`).
"""

import dagster as dg

from resources.lake.lake import Lake
from resources.lake.maintenance import maintain
from resources.settings import Settings
from sensors.runs import PROCESS_TAG, running_batches, this_process

DAILY = "17 3 * * *"
"""At night, and not on the hour, when everything else begins."""


def maintain_tables_job(settings: Settings) -> dg.JobDefinition:
    """A job that cares for the tables once; safe beside runs, in the UI at any time."""

    @dg.op(
        name="care_for_tables",
        description="Compacts, vacuums, sweeps what crashes left, shortens the logs",
    )
    def _care_for_tables(context: dg.OpExecutionContext) -> None:
        context.instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
        lake = Lake(settings.lake, settings.storage_options)
        care = maintain(lake, lambda: running_batches(context.instance))
        for line in care.lines():
            context.log.info(line)
        context.add_output_metadata(dict(care.counts()))

    @dg.job(
        name="maintain_tables",
        description="Fewer and larger files, nothing left over, logs that open quickly. Changes no "
        "row, and may run beside everything else",
        executor_def=dg.in_process_executor,
    )
    def _maintain_tables() -> None:
        _care_for_tables()

    return _maintain_tables


def maintain_tables_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Once a day, from the start."""
    return dg.ScheduleDefinition(
        name="maintain_tables_daily",
        job=job,
        cron_schedule=DAILY,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Table care once a day, while the daemon runs",
    )
