"""Answers of language models, kept so that none is paid for twice.

Here: one small object per answer while a stage runs (a killed process loses what was in flight),
the table `completions` that they are folded into at its end, and looking answers up in both. Not
here: what is asked, or what an answer is worth (`assets/summaries`).

An answer is kept under the hash of all that it depends on, so it never changes and never expires.
Objects lie under their batch. Folding reads the table and appends with one application transaction
for all batches, so that two runs that fold at once conflict, and no key is there twice; the objects
go when the table holds them. Whatever is killed between: the next fold of the batch ends it, and
table care folds what batches left that do not run again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction

from io_managers.schemas import COMPLETIONS
from io_managers.staging import StagedFile, stage_file
from io_managers.versions import COMMIT_TRIES, pause
from resources.errors import LakeError
from resources.lake.lake import Lake, delta_schema
from resources.lake.store_errors import lake_error

FOLDER: Final = "_quire/completions"
TRANSACTION: Final = "completions"
LOOK_SECONDS: Final = 5.0
"""Between two looks at what runs of other batches keep meanwhile: one small listing for each."""
LOOK_COST: Final = 50
"""A look that took long is rested from this many times as long: 2 % of the time at most."""
_SUFFIX: Final = ".json"
_HEX: Final = 16
"""Leading hex digits of a key that are held in memory: 8 bytes each, 80 MB for ten million."""


@dataclass(frozen=True)
class Kept:
    """One answer, as a row of `completions` without the time."""

    key: str
    kind: str
    model: str
    prompt_version: str
    text: str
    input_tokens: int
    output_tokens: int
    finish_reason: str
    cost_usd: float | None


class Completions:
    """The kept answers of a lake, and those that one batch adds."""

    def __init__(self, lake: Lake, batch: str) -> None:
        """Read which keys there are; the answers are read when they are asked for.

        Raises:
            LakeError: The lake cannot be read.
        """
        self.lake = lake
        self.folder = f"{FOLDER}/{batch}"
        self._batch = batch
        self._others: dict[str, str] = {}
        self._torn: set[str] = set()
        self._next_look = float("-inf")
        self._load()

    def _load(self) -> None:
        # Objects first: what is folded meanwhile is in the table that is opened after.
        self._objects = {
            name.removesuffix(_SUFFIX)
            for name in self.lake.names(self.folder)
            if name.endswith(_SUFFIX)
        }
        self._open_table()

    def find(self, keys: Collection[str]) -> dict[str, Kept]:
        """Answers that are kept, by key."""
        if not keys:
            return {}
        found = self._from_objects([key for key in keys if key in self._objects])
        lost = {key for key in keys if key in self._objects} - found.keys()
        if lost:  # another run of this batch folded them, or a power cut tore them
            self._objects -= lost
            self._open_table()
        found |= self._from_table([key for key in keys if key not in found])
        return found | self._from_others([key for key in keys if key not in found])

    def appeared(self, key: str) -> bool:
        """Whether a run of another batch kept an answer meanwhile; `find` has it.

        What it has in flight nobody sees: a question that two runs ask at the same moment is paid
        for twice (docs/decisions/summaries-by-model.md).
        """
        self._look_at_others()
        return key in self._others

    def _from_others(self, keys: list[str]) -> dict[str, Kept]:
        folded = self._look_at_others()
        found = self._from_table(keys) if folded else {}
        paths = {key: self._others[key] for key in keys if key in self._others}
        held = self.lake.get_all(list(paths.values())) if paths else []
        found |= {kept.key: kept for data in held if (kept := _parse(data)) is not None}
        lost = [key for key in paths if key not in found]
        if lost:  # folded since we looked, or torn
            self._open_table()
            found |= self._from_table(lost)
            self._torn |= set(lost) - found.keys()
            for key in lost:
                del self._others[key]
        return found

    def _look_at_others(self) -> bool:
        """See what runs of other batches keep; whether some was folded, and the table is anew."""
        began = time.monotonic()
        if began < self._next_look:
            return False
        before = self._others.keys()
        self._others = {
            key: f"{FOLDER}/{batch}/{name}"
            for batch in self.lake.names(FOLDER)
            if batch != self._batch
            for name in self.lake.names(f"{FOLDER}/{batch}")
            if name.endswith(_SUFFIX) and (key := name.removesuffix(_SUFFIX)) not in self._torn
        }
        ended = time.monotonic()
        self._next_look = ended + max(LOOK_SECONDS, LOOK_COST * (ended - began))
        if not before - self._others.keys():
            return False
        self._open_table()
        return True

    def _open_table(self) -> None:
        self._table = self.lake.open(COMPLETIONS.name)
        self._heads = _heads(self.lake, self._table)

    def _from_objects(self, keys: list[str]) -> dict[str, Kept]:
        held = self.lake.get_all([self._path(key) for key in keys])
        return {kept.key: kept for data in held if (kept := _parse(data)) is not None}

    def _from_table(self, keys: list[str]) -> dict[str, Kept]:
        likely = [key for key in keys if self._is_likely(key)]
        if not likely:
            return {}
        columns = list(Kept.__dataclass_fields__)
        rows = self.lake.scan(COMPLETIONS.name, columns, table=self._table)
        frame = rows.filter(pl.col("key").is_in(likely)).collect()
        return {row["key"]: Kept(**row) for row in frame.iter_rows(named=True)}

    def _is_likely(self, key: str) -> bool:
        head = int(key[:_HEX], 16)
        place = int(np.searchsorted(self._heads, np.uint64(head)))
        return place < len(self._heads) and int(self._heads[place]) == head

    def put(self, kept: Kept) -> None:
        """Make an answer durable, before anything is made of it.

        Raises:
            LakeError: The lake cannot be written.
        """
        self.lake.put_new(self._path(kept.key), json.dumps(asdict(kept)).encode())
        self._objects.add(kept.key)

    def fold(self) -> int:
        """Move this batch's objects into the table; returns how many answers were new to it.

        Raises:
            LakeError: The lake cannot be read or written.
        """
        return _fold(self.lake, self.folder)  # a look-up that misses the objects reads the table

    def _path(self, key: str) -> str:
        return f"{self.folder}/{key}{_SUFFIX}"


def unfolded(lake: Lake) -> list[str]:
    """Batches of which answers lie beside the table: in a run, or killed before its end."""
    inside = (path.removeprefix(f"{FOLDER}/").split("/") for path in lake.find(FOLDER))
    found = {parts[0] for parts in inside if len(parts) == 2 and parts[1].endswith(_SUFFIX)}
    return sorted(found)


def fold_left(lake: Lake, batch: str) -> int:
    """Move what the runs of a batch left into the table, as its next run would.

    Safe beside a run of the batch, which finds in the table what is no object any more. Returns how
    many answers were new to the table.

    Raises:
        LakeError: The lake cannot be read or written.
    """
    return _fold(lake, f"{FOLDER}/{batch}")


def _fold(lake: Lake, folder: str) -> int:
    paths = [f"{folder}/{name}" for name in lake.names(folder) if name.endswith(_SUFFIX)]
    if not paths:
        return 0
    kept = {k.key: k for data in lake.get_all(paths) if (k := _parse(data)) is not None}
    n = _append(lake, kept) if kept else 0
    for path in paths:
        lake.delete(path)
    return n


class OnlyRead(Completions):
    """The kept answers, to which nothing is added."""

    def put(self, kept: Kept) -> None:
        """Nothing: whoever publishes keeps it."""


def _heads(lake: Lake, table: DeltaTable | None) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The leading bytes of every key in the table, sorted."""
    if table is None:
        return np.zeros(0, dtype=np.uint64)
    head = pl.col("key").str.head(_HEX).str.to_integer(base=16, dtype=pl.UInt64)
    frame = lake.scan(COMPLETIONS.name, ["key"], table=table).select(head).collect()
    return np.sort(frame["key"].to_numpy().astype(np.uint64))


