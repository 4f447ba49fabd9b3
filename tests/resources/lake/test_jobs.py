"""Jobs: every PDF of a submission is told of, whoever took it, in words that do not change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from resources.errors import LakeError, SettingError
from resources.lake.batches import MAX_REQUESTS, record_request
from resources.lake.jobs import (
    JOB_STATES,
    Job,
    JobReport,
    close_job,
    job_report,
    new_job_id,
    open_job,
    read_job,
)
from resources.lake.lake import Lake
from resources.lake.states import LakeStates
from resources.landing.listing import SIGHTINGS
from tests.lakes import NOW, Pdf, add_manifest, make_lake, publish_batch, rewrite, set_where

BATCH = "b00000001"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake whose stages have accepted versions."""
    return make_lake(tmp_path / "lake")


def sightings(*pdfs: Pdf, n_bytes: int = 1000) -> pl.DataFrame:
    rows = [{"uri": pdf.uri, "n_bytes": n_bytes, "etag": None, "mtime": NOW} for pdf in pdfs]
    return pl.DataFrame(rows, schema=SIGHTINGS)


def submitted(lake: Lake, *pdfs: Pdf, n_bytes: int = 1000) -> Job:
    job = replace(open_job(lake, "cli", ["/landing"]), n_seen=len(pdfs))
    return close_job(lake, job, sightings(*pdfs, n_bytes=n_bytes))


def report(lake: Lake, job: Job, running: Sequence[str] = ()) -> JobReport:
    told = job_report(LakeStates(lake, running), read_job(lake, job.job_id))
    assert told.state in JOB_STATES
    assert told.n_files == sum(told.files.values())
    return told


def test_ids_sort_by_time_and_never_meet() -> None:
    ids = [new_job_id(1_000_000 + second) for second in range(100)]
    assert ids == sorted(ids)
    assert len({new_job_id(5.0) for _ in range(1000)}) == 1000  # one clock, no two alike
    assert all(len(job_id) == 27 and job_id == job_id.lower() for job_id in ids)


def test_a_job_tells_of_new_and_known_files_alike(lake: Lake) -> None:
    old, new, other = Pdf("old.pdf"), Pdf("new.pdf"), Pdf("other.pdf")
    publish_batch(lake, BATCH, [old, other])
    job = submitted(lake, old, new)
    told = report(lake, job)
    assert (told.state, told.files["done"], told.n_not_taken) == ("running", 1, 1)
    publish_batch(lake, "b00000002", [new])
    told = report(lake, job)
    assert (told.state, told.files["done"], told.n_files) == ("done", 2, 2)
    assert [(b["batch"], b["n_files"]) for b in told.batches] == [(BATCH, 1), ("b00000002", 1)]
    assert set(told.listed["file_name"]) == {"old.pdf", "new.pdf"}


def test_rows_that_carry_the_id_belong_to_it_whatever_the_listing_says(lake: Lake) -> None:
    job = submitted(lake, Pdf("a.pdf"), n_bytes=77)  # it changed after it was taken
    publish_batch(lake, BATCH, [Pdf("a.pdf"), Pdf("gone since.pdf")])
    rewrite(lake, "manifest", lambda frame: frame.with_columns(job_id=pl.lit(job.job_id)))
    told = report(lake, job)
    assert (told.state, told.n_files, told.n_not_taken) == ("done", 2, 0)


def test_a_file_that_was_still_written_is_found_by_its_name_later(lake: Lake) -> None:
    publish_batch(lake, BATCH, [Pdf("a.pdf", content="an earlier state")])
    job = submitted(lake, Pdf("a.pdf"), n_bytes=5)
    assert report(lake, job).state == "waiting"
    publish_batch(lake, "b00000002", [Pdf("a.pdf", file_error="corrupt")])
    told = report(lake, job)
    assert (told.state, told.failures) == ("failed", {"corrupt": 1})


@pytest.mark.parametrize(
    ("pdfs", "state"),
    [
        ([Pdf("a.pdf")], "done"),
        ([], "done"),
        ([Pdf("a.pdf"), Pdf("b.pdf", file_error="empty")], "partial"),
        ([Pdf("b.pdf", file_error="empty")], "failed"),
        ([Pdf("a.pdf"), Pdf("c.pdf", summary_status="blocked")], "blocked"),
    ],
)
def test_states_of_a_job_whose_files_are_final(lake: Lake, pdfs: list[Pdf], state: str) -> None:
    publish_batch(lake, BATCH, pdfs)
    told = report(lake, submitted(lake, *pdfs))
    assert (told.state, told.ended, told.n_final) == (state, True, len(pdfs))


def test_waiting_running_and_stuck(lake: Lake) -> None:
    pdf = Pdf("a.pdf")
    add_manifest(lake, BATCH, [pdf])
    job = submitted(lake, pdf)
    assert report(lake, job).state == "waiting"
    assert report(lake, job, [BATCH]).state == "running"
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH, now=1_000_000_000)
    told = report(lake, job)
    assert (told.state, told.n_stuck, told.ended) == ("stuck", 1, True)
    assert report(lake, job, [BATCH]).state == "running"


def test_objects_are_known_by_their_etag_alone(lake: Lake) -> None:
    publish_batch(lake, BATCH, [Pdf("a.pdf")])
    rewrite(lake, "manifest", set_where("etag", "tag", pl.lit(value=True)))
    seen = sightings(Pdf("a.pdf")).with_columns(etag=pl.lit("tag"), mtime=pl.lit(None))
    job = close_job(lake, open_job(lake, "cli", ["s3://x"]), seen.cast(SIGHTINGS))
    assert report(lake, job).state == "done"


def test_a_submission_that_was_killed_says_so_after_a_while(lake: Lake) -> None:
    job = open_job(lake, "cli", ["/landing"])
    assert report(lake, job).state == "taking"
    path = f"_quire/jobs/{job.job_id}.json"
    value = json.loads(lake.get(path) or b"")
    value["submitted_at"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    lake.put(path, json.dumps(value).encode())
    assert report(lake, job).state == "interrupted"


def test_unknown_and_damaged_records_are_errors_that_say_the_mend(lake: Lake) -> None:
    with pytest.raises(SettingError, match="nothing was submitted"):
        read_job(lake, "j1")
    job = open_job(lake, "cli", ["/landing"])
    for wrong in ("j1", "../../x", job.job_id[:-1] + "u", new_job_id()):
        with pytest.raises(SettingError, match=job.job_id):
            read_job(lake, wrong)
    assert read_job(lake, f" {job.job_id.upper()} ") == job
    lake.put(f"_quire/jobs/{job.job_id}.json", b"{")
    with pytest.raises(LakeError, match="submit the same files again"):
        read_job(lake, job.job_id)
