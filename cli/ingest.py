"""`quire ingest`: the sensor's work, run to its end here.

Here: the command, its progress bar and what it says at the end. Not here: the work (`engine.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer

from cli.exit_codes import ExitCode, of_states
from cli.home import prepare_home
from cli.instance import daemon_lives, running_batches
from cli.options import JsonOption, LakeOption
from cli.progress import shown_progress
from cli.submission import submit_all
from cli.terminal import say, say_json, warn
from resources.lake.at_provider import AtProvider, at_provider
from resources.lake.jobs import new_job_id
from resources.lake.lake import Lake
from resources.lake.pause import paused
from resources.lake.states import LakeStates
from resources.settings import Settings, absolute_location, load_settings
from resources.telemetry.memory import peak_memory_mib

if TYPE_CHECKING:  # it imports Dagster
    from cli.engine import Ingested


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of PDFs, or single PDFs; the landing zone when not given."),
    ] = None,
    *,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Only take the files; the sensor of make dev runs them."),
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take every new PDF into batches and run them to the end, retries included."""
    settings = load_settings()
    if lake is not None:
        settings = settings.with_lake(lake)
    locations = [absolute_location(path, Path.cwd()) for path in paths or ()]
    locations = locations or [settings.landing]
    job_id = new_job_id()
    if not as_json:
        say(f"lake: {settings.lake}")
    if detach:
        _detach(settings, locations, job_id, as_json=as_json)
        return
    if not as_json:
        say(f"job: {job_id}")
    prepare_home(settings)
    from cli.engine import ingest as run_ingest  # imports Dagster: over a second

    held = paused(Lake(settings.lake, settings.storage_options))
    if held is not None and not as_json:
        say(f"the sensor is {held.message}; this goes on")
    with shown_progress(as_json=as_json) as progress:
        result = run_ingest(settings, locations, progress, job_id)
    table = Lake(settings.lake, settings.storage_options)
    told = LakeStates(table, running_batches(settings))
    states, provider = told.files, at_provider(table, told)
    report = _report(settings, result, states, provider)
    if as_json:
        say_json(report)
    else:
        _say(report, provider)
    for batch, error in result.failed_runs.items():
        warn(f"{batch}: {error}")
    for why in result.held_back.values():
        warn(f"every batch waits for an accepted version: {why}")
    # What waits for the provider is nothing that this command could not do.
    away = (pl.col("state") == "waiting") & pl.col("batch").is_in(list(provider.batches))
    ours = _counts(states.filter(pl.col("batch").is_in(list(result.covered)) & ~away))
    raise typer.Exit(ExitCode.CANNOT_GO_ON if result.failed_runs else of_states(ours))


def _report(
    settings: Settings, result: Ingested, states: pl.DataFrame, provider: AtProvider
) -> dict[str, Any]:
    """What `--json` prints, and the terminal's lines are made of."""
    return {
        "lake": settings.lake,
        "job_id": result.job_id,
        "seen": result.seen,
        "taken": result.taken,
        "waiting": result.waiting,
        "left": [{"uri": uri, "why": why} for uri, why in result.left],
        "batches": result.batches,
        "runs": result.runs,
        "failed_runs": result.failed_runs,
        "held_back": result.held_back,
        "states": _counts(states),
        "provider": provider.as_dict() if provider.jobs else None,
        "peak_memory_mb": round(peak_memory_mib()),
    }


def _detach(settings: Settings, locations: Sequence[str], job_id: str, *, as_json: bool) -> None:
    """Take the files, and say who runs them."""
    table = Lake(settings.lake, settings.storage_options)
    table.check_writable()
    submitted = submit_all(table, settings, locations, job_id)
    daemon = daemon_lives(settings)
    held = paused(table)
    if as_json:
        job = submitted.job
        say_json(
            {
                "lake": settings.lake,
                "job_id": job.job_id,
                "seen": job.n_seen,
                "taken": job.n_new,
                "known": job.n_known,
                "waiting": job.n_waiting,
                "left": [{"uri": uri, "why": why} for uri, why in submitted.last.left],
                "batches": list(submitted.batches),
                "daemon": daemon,
                "paused": held is not None,
            }
        )
        return
    say(f"job: {job_id}")
    say(submitted.message)
    if submitted.batches:
        say(f"batches: {', '.join(submitted.batches)}")
    if held is not None:
        say(f"{held.message}; then the sensor of make dev runs them")
    elif daemon:
        say("the sensor of make dev runs them")
    else:
        say("no daemon is alive to run them: start make dev, or quire ingest to run them here")
    say(f"wait for them with: quire status --job {job_id} --wait")


def _counts(states: pl.DataFrame) -> dict[str, int]:
    return {row["state"]: row["len"] for row in states.group_by("state").len().to_dicts()}


def _say(report: dict[str, Any], provider: AtProvider) -> None:
    say(
        f"{report['seen']} PDFs seen, {report['taken']} new in {len(report['batches'])} batches, "
        f"{report['runs']} runs"
    )
    if report["batches"]:
        say(f"batches: {', '.join(report['batches'])}")
    states = ", ".join(f"{n} {state}" for state, n in sorted(report["states"].items()))
    say(f"files: {states}")
    stopped = report["failed_runs"] or report["held_back"]
    if provider.jobs:
        say(provider.message)
        say("their summaries come with make dev, or when quire ingest is called again later")
    elif report["states"].get("waiting") and not stopped:
        say("what waits is tried again by the next quire ingest, or later by make dev")
    if report["waiting"]:
        say(f"{report['waiting']} are still being written: run again, or leave them to make dev")
    for item in report["left"]:
        say(f"left {item['uri']}: {item['why']}")
