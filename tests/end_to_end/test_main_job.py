"""The main job: PDFs become Delta tables, every one of them in the state it should be in."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import dagster as dg
import polars as pl
import pytest

from definitions import build_defs
from io_managers.schemas import STAGES, TABLES
from resources.samples.make import Sample
from resources.settings import load_settings
from tests.end_to_end.running import Place

pytestmark = pytest.mark.xdist_group("samples")
Ingested = tuple[Place, list[Sample], Any]


def test_every_sample_ends_as_it_should(ingested: Ingested) -> None:
    place, samples, _ = ingested
    found = place.files()
    expected = {s.name: (s.expected_status, s.expected_error_class) for s in samples}
    assert {n: (r["status"], r["error_class"]) for n, r in found.items()} == expected
    pages = {s.name: s.n_pages for s in samples if s.expected_status != "failed"}
    assert {name: found[name]["n_pages"] for name in pages} == pages


def test_every_sample_is_in_the_state_it_should_be_in(ingested: Ingested) -> None:
    place, samples, report = ingested
    code, out, _ = place.run("status", "--files", "--json")
    assert code == 0
    states = {row["file_name"]: row["state"] for row in json.loads(out)["listed"]}
    assert states == {s.name: s.expected_state for s in samples}
    assert sum(report["states"].values()) == len(samples)


def test_tables_keep_their_promises(ingested: Ingested) -> None:
    place, _, _ = ingested
    for name, schema in TABLES.items():
        rows = place.lake.read(name)
        assert rows.schema == schema.polars
        assert rows.select(schema.key).is_duplicated().sum() == 0
        for column, allowed in schema.statuses.items():
            assert set(rows[column].drop_nulls()) <= set(allowed)
    for name in STAGES:
        frame = pl.read_delta(place.lake.table_uri(name))
        assert frame.height == place.lake.read(name).height
        assert frame["version"].n_unique() <= 1


def test_documents_refer_to_images_that_are_there(ingested: Ingested) -> None:
    place, _, _ = ingested
    stored = set(place.lake.read("image_data")["sha256"])
    named = set()
    for row in place.lake.read("docs").to_dicts():
        found = re.findall(r"!\[[^\]]*\]\(image:([0-9a-f]{64})\)", row["markdown"])
        assert len(found) == row["n_images"]
        named |= set(found)
    assert named
    assert named <= stored


def test_audit_finds_nothing(ingested: Ingested) -> None:
    place, _, _ = ingested
    code, out, err = place.run("audit")
    assert code == 0, out + err


def test_a_second_ingest_does_no_work(ingested: Ingested) -> None:
    place, samples, _ = ingested
    before = {name: place.lake.open(name).version() for name in STAGES}  # type: ignore[union-attr]
    started = time.monotonic()
    code, report = place.ingest()
    assert time.monotonic() - started < 60
    assert (code, report["runs"], report["taken"]) == (3, 0, 0)
    assert report["seen"] == len(samples)
    after = {name: place.lake.open(name).version() for name in STAGES}  # type: ignore[union-attr]
    assert after == before


def test_materialising_a_partition_by_hand_skips_what_is_current(ingested: Ingested) -> None:
    place, _, report = ingested
    settings = load_settings(place.environment)
    job = build_defs(settings).resolve_job_def("ingest")
    (batch,) = report["batches"]
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        runs = instance.get_runs()
        assert [run.tags["dagster/partition"] for run in runs] == [batch]
        assert instance.get_dynamic_partitions("batches") == [batch]
        result = job.execute_in_process(partition_key=batch, instance=instance)
    assert result.success
    for stage in (*STAGES, "evals"):
        (event,) = result.asset_materializations_for_node(stage)
        assert event.metadata["unchanged"].value is True, stage
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == 24
    failed = {(e.asset_key.path[-1], e.check_name) for e in evaluations if not e.passed}
    assert {check for _, check in failed} <= {"failed_share"}


def test_materialisations_say_what_landed(ingested: Ingested) -> None:
    place, _, report = ingested
    with dg.DagsterInstance.from_config(place.environment["DAGSTER_HOME"]) as instance:
        found = instance.fetch_materializations(dg.AssetKey("pages"), limit=10, ascending=True)
        metadata = found.records[0].asset_materialization.metadata  # type: ignore[union-attr]
    rows = place.lake.read("pages", batch=report["batches"][0])
    assert metadata["dagster/partition_row_count"].value == rows.height
    assert metadata["pages"].value == rows.height
    assert float(str(metadata["pages_per_second"].value)) > 0
    ocr = rows.filter(pl.col("source").is_in(["ocr", "mixed"])).height
    assert metadata["ocr_share"].value == pytest.approx(ocr / rows.height, abs=1e-4)
    preview = str(metadata["preview"].value)
    assert "data:image/png;base64," in preview
    assert "Read worst: page" in preview
    assert "data:image/jpeg;base64," in preview
    assert len(preview) < 200_000
    batch, lake = report["batches"][0], place.lake.root
    assert metadata["report"].value == f"quire report --batch {batch} --worst 20 --lake {lake}"


def test_show_and_export_give_a_document_back(ingested: Ingested) -> None:
    place, _, _ = ingested
    code, out, err = place.run("show", "observatory-report.pdf")
    assert code == 0, err
    assert "done" in out
    target = place.root / "out"
    code, out, err = place.run("export", "observatory-report.pdf", "--to", str(target))
    assert code == 0, err
    files = [path.suffix for path in target.rglob("*") if path.is_file()]
    assert ".md" in files
    assert ".json" in files
    assert {".png", ".jpeg", ".jpg"} & set(files)
