"""What evaluations keep: rows of the table `evals`, and the objects of each run beside it.

Here: appending a run's rows exactly once, reading rows back, and where a run's objects lie. Not
here: the records that these are made of (`assets/evals/kept.py`), or any verdict.

A run's rows carry the Delta transaction `evals/<run_id>`: a run that is killed and goes on, or that
two processes end at once, has its rows once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import EVALS
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import COMMIT_TRIES, pause
from resources.crash_points import reach
from resources.errors import LakeError, SchemaMismatchError
from resources.lake.lake import Lake, delta_schema
from resources.lake.store_errors import lake_error

FOLDER: Final = "_quire/evals"
"""Each run's objects lie in a folder of its name below this one."""
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def transaction_id(run_id: str) -> str:
    """The Delta application transaction that marks a run's rows as written."""
    return f"{EVALS.name}/{run_id}"


def is_written(lake: Lake, run_id: str) -> bool:
    """Whether a run's rows are in the table; of none, too."""
    table = lake.open(EVALS.name)
    return table is not None and transaction_id(run_id) in lake.transactions(EVALS.name, table)


def append_rows(
    lake: Lake, run_id: str, rows: Iterable[Mapping[str, Any]], *, at: datetime | None = None
) -> int:
    """Append a run's rows, once however often this is tried; returns how many it wrote.

    Args:
        lake: The lake.
        run_id: The evaluation run; a later call with the same id writes nothing.
        rows: The columns of `evals` but for `run_id` and `evaluated_at`; those that may be null
            may be left out.
        at: When they were measured; now, if not given.

    Raises:
        SchemaMismatchError: A key repeats, or a column that must be there is not.
        LakeError: The lake cannot be read or written.
    """
    if _RUN_ID.fullmatch(run_id) is None:
        raise SchemaMismatchError(f"{run_id!r} cannot be the name of an evaluation run")
    when = at or datetime.now(UTC)
    frame = pl.DataFrame(
        [{**row, "run_id": run_id, "evaluated_at": when} for row in rows], schema=EVALS.polars
    )
    doubled = frame.height - frame.select(EVALS.key).n_unique()
    if doubled:
        twice = frame.filter(frame.select(EVALS.key).is_duplicated()).row(0, named=True)
        raise SchemaMismatchError(
            f"evals/{run_id}: {doubled} rows repeat a key, as {twice['case_id']!r} for "
            f"{twice['metric']}"
        )
    file: StagedFile | None = None
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure(EVALS.name)
        if transaction_id(run_id) in lake.transactions(EVALS.name, table):
            return 0
        if file is None and not frame.is_empty():
            file = stage_file(lake, EVALS.name, frame, {})
        reach("evals.before_commit")
        try:
            _commit(table, file, run_id)
        except CommitFailedError:
            pause(attempt)
            continue
        except (DeltaError, OSError) as error:
            raise lake_error("cannot write evals", lake.root, error) from error
        return frame.height
    raise LakeError("could not append to evals: too many writers, run again")


def _commit(table: DeltaTable, file: StagedFile | None, run_id: str) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    added: list[Any] = []
    if file is not None:
        # Nothing is looked up by ranges here, and the log's checkpoints hold what each file says.
        stats = json.dumps({"numRecords": file.n_rows})
        added = [AddAction(file.path, file.n_bytes, {}, now, data_change=True, stats=stats)]
    table.create_write_transaction(
        actions=added,
        mode="append",
        schema=delta_schema(EVALS),
        partition_by=[],
        commit_properties=CommitProperties(
            max_commit_retries=0, app_transactions=[Transaction(transaction_id(run_id), 1)]
        ),
    )


def eval_rows(
    lake: Lake,
    *,
    run_id: str | None = None,
    suite: str | None = None,
    subject: str | None = None,
    version: str | None = None,
    batch: str | None = None,
) -> pl.DataFrame:
    """Rows of `evals`, the oldest first, of what is given only.

    Raises:
        LakeError: The lake cannot be read.
    """
    wanted = {
        "run_id": run_id,
        "suite": suite,
        "subject": subject,
        "version": version,
        "batch": batch,
    }
    rows = lake.scan(EVALS.name)
    for column, value in wanted.items():
        if value is not None:
            rows = rows.filter(pl.col(column) == value)
    return rows.collect().sort("evaluated_at", "run_id", "case_id", "metric", maintain_order=True)


# Objects of a run ------------------------------------------------------------------------------


def object_path(run_id: str, name: str) -> str:
    """Where an object of a run lies in the lake."""
    return f"{FOLDER}/{run_id}/{name}"


def run_ids(lake: Lake) -> list[str]:
    """Every run that has objects, the newest first: names are made of times."""
    return [name for name in reversed(lake.names(FOLDER)) if name.startswith("e")]
