"""Taking an upgrade back: the rows before it return, by names of files and not by rows.

Here: which batches an upgrade touched, whether what they had is still there, and putting it back:
one metadata-only commit a table and batch, under a new epoch, so that a run that is going on is
superseded. Not here: the record (`upgrades.py`) or what publishing is (`io_managers/publish.py`).

Killed anywhere and begun again it ends the same: a batch counts as touched while a stage that
changed has rows of the new version, and those stages are put back last.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl
from deltalake import DeltaTable

from io_managers.checkpoints import forget_spent
from io_managers.publish import claim_epoch, commit_partition, transaction_id
from io_managers.staging import StagedFile
from io_managers.versions import ROLLBACK, decide
from resources.errors import LakeError, QuireError
from resources.lake.lake import Lake
from resources.lake.stale import versions_of_files
from resources.lake.upgrades import Upgrade, read_upgrade, record, tables_of

_BACK_FROM: Final = frozenset(
    {"judging", "canary", "backfilling", "stopped", "done", "rolling_back"}
)
_LOOKS: Final = 5
"""A run that asked for its version's state just before that was decided may commit once more."""
Told = Callable[[int, int], None]


@dataclass
class RolledBack:
    """What was put back."""

    batches: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    """Batches that keep their new rows, and why."""


def roll_back(lake: Lake, told: Told = lambda _done, _total: None) -> tuple[Upgrade, RolledBack]:
    """Take the last upgrade back; says batches done and in all.

    First the new versions are rejected and the old ones accepted anew, so that no run can publish
    new rows any more. Batches that only ever had new rows keep them, and are stale.

    Raises:
        QuireError: There is nothing to take back, or its files are gone; nothing was changed then.
    """
    upgrade = read_upgrade(lake)
    if upgrade is None or upgrade.state not in _BACK_FROM:
        was = "there never was an upgrade" if upgrade is None else upgrade.message
        raise QuireError(f"nothing to roll back: {was}")
    before = _Before(lake, upgrade)
    before.require_files()
    rolling = record(lake, replace(upgrade, state="rolling_back", why="", ended_at=None))
    if rolling is None:
        raise QuireError("somebody else changed the upgrade at this moment: look, and run again")
    for change in rolling.changes:
        decide(lake, change.stage, change.to, "rejected", f"{ROLLBACK}{rolling.upgrade_id}")
        if change.before is not None:
            decide(lake, change.stage, change.before, "accepted", f"{ROLLBACK}{rolling.upgrade_id}")
    result = RolledBack()
    for _ in range(_LOOKS):
        touched, result.left = before.touched()
        if not touched:
            break
        for number, batch in enumerate(touched, 1):
            before.restore(batch)
            told(number, len(touched))
        result.batches = sorted({*result.batches, *touched})
    else:
        raise LakeError("runs went on publishing new rows: end them, then roll back again")
    ended = record(lake, replace(rolling, state="rolled_back", asked={}, left=result.left))
    return ended or rolling, result


