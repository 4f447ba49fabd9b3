"""What lies outside a lake, compared with it: the landing zone, and Dagster's set of partitions.

Here: the comparison, over what the caller saw. Not here: looking (`cli/audit.py`), or what lies in
the lake itself (`audit_leftovers.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from resources.lake.audit_leftovers import REPAIR, Leftovers
from resources.lake.batch_states import batch_states
from resources.lake.lake import Lake
from resources.lake.live import retired
from resources.lake.snapshot import Finding


@dataclass(frozen=True)
class Outside:
    """What was seen outside the lake, before its tables were read; None: nothing was there."""

    untaken: tuple[str, ...] | None = None
    """PDFs of the landing zone (uris) that no batch holds."""
    partitions: frozenset[str] | None = None
    """Dagster's partitions."""


def audit_outside(lake: Lake, outside: Outside, running: Collection[str] = ()) -> Leftovers:
    """Compare; a batch that the next tick will add to the partitions is a note."""
    notes = list(_untaken(outside.untaken or ()))
    findings: list[Finding] = []
    if outside.partitions is None:
        return Leftovers((), tuple(notes))
    states = dict(batch_states(lake, running).select("batch", "state").iter_rows())
    away = retired(states, [batch for batch, state in states.items() if state == "finished"])
    for batch in sorted(states.keys() - outside.partitions - set(away)):
        finding = Finding(
            "partition_missing",
            batch,
            "the manifest has this batch, and the partition set of the Dagster instance has not",
            f"the sensor's next tick or quire ingest adds it; {REPAIR} does, too",
        )
        (findings if states[batch] in ("finished", "stuck") else notes).append(finding)
    # In a lake without batches nothing can be said: it may be new, and its instance old.
    findings += [
        Finding(
            "partition_unknown",
            name,
            "Dagster has a partition of this name, and the manifest has no such batch",
            "check that this lake and this Dagster instance belong together; then "
            f"{REPAIR} removes it",
        )
        for name in sorted(outside.partitions - states.keys() if states else ())
    ]
    return Leftovers(tuple(findings), tuple(notes))


def _untaken(uris: Collection[str]) -> Iterator[Finding]:
    for uri in uris:
        yield Finding(
            "not_taken",
            uri,
            "it lies in the landing zone, and no batch holds it as it is now",
            "nothing while the sensor runs (make dev): it takes it; or quire ingest",
        )
