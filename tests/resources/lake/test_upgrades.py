"""The record of an upgrade: one at a time, never overwritten, stopped and gone on with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from resources.errors import QuireError
from resources.lake.lake import Lake
from resources.lake.upgrades import (
    FOLDER,
    KEPT_RECORDS,
    Change,
    Upgrade,
    begin,
    flow_from,
    open_upgrade,
    read_upgrade,
    record,
    resume,
    stop,
)
from tests.lakes import ALL_GOOD, make_lake, publish_batch

CHANGES = (Change("summaries", "old", "new"),)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    publish_batch(lake, "b00000001", ALL_GOOD)
    return lake


def moved(lake: Lake, upgrade: Upgrade, **state: str) -> Upgrade:
    written = record(lake, replace(upgrade, **state))  # type: ignore[arg-type]
    assert written is not None
    return written


def test_a_record_is_read_as_it_was_written(lake: Lake) -> None:
    assert read_upgrade(lake) is None
    begun = begin(lake, CHANGES, 3)
    assert read_upgrade(lake) == begun
    assert begun.tables["summaries"] == lake.ensure("summaries").version()
    assert begun.stages == ("summaries",)
    assert flow_from(("docs", "pages")) == ("pages", "images", "docs", "summaries")


def test_one_upgrade_at_a_time(lake: Lake) -> None:
    begun = begin(lake, CHANGES, 3)
    with pytest.raises(QuireError, match="End it before another"):
        begin(lake, CHANGES, 3)
    moved(lake, begun, state="rejected")
    assert open_upgrade(lake) is None
    assert begin(lake, CHANGES, 3).upgrade_id


def test_of_two_writers_at_once_one_is_told(lake: Lake) -> None:
    begun = begin(lake, CHANGES, 3)
    with ThreadPoolExecutor(8) as threads:
        written = list(threads.map(lambda n: record(lake, replace(begun, why=str(n))), range(8)))
    (first,) = [one for one in written if one is not None]
    assert read_upgrade(lake) == first
    assert record(lake, replace(begun, why="late")) is None


def test_only_the_last_records_stay(lake: Lake) -> None:
    upgrade = begin(lake, CHANGES, 3)
    for number in range(KEPT_RECORDS + 5):
        upgrade = moved(lake, upgrade, why=str(number))
    assert len(lake.names(FOLDER)) == KEPT_RECORDS
    assert read_upgrade(lake) == upgrade


def test_it_goes_on_where_it_was_stopped(lake: Lake) -> None:
    with pytest.raises(QuireError, match="no upgrade moves"):
        stop(lake)
    begun = begin(lake, CHANGES, 3)
    moved(lake, begun, state="backfilling")
    assert stop(lake).state == "stopped"
    assert stop(lake).stopped_in == "backfilling"
    assert "quire upgrade --resume" in stop(lake).message
    going = resume(lake)
    assert (going.state, going.why, going.stopped_in) == ("backfilling", "", None)
    assert resume(lake) == going


def test_a_person_who_resumes_overrules_the_canary(lake: Lake) -> None:
    begun = begin(lake, CHANGES, 3)
    stopped = replace(begun, state="stopped", stopped_in="canary", compared={"lines": []})
    assert record(lake, stopped) is not None
    assert resume(lake).state == "backfilling"
