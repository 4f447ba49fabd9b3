"""Ingestion: every file once, whole, whatever the clocks say and however many look at once."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

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
from resources.settings import Settings
from sensors.scan import Tick, tick

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
