"""Healing: what counts as a request in vain, and what starts the schedule anew."""

from __future__ import annotations

from pathlib import Path

from io_managers.checkpoints import Checkpoint, MicroBatch
from io_managers.schemas import STAGES
from resources.lake.batches import (
    HEAL_AFTER,
    MAX_INTERRUPTED,
    MAX_REQUESTS,
    due_batches,
    is_stuck,
    note_interrupted,
    read_requests,
    record_request,
)
from resources.lake.lake import Lake
from tests.lakes import Pdf, make_lake, publish_batch

BATCH = "b00000001"


def ask_until_stuck(lake: Lake, now: float) -> float:
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH, now)
        now += HEAL_AFTER[-1]
    assert is_stuck(read_requests(lake, BATCH), now)
    assert due_batches(lake, [BATCH], [], now) == []
    return now


def test_a_batch_that_got_on_is_not_stuck(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    now = ask_until_stuck(lake, 1_000.0)
    publish_batch(lake, BATCH, [Pdf("a.pdf")], ["files"])
    assert due_batches(lake, [BATCH], [], now) == [BATCH]
    assert record_request(lake, BATCH, now).count == 1
    now = ask_until_stuck(lake, now)
    Checkpoint(lake, "pages", BATCH, "v", 0, 1).record(MicroBatch({}, {}))
    assert due_batches(lake, [BATCH], [], now) == [BATCH]


def test_retries_of_a_finished_batch_are_counted_whatever_they_publish(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    pdfs = [Pdf("a.pdf", page_errors={1: "timeout"})]
    publish_batch(lake, BATCH, pdfs)
    now = 1_000.0
    for count in range(1, MAX_REQUESTS + 1):
        assert record_request(lake, BATCH, now).count == count
        publish_batch(lake, BATCH, pdfs, STAGES[1:2])
        now += HEAL_AFTER[-1]
    assert due_batches(lake, [BATCH], [], now) == []


def test_a_run_that_died_with_its_host_is_not_counted_a_few_times(tmp_path: Path) -> None:
    lake = make_lake(tmp_path)
    now = 1_000.0
    for _ in range(MAX_INTERRUPTED):
        assert due_batches(lake, [BATCH], [], now) == [BATCH]
        record_request(lake, BATCH, now)
        assert due_batches(lake, [BATCH], [], now) == []
        note_interrupted(lake, BATCH)
        assert due_batches(lake, [BATCH], [], now) == [BATCH]
    record_request(lake, BATCH, now)
    note_interrupted(lake, BATCH)
    assert due_batches(lake, [BATCH], [], now) == []
    assert read_requests(lake, BATCH).count == 1
    publish_batch(lake, BATCH, [Pdf("a.pdf")], ["files"])
    record_request(lake, BATCH, now)
    note_interrupted(lake, BATCH)
    assert due_batches(lake, [BATCH], [], now) == [BATCH]
