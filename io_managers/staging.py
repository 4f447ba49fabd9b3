"""Rows as Parquet files in a table's final form, not yet visible to readers.

Here: writing and checking them, and reading back what a commit would make visible. Not here: the
commit (`publish.py`) or which rows are needed (`stage_run.py`).
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage
from typing import TYPE_CHECKING, Any

import polars as pl

from io_managers.schemas import TABLES, TableSchema
from resources.crash_points import reach
from resources.errors import LakeError, SchemaMismatchError
from resources.lake.lake import Lake
from resources.lake.store_errors import in_one_line

if TYPE_CHECKING:
    from io_managers.usage import Work

ROW_GROUP_BYTES = 64 * 2**20
"""Row groups stay under this, so that a reader of one image never holds a batch of them."""
_BATCH = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file under the table's root, which a commit will make (or keep) visible."""

    path: str
    n_rows: int
    n_bytes: int
    stats: str
    published: bool = False
    """A file that readers see already and that is kept as it is."""
    checkpointed: bool = False
    """A file that an earlier run wrote; another run may have published it meanwhile."""


@dataclass(frozen=True)
class Staged:
    """What a stage hands on instead of rows: where they lie and what they count."""

    stage: str
    batch: str
    version: str
    epoch: int
    tables: Mapping[str, tuple[StagedFile, ...]]
    failures: tuple[dict[str, Any], ...] = ()
    cleared: tuple[dict[str, Any], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    unchanged: bool = False
    run_id: str = ""
    work: Work | None = None


def stage_file(
    lake: Lake,
    table: str,
    frame: pl.DataFrame,
    partition: Mapping[str, str],
    name: str | None = None,
) -> StagedFile:
    """Write rows as one Parquet file in the table's final form, not yet visible to readers.

    It has a name of its own, unless one is given.

    Raises:
        SchemaMismatchError: Columns or types differ from the table's schema.
        LakeError: The lake cannot be written (a full disk, say).
    """
    schema = TABLES[table]
    data = _checked(schema, frame)
    for value in partition.values():
        if not _BATCH.match(value):
            raise SchemaMismatchError(f"{value!r} cannot be a partition of {table}")
    folder = "/".join(f"{column}={value}" for column, value in partition.items())
    path = f"{folder}/part-{name or uuid.uuid4().hex}.parquet".lstrip("/")
    size = _write_parquet(lake, f"{schema.name}/{path}", data)
    reach("stage.file_staged")
    return StagedFile(path, data.height, size, _stats(schema, data))


def _checked(schema: TableSchema, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [c for c in schema.data_columns if c not in frame.columns]
    if missing:
        raise SchemaMismatchError(f"rows of {schema.name} lack {', '.join(missing)}")
    data = frame.select(schema.data_columns)
    for column in schema.data_columns:
        wanted = schema.columns[column]
        if data.schema[column] != wanted.dtype:
            raise SchemaMismatchError(
                f"{schema.name}.{column} is {data.schema[column]}, expected {wanted.dtype}"
            )
        if not wanted.nullable and data[column].null_count():
            raise SchemaMismatchError(f"{schema.name}.{column} holds nulls")
    for column, allowed in schema.statuses.items():
        strange = set(data[column].drop_nulls().unique()) - set(allowed)
        if strange:
            raise SchemaMismatchError(f"{schema.name}.{column} holds {sorted(strange)}")
    return data


def _write_parquet(lake: Lake, path: str, data: pl.DataFrame) -> int:
    rows = max(1, int(data.height * ROW_GROUP_BYTES / max(data.estimated_size(), 1)))
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": 1,
        "row_group_size": min(rows, max(data.height, 1)),
        "statistics": True,
    }
    try:
        if not lake.local:
            buffer = io.BytesIO()
            data.write_parquet(buffer, **options)
            lake.put(path, buffer.getvalue())
            return buffer.tell()
        return _write_file(Path(lake.root) / path, data, options)
    except (OSError, pl.exceptions.ComputeError) as error:
        raise LakeError(
            f"cannot write to the lake {lake.root}: {in_one_line(error)}. Nothing was published; "
            "free space or mend access, then run again"
        ) from error


def _write_file(target: Path, data: pl.DataFrame, options: Mapping[str, Any]) -> int:
    """Write a whole file or none: half a file on a full disk would keep it full for days."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as file:
            data.write_parquet(file, **options)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, pl.exceptions.ComputeError) and disk_usage(target.parent).free < 2**20:
            # A writer that cannot end its file may say anything, such as "invalid thrift".
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def _stats(schema: TableSchema, data: pl.DataFrame) -> str:
    """Delta statistics: row count, null counts, the range of the version and of short keys.

    The version's range tells which batches are stale without opening a file of theirs.
    """
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    for column in dict.fromkeys([*schema.key, "version"]):
        if column not in data.columns or data[column].null_count() == data.height:
            continue
        short = ("doc_id", "sha256", "version")
        if schema.columns[column].dtype == pl.Int32 or column in short:
            lows[column], highs[column] = data[column].min(), data[column].max()
    nulls = {
        c: data[c].null_count()
        for c in data.columns
        if not isinstance(schema.columns[c].dtype, (pl.List, pl.Struct))
    }
    return json.dumps(
        {"numRecords": data.height, "minValues": lows, "maxValues": highs, "nullCount": nulls}
    )


def check_keys(lake: Lake, table: str, files: Sequence[StagedFile], batch: str) -> None:
    """Read the key columns of staged files, and nothing else, and refuse nulls and doubles.

    Raises:
        SchemaMismatchError: A key occurs twice.
    """
    schema = TABLES[table]
    keys = [column for column in schema.key if column not in schema.partition_by]
    if not files or not keys:
        return
    frame = lake_frame(lake, table, files, keys)
    doubled = frame.height - frame.n_unique()
    if doubled:
        raise SchemaMismatchError(
            f"{table}/{batch}: {doubled} rows repeat a key ({', '.join(keys)})"
        )


def lake_frame(
    lake: Lake, table: str, files: Sequence[StagedFile], columns: Sequence[str]
) -> pl.DataFrame:
    """Columns of staged files."""
    return lake.scan_files(table, [file.path for file in files]).select(list(columns)).collect()


def staged_rows(lake: Lake, staged: Staged, table: str, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of the rows that readers will see once `staged` is published."""
    if staged.unchanged:
        return lake.read(table, columns, batch=staged.batch)
    files = staged.tables.get(table, ())
    wanted = [column for column in columns if column not in TABLES[table].partition_by]
    frame = (
        lake_frame(lake, table, files, wanted) if files else TABLES[table].empty().select(wanted)
    )
    if "batch" in columns:
        frame = frame.with_columns(batch=pl.lit(staged.batch))
    return frame.select(list(columns))
