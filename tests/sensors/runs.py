"""Run records as a daemon or another process leaves them."""

from __future__ import annotations

import time

import dagster as dg
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat


def make_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    status: dg.DagsterRunStatus,
    tags: dict[str, str],
) -> dg.DagsterRun:
    """A run as the sensor daemon makes it: it knows which code location it came from."""
    target = LoadableTargetOrigin(module_name="definitions")
    place = InProcessCodeLocationOrigin(target, location_name="quire")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(place, "__repository__"), job.name)
    return instance.create_run_for_job(job, tags=tags, status=status, remote_job_origin=origin)


def beat(instance: dg.DagsterInstance) -> None:
    """Say that a daemon lives."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "QUEUED_RUN_COORDINATOR", "x", []))
