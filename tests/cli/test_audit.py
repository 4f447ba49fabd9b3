"""`quire audit` beside the tables: landing zone, partitions, checkpoints, files; and `--repair`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.partitions import PARTITIONS_NAME
from io_managers import checkpoints
from io_managers.checkpoints import FOLDER
from io_managers.schemas import DOCS
from io_managers.stage_run import StageRun
from io_managers.staging import stage_file
from resources.lake.batches import MAX_REQUESTS, read_requests, record_request
from resources.lake.lake import Lake
from resources.lake.live import pinned
from resources.lake.sweeping import EXPIRE_SECONDS
from resources.settings import REPOSITORY_ROOT
from sensors.runs import PROCESS_TAG
from tests.cli.telling import BATCH, Run
from tests.io_managers.rows import doc_row
from tests.lakes import ALL_GOOD, Pdf, add_manifest, make_lake, publish_batch, version
from tests.sensors.runs import make_run

NEXT = "b00000002"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with one finished batch."""
    lake = make_lake(tmp_path / "lake")
    publish_batch(lake, BATCH, ALL_GOOD)
    return lake


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    home = Path(os.environ["DAGSTER_HOME"])
    (home / "dagster.yaml").write_bytes((REPOSITORY_ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions(PARTITIONS_NAME, [BATCH])
        yield instance


@dg.job
def nothing() -> None:
    """Do nothing."""


def told(result: tuple[int, str, str]) -> tuple[int, dict[str, Any]]:
    code, out, err = result
    assert err == ""
    return code, json.loads(out)


def kinds(value: dict[str, Any], what: str) -> list[str]:
    assert all(entry["subject"] and entry["message"] and entry["mend"] for entry in value[what])
    return sorted(entry["kind"] for entry in value[what])


def leave_a_file(lake: Lake, age: float) -> Path:
    row = {**doc_row("x", BATCH), "version": version("docs").name}
    file = stage_file(lake, "docs", pl.DataFrame([row], schema=DOCS.polars), {"batch": BATCH})
    path = Path(lake.root, "docs", file.path)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def test_an_audit_makes_no_instance_and_asks_none(lake: Lake, quire: Run) -> None:
    home = Path(os.environ["DAGSTER_HOME"])
    (home / "dagster.yaml").write_bytes((REPOSITORY_ROOT / "dagster.yaml").read_bytes())
    for options in ((), ("--repair",)):
        code, value = told(quire(Path(lake.root), "audit", "--json", *options))
        assert (code, value["findings"], value["notes"]) == (0, [], [])
    assert os.listdir(home) == ["dagster.yaml"]


def test_notes_are_told_and_change_no_exit_code(
    lake: Lake, quire: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "o'brien\n.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setenv("QUIRE_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("QUIRE_LAKE", lake.root)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    add_manifest(lake, NEXT, [Pdf("gone.pdf")])
    leave_a_file(lake, EXPIRE_SECONDS - 60)
    lake.put(f"{FOLDER}/docs/{BATCH}/00000000/{version('docs').name}/00000001-000001.json", b"{")
    run = StageRun(lake, version("docs"), NEXT, "r1")
    run.carry({"d": "1"})
    run.add("docs", {**doc_row("d", NEXT), "input_sha256": "1"}, 10)
    run.done("d")
    for file in Path(lake.root, "docs", f"batch={NEXT}").iterdir():
        file.unlink()
    code, value = told(quire(Path(lake.root), "audit", "--json"))
    assert (code, value["findings"]) == (0, [])
    assert kinds(value, "notes") == [
        "checkpoint_files_missing",
        "checkpoint_spent",
        "not_taken",
        "source_gone",
        "unused_files",
    ]
    code, out, err = quire(Path(lake.root), "audit")
    assert (code, err) == (0, "")
    assert "nothing found" in out
    assert "5 notes" in out


def test_a_landing_zone_of_another_lake_is_not_compared(
    lake: Lake, quire: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    monkeypatch.setenv("QUIRE_LANDING", str(tmp_path))
    assert told(quire(Path(lake.root), "audit", "--json"))[1]["notes"] == []


def test_files_of_crashes_that_expired_are_found_and_removed(lake: Lake, quire: Run) -> None:
    path = leave_a_file(lake, EXPIRE_SECONDS + 60)
    rows = lake.read("docs")
    code, value = told(quire(Path(lake.root), "audit", "--json"))
    assert (code, kinds(value, "findings")) == (5, ["unused_files_expired"])
    assert value["findings"][0]["subject"].startswith(f"1 file, {path.stat().st_size:,} bytes")
    assert path.exists()
    code, value = told(quire(Path(lake.root), "audit", "--repair", "--json"))
    assert (code, value["findings"]) == (0, [])
    assert "unused files removed: 1" in value["repaired"]
    assert not path.exists()
    assert lake.read("docs").equals(rows)


def test_a_stuck_batch_is_found_and_asked_for_again(lake: Lake, quire: Run) -> None:
    add_manifest(lake, NEXT, [])
    publish_batch(lake, NEXT, [Pdf("x.pdf")], ["files"])
    for _ in range(MAX_REQUESTS):
        record_request(lake, NEXT, 1000.0)
    code, value = told(quire(Path(lake.root), "audit", "--json"))
    assert (code, kinds(value, "findings")) == (5, ["batch_stuck"])
    code, out, _ = quire(Path(lake.root), "audit", "--repair")
    assert code == 0
    assert f"mended: {NEXT} is asked for again" in out
    assert read_requests(lake, NEXT).count == 0


def test_partitions_are_compared_with_the_manifest_and_mended(
    lake: Lake, quire: Run, instance: dg.DagsterInstance
) -> None:
    publish_batch(lake, NEXT, [Pdf("x.pdf")])
    add_manifest(lake, "b00000003", [Pdf("y.pdf")])
    instance.add_dynamic_partitions(PARTITIONS_NAME, ["b00000077", "b00000088"])
    make_run(instance, nothing, dg.DagsterRunStatus.STARTED, {"dagster/partition": "b00000088"})
    code, value = told(quire(Path(lake.root), "audit", "--json"))
    assert code == 5
    found = {(entry["kind"], entry["subject"]) for entry in value["findings"]}
    assert found == {
        ("partition_missing", NEXT),
        ("partition_unknown", "b00000077"),
        ("partition_unknown", "b00000088"),
    }
    assert ("partition_missing", "b00000003") in {(n["kind"], n["subject"]) for n in value["notes"]}
    code, value = told(quire(Path(lake.root), "audit", "--repair", "--json"))
    assert [entry["subject"] for entry in value["findings"]] == ["b00000088"]  # it is in a run
    known = instance.get_dynamic_partitions(PARTITIONS_NAME)
    assert sorted(known) == [BATCH, NEXT, "b00000003", "b00000088"]


def test_an_old_finished_batch_stays_away_until_it_is_retried(
    lake: Lake, quire: Run, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.lake.live.LIVE_FINISHED", 1)
    publish_batch(lake, NEXT, [Pdf("x.pdf")])
    instance.delete_dynamic_partition(PARTITIONS_NAME, BATCH)
    assert quire(Path(lake.root), "audit", "--repair")[0] == 0
    assert instance.get_dynamic_partitions(PARTITIONS_NAME) == [NEXT]
    code, out, _ = quire(Path(lake.root), "retry", "--batch", BATCH)
    assert (code, BATCH in pinned(lake)) == (0, True)
    assert "materialise" in out
    assert sorted(instance.get_dynamic_partitions(PARTITIONS_NAME)) == [BATCH, NEXT]


def test_an_empty_lake_takes_no_partition_away(
    tmp_path: Path, quire: Run, instance: dg.DagsterInstance
) -> None:
    make_lake(tmp_path / "new").ensure("manifest")
    code, value = told(quire(tmp_path / "new", "audit", "--repair", "--json"))
    assert (code, value["findings"], value["repaired"]) == (0, [], [])
    assert instance.get_dynamic_partitions(PARTITIONS_NAME) == [BATCH]


def test_a_lost_run_is_ended(lake: Lake, quire: Run, instance: dg.DagsterInstance) -> None:
    tags = {"dagster/partition": BATCH, PROCESS_TAG: f"{os.uname().nodename}:999999999:1"}
    run = make_run(instance, nothing, dg.DagsterRunStatus.STARTED, tags)
    assert told(quire(Path(lake.root), "audit", "--json"))[1]["running_batches"] == [BATCH]
    code, value = told(quire(Path(lake.root), "audit", "--repair", "--json"))
    assert (code, value["running_batches"]) == (0, [])
    assert run.run_id in value["repaired"][0]
