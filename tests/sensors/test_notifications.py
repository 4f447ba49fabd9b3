"""Runs are told of, once each, whoever ran them: through the sensors and through the CLI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from cli.engine import ingest
from definitions import INGEST_JOB, build_defs
from resources.lake.batches import MAX_REQUESTS, record_request
from resources.lake.lake import Lake
from resources.lake.pause import pause_lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from sensors.new_pdfs import new_pdfs_sensor
from sensors.notifications import run_sensors
from tests.end_to_end.pdfs import plain
from tests.lakes import Pdf, add_manifest, make_lake, publish_batch
from tests.resources.telemetry.receiver import Receiver, receiving
from tests.sensors.runs import make_run

BATCH = "b00000001"


class Sensors:
    """Both sensors with their cursors, evaluated as the daemon does."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._sensors = run_sensors(settings)
        self._cursors: dict[str, str | None] = {}
        self.evaluate()  # the first evaluation only notes where to begin

    def evaluate(self) -> None:
        for sensor in self._sensors:
            context = dg.build_sensor_context(
                instance=self._instance, cursor=self._cursors.get(sensor.name)
            )
            with context:
                result = sensor.evaluate_tick(context)
                self._cursors[sensor.name] = result.cursor
                errors = [reaction.error for reaction in result.dagster_run_reactions or ()]
                assert not any(errors), errors


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as heard:
        yield heard


@pytest.fixture
def told(settings: Settings, receiver: Receiver) -> Settings:
    return replace(settings, webhook=receiver.url, layout=False)


def finish(
    settings: Settings, instance: dg.DagsterInstance, error: str = "", batch: str = BATCH
) -> str:
    job = build_defs(settings).resolve_job_def(INGEST_JOB)
    started = dg.DagsterRunStatus.STARTED
    run = make_run(instance, job, started, {"dagster/partition": batch} if batch else {})
    if error:
        instance.report_run_failed(run, error)
    else:
        event = dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, job.name)
        instance.report_dagster_event(event, run.run_id)
    return run.run_id


def test_each_run_of_a_batch_is_told_of_once(
    told: Settings, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    publish_batch(make_lake(Path(told.lake)), BATCH, [Pdf("a.pdf"), Pdf("b.pdf")])
    sensors = Sensors(told, instance)
    good = finish(told, instance)
    bad = finish(told, instance, "its process died; the batch is run again")
    finish(told, instance, batch="")  # table care holds no batch
    sensors.evaluate()
    sensors.evaluate()
    Sensors(told, instance).evaluate()
    by_id = {heard["id"]: heard for heard in receiver.heard}
    assert (len(receiver.heard), set(by_id)) == (2, {good, bad})
    assert by_id[good]["event"] == "batch_succeeded"
    assert by_id[good]["files"] == {"done": 2}
    assert by_id[bad]["event"] == "batch_failed"
    assert "its process died" in by_id[bad]["error"]


def test_quire_ingest_and_the_sensors_tell_of_a_run_once(
    told: Settings, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    sensors = Sensors(told, instance)
    plain(Path(told.landing) / "a.pdf")
    result = ingest(told, [told.landing], Progress())
    assert result.runs == 1
    (heard,) = receiver.heard
    assert (heard["event"], heard["batch"], heard["files"]) == (
        "batch_succeeded",
        BATCH,
        {"done": 1},
    )
    assert heard["job_ids"] == [result.job_id]
    assert heard["started_at"] < heard["ended_at"]
    sensors.evaluate()
    assert len(receiver.heard) == 1


def test_a_run_whose_process_was_killed_is_told_of_by_the_sensors(
    told: Settings, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    sensors = Sensors(told, instance)
    add_manifest(Lake(told.lake), BATCH, [Pdf("a.pdf")])
    job = build_defs(told).resolve_job_def(INGEST_JOB)
    run = instance.create_run_for_job(  # as execute_in_process makes it: of no code location
        job, tags={"dagster/partition": BATCH}, status=dg.DagsterRunStatus.STARTED
    )
    instance.report_run_failed(run, "its process died")
    sensors.evaluate()
    assert [heard["id"] for heard in receiver.heard] == [run.run_id]
    assert receiver.heard[0]["files"] == {"waiting": 1}


def test_a_receiver_that_is_away_never_fails_a_run_or_a_tick(
    told: Settings, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    receiver.codes = [400]
    plain(Path(told.landing) / "a.pdf")
    assert ingest(told, [told.landing], Progress()).failed_runs == {}
    assert receiver.heard == []
    Lake(told.lake).delete("_quire/notifications/away.json")
    receiver.codes = [200]
    sensor = new_pdfs_sensor(told, INGEST_JOB)
    sensor(dg.build_sensor_context(instance=instance))
    assert [heard["event"] for heard in receiver.heard] == ["batch_succeeded"]


def test_a_stuck_batch_is_told_of_once(
    told: Settings, instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    lake = Lake(told.lake)
    add_manifest(lake, BATCH, [Pdf("a.pdf")])
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH, now=1_000_000_000)
    sensor = new_pdfs_sensor(told, INGEST_JOB)
    for _ in range(2):
        sensor(dg.build_sensor_context(instance=instance))
    assert [heard["event"] for heard in receiver.heard] == ["batch_stuck"]
    assert "quire retry --batch b00000001" in receiver.heard[0]["error"]


def test_a_paused_lake_is_left_alone(settings: Settings, instance: dg.DagsterInstance) -> None:
    (Path(settings.landing) / "a.pdf").write_bytes(b"%PDF-1.4 x\n%%EOF\n")
    lake = Lake(settings.lake)
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    pause_lake(lake, "moving house", by="ana@laptop")
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    message = result.skip_reason.skip_message if result.skip_reason else ""
    assert "by ana@laptop (moving house), until: quire resume" in (message or "")
    assert lake.read("manifest").is_empty()


def test_the_job_of_the_ui_is_a_submission(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    (Path(settings.landing) / "a.pdf").write_bytes(b"%PDF-1.4 x\n%%EOF\n")
    job = build_defs(settings).resolve_job_def("ingest_now")
    assert job.execute_in_process(instance=instance).success
    (job_id,) = Lake(settings.lake).read("manifest")["job_id"].to_list()
    assert job_id.startswith("j")
    assert instance.get_dynamic_partitions("batches") == [BATCH]
