"""What a stage run spent is booked once, and only for work that was done."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from io_managers.schemas import STAGES
from io_managers.staging import Staged
from io_managers.usage import STEP, Work, settle, sized
from resources.lake.compaction import compact_table
from resources.lake.lake import Lake
from resources.lake.summary import summary
from resources.workers.spent import Spent

KEY = ["run_id", "stage", "micro_batch", "kind"]


def staged(run_id: str = "r1", stage: str = "pages", batch: str = "b00000001") -> Staged:
    work = Work()
    for _ in range(3):
        work.did(sized("text_layer", 40_000), 10)
    work.did(sized("ocr", 200_000), 2_000)
    work.add(Spent(worker_seconds=3.0, seconds=2.5))
    return Staged(stage, batch, "pages-r1-rapidocr-0", 1, {}, run_id=run_id, work=work)


def test_pages_of_text_and_of_ocr_are_told_apart(lake: Lake) -> None:
    settle(lake, staged())
    rows = lake.read("usage").filter(pl.col("micro_batch") != STEP)
    found = {m: (n, s) for m, n, s in rows.select("micro_batch", "n_items", "seconds").iter_rows()}
    assert found == {
        "text_layer/2^15": (3, pytest.approx(0.03)),
        "ocr/2^17": (1, pytest.approx(2.0)),
        "loading": (1, pytest.approx(0.97)),
    }
    assert set(rows["kind"]) == {"settled"}
    assert rows["cost_usd"].sum() == 0.0


def test_it_is_booked_once_however_often_a_step_is_tried(lake: Lake) -> None:
    settle(lake, staged())
    settle(lake, staged())
    settle(lake, staged(run_id="r2"))
    settle(lake, staged(stage="images"))
    rows = lake.read("usage", KEY)
    assert rows.height == 12
    assert rows.n_unique() == 12


def test_another_try_after_compaction_books_nothing(lake: Lake) -> None:
    for number in range(10):
        settle(lake, staged(run_id=f"r{number}"))
    assert [swap.n_after for swap in compact_table(lake, "usage", ())] == [1]
    settle(lake, staged(run_id="r3"))
    assert lake.read("usage", KEY).height == 40


def test_a_file_without_its_commit_is_written_again(lake: Lake) -> None:
    settle(lake, staged())
    table = lake.open("usage")
    assert table is not None
    table.restore(0)  # as if the process had died between the file and its commit
    settle(lake, staged())
    assert lake.read("usage", KEY).height == 4


def test_no_work_no_row(lake: Lake) -> None:
    settle(lake, replace(staged(), work=Work()))
    settle(lake, replace(staged(), work=None))
    assert lake.open("usage") is None


def _settle_some(root: str, number: int) -> None:
    for run in range(5):
        for stage in STAGES:
            settle(Lake(root), staged(f"r{number}-{run}", stage, f"b{number:08d}"))


def test_runs_at_once_lose_none(lake: Lake) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_settle_some, args=(lake.root, n)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    rows = lake.read("usage", KEY)
    assert rows.height == rows.n_unique() == 3 * 5 * len(STAGES) * 4


def test_local_work_costs_nothing_and_unknown_costs_are_counted(lake: Lake, tmp_path: Path) -> None:
    settle(lake, staged())
    assert (summary(lake).cost_usd, summary(lake).cost_unknown) == (0.0, 0)
    paid = staged("r2", "summaries")
    assert paid.work is not None
    paid.work.paid(100, 20, 0.25)
    paid.work.paid(100, 20, 0.5)
    settle(lake, paid)
    assert summary(lake).cost_usd == pytest.approx(0.75)
    unknown = staged("r3", "summaries")
    assert unknown.work is not None
    unknown.work.paid(100, 20, None)
    settle(lake, unknown)
    assert summary(lake).cost_unknown == 1
