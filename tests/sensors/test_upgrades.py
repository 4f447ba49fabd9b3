"""The sensor `upgrades`: what it asks for, in which order, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from assets.versions import stage_version
from definitions import INGEST_JOB, build_defs
from io_managers.versions import decide
from resources.lake.batches import HEAL_AFTER
from resources.lake.lake import Lake
from resources.lake.live import pinned
from resources.lake.pause import pause_lake
from resources.lake.upgrades import Asked, Upgrade, read_upgrade, record, stop
from resources.settings import Settings
from resources.summariser.extractive import REVISION
from sensors.new_pdfs import new_pdfs_sensor
from sensors.runs import UPGRADE_TAG, running_batches, this_process, upgrading_batches
from sensors.upgrades import UPGRADE_JOB, upgrade_job, upgrades_sensor
from sensors.upgrading import (
    KEPT,
    PRIORITY,
    RUNS_AT_ONCE,
    begin_upgrade,
    choose_canary,
    next_step,
    pass_gate,
)
from tests.lakes import Pdf, add_manifest
from tests.sensors.runs import make_run
from tests.upgrades.making import make_lake, name_of, newer_summariser, republish, settings_over

N, ROOM = 8, 5
Status = dg.DagsterRunStatus


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Many finished batches; nothing is stale."""
    settings = settings_over(tmp_path_factory.mktemp("made"), max_batches=str(ROOM))
    make_lake(settings, N, 1)
    return settings


@pytest.fixture
def ready(made: Settings) -> Iterator[Settings]:
    """The same with a newer summariser, and no upgrade yet."""
    lake = Lake(made.lake)
    with newer_summariser():
        yield made
    lake.delete_folder("_quire/upgrade")


@dg.job
def nothing() -> None:
    """Do nothing."""


