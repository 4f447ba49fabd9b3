"""The `api_jobs` sensor: summaries through a provider's Batch API, without a run held open.

Here: translating one look into run requests. Not here: what a look decides (`exchanging.py`).
"""

from __future__ import annotations

import dagster as dg

from assets.summaries.provider import Exchange
from resources.errors import SettingError
from resources.lake.lake import Lake
from resources.lake.pause import paused
from resources.settings import Settings
from sensors.asking import FRESH
from sensors.exchanging import Exchanging
from sensors.partitions import add_partitions
from sensors.runs import NO_RUN_RETRIES, running_batches

_PRIORITY = "dagster/priority"


def api_jobs_sensor(settings: Settings, job_name: str) -> dg.SensorDefinition:
    """Sends what new documents need, brings home what is answered, and asks for its publication."""
    lake = Lake(settings.lake, settings.storage_options)
    kept: list[Exchanging] = []  # made at the first tick, whose message is a setting's fault

    @dg.sensor(
        name="api_jobs",
        job_name=job_name,
        minimum_interval_seconds=15,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends summaries to a provider's Batch API, and publishes what it answered",
    )
    def _api_jobs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        held = paused(lake)
        if held is not None:
            return dg.SensorResult(skip_reason=held.message)
        try:
            if not kept:
                kept.append(Exchanging(Exchange(lake, settings)))
        except SettingError as error:
            context.log.error(str(error))  # noqa: TRY400 - our own words, and no traceback
            return dg.SensorResult(skip_reason=str(error))
        looked = kept[0].look(running_batches(context.instance))
        if looked.problems or looked.told.notes:
            context.log.warning(looked.message)
        if not looked.ready:
            return dg.SensorResult(skip_reason=looked.message)
        add_partitions(context.instance, looked.ready)
        tags = {"quire/source": "api_jobs", _PRIORITY: str(FRESH), **NO_RUN_RETRIES}
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=name, tags=tags) for name in looked.ready]
        )

    return _api_jobs
