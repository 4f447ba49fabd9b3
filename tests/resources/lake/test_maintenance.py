"""Table care changes no row, whatever runs beside it, and removes only what nothing will read."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from io_managers import checkpoints
from io_managers.publish import publish_staged
from io_managers.schemas import STAGES
from io_managers.stage_run import StageRun
from io_managers.staging import StagedFile, stage_file
from resources.lake import compaction
from resources.lake.audit import audit
from resources.lake.compaction import MANY, compact_table
from resources.lake.lake import Lake
from resources.lake.maintenance import maintain
from resources.lake.sweeping import unused_files
from tests.lakes import Pdf, make_lake, publish_batch
from tests.resources.lake.crowds import (
    BATCH,
    DOCUMENTS,
    begin,
    files_of,
    finish,
    make_crowded,
    mark,
    nobody,
    put,
    table_version,
)

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def crowded(tmp_path: Path) -> Lake:
    return make_crowded(tmp_path / "lake")


# Compaction -------------------------------------------------------------------------------------


def test_many_small_files_become_one_and_no_row_changes(crowded: Lake) -> None:
    before, version_before = crowded.read("docs"), table_version(crowded)
    care = maintain(crowded, nobody)
    assert [(s.table, s.n_before, s.n_after) for s in care.compacted] == [("docs", 10, 1)]
    assert len(files_of(crowded)) == 1
    assert crowded.read("docs").sort("doc_id").equals(before.sort("doc_id"))
    assert (table_version(crowded), mark(crowded)) == (version_before + 1, 1)
    log = Path(crowded.root, "docs/_delta_log", f"{version_before + 1:020d}.json").read_text()
    assert '"dataChange":true' not in log
    assert maintain(crowded, nobody).lines() == ["nothing to do"]


def test_other_readers_see_the_same_rows_before_and_after(crowded: Lake) -> None:
    before = pl.scan_delta(crowded.table_uri("docs")).collect().sort("doc_id")
    maintain(crowded, nobody)
    after = pl.scan_delta(crowded.table_uri("docs")).collect().sort("doc_id")
    assert after.equals(before)


def test_batches_in_a_run_or_not_finished_are_left_alone(crowded: Lake) -> None:
    put(crowded, "b00000002", *DOCUMENTS)
    care = maintain(crowded, lambda: {BATCH})
    assert care.compacted == []
    assert len(files_of(crowded)) == len(files_of(crowded, "b00000002")) == len(DOCUMENTS)


def test_few_files_and_large_files_stay(crowded: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(crowded, BATCH, *DOCUMENTS[:MANY])
    assert maintain(crowded, nobody).compacted == []
    put(crowded, BATCH, *DOCUMENTS)
    monkeypatch.setattr(compaction, "SMALL_BYTES", 100)
    assert maintain(crowded, nobody).compacted == []


def test_rows_held_at_once_are_bounded(crowded: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def measured(*arguments: Any) -> StagedFile:
        sizes.append(arguments[2].estimated_size())
        return stage_file(*arguments)

    put(crowded, BATCH, *DOCUMENTS, text="w" * 1000)
    monkeypatch.setattr(compaction, "ROWS_BYTES", 4000)
    monkeypatch.setattr("resources.lake.compaction.stage_file", measured)
    (swap,) = maintain(crowded, nobody).compacted
    assert (swap.n_before, swap.n_after) == (9, 3)  # the tenth fills no group with another
    assert max(sizes) <= 4000
    assert sorted(crowded.read("docs")["doc_id"]) == list(DOCUMENTS)


def test_files_that_fill_a_row_group_each_are_not_written_again(
    crowded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(crowded)
    monkeypatch.setattr(compaction, "ROWS_BYTES", 1)
    assert maintain(crowded, nobody).compacted == []
    assert files_of(crowded) == before


def test_tables_without_batches_are_compacted_too(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    names = [f"b{number:08d}" for number in range(1, MANY + 3)]
    for name in names:
        publish_batch(lake, name, [Pdf(f"{name}.pdf")], STAGES[:1])
    care = maintain(lake, lambda: names)
    assert {swap.table for swap in care.compacted} == {"manifest", "contents"}
    assert sorted(lake.read("manifest")["batch"]) == names
    assert audit(lake) == []
    publish_batch(lake, "b00000099", [Pdf("one.pdf"), Pdf("copy.pdf", f"{names[0]}.pdf")])
    assert audit(lake) == []


def test_a_partition_that_changed_meanwhile_is_left_as_it_is(
    crowded: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:

    def published_meanwhile(*arguments: Any) -> StagedFile:
        put(crowded, BATCH, "newer")
        return stage_file(*arguments)

    monkeypatch.setattr("resources.lake.compaction.stage_file", published_meanwhile)
    (swap,) = compact_table(crowded, "docs", {BATCH})
    assert "next time" in swap.left
    assert crowded.read("docs")["doc_id"].to_list() == ["newer"]
    assert unused_files(crowded) == []  # what it wrote for nothing is gone


def test_files_that_cannot_be_read_do_not_stop_the_rest(crowded: Lake) -> None:
    finish(crowded, "b00000002")
    put(crowded, "b00000002", *(f"e{number}" for number in range(MANY + 1)))
    Path(crowded.root, "docs", files_of(crowded)[3]).unlink()
    care = maintain(crowded, nobody)
    assert [swap.partition["batch"] for swap in care.compacted] == ["b00000002"]
    assert [subject for subject, _ in care.left] == [f"docs of {BATCH}"]


def test_a_lake_without_tables_stays_without(lake: Lake) -> None:
    assert maintain(lake, nobody).lines() == ["nothing to do"]
    assert not Path(lake.root).exists()


# Beside running writers -------------------------------------------------------------------------


def test_a_run_goes_on_when_the_files_it_keeps_were_compacted(crowded: Lake) -> None:
    inputs = dict.fromkeys(DOCUMENTS, "i")
    run = begin(crowded, inputs | {"d03": "2"}, "r1")
    staged = run.finish()
    assert sum(file.published for file in staged.tables["docs"]) == len(DOCUMENTS) - 1
    assert maintain(crowded, nobody).compacted
    publish_staged(crowded, staged)
    texts = dict(crowded.read("docs", ["doc_id", "markdown"]).rows())
    assert texts == dict.fromkeys(DOCUMENTS, "words") | {"d03": "d03 2"}
    assert pl.scan_delta(crowded.table_uri("docs")).collect().height == len(DOCUMENTS)
    table = crowded.open("docs")
    assert table is not None
    removed = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    assert not set(removed) & set(files_of(crowded))


Step = tuple[str, frozenset[str], bool]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "publish", "publish", "die"]),
        st.frozensets(st.sampled_from("abcde"), max_size=3),
        st.booleans(),
    ),
    max_size=6,
)


FIRST: Step = ("publish", frozenset(), False)


class Story:
    """Runs over one batch, one begun before the last is over, as orphans are."""

    def __init__(self, root: Path, between: Callable[[Lake], object]) -> None:
        self.lake = make_lake(root)
        finish(self.lake, BATCH)
        self.between = between
        self.inputs = dict.fromkeys("abcde", "1")
        self.runs: list[StageRun] = []
        self.count = 0

    def tell(self, steps: list[Step]) -> list[tuple[str, str]]:
        last: list[Step] = [("begin", frozenset(), True), ("publish", frozenset(), True)]
        for step, changed, cared in (FIRST, *steps, *last):
            if cared:
                self.between(self.lake)
            if step == "die":
                self.runs = self.runs[1:]
                continue
            if step == "begin" or not self.runs:
                self.count += 1
                self.inputs |= dict.fromkeys(changed, f"{self.count}")
                self.runs.append(begin(self.lake, dict(self.inputs), f"r{self.count}"))
            if step == "publish":
                staged = self.runs.pop().finish()
                self.between(self.lake)
                if not staged.unchanged:
                    self.runs.clear()  # what began before it is refused
                    publish_staged(self.lake, staged)
        return sorted(self.lake.read("docs", ["doc_id", "markdown"]).rows())


@settings(max_examples=8, deadline=None)
@given(steps=STEPS)
def test_rows_are_those_without_maintenance(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "MANY", 1)
        patch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)
        plain = Story(tmp_path_factory.mktemp("plain"), lambda _: None).tell(steps)
        cared = Story(tmp_path_factory.mktemp("cared"), lambda lake: maintain(lake, nobody))
        assert cared.tell(steps) == plain


def write_partitions(root: str, worker: int, n: int) -> None:
    for number in range(n):
        batch = f"w{worker}-{number}"
        put(Lake(root), batch, *(f"{batch}-{index}" for index in range(2)))


def test_writers_lose_nothing_while_maintenance_loops_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = make_lake(tmp_path)
    lake.ensure("docs")
    monkeypatch.setattr(compaction, "MANY", 1)
    batches = {f"w{worker}-{number}" for worker in range(4) for number in range(20)}
    workers = [SPAWN.Process(target=write_partitions, args=(lake.root, w, 20)) for w in range(4)]
    for worker in workers:
        worker.start()
    swaps = []
    while any(worker.is_alive() for worker in workers):
        maintain(lake, nobody)
        swaps += list(compact_table(lake, "docs", batches))
    assert [worker.exitcode for worker in workers] == [0] * 4
    swaps += list(compact_table(lake, "docs", batches))
    compacted = [swap for swap in swaps if swap.n_after < swap.n_before]
    assert len(compacted) >= len(batches)
    rows = lake.read("docs", ["batch", "doc_id"])
    assert sorted(rows["doc_id"]) == sorted(f"{b}-{i}" for b in batches for i in range(2))
    assert all(mark(lake, batch) == 1 for batch in batches)
    log = Path(lake.root, "docs/_delta_log")
    versions = sorted(int(path.stem) for path in log.glob("*.json"))
    assert versions == list(range(len(versions)))
    assert table_version(lake) == versions[-1] == len(batches) + len(compacted)
