"""The lake: a folder or bucket prefix that holds the Delta tables and Quire's own small records.

Here: opening, creating and reading tables. Not here: the small records (`objects.py`), publishing
rows (`io_managers/publish.py`) or what a table's columns mean (`io_managers/schemas.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import ArrayType, PrimitiveType, StructType

from io_managers.schemas import TABLES, TableSchema
from resources.errors import LakeError, SettingError
from resources.lake.objects import TEMPORARY, Objects
from resources.lake.store_errors import lake_error, told_as_lake_error
from resources.lake.store_options import delta_options, polars_options
from resources.lake.transactions import LogFiles, Transactions, replay
from resources.settings import is_local

__all__ = ["TEMPORARY", "Lake", "delta_schema"]

LOG_CHECKPOINT_COMMITS: Final = 20
"""Opening a table reads every commit since the log's last checkpoint: 0.3 ms of CPU each, and over
a store that is 20 ms away two requests each (of 25 commits 54 requests and 0.3 s); Delta's own
interval is a hundred. A checkpoint costs 0.3 s to read and 0.5 s to write there, so it does not pay
for less than some 20 commits either."""
_ENCODED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_ODD: Final = re.compile(r"[^A-Za-z0-9._=@:/-]")
_PRIMITIVES: dict[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Int32: "integer",
    pl.Int64: "long",
    pl.Float64: "double",
    pl.Boolean: "boolean",
    pl.Binary: "binary",
    pl.Datetime: "timestamp",
}


def _delta_type(dtype: pl.DataType) -> PrimitiveType | ArrayType | StructType:
    if isinstance(dtype, pl.List):
        return ArrayType(_delta_type(dtype.inner), contains_null=True)  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        return StructType([Field(f.name, _delta_type(f.dtype)) for f in dtype.fields])  # type: ignore[arg-type]
    return PrimitiveType(_PRIMITIVES[type(dtype)])


def delta_schema(table: TableSchema) -> Schema:
    """The Delta schema of a table; every column nullable, so that columns may be added later."""
    return Schema([Field(name, _delta_type(c.dtype)) for name, c in table.columns.items()])


def _add_columns(table: DeltaTable, schema: TableSchema) -> bool:
    """Give a table of an earlier version of Quire the columns that came since; whether any did."""
    present = {field.name for field in table.schema().fields}
    missing = [field for field in delta_schema(schema).fields if field.name not in present]
    if missing:
        table.alter.add_columns(missing)
    return bool(missing)


class Lake(Objects):
    """Tables and small objects under one prefix. Cheap to make; opens nothing until asked.

    In a bucket, a table that was opened is kept, and given again while no commit came after it.
    """

    def __init__(self, root: str, storage_options: dict[str, str] | None = None) -> None:
        """Take an absolute folder, or an `s3://`, `gs://` or `az://` prefix."""
        if _ENCODED.search(root):
            # deltalake decodes such a path, so the tables would land in another folder.
            raise SettingError(f"the lake {root} has a %XX in its path: choose another folder")
        if not is_local(root) and (odd := _ODD.search(root)):
            # polars' scan_delta looks for the tables under the encoded name.
            raise SettingError(
                f"the lake {root} has {odd[0]!r} in its prefix, where other readers would not "
                "find the tables: use letters, digits and . _ - = / only"
            )
        self.root = root.rstrip("/")
        self.storage_options = dict(storage_options or {})
        self.local = is_local(self.root)
        self._delta = None if self.local else delta_options(self.root, self.storage_options)
        self._polars = None if self.local else polars_options(self.root, self.storage_options)
        self._opened: dict[str, DeltaTable] = {}
        self._transactions: dict[tuple[str, str], Transactions] = {}

    # Tables ------------------------------------------------------------------------------------

    def table_uri(self, name: str) -> str:
        """Where a table lives."""
        return f"{self.root}/{TABLES[name].name}"

    def open(self, name: str) -> DeltaTable | None:
        """The table at its newest version, or None when it was never created.

        Raises:
            LakeError: The lake cannot be reached or read.
        """
        if self.local and not os.path.isdir(f"{self.table_uri(name)}/_delta_log"):
            return None
        held = self._opened.get(name)
        if held is not None and not self._has_commit(name, held.version() + 1):
            return held
        try:
            with told_as_lake_error(f"cannot read table {name}", self.root):
                try:
                    table = DeltaTable(self.table_uri(name), storage_options=self._delta)
                except TableNotFoundError:
                    return None
        except LakeError:
            self._opened.pop(name, None)
            raise
        if not self.local:
            self._opened[name] = table
        return table

    def at(self, name: str, version: int) -> DeltaTable:
        """The table as it was at an earlier version of its log.

        Raises:
            LakeError: Its log no longer goes back so far, or cannot be read.
        """
        with told_as_lake_error(f"cannot read table {name} as of version {version}", self.root):
            return DeltaTable(self.table_uri(name), version=version, storage_options=self._delta)

    def _has_commit(self, name: str, number: int) -> bool:
        """Whether a table's log holds a commit: one small request, where opening takes a dozen."""
        return self.has(f"{name}/_delta_log/{number:020d}.json")

    def transactions(self, name: str, table: DeltaTable) -> Mapping[str, int]:
        """Application transactions of a table as it was opened, and the newest version of each.

        Raises:
            LakeError: The log cannot be read.
        """
        key = (name, str(table.metadata().id))
        folder = f"{name}/_delta_log"
        log = LogFiles(
            names=lambda: self.names(folder),
            read=lambda names: self.get_all([f"{folder}/{commit}" for commit in names]),
            scan=lambda checkpoint: pl.scan_parquet(
                f"{self.root}/{folder}/{checkpoint}", storage_options=self._polars, glob=False
            ),
        )
        with told_as_lake_error(f"cannot read the log of table {name}", self.root):
            found = replay(log, table.version(), self._transactions.get(key))
        self._transactions[key] = found
        return found.versions

    def ensure(self, name: str) -> DeltaTable:
        """The table, created when it was not there. Safe when several processes do it at once."""
        for _ in range(10):
            table = self.open(name)
            schema = TABLES[name]
            try:
                if table is not None:
                    if not _add_columns(table, schema):
                        return table
                    continue
                if self.local:
                    os.makedirs(self.table_uri(name), exist_ok=True)
                DeltaTable.create(
                    self.table_uri(name),
                    schema=delta_schema(schema),
                    mode="error",
                    partition_by=list(schema.partition_by) or None,
                    name=name,
                    description=schema.row,
                    configuration={"delta.checkpointInterval": str(LOG_CHECKPOINT_COMMITS)},
                    storage_options=self._delta,
                )
            except CommitFailedError:
                continue  # another process created or changed it between our two looks
            except (DeltaError, OSError) as error:
                if self.open(name) is None:
                    raise lake_error(f"cannot create table {name}", self.root, error) from error
        raise LakeError(f"cannot create table {name} under {self.root}: too many writers")

    def read(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        batch: str | None = None,
        table: DeltaTable | None = None,
    ) -> pl.DataFrame:
        """Rows of a table (of one batch when given), with the table's own columns and types."""
        rows = self.scan(name, columns, batch=batch, table=table)
        with told_as_lake_error(f"cannot read rows of table {name}", self.root):
            return rows.collect()

    def scan(
        self,
        name: str,
        columns: Sequence[str] | None = None,
        *,
        batch: str | None = None,
        table: DeltaTable | None = None,
    ) -> pl.LazyFrame:
        """The same, lazily. A table that does not exist reads as no rows."""
        schema = TABLES[name]
        wanted = list(columns or schema.columns)
        table = table or self.open(name)
        added = (
            pl.DataFrame() if table is None else pl.DataFrame(table.get_add_actions(flatten=True))
        )
        partitioned = batch is not None and "batch" in schema.partition_by
        if partitioned and not added.is_empty():
            added = added.filter(pl.col("partition.batch") == batch)
        if added.is_empty():
            return schema.empty().lazy().select(wanted)
        frame = self._files(schema, added)
        if batch is not None and not partitioned:
            frame = frame.filter(pl.col("batch") == batch)
        return frame.select(wanted)

    def _files(self, schema: TableSchema, added: pl.DataFrame) -> pl.LazyFrame:
        """Files that the log names as one scan, each row with its file's partition values.

        One frame per partition, concatenated, took a hundred times as long on 2,000 partitions.
        """
        paths = added["path"].to_list()
        frame = self.scan_files(schema.name, paths, origin="_origin")
        full = [f"{self.table_uri(schema.name)}/{path}" for path in paths]
        values = {
            name: pl.col("_origin").replace_strict(
                full, added[f"partition.{name}"], return_dtype=pl.String
            )
            for name in schema.partition_by
        }
        return frame.with_columns(**values).select(list(schema.columns))

    def scan_files(
        self, name: str, paths: Sequence[str], *, origin: str | None = None
    ) -> pl.LazyFrame:
        """Rows of some files of a table, by path under its root, without the partition's columns.

        A column that was added after a file was written reads as null. `origin` names a column for
        the address of the file that a row was read from.
        """
        schema = TABLES[name]
        return pl.scan_parquet(
            [f"{self.table_uri(name)}/{path}" for path in paths],
            schema=pl.Schema({c: schema.columns[c].dtype for c in schema.data_columns}),
            missing_columns="insert",
            extra_columns="ignore",
            hive_partitioning=False,
            glob=False,
            include_file_paths=origin,
            storage_options=self._polars,
        )
