"""How pods that died in the middle of a stage came to their end, kept for the try after them.

Here: writing and reading these records, beside the notes of what was in hand (`intents.py`), under
the number of the epoch that the pod had claimed. Not here: telling how a pod ended
(`resources/kubernetes/endings.py`), or what follows for a document (`intents.py`).

A pod that is killed says nothing. Whoever reads its status writes the record, before the step is
tried again; it goes with the notes, when the stage is published.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from io_managers.publish import published_epoch
from resources.errors import ErrorClass
from resources.kubernetes.endings import Cause
from resources.lake.lake import Lake

FOLDER: Final = "_quire/intents"
OUT_OF_MEMORY: Final = "out of memory in its pod"
"""How the failure of a document begins that was alone in hand when the largest pod was killed."""
TOO_LARGE: Final = (
    f"{OUT_OF_MEMORY}: the largest one was killed while it held this document alone: raise "
    "memory_classes of the stage in QUIRE_K8S"
)
NOBODYS_FAULT: Final = frozenset(
    {Cause.EVICTED, Cause.PREEMPTED, Cause.NODE_LOST, Cause.GONE, Cause.PENDING}
)
"""The cluster took the pod away: what was in hand had no part in it."""
_COLUMNS: Final = ("stage", "error_class", "error", "quarantined")


@dataclass(frozen=True)
class End:
    """One pod's end."""

    cause: str
    job: str
    largest: bool = False
    """Whether it had the memory of the largest class."""
    at: float = 0.0
    """Seconds since 1970, by the clock of whoever wrote this."""


def is_end(name: str) -> bool:
    """Whether an object in the folder of notes is the record of an end: `<epoch>.<job>.json`."""
    return name.count(".") > 1


def note_end(lake: Lake, stage: str, batch: str, end: End) -> None:
    """Keep how the pod ended that has the greatest epoch; nothing when that one has published."""
    claimed = [
        int(name) for name in lake.names(f"_quire/epochs/{stage}/{batch}") if name.isdecimal()
    ]
    epoch = max(claimed, default=0)
    if epoch > (published_epoch(lake, stage, batch) or 0):
        record = asdict(end) | {"at": end.at or time.time()}
        lake.put(
            f"{FOLDER}/{stage}/{batch}/{epoch:08d}.{end.job}.json", json.dumps(record).encode()
        )


def read_ends(lake: Lake, stage: str, batch: str, names: Iterable[str]) -> dict[int, list[End]]:
    """Ends by epoch, in order of time, of the records with these names."""
    found: dict[int, list[End]] = {}
    ends = [name for name in names if is_end(name)]
    for name, data in zip(
        ends, lake.get_all([f"{FOLDER}/{stage}/{batch}/{name}" for name in ends]), strict=True
    ):
        try:
            end = End(**json.loads(data or b""))
        except (ValueError, TypeError):
            continue  # torn by a power cut: one end that nobody knows of
        found.setdefault(int(name.partition(".")[0]), []).append(end)
    return {epoch: sorted(some, key=lambda end: end.at) for epoch, some in found.items()}


def memory_class(lake: Lake, stage: str, batch: str) -> int:
    """Which memory class the next pod of a stage and batch has, from 0.

    One more for every pod that was too small since the batch was published; 1 at once when a
    document of it was found to be too much for the largest before.
    """
    base = published_epoch(lake, stage, batch) or 0
    names = lake.names(f"{FOLDER}/{stage}/{batch}")
    fresh = [name for name in names if int(name.partition(".")[0]) > base]
    ends = read_ends(lake, stage, batch, fresh)
    killed = sum(end.cause == Cause.OOM for some in ends.values() for end in some)
    before = lake.read("failures", _COLUMNS, batch=batch).to_dicts()
    return killed + any(row["stage"] == stage and is_out_of_memory(row) for row in before)


def is_out_of_memory(failure: Mapping[str, Any]) -> bool:
    """Whether a row of `failures` was charged so by an earlier run, and another run may try it."""
    return (
        failure["error_class"] == ErrorClass.MEMORY
        and not failure["quarantined"]
        and str(failure["error"]).startswith(OUT_OF_MEMORY)
    )
