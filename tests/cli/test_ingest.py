"""`quire ingest`: waits for what others do, survives what others left, and stops when told to."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psutil
import pytest

from cli.engine import ELSEWHERE, Ingested, ingest
from cli.home import prepare_home
from cli.interrupts import noting_interrupts
from definitions import INGEST_JOB, build_defs
from io_managers.publish import claim_epoch, commit_partition, transaction_id
from resources.lake.batches import due_batches, read_requests, record_request, unfinished_batches
from resources.lake.lake import Lake
from resources.settings import Settings
from resources.telemetry.progress import Progress, Step
from sensors.runs import PROCESS_TAG, this_process
from sensors.scan import tick
from tests.end_to_end.pdfs import endless_page, plain
from tests.end_to_end.running import Place, make_place
from tests.sensors.runs import make_run

BATCH = "b00000001"


def run_states(place: Place) -> list[str]:
    """The states of the runs so far; none while Dagster is still making its tables."""
    runs = Path(place.environment["DAGSTER_HOME"]) / "history" / "runs.db"
    if not runs.exists():
        return []
    with closing(sqlite3.connect(runs)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
            return []
        return [status for (status,) in database.execute("SELECT status FROM runs")]


def started(place: Place, *, files: bool = False, deadline: float = 60) -> bool:
    """Wait for a run to be STARTED or, with `files`, for its first stage to be published."""
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        if files and place.lake.read("files").height:
            return True
        if not files and "STARTED" in run_states(place):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(True, id="terminal"),
        pytest.param(False, id="kill", marks=pytest.mark.slow),
    ],
)
def test_an_interrupt_stops_it_at_once_and_the_next_goes_on(tmp_path: Path, *, group: bool) -> None:
    place = make_place(tmp_path / "place", layout="off")
    endless_page(place.landing / "endless.pdf", n_pages=3, page=2)
    plain(place.landing / "good.pdf", n_pages=2)
    process = place.start("ingest", "--json")
    assert started(place, files=True)
    time.sleep(2)
    workers = psutil.Process(process.pid).children(recursive=True)
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)  # ^C reaches the whole group
    sent = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - sent < 10
    assert (process.returncode, out) == (130, "")
    assert err.count("\n") == 1, err
    assert "interrupted" in err
    assert not psutil.wait_procs(workers, timeout=5)[1]
    assert run_states(place)[0] in ("CANCELED", "FAILURE")
    (place.landing / "endless.pdf").unlink()
    code, report = place.ingest()
    assert (code, report["failed_runs"]) == (3, {})
    assert report["states"] == {"done": 1, "quarantined": 1}


def test_two_at_once_wait_for_each_other(tmp_path: Path) -> None:
    place = make_place(tmp_path / "place", layout="off")
    for number in range(3):
        plain(place.landing / f"{number}.pdf", n_pages=40, text=f"Document {number} speaks")
    first = place.start("ingest", "--json")
    assert started(place)
    code, out, err = place.run("ingest")
    _, first_err = first.communicate(timeout=120)
    assert (code, err) == (0, "")
    assert (first.returncode, first_err) == (0, "")
    assert "0 new in 0 batches" in out
    assert "files: 3 done" in out
    assert set(run_states(place)) == {"SUCCESS"}


@pytest.fixture
def home(settings: Settings) -> dg.DagsterInstance:
    """The instance of the lake, as every command prepares it."""
    (Path(os.environ["DAGSTER_HOME"])).rmdir()
    prepare_home(settings)
    return dg.DagsterInstance.get()


def orphan(
    settings: Settings, instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str
) -> str:
    job = build_defs(settings).resolve_job_def(INGEST_JOB)
    tags = {"dagster/partition": BATCH, **tags}
    return make_run(instance, job, status, tags).run_id


def take(settings: Settings) -> Lake:
    """One plain PDF, taken into a batch that no run has begun."""
    plain(Path(settings.landing) / "a.pdf")
    lake = Lake(settings.lake)
    assert tick(lake, settings, [settings.landing], linger=False).batches == (BATCH,)
    return lake


def run_here(settings: Settings, progress: Progress | None = None) -> Ingested:
    return ingest(replace(settings, layout=False), [settings.landing], progress or Progress())


def test_runs_that_nobody_will_start_do_not_hold_a_batch(
    settings: Settings, home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(settings)
    monkeypatch.setattr("sensors.runs._CREATED_SECONDS", 0.5)
    orphans = [
        orphan(settings, home, dg.DagsterRunStatus.NOT_STARTED),
        orphan(settings, home, dg.DagsterRunStatus.QUEUED),
    ]
    result = run_here(settings)
    assert (result.runs, result.failed_runs) == (1, {})
    ended = [home.get_run_by_id(run) for run in orphans]
    assert [run.status.value for run in ended if run is not None] == ["CANCELED", "CANCELED"]


def test_what_a_living_run_holds_is_waited_for_and_then_done(
    settings: Settings, home: dg.DagsterInstance
) -> None:
    lake = take(settings)
    tags = {PROCESS_TAG: this_process()}
    run_id = orphan(settings, home, dg.DagsterRunStatus.STARTED, **tags)
    told: list[str] = []

    def listen(step: Step) -> None:
        told.append(step.stage)
        if told == [ELSEWHERE] * 2:  # the other run fails: the batch is to be done here
            run = home.get_run_by_id(run_id)
            assert run is not None
            home.report_run_failed(run)

    result = run_here(settings, Progress(listen))
    assert told[:3] == [ELSEWHERE, ELSEWHERE, "files"]
    assert (result.runs, result.failed_runs) == (1, {})
    assert unfinished_batches(lake) == []


def test_a_run_that_was_superseded_is_no_failure(
    settings: Settings, home: dg.DagsterInstance
) -> None:
    lake = take(settings)
    overtaken: list[int] = []

    def listen(step: Step) -> None:
        if step.stage == "docs" and not overtaken:  # another run publishes before this one does
            epoch = claim_epoch(lake, "docs", BATCH)
            transaction = transaction_id("docs", BATCH)
            commit_partition(lake, "docs", [], {"batch": BATCH}, transaction, epoch)
            overtaken.append(epoch)

    result = run_here(settings, Progress(listen))
    assert overtaken
    assert (result.runs, result.failed_runs) == (2, {})
    assert unfinished_batches(lake) == []
    assert lake.read("docs").height == 1


def test_runs_that_a_person_starts_do_not_use_up_the_healing(
    settings: Settings, home: dg.DagsterInstance
) -> None:
    lake = take(settings)
    record_request(lake, BATCH, now=0)
    broken = Path(settings.lake) / "pages"
    broken.write_text("no table")
    for _ in range(2):
        result = run_here(settings)
        assert set(result.failed_runs) == {BATCH}
    assert read_requests(lake, BATCH).count == 1
    broken.unlink()
    assert due_batches(lake, [BATCH], []) == [BATCH]
    assert run_here(settings).failed_runs == {}
    assert read_requests(lake, BATCH).count == 0


def test_a_batch_that_could_not_be_measured_is_finished_and_that_is_said(
    settings: Settings, home: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = take(settings)
    (Path(settings.lake) / "evals").write_text("no table")
    result = run_here(settings)
    assert (result.runs, result.failed_runs) == (1, {})
    assert unfinished_batches(lake) == []
    assert lake.read("summaries").height == 1
    said = [line for line in capsys.readouterr().err.splitlines() if "evals" in line]
    assert said[0].startswith(f"quire: {BATCH}: evals: ")


def test_an_interrupt_is_heard_whatever_handler_is_in_place() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with noting_interrupts() as interrupted:
            assert not interrupted()
            os.kill(os.getpid(), signal.SIGINT)
            assert interrupted()
            assert interrupted()
        with noting_interrupts() as interrupted:
            assert not interrupted()
    finally:
        signal.signal(signal.SIGINT, before)
