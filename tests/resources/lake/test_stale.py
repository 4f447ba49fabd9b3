"""What is stale is told from the tables' logs, and what stays on purpose is told apart."""

from __future__ import annotations

import json
import time
from pathlib import Path

import polars as pl
import pytest
from deltalake.transaction import AddAction, RemoveAction

from io_managers.schemas import STAGES, SUMMARIES, TABLES
from io_managers.versions import StageVersion, decide, register
from resources.lake.lake import Lake, delta_schema
from resources.lake.stale import stale_rows, target_versions, to_do
from tests.lakes import ALL_GOOD, Pdf, make_lake, publish_batch, version
from tests.upgrades.making import republish

B1, B2 = "b00000001", "b00000002"
NEW = StageVersion("summaries", 2, "test", {})


def newest(lake: Lake) -> pl.DataFrame:
    return stale_rows(lake, target_versions(lake, {}))


def test_only_rows_of_another_version_are_stale(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, B1, ALL_GOOD)
    publish_batch(lake, B2, [Pdf("c.pdf")])
    assert newest(lake).is_empty()
    register(lake, NEW, "off")
    republish(lake, B1, "summaries", NEW, " anew")
    (row,) = newest(lake).to_dicts()
    assert (row["stage"], row["batch"], row["rows"], row["kept"]) == ("summaries", B2, 1, 0)
    assert (row["version"], row["target"]) == (version("summaries").name, NEW.name)
    assert to_do(newest(lake)) == {B2: ("summaries",)}


def test_the_settings_version_is_the_target_once_it_is_accepted(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    old = version("summaries").name
    register(lake, NEW, "block")
    assert target_versions(lake, {"summaries": NEW.name})["summaries"] == old
    decide(lake, "summaries", NEW.name, "accepted", None)
    assert target_versions(lake, {"summaries": old})["summaries"] == old
    assert target_versions(lake, {})["summaries"] == NEW.name
    assert set(target_versions(lake, {})) == set(STAGES)
    assert target_versions(Lake(str(tmp_path / "none")), {"pages": "x"}) == {}


def test_rows_that_the_new_version_failed_at_stay(tmp_path: Path) -> None:
    """A failure never replaces good rows; their batch is not asked for over and over."""
    lake = make_lake(tmp_path)
    bad = Pdf("bad.pdf", summary_status="failed")
    publish_batch(lake, B1, [Pdf("good.pdf"), bad])  # `failures` names the version of this lake
    old = StageVersion("summaries", 0, "test", {})
    register(lake, old, "off")
    target = {"summaries": version("summaries").name}
    # Its rows come from an older version, the failure from the target's try.
    rows = lake.read("summaries", batch=B1)
    from tests.lakes import rewrite, set_where

    rewrite(lake, "summaries", set_where("version", old.name, pl.lit(value=True)))
    assert rows.height == 2
    (row,) = stale_rows(lake, target).to_dicts()
    assert (row["rows"], row["kept"]) == (2, 1)
    rewrite(
        lake,
        "summaries",
        set_where("version", target["summaries"], pl.col("doc_id") != bad.doc_id),
    )
    (row,) = stale_rows(lake, target).to_dicts()
    assert (row["rows"], row["kept"]) == (1, 1)
    assert to_do(stale_rows(lake, target)) == {}


def test_files_that_do_not_tell_their_version_are_read(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    publish_batch(lake, B1, ALL_GOOD)
    table = lake.ensure("summaries")
    actions = pl.DataFrame(table.get_add_actions(flatten=True)).to_dicts()
    silent: list[AddAction | RemoveAction] = [
        AddAction(a["path"], a["size_bytes"], {"batch": B1}, 0, True, json.dumps({}))
        for a in actions
    ]
    table.create_write_transaction(
        silent,
        mode="overwrite",
        schema=delta_schema(SUMMARIES),
        partition_by=["batch"],
    )
    register(lake, NEW, "off")
    (row,) = newest(lake).to_dicts()
    assert (row["batch"], row["rows"]) == (B1, 2)


def test_twenty_thousand_batches_are_told_without_opening_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    register(lake, NEW, "off")
    old, n = version("summaries").name, 20_000
    table = lake.ensure("summaries")
    stats = {"numRecords": 100, "nullCount": {}}

    def add(number: int, made_by: str) -> AddAction:
        told = json.dumps(
            stats | {"minValues": {"version": made_by}} | {"maxValues": {"version": made_by}}
        )
        batch = f"b{number:08d}"
        return AddAction(f"batch={batch}/part.parquet", 1, {"batch": batch}, 0, True, told)

    table.create_write_transaction(
        [add(number, NEW.name if number % 2 else old) for number in range(n)],
        mode="append",
        schema=delta_schema(TABLES["summaries"]),
        partition_by=["batch"],
    )
    monkeypatch.setattr(
        Lake, "scan_files", lambda *_args, **_more: pytest.fail("a file was opened")
    )
    began = time.monotonic()
    found = stale_rows(lake, {"summaries": NEW.name})
    assert time.monotonic() - began < 10  # 1 s on two quiet cores
    assert found["batch"].n_unique() == n // 2
    assert found["rows"].sum() == 100 * n // 2
