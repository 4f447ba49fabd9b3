"""Which batches need a run: those that the manifest holds and that no run has finished.

Here: the finished mark, the healing schedule (1, 5 and 30 minutes, then stuck) and its counts, kept
in the lake. Not here: Dagster; the caller says which batches are in a run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from io_managers.checkpoints import n_records
from io_managers.heirs import Successions
from io_managers.publish import MOVING, published_epoch, transaction_id
from io_managers.schemas import STAGES
from resources.errors import NOT_CHARGED
from resources.lake.lake import Lake

HEAL_AFTER: Final = (60.0, 300.0, 1800.0)
"""Seconds after which a batch that is neither published nor in a run is asked for again."""
MAX_REQUESTS: Final = 1 + len(HEAL_AFTER)
MAX_INTERRUPTED: Final = 5
"""Runs of a batch that may be lost with their process or host, one after the other and with nothing
gained, before such a loss counts as any other."""


@dataclass(frozen=True)
class Requests:
    """How often a batch's run was asked for in vain, and when last (epoch seconds)."""

    count: int = 0
    last: float = 0.0
    interrupted: int = 0
    """Of the runs since the batch last got on, those that died with their process or host."""
    progress: str = ""
    """How far the batch was at the last request."""


def all_batches(lake: Lake) -> list[str]:
    """Every batch of the manifest, oldest first."""
    return sorted(lake.scan("manifest", ["batch"]).unique().collect()["batch"])


def published_batches(lake: Lake, stage: str, batches: Iterable[str]) -> set[str]:
    """Those of `batches` whose rows of this stage are published, with 0 rows too.

    Rows only ever appear through the commit that carries the mark, so the mark itself (5 ms each,
    measured on a log of 2,000 commits) is looked up only for batches that have no rows, and of
    those only for the ones that no tick has seen finished.
    """
    found = _published(lake, stage, set(batches))
    return found.all


def ingested_stages(summariser: str) -> tuple[str, ...]:
    """The stages that the run of a batch goes through.

    Where a provider's Batch API answers hours later, the summaries have a run of their own then.
    """
    return STAGES[:-1] if summariser == "openai_batch" else STAGES


def finished_batches(
    lake: Lake, batches: Collection[str], stages: Sequence[str] = STAGES
) -> set[str]:
    """Batches that these stages have published, by the marks in the tables and nothing else."""
    done = set(batches)
    for stage in stages:
        found = _published(lake, stage, done)
        done = found.all
        if found.looked_up:
            _remember(lake, stage, found)
    return done


@dataclass(frozen=True)
class _Published:
    """What one table says of some batches: rows, marks known from before, marks just read."""

    table_id: str = ""
    with_rows: frozenset[str] = frozenset()
    remembered: frozenset[str] = frozenset()
    looked_up: frozenset[str] = frozenset()

    @property
    def all(self) -> set[str]:
        """Every batch that is published."""
        return {*self.with_rows, *self.remembered, *self.looked_up}


def _published(lake: Lake, stage: str, wanted: set[str]) -> _Published:
    table = lake.open(stage) if wanted else None
    if table is None:
        return _Published()
    table_id = str(table.metadata().id)
    with_rows = frozenset({partition["batch"] for partition in table.partitions()} & wanted)
    rest = wanted - with_rows
    remembered = frozenset(_remembered(lake, stage, table_id) & rest) if rest else frozenset()
    unknown = rest - remembered
    marks = lake.transactions(stage, table) if unknown else {}
    looked_up = frozenset(batch for batch in unknown if transaction_id(stage, batch) in marks)
    return _Published(table_id, with_rows, remembered, looked_up)


def _remembered(lake: Lake, stage: str, table_id: str) -> set[str]:
    """Batches whose mark was read before; a mark is never taken back while the table lives."""
    held = lake.get(f"_quire/marks/{stage}.json")
    value = json.loads(held) if held else {}
    return set(value["batches"]) if value.get("table") == table_id else set()


def _remember(lake: Lake, stage: str, found: _Published) -> None:
    marks = _remembered(lake, stage, found.table_id) | found.looked_up
    value = {"table": found.table_id, "batches": sorted(marks)}
    lake.put(f"_quire/marks/{stage}.json", json.dumps(value).encode())


def unfinished_batches(lake: Lake, stages: Sequence[str] = STAGES) -> list[str]:
    """Batches that some of these stages has not published, oldest first."""
    batches = all_batches(lake)
    done = finished_batches(lake, batches, stages)
    return [batch for batch in batches if batch not in done]


