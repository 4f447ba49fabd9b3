"""Runs of this instance: which batches they hold, and ending those whose process is gone.

Here: Dagster's run records. Not here: which batches need a run (`resources/lake/batches.py`).
"""

from __future__ import annotations

import os
import socket

import dagster as dg
import psutil

from assets.partitions import PARTITIONS_NAME

PROCESS_TAG = "quire/process"
_PARTITION_TAG = "dagster/partition"
_STARTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.CANCELING,
    *_STARTED,
]
_ADD_AT_ONCE = 10_000


def running_batches(instance: dg.DagsterInstance) -> set[str]:
    """Batches that some run of this instance holds, queued ones included."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED))
    return {run.tags[_PARTITION_TAG] for run in runs if _PARTITION_TAG in run.tags}


def add_partitions(instance: dg.DagsterInstance, batches: list[str]) -> None:
    """Add batches to the partition set in bulk; the request in a result checks them one by one."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    fresh = [batch for batch in batches if batch not in known]
    for first in range(0, len(fresh), _ADD_AT_ONCE):
        instance.add_dynamic_partitions(PARTITIONS_NAME, fresh[first : first + _ADD_AT_ONCE])


def this_process() -> str:
    """This process, in words that no later process on any host shares."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(psutil.Process().create_time())}"


def end_runs_of_dead_processes(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process on this host is gone as failed, and free what they held.

    A run that is killed with -9 stays STARTED, and keeps its pool slot, until run monitoring's
    `max_runtime_seconds`: hours in which nothing else could run. Returns the runs that were ended.
    """
    ended = []
    for run in instance.get_runs(filters=dg.RunsFilter(statuses=_STARTED)):
        host, _, rest = run.tags.get(PROCESS_TAG, "").partition(":")
        pid, _, born = rest.partition(":")
        if host == socket.gethostname() and pid.isdecimal() and not _alive(int(pid), int(born)):
            instance.report_run_failed(run, "its process died; the batch is run again")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            ended.append(run.run_id)
    return ended


def _alive(pid: int, born: int) -> bool:
    try:
        process = psutil.Process(pid)
        # create_time is worked out from the boot time, which may move by a second between looks.
        return (
            abs(int(process.create_time()) - born) <= 1 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
