"""`quire status`: how every file and document stands, batch by batch where asked.

Here: what is printed. Not here: how states are decided (`resources/lake/states.py`) or one
submission (`job.py`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import polars as pl
import typer

from assets.evals.kept import newest_run, report_address
from assets.evals.report.write import title_of
from assets.versions import waiting_versions
from cli import job as jobs
from cli import spending
from cli import stale as stale_part
from cli.exit_codes import of_states
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.terminal import say, say_json, say_table
from resources.errors import QuireError, SettingError
from resources.lake.at_provider import at_provider
from resources.lake.pause import paused
from resources.lake.states import STATES, LakeStates
from resources.lake.summary import Summary, summary
from resources.lake.upgrades import open_upgrade

_BATCHES_LISTED: Final = 10
_FILES_LISTED: Final = 50


def status(
    *,
    batch: Annotated[
        str | None, typer.Option("--batch", metavar="BATCH", help="Only this batch, file by file.")
    ] = None,
    files: Annotated[bool, typer.Option("--files", help="List the files too.")] = False,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE", help="List the files in this state."),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="JOB_ID", help="Only what came in with this submission."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="With --job: wait until every file of it is final.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", min=0, help="With --wait: at most so long."),
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="What a newer version has made out of date.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit 1, 3 or 4 when something waits, failed or is blocked."),
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how every file and document stands: done, partial, waiting, quarantined."""
    if state is not None and state not in STATES:
        raise SettingError(f"--state {state}: choose one of {', '.join(STATES)}")
    _check_options(job, batch, wait=wait, stale=stale, timeout=timeout)
    opened = open_lake(lake, quiet=as_json)
    if job is not None:
        _of_job(opened, job, _Wanted(files, state, wait, timeout, check), as_json=as_json)
        return
    states = opened.states()
    if batch is not None and batch not in states.batches["batch"]:
        raise QuireError(f"no batch {batch!r} in {opened.lake.root}: quire status lists batches")
    told = summary(opened.lake, states=states, batch=batch)
    listed = _files(states, batch, state) if files or state or batch else None
    if as_json:
        say_json(_as_json(opened, states, told, listed, stale=stale))
    elif opened.empty or not told.n_files:
        say(opened.hint)
    else:
        _say(opened, states, told, batch)
        if listed is not None:
            _say_files(listed)
        if stale:
            stale_part.say_stale(opened)
    if check:
        raise typer.Exit(of_states(told.files))


def _say(opened: Opened, states: LakeStates, told: Summary, batch: str | None) -> None:
    """The summary, models' costs, what is at a provider, batches, what stands still or moves."""
    _say_summary(told)
    if batch is None:
        spending.say_spending(opened, told.documents["blocked"])
    provider = at_provider(opened.lake, states)
    if provider.jobs and (batch is None or batch in provider.batches):
        say(provider.message)
    _say_batches(states, batch)
    if batch is None:
        _say_evaluation(opened)
    held = paused(opened.lake)
    if held is not None:
        say(held.message)
    _say_versions(opened, states)
    upgrade = open_upgrade(opened.lake)
    if upgrade is not None:
        say(upgrade.message)


def _say_versions(opened: Opened, states: LakeStates) -> None:
    """Versions of the settings that are not accepted, and which batches wait for that."""
    waiting = waiting_versions(opened.lake, opened.settings)
    open_batches = states.batches.filter(pl.col("state").is_in(["waiting", "stuck"])).height
    if open_batches and any(version.used is None for version in waiting):
        say(f"{open_batches} batches wait for an accepted version:")
        for version in waiting:
            say(version.words)
    elif waiting:
        names = ", ".join(f"{version.version} ({version.state})" for version in waiting)
        say(f"not accepted, and used for nothing: {names}; quire evals run judges candidates")


def _say_evaluation(opened: Opened) -> None:
    """What the last evaluation decided, and where its report lies."""
    run = newest_run(opened.lake)
    if run is not None:
        address = report_address(opened.lake, run.run_id)
        say(f"{title_of(run)}, {run.started_at:%Y-%m-%d %H:%M} UTC: {address}")


@dataclass(frozen=True)
class _Wanted:
    """What was asked for beside `--job`."""

    files: bool
    state: str | None
    wait: bool
    timeout: float | None
    check: bool


def _check_options(
    job: str | None, batch: str | None, *, wait: bool, stale: bool, timeout: float | None
) -> None:
    if wait and job is None:
        raise SettingError("--wait goes with --job JOB_ID, which quire ingest prints")
    if timeout is not None and not wait:
        raise SettingError("--timeout goes with --wait")
    if job is not None and (batch is not None or stale):
        raise SettingError("--job goes without --batch and --stale")


