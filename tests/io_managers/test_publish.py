"""Publishing: all at once, once, never backwards, never a version that is not accepted."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from io_managers.publish import (
    claim_epoch,
    publish,
    publish_failures,
    publish_staged,
    published_epoch,
)
from io_managers.schemas import DOCS, TABLES
from io_managers.staging import Staged, stage_file
from io_managers.versions import StageVersion, register
from resources.errors import SchemaMismatchError, SupersededRunError, VersionNotAcceptedError
from resources.lake.lake import Lake
from tests.io_managers.rows import VERSION, doc_row, staged
from tests.lakes import lake_in_bucket

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(params=["folder", "bucket"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """Every promise of publishing holds for both kinds of lake."""
    if request.param == "folder":
        return Lake(str(tmp_path / "lake"))
    return lake_in_bucket(request.getfixturevalue("s3"))


def put(lake: Lake, batch: str, epoch: int, *doc_ids: str, text: str = "words") -> int:
    files = staged(lake, batch, *doc_ids, text=text)
    return publish(
        lake, "docs", batch, stage="docs", version=VERSION.name, epoch=epoch, files=files
    )


def test_rows_appear_with_the_commit_and_not_before(lake: Lake) -> None:
    files = staged(lake, "b1", "d1", "d2")
    assert lake.read("docs").is_empty()
    assert published_epoch(lake, "docs", "b1") is None
    publish(lake, "docs", "b1", stage="docs", version=VERSION.name, epoch=1, files=files)
    assert lake.read("docs")["doc_id"].to_list() == ["d1", "d2"]
    assert published_epoch(lake, "docs", "b1") == 1


def test_other_readers_see_the_same_rows(lake: Lake) -> None:
    put(lake, "b1", 1, "d1")
    put(lake, "b2", 1, "d2")
    frame = (
        pl.scan_delta(lake.table_uri("docs"), storage_options=lake.storage_options)
        .sort("doc_id")
        .collect()
    )
    assert frame.select("batch", "doc_id").rows() == [("b1", "d1"), ("b2", "d2")]
    table = lake.open("docs")
    assert table is not None
    assert (table.protocol().min_reader_version, table.protocol().min_writer_version) == (1, 2)


def test_a_second_publish_replaces_its_own_partition_only(lake: Lake) -> None:
    put(lake, "b1", 1, "d1", "d2")
    put(lake, "b2", 1, "d3")
    put(lake, "b1", 2, "d4")
    assert sorted(lake.read("docs")["doc_id"]) == ["d3", "d4"]


def test_a_batch_with_no_rows_is_published_too(lake: Lake) -> None:
    register(lake, VERSION, "block")
    publish(lake, "docs", "b1", stage="docs", version=VERSION.name, epoch=1, files=[])
    assert published_epoch(lake, "docs", "b1") == 1
    assert lake.read("docs").is_empty()


def test_a_stale_writer_cannot_overwrite_a_newer_partition(lake: Lake) -> None:
    old, new = claim_epoch(lake, "docs", "b1"), claim_epoch(lake, "docs", "b1")
    assert new > old
    put(lake, "b1", new, "d1", text="new")
    with pytest.raises(SupersededRunError, match="superseded_run"):
        put(lake, "b1", old, "d1", text="old")
    assert lake.read("docs")["markdown"].to_list() == ["new"]


def test_the_same_epoch_is_published_once(lake: Lake) -> None:
    put(lake, "b1", 3, "d1")
    with pytest.raises(SupersededRunError):
        put(lake, "b1", 3, "d1", "d2")
    assert lake.read("docs")["doc_id"].to_list() == ["d1"]


def test_epochs_go_on_from_the_table_when_their_objects_are_gone(lake: Lake) -> None:
    put(lake, "b1", 7, "d1")
    assert claim_epoch(lake, "docs", "b1") == 8


def test_a_version_that_is_not_accepted_is_refused(lake: Lake) -> None:
    put(lake, "b1", 1, "d1")
    candidate = StageVersion("docs", 2, "stitch", {"a": "2"})
    assert register(lake, candidate, "block") == "candidate"
    rows = [{**doc_row("d1", "b1", "worse"), "version": candidate.name}]
    file = stage_file(lake, "docs", pl.DataFrame(rows, schema=DOCS.polars), {"batch": "b1"})
    with pytest.raises(VersionNotAcceptedError, match="not accepted"):
        publish(lake, "docs", "b1", stage="docs", version=candidate.name, epoch=2, files=[file])
    assert lake.read("docs")["markdown"].to_list() == ["words"]


def test_a_version_that_nobody_registered_is_refused(lake: Lake) -> None:
    with pytest.raises(VersionNotAcceptedError):
        publish(lake, "docs", "b1", stage="docs", version="docs-r9-x-0", epoch=1, files=[])


def test_a_lakes_first_version_is_accepted_and_the_gate_can_be_opened(lake: Lake) -> None:
    assert register(lake, VERSION, "block") == "accepted"
    other = StageVersion("docs", 2, "stitch", {})
    assert register(lake, other, "block") == "candidate"
    assert register(lake, other, "off") == "accepted"
    assert register(lake, StageVersion("pages", 1, "rapidocr", {}), "block") == "accepted"


def test_doubled_keys_are_refused(lake: Lake) -> None:
    with pytest.raises(SchemaMismatchError, match="repeat a key"):
        put(lake, "b1", 1, "d1", "d1")
    assert published_epoch(lake, "docs", "b1") is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (pl.lit("nonsense").alias("status"), "nonsense"),
        (pl.lit(None, pl.String).alias("doc_id"), "nulls"),
        (pl.lit(1.5).alias("n_pages"), "expected Int32"),
    ],
)
def test_rows_that_break_the_schema_are_refused(lake: Lake, change: pl.Expr, text: str) -> None:
    frame = pl.DataFrame([doc_row("d1", "b1")], schema=DOCS.polars).with_columns(change)
    with pytest.raises(SchemaMismatchError, match=text):
        stage_file(lake, "docs", frame, {"batch": "b1"})


@pytest.mark.parametrize("batch", ["", "../b1", "b'1", "b\n1", "x' OR 'a'='a"])
def test_a_partition_is_never_made_of_odd_text(lake: Lake, batch: str) -> None:
    frame = pl.DataFrame([doc_row("d1", batch)], schema=DOCS.polars)
    with pytest.raises(SchemaMismatchError, match="partition"):
        stage_file(lake, "docs", frame, {"batch": batch})


def failure(stage: str, doc_id: str) -> dict[str, object]:
    schema = TABLES["failures"].polars
    row: dict[str, object] = dict.fromkeys(schema)
    now = pl.select(pl.lit("2026-01-01").str.to_datetime(time_unit="us", time_zone="UTC")).item()
    return row | {
        "batch": "b1",
        "doc_id": doc_id,
        "stage": stage,
        "version": "v",
        "error_class": "timeout",
        "attempts": 1,
        "quarantined": False,
        "first_seen_at": now,
        "last_seen_at": now,
    }


def staged_failures(stage: str, *doc_ids: str, epoch: int = 1) -> Staged:
    rows = tuple(failure(stage, doc_id) for doc_id in doc_ids)
    return Staged(stage, "b1", "v", epoch, {}, failures=rows)


def publish_many(root: str, options: dict[str, str], stage: str, n: int) -> None:
    lake = Lake(root, options)
    for epoch in range(1, n + 1):
        publish_failures(lake, staged_failures(stage, f"{stage}-{epoch}", epoch=epoch))


def test_two_stages_failing_in_one_batch_at_once_keep_both_sets(lake: Lake) -> None:
    processes = [
        SPAWN.Process(target=publish_many, args=(lake.root, lake.storage_options, stage, 5))
        for stage in ("pages", "images")
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(lake.read("failures")["doc_id"]) == ["images-5", "pages-5"]


def test_failures_of_a_stage_are_replaced_and_cleared(lake: Lake) -> None:
    publish_failures(lake, staged_failures("pages", "d1", "d2"))
    publish_failures(lake, staged_failures("images", "d1"))
    publish_failures(lake, staged_failures("pages", "d2", epoch=2))
    rows = lake.read("failures").select("stage", "doc_id").sort("stage").rows()
    assert rows == [("images", "d1"), ("pages", "d2")]
    publish_failures(lake, staged_failures("pages", epoch=3))
    assert lake.read("failures")["stage"].to_list() == ["images"]


def write_partitions(root: str, options: dict[str, str], worker: int, n: int) -> None:
    lake = Lake(root, options)
    for number in range(n):
        put(lake, f"w{worker}-{number}", 1, f"d{worker}-{number}")


def test_many_writers_of_different_partitions_lose_nothing(lake: Lake) -> None:
    register(lake, VERSION, "block")
    lake.ensure("docs")
    each = 20 if lake.local else 4
    workers = [
        SPAWN.Process(target=write_partitions, args=(lake.root, lake.storage_options, w, each))
        for w in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    rows = lake.read("docs")["doc_id"]
    assert (rows.len(), rows.n_unique()) == (4 * each, 4 * each)
    table = lake.open("docs")
    assert table is not None
    commits = [name for name in lake.names("docs/_delta_log") if name.endswith(".json")]
    assert commits == [f"{number:020d}.json" for number in range(4 * each + 1)]


def test_unchanged_work_makes_no_commit(lake: Lake) -> None:
    put(lake, "b1", 1, "d1")
    table = lake.open("docs")
    assert table is not None
    handle = Staged("docs", "b1", VERSION.name, 2, {"docs": ()}, unchanged=True)
    publish_staged(lake, handle)
    again = lake.open("docs")
    assert again is not None
    assert again.version() == table.version()
    publish_staged(lake, replace(handle, unchanged=False))
    assert lake.read("docs").is_empty()
