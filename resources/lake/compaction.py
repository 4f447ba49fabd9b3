"""Many small files of a partition become few: the same rows, beside running writers.

Here: which partitions are crowded, and the one commit that swaps their files. Not here: when this
is done (`maintenance.py`), or how staged files look (`io_managers/staging.py`).

A swap carries no application transaction, so the marks of publishing stay as they are, and says
`data_change=False`. Any commit that came between is a conflict; then the table is read again, and
the swap is tried again only while every file that it read is still the partition's.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from io_managers.publish import partition_files
from io_managers.schemas import TABLES, TableSchema
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import pause
from resources.errors import LakeError
from resources.lake.lake import Lake, delta_schema

SMALL_BYTES: Final = 4 * 2**20
"""Files from this size on stay; a micro-batch of images is 16 MiB."""
MANY: Final = 8
"""A partition is crowded when it has more small files than this: a slow stage leaves one for every
five seconds of work."""
ROWS_BYTES: Final = 64 * 2**20
"""Rows held at once; a row group is no larger either."""
_TRIES: Final = 8


@dataclass(frozen=True)
class Swap:
    """Files of one partition that were read as one, and what came of it."""

    table: str
    partition: dict[str, str]
    n_before: int
    n_after: int
    left: str = ""
    """Why nothing was changed, when nothing was."""

    @property
    def subject(self) -> str:
        """The table and partition, in words."""
        values = "/".join(self.partition.values())
        return f"{self.table} of {values}" if values else self.table


def compact_table(lake: Lake, table: str, batches: Collection[str]) -> Iterator[Swap]:
    """Rewrite the crowded partitions of a table, one commit each.

    Args:
        lake: The lake.
        table: The table's name.
        batches: Only partitions of these: finished and in no run. A table without batches is one
            partition, whose writers all read it again after a conflict.
    """
    handle = lake.open(table)
    if handle is None:
        return
    for partition, paths in _crowded(handle, TABLES[table], batches):
        try:
            yield _swap(lake, table, partition, paths)
        except (LakeError, DeltaError, OSError, pl.exceptions.PolarsError) as error:
            why = str(error).partition("\n")[0][:300]
            yield Swap(table, partition, len(paths), len(paths), left=why)


def _crowded(
    handle: DeltaTable, schema: TableSchema, batches: Collection[str]
) -> list[tuple[dict[str, str], list[str]]]:
    actions = pl.DataFrame(handle.get_add_actions(flatten=True))
    if actions.is_empty():
        return []
    keys = [f"partition.{column}" for column in schema.partition_by]
    small = actions.filter(pl.col("size_bytes") < SMALL_BYTES)
    if "partition.batch" in keys:
        small = small.filter(pl.col("partition.batch").is_in(list(batches)))
    groups: list[dict[str, Any]] = [{"path": small["path"].to_list()}]
    if keys:
        groups = small.group_by(keys, maintain_order=True).agg(pl.col("path")).to_dicts()
    return [
        ({key.removeprefix("partition."): group[key] for key in keys}, group["path"])
        for group in groups
        if len(group["path"]) > MANY
    ]


def _swap(lake: Lake, table: str, partition: dict[str, str], paths: Sequence[str]) -> Swap:
    """Write the rows again and commit; what was written goes when it was surely not committed.

    A commit may come through though its answer is lost: what a failed one left is for the sweep.
    """
    read: list[str] = []
    written: list[StagedFile] = []
    tried = False
    try:
        for group, rows in _groups(lake, table, paths):
            if len(group) > 1:  # a file that fills a group by itself stays
                written.append(stage_file(lake, table, rows, partition))
                read += group
        tried = len(written) < len(read)
        committed = tried and _commit(lake, table, partition, read, written)
    finally:
        if not tried:
            for file in written:
                lake.delete(f"{table}/{file.path}")
    left = "" if committed or not read else "other commits came between; the next time will do"
    n_after = len(written) if committed else len(read)
    return Swap(table, partition, len(read), n_after, left)


def _groups(
    lake: Lake, table: str, paths: Sequence[str]
) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """Files in order, as many at a time as `ROWS_BYTES` holds, with their rows."""
    group: list[str] = []
    frames: list[pl.DataFrame] = []
    size = 0.0
    for path in paths:
        rows = _rows(lake, table, path)
        if group and size + rows.estimated_size() > ROWS_BYTES:
            yield group, pl.concat(frames)
            group, frames, size = [], [], 0.0
        group.append(path)
        frames.append(rows)
        size += rows.estimated_size()
    if group:
        yield group, pl.concat(frames)


def _rows(lake: Lake, table: str, path: str) -> pl.DataFrame:
    """Rows of one file; columns that were added to the table after it was written are null."""
    return lake.scan_files(table, [path]).collect()


def _commit(
    lake: Lake,
    table: str,
    partition: dict[str, str],
    read: Sequence[str],
    written: Sequence[StagedFile],
) -> bool:
    """Swap the files in one commit; False when the partition changed, or at no quiet moment.

    After False the written files are in no version of the table, and are gone.
    """
    for attempt in range(_TRIES):
        handle = lake.ensure(table)
        present = {row["path"]: row["size_bytes"] for row in partition_files(handle, partition)}
        if {file.path for file in written} <= present.keys():
            return True  # the last try came through, and its answer was lost
        if not present.keys() >= set(read):
            break
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(
                file.path, file.n_bytes, dict(partition), now, data_change=False, stats=file.stats
            )
            for file in written
        ]
        actions += [
            RemoveAction(path, False, now, present[path], dict(partition))  # noqa: FBT003 - its own signature
            for path in read
        ]
        try:
            _write(handle, TABLES[table], actions)
        except CommitFailedError:
            pause(attempt)
            continue
        return True
    for file in written:
        lake.delete(f"{table}/{file.path}")
    return False


def _write(handle: DeltaTable, schema: TableSchema, actions: list[Any]) -> None:
    handle.create_write_transaction(
        actions=actions,
        mode="append",
        schema=delta_schema(schema),
        partition_by=list(schema.partition_by),
        commit_properties=CommitProperties(max_commit_retries=0),
    )
