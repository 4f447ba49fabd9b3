"""The graph itself: it loads, from any folder, with the keys, checks and tags it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.versions import stage_version
from definitions import build_defs
from io_managers.schemas import STAGES, TABLES
from resources.settings import REPOSITORY_ROOT, Settings

UPSTREAM = {
    "files": set(),
    "pages": {"files"},
    "images": {"pages"},
    "docs": {"files", "pages", "images"},
    "summaries": {"docs"},
}
CHECKS = {
    "files": "files_match_the_manifest",
    "pages": "page_numbers_are_complete",
    "images": "placements_have_their_bytes",
    "docs": "documents_are_accounted_for",
    "summaries": "documents_have_a_summary_row",
}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(lake="/nowhere/lake", landing="/nowhere/landing")


def test_definitions_load(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)
    job = defs.resolve_job_def("ingest")
    assert job.partitions_def is not None
    assert job.partitions_def.name == "batches"  # type: ignore[attr-defined]
    defs.resolve_job_def("ingest_now")
    defs.resolve_sensor_def("new_pdfs")
    defs.resolve_job_def("maintain_tables")
    defs.resolve_job_def("evaluate")
    schedule = defs.resolve_schedule_def("maintain_tables_daily")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_an_asset_with_what_the_ui_shows(
    defs: dg.Definitions, settings: Settings, stage: str
) -> None:
    asset = defs.resolve_assets_def(dg.AssetKey(stage))
    key = dg.AssetKey(stage)
    spec = asset.get_asset_spec(key)
    assert {dep.asset_key.path[-1] for dep in spec.deps} == UPSTREAM[stage]
    assert spec.description
    assert spec.group_name == "quire"
    assert {"python", "polars", "deltalake"} <= spec.kinds
    assert spec.code_version == stage_version(stage, settings).name
    assert re.fullmatch(rf"{stage}-r\d+-[a-z_]+-[0-9a-f]{{12}}", spec.code_version or "")
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == list(TABLES[stage].columns)
    assert all(column.description for column in columns)
    assert asset.op.tags["compute"] == "cpu"
    assert asset.op.pool == "cpu"
    names = {check.name for check in asset.check_specs}
    assert names == {"keys_are_unique", "keys_are_not_null", "failed_share", CHECKS[stage]}


def test_settings_that_change_output_change_versions(settings: Settings) -> None:
    from dataclasses import replace

    base = stage_version("pages", settings).name
    assert stage_version("pages", replace(settings, layout=False)).name != base
    assert stage_version("pages", replace(settings, ocr="off")).name != base
    assert stage_version("pages", replace(settings, workers=7, passwords=("x",))).name == base
    images = stage_version("images", settings).name
    assert stage_version("images", replace(settings, keep_scans=True)).name != images


def test_definitions_validate_from_any_directory(tmp_path: Path) -> None:
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path)}
    workspace = REPOSITORY_ROOT / "workspace.yaml"
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(workspace)]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr.decode()


def test_dagster_yaml_is_a_valid_instance(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_bytes((REPOSITORY_ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.run_monitoring_max_runtime_seconds > 0
        assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
