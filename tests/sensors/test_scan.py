"""Ingestion: every file once, whole, whatever the clocks say and however many look at once."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from resources.errors import SettingError
from resources.lake.batches import (
    HEAL_AFTER,
    due_batches,
    finished_batches,
    forget_requests,
    is_stuck,
    read_requests,
    record_request,
    unfinished_batches,
)
from resources.lake.lake import Lake
from resources.landing.listing import SIGHTINGS
from resources.settings import Settings
from sensors.batching import CutRule, cut_batches
from sensors.scan import Tick, tick
from sensors.take import take, unknown

SPAWN = multiprocessing.get_context("spawn")


def drop(settings: Settings, *names: str, data: bytes = b"%PDF-1.4 x\n%%EOF\n") -> None:
    for name in names:
        path = Path(settings.landing) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def look(lake: Lake, settings: Settings, now: float | None = None, *, linger: bool = False) -> Tick:
    return tick(lake, settings, [settings.landing], linger=linger, now=now)


def names(lake: Lake) -> list[str]:
    return sorted(lake.read("manifest")["file_name"])


def test_new_files_are_taken_once(lake: Lake, settings: Settings) -> None:
    drop(settings, "a.pdf", "sub/b.PDF", "notes.txt")
    assert look(lake, settings).n_taken == 2
    assert look(lake, settings).n_taken == 0
    drop(settings, "c.pdf")
    seen = look(lake, settings)
    assert (seen.n_seen, seen.n_taken, seen.batches) == (3, 1, ("b00000002",))
    assert names(lake) == ["a.pdf", "b.PDF", "c.pdf"]


def take_all(landing: str, root: str, settings: Settings) -> None:
    own = replace(settings, landing=landing, lake=root, batch_max_docs=3)
    for _ in range(3):
        tick(Lake(root), own, [landing], linger=False)


def test_two_ticks_at_once_take_no_file_twice(lake: Lake, settings: Settings) -> None:
    drop(settings, *[f"{n:03d}.pdf" for n in range(40)])
    ticks = [
        SPAWN.Process(target=take_all, args=(settings.landing, lake.root, settings))
        for _ in range(4)
    ]
    for process in ticks:
        process.start()
    for process in ticks:
        process.join(120)
        assert process.exitcode == 0
    rows = lake.read("manifest")
    assert rows.height == rows["uri"].n_unique() == 40
    assert rows["batch"].n_unique() >= 14


def test_a_file_is_taken_when_two_looks_agree(lake: Lake, settings: Settings) -> None:
    settings = replace(settings, stable_seconds=5)
    drop(settings, "slow.pdf", data=b"%PDF-1.4 be")
    assert look(lake, settings, 100).n_waiting == 1
    drop(settings, "slow.pdf", data=b"%PDF-1.4 begin")
    assert look(lake, settings, 105).n_taken == 0
    assert look(lake, settings, 109).n_taken == 0
    assert look(lake, settings, 110).n_taken == 1


def test_small_batches_linger_and_full_ones_do_not(lake: Lake, settings: Settings) -> None:
    settings = replace(settings, batch_linger=20, batch_max_docs=3)
    drop(settings, "a.pdf")
    assert look(lake, settings, 100, linger=True).n_taken == 0
    drop(settings, "b.pdf", "c.pdf", "d.pdf")
    assert look(lake, settings, 101, linger=True).n_taken == 3
    assert look(lake, settings, 119, linger=True).n_taken == 0
    assert look(lake, settings, 122, linger=True).n_taken == 1


def test_ticks_over_other_folders_do_not_forget_each_others_looks(
    lake: Lake, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, stable_seconds=5, batch_linger=20)
    other = tmp_path / "other"
    other.mkdir()
    (other / "cli.pdf").write_bytes(b"%PDF-1.4")
    drop(settings, "sensor.pdf")
    for now in (100, 103, 106):
        tick(lake, settings, [str(other)], linger=False, now=now)
        look(lake, settings, now + 1, linger=True)
    assert names(lake) == ["cli.pdf"]
    look(lake, settings, 122, linger=True)
    assert names(lake) == ["cli.pdf", "sensor.pdf"]
    assert lake.names("_quire/seen") == []


@pytest.mark.parametrize("stamp", [0, 4_102_444_800])
def test_old_and_future_times_lose_nothing(lake: Lake, settings: Settings, stamp: int) -> None:
    drop(settings, "a.pdf")
    look(lake, settings)
    drop(settings, "b.pdf")
    os.utime(Path(settings.landing) / "b.pdf", (stamp, stamp))
    assert look(lake, settings).n_taken == 1


def test_a_clock_that_is_stepped_back_delays_nothing_for_ever(
    lake: Lake, settings: Settings
) -> None:
    settings = replace(settings, stable_seconds=5)
    drop(settings, "a.pdf")
    look(lake, settings, 1_000_000)
    look(lake, settings, 10)
    assert look(lake, settings, 16).n_taken == 1


def test_replaced_content_is_a_new_sighting(lake: Lake, settings: Settings) -> None:
    drop(settings, "a.pdf")
    look(lake, settings)
    drop(settings, "a.pdf", data=b"%PDF-1.4 longer than before")
    assert look(lake, settings).n_taken == 1
    assert names(lake) == ["a.pdf", "a.pdf"]


def test_odd_names_are_data(lake: Lake, settings: Settings) -> None:
    odd = [b"it's.pdf", b'q"uote.pdf', b"new\nline.pdf", b"caf\xe9.pdf", b"x' OR 'a'='a.pdf"]
    odd += [b"%2F.pdf", "caf\u00e9.pdf".encode(), "cafe\u0301.pdf".encode(), b"  .pdf"]
    odd += [b"l" * 251 + b".pdf"]
    for name in odd:
        Path(os.fsdecode(os.fsencode(settings.landing) + b"/" + name)).write_bytes(b"%PDF-1.4")
    assert look(lake, settings).n_taken == len(odd)
    assert look(lake, settings).n_taken == 0
    assert lake.read("manifest")["uri"].n_unique() == len(odd)


def test_unfinished_hidden_and_foreign_files_are_left(lake: Lake, settings: Settings) -> None:
    outside = Path(settings.landing).parent / "outside.pdf"
    outside.write_bytes(b"%PDF-1.4")
    drop(settings, "a.pdf.part", "b.tmp", ".hidden.pdf", "._mac.pdf", ".dir/c.pdf", "real.pdf")
    (Path(settings.landing) / "link.pdf").symlink_to(outside)
    (Path(settings.landing) / "inside.pdf").symlink_to(Path(settings.landing) / "real.pdf")
    (Path(settings.landing) / "gone.pdf").symlink_to(Path(settings.landing) / "nothing.pdf")
    seen = look(lake, settings)
    assert names(lake) == ["inside.pdf", "real.pdf"]
    assert len(seen.left) == 4
    assert "a link that leaves the landing zone" in seen.message


@pytest.mark.parametrize("what", ["missing", "file"])
def test_a_landing_zone_that_cannot_be_read_says_the_mend(
    lake: Lake, settings: Settings, what: str
) -> None:
    path = Path(settings.landing) / what
    if what == "file":
        path.write_text("x")
    with pytest.raises(SettingError, match="give"):
        tick(lake, settings, [str(path)], linger=False)


def test_a_batch_heals_after_1_5_and_30_minutes_and_then_is_stuck(
    lake: Lake, settings: Settings
) -> None:
    drop(settings, "a.pdf")
    (batch,) = look(lake, settings).batches
    assert unfinished_batches(lake) == [batch]
    assert finished_batches(lake, [batch]) == set()
    now = time.time()
    for wait in HEAL_AFTER:
        assert due_batches(lake, [batch], [], now) == [batch]
        assert due_batches(lake, [batch], [batch], now) == []
        record_request(lake, batch, now)
        assert due_batches(lake, [batch], [], now + wait - 1) == []
        now += wait
    record_request(lake, batch, now)
    assert due_batches(lake, [batch], [], now + 10**6) == []
    assert is_stuck(read_requests(lake, batch), now + 10**6)
    forget_requests(lake, batch)
    assert due_batches(lake, [batch], [], now) == [batch]


def test_a_long_listing_goes_on_at_the_next_tick(lake: Lake, settings: Settings) -> None:
    names_ = [f"{n // 1000}/{n:05d}.pdf" for n in range(3_500)]
    drop(settings, *names_)
    ticks: list[Tick] = []
    while not ticks or not ticks[-1].complete:
        ticks.append(tick(lake, settings, [settings.landing], linger=False, seconds=0.0))
        assert len(ticks) < 20
    assert len(ticks) > 2
    assert ticks[-1].n_seen == 3_500
    assert "so far" in ticks[0].message
    taken = lake.read("manifest")["uri"].to_list()
    assert len(taken) == len(set(taken)) == 3_500
    assert tick(lake, settings, [settings.landing], linger=False).n_taken == 0


def test_a_listing_that_lost_its_place_loses_nothing(lake: Lake, settings: Settings) -> None:
    drop(settings, *(f"{n:05d}.pdf" for n in range(2_500)))
    tick(lake, settings, [settings.landing], linger=False, seconds=0.0)
    lake.delete_folder("_quire/seen")
    for _ in range(20):
        if tick(lake, settings, [settings.landing], linger=False, seconds=0.0).complete:
            break
    assert lake.read("manifest")["uri"].n_unique() == lake.read("manifest").height == 2_500


def test_a_file_without_its_end_is_waited_for(lake: Lake, settings: Settings) -> None:
    settings = replace(settings, stable_seconds=5)
    drop(settings, "slow.pdf", data=b"%PDF-1.4 half of it")
    for now in (100, 106, 112):
        assert look(lake, settings, now, linger=True).n_taken == 0
    drop(settings, "slow.pdf", data=b"%PDF-1.4 half of it, and the rest\n%%EOF")
    assert look(lake, settings, 113, linger=True).n_taken == 0
    assert look(lake, settings, 119, linger=True).n_taken == 1
    drop(settings, "cut.pdf", data=b"%PDF-1.4 this is all")
    assert look(lake, settings, 200, linger=True).n_taken == 0
    assert look(lake, settings, 229, linger=True).n_taken == 0
    assert look(lake, settings, 231, linger=True).n_taken == 1  # damaged, and told so by its row


def test_the_oldest_files_are_taken_first(lake: Lake, settings: Settings) -> None:
    settings = replace(settings, batch_max_docs=1)
    drop(settings, "b.pdf")
    for _ in range(2):  # no room: seen and left
        tick(lake, replace(settings, stable_seconds=9e9), [settings.landing], linger=False, now=50)
    drop(settings, "a.pdf", "c.pdf")
    os.utime(Path(settings.landing) / "c.pdf", (1, 1))
    seen = tick(lake, settings, [settings.landing], linger=False, now=60, room=2)
    assert names(lake) == ["b.pdf", "c.pdf"]
    assert (seen.n_taken, seen.n_held) == (2, 1)
    assert "1 new ones are left until there is room" in seen.message


def test_an_object_that_was_put_again_is_no_new_file(lake: Lake) -> None:
    when = datetime(2026, 11, 1, tzinfo=UTC)
    rows = [("s3://b/x.pdf", 3, "abc", when), ("s3://b/y.pdf", 3, None, when)]
    first = pl.DataFrame(rows, schema=SIGHTINGS, orient="row")
    rule = CutRule(300, 10, 1)
    take(lake, first, cut_batches(first["n_bytes"], rule), rule, None)
    later = first.with_columns(mtime=pl.lit(when + timedelta(days=1)))
    assert unknown(lake, later)["uri"].to_list() == ["s3://b/y.pdf"]
    changed = first.with_columns(etag=pl.lit("def"))
    assert unknown(lake, changed).height == 2
