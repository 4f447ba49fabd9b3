"""Publishing: a batch's rows of a table appear all at once, or not at all, exactly once.

Here: Parquet files staged in the table's final form, and the one metadata-only commit that makes
them visible. Not here: which rows are needed (`stage_run.py`) or how versions are accepted
(`versions.py`). Every stage of Quire publishes through this module and through nothing else.
"""

from __future__ import annotations

import io
import json
import os
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import TABLES, TableSchema
from io_managers.versions import COMMIT_TRIES, pause, require_accepted
from resources.errors import LakeError, SchemaMismatchError, SupersededRunError
from resources.lake.lake import Lake, delta_schema

ROW_GROUP_BYTES = 64 * 2**20
"""Row groups stay under this, so that a reader of one image never holds a batch of them."""
_BATCH = re.compile(r"^[A-Za-z0-9_-]{1,64}$")


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file under the table's root that no commit names yet."""

    path: str
    n_rows: int
    n_bytes: int
    stats: str


@dataclass(frozen=True)
class Staged:
    """What a stage hands on instead of rows: where they lie and what they count."""

    stage: str
    batch: str
    version: str
    epoch: int
    tables: Mapping[str, tuple[StagedFile, ...]]
    failures: tuple[dict[str, Any], ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    unchanged: bool = False


def transaction_id(table: str, batch: str) -> str:
    """The Delta application transaction that marks (table, batch) as published."""
    return f"{table}/{batch}"


def published_epoch(lake: Lake, table: str, batch: str) -> int | None:
    """The epoch that last published (table, batch); None means never, whatever Dagster says."""
    handle = lake.open(table)
    return None if handle is None else handle.transaction_version(transaction_id(table, batch))


def claim_epoch(lake: Lake, stage: str, batch: str) -> int:
    """A number greater than every earlier run's of this (stage, batch), in any process or host.

    Each claim is an object that only one writer can create, so two runs never share an epoch and
    the run that started later always has the greater one; no clock is asked.
    """
    folder = f"_quire/epochs/{stage}/{batch}"
    last = max((int(name) for name in lake.names(folder) if name.isdecimal()), default=0)
    epoch = max(last, published_epoch(lake, stage, batch) or 0) + 1
    while not lake.put_new(f"{folder}/{epoch:08d}", b""):
        epoch += 1
    return epoch


def stage_file(
    lake: Lake, table: str, frame: pl.DataFrame, partition: Mapping[str, str]
) -> StagedFile:
    """Write rows as one Parquet file in the table's final form, not yet visible to readers.

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
    path = f"{folder}/part-{uuid.uuid4().hex}.parquet".lstrip("/")
    size = _write_parquet(lake, f"{schema.name}/{path}", data)
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
        target = Path(lake.root) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            data.write_parquet(file, **options)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
    except (OSError, pl.exceptions.ComputeError) as error:
        raise LakeError(
            f"cannot write to the lake {lake.root}: {error}. Nothing was published; free space "
            "or mend access, then run again"
        ) from error


def _stats(schema: TableSchema, data: pl.DataFrame) -> str:
    """Delta statistics: row count, null counts, and the range of the short key columns."""
    lows: dict[str, Any] = {}
    highs: dict[str, Any] = {}
    for column in schema.key:
        if column not in data.columns or data[column].null_count() == data.height:
            continue
        if schema.columns[column].dtype == pl.Int32 or column in ("doc_id", "sha256"):
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
    return pl.concat(
        pl.read_parquet(
            f"{lake.table_uri(table)}/{file.path}",
            columns=list(columns),
            hive_partitioning=False,
            glob=False,
            storage_options=lake.storage_options or None,
        )
        for file in files
    )


def commit_partition(
    lake: Lake,
    table: str,
    files: Sequence[StagedFile],
    partition: Mapping[str, str],
    transaction: str,
    epoch: int,
) -> int:
    """One metadata-only commit that replaces a partition's files; returns the table's version.

    Only a conflict with another partition's commit is retried. Before each try the table is read
    again and the commit is given up when a run with the same or a greater epoch was there first.

    Raises:
        SupersededRunError: A newer run has published this partition.
        LakeError: The lake cannot be written.
    """
    schema = TABLES[table]
    for attempt in range(COMMIT_TRIES):
        handle = lake.ensure(table)
        newest = handle.transaction_version(transaction)
        if newest is not None and newest >= epoch:
            raise SupersededRunError(
                f"superseded_run: {transaction} was published by epoch {newest}, this run has "
                f"{epoch}; its rows are dropped and the newer ones stay"
            )
        try:
            handle.create_write_transaction(
                [_add_action(file, partition) for file in files],
                mode="overwrite",
                schema=delta_schema(schema),
                partition_by=list(schema.partition_by),
                partition_filters=[(column, "=", value) for column, value in partition.items()],
                commit_properties=CommitProperties(
                    max_commit_retries=0, app_transactions=[Transaction(transaction, epoch)]
                ),
            )
        except CommitFailedError:
            pause(attempt)
            continue
        except (DeltaError, OSError) as error:
            raise LakeError(
                f"cannot publish {transaction} to the lake {lake.root}: {error}. Readers still see "
                "the old rows; mend the lake and run again"
            ) from error
        return _version_of(lake, table)
    raise LakeError(
        f"{transaction} met {COMMIT_TRIES} conflicting commits: too many writers at once"
    )


def _version_of(lake: Lake, table: str) -> int:
    handle = lake.open(table)
    return -1 if handle is None else handle.version()


def _add_action(file: StagedFile, partition: Mapping[str, str]) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.n_bytes,
        partition_values=dict(partition),
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=file.stats,
    )


def publish(
    lake: Lake,
    table: str,
    batch: str,
    *,
    stage: str,
    version: str,
    epoch: int,
    files: Sequence[StagedFile],
) -> int:
    """Make a batch's staged rows the table's rows of it; returns the table's version.

    Raises:
        VersionNotAcceptedError: Its rows may not appear; readers keep the old.
        SupersededRunError: A newer run has published this partition.
        SchemaMismatchError: A key repeats.
    """
    require_accepted(lake, stage, version)
    check_keys(lake, table, files, batch)
    return commit_partition(
        lake, table, files, {"batch": batch}, transaction_id(table, batch), epoch
    )


def publish_failures(lake: Lake, staged: Staged) -> None:
    """Replace the failures of (batch, stage), leaving every other stage's and batch's alone."""
    partition = {"batch": staged.batch, "stage": staged.stage}
    transaction = f"failures/{staged.batch}/{staged.stage}"
    table = lake.ensure("failures")
    if not staged.failures and table.transaction_version(transaction) is None:
        return  # never failed before and not now: no commit is worth its cost
    files = []
    if staged.failures:
        frame = pl.DataFrame(list(staged.failures), schema=TABLES["failures"].polars)
        files.append(stage_file(lake, "failures", frame, partition))
    commit_partition(lake, "failures", files, partition, transaction, staged.epoch)


def publish_staged(lake: Lake, staged: Staged) -> None:
    """Publish all that a stage made of a batch: failures first, then side tables, then its table.

    The stage's own table comes last because its transaction is the mark that the stage is done.
    """
    if staged.unchanged:
        return
    require_accepted(lake, staged.stage, staged.version)
    publish_failures(lake, staged)
    order = [table for table in staged.tables if table != staged.stage]
    for table in [*order, staged.stage]:
        publish(
            lake,
            table,
            staged.batch,
            stage=staged.stage,
            version=staged.version,
            epoch=staged.epoch,
            files=staged.tables[table],
        )


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