def tick(settings: Settings, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    jobs = [nothing.with_hooks(set()), upgrade_job(settings)]
    sensor = upgrades_sensor(settings, INGEST_JOB, jobs)
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    return list(result.run_requests or [])


def said(settings: Settings, instance: dg.DagsterInstance) -> str:
    sensor = upgrades_sensor(settings, INGEST_JOB, [nothing, upgrade_job(settings)])
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    return str(result.skip_reason.skip_message if result.skip_reason else "")


def begun(settings: Settings, **fields: object) -> Upgrade:
    lake = Lake(settings.lake)
    upgrade = begin_upgrade(lake, settings, 3)
    assert upgrade is not None
    written = record(lake, replace(upgrade, **fields))  # type: ignore[arg-type]
    assert written is not None
    return written


def test_without_a_record_it_only_says_what_is_stale(
    ready: Settings, instance: dg.DagsterInstance
) -> None:
    assert tick(ready, instance) == []
    assert "not accepted yet: summaries-r3" in said(ready, instance)


def test_a_backfill_asks_for_stale_stages_only_below_everything_else(
    ready: Settings, instance: dg.DagsterInstance
) -> None:
    upgrade = begun(ready, state="backfilling")
    requests = tick(ready, instance)
    assert len(requests) == ROOM < RUNS_AT_ONCE
    first = requests[0]
    assert [key.to_user_string() for key in first.asset_selection or []] == ["summaries", "evals"]
    assert first.tags["dagster/priority"] == str(PRIORITY)
    assert first.tags[UPGRADE_TAG] == upgrade.upgrade_id
    assert first.job_name == INGEST_JOB
    names = [str(request.partition_key) for request in requests]
    assert set(instance.get_dynamic_partitions("batches")) == set(names)  # they had left it
    assert pinned(Lake(ready.lake)) >= set(names)
    # They were asked for and come to nothing: no second request before a minute is over.
    again = [str(request.partition_key) for request in tick(ready, instance)]
    assert set(again) == {name_of(n) for n in range(1, N + 1)} - set(names)
    assert tick(ready, instance) == []


def test_fresh_batches_go_first_and_upgrades_take_no_room(
    ready: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    settings = settings_over(tmp_path)
    with newer_summariser(REVISION):
        lake = make_lake(settings, 3, 1)
    begun(settings, state="backfilling")
    fresh = "b00000099"
    add_manifest(lake, fresh, [Pdf("fresh.pdf")])
    assert tick(settings, instance) == []
    assert "1 fresh batches go first" in said(settings, instance)
    for number in (1, 2):
        tags = {"dagster/partition": name_of(number), UPGRADE_TAG: "u"}
        make_run(instance, nothing, Status.STARTED, tags)
    assert upgrading_batches(instance) == {name_of(1), name_of(2)}
    sensor = new_pdfs_sensor(replace(settings, max_batches=2), INGEST_JOB)
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    assert (request.partition_key, request.tags["dagster/priority"]) == (fresh, "1")


def test_a_paused_lake_a_living_command_and_other_settings_hold_it(
    ready: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    upgrade = begun(ready, state="backfilling", runner=this_process())
    assert "quire upgrade works on it" in said(ready, instance)
    lake = Lake(ready.lake)
    free = record(lake, replace(upgrade, runner="elsewhere:1:1"))
    assert free is not None
    pause_lake(lake)
    assert "paused" in said(ready, instance)
    lake.delete("_quire/paused.json")
    with newer_summariser(2_000):
        assert "start again with the settings of the upgrade" in said(ready, instance)
    assert tick(ready, instance)


def test_stopping_takes_queued_runs_back(ready: Settings, instance: dg.DagsterInstance) -> None:
    upgrade = begun(ready, state="backfilling")
    tags = {UPGRADE_TAG: upgrade.upgrade_id}
    queued = make_run(instance, nothing, Status.QUEUED, {**tags, "dagster/partition": name_of(1)})
    working = make_run(instance, nothing, Status.STARTED, {**tags, "dagster/partition": name_of(2)})
    stop(Lake(ready.lake))
    assert tick(ready, instance) == []
    assert running_batches(instance) == {name_of(2)}
    for run, status in ((queued, Status.CANCELED), (working, Status.STARTED)):
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert found.status is status


def test_the_job_does_what_takes_long(
    ready: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ready = settings_over(tmp_path)
    with newer_summariser(REVISION):
        lake = make_lake(ready, 4, 1)
    job = build_defs(ready).resolve_job_def(UPGRADE_JOB)
    assert job.execute_in_process(instance=instance).success
    present = read_upgrade(lake)
    assert present is not None
    assert present.state == "canary"  # the gate is open in these settings
    requests = tick(ready, instance)
    assert [str(request.partition_key) for request in requests] == list(read_canary(lake))
    version = stage_version("summaries", ready)
    for batch in read_canary(lake):
        republish(lake, batch, "summaries", version, "")
    (request,) = tick(ready, instance)
    assert request.job_name == UPGRADE_JOB
    assert job.execute_in_process(instance=instance).success
    present = read_upgrade(lake)
    assert present is not None
    assert (present.state, present.compared is None) == ("backfilling", False)


def read_canary(lake: Lake) -> tuple[str, ...]:
    present = read_upgrade(lake)
    assert present is not None
    return present.canary


def test_a_rejected_version_touches_nothing(tmp_path: Path) -> None:
    settings = settings_over(tmp_path, gate="block")
    lake = make_lake(settings, 2, 1)
    with newer_summariser():
        upgrade = begin_upgrade(lake, settings, 3)
        assert upgrade is not None
        version = upgrade.changes[0].to

        def judge() -> list[str]:
            decide(lake, "summaries", version, "rejected", "e1")
            return ["numbers that the source does not have"]

        ended = pass_gate(lake, upgrade, judge)
    assert ended is not None
    assert (ended.state, ended.why) == ("rejected", "numbers that the source does not have")
    assert next_step(lake, ended, ()).runs == {}


def test_rows_that_a_run_left_on_purpose_are_not_asked_for_again(ready: Settings) -> None:
    """A source that is gone keeps its rows, and must not be asked for until the end of time."""
    lake = Lake(ready.lake)
    batch = name_of(1)
    asked = {name_of(n): Asked(1, 0.0, {"summaries": 1}) for n in range(1, N + 1)}
    asked[batch] = Asked(1, 0.0, {"summaries": 0})
    upgrade = begun(ready, state="backfilling", asked=asked)
    step = next_step(lake, upgrade, ())
    assert step.upgrade.left == {batch: KEPT}
    assert batch not in step.runs
    assert step.upgrade.asked[name_of(2)].count == 2


def test_runs_that_fail_stop_it_in_the_end(ready: Settings) -> None:
    lake = Lake(ready.lake)
    spent = {name_of(n): Asked(1 + len(HEAL_AFTER), 0.0, {"summaries": 1}) for n in range(1, N + 1)}
    step = next_step(lake, begun(ready, state="backfilling", asked=spent), ())
    assert step.upgrade.state == "stopped"
    assert f"runs of {N} batches failed" in step.upgrade.why


def test_the_canary_is_of_all_ages_and_sizes_and_always_the_same(ready: Settings) -> None:
    lake = Lake(ready.lake)
    batches = [name_of(n) for n in range(1, 31)]
    chosen = choose_canary(lake, batches, 3)
    assert chosen == choose_canary(lake, list(reversed(batches)), 3)
    assert [(int(batch[1:]) - 1) // 10 for batch in chosen] == [0, 1, 2]
    assert choose_canary(lake, batches[:2], 3) == tuple(batches[:2])
