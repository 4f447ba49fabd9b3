"""The sensor `upgrades` and the job `upgrade`: Dagster's shells of an upgrade.

Here: translating a step into run requests, and what takes long (the gate, the canary's comparison)
into a run of a job. Not here: what a step is (`upgrading.py`), or the record
(`resources/lake/upgrades.py`). Without postponed annotations, which Dagster cannot read.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import dagster as dg
from pydantic import Field

from assets.versions import held_back
from resources.errors import QuireError
from resources.lake.batches import (
    all_batches,
    due_batches,
    finished_batches,
    ingested_stages,
)
from resources.lake.lake import Lake
from resources.lake.live import pin
from resources.lake.pause import paused
from resources.lake.upgrades import MOVING, Upgrade, read_upgrade
from resources.settings import Settings
from sensors.judging import judge
from sensors.partitions import add_partitions
from sensors.runs import (
    NO_RUN_RETRIES,
    PROCESS_TAG,
    UPGRADE_TAG,
    cancel_queued,
    is_working,
    lives_here,
    running_batches,
    this_process,
    upgrading_batches,
)
from sensors.stale_notice import StaleNotice
from sensors.upgrading import (
    PRIORITY,
    RUNS_AT_ONCE,
    Step,
    begin_upgrade,
    compare_canary,
    mismatch,
    next_step,
    pass_gate,
)

UPGRADE_JOB = "upgrade"
PIN_SECONDS = 3600.0
"""So long an old batch stays in the partition set for its run to begin; a run keeps it itself."""
_PRIORITY = "dagster/priority"


class UpgradeConfig(dg.Config):
    """How an upgrade begins."""

    canary: int = Field(default=3, ge=1, description="Batches that go first and are compared")


def upgrades_sensor(settings: Settings, job_name: str, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Moves an upgrade that was begun; pausing it pauses the upgrade.

    Args:
        settings: Of the lake and of the versions that runs make.
        job_name: The job that runs a batch.
        jobs: That job and the job `upgrade`, as Dagster wants them.
    """
    lake = Lake(settings.lake, settings.storage_options)
    notice = StaleNotice(lake, settings)
    unfit = cache(lambda upgrade_id: _unfit(lake, upgrade_id, settings))

    @dg.sensor(
        name="upgrades",
        jobs=jobs,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Brings stale batches up to date once an upgrade was begun (quire upgrade)",
    )
    def _upgrades(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        upgrade = read_upgrade(lake)
        held = paused(lake)
        if upgrade is None or upgrade.state not in MOVING:
            if upgrade is not None and upgrade.state in ("stopped", "rolling_back", "rolled_back"):
                cancel_queued(context.instance, {UPGRADE_TAG: upgrade.upgrade_id})
            return dg.SensorResult(skip_reason=notice.message(upgrade))
        if held is not None:
            return dg.SensorResult(skip_reason=f"{held.message}; {upgrade.message}")
        if lives_here(upgrade.runner):
            return dg.SensorResult(skip_reason=f"quire upgrade works on it; {upgrade.message}")
        why = unfit(upgrade.upgrade_id)
        if why is not None:
            context.log.error(why)
            return dg.SensorResult(skip_reason=why)
        ours = upgrading_batches(context.instance)
        running = running_batches(context.instance)
        limit = min(RUNS_AT_ONCE, settings.max_batches) - len(ours)
        fresh = fresh_batches(lake, settings, running - ours)
        step = next_step(lake, upgrade, running, fresh, limit=limit)
        return _asked(context, lake, step, job_name)

    return _upgrades


def fresh_batches(lake: Lake, settings: Settings, running: set[str]) -> list[str]:
    """Batches that are not finished yet and in a run, or due for one that can be done now."""
    if held_back(lake, settings):
        return []  # they wait for a version to be accepted, and nobody must wait for them
    batches = all_batches(lake)
    finished = finished_batches(lake, batches, ingested_stages(settings.summariser))
    unfinished = [batch for batch in batches if batch not in finished]
    in_runs = [batch for batch in unfinished if batch in running]
    return sorted({*in_runs, *due_batches(lake, unfinished, running)})


def _asked(
    context: dg.SensorEvaluationContext,
    lake: Lake,
    step: Step,
    job_name: str,
) -> dg.SensorResult:
    if step.work is not None:
        if is_working(context.instance, UPGRADE_JOB):
            return dg.SensorResult(skip_reason=f"the job {UPGRADE_JOB} works on it; {step.message}")
        request = dg.RunRequest(job_name=UPGRADE_JOB, tags=dict(NO_RUN_RETRIES))
        return dg.SensorResult(run_requests=[request])
    if not step.runs:
        return dg.SensorResult(skip_reason=step.message)
    pin(lake, list(step.runs), seconds=PIN_SECONDS)
    add_partitions(context.instance, step.runs)
    context.log.info("%s: %d runs asked for", step.message, len(step.runs))
    tags = {
        "quire/source": "upgrades",
        UPGRADE_TAG: step.upgrade.upgrade_id,
        _PRIORITY: str(PRIORITY),
        **NO_RUN_RETRIES,
    }
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                job_name=job_name,
                partition_key=batch,
                tags=tags,
                asset_selection=[dg.AssetKey(stage) for stage in stages],
            )
            for batch, stages in step.runs.items()
        ]
    )