class _Before:
    """The tables as they were when an upgrade began."""

    def __init__(self, lake: Lake, upgrade: Upgrade) -> None:
        self.lake = lake
        self.upgrade = upgrade
        changed = set(upgrade.targets)
        # What only follows goes back first: the stages that changed tell what is yet to be done.
        self.stages = sorted(upgrade.stages, key=lambda stage: stage in changed)
        names = [table for stage in self.stages for table in tables_of(stage)]
        self.names = [name for name in [*names, "failures"] if name in upgrade.tables]
        self.tables = {name: _opened_at(lake, upgrade, name) for name in self.names}
        self.files = {name: files_of(table) for name, table in self.tables.items()}
        self.marks = {
            stage: frozenset(
                mark.removeprefix(f"{stage}/")
                for mark in lake.transactions(stage, self.tables[stage])
                if mark.startswith(f"{stage}/")
            )
            for stage in self.stages
            if stage in self.tables
        }

    def touched(self) -> tuple[list[str], dict[str, str]]:
        """Batches with new rows that had others before; and those that must stay as they are."""
        new: set[str] = set()
        for change in self.upgrade.changes:
            table = self.lake.open(change.stage)
            if table is None or change.stage not in self.tables:
                continue
            now = versions_of_files(self.lake, change.stage, table)
            of_it = set(now.filter(pl.col("version") == change.to)["batch"])
            old = versions_of_files(self.lake, change.stage, self.tables[change.stage])
            had = set(old.filter(pl.col("version") != change.to)["batch"])
            new |= of_it & had
        left = {}
        for batch in sorted(new):
            if not all(batch in self.marks.get(stage, ()) for stage in self.stages):
                left[batch] = "it was not finished when the upgrade began"
            elif "files" in self.upgrade.stages and self._moved(batch):
                left[batch] = "one of its documents has had another owner since"
        return sorted(new - set(left)), left

    def _moved(self, batch: str) -> bool:
        """Whether a document that the batch's old rows own is another batch's by now."""
        columns = ["doc_id", "uri", "status"]
        old = self.lake.read("files", columns, batch=batch, table=self.tables["files"])
        owned = old.filter((pl.col("status") != "duplicate") & pl.col("doc_id").is_not_null())
        owners = self.lake.scan("contents", ["doc_id", "owner_batch"])
        now = owners.filter(pl.col("doc_id").is_in(owned["doc_id"].to_list())).collect()
        return not now.filter(pl.col("owner_batch") != batch).is_empty()

    def require_files(self) -> None:
        """Refuse when a file that would be put back is gone.

        Raises:
            QuireError: With which, and what can be done.
        """
        touched, _ = self.touched()
        for name, files in self.files.items():
            wanted = files.filter(pl.col("batch").is_in(touched))
            present = self.lake.open(name)
            if present is not None:
                wanted = wanted.join(files_of(present), on="path", how="anti")
            if wanted.is_empty():
                continue
            there = {path: int(info["size"] or 0) for path, info in self.lake.find(name).items()}
            for path, size in wanted.select("path", "size_bytes").iter_rows():
                if there.get(f"{name}/{path}") != size:
                    raise QuireError(
                        f"cannot roll back: {name}/{path} is gone (files that were replaced are "
                        "kept for 7 days after an upgrade). Put the old settings back and run "
                        "quire upgrade: it makes the old rows anew"
                    )

    def restore(self, batch: str) -> None:
        """Put back all that the batch had of every stage that changed or came of one."""
        for stage in self.stages:
            epoch = 0
            if self._differs("failures", batch, stage):
                epoch = claim_epoch(self.lake, stage, batch)
                files = self._then("failures", batch, stage)
                partition = {"batch": batch, "stage": stage}
                # Before the rows: while those are new yet, all of this is done again.
                mark = f"failures/{batch}/{stage}"
                commit_partition(self.lake, "failures", files, partition, mark, 2 * epoch + 1)
            if not any(self._differs(table, batch) for table in tables_of(stage)):
                continue
            epoch = epoch or claim_epoch(self.lake, stage, batch)
            for table in tables_of(stage):
                files = self._then(table, batch)
                mark = transaction_id(table, batch)
                commit_partition(self.lake, table, files, {"batch": batch}, mark, epoch)
            forget_spent(self.lake, stage, batch, epoch)

    def _differs(self, table: str, batch: str, stage: str | None = None) -> bool:
        present = self.lake.open(table)
        now = pl.DataFrame({"path": []}) if present is None else files_of(present, batch, stage)
        then = {file.path for file in self._then(table, batch, stage)}
        return then != set(now["path"])

    def _then(self, table: str, batch: str, stage: str | None = None) -> list[StagedFile]:
        """The files of a partition when the upgrade began."""
        files = self.files.get(table)
        if files is None:
            return []
        files = files.filter(pl.col("batch") == batch)
        if stage is not None:
            files = files.filter(pl.col("stage") == stage)
        return [
            StagedFile(
                row["path"], row["num_records"], row["size_bytes"], _stats(row), published=True
            )
            for row in files.to_dicts()
        ]


def _opened_at(lake: Lake, upgrade: Upgrade, name: str) -> DeltaTable:
    try:
        return lake.at(name, upgrade.tables[name])
    except LakeError as error:
        raise QuireError(
            f"cannot roll back: the log of {name} no longer goes back to {upgrade.began_at}. Put "
            "the old settings back and run quire upgrade: it makes the old rows anew"
        ) from error


def files_of(table: DeltaTable, batch: str | None = None, stage: str | None = None) -> pl.DataFrame:
    """The files of a table as its log tells of them, with `batch` (and `stage`) of each."""
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if actions.is_empty():
        names = ("path", "batch", "stage")
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {"size_bytes": pl.Int64})
    found = actions.rename(
        {f"partition.{n}": n for n in ("batch", "stage") if f"partition.{n}" in actions.columns}
    )
    if batch is not None:
        found = found.filter(pl.col("batch") == batch)
    return found if stage is None else found.filter(pl.col("stage") == stage)


def _stats(row: dict[str, Any]) -> str:
    """A file's statistics as they were written with it."""

    def part(prefix: str) -> dict[str, Any]:
        found = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}
        return {name: value for name, value in found.items() if value is not None}

    return json.dumps(
        {
            "numRecords": row["num_records"],
            "minValues": part("min."),
            "maxValues": part("max."),
            "nullCount": part("null_count."),
        },
        default=str,
    )
