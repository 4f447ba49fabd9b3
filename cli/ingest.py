"""`quire ingest`: the sensor's work, run to its end here.

Here: the command, its progress bar and what it says at the end. Not here: the work (`engine.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich.console import Console

from cli.exit_codes import ExitCode, of_states
from cli.home import prepare_home
from cli.instance import running_batches
from cli.options import JsonOption, LakeOption
from cli.progress import progress_bar, progress_lines
from cli.terminal import say, say_json, warn
from resources.lake.lake import Lake
from resources.lake.states import files_states
from resources.settings import absolute_location, load_settings
from resources.telemetry.memory import peak_memory_mib
from resources.telemetry.progress import Progress


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of PDFs, or single PDFs; the landing zone when not given."),
    ] = None,
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take every new PDF into batches and run them to the end, retries included."""
    settings = load_settings()
    if lake is not None:
        settings = settings.with_lake(lake)
    locations = [absolute_location(path, Path.cwd()) for path in paths or ()]
    locations = locations or [settings.landing]
    if not as_json:
        say(f"lake: {settings.lake}")
    prepare_home(settings)
    from cli.engine import ingest as run_ingest  # imports Dagster: over a second

    with _progress(as_json=as_json) as progress:
        result = run_ingest(settings, locations, progress)
    table = Lake(settings.lake, settings.storage_options)
    states = files_states(table, running_batches(settings))
    counts = _counts(states)
    report: dict[str, Any] = {
        "lake": settings.lake,
        "seen": result.seen,
        "taken": result.taken,
        "waiting": result.waiting,
        "left": [{"uri": uri, "why": why} for uri, why in result.left],
        "batches": result.batches,
        "runs": result.runs,
        "failed_runs": result.failed_runs,
        "states": counts,
        "peak_memory_mb": round(peak_memory_mib()),
    }
    if as_json:
        say_json(report)
    else:
        _say(report)
    for batch, error in result.failed_runs.items():
        warn(f"{batch}: {error}")
    ours = _counts(states.filter(pl.col("batch").is_in(list(result.covered))))
    raise typer.Exit(ExitCode.CANNOT_GO_ON if result.failed_runs else of_states(ours))


@contextmanager
def _progress(*, as_json: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    if as_json:
        yield Progress()
    elif console.is_terminal:
        with progress_bar(console) as bar:
            yield bar
    else:
        yield progress_lines(say)


def _counts(states: pl.DataFrame) -> dict[str, int]:
    return {row["state"]: row["len"] for row in states.group_by("state").len().to_dicts()}


def _say(report: dict[str, Any]) -> None:
    say(
        f"{report['seen']} PDFs seen, {report['taken']} new in {len(report['batches'])} batches, "
        f"{report['runs']} runs"
    )
    if report["batches"]:
        say(f"batches: {', '.join(report['batches'])}")
    states = ", ".join(f"{n} {state}" for state, n in sorted(report["states"].items()))
    say(f"files: {states}")
    if report["states"].get("waiting") and not report["failed_runs"]:
        say("what waits is tried again by the next quire ingest, or later by make dev")
    if report["waiting"]:
        say(f"{report['waiting']} are still being written: run again, or leave them to make dev")
    for item in report["left"]:
        say(f"left {item['uri']}: {item['why']}")
