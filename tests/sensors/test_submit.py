"""Submitting: a job holds every PDF that its locations held, and only says so when it looked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from resources.errors import SettingError
from resources.lake.jobs import close_job, job_report, open_job, read_job
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.landing.listing import SIGHTINGS
from resources.settings import Settings
from sensors.scan import tick
from sensors.submit import Submission, submit
from tests.lakes import NOW


def drop(settings: Settings, *names: str, data: bytes = b"%PDF-1.4 x\n%%EOF\n") -> None:
    for name in names:
        (Path(settings.landing) / name).write_bytes(data)


def send(lake: Lake, settings: Settings, patience: float = 0.0) -> Submission:
    return submit(lake, settings, [settings.landing], source="cli", patience=patience)


def test_rows_carry_the_job_that_took_them(lake: Lake, settings: Settings) -> None:
    drop(settings, "a.pdf")
    tick(lake, settings, [settings.landing], linger=False)
    drop(settings, "b.pdf", "c.pdf", "d.pdf.part")
    first = send(lake, settings)
    job = first.job
    assert (job.n_seen, job.n_new, job.n_known, job.n_left) == (3, 2, 1, 1)
    rows = lake.read("manifest", ["file_name", "job_id"]).sort("file_name")
    assert rows["job_id"].to_list() == [None, job.job_id, job.job_id]
    assert read_job(lake, job.job_id) == job
    again = send(lake, settings)
    assert (again.job.n_new, again.job.n_known, again.batches) == (0, 3, ())
    told = job_report(LakeStates(lake), again.job)
    assert (told.n_files, told.n_not_taken) == (3, 0)


def test_a_listing_that_the_sensor_left_half_way_is_no_part_of_a_job(
    lake: Lake, settings: Settings
) -> None:
    for folder in range(3):
        (Path(settings.landing) / f"{folder}").mkdir()
        for number in range(4):
            drop(settings, f"{folder}/{number}.pdf")
    left = tick(lake, settings, [settings.landing], linger=False, room=1, seconds=0)
    assert left.n_seen <= 12
    job = send(lake, settings).job
    assert job.n_seen == 12
    assert lake.read("manifest").height == 12
    assert job_report(LakeStates(lake), job).n_files == 12


def test_what_is_still_being_written_waits_for_the_sensor(lake: Lake, settings: Settings) -> None:
    settings = replace(settings, stable_seconds=30)
    drop(settings, "slow.pdf", data=b"%PDF-1.4 be")
    job = send(lake, settings).job
    assert (job.n_new, job.n_waiting) == (0, 1)
    told = job_report(LakeStates(lake), job)
    assert (told.state, told.n_not_taken, told.files["waiting"]) == ("waiting", 1, 1)
    drop(settings, "slow.pdf", data=b"%PDF-1.4 begin and end\n%%EOF\n")
    tick(lake, settings, [settings.landing], linger=False, now=1e10)
    tick(lake, settings, [settings.landing], linger=False, now=1e10 + 60)
    told = job_report(LakeStates(lake), job)
    assert (told.n_not_taken, told.files["waiting"], len(told.batches)) == (0, 1, 1)


def test_a_place_that_is_not_there_leaves_no_job(lake: Lake, settings: Settings) -> None:
    with pytest.raises(SettingError):
        submit(lake, settings, ["/no/such/folder"], source="cli", patience=0)
    assert lake.names("_quire/jobs") == []


def test_an_interrupt_while_files_are_taken_is_on_the_record(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sensors.submit.tick", stopped)
    with pytest.raises(KeyboardInterrupt):
        send(lake, settings)
    (name,) = lake.names("_quire/jobs")
    job = read_job(lake, name.removesuffix(".json"))
    assert job_report(LakeStates(lake), job).state == "interrupted"


def test_200_000_sightings_are_a_small_object(lake: Lake) -> None:
    uris = [f"file:///landing/of/some/length/{n:06d}.pdf" for n in range(200_000)]
    seen = pl.DataFrame({"uri": uris}).with_columns(
        n_bytes=pl.lit(1000), etag=pl.lit(None), mtime=pl.lit(NOW)
    )
    job = close_job(lake, open_job(lake, "cli", ["/landing"]), seen.cast(SIGHTINGS))
    assert (lake.size(f"_quire/jobs/{job.job_id}.parquet") or 0) < 4 * 2**20
    assert len(lake.get(f"_quire/jobs/{job.job_id}.json") or b"") < 1000
