"""`quire retry`: ask again for batches that the healing schedule has given up or still waits with.

Here: forgetting how often a batch was asked for. Not here: the runs, which the sensor or the next
`quire ingest` starts.
"""

from __future__ import annotations

from typing import Annotated

import polars as pl
import typer

from cli.instance import existing_home
from cli.options import JsonOption, LakeOption, Opened, open_lake
from cli.terminal import say, say_json
from resources.errors import QuireError, SettingError
from resources.lake.batches import forget_requests, retryable_batches
from resources.lake.find import Found, find
from resources.lake.live import pin
from resources.lake.states import LakeStates


def retry(
    docs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DOC]...", help="Documents whose batches are to run again."),
    ] = None,
    batches: Annotated[
        list[str] | None,
        typer.Option("--batch", metavar="BATCH", help="A batch; may be given several times."),
    ] = None,
    *,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask again for stuck or waiting batches: the sensor or the next quire ingest runs them."""
    if not docs and not batches:
        raise SettingError("say what to retry: quire retry --batch BATCH, or quire retry DOC")
    opened = open_lake(lake, quiet=as_json)
    opened.require_rows()
    states = opened.states()
    wanted = list(batches or [])
    for name in wanted:
        if name not in states.batches["batch"]:
            raise QuireError(f"no batch {name!r} in {opened.lake.root}: quire status lists batches")
    wanted += [_batch_of(find(states, doc)) for doc in docs or []]
    wanted = list(dict.fromkeys(wanted))
    useful = _needs_a_run(states)
    asked = [name for name in wanted if name in useful]
    for name in asked:
        forget_requests(opened.lake, name)
    idle = [name for name in wanted if name not in useful]
    if idle:
        pin(opened.lake, idle)
        _put_back(opened, idle)
    if as_json:
        say_json({"lake": opened.lake.root, "asked_again": asked, "nothing_to_retry": idle})
        return
    for name in asked:
        say(f"{name} is asked for again by the sensor (make dev) or the next quire ingest FOLDER")
    for name in idle:
        say(
            f"{name} has nothing to retry: every stage is published; to do it over, materialise "
            "it in the Dagster UI (make dev)"
        )


def _put_back(opened: Opened, batches: list[str]) -> None:
    """See that old batches, which left Dagster's partition set, can be materialised there."""
    home = existing_home(opened.settings)
    if home is not None:
        import dagster as dg  # over a second, so only where an instance is

        from sensors.partitions import add_partitions

        with dg.DagsterInstance.from_config(str(home)) as instance:
            add_partitions(instance, batches)


def _batch_of(found: Found) -> str:
    if found.state == "quarantined":
        raise QuireError(
            f"{found.label} is quarantined ({found.error_class}), so a run would skip it: mend the "
            "cause, then quire quarantine release DOC (changed bytes are a new document)"
        )
    return found.batch


def _needs_a_run(states: LakeStates) -> set[str]:
    unfinished = states.batches.filter(pl.col("state") != "finished")["batch"]
    return {*unfinished.to_list(), *retryable_batches(states.lake)}