def _unfit(lake: Lake, upgrade_id: str, settings: Settings) -> str | None:
    """Why this process must not ask for runs of an upgrade: it has other settings."""
    upgrade = read_upgrade(lake)
    if upgrade is None or upgrade.upgrade_id != upgrade_id:
        return None
    try:
        return mismatch(upgrade, settings)
    except QuireError as error:
        return str(error)


def upgrade_job(settings: Settings) -> dg.JobDefinition:
    """A job that begins an upgrade, and does what takes too long for a tick of the sensor."""

    @dg.op(
        name="upgrade_versions",
        description="Begins an upgrade to the versions of the settings; judges them, compares the "
        "canary. The sensor upgrades asks for the runs of batches",
        required_resource_keys={"workers", "progress"},
    )
    def _upgrade_versions(context: dg.OpExecutionContext, config: UpgradeConfig) -> None:
        context.instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
        lake = Lake(settings.lake, settings.storage_options)
        try:
            upgrade = read_upgrade(lake)
            if upgrade is None or upgrade.state not in MOVING:
                upgrade = begin_upgrade(lake, settings, config.canary)
            if upgrade is None:
                context.log.info("nothing is stale: no upgrade is needed")
                return
            upgrade = _long_work(context, lake, settings, upgrade)
        except QuireError as error:
            raise dg.Failure(description=str(error), allow_retries=False) from error
        context.log.info(upgrade.message)
        context.add_output_metadata({"upgrade": dg.MetadataValue.json(upgrade.as_dict())})

    @dg.job(
        name=UPGRADE_JOB,
        description="Begins an upgrade of stale batches to the versions of the settings: gate, "
        "canary, then a backfill that the sensor upgrades asks for",
        executor_def=dg.in_process_executor,
    )
    def _upgrade() -> None:
        _upgrade_versions()

    return _upgrade


def _long_work(
    context: dg.OpExecutionContext, lake: Lake, settings: Settings, upgrade: Upgrade
) -> Upgrade:
    why = mismatch(upgrade, settings)
    if why is not None:
        raise QuireError(why)
    step = next_step(lake, upgrade, running_batches(context.instance), limit=0)
    if step.work == "judge":
        resources = context.resources
        passed = pass_gate(
            lake, upgrade, lambda: judge(lake, settings, resources.workers, resources.progress)
        )
        return passed or read_upgrade(lake) or upgrade
    if step.work == "compare":
        return compare_canary(lake, step.upgrade, settings) or read_upgrade(lake) or upgrade
    return step.upgrade
