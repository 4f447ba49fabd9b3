"""The `api_jobs` sensor end to end: a real instance, a real lake, a provider on a real socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.summaries.provider import Exchange
from definitions import INGEST_JOB, SUMMARISE_JOB, build_defs
from io_managers.schemas import STAGES
from resources.lake.at_provider import at_provider
from resources.lake.batches import finished_batches, record_request
from resources.lake.pause import pause_lake
from resources.lake.states import LakeStates
from sensors.api_jobs import api_jobs_sensor
from sensors.exchanging import POLL, Exchanging
from sensors.new_pdfs import new_pdfs_sensor
from sensors.partitions import add_partitions
from tests.fake_batch_server import KEY, BatchServer, serving
from tests.lakes import Pdf
from tests.summary_stage import BATCH, Stage, long, short, stage_of

_POLLS = "_quire/api_jobs/polls.json"


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with serving() as state:
        yield state


class Daemon:
    """The sensor, and what its requests lead to."""

    def __init__(self, stage: Stage, instance: dg.DagsterInstance) -> None:
        self.stage = stage
        self.instance = instance
        self.sensor = api_jobs_sensor(stage.settings, SUMMARISE_JOB)
        self.message = ""

    def tick(self) -> list[str]:
        """One tick, as if the last was long ago; the batches that a run is asked for."""
        self.stage.lake.delete(_POLLS)
        result = self.sensor(dg.build_sensor_context(instance=self.instance))
        assert isinstance(result, dg.SensorResult)
        self.message = str(result.skip_reason and result.skip_reason.skip_message)
        return [str(request.partition_key) for request in result.run_requests or []]

    def run(self, batch: str = BATCH) -> dg.ExecuteInProcessResult:
        """The run that was asked for."""
        job = build_defs(self.stage.settings).resolve_job_def(SUMMARISE_JOB)
        add_partitions(self.instance, [batch])  # by hand, somebody chose it there
        return job.execute_in_process(
            partition_key=batch, instance=self.instance, raise_on_error=False
        )


def daemon(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance, *pdfs: Pdf, **more: str
) -> Daemon:
    given = {
        "summariser": "openai_batch", "model": "tiny", "base_url": server.url, "api_key": KEY,
        "context_tokens": "2000", **more,
    }  # fmt: skip
    (tmp_path / "landing").mkdir()
    return Daemon(stage_of(tmp_path, pdfs, **given), instance)


def test_a_batch_goes_from_its_documents_to_its_summaries(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1), short(2), long())
    lake = place.stage.lake
    assert place.tick() == []
    assert "1 jobs are out" in place.message
    assert "3 documents looked at wait" in place.message
    told = at_provider(lake, LakeStates(lake))
    assert told.message == "3 documents wait for the provider (jobs batch_1)"
    assert LakeStates(lake).documents["state"].to_list() == ["waiting"] * 3
    assert LakeStates(lake).batches["state"].to_list() == ["waiting"]
    assert place.tick() == []
    assert len(server.jobs) == 1
    server.finish()
    assert place.tick() == []  # the long document's second round
    server.finish()
    assert place.tick() == [BATCH]
    assert place.run().success
    assert place.tick() == []
    assert LakeStates(lake).documents["state"].to_list() == ["done"] * 3
    assert finished_batches(lake, [BATCH]) == {BATCH}
    assert place.tick() == []
    assert set(server.paid.values()) == {1}
    assert at_provider(lake, LakeStates(lake)).jobs == ()
    assert json.loads(lake.get("_quire/api_jobs/batches.json") or b"")[BATCH]["done"] == 1


def test_the_ingest_run_leaves_the_summaries_to_the_provider(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1))
    definitions = build_defs(place.stage.settings)
    job = definitions.resolve_job_def(INGEST_JOB)
    assert set(job.graph.node_dict) == set(STAGES[:-1])
    sensor = new_pdfs_sensor(place.stage.settings, INGEST_JOB)
    result = sensor(dg.build_sensor_context(instance=instance))
    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests  # a batch that waits for the provider is not healed in vain
    assert "STUCK" not in str(result.skip_reason)
    other = build_defs(replace(place.stage.settings, summariser="extractive"))
    assert set(other.resolve_job_def(INGEST_JOB).graph.node_dict) == {*STAGES, "evals"}
    assert "api_jobs" not in {sensor.name for sensor in other.sensors or []}


def test_a_run_by_hand_says_what_it_waits_for_and_publishes_nothing(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1))
    first = place.run()
    assert not first.success
    failure = next(event for event in first.all_events if event.is_step_failure)
    assert "1 documents of b00000001 wait for the provider" in str(failure.event_specific_data)
    assert len(server.jobs) == 1  # and it has sent them
    assert place.stage.rows() == {}
    server.finish()
    assert place.run().success
    assert place.stage.rows()["d1"]["status"] == "ok"
    assert place.tick() == []
    assert len(server.jobs) == 1


@pytest.mark.slow
def test_a_failed_document_is_tried_again_on_the_healing_schedule(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1), short(2))
    place.tick()
    server.finish(errors={0: (400, "content_filter")})
    assert place.tick() == [BATCH]
    assert place.run().success
    assert place.stage.failures() == {"refused": 1}
    assert place.tick() == []
    assert len(server.jobs) == 1  # not at once
    record_request(place.stage.lake, BATCH, now=1.0)  # long ago
    place.tick()
    assert len(server.jobs) == 2
    server.finish()
    assert place.tick() == [BATCH]
    assert place.run().success
    assert {row["status"] for row in place.stage.rows().values()} == {"ok"}


@pytest.mark.slow
def test_polls_back_off_while_the_provider_is_away(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1))
    place.tick()
    server.status = 503
    lake = place.stage.lake
    asked = []
    for second in range(0, 7_200, 60):
        before = sum(server.calls.values())
        looked = Exchanging(Exchange(lake, place.stage.settings)).look((), now=1e9 + second)
        if sum(server.calls.values()) > before:
            asked.append(second)
            assert looked.told.away is not None
    waits = [b - a for a, b in pairwise(asked)]
    assert waits == [60, 120, 240, 480, 960, 1_800, 1_800]
    assert POLL == 60


def test_a_paused_lake_sends_nothing(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1))
    pause_lake(place.stage.lake, "counting money")
    assert place.tick() == []
    assert "counting money" in place.message
    assert server.jobs == {}


def test_a_setting_that_cannot_work_is_told(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1), base_url="file://relative")
    assert place.tick() == []
    assert "file:///absolute/folder" in place.message


@pytest.mark.slow
def test_batches_from_before_are_not_paid_for_unasked(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1))
    before = replace(place.stage.settings, summariser="extractive")
    add_partitions(instance, [BATCH])
    job = build_defs(before).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(
        partition_key=BATCH, instance=instance, asset_selection=[dg.AssetKey("summaries")]
    ).success
    assert place.tick() == []
    assert server.jobs == {}


def test_what_is_blocked_waits_for_a_larger_budget(
    tmp_path: Path, server: BatchServer, instance: dg.DagsterInstance
) -> None:
    place = daemon(tmp_path, server, instance, short(1), budget_tokens="10")
    assert place.tick() == [BATCH]
    assert place.run().success
    assert place.stage.rows()["d1"]["status"] == "blocked"
    assert place.tick() == []
    assert place.tick() == []
    assert server.jobs == {}
    place.stage.settings = replace(place.stage.settings, budget_tokens=100_000)
    place.sensor = api_jobs_sensor(place.stage.settings, SUMMARISE_JOB)
    record_request(place.stage.lake, BATCH, now=1.0)  # long ago
    place.tick()
    assert len(server.jobs) == 1
    server.finish()
    assert place.tick() == [BATCH]
    assert place.run().success
    assert place.stage.rows()["d1"]["status"] == "ok"
    states = place.stage.lake.read("api_jobs").filter(pl.col("state") == "ingested")
    assert states.height == 1
