"""Publishing: a batch's rows of a table appear all at once, or not at all, exactly once.

Here: epochs, and the one metadata-only commit that makes staged files visible. Not here: the files
(`staging.py`), which rows are needed (`stage_run.py`) or how versions are accepted (`versions.py`).
Every stage of Quire publishes through this module and through nothing else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from io_managers.checkpoints import forget_spent
from io_managers.schemas import STAGES, TABLES
from io_managers.staging import Staged, StagedFile, check_keys, stage_file
from io_managers.usage import settle
from io_managers.versions import COMMIT_TRIES, pause, require_accepted
from resources.crash_points import reach
from resources.errors import LakeError, SupersededRunError
from resources.lake.lake import Lake, delta_schema
from resources.lake.store_errors import lake_error

MOVING: Final = "_quire/moving"
"""Objects named after finished batches that run again because a document changes its owner."""


def transaction_id(table: str, batch: str) -> str:
    """The Delta application transaction that marks (table, batch) as published."""
    return f"{table}/{batch}"


def published_epoch(lake: Lake, table: str, batch: str) -> int | None:
    """The epoch that last published (table, batch); None means never, whatever Dagster says."""
    handle = lake.open(table)
    if handle is None:
        return None
    return lake.transactions(table, handle).get(transaction_id(table, batch))


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
    After a try that seemed to fail, the same epoch is this run's own: the commit came through, and
    the answer to it was lost.

    Raises:
        SupersededRunError: A newer run has published this partition.
        LakeError: The lake cannot be written.
    """
    schema = TABLES[table]
    for attempt in range(COMMIT_TRIES):
        handle = lake.ensure(table)
        newest = lake.transactions(table, handle).get(transaction)
        if attempt and newest == epoch:
            return handle.version()
        if newest is not None and newest >= epoch:
            raise SupersededRunError(
                f"superseded_run: {transaction} was published by epoch {newest}, this run has "
                f"{epoch}; its rows are dropped and the newer ones stay"
            )
        properties = CommitProperties(
            max_commit_retries=0, app_transactions=[Transaction(transaction, epoch)]
        )
        reach("publish.before_commit")
        try:
            handle.create_write_transaction(
                **_replacement(lake, table, handle, files, partition),
                schema=delta_schema(schema),
                partition_by=list(schema.partition_by),
                commit_properties=properties,
            )
        except CommitFailedError:
            pause(attempt)
            continue
        except (DeltaError, OSError) as error:
            what = f"cannot publish {transaction} (run again, it goes on from here)"
            raise lake_error(what, lake.root, error) from error
        return _version_of(lake, table)
    raise LakeError(
        f"{transaction} met {COMMIT_TRIES} conflicting commits: too many writers at once"
    )


def _version_of(lake: Lake, table: str) -> int:
    handle = lake.open(table)
    return -1 if handle is None else handle.version()


def _replacement(
    lake: Lake,
    table: str,
    handle: DeltaTable,
    files: Sequence[StagedFile],
    partition: Mapping[str, str],
) -> dict[str, Any]:
    """The actions that leave exactly these files in the partition.

    Files that stay are named by no action; Delta's own overwrite would remove them, and refuses to
    remove and add one path in a commit. A file of a checkpoint stays when the run that wrote it
    turned out to be alive, and published it. A file that stays and was compacted since this run
    looked is added once more: its bytes lie there for a week yet, and what was made of it goes.
    """
    present: dict[str, int] = {}
    if any(file.published or file.checkpointed for file in files):
        present = {row["path"]: row["size_bytes"] for row in partition_files(handle, partition)}
    kept = {file.path for file in files if file.path in present}
    for file in files:
        compacted = file.published and file.path not in kept
        if compacted and lake.size(f"{table}/{file.path}") != file.n_bytes:
            raise LakeError(f"{table}/{file.path} was replaced meanwhile and is gone: run again")
    added: list[AddAction | RemoveAction] = [
        _add_action(file, partition) for file in files if file.path not in kept
    ]
    if not kept:
        filters = [(column, "=", value) for column, value in partition.items()]
        return {"actions": added, "mode": "overwrite", "partition_filters": filters}
    now = int(time.time() * 1000)
    removed = [
        RemoveAction(path, True, now, size, dict(partition))  # noqa: FBT003 - its own signature
        for path, size in present.items()
        if path not in kept
    ]
    return {"actions": [*added, *removed], "mode": "append"}


def partition_files(handle: DeltaTable, partition: Mapping[str, str]) -> list[dict[str, Any]]:
    """Path, size and row count of the files that a partition has now."""
    actions = pl.DataFrame(handle.get_add_actions(flatten=True))
    if actions.is_empty():
        return []
    for column, value in partition.items():
        actions = actions.filter(pl.col(f"partition.{column}") == value)
    return actions.select("path", "size_bytes", "num_records").to_dicts()


def _add_action(file: StagedFile, partition: Mapping[str, str]) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.n_bytes,
        partition_values=dict(partition),
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=file.stats or json.dumps({"numRecords": file.n_rows}),
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


def publish_failures(lake: Lake, staged: Staged, *, final: bool = True) -> None:
    """Replace the failures of (batch, stage), leaving every other stage's and batch's alone.

    Failures that this run mended are cleared only after its rows are visible (`final`): a crash
    between the two commits must leave something that asks for another run.
    """
    rows = staged.failures if final else (*staged.failures, *staged.cleared)
    partition = {"batch": staged.batch, "stage": staged.stage}
    transaction = f"failures/{staged.batch}/{staged.stage}"
    table = lake.ensure("failures")
    if not rows and transaction not in lake.transactions("failures", table):
        return  # never failed before and not now: no commit is worth its cost
    files = []
    if rows:
        frame = pl.DataFrame(list(rows), schema=TABLES["failures"].polars)
        files.append(stage_file(lake, "failures", frame, partition))
    number = 2 * staged.epoch + (1 if final else 0)
    commit_partition(lake, "failures", files, partition, transaction, number)


def publish_staged(lake: Lake, staged: Staged) -> None:
    """Publish all that a stage made of a batch: failures, side tables, then its own table.

    The stage's own table comes last because its transaction is the mark that the stage is done.
    """
    if not staged.unchanged:
        _publish_changed(lake, staged)
    if staged.stage == STAGES[-1]:
        lake.delete(f"{MOVING}/{staged.batch}")


def _publish_changed(lake: Lake, staged: Staged) -> None:
    require_accepted(lake, staged.stage, staged.version)
    reach("publish.before_failures")
    publish_failures(lake, staged, final=False)
    reach("publish.after_failures")
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
        reach("publish.after_commit" if table == staged.stage else "publish.after_side_table")
    if staged.cleared:
        publish_failures(lake, staged)
    reach("publish.before_forget")
    forget_spent(lake, staged.stage, staged.batch, staged.epoch)
    reach("publish.before_usage")
    settle(lake, staged)
