"""Dagster's partition set, kept to the batches that are live.

Here: adding batches in bulk, and letting old ones go. Not here: which are live
(`resources/lake/live.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import dagster as dg
from sqlalchemy.exc import IntegrityError

from assets.partitions import PARTITIONS_NAME
from resources.crash_points import reach

REMOVED_A_TICK: Final = 200
"""Dagster removes one partition at a time, some milliseconds each."""
_ADD_AT_ONCE: Final = 10_000
_TRIES: Final = 5


def add_partitions(instance: dg.DagsterInstance, batches: Iterable[str]) -> None:
    """Add batches to the partition set in bulk; the request in a result checks them one by one."""
    reach("partitions.before_add")
    wanted = list(dict.fromkeys(batches))
    for attempt in range(_TRIES):
        known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
        fresh = [batch for batch in wanted if batch not in known]
        try:
            for first in range(0, len(fresh), _ADD_AT_ONCE):
                instance.add_dynamic_partitions(
                    PARTITIONS_NAME, fresh[first : first + _ADD_AT_ONCE]
                )
            break
        except IntegrityError:  # another process added one of them since we looked
            if attempt == _TRIES - 1:
                raise
    reach("partitions.after_add")


def retire_partitions(instance: dg.DagsterInstance, batches: Collection[str]) -> int:
    """Let batches leave the partition set, some a call; returns how many left."""
    known = set(instance.get_dynamic_partitions(PARTITIONS_NAME))
    leaving = sorted(known.intersection(batches))[:REMOVED_A_TICK]
    for batch in leaving:
        instance.delete_dynamic_partition(PARTITIONS_NAME, batch)
    return len(leaving)
