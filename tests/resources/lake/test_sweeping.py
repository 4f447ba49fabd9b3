"""What nothing will read again goes in its time, and nothing else ever does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from io_managers import checkpoints
from io_managers.checkpoints import checkpointed
from io_managers.ends import FOLDER as INTENTS
from io_managers.publish import claim_epoch, publish
from io_managers.schemas import DOCS
from io_managers.staging import stage_file
from resources.lake.lake import Lake, delta_schema
from resources.lake.maintenance import KEEP_HOURS, maintain
from resources.lake.sweeping import EXPIRE_SECONDS, unused_files
from tests.io_managers.rows import doc_row
from tests.lakes import ALL_GOOD, make_lake, publish_batch, version
from tests.resources.lake.crowds import (
    BATCH,
    DOCUMENTS,
    begin,
    files_of,
    make_crowded,
    mark,
    nobody,
    put,
    table_version,
)


@pytest.fixture
def crowded(tmp_path: Path) -> Lake:
    return make_crowded(tmp_path / "lake")


def age(lake: Lake, path: str, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(Path(lake.root, path), (then, then))


def age_all(lake: Lake, seconds: float) -> None:
    for path in Path(lake.root).rglob("*"):
        age(lake, str(path), seconds)


def stage(lake: Lake, batch: str) -> str:
    row = {**doc_row("x", batch), "version": version("docs").name}
    frame = pl.DataFrame([row], schema=DOCS.polars)
    return f"docs/{stage_file(lake, 'docs', frame, {'batch': batch}).path}"


def test_staged_files_that_nothing_names_go_after_three_days(crowded: Lake) -> None:
    paths = [stage(crowded, BATCH), stage(crowded, "b00000002"), stage(crowded, "b00000003")]
    age(crowded, paths[0], EXPIRE_SECONDS + 60)
    age(crowded, paths[1], EXPIRE_SECONDS - 60)
    age(crowded, paths[2], EXPIRE_SECONDS + 60)
    found = unused_files(crowded, {"b00000003"})
    assert [(file.path, file.expired) for file in found] == [(paths[0], True), (paths[1], False)]
    care = maintain(crowded, lambda: {"b00000003"})
    assert care.n_unused == 1
    assert [Path(crowded.root, path).exists() for path in paths] == [False, True, True]


def test_however_old_it_is_no_file_of_a_table_goes(crowded: Lake) -> None:
    publish_batch(crowded, "b00000002", ALL_GOOD)
    before = {name: crowded.read(name) for name in ("files", "pages", "docs", "image_data")}
    age_all(crowded, 100 * 86400)
    maintain(crowded, nobody)
    age_all(crowded, 100 * 86400)
    assert maintain(crowded, nobody).n_unused == 0
    for name, rows in before.items():
        key = ["batch", *rows.columns[2:4]]
        assert crowded.read(name).sort(key).equals(rows.sort(key))


def test_files_of_a_live_checkpoint_stay_and_spent_ones_expire(
    crowded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    changed = dict.fromkeys(DOCUMENTS, "2")
    begin(crowded, changed, "died")
    (records,) = checkpointed(crowded).values()
    age_all(crowded, EXPIRE_SECONDS + 60)
    assert unused_files(crowded) == []
    assert maintain(crowded, nobody).n_unused == 0
    put(crowded, BATCH, "newer")  # what was recorded is of no use now
    age_all(crowded, EXPIRE_SECONDS + 60)
    care = maintain(crowded, nobody)
    assert (care.n_checkpoints, care.n_unused) == (1, len(records))
    assert checkpointed(crowded) == {}


def test_a_resumed_run_finds_its_files_after_maintenance(
    crowded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
    changed = dict.fromkeys(DOCUMENTS, "2")
    begin(crowded, changed, "died")
    age_all(crowded, EXPIRE_SECONDS + 60)
    maintain(crowded, nobody)
    run = begin(crowded, changed, "next")
    assert run.resumed.n_units == len(DOCUMENTS)


def test_replaced_files_go_after_a_week(crowded: Lake) -> None:
    old = files_of(crowded)
    maintain(crowded, nobody)
    assert maintain(crowded, nobody).n_replaced == 0
    assert all(Path(crowded.root, "docs", path).exists() for path in old)
    log = Path(crowded.root, "docs/_delta_log", f"{table_version(crowded):020d}.json")
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "remove" in action:
            action["remove"]["deletionTimestamp"] -= (KEEP_HOURS + 1) * 3_600_000
    log.write_text("\n".join(json.dumps(action) for action in actions))
    assert maintain(crowded, nobody).n_replaced == len(old)
    assert not any(Path(crowded.root, "docs", path).exists() for path in old)
    assert sorted(crowded.read("docs")["doc_id"]) == list(DOCUMENTS)
    assert mark(crowded) == 1


def test_only_the_greatest_epoch_stays(crowded: Lake) -> None:
    for _ in range(3):
        claim_epoch(crowded, "docs", BATCH)
    care = maintain(crowded, nobody)
    assert care.n_epochs == 3
    assert crowded.names(f"_quire/epochs/docs/{BATCH}") == ["00000004"]
    assert claim_epoch(crowded, "docs", BATCH) == 5


def test_notes_of_died_runs_go_when_their_batch_was_published(crowded: Lake) -> None:
    put(crowded, BATCH, "newer")
    for epoch in (1, 2, 3):
        crowded.put(f"{INTENTS}/docs/{BATCH}/{epoch:08d}.json", b"{}")
    assert maintain(crowded, nobody).n_intents == 2
    assert crowded.names(f"{INTENTS}/docs/{BATCH}") == ["00000003.json"]


def test_half_written_small_objects_go(crowded: Lake) -> None:
    for name, seconds in ((".tmp-old", EXPIRE_SECONDS + 60), (".tmp-new", 0)):
        crowded.put(f"_quire/batches/{name}", b"{")
        age(crowded, f"_quire/batches/{name}", seconds)
    assert maintain(crowded, nobody).n_temporary == 1
    assert crowded.names("_quire/batches") == []  # the other is no object of the lake either
    assert os.listdir(Path(crowded.root, "_quire/batches")) == [".tmp-new"]


def test_marks_of_publishing_survive_checkpoints_and_cleaning_of_the_log(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    # As an earlier version of Quire made it: new tables have checkpoints by themselves.
    schema = delta_schema(DOCS)
    DeltaTable.create(lake.table_uri("docs"), schema=schema, partition_by=["batch"])
    batches = [f"b{number:08d}" for number in range(1, 31)]
    for batch in batches:
        publish(
            lake,
            "docs",
            batch,
            stage="docs",
            version=version("docs").name,
            epoch=claim_epoch(lake, "docs", batch),
            files=[],
        )
    assert maintain(lake, nobody).log_checkpoints == ["docs"]
    assert maintain(lake, nobody).log_checkpoints == []
    log = Path(lake.root, "docs/_delta_log")
    assert len(list(log.glob("*.json"))) == len(batches) + 1
    age_all(lake, 40 * 86400)
    put(lake, "b00000031", "d")
    maintain(lake, nobody)
    assert len(list(log.glob("*.json"))) < 5
    for _ in range(2):
        assert [mark(lake, batch) for batch in (*batches, "b00000031")] == [1] * 31
        table = lake.open("docs")
        assert table is not None
        table.create_checkpoint()  # made from the one before, the first commits being gone
        age_all(lake, 40 * 86400)
        table.cleanup_metadata()
