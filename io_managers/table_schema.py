"""What the schema of a table is made of.

Here: the records. Not here: any table (`schemas.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

TIMESTAMP: Final = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means, and whether a row may lack it."""

    dtype: pl.DataType
    description: str
    nullable: bool = True


@dataclass(frozen=True)
class TableSchema:
    """One table: what a row is, its key, its partition columns, its columns in order."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: dict[str, Column]
    partition_by: tuple[str, ...] = ()
    statuses: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def polars(self) -> pl.Schema:
        """The polars schema, columns in order."""
        return pl.Schema({name: column.dtype for name, column in self.columns.items()})

    @property
    def data_columns(self) -> tuple[str, ...]:
        """Columns that stand inside a Parquet file (partition columns stand in its path)."""
        return tuple(c for c in self.columns if c not in self.partition_by)

    def empty(self) -> pl.DataFrame:
        """A frame with no rows and this table's columns."""
        return pl.DataFrame(schema=self.polars)


def column(
    dtype: type[pl.DataType] | pl.DataType, description: str, *, null: bool = True
) -> Column:
    """A column of a table; `null` says whether a row may lack it."""
    return Column(dtype if isinstance(dtype, pl.DataType) else dtype(), description, null)
