"""Rolling an upgrade back: the rows before return as they were, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from io_managers.publish import claim_epoch, commit_partition, publish_staged, transaction_id
from io_managers.staging import Staged, stage_file
from io_managers.versions import StageVersion, is_accepted, register
from resources.crash_points import VARIABLE
from resources.errors import QuireError, SupersededRunError, VersionNotAcceptedError
from resources.lake.audit import audit
from resources.lake.lake import Lake
from resources.lake.maintenance import KEEP_HOURS, maintain
from resources.lake.rollback import roll_back
from resources.lake.stale import stale_rows, to_do
from resources.lake.upgrades import Change, Upgrade, begin, needed_versions, read_upgrade, record
from resources.settings import REPOSITORY_ROOT
from tests.lakes import PNG, Pdf, make_lake, publish_batch, version
from tests.upgrades.making import republish, versions_in

OLD, FRESH, UNTOUCHED = ("b00000001", "b00000002"), "b00000003", "b00000004"
NEW = {stage: StageVersion(stage, 2, "test", {}) for stage in ("images", "summaries")}
TABLES = ("files", "pages", "images", "image_data", "docs", "summaries", "failures")


def old_lake(root: Path) -> Lake:
    lake = make_lake(root)
    for batch in (*OLD, UNTOUCHED):
        figure = PNG + batch.encode()
        bad = Pdf(f"bad {batch}.pdf", summary_status="failed")
        publish_batch(lake, batch, [Pdf(f"{batch}.pdf", figure=figure), bad])
    return lake


def upgraded(lake: Lake) -> Upgrade:
    """An upgrade of two stages that did two batches of three; a fresh batch came meanwhile."""
    for version_ in NEW.values():
        register(lake, version_, "off")
    changes = tuple(Change(stage, version(stage).name, NEW[stage].name) for stage in NEW)
    upgrade = begin(lake, changes, 3)
    going = record(lake, replace(upgrade, state="backfilling"))
    assert going is not None
    for batch in OLD:
        for stage in ("images", "docs", "summaries"):
            republish(lake, batch, stage, NEW.get(stage, version(stage)), " anew")
    publish_batch(lake, FRESH, [Pdf("fresh.pdf", figure=PNG + b"fresh")])
    for stage, new in NEW.items():
        republish(lake, FRESH, stage, new, " fresh")
    return going


def rows(lake: Lake) -> dict[str, pl.DataFrame]:
    found = {name: lake.read(name) for name in TABLES}
    return {
        name: frame.filter(pl.col("batch") != FRESH).sort(
            "batch", *(c for c in ("doc_id", "sha256", "uri") if c in frame.columns)
        )
        for name, frame in found.items()
    }


def same(lake: Lake, before: dict[str, pl.DataFrame]) -> bool:
    return all(frame.equals(before[name]) for name, frame in rows(lake).items())


def test_the_rows_before_come_back_and_fresh_batches_keep_theirs(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    before, told = rows(lake), {found.kind for found in audit(lake)}
    upgraded(lake)
    assert not same(lake, before)
    untouched = {name: lake.ensure(name).version() for name in ("files", "pages")}
    ended, result = roll_back(lake)
    assert (ended.state, result.batches, result.left) == ("rolled_back", list(OLD), {})
    assert same(lake, before)
    assert {name: lake.ensure(name).version() for name in untouched} == untouched
    for stage, new in NEW.items():
        assert not is_accepted(lake, stage, new.name)
        assert is_accepted(lake, stage, version(stage).name)
        assert versions_in(lake, stage, [FRESH]).keys() == {new.name}
    stale = stale_rows(lake, {stage: version(stage).name for stage in NEW})
    assert to_do(stale) == {FRESH: ("images", "summaries")}
    assert {found.kind for found in audit(lake)} == told
    with pytest.raises(QuireError, match="nothing to roll back"):
        roll_back(lake)


def test_one_commit_a_table_and_batch_and_no_file_is_written(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    upgraded(lake)
    files = {path for path in lake.find("summaries") if path.endswith(".parquet")}
    number = lake.ensure("summaries").version()
    roll_back(lake)
    assert lake.ensure("summaries").version() == number + len(OLD)
    after = {path for path in lake.find("summaries") if path.endswith(".parquet")}
    assert {p for p in after if "_delta_log" not in p} == {
        p for p in files if "_delta_log" not in p
    }


def test_a_run_that_is_going_on_is_superseded(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    before = rows(lake)
    upgraded(lake)
    batch = OLD[0]
    epoch = claim_epoch(lake, "summaries", batch)
    frame = lake.read("summaries", batch=batch)
    file = stage_file(lake, "summaries", frame, {"batch": batch})
    running = Staged("summaries", batch, NEW["summaries"].name, epoch, {"summaries": (file,)})
    roll_back(lake)
    with pytest.raises(VersionNotAcceptedError):
        publish_staged(lake, running)
    mark = transaction_id("summaries", batch)
    with pytest.raises(SupersededRunError):  # it had asked for the version's state before
        commit_partition(lake, "summaries", [file], {"batch": batch}, mark, epoch)
    assert same(lake, before)


@pytest.mark.parametrize("commit", [1, 5])
def test_killed_half_way_and_run_again_it_ends_the_same(tmp_path: Path, commit: int) -> None:
    lake = old_lake(tmp_path)
    before, told = rows(lake), {found.kind for found in audit(lake)}
    upgraded(lake)
    code = (
        "from resources.lake.lake import Lake; from resources.lake.rollback import roll_back; "
        f"roll_back(Lake({str(tmp_path)!r}))"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: f"publish.before_commit:{commit}"},
        cwd=REPOSITORY_ROOT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    present = read_upgrade(lake)
    assert present is not None
    assert present.state == "rolling_back"
    ended, _ = roll_back(lake)
    assert ended.state == "rolled_back"
    assert same(lake, before)
    assert {found.kind for found in audit(lake)} == told


def test_files_that_are_gone_are_told_and_nothing_is_changed(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    upgraded(lake)
    now = rows(lake)
    upgrade = read_upgrade(lake)
    assert upgrade is not None
    past = pl.DataFrame(lake.at("summaries", upgrade.tables["summaries"]).get_add_actions())
    path = next(p for p in past["path"] if OLD[1] in p)
    (tmp_path / "summaries" / path).unlink()
    with pytest.raises(QuireError, match="is gone"):
        roll_back(lake)
    assert same(lake, now)
    assert read_upgrade(lake) == upgrade
    assert is_accepted(lake, "summaries", NEW["summaries"].name)


def test_a_batch_that_was_not_finished_when_it_began_stays(tmp_path: Path) -> None:
    """Its later stages have nothing to go back to."""
    lake = old_lake(tmp_path)
    half = "b00000005"
    publish_batch(lake, half, [Pdf("half.pdf", figure=PNG)], ["files", "pages", "images"])
    for version_ in NEW.values():
        register(lake, version_, "off")
    changes = tuple(Change(stage, version(stage).name, NEW[stage].name) for stage in NEW)
    begin(lake, changes, 3)
    republish(lake, half, "images", NEW["images"], "")
    ended, result = roll_back(lake)
    assert result.batches == []
    assert list(ended.left) == [half]


def age_replaced_files(root: Path, table: str) -> None:
    """Let the log say that files were replaced eight days ago."""
    for log in (root / table / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] -= (KEEP_HOURS + 24) * 3_600_000
        log.write_text("\n".join(json.dumps(action) for action in actions))


def test_table_care_keeps_what_an_open_upgrade_may_go_back_to(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    before = rows(lake)
    upgrade = upgraded(lake)
    for name in ("images", "image_data", "summaries"):
        age_replaced_files(tmp_path, name)
    # What the fresh batch had in between is no row from before; the others wait for a way back.
    assert maintain(lake, tuple, now=time.time() + 8 * 86_400.0).n_replaced == 3
    assert record(lake, replace(upgrade, state="done")) is not None
    maintain(lake, tuple)  # a week from its end
    roll_back(lake)
    assert same(lake, before)
    assert needed_versions(lake) == {}


def test_files_of_an_upgrade_that_ended_long_ago_go(tmp_path: Path) -> None:
    lake = old_lake(tmp_path)
    upgrade = upgraded(lake)
    assert record(lake, replace(upgrade, state="done")) is not None
    age_replaced_files(tmp_path, "summaries")
    assert maintain(lake, tuple, now=time.time() + 8 * 86_400.0).n_replaced > len(OLD)
    with pytest.raises(QuireError, match="is gone"):
        roll_back(lake)