def _of_job(opened: Opened, job_id: str, wanted: _Wanted, *, as_json: bool) -> None:
    """Tell of one submission; with `--wait` once it has ended, and by its exit code."""
    late = None
    if wanted.wait:
        report, late = jobs.wait_for(opened, job_id, wanted.timeout, as_json=as_json)
    else:
        report = jobs.look(opened, job_id)
    listed = report.listed
    if wanted.state is not None:
        listed = listed.filter(pl.col("state") == wanted.state)
    in_full = wanted.files or wanted.state is not None
    if as_json:
        say_json(jobs.as_json(opened, report, listed if in_full else None))
    else:
        jobs.say_job(report)
        if in_full:
            _say_files(listed)
    if late is not None:
        raise QuireError(f"{late}: look with quire status --job {report.job.job_id}")
    if wanted.wait or wanted.check:
        raise typer.Exit(jobs.exit_code(report))


def _files(states: LakeStates, batch: str | None, state: str | None) -> pl.DataFrame:
    rows = states.files
    if batch is not None:
        rows = rows.filter(pl.col("batch") == batch)
    return rows if state is None else rows.filter(pl.col("state") == state)


def _as_json(
    opened: Opened,
    states: LakeStates,
    told: Summary,
    listed: pl.DataFrame | None,
    *,
    stale: bool,
) -> dict[str, Any]:
    open_batches = states.batches.filter(pl.col("state") != "finished")
    value = {
        "lake": opened.lake.root,
        **told.as_dict(),
        "unfinished_batches": open_batches.to_dicts(),
        "spending": spending.as_json(opened),
        "provider": at_provider(opened.lake, states).as_dict(),
        "waiting_versions": [
            asdict(version) for version in waiting_versions(opened.lake, opened.settings)
        ],
        "paused": None if (held := paused(opened.lake)) is None else asdict(held),
    }
    if listed is not None:
        value["listed"] = listed.to_dicts()
    if stale:
        value |= stale_part.as_json(opened)
    return value


def _say_summary(told: Summary) -> None:
    rows: list[list[object]] = [
        [name, told.files.get(name, 0), told.documents.get(name, 0)] for name in STATES
    ]
    say()
    say_table(["state", "files", "documents"], [*rows, ["total", told.n_files, told.n_documents]])
    say()
    share = "" if told.ocr_share is None else f", {told.ocr_share:.0%} by OCR"
    say(
        f"{told.pages:,} pages ({told.pages_failed:,} failed{share}), {told.figures:,} figures, "
        f"{told.duplicates:,} duplicates, {_cost(told)}"
    )
    if told.failures:
        classes = ", ".join(f"{name} {count:,}" for name, count in told.failures.items())
        say(f"failures: {classes}")


def _cost(told: Summary) -> str:
    unknown = f" (and {told.cost_unknown:,} of unknown cost)" if told.cost_unknown else ""
    return f"spent {told.cost_usd:.2f} USD{unknown}"


def _say_batches(states: LakeStates, batch: str | None) -> None:
    counts = states.batches["state"].value_counts().sort("state").iter_rows()
    say("batches: " + ", ".join(f"{count:,} {name}" for name, count in counts))
    rows = states.batches.filter(
        pl.col("state") != "finished" if batch is None else pl.col("batch") == batch
    )
    if rows.is_empty():
        return
    columns = ["batch", "state", "files", "published", "asked for", "last"]
    say_table(
        columns,
        [
            [
                row["batch"],
                row["state"],
                row["n_files"],
                " ".join(row["stages"]),
                row["requests"],
                row["last_requested_at"],
            ]
            for row in rows.head(_BATCHES_LISTED).to_dicts()
        ],
        title="Batches that are not finished" if batch is None else f"Batch {batch}",
    )
    if rows.height > _BATCHES_LISTED:
        say(f"... and {rows.height - _BATCHES_LISTED:,} more")
    if not rows.filter(pl.col("state") == "stuck").is_empty():
        say("stuck batches are asked for again with: quire retry --batch BATCH")


def _say_files(listed: pl.DataFrame) -> None:
    say_table(
        ["file", "document", "state", "class", "stage", "what happened"],
        [
            [
                row["file_name"],
                (row["doc_id"] or "")[:12],
                row["state"],
                row["error_class"],
                row["stage"],
                row["error"],
            ]
            for row in listed.head(_FILES_LISTED).to_dicts()
        ],
        title="Files",
    )
    if listed.height > _FILES_LISTED:
        say(f"... and {listed.height - _FILES_LISTED:,} more: --json lists all")
