"""Runs of this instance: which batches they hold, and ending those that nothing works on any more.

Here: Dagster's run records. Not here: which batches need a run (`resources/lake/batches.py`).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import psutil

PROCESS_TAG: Final = "quire/process"
NO_RUN_RETRIES: Final[Mapping[str, str]] = {"dagster/max_retries": "0"}
"""On every run that Quire asks for: the sensor heals by itself, and a run retried by Dagster too
would be two runs of one batch at once."""
UPGRADE_TAG: Final = "quire/upgrade"
"""On runs that an upgrade asked for: which upgrade."""
_PARTITION_TAG: Final = "dagster/partition"
_WILL_RETRY: Final = {"dagster/will_retry": "true"}
_WORKING: Final = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
_WAITING: Final = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
_RETRY_SECONDS: Final = 120.0
"""The daemon launches a run's retry within seconds of its failure; after this it never will."""
_LAUNCHED_HERE: Final = ".dagster/grpc_info"
"""On runs that the default launcher starts: a process beside the daemon, no pod."""
_HEARTBEAT_SECONDS: Final = 90.0
"""The daemon's parts say every 30 s that they live."""
_ORPHANED_SECONDS: Final = 30.0
"""A run whose code server was killed may live on; it has said its process long before this."""
_CONNECT_SECONDS: Final = 1.0
_CREATED_SECONDS: Final = 10.0
"""A run is queued, or started, milliseconds after its record is made."""
_SILENT_SECONDS: Final = 180.0
"""As `start_timeout_seconds` in dagster.yaml: until then a process may be about to say its name."""


def running_batches(instance: dg.DagsterInstance) -> set[str]:
    """Batches that a run of this instance holds: queued, working, or about to be retried."""
    runs = list(instance.get_runs(filters=dg.RunsFilter(statuses=[*_WAITING, *_WORKING])))
    if daemon_lives(instance):  # no one else retries a run
        lately = datetime.now(UTC) - timedelta(seconds=_RETRY_SECONDS)
        failed = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], tags=dict(_WILL_RETRY), updated_after=lately
        )
        retried = instance.get_runs(filters=failed)
        runs += [run for run in retried if run.is_complete_and_waiting_to_retry]
    return {run.tags[_PARTITION_TAG] for run in runs if _PARTITION_TAG in run.tags}


def upgrading_batches(instance: dg.DagsterInstance) -> set[str]:
    """Batches that only runs of an upgrade hold: they take no room of fresh ones."""
    unfinished = dg.RunsFilter(statuses=[*_WAITING, *_WORKING])
    runs = instance.get_runs(filters=unfinished)
    of_upgrades = [run for run in runs if UPGRADE_TAG in run.tags]
    others = {run.tags.get(_PARTITION_TAG) for run in runs if UPGRADE_TAG not in run.tags}
    return {run.tags[_PARTITION_TAG] for run in of_upgrades if _PARTITION_TAG in run.tags} - others


def cancel_queued(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> int:
    """Take runs with these tags out of the queue; those that work go to their end."""
    queued = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED], tags=dict(tags))
    runs = instance.get_runs(filters=queued)
    for run in runs:
        instance.report_run_canceled(run, "the upgrade was stopped")
    return len(runs)


def is_working(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of a job is queued or working."""
    unfinished = dg.RunsFilter(job_name=job_name, statuses=[*_WAITING, *_WORKING])
    return bool(instance.get_runs(filters=unfinished, limit=1))


def lives_here(process: str) -> bool:
    """Whether a process that `this_process` named lives on this host."""
    host, _, rest = process.partition(":")
    pid, _, born = rest.partition(":")
    here = host == socket.gethostname() and pid.isdecimal() and born.isdecimal()
    return here and _alive(int(pid), int(born))


def this_process() -> str:
    """This process, in words that no later process on any host shares."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time())}"


@dg.resource(description="Says on the run which process works on it, before it waits for a pool")
def process_resource(context: dg.InitResourceContext) -> str:
    """Tag the run with this process: resources are made before a step waits for its slot.

    Not where a step is a pod: this process ends with its step, and the run goes on.
    """
    instance = context.instance
    if instance is not None and context.run_id is not None and not launcher_looks(instance):
        instance.add_run_tags(context.run_id, {PROCESS_TAG: this_process()})
    return this_process()


def launcher_looks(instance: dg.DagsterInstance) -> bool:
    """Whether the run launcher knows which of its runs live, as that of Kubernetes does.

    Then run monitoring ends and resumes runs, and the process of a run is that of a pod: of
    another host, or of another list of processes. The launcher itself is not made for this: it
    wants a token of Kubernetes, which step pods have not.
    """
    if instance.is_ephemeral:
        return False
    launcher = instance.get_ref().run_launcher_data
    return launcher is not None and launcher.class_name.endswith("K8sRunLauncher")


def daemon_lives(instance: dg.DagsterInstance) -> bool:
    """Whether some daemon of this instance has lately said that it lives."""
    beats = instance.get_daemon_heartbeats().values()
    return any(time.time() - beat.timestamp < _HEARTBEAT_SECONDS for beat in beats)


def end_lost_runs(instance: dg.DagsterInstance) -> dict[str, str]:
    """End runs that nothing works on any more, and free what they held.

    Returns the batch of each run that was ended, empty for one without.

    A run that is killed with -9 stays STARTED, and keeps its pool slot, until run monitoring's
    `max_runtime_seconds`; one that was queued when the daemon stopped stays queued for as long as
    no daemon starts. Both would hold their batch for hours in which nothing else could run it.
    """
    ended = {}
    daemon, watched = daemon_lives(instance), launcher_looks(instance)
    for record in instance.get_run_records(dg.RunsFilter(statuses=[*_WAITING, *_WORKING])):
        run = record.dagster_run
        age = time.time() - record.create_timestamp.timestamp()
        silent = time.time() - record.update_timestamp.timestamp()
        if watched and not _runs_in_a_command(run):
            reason = _lost_pod(instance, run, daemon=daemon, age=age)
        else:
            reason = _lost(run, _process(instance, run), daemon=daemon, age=age, silent=silent)
        if reason is None:
            continue
        if run.status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED):
            instance.report_run_failed(run, f"{reason}; the batch is run again")
        else:
            instance.report_run_canceled(run, f"{reason}; the batch is run again")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        ended[run.run_id] = run.tags.get(_PARTITION_TAG, "")
    return ended