def _append(lake: Lake, kept: Mapping[str, Kept]) -> int:
    """Append the answers that the table has not; once, whoever else appends."""
    for attempt in range(COMMIT_TRIES):
        table = lake.ensure(COMPLETIONS.name)
        ours = pl.col("key").is_in(list(kept))
        known = lake.scan(COMPLETIONS.name, ["key"], table=table).filter(ours).collect()
        there = set(known["key"])
        fresh = [one for key, one in kept.items() if key not in there]
        if not fresh:
            return 0
        number = lake.transactions(COMPLETIONS.name, table).get(TRANSACTION, 0)
        file = stage_file(lake, COMPLETIONS.name, _frame(fresh), {})
        try:
            _commit(table, file, number + 1)
        except CommitFailedError:
            lake.delete(f"{COMPLETIONS.name}/{file.path}")
            pause(attempt)
            continue
        except (DeltaError, OSError) as error:
            raise lake_error("cannot keep the models' answers", lake.root, error) from error
        return len(fresh)
    raise LakeError("could not append to completions: too many writers, run again")


def _frame(kept: Iterable[Kept]) -> pl.DataFrame:
    now = datetime.now(UTC)
    rows = [{**asdict(one), "created_at": now} for one in kept]
    return pl.DataFrame(rows, schema=COMPLETIONS.polars)


def _commit(table: DeltaTable, file: StagedFile, number: int) -> None:
    now = datetime.now(UTC)
    # Nothing is looked up by ranges of keys, which are hashes.
    stats = json.dumps({"numRecords": file.n_rows})
    added = AddAction(
        file.path, file.n_bytes, {}, int(now.timestamp() * 1000), data_change=True, stats=stats
    )
    table.create_write_transaction(
        actions=[added],
        mode="append",
        schema=delta_schema(COMPLETIONS),
        partition_by=[],
        commit_properties=CommitProperties(
            max_commit_retries=0, app_transactions=[Transaction(TRANSACTION, number)]
        ),
    )


def _parse(data: bytes | None) -> Kept | None:
    """An answer, or None for one that is gone or that a power cut tore: it is asked for again."""
    try:
        return Kept(**json.loads(data or b""))
    except (ValueError, TypeError):
        return None
