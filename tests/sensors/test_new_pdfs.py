"""The sensor and the runs of an instance: one run a batch at a time, none waits for ever."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import dagster as dg
import psutil
import pytest

from definitions import INGEST_JOB
from resources.lake.lake import Lake
from resources.settings import Settings
from sensors.new_pdfs import new_pdfs_sensor
from sensors.runs import PROCESS_TAG, end_lost_runs, running_batches, this_process
from tests.sensors.runs import beat, make_run

BATCH = "b00000001"
Status = dg.DagsterRunStatus


@dg.job
def nothing() -> None:
    """Do nothing."""


def make(
    instance: dg.DagsterInstance, status: Status, *, batch: str = BATCH, process: str = ""
) -> dg.DagsterRun:
    tags = {"dagster/partition": batch} | ({PROCESS_TAG: process} if process else {})
    return make_run(instance, nothing, status, tags)


def asked(settings: Settings, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or [])


def process_of_the_past() -> str:
    """The tag of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        born = int(psutil.Process(process.pid).create_time())
        process.communicate(b"\n")
    return f"{os.uname().nodename}:{process.pid}:{born}"


def test_the_sensor_heals_its_runs_alone(
    lake: Lake, settings: Settings, instance: dg.DagsterInstance
) -> None:
    (Path(settings.landing) / "a.pdf").write_bytes(b"%PDF-1.4")
    (request,) = asked(settings, instance)
    assert request.partition_key == BATCH
    tags = {"dagster/partition": BATCH, **request.tags}
    run = make_run(instance, nothing, Status.STARTED, tags)
    beat(instance)
    instance.report_run_failed(run)
    failed = instance.get_run_by_id(run.run_id)
    assert failed is not None
    assert not failed.is_complete_and_waiting_to_retry
    assert instance.run_retries_enabled
    assert running_batches(instance) == set()


def test_a_batch_whose_run_dagster_retries_is_in_a_run(instance: dg.DagsterInstance) -> None:
    run = make(instance, Status.STARTED)
    instance.report_run_failed(run)
    assert running_batches(instance) == set()  # no daemon: no one retries it
    beat(instance)
    assert running_batches(instance) == {BATCH}
    instance.add_run_tags(run.run_id, {"dagster/auto_retry_run_id": "the next"})
    assert running_batches(instance) == set()


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.STARTING, Status.STARTED])
def test_a_run_ends_with_its_process(instance: dg.DagsterInstance, status: Status) -> None:
    dead = make(instance, status, process=process_of_the_past())
    make(instance, status, batch="b00000002", process=this_process())
    assert list(end_lost_runs(instance)) == [dead.run_id]
    assert running_batches(instance) == {"b00000002"}


def test_a_repeated_run_is_not_taken_for_the_dead_one(instance: dg.DagsterInstance) -> None:
    tags = {PROCESS_TAG: process_of_the_past(), "dagster/partition": BATCH}
    first = instance.create_run_for_job(nothing, tags=tags, status=Status.FAILURE)
    again = instance.create_run_for_job(
        nothing,
        tags={**tags, "dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id},
        parent_run_id=first.run_id,
        root_run_id=first.run_id,
        status=Status.STARTING,
    )
    assert list(end_lost_runs(instance)) == []
    instance.add_run_tags(again.run_id, {PROCESS_TAG: this_process()})
    assert list(end_lost_runs(instance)) == []


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.QUEUED])
def test_a_run_that_no_daemon_will_start_is_ended(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, status: Status
) -> None:
    run = make(instance, status)
    assert list(end_lost_runs(instance)) == []  # its daemon may just be about to start it
    monkeypatch.setattr("sensors.runs._CREATED_SECONDS", -1.0)
    beat(instance)
    assert list(end_lost_runs(instance)) == []
    instance.wipe_daemon_heartbeats()
    assert list(end_lost_runs(instance)) == [run.run_id]
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is Status.CANCELED


@pytest.mark.parametrize("status", [Status.STARTING, Status.STARTED])
def test_a_run_that_was_killed_while_it_started_is_ended(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    status: Status,
) -> None:
    place = str(tmp_path / "server")
    tags = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": place})}
    run = make_run(instance, nothing, status, {"dagster/partition": BATCH, **tags})
    beat(instance)
    assert list(end_lost_runs(instance)) == []  # it may be about to say its process
    monkeypatch.setattr("sensors.runs._ORPHANED_SECONDS", -1.0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen()
        assert list(end_lost_runs(instance)) == []
    assert end_lost_runs(instance) == {run.run_id: BATCH}
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is Status.FAILURE
