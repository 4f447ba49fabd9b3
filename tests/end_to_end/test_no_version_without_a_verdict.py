"""No row of a version that is not accepted is ever published, whoever starts the run.

Fresh documents are done by the accepted version, or wait where it cannot be made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.versions import stage_version
from cli.engine import Ingested, ingest
from cli.home import prepare_home
from definitions import INGEST_JOB, build_defs
from io_managers.schemas import STAGES, TABLES
from io_managers.versions import StageVersion, accepted_version, decide, state_of
from resources.lake.batches import read_requests, unfinished_batches
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress
from sensors.new_pdfs import new_pdfs_sensor
from sensors.runs import NO_RUN_RETRIES
from tests.end_to_end.pdfs import plain

OLD, FRESH, LATER = "b00000001", "b00000002", "b00000003"
NOWHERE = "http://127.0.0.1:9/v1"
"""Nobody listens there: a call would fail the stage."""


def take(settings: Settings) -> Ingested:
    return ingest(settings, [settings.landing], Progress())


def drop(settings: Settings, name: str) -> None:
    plain(Path(settings.landing) / f"{name}.pdf", text=f"What {name} says")


def versions_in(lake: Lake) -> dict[str, set[str]]:
    """Every version that some row of some table carries, by stage (`versions` itself aside)."""
    found: dict[str, set[str]] = {}
    for table, schema in TABLES.items():
        if "version" not in schema.columns or table in ("versions", "evals"):
            continue
        for version in lake.read(table, ["version"])["version"].drop_nulls().unique():
            found.setdefault(version.split("-")[0], set()).add(version)
    return found


def tick(settings: Settings, instance: dg.DagsterInstance) -> tuple[Sequence[dg.RunRequest], str]:
    """One tick of the sensor: what it asks for, and what it says."""
    context = dg.build_sensor_context(instance=instance)
    result = new_pdfs_sensor(settings, INGEST_JOB)(context)
    assert isinstance(result, dg.SensorResult)
    return result.run_requests or [], str(result.skip_reason or "")


def run(
    settings: Settings, instance: dg.DagsterInstance, batch: str, *stages: str
) -> dg.ExecuteInProcessResult:
    """A run as the sensor asks for it, or of some assets as a backfill of the UI makes it."""
    defs = build_defs(settings, pools=False)
    backfill = {"dagster/backfill": "abcdefgh", "dagster/partition": batch}
    return defs.resolve_job_def(INGEST_JOB).execute_in_process(
        partition_key=batch,
        instance=instance,
        tags={**NO_RUN_RETRIES, **(backfill if stages else {})},
        asset_selection=[dg.AssetKey(stage) for stage in stages] or None,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def changed(settings: Settings) -> Settings:
    """Another way of OCR, and a model for summaries."""
    return replace(settings, ocr="rapidocr", summariser="openai", model="new", base_url=NOWHERE)


@pytest.fixture
def start(settings: Settings) -> Settings:
    """Settings under which one batch is finished."""
    settings = replace(settings, layout=False, ocr="off")
    prepare_home(settings)
    drop(settings, "old")
    assert take(settings).failed_runs == {}
    return settings


def test_a_changed_model_publishes_nothing_until_it_is_judged(start: Settings) -> None:
    lake, new = Lake(start.lake), changed(start)
    names = {stage: stage_version(stage, new).name for stage in STAGES}
    before = versions_in(lake)

    drop(new, "fresh")  # (a) by the command
    assert take(new).failed_runs == {}
    assert unfinished_batches(lake) == []
    assert versions_in(lake) == before
    for stage in ("pages", "summaries"):
        assert names[stage] not in before[stage]
        assert state_of(lake, stage, names[stage]) == "candidate"
    assert "What fresh says" in lake.read("pages", batch=FRESH)["text"][0]
    assert lake.read("summaries", batch=FRESH)["summariser"].to_list() == ["extractive"]

    drop(new, "later")  # and by the sensor
    with dg.DagsterInstance.get() as instance:
        requests, _ = tick(new, instance)
        assert [request.partition_key for request in requests] == [LATER]
        done = run(new, instance, LATER)
        assert done.success
        assert versions_in(lake) == before
        shown = done.asset_materializations_for_node("pages")[0]
        assert shown.tags is not None
        assert shown.tags["dagster/code_version"] == accepted_version(lake, "pages")
        words = str(shown.metadata["accepted_version_used"].value)
        assert names["pages"] in words
        assert "quire evals run" in words
        assert (
            "accepted_version_used" not in done.asset_materializations_for_node("docs")[0].metadata
        )

        # (b) a backfill of the UI over the old partition, of everything and of single assets
        for stages in (STAGES, ("pages",), ("summaries",)):
            assert run(new, instance, OLD, *stages).success
            assert versions_in(lake) == before

        decide(lake, "pages", names["pages"], "accepted", "e1")
        assert run(new, instance, OLD, "pages").success
        assert set(lake.read("pages", batch=OLD)["version"]) == {names["pages"]}


def test_where_the_accepted_version_cannot_be_made_everything_waits(start: Settings) -> None:
    lake = Lake(start.lake)
    elsewhere = StageVersion("summaries", 3, "transformers", {"model": "of another machine"})
    decide(lake, "summaries", elsewhere, "accepted", None)
    decide(lake, "summaries", stage_version("summaries", start), "rejected", "e1")
    before, rows = versions_in(lake), lake.read("summaries").height
    drop(start, "fresh")
    taken = take(start)
    assert (taken.taken, taken.runs) == (1, 0)
    assert "quire evals accept" in taken.held_back["summaries"]
    assert read_requests(lake, FRESH).count == 0
    with dg.DagsterInstance.get() as instance:
        for _ in range(3):
            requests, said = tick(start, instance)
            assert requests == []
            assert "1 batches wait for an accepted version: summaries: version summaries-r" in said
            assert "STUCK" not in said
        assert read_requests(lake, FRESH).count == 0
        # Somebody starts it by hand: what can be done is done, and it says what it waits for.
        failed = run(start, instance, FRESH)
        assert not failed.success
        (event,) = [e for e in failed.all_node_events if e.event_type_value == "STEP_FAILURE"]
        assert event.step_key == "summaries"
        assert "quire evals accept" in str(event.step_failure_data.user_failure_data)
        assert lake.read("docs", batch=FRESH).height == 1
        backfill = run(start, instance, OLD, "summaries")
        assert not backfill.success
        assert versions_in(lake) == before
        assert lake.read("summaries").height == rows

        decide(lake, "summaries", stage_version("summaries", start), "accepted", None)
        requests, _ = tick(start, instance)
        assert [request.partition_key for request in requests] == [FRESH]
    assert take(start).failed_runs == {}
    assert unfinished_batches(lake) == []
    assert lake.read("summaries").filter(pl.col("version") == elsewhere.name).is_empty()
