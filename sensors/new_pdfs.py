"""The `new_pdfs` sensor and the `ingest_now` job: Dagster's shells of ingestion.

Here: translating one tick into partitions and run requests. Not here: what a tick decides
(`scan.py`, `batching.py`), or which runs are asked for (`asking.py`).
"""

import time
from dataclasses import dataclass

import dagster as dg

from assets.versions import held_back as held_stages
from resources.budget.amounts import Budget
from resources.budget.blocked import blocked_batches
from resources.budget.books import Books
from resources.crash_points import reach
from resources.errors import SettingError
from resources.lake.batches import (
    all_batches,
    finished_batches,
    ingested_stages,
    note_interrupted,
    record_request,
    retryable_batches,
)
from resources.lake.lake import Lake
from resources.lake.live import pinned, retired
from resources.lake.pause import paused
from resources.settings import Settings
from sensors.asking import Ask, asks, room_for, waiting_for
from sensors.notifications import make_outbox, tell_of_stuck
from sensors.partitions import add_partitions, retire_partitions
from sensors.runs import NO_RUN_RETRIES, end_lost_runs, running_batches, upgrading_batches
from sensors.scan import tick
from sensors.submit import submit

LISTING_SECONDS = 10.0
"""Of a tick's 20 s: a longer listing goes on at the next tick."""
_PRIORITY = "dagster/priority"


def new_pdfs_sensor(settings: Settings, job_name: str) -> dg.SensorDefinition:
    """Looks at the landing zone every few seconds and asks for a run per batch."""
    # One for all ticks: of a lake in a bucket it keeps the tables that it opened.
    lake = Lake(settings.lake, settings.storage_options)
    books = Books(lake)

    @dg.sensor(
        name="new_pdfs",
        job_name=job_name,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes new PDFs into batches, heals lost batches, retries what may be mended",
    )
    def _new_pdfs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        outbox = make_outbox(lake, settings, context.log)
        outbox.deliver()
        held = paused(lake)
        if held is not None:
            return dg.SensorResult(skip_reason=held.message)
        _end_lost(context, lake)
        seen = _seen(context.instance, lake, settings)
        busy = seen.running - upgrading_batches(context.instance)
        room, stuck = room_for(lake, seen.unfinished, busy, settings.max_batches)
        message, made = _take(context, lake, settings, room)
        mends = _mends(lake, books, settings)
        unfinished = [*seen.unfinished, *made]
        wanted = (
            []
            if seen.held_back
            else asks(lake, unfinished, mends.retryable, seen.running, payable=mends.payable)
        )
        add_partitions(context.instance, [*unfinished, *(ask.batch for ask in wanted)])
        requests = [_request(lake, ask) for ask in wanted]
        settled = seen.finished - {*mends.open_ones, *seen.running} - pinned(lake)
        retire_partitions(context.instance, retired(seen.batches, settled))
        message += f"; {len(seen.running)} batches in runs, {len(requests)} runs asked for"
        if seen.held_back:
            waiting = {*unfinished, *mends.retryable} - seen.running
            message += f"; {waiting_for(seen.held_back, waiting)}"
        if mends.n_unpaid:
            message += f"; {mends.n_unpaid} batches wait for a larger budget"
        if stuck:
            message += f"; STUCK: {', '.join(stuck[:5])} (see their runs, then quire retry --batch)"
            context.log.error(message)
            tell_of_stuck(lake, outbox, stuck)
        if requests:
            context.log.info(message)
            return dg.SensorResult(run_requests=requests)
        return dg.SensorResult(skip_reason=message)

    return _new_pdfs


@dataclass(frozen=True)
class _Seen:
    """How batches stand before a tick takes anything."""

    batches: list[str]
    finished: set[str]
    unfinished: list[str]
    """Those that a run of ours has not ended; one that waits at a provider has been ended."""
    running: set[str]
    held_back: dict[str, str]


def _seen(instance: dg.DagsterInstance, lake: Lake, settings: Settings) -> _Seen:
    running = running_batches(instance)  # first: what ends meanwhile counts as running
    batches = all_batches(lake)
    ended = finished_batches(lake, batches, ingested_stages(settings.summariser))
    return _Seen(
        batches=batches,
        finished=finished_batches(lake, ended),
        unfinished=[batch for batch in batches if batch not in ended],
        running=running,
        held_back=held_stages(lake, settings),
    )


@dataclass(frozen=True)
class _Mends:
    """Batches with failures that another run may mend."""

    open_ones: list[str]
    retryable: list[str]
    payable: frozenset[str]
    n_unpaid: int


def _mends(lake: Lake, books: Books, settings: Settings) -> _Mends:
    blocked = blocked_batches(books, Budget.of(settings))
    open_ones = [batch for batch in retryable_batches(lake) if batch not in blocked.waiting]
    # What a run of ours may mend: another job does the stages behind a provider.
    ours = set(retryable_batches(lake, stages=ingested_stages(settings.summariser)))
    return _Mends(
        open_ones=open_ones,
        retryable=[batch for batch in open_ones if batch in ours],
        payable=blocked.payable & ours,
        n_unpaid=len(blocked.waiting),
    )


def _request(lake: Lake, ask: Ask) -> dg.RunRequest:
    """One run; that it was asked for is recorded before."""
    record_request(lake, ask.batch, time.time())
    reach("run.before_start")
    tags = {"quire/source": "new_pdfs", _PRIORITY: str(ask.priority), **NO_RUN_RETRIES}
    return dg.RunRequest(partition_key=ask.batch, tags=tags)


def _end_lost(context: dg.SensorEvaluationContext, lake: Lake) -> None:
    for run_id, batch in end_lost_runs(context.instance).items():
        context.log.error("run %s was ended: no process works on it any more", run_id)
        note_interrupted(lake, batch)


def _take(
    context: dg.SensorEvaluationContext, lake: Lake, settings: Settings, room: int
) -> tuple[str, tuple[str, ...]]:
    """One look at the landing zone; when that is gone, batches that are there go on without it."""
    try:
        seen = tick(
            lake, settings, [settings.landing], linger=True, room=room, seconds=LISTING_SECONDS
        )
    except SettingError as error:
        context.log.error(str(error))  # noqa: TRY400 - our own words, and no traceback
        return f"nothing taken: {error}", ()
    return seen.message, seen.batches


def ingest_now_job(settings: Settings) -> dg.JobDefinition:
    """A job for the UI: cut what lies in the landing zone into batches without waiting."""

    @dg.op(name="cut_batches", description="Two looks at the landing zone, then batches at once")
    def _cut_batches(context: dg.OpExecutionContext) -> None:
        lake = Lake(settings.lake, settings.storage_options)
        look_again = settings.stable_seconds
        submitted = submit(lake, settings, [settings.landing], source="ui", patience=look_again)
        add_partitions(context.instance, submitted.batches)
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
