"""Run records and heartbeats as real processes of Dagster leave them.

Here: one run that the `dagster` command queues and one heartbeat of a real daemon, made once a test
process in an instance of their own, and copied as often as tests need. What Dagster knows of a code
location, and what its daemon writes, has no public constructor; its commands are the public door.
Not here: what Quire makes of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

_COMMANDS = Path(sys.executable).parent
_JOB = "import dagster as dg\n\n\n@dg.job\ndef nothing():\n    pass\n"
_QUEUED = """
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
telemetry:
  enabled: false
"""
_PATIENCE_SECONDS = 60.0


def make_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    status: dg.DagsterRunStatus,
    tags: dict[str, str],
) -> dg.DagsterRun:
    """A run as the sensor daemon makes it: it knows which code location it came from."""
    return instance.create_run_for_job(job, tags=tags, status=status, remote_job_origin=_origin())


def beat(instance: dg.DagsterInstance) -> None:
    """Say that a daemon lives."""
    instance.add_daemon_heartbeat(_heartbeat()._replace(timestamp=time.time()))


def _at(home: str) -> dict[str, str]:
    return {**os.environ, "DAGSTER_HOME": home}


@cache
def _origin() -> Any:
    """Where the job of a run comes from, as `dagster job launch` writes it down."""
    with TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text(_QUEUED, encoding="utf-8")
        code = Path(home) / "code.py"
        code.write_text(_JOB, encoding="utf-8")
        command: list[str | Path] = [
            _COMMANDS / "dagster",
            "job",
            "launch",
            "-f",
            code,
            "-j",
            "nothing",
        ]
        subprocess.run(command, env=_at(home), check=True, capture_output=True)
        with dg.DagsterInstance.from_config(home) as instance:
            (run,) = instance.get_runs()
            return run.remote_job_origin


@cache
def _heartbeat() -> Any:
    """What the daemon says when it lives."""
    with TemporaryDirectory() as home, dg.DagsterInstance.from_config(home) as instance:
        command: list[str | Path] = [_COMMANDS / "dagster-daemon", "run", "--empty-workspace"]
        with subprocess.Popen(
            command, env=_at(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as daemon:
            try:
                until = time.monotonic() + _PATIENCE_SECONDS
                while not (beats := instance.get_daemon_heartbeats()):
                    assert time.monotonic() < until, "the daemon says nothing"
                    assert daemon.poll() is None, "the daemon does not start"
                    time.sleep(0.05)
            finally:
                daemon.terminate()
        return next(iter(beats.values()))
