"""The `maintain_tables` job: a run of its own, which leaves alone what other runs hold."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from resources.lake.compaction import MANY
from resources.settings import Settings
from sensors.maintenance import maintain_tables_job, maintain_tables_schedule
from sensors.runs import PROCESS_TAG, this_process
from tests.lakes import Pdf, make_lake, publish_batch
from tests.sensors.runs import make_run


@dg.job
def nothing() -> None:
    """Do nothing."""


def test_a_run_cares_for_the_tables_and_says_what_it_did(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    lake = make_lake(Path(settings.lake))
    batches = [f"b{number:08d}" for number in range(1, MANY + 2)]
    for batch in batches:
        publish_batch(lake, batch, [Pdf(f"{batch}.pdf")])
    make_run(instance, nothing, dg.DagsterRunStatus.STARTED, {"dagster/partition": batches[0]})
    leftover = lake.table_uri("docs") + f"/batch={batches[0]}/part-0.parquet"
    Path(leftover).write_bytes(b"about to be published")
    os.utime(leftover, (0, 0))
    result = maintain_tables_job(settings).execute_in_process(instance=instance)
    assert result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[PROCESS_TAG] == this_process()  # so that a killed one is ended like the others
    (told,) = (
        event.step_output_data.metadata for event in result.all_events if event.is_successful_output
    )
    assert told["partitions_compacted"].value == 2  # the manifest and contents
    assert told["unused_files_removed"].value == 0
    assert Path(leftover).exists()
    assert sorted(lake.read("manifest")["batch"]) == batches


def test_it_is_scheduled_daily_from_the_start(settings: Settings) -> None:
    schedule = maintain_tables_schedule(maintain_tables_job(settings))
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "17 3 * * *"