def _process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """The process that said it works on a run; a run that repeats another has that one's tags."""
    process = run.tags.get(PROCESS_TAG, "")
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    return "" if parent is not None and parent.tags.get(PROCESS_TAG) == process else process


def _runs_in_a_command(run: dg.DagsterRun) -> bool:
    """Whether a run is in the process of `quire ingest` or `quire upgrade`, whoever launches."""
    return run.tags.get("quire/source") == "cli"


def _lost_pod(
    instance: dg.DagsterInstance, run: dg.DagsterRun, *, daemon: bool, age: float
) -> str | None:
    """Why nothing works on a run that would have a pod of its own, or None while something may.

    While a daemon lives, its run monitoring asks the launcher, and resumes what died. Without one
    the launcher is asked here; of what it does not know nobody can tell.
    """
    if run.status in _WAITING:
        return _lost(run, "", daemon=daemon, age=age, silent=0.0)
    if daemon or run.status is not dg.DagsterRunStatus.STARTED:
        return None
    found = instance.run_launcher.check_run_worker_health(run)
    return "its pod is gone and no daemon runs" if found.status.value == "FAILED" else None


def _lost(
    run: dg.DagsterRun, process: str, *, daemon: bool, age: float, silent: float
) -> str | None:
    """Why nothing works on an unfinished run, or None while something may."""
    host, _, rest = process.partition(":")
    pid, _, born = rest.partition(":")
    if host:
        here = host == socket.gethostname() and pid.isdecimal()
        return "its process died" if here and not _alive(int(pid), int(born)) else None
    if run.status is dg.DagsterRunStatus.NOT_STARTED:
        limit = _SILENT_SECONDS if daemon else _CREATED_SECONDS
        return "it was never queued" if age > limit else None
    if daemon:
        return _lost_in_launch(run, silent)
    if run.status is dg.DagsterRunStatus.QUEUED:
        return "it was queued and no daemon runs" if age > _CREATED_SECONDS else None
    return "no process of it was heard of and no daemon runs" if silent > _SILENT_SECONDS else None


def _lost_in_launch(run: dg.DagsterRun, silent: float) -> str | None:
    """Whether a run that has not said its process was lost while it started.

    It says it seconds after it has begun. While its code server lives, run monitoring watches a
    run that is starting (`start_timeout_seconds`).
    """
    launched = run.tags.get(_LAUNCHED_HERE)
    if launched is None or run.status not in _WORKING[:2]:
        return None
    if silent > _ORPHANED_SECONDS and not _answers(launched):
        return "its code server is gone, and no process said that it works on it"
    began = run.status is dg.DagsterRunStatus.STARTED
    return "no process said that it works on it" if began and silent > _SILENT_SECONDS else None


def _answers(launched: str) -> bool:
    """Whether the code server that started a run takes connections; one on another host may."""
    try:
        where = json.loads(launched)
        if where.get("host") not in ("localhost", "127.0.0.1"):
            return True
        if where.get("socket"):
            with socket.socket(socket.AF_UNIX) as server:
                server.settimeout(_CONNECT_SECONDS)
                server.connect(where["socket"])
        else:
            socket.create_connection((where["host"], where["port"]), _CONNECT_SECONDS).close()
    except (ConnectionError, FileNotFoundError):
        return False
    except (OSError, ValueError, KeyError):  # busy, or nothing that we can read: it may live
        return True
    return True


def _alive(pid: int, born: int) -> bool:
    try:
        process = psutil.Process(pid)
        # create_time is worked out from the boot time, which may move by a second between looks.
        return (
            abs(int(process.create_time()) - born) <= 1 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
