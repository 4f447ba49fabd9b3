"""The asset `evals` in a real Dagster run: checks, numbers to plot, and harm to nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.evals.base import Result
from assets.evals.checks import CHECKS
from assets.evals.kept import append_results
from definitions import build_defs
from io_managers.schemas import STAGES
from resources.lake.batches import finished_batches
from resources.lake.lake import Lake
from resources.settings import Settings
from tests.lakes import Pdf, make_lake, publish_batch, version

BATCH = "b00000001"
BAD = Pdf("bad.pdf", pages=30, body="\ufffd\ufffd\ufffd is all that the font has to say, and so on")


@pytest.fixture
def lake(settings: Settings) -> Lake:
    lake = make_lake(Path(settings.lake))
    publish_batch(lake, BATCH, [Pdf(f"{n}.pdf", pages=30) for n in range(2)])
    return lake


def measured(settings: Settings, batch: str = BATCH) -> dg.ExecuteInProcessResult:
    job = build_defs(settings, pools=False).resolve_job_def("ingest")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("batches", [batch])
        return job.execute_in_process(
            partition_key=batch,
            instance=instance,
            asset_selection=[dg.AssetKey("evals")],
            raise_on_error=False,
        )


def test_it_has_its_checks_and_numbers_that_dagster_plots(lake: Lake, settings: Settings) -> None:
    result = measured(replace(settings, eval_share=0.0))
    assert result.success
    (event,) = result.asset_materializations_for_node("evals")
    numbers = {k: v.value for k, v in event.metadata.items()}
    assert numbers["pages"] == 60
    assert isinstance(numbers["garbage"], float)
    assert isinstance(numbers["failed_page"], float)
    assert numbers["unchanged"] is False
    checks = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert set(checks) == set(CHECKS)
    assert all(e.passed for e in checks.values())
    assert finished_batches(lake, [BATCH]) == {BATCH}


def test_it_comes_last_and_is_no_stage(settings: Settings) -> None:
    defs = build_defs(settings)
    graph = defs.resolve_asset_graph()
    job = set(defs.resolve_job_def("ingest").asset_layer.executable_asset_keys)
    assert job == {dg.AssetKey(name) for name in (*STAGES, "evals")}
    assert "evals" not in STAGES
    parents = graph.get(dg.AssetKey("evals")).parent_keys
    assert parents == {dg.AssetKey("pages"), dg.AssetKey("summaries")}


def test_what_is_worse_than_before_is_a_failed_check_and_the_run_succeeds(
    lake: Lake, settings: Settings
) -> None:
    name = version("pages").name
    for number in range(2, 13):
        row = Result("live", "batch", "garbage", "pages", name, 0.0, passed=True)
        append_results(lake, f"live-{number}", [replace(row, batch=f"b{number:08d}")])
    publish_batch(lake, "b00000099", [BAD])
    result = measured(replace(settings, eval_share=0.0), "b00000099")
    assert result.success
    checks: dict[str, Any] = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not checks["text_is_clean"].passed
    assert checks["text_is_clean"].severity is dg.AssetCheckSeverity.ERROR
    assert checks["not_worse_than_before"].passed


def test_when_it_fails_the_run_says_so_and_the_tables_stay(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    before = lake.read("pages").sort("doc_id", "page_number")
    (Path(settings.lake) / "evals").write_text("no folder")
    result = measured(replace(settings, eval_share=0.0))
    assert not result.success
    assert lake.read("pages").sort("doc_id", "page_number").equals(before)
    assert finished_batches(lake, [BATCH]) == {BATCH}
