"""`quire audit --repair`: mends what can be mended without touching a row.

Here: the mends and what each one did. Not here: finding what is wrong (`audit.py`).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cli.instance import existing_home, running_batches
from cli.options import Opened
from resources.lake.batch_states import batch_states
from resources.lake.batches import all_batches, finished_batches, forget_requests
from resources.lake.lake import Lake
from resources.lake.live import retired
from resources.lake.maintenance import sweep


def repair(opened: Opened) -> list[str]:
    """Mend what is safe, and say it; one line a thing, none when there was nothing to mend.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    home = existing_home(opened.settings)
    done = [] if home is None else _dagster(home, opened.lake)
    running = running_batches(opened.settings)
    care = sweep(opened.lake, running)
    done += [
        f"{name.replace('_', ' ')}: {count:,}" for name, count in care.counts().items() if count
    ]
    states = batch_states(opened.lake, running)
    for batch in states.filter(pl.col("state") == "stuck")["batch"]:
        forget_requests(opened.lake, batch)
        done.append(f"{batch} is asked for again by the sensor (make dev) or the next quire ingest")
    return done


def _dagster(home: Path, lake: Lake) -> list[str]:
    """End runs whose process is gone; make the partition set agree with the manifest."""
    import dagster as dg  # over a second, so only where an instance is

    from assets.partitions import PARTITIONS_NAME
    from sensors.partitions import add_partitions
    from sensors.runs import end_lost_runs
    from sensors.runs import running_batches as batches_in_runs

    with dg.DagsterInstance.from_config(str(home)) as instance:
        done = [f"run {run} was ended: no process works on it" for run in end_lost_runs(instance)]
        # Partitions first: a batch is in the manifest before it is a partition.
        known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
        batches = all_batches(lake)
        away = set(retired(batches, finished_batches(lake, batches)))
        missing = [batch for batch in batches if batch not in known and batch not in away]
        if missing:
            add_partitions(instance, missing)
            done += [f"partition {batch} was added" for batch in missing]
        # Without a manifest, any lake would look as if it had no batches: then none is removed.
        unknown = known - set(batches) - batches_in_runs(instance) if batches else set()
        for name in sorted(unknown):
            instance.delete_dynamic_partition(PARTITIONS_NAME, name)
            done.append(f"partition {name} was removed: the manifest has no such batch")
    return done