def retryable_batches(
    lake: Lake, *, at_once: bool = False, stages: Sequence[str] = STAGES
) -> list[str]:
    """Batches that another run may mend, oldest first.

    They have a failure that is not final, or a document to hand over or to take over because its
    owner's source is gone (`io_managers/heirs.py`).

    Args:
        lake: Where the failures are.
        at_once: Only those that a run right now may mend: a server that refuses more, an empty
            budget or a host that died need time, or somebody.
        stages: Only failures of these. Documents move while files are read, in no other stage.
    """
    failures = lake.read("failures", ["batch", "stage", "quarantined", "error_class"])
    failures = failures.filter(~pl.col("quarantined") & pl.col("stage").is_in(list(stages)))
    if at_once:
        failures = failures.filter(~pl.col("error_class").is_in([str(c) for c in NOT_CHARGED]))
    if "files" not in stages:
        return sorted(set(failures["batch"]))
    moving = Successions(lake).due()["batch"]
    return sorted({*failures["batch"], *moving, *lake.names(MOVING)})


def read_requests(lake: Lake, batch: str) -> Requests:
    """How often a batch was asked for."""
    return read_all_requests(lake, [batch])[batch]


def read_all_requests(lake: Lake, batches: Collection[str]) -> dict[str, Requests]:
    """The same of many batches; of a lake in a bucket, many at once."""
    held = lake.get_all([f"_quire/batches/{batch}.json" for batch in batches])
    return {batch: _requests(data) for batch, data in zip(batches, held, strict=True)}


def _requests(held: bytes | None) -> Requests:
    if held is None:
        return Requests()
    value = json.loads(held)
    return Requests(
        int(value["requests"]),
        float(value["last_requested_at"]),
        int(value.get("interrupted", 0)),
        value.get("progress", ""),
    )


def record_request(lake: Lake, batch: str, now: float | None = None) -> Requests:
    """Count one request; written before the run is asked for, so that no crash loses the count.

    A batch that got on since the last request is asked for as if for the first time.
    """
    before = read_requests(lake, batch)
    progress = _progress(lake, batch)
    if progress != before.progress:
        before = Requests()
    last = time.time() if now is None else now
    return _write_requests(
        lake, batch, replace(before, count=before.count + 1, last=last, progress=progress)
    )


def note_interrupted(lake: Lake, batch: str) -> None:
    """Take back the last request: its run died with its process or host, not of the batch.

    The batch is due at once. Where that goes on with nothing gained, it counts after all.
    """
    before = read_requests(lake, batch)
    if before.count and before.interrupted < MAX_INTERRUPTED:
        after = replace(
            before, count=before.count - 1, last=0.0, interrupted=before.interrupted + 1
        )
        _write_requests(lake, batch, after)


def _write_requests(lake: Lake, batch: str, requests: Requests) -> Requests:
    value = {
        "requests": requests.count,
        "last_requested_at": requests.last,
        "interrupted": requests.interrupted,
        "progress": requests.progress,
    }
    lake.put(f"_quire/batches/{batch}.json", json.dumps(value).encode())
    return requests


def _progress(lake: Lake, batch: str) -> str:
    """How far a batch is on its way through the stages; of one that is finished, always the same.

    A stage that was published once counts as done: retries of its failures get nowhere new.
    """
    return " ".join(
        "published"
        if published_epoch(lake, stage, batch) is not None
        else str(n_records(lake, stage, batch))
        for stage in STAGES
    )


def forget_requests(lake: Lake, batch: str) -> None:
    """Start the healing schedule of a batch anew (`quire retry --batch`)."""
    lake.delete(f"_quire/batches/{batch}.json")


def is_stuck(requests: Requests, now: float | None = None) -> bool:
    """Whether a batch that is in no run has been asked for as often as it will be."""
    now = time.time() if now is None else now
    return requests.count >= MAX_REQUESTS and now - requests.last >= HEAL_AFTER[-1]


def due_batches(
    lake: Lake, unfinished: Collection[str], running: Collection[str], now: float | None = None
) -> list[str]:
    """Batches to ask for now: never asked for, or healing after 1, 5 and 30 minutes."""
    now = time.time() if now is None else now
    due = []
    asked = read_all_requests(lake, sorted(set(unfinished) - set(running)))
    for batch, requests in asked.items():
        waited = abs(now - requests.last)
        if requests.count >= MAX_REQUESTS:
            is_due = waited >= HEAL_AFTER[0] and _progress(lake, batch) != requests.progress
        else:
            is_due = requests.count == 0 or waited >= HEAL_AFTER[requests.count - 1]
        if is_due:
            due.append(batch)
    return due
