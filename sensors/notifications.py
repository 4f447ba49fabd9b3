"""The sensors `run_succeeded` and `run_failed`: what became of each batch's run is told.

Here: Dagster's shell of notifications: which runs count, and why a run failed. Not here: what is
told (`resources/telemetry/notices.py`), how (`notify.py`), or keeping it (`outbox.py`).

Runs of `quire ingest` know no code location, so a sensor of one location does not see them: these
look at every location's. `quire ingest` tells of its own runs as well, for want of a daemon; the
outbox tells each run once.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from resources.lake.batches import read_requests
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.notices import run_notice, stuck_notice
from resources.telemetry.notify import make_notifier
from resources.telemetry.outbox import Outbox

PARTITION_TAG: Final = "dagster/partition"
_BATCH: Final = re.compile(r"^b\d{8,}$")
_LOOK_SECONDS: Final = 10


@dataclass(frozen=True)
class EndedRun:
    """A run of a batch, and why it failed; None for success."""

    run_id: str
    batch: str
    error: str | None


def make_outbox(lake: Lake, settings: Settings, log: logging.Logger) -> Outbox:
    """The outbox of a lake, telling as the settings say."""
    return Outbox(lake, make_notifier(settings.webhook, log), log)


def run_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The two sensors; they run from the start."""

    @dg.run_status_sensor(
        name="run_succeeded",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitor_all_code_locations=True,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the log, or the webhook, of every batch whose run succeeded",
    )
    def _run_succeeded(context: dg.RunStatusSensorContext) -> None:
        _tell(context, settings, None)

    @dg.run_status_sensor(
        name="run_failed",
        run_status=dg.DagsterRunStatus.FAILURE,
        monitor_all_code_locations=True,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells the log, or the webhook, of every batch whose run failed, and why",
    )
    def _run_failed(context: dg.RunStatusSensorContext) -> None:
        run_id = context.dagster_run.run_id
        records = context.instance.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1
        ).records
        failures = [record.event_log_entry.dagster_event for record in records]
        steps = [event for event in failures if event is not None]
        why = why_failed(steps) if steps else context.dagster_event.message
        _tell(context, settings, why or "the run failed")

    return [_run_succeeded, _run_failed]


def _tell(context: dg.RunStatusSensorContext, settings: Settings, error: str | None) -> None:
    batch = context.dagster_run.tags.get(PARTITION_TAG, "")
    if _BATCH.match(batch):
        lake = Lake(settings.lake, settings.storage_options)
        ended = EndedRun(context.dagster_run.run_id, batch, error)
        tell_of_run(lake, settings, context.instance, ended, context.log)


def tell_of_run(
    lake: Lake,
    settings: Settings,
    instance: dg.DagsterInstance,
    run: EndedRun,
    log: logging.Logger,
) -> None:
    """Tell of a run that has ended, unless somebody did.

    Raises:
        LakeError: The lake cannot be read, or the notification not be kept in it.
    """
    outbox = make_outbox(lake, settings, log)
    if outbox.told(run.run_id):
        return
    record = instance.get_run_record_by_id(run.run_id)
    began, ended = (record.start_time, record.end_time) if record else (None, None)
    notice = run_notice(lake, run.batch, run.run_id, run.error, started=began, ended=ended)
    outbox.announce(notice)


def tell_of_stuck(lake: Lake, outbox: Outbox, batches: Sequence[str]) -> None:
    """Tell of batches that nothing asks for any more; a log has its line from the tick."""
    for batch in batches if outbox.keeps else ():
        notice = stuck_notice(lake, batch, read_requests(lake, batch))
        outbox.announce(notice)


def why_failed(events: Iterable[dg.DagsterEvent]) -> str:
    """The first failed step's own words, empty where no step failed."""
    for event in events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            cause = error.cause or error
            text = event.step_failure_data.user_failure_data
            if text is not None and text.description:
                return f"{event.step_key}: {text.description}"
            message = cause.message.strip()
            if message.startswith("resources.errors."):  # our own: the text says the mend
                message = message.partition(": ")[2]
            return f"{event.step_key}: {message}"
    return ""
