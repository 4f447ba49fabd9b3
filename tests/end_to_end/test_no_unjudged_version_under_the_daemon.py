"""No row of a version that nobody judged is published by the real daemon, sensors and web server.

What `test_no_version_without_a_verdict.py` shows in one process, here with the processes of `make
dev`: a PDF that is dropped, and a backfill that is launched as the UI does it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.versions import stage_version
from io_managers.schemas import STAGES
from io_managers.versions import StageVersion, accepted_version, decide, state_of
from resources.lake.batches import read_requests, unfinished_batches
from resources.settings import load_settings
from tests.end_to_end.dev_server import make_dev, wait_until
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import Place, make_place
from tests.end_to_end.test_no_version_without_a_verdict import (
    FRESH,
    LATER,
    NOWHERE,
    OLD,
    versions_in,
)

CHANGED = {
    "QUIRE_OCR": "rapidocr",
    "QUIRE_SUMMARISER": "openai",
    "QUIRE_MODEL": "new",
    "QUIRE_BASE_URL": NOWHERE,
}


def new_versions(place: Place) -> dict[str, str]:
    settings = load_settings(place.environment)
    return {stage: stage_version(stage, settings).name for stage in STAGES}


def said_by_new_pdfs(place: Place) -> list[str]:
    """What the last ticks of the sensor said, the newest first."""
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        states = instance.all_instigator_state()
        (state,) = [s for s in states if s.instigator_name == "new_pdfs"]
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=10)
    return [tick.tick_data.skip_reason or "" for tick in ticks]


def runs_of(place: Place, **tags: str) -> list[dg.DagsterRun]:
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        wanted = {f"dagster/{name}": value for name, value in tags.items()}
        return list(instance.get_runs(filters=dg.RunsFilter(tags=wanted)))


def failure_of(place: Place, run: dg.DagsterRun) -> tuple[str, str]:
    """The step of a run that failed, and why."""
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        logs = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    events: list[Any] = [entry.get_dagster_event() for entry in logs]
    # What waited for the step that failed is told as skipped: one failure only.
    (event,) = events
    data = event.step_failure_data
    return str(event.step_key), f"{data.error} {data.user_failure_data}"


@pytest.mark.slow
def test_neither_a_dropped_pdf_nor_a_backfill_publishes_what_nobody_judged(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", layout="off", ocr="off", batch_linger="0")
    plain(place.landing / "old.pdf", text="What old says")
    assert place.ingest()[0] == 0
    lake = place.lake
    before = versions_in(lake)
    assert set(before) == {*STAGES} - {"image_data"}

    changed = Place(place.root, {**place.settings, **CHANGED})
    new = new_versions(changed)
    differ = {stage for stage in STAGES if new[stage] not in before[stage]}
    assert differ == {"pages", "summaries"}

    with make_dev(changed) as server:
        # (a) A PDF is dropped: the accepted versions do it.
        plain(place.landing / "fresh.pdf", text="What fresh says")
        wait_until(lambda: not lake.read("summaries", batch=FRESH).is_empty(), 240, "a summary")
        wait_until(lambda: unfinished_batches(lake) == [], 60, "the end of its batch")
        assert versions_in(lake) == before
        assert lake.read("summaries", batch=FRESH)["summariser"].to_list() == ["extractive"]
        assert {stage: state_of(lake, stage, new[stage]) for stage in differ} == dict.fromkeys(
            differ, "candidate"
        )

        # (b) A backfill of the UI, of everything and of the changed stages alone.
        tables = {stage: lake.ensure(stage).version() for stage in STAGES}
        for assets in (list(STAGES), sorted(differ)):
            backfill = server.backfill(assets, [OLD, FRESH])
            runs = runs_of(place, backfill=backfill)
            assert sorted(run.tags["dagster/partition"] for run in runs) == [OLD, FRESH]
            assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
            assert versions_in(lake) == before
        assert {stage: lake.ensure(stage).version() for stage in STAGES} == tables

        # Where this machine cannot make the accepted version, everything waits.
        elsewhere = StageVersion("summaries", 3, "transformers", {"model": "of another machine"})
        decide(lake, "summaries", elsewhere, "accepted", None)
        rows = lake.read("summaries").height
        plain(place.landing / "later.pdf", text="What later says")
        waits = "1 batches wait for an accepted version: summaries: version summaries-r"
        told = wait_until(
            lambda: next((said for said in said_by_new_pdfs(place) if waits in said), None),
            120,
            "a tick that says what it waits for",
        )
        assert new["summaries"] in told
        assert "quire evals run" in told
        assert read_requests(lake, LATER).count == 0
        assert runs_of(place, partition=LATER) == []
        backfill = server.backfill(["summaries"], [OLD, FRESH])
        for run in runs_of(place, backfill=backfill):
            assert run.status == dg.DagsterRunStatus.FAILURE
            step, why = failure_of(place, run)
            assert step == "summaries"
            assert new["summaries"] in why
            assert "quire evals" in why
        assert versions_in(lake) == before
        assert lake.read("summaries").height == rows

        # A person's word is all that was wanted: the daemon goes on by itself.
        old_summaries = next(iter(before["summaries"]))
        assert accepted_version(lake, "summaries") == elsewhere.name
        decide(lake, "summaries", old_summaries, "accepted", None)
        wait_until(
            lambda: (
                unfinished_batches(lake) == [] and LATER in set(lake.read("summaries")["batch"])
            ),
            180,
            "the batch that waited",
        )
    assert versions_in(lake) == before
    assert lake.read("pages").filter(batch=LATER)["text"][0].startswith("What later says")
