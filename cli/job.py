"""`quire status --job ID`: how a submission stands, and waiting for its end.

Here: what is printed of a job, and the waiting. Not here: how its state is decided
(`resources/lake/jobs.py`).
"""

from __future__ import annotations

import time
from typing import Any, Final

import polars as pl

from cli.exit_codes import ExitCode, of_states
from cli.instance import daemon_lives
from cli.options import Opened
from cli.progress import shown_progress
from cli.terminal import say, say_table, warn
from resources.lake.jobs import JobReport, job_report, read_job
from resources.lake.pause import paused
from resources.lake.states import STATES

_LOOK_AGAIN_SECONDS: Final = 1.0
_SHARE_OF_TIME: Final = 3.0
"""Waiting leaves the machine alone for so many times as long as a look at the lake took."""
_BATCHES_LISTED: Final = 10
_LOCATIONS_LISTED: Final = 3


def look(opened: Opened, job_id: str) -> JobReport:
    """How a job stands now.

    Raises:
        SettingError: The lake knows no such job.
    """
    return job_report(opened.states(), read_job(opened.lake, job_id))


def wait_for(
    opened: Opened, job_id: str, timeout: float | None, *, as_json: bool
) -> tuple[JobReport, str | None]:
    """Look until the job has ended; returns the last look, and why the wait ended before."""
    began = time.monotonic()
    told = False
    with shown_progress(as_json=as_json) as progress:
        while True:
            looked = time.monotonic()
            report = look(opened, job_id)
            progress.report("job", report.job.job_id, report.n_final, report.n_files)
            if report.ended:
                return report, None
            if not told:
                told = True
                _say_who_runs_it(opened)
            now = time.monotonic()
            pause = max(_LOOK_AGAIN_SECONDS, _SHARE_OF_TIME * (now - looked))
            if timeout is not None and now + pause > began + timeout:
                if now >= began + timeout:
                    return report, f"{_so_far(report)} after {timeout:g} s"
                pause = began + timeout - now
            time.sleep(pause)


def exit_code(report: JobReport) -> ExitCode:
    """How a job stands as an exit code."""
    if report.state in ("taking", "interrupted"):
        return ExitCode.CANNOT_GO_ON
    return of_states(report.files)


def _so_far(report: JobReport) -> str:
    return f"{report.job.job_id}: {report.n_final:,} of {report.n_files:,} files are final"


def _say_who_runs_it(opened: Opened) -> None:
    """Say once what keeps a job from going on, where nobody works on it."""
    held = paused(opened.lake)
    if held is not None:
        warn(held.message)
    elif not opened.running() and not daemon_lives(opened.settings):
        warn("no daemon is alive: what waits is run by make dev, or by the next quire ingest")


def as_json(opened: Opened, report: JobReport, listed: pl.DataFrame | None) -> dict[str, Any]:
    """One JSON object; the words are those of every other door."""
    value = {"lake": opened.lake.root, **report.as_dict()}
    if listed is not None:
        value["listed"] = listed.to_dicts()
    return value


def say_job(report: JobReport) -> None:
    """A job for people."""
    job = report.job
    places = ", ".join(job.locations[:_LOCATIONS_LISTED])
    more = len(job.locations) - _LOCATIONS_LISTED
    say(f"job {job.job_id}: {report.state}")
    say(f"submitted {job.submitted_at} ({job.source}): {places}{f' and {more}' * (more > 0)}")
    say(
        f"{job.n_seen:,} PDFs seen, {job.n_new:,} new, {job.n_known:,} known already"
        + (f", {job.n_left:,} left" if job.n_left else "")
    )
    for uri, why in job.left[:_BATCHES_LISTED]:
        say(f"left {uri}: {why}")
    say_table(["state", "files"], [[name, report.files[name]] for name in STATES], title="Files")
    if report.failures:
        classes = ", ".join(f"{name} {count:,}" for name, count in report.failures.items())
        say(f"failures: {classes}")
    if report.n_not_taken:
        say(f"{report.n_not_taken:,} are in no batch: still being written, or removed since")
    rows = [[row["batch"], row["state"], row["n_files"]] for row in report.batches]
    if rows:
        say_table(["batch", "state", "files"], rows[:_BATCHES_LISTED], title="Batches")
    if len(rows) > _BATCHES_LISTED:
        say(f"... and {len(rows) - _BATCHES_LISTED:,} more: --json lists all")
    _say_mend(report)


def _say_mend(report: JobReport) -> None:
    if report.state == "interrupted":
        say("its taking was interrupted: run the same quire ingest again, which is a new job")
    if report.n_stuck:
        say(f"{report.n_stuck:,} files are in stuck batches: quire retry --batch BATCH")
