"""Which batches are finished: by the marks in the tables, each of which is read once."""

from __future__ import annotations

import shutil
from pathlib import Path

from io_managers.schemas import STAGES
from resources.lake.batches import finished_batches, published_batches, unfinished_batches
from resources.lake.lake import Lake
from tests.lakes import Pdf, make_lake, publish_batch

BATCHES = ["b00000001", "b00000002"]


def copies(root: Path) -> Lake:
    """Two batches; the second holds a copy of the first's file, so most of its tables are empty."""
    lake = make_lake(root)
    publish_batch(lake, BATCHES[0], [Pdf("a.pdf", content="same")])
    publish_batch(lake, BATCHES[1], [Pdf("copy.pdf", content="same")])
    return lake


def test_a_batch_without_rows_is_finished_too(tmp_path: Path) -> None:
    lake = copies(tmp_path)
    assert lake.read("pages", batch=BATCHES[1]).is_empty()
    for _ in range(2):  # by its marks, then by what is remembered of them
        assert finished_batches(lake, [*BATCHES, "b00000003"]) == set(BATCHES)
        assert unfinished_batches(lake) == []
    assert published_batches(lake, "pages", BATCHES) == set(BATCHES)


def test_a_table_that_is_gone_is_not_remembered_as_published(tmp_path: Path) -> None:
    lake = copies(tmp_path)
    assert unfinished_batches(lake) == []
    for stage in STAGES:
        if stage == "summaries":
            shutil.rmtree(tmp_path / stage)
    assert unfinished_batches(lake) == BATCHES
    lake.ensure("summaries")
    assert unfinished_batches(lake) == BATCHES
