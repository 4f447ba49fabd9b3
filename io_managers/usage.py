"""What stages spend: one settled row of `usage` for each kind of work of a stage run.

Here: collecting it while a stage works, and the append, exactly once per run and stage. Not here:
what is made of it (`resources/lake/rates.py`, `resources/lake/summary.py`), reservations.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import USAGE
from io_managers.staging import Staged, stage_file
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import LakeError
from resources.lake.lake import Lake, delta_schema
from resources.workers.spent import Spent

STEP: Final = "step"
"""The micro-batch of what a stage does itself, while no worker is at work."""
LOADING: Final = "loading"
"""The micro-batch of workers' time beside their units: loading engines, opening documents."""
SERVED: Final = "served"
"""The micro-batch of what a server took: pages, seconds of waiting for it, tokens."""
SMALLEST_CLASS: Final = 10
"""Files under 2 KiB are one class: they are broken, or made by hand."""


def size_class(n_bytes: int | None) -> int:
    """The class of a file's size: the power of two that it reaches."""
    return max((n_bytes or 0).bit_length() - 1, SMALLEST_CLASS)


def sized(kind: str, n_bytes: int | None) -> str:
    """The micro-batch of this kind of work on a file of this size."""
    return f"{kind}/2^{size_class(n_bytes)}"


@dataclass
class Work:
    """What one run of one stage has done so far, by micro-batch.

    Attributes:
        items: Units of work: files, pages or documents.
        milliseconds: Of those units, where each says its own.
        tokens: Read and written.
        cost_usd: None when unknown.
        spent: By the workers.
        started: Of `time.monotonic`.
    """

    items: Counter[str] = field(default_factory=Counter)
    milliseconds: Counter[str] = field(default_factory=Counter)
    tokens: tuple[int, int] = (0, 0)
    cost_usd: float | None = 0.0
    spent: Spent = field(default_factory=Spent)
    started: float = field(default_factory=time.monotonic)

    def did(self, micro_batch: str, milliseconds: float | None = 0, *, n: int = 1) -> None:
        """Count `n` units."""
        self.items[micro_batch] += n
        self.milliseconds[micro_batch] += int(milliseconds or 0)

    def add(self, spent: Spent) -> None:
        """Count what workers spent."""
        self.spent += spent

    def paid(self, input_tokens: int | None, output_tokens: int | None, cost: float | None) -> None:
        """Count what a model was given and cost."""
        self.tokens = (
            self.tokens[0] + (input_tokens or 0),
            self.tokens[1] + (output_tokens or 0),
        )
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost

    def shares(self) -> dict[str, float]:
        """Worker-seconds by micro-batch: what the units say they took, else equal parts."""
        told = {name: self.milliseconds[name] / 1000 for name in self.items}
        if sum(told.values()):
            here = sum(seconds for name, seconds in told.items() if name != SERVED)
            return {**told, LOADING: max(0.0, self.spent.worker_seconds - here)}
        total = sum(self.items.values())
        return {name: self.spent.worker_seconds * n / total for name, n in self.items.items()}


def settle(lake: Lake, staged: Staged) -> None:
    """Append what a stage run did; once, however often its step is tried.

    The rows are one file whose name is made of run and stage. Appends conflict with nothing, so
    they are tried again at once; one more try of a step finds the file, and asks the table.

    Raises:
        LakeError: The lake cannot be written.
    """
    if staged.work is None or not staged.work.items:
        return
    name = hashlib.sha256(f"{staged.run_id}/{staged.stage}".encode()).hexdigest()[:32]
    path = f"{USAGE.name}/part-{name}.parquet"
    if lake.size(path) is not None:
        if _is_there(lake, staged):
            return
        lake.delete(path)
    frame = pl.DataFrame(_rows(staged, staged.work), schema=USAGE.polars)
    file = stage_file(lake, USAGE.name, frame, {}, name)
    reach("usage.after_file")
    now = int(time.time() * 1000)
    # Nothing is looked up by ranges here, and the log's checkpoints hold what is said of each file.
    stats = json.dumps({"numRecords": file.n_rows})
    added = AddAction(file.path, file.n_bytes, {}, now, data_change=True, stats=stats)
    for attempt in range(COMMIT_TRIES):
        try:
            lake.ensure(USAGE.name).create_write_transaction(
                actions=[added],
                mode="append",
                schema=delta_schema(USAGE),
                partition_by=[],
                commit_properties=CommitProperties(),
            )
        except CommitFailedError:
            pause(attempt)
            continue
        except (DeltaError, OSError) as error:
            raise LakeError(f"cannot write usage to the lake {lake.root}: {error}") from error
        return
    raise LakeError("could not append to usage: too many writers, run again")


def _is_there(lake: Lake, staged: Staged) -> bool:
    mine = (pl.col("run_id") == staged.run_id) & (pl.col("stage") == staged.stage)
    rows = lake.scan(USAGE.name, ["run_id", "stage"]).filter(mine)
    return not rows.head(1).collect().is_empty()


def _rows(staged: Staged, work: Work) -> list[dict[str, Any]]:
    serial = max(0.0, time.monotonic() - work.started - work.spent.seconds)
    seconds = {**work.shares(), STEP: serial}
    paying = next(iter(work.items))  # tokens and cost stand once, in the first row
    free = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    paid = dict(zip(free, (*work.tokens, work.cost_usd), strict=True))
    common = {
        "run_id": staged.run_id,
        "stage": staged.stage,
        "kind": "settled",
        "batch": staged.batch,
        "version": staged.version,
        "recorded_at": datetime.now(UTC),
    }
    return [
        {
            **common,
            "micro_batch": name,
            "n_items": work.items.get(name, 1),
            "seconds": value,
            **(paid if name == paying else free),
        }
        for name, value in seconds.items()
    ]
