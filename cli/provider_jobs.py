"""`quire provider list` and `cancel`: jobs that are out at a provider's Batch API.

Here: what is printed, and the asking to end them. Not here: moving jobs on (`provider.py`), what
one holds (`io_managers/api_jobs.py`).
"""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from cli.options import JsonOption, LakeOption, open_lake
from cli.terminal import say, say_json, say_table
from io_managers.api_jobs import Job
from resources.errors import QuireError, SettingError
from resources.lake.at_provider import at_provider
from resources.lake.pause import paused
from resources.llm.openai_batch.make import make_provider

commands = typer.Typer(help="Jobs that are out at a provider's Batch API.")


@commands.callback()
def provider() -> None:
    """Jobs that are out at a provider's Batch API."""


@commands.command("list")
def list_jobs(*, lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """List the jobs that are out, oldest first."""
    opened = open_lake(lake, quiet=as_json)
    told = at_provider(opened.lake, opened.states())
    if as_json:
        say_json({"lake": opened.lake.root, **told.as_dict()})
    elif not told.jobs:
        say("no job is out")
    else:
        say_table(
            ["job", "at the provider", "batch", "state", "requests", "since", "what happened"],
            [
                [job.job, job.provider_job, job.batch, job.state, job.n_requests, job.recorded_at,
                 job.error]
                for job in told.jobs
            ],
        )  # fmt: skip


@commands.command("cancel")
def cancel(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[JOB]...", help="Jobs, by either id."),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All jobs that are out.")] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the provider to end jobs; what they have answered by then is paid for and used."""
    if bool(names) == every:
        raise SettingError("name jobs (quire provider list shows them), or give --all")
    opened = open_lake(lake, quiet=as_json)
    chosen = _chosen(at_provider(opened.lake, opened.states()).jobs, names)
    ended = [job for job in chosen if job.provider_job is not None]
    with closing(make_provider(opened.settings)) as place:
        for job in ended:
            place.cancel(job.provider_job or "")
    held = paused(opened.lake) is not None
    if as_json:
        cancelled = [job.provider_job for job in ended]
        say_json({"lake": opened.lake.root, "cancelled": cancelled, "paused": held})
        return
    say(f"{len(ended)} jobs are asked to end; what they answered comes with the next look")
    for job in chosen:
        if job.provider_job is None:
            say(f"{job.job} was not sent to its end, so there is nothing to cancel yet")
    if ended and not held:
        say("what they did not answer is asked again: quire pause keeps make dev from it")


def _chosen(jobs: tuple[Job, ...], names: list[str] | None) -> list[Job]:
    if names is None:
        return list(jobs)
    known = {name: job for job in jobs for name in (job.job, job.provider_job) if name}
    strange = [name for name in names if name not in known]
    if strange:
        raise QuireError(f"no job {strange[0]!r} is out: quire provider list shows those that are")
    return list({known[name].job: known[name] for name in names}.values())
