"""A part of a lake: only what some batches hold, read as a lake of its own.

Here: one class, so that the states of one batch cost the same in a lake of any size. Not here: how
states are decided (`states.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from deltalake import DeltaTable

from io_managers.schemas import TABLES
from resources.lake.lake import Lake


class PartOfLake(Lake):
    """The same tables, of which only the rows of some batches are read."""

    def __init__(self, lake: Lake, batches: Iterable[str]) -> None:
        """Take the batches, in any order."""
        super().__init__(lake.root, lake.storage_options)
        self._batches = sorted(set(batches))

    def scan(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        batch: str | None = None,
        table: DeltaTable | None = None,
    ) -> pl.LazyFrame:
        """Rows of these batches; a table whose rows belong to no batch is read as it is."""
        schema = TABLES[name]
        key = "owner_batch" if name == "contents" else "batch"
        if batch is not None or key not in schema.columns:
            return super().scan(name, columns, batch=batch, table=table)
        wanted = list(columns or schema.columns)
        table = table or self.open(name)
        if "batch" in schema.partition_by:
            parts = [Lake.scan(self, name, wanted, batch=one, table=table) for one in self._batches]
            return pl.concat(parts) if parts else schema.empty().lazy().select(wanted)
        rows = super().scan(name, table=table).filter(pl.col(key).is_in(self._batches))
        return rows.select(wanted)


def with_owners(lake: Lake, batch: str) -> PartOfLake:
    """A batch, and the batches that own documents it holds duplicates of."""
    owners = lake.scan("files", ["duplicate_of_batch"], batch=batch).collect()["duplicate_of_batch"]
    return PartOfLake(lake, [batch, *owners.drop_nulls()])
