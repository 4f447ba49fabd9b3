"""What the table `usage` says of models' calls: what was spent, and what is held for calls.

Here: reading it, file by file, each once. Not here: writing it (`ledger.py`), or rows of stages,
which say what other work took (`io_managers/usage.py`).

A row of ours has a micro-batch that begins with `calls/`. `reserved` is what a micro-batch of calls
was expected to cost, `settled` what it did; what is reserved and not settled counts in full for a
day. The table is only ever appended to and compacted, so no file has to be read twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable

from resources.budget.amounts import NOTHING, Amount, Budget, Left
from resources.lake.lake import Lake
from resources.lake.store_errors import told_as_lake_error

CALLS: Final = "calls/"
"""How the micro-batch of a row about calls of a model begins."""
HELD_FOR: Final = timedelta(hours=24)
"""After it, what was reserved and never settled is given back: its run is dead. Some of it may have
been spent, so it counts in full until a provider's bill would show it."""
_SKEW: Final = timedelta(hours=1)
"""Clocks of hosts differ."""
_COLUMNS: Final = (
    "run_id", "stage", "micro_batch", "kind", "n_items", "input_tokens", "output_tokens",
    "cost_usd", "recorded_at",
)  # fmt: skip

Key = tuple[str, str, str]
"""Run, stage and micro-batch."""


@dataclass(frozen=True)
class Standing:
    """How a lake's spending stands.

    Attributes:
        spent: What was settled, over the life of the lake; `usd` is the known part of it.
        held: What is reserved for calls that are not settled, at most a day old.
        unknown: Of the settled calls, those that nobody knows the price of.
    """

    spent: Amount = NOTHING
    held: Amount = NOTHING
    unknown: int = 0

    def left(self, budget: Budget) -> Left:
        """What a budget has left."""
        used = self.spent + self.held
        return Left(budget.usd, budget.tokens).minus(used)


@dataclass
class _File:
    """One file's part: sums of what is settled, and rows that may concern what is held."""

    spent: Amount = NOTHING
    unknown: int = 0
    reserved: dict[Key, tuple[Amount, datetime]] = field(default_factory=dict)
    settled: dict[Key, datetime] = field(default_factory=dict)

    def forget(self, before: datetime) -> None:
        """Drop what concerns nothing that is held any more."""
        self.reserved = {key: value for key, value in self.reserved.items() if value[1] > before}
        self.settled = {key: at for key, at in self.settled.items() if at > before}


class Books:
    """The table, as it was last read. One for each process that spends; not for several threads."""

    def __init__(self, lake: Lake) -> None:
        """Read nothing yet."""
        self.lake = lake
        self._table_id = ""
        self._files: dict[str, _File] = {}
        self._reserved: dict[Key, tuple[Amount, datetime]] = {}
        self._settled: set[Key] = set()
        self._held: set[Key] = set()

    def read(self, now: datetime, table: DeltaTable | None = None) -> Standing:
        """How spending stands at a table's snapshot, the newest when none is given.

        Raises:
            LakeError: The lake cannot be read.
        """
        table = table or self.lake.open("usage")
        if table is None:
            return Standing()
        self._refresh(table, now)
        spent, held, unknown = NOTHING, NOTHING, 0
        self._held = set()
        for file in self._files.values():
            spent += file.spent
            unknown += file.unknown
        for key, (amount, at) in self._reserved.items():
            if key not in self._settled and at > now - HELD_FOR:
                held += amount if amount.usd is not None else replace(amount, usd=0.0)
                self._held.add(key)
        return Standing(spent, held, unknown)

    def knows(self, key: Key, kind: str) -> bool:
        """Whether a row that was written within the last day is in the table, as last read."""
        return key in (self._settled if kind == "settled" else self._reserved)

    def holds(self, key: Key) -> bool:
        """Whether a reservation counted, as last read: neither settled nor expired."""
        return key in self._held

    def _refresh(self, table: DeltaTable, now: datetime) -> None:
        table_id = str(table.metadata().id)
        if table_id != self._table_id:
            self._table_id, self._files = table_id, {}
        added = pl.DataFrame(table.get_add_actions(flatten=True))
        paths = set() if added.is_empty() else set(added["path"].to_list())
        horizon = now - HELD_FOR - _SKEW
        fresh = sorted(paths - self._files.keys())
        self._files = {path: file for path, file in self._files.items() if path in paths}
        if fresh:
            self._files |= self._read(fresh, horizon)
        for file in self._files.values():
            file.forget(horizon)
        self._reserved = {k: v for file in self._files.values() for k, v in file.reserved.items()}
        self._settled = {key for file in self._files.values() for key in file.settled}

    def _read(self, paths: list[str], horizon: datetime) -> dict[str, _File]:
        found = {path: _File() for path in paths}
        root = f"{self.lake.table_uri('usage')}/"
        calls = self.lake.scan_files("usage", paths, origin="path").filter(
            pl.col("micro_batch").str.starts_with(CALLS)
        )
        sums = (
            calls.filter(pl.col("kind") == "settled")
            .group_by("path")
            .agg(
                pl.col("n_items", "input_tokens", "output_tokens", "cost_usd").sum(),
                pl.col("n_items").filter(pl.col("cost_usd").is_null()).sum().alias("unknown"),
            )
        )
        recent = calls.filter(pl.col("recorded_at") > horizon).select("path", *_COLUMNS)
        with told_as_lake_error("cannot read rows of table usage", self.lake.root):
            totals, rows = pl.collect_all([sums, recent])
        for row in totals.to_dicts():
            file = found[row["path"].removeprefix(root)]
            file.spent = _amount(row)
            file.unknown = row["unknown"]
        for row in rows.to_dicts():
            file = found[row["path"].removeprefix(root)]
            key = (row["run_id"], row["stage"], row["micro_batch"])
            at = row["recorded_at"].astimezone(UTC)
            if row["kind"] == "settled":
                file.settled[key] = at
            else:
                file.reserved[key] = (_amount(row), at)
        return found


def _amount(row: dict[str, Any]) -> Amount:
    usd = row["cost_usd"]
    return Amount(
        int(row["n_items"] or 0),
        int(row["input_tokens"] or 0),
        int(row["output_tokens"] or 0),
        None if usd is None else float(usd),
    )
