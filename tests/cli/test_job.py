"""Submissions as people type them: ingest tells the job, status reports on it and waits for it."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from resources.lake.batches import MAX_REQUESTS, record_request
from resources.lake.jobs import close_job, open_job
from resources.lake.lake import Lake
from resources.landing.listing import SIGHTINGS
from tests.cli.telling import BATCH, Run, one_line
from tests.end_to_end.pdfs import plain
from tests.end_to_end.running import make_place
from tests.lakes import ALL_GOOD, MIXED, Pdf, add_manifest, make_lake, publish_batch
from tests.resources.lake.test_jobs import sightings


def submitted(root: Path, *pdfs: Pdf) -> str:
    lake = Lake(str(root))
    return close_job(lake, open_job(lake, "cli", ["/landing"]), sightings(*pdfs)).job_id


def told(result: tuple[int, str, str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result[1])
    return value


def test_a_submission_is_left_to_others_and_waited_for(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", layout="off")
    plain(place.landing / "a.pdf")
    code, out, err = place.run("ingest", "--detach", "--json")
    assert (code, err) == (0, "")
    left = json.loads(out)
    assert (left["taken"], left["batches"], left["daemon"]) == (1, [BATCH], False)
    job = left["job_id"]
    waiting = place.start("status", "--job", job, "--wait", "--timeout", "100")
    plain(place.landing / "b.pdf", text="Another document speaks")
    code, report = place.ingest()
    assert (code, report["seen"], report["taken"]) == (0, 2, 1)
    assert report["job_id"] != job
    out, err = waiting.communicate(timeout=100)
    assert (waiting.returncode, err.count("no daemon is alive")) == (0, 1 if err else 0)
    assert f"job {job}: done" in out
    code, out, _ = place.run("status", "--job", report["job_id"], "--json")
    both = json.loads(out)
    assert (both["state"], both["n_files"], both["new"], both["known"]) == ("done", 2, 1, 1)


def test_a_job_of_known_files_is_done_at_once(tmp_path: Path, quire: Run) -> None:
    publish_batch(make_lake(tmp_path), BATCH, ALL_GOOD)
    job = submitted(tmp_path, *ALL_GOOD)
    code, out, err = quire(tmp_path, "status", "--job", job, "--wait")
    assert (code, err) == (0, "")
    assert f"job {job}: done" in out
    assert "0 new" in out


@pytest.mark.parametrize(
    ("pdfs", "code", "state"),
    [
        ([Pdf("a.pdf"), Pdf("x.pdf", file_error="empty")], 3, "partial"),
        ([Pdf("x.pdf", file_error="empty")], 3, "failed"),
        ([Pdf("x.pdf", summary_status="blocked")], 4, "blocked"),
    ],
)
def test_waiting_ends_with_the_code_of_the_job(
    tmp_path: Path, quire: Run, pdfs: list[Pdf], code: int, state: str
) -> None:
    publish_batch(make_lake(tmp_path), BATCH, pdfs)
    job = submitted(tmp_path, *pdfs)
    result = quire(tmp_path, "status", "--job", job, "--wait", "--json")
    assert (result[0], told(result)["state"]) == (code, state)
    assert quire(tmp_path, "status", "--job", job)[0] == 0
    assert quire(tmp_path, "status", "--job", job, "--check")[0] == code


def test_waiting_has_an_end_and_stuck_batches_are_not_waited_for(
    tmp_path: Path, quire: Run
) -> None:
    lake = make_lake(tmp_path)
    add_manifest(lake, BATCH, ALL_GOOD)
    job = submitted(tmp_path, *ALL_GOOD)
    code, out, err = quire(tmp_path, "status", "--job", job, "--wait", "--timeout", "0.1", "--json")
    assert code == 1
    assert json.loads(out)["state"] == "waiting"
    assert "0 of 3 files are final after 0.1 s" in err
    for _ in range(MAX_REQUESTS):
        record_request(lake, BATCH, now=1_000_000_000)
    code, out, _ = quire(tmp_path, "status", "--job", job, "--wait")
    assert code == 1
    assert f"job {job}: stuck" in out
    assert "quire retry --batch" in out


def test_a_wait_that_is_interrupted_ends_with_130(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place")
    add_manifest(make_lake(tmp_path / "place" / "lake"), BATCH, ALL_GOOD)
    job = submitted(tmp_path / "place" / "lake", *ALL_GOOD)
    process = place.start("status", "--job", job, "--wait")
    assert process.stdout is not None
    while "files are final" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--job", "j1"], "no job 'j1'"),
        (["--wait"], "--job JOB_ID"),
        (["--job", "j1", "--timeout", "3"], "--timeout goes with --wait"),
        (["--job", "j1", "--batch", BATCH], "goes without"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    tmp_path: Path, quire: Run, arguments: list[str], words: str
) -> None:
    publish_batch(make_lake(tmp_path), BATCH, ALL_GOOD)
    code, _, err = quire(tmp_path, "status", *arguments)
    assert code == 2
    assert words in one_line(err)


def test_files_of_a_job_are_listed_where_asked(mixed: Path, quire: Run) -> None:
    job = submitted(mixed, *MIXED[:4])
    value = told(quire(mixed, "status", "--job", job, "--files", "--json"))
    assert {row["file_name"] for row in value["listed"]} == {pdf.name for pdf in MIXED[:4]}
    value = told(quire(mixed, "status", "--job", job, "--state", "quarantined", "--json"))
    assert [row["file_name"] for row in value["listed"]] == ["broken.pdf"]


def test_pause_and_resume(tmp_path: Path, quire: Run) -> None:
    publish_batch(make_lake(tmp_path), BATCH, ALL_GOOD)
    assert told(quire(tmp_path, "status", "--json"))["paused"] is None
    code, out, _ = quire(tmp_path, "pause", "--reason", "disk \x1b[31mfull")
    assert code == 0
    assert "quire resume" in out
    assert "\x1b[31m" not in out
    assert told(quire(tmp_path, "status", "--json"))["paused"]["reason"].startswith("disk")
    assert "paused since" in quire(tmp_path, "status")[1]
    assert "resumed" in quire(tmp_path, "resume")[1]
    assert "not paused" in quire(tmp_path, "resume")[1]


def test_a_person_ingests_into_a_paused_lake(
    tmp_path: Path,
    quire: Run,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake = make_lake(tmp_path / "lake")
    (tmp_path / "landing").mkdir()
    assert quire(tmp_path / "lake", "pause")[0] == 0
    plain(tmp_path / "landing" / "a.pdf")
    monkeypatch.setenv("QUIRE_STABLE_SECONDS", "0")
    code = main(["ingest", "--detach", str(tmp_path / "landing"), "--lake", lake.root])
    assert code == 0
    assert "until: quire resume" in capsys.readouterr().out
    assert lake.read("manifest").height == 1


def test_an_empty_folder_leaves_no_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "landing").mkdir()
    root = str(tmp_path / "lake")
    assert main(["ingest", str(tmp_path / "landing"), "--detach", "--lake", root]) == 2
    assert "no PDFs under" in capsys.readouterr().err
    assert Lake(root).names("_quire/jobs") == []
    assert close_job(Lake(root), open_job(Lake(root), "cli", []), SIGHTINGS.to_frame()).n_seen == 0
