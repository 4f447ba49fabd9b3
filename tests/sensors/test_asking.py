"""How many batches there may be, which runs are asked for, and in which order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from assets.partitions import PARTITIONS_NAME
from definitions import INGEST_JOB
from resources.lake.audit_outside import Outside, audit_outside
from resources.lake.batches import MAX_REQUESTS, record_request, unfinished_batches
from resources.lake.lake import Lake
from resources.lake.live import pin, pinned, retired
from resources.settings import Settings
from sensors.asking import FRESH, SUBMITTED, Ask, asks, room_for
from sensors.new_pdfs import new_pdfs_sensor
from sensors.partitions import add_partitions
from sensors.scan import tick
from tests.lakes import Pdf, make_lake, publish_batch


def drop(settings: Settings, n_files: int, first: int = 0) -> None:
    for number in range(first, first + n_files):
        (Path(settings.landing) / f"{number:03d}.pdf").write_bytes(b"%PDF-1.4\n%%EOF")


def test_the_sensor_keeps_to_its_room_and_leaves_the_rest(
    lake: Lake, settings: Settings, instance: dg.DagsterInstance
) -> None:
    settings = replace(settings, batch_max_docs=2, max_batches=3)
    drop(settings, 20)
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    first = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(first, dg.SensorResult)
    assert [request.partition_key for request in first.run_requests or []] == [
        "b00000001",
        "b00000002",
        "b00000003",
    ]
    assert lake.read("manifest").sort("uri")["file_name"].to_list() == [
        f"{n:03d}.pdf" for n in range(6)
    ]
    second = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(second, dg.SensorResult)
    assert "no room for another batch" in str(second.skip_reason)
    assert "14 new PDFs" in str(second.skip_reason)
    assert len(unfinished_batches(lake)) == 3


def test_a_stuck_batch_takes_no_room(lake: Lake, settings: Settings) -> None:
    drop(settings, 2)
    tick(lake, replace(settings, batch_max_docs=1), [settings.landing], linger=False)
    unfinished = unfinished_batches(lake)
    assert room_for(lake, unfinished, [], 2) == (0, [])
    for _ in range(MAX_REQUESTS):
        record_request(lake, "b00000001", 1.0)
    assert room_for(lake, unfinished, [], 2) == (1, ["b00000001"])
    assert room_for(lake, unfinished, ["b00000001"], 2) == (0, [])


def test_what_was_submitted_goes_first(lake: Lake, settings: Settings) -> None:
    drop(settings, 1)
    tick(lake, settings, [settings.landing], linger=False)
    drop(settings, 1, first=1)
    tick(lake, settings, [settings.landing], linger=False, job_id="j1")
    unfinished = unfinished_batches(lake)
    assert asks(lake, unfinished, [], []) == [Ask("b00000002", SUBMITTED), Ask("b00000001", FRESH)]
    assert asks(lake, unfinished, [], [], limit=1) == [Ask("b00000002", SUBMITTED)]
    assert asks(lake, unfinished, [], ["b00000002"]) == [Ask("b00000001", FRESH)]


def test_a_landing_zone_that_is_gone_stops_no_batch(
    lake: Lake, settings: Settings, instance: dg.DagsterInstance
) -> None:
    drop(settings, 1)
    tick(lake, settings, [settings.landing], linger=False)
    away = replace(settings, landing=f"{settings.landing}-away")
    result = new_pdfs_sensor(away, INGEST_JOB)(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    assert [request.partition_key for request in result.run_requests or []] == ["b00000001"]


def test_old_finished_batches_leave_the_partition_set() -> None:
    batches = [f"b{n:08d}" for n in range(1, 2_011)]
    finished = set(batches[:2_005]) - {batches[1]}
    assert retired(batches, finished) == [batches[0], batches[2], batches[3], batches[4]]
    assert retired(batches[:50], finished) == []


def test_a_batch_that_is_wanted_again_stays_for_a_week(lake: Lake) -> None:
    pin(lake, ["b00000001"], now=1_000.0)
    pin(lake, ["b00000002"], now=400_000.0)
    assert pinned(lake, now=500_000.0) == {"b00000001", "b00000002"}
    assert pinned(lake, now=700_000.0) == {"b00000002"}


def test_partitions_are_those_of_live_batches(
    tmp_path: Path,
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resources.lake.live.LIVE_FINISHED", 2)
    lake = make_lake(Path(settings.lake))
    batches = [f"b{n:08d}" for n in range(1, 6)]
    for batch in batches:
        publish_batch(lake, batch, [Pdf(f"{batch}.pdf")])
    add_partitions(instance, [*batches, *batches])
    pin(lake, [batches[1]])
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    sensor(dg.build_sensor_context(instance=instance))
    assert instance.get_dynamic_partitions(PARTITIONS_NAME) == [batches[1], *batches[3:]]
    states = audit_outside(lake, Outside(partitions=frozenset(batches[3:])))
    assert states.findings == ()


def test_a_wiped_run_history_doubles_nothing(
    lake: Lake, settings: Settings, instance: dg.DagsterInstance
) -> None:
    drop(settings, 3)
    sensor = new_pdfs_sensor(settings, INGEST_JOB)
    sensor(dg.build_sensor_context(instance=instance))
    instance.wipe()
    again = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(again, dg.SensorResult)
    assert not again.run_requests  # it was asked for a moment ago: healing waits a minute
    assert lake.read("manifest").height == 3
    assert instance.get_dynamic_partitions(PARTITIONS_NAME) == ["b00000001"]
